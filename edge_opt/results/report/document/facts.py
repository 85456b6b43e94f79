"""What several parts of a document ask of a Report: its trials, its nouns, and the numbers of before and after."""

from __future__ import annotations

from dataclasses import dataclass

from edge_opt import stats, units
from edge_opt.results.report import words
from edge_opt.results.report.document.blocks import Code, Inlines
from edge_opt.results.report.document.writing import Pen
from edge_opt.types import Accuracy, Contract, Interval, Measured, Preprocessing, Report, Trial


def noun(contract: Contract | None, pen: Pen) -> str:
    """What the data hold: ``images``, or ``samples`` where they are no pictures."""
    return pen.word("images" if isinstance(contract, Preprocessing) else "samples")


def things(contract: Contract | None, count: int, pen: Pen) -> str:
    """So many of them: ``1,500 images``."""
    return pen.text("images" if isinstance(contract, Preprocessing) else "samples", count=count)


def of(report: Report, count: int, pen: Pen) -> str:
    """So many of what the data of ``report`` hold."""
    return things(report.preprocessing, count, pen)


def timed(trial: Trial) -> Measured | None:
    """How fast it is; None where it was not timed."""
    return trial.measured if isinstance(trial.measured, Measured) else None


@dataclass(frozen=True, kw_only=True)
class BeforeAfter:
    """What is compared: the baseline with the best, and where their numbers come from."""

    report: Report

    @property
    def baseline(self) -> Trial:
        """The float32 conversion."""
        return words.trial(self.report, self.report.baseline)

    @property
    def best(self) -> Trial:
        """What is handed over."""
        return words.trial(self.report, self.report.best)

    @property
    def unchanged(self) -> bool:
        """Whether what is handed over is the baseline."""
        return self.report.best == self.report.baseline

    @property
    def by_framework(self) -> bool:
        """Whether the accuracy before is that of the framework itself, on the very samples of the certificate."""
        seen = self.report.diagnosis.behaviour if self.report.diagnosis else None
        return bool(
            seen
            and self.report.data.labelled
            and seen.accuracy.split == "certification"
            and len(seen.accuracy.scores) == len(self.report.certificate.accuracy.scores)
        )

    @property
    def accuracy_before(self) -> Accuracy:
        """On the test split: of the framework where it is known, else of the baseline."""
        seen = self.report.diagnosis.behaviour if self.report.diagnosis else None
        return seen.accuracy if seen and self.by_framework else self.report.certificate.baseline

    @property
    def drop(self) -> Interval:
        """What was lost of the accuracy, paired on the test split."""
        if not self.by_framework:
            return self.report.certificate.verdict.drop
        pairs = list(zip(self.accuracy_before.scores, self.report.certificate.accuracy.scores, strict=True))
        lost, gained = pairs.count((1, 0)), pairs.count((0, 1))
        confidence = self.report.certificate.verdict.drop.confidence
        return stats.tango_interval(lost, gained, len(pairs), confidence=confidence)

    @property
    def times_ns(self) -> tuple[float, float] | None:
        """The medians before and after: of the second timing where there is one."""
        if self.report.retimed and not self.unchanged:
            return stats.median(self.report.retimed.baseline_ns), stats.median(self.report.retimed.best_ns)
        before, after = timed(self.baseline), timed(self.best)
        return (before.median_ns, after.median_ns) if before and after else None

    @property
    def speed_up(self) -> Interval | None:
        """How many times faster, by the same measurement."""
        if self.unchanged:
            return None
        if self.report.retimed:
            return self.report.retimed.speed_up
        after = timed(self.best)
        return after.speed_up if after else None

    @property
    def sizes(self) -> tuple[int, int]:
        """The bytes before and after."""
        return self.baseline.artifact.size_bytes, self.best.artifact.size_bytes


def contract(given: Contract, pen: Pen) -> Inlines:
    """The preprocessing in words: ``gray, 28 × 28 pixels (bilinear, no crop), pixel * 0.0039 + 0, float32 NHWC``."""
    from edge_opt.inputs import preprocess

    if not isinstance(given, Preprocessing):
        return (Code(f"{preprocess.describe(given)}, {given.dtype}"),)
    scale, offset = (
        ", ".join(units.format_number(value) for value in values) for values in (given.scale, given.offset)
    )
    several = len(given.scale) + len(given.offset) > 2
    return pen.say(
        "contract_picture",
        color=given.color,
        height=given.height,
        width=given.width,
        resize=given.resize,
        crop=given.crop,
        sums=Code(f"pixel * ({scale}) + ({offset})" if several else f"pixel * {scale} + {offset}"),
        rest=Code(f"{given.dtype} {given.layout}"),
    )


def machine(report: Report, pen: Pen) -> str:
    """``host: 2 × Cortex-A72, Linux 6.6 aarch64``, as measured; without measurements, the target's description."""
    for one in (words.trial(report, report.baseline), *report.trials):
        if found := timed(one):
            where = found.environment
            return f"{where.cores} × {where.cpu}, {where.system} {where.machine}"
    return report.target.description


def date(started: str, pen: Pen) -> str:
    """The day of an ISO 8601 time, as one writes it."""
    year, month, day = started[:10].split("-")
    first = "1er" if pen.language.code == "fr" and day == "01" else day.lstrip("0")
    return pen.text("date", day=first, month=f"month{month}", year=year)
