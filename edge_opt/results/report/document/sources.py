"""The appendix that leads from each number to its raw samples, and from the report to another run of the same."""

from __future__ import annotations

from collections.abc import Iterator

from edge_opt.results.report import words
from edge_opt.results.report.document import comparison, facts
from edge_opt.results.report.document.blocks import (
    Block,
    Bullets,
    Code,
    Content,
    Details,
    Head,
    Link,
    Listing,
    Paragraph,
    Table,
)
from edge_opt.results.report.document.facts import BeforeAfter
from edge_opt.results.report.document.skeleton import skeleton
from edge_opt.results.report.document.writing import NONE, Pen
from edge_opt.types import Report, Trial

REPORT, JOURNAL = "report.json", "jobs.jsonl"
Row = tuple[Content, ...]


def sources(report: Report, pen: Pen) -> Iterator[Block]:
    """Of the numbers of the comparison and of every trial, the place in the files of the run."""
    links = {"report": Link(REPORT, REPORT, code=True), "journal": Link(JOURNAL, JOURNAL, code=True)}
    yield Paragraph(pen.say("sources_means", **links))
    heads = (
        Head(pen.text("number"), right=False),
        Head(pen.text("number_value"), right=False),
        Head(pen.text("number_path"), right=False),
        Head(pen.text("number_job"), right=False),
    )
    yield Table(pen.text("sources_label"), heads, tuple(_compared(report, pen)))
    columns = (
        Head(pen.text("number_trial"), right=False),
        Head(pen.word("latency"), right=False),
        Head(pen.word(words.metric(report)), right=False),
        Head(pen.text("size"), right=False),
        Head(pen.text("number_job"), right=False),
    )
    rows = tuple(_of_trial(place, trial) for place, trial in enumerate(report.trials))
    label = pen.text("number_trials_label")
    yield Details(label, (Table(label, columns, rows),))


def _of_trial(place: int, trial: Trial) -> Row:
    at = f"trials[{place}]"
    return (
        (Code(trial.id),),
        (Code(f"{at}.measured.rounds[*].samples_ns"),) if facts.timed(trial) else NONE,
        (Code(f"{at}.accuracy.scores"),),
        (Code(f"{at}.artifact.size_bytes"),),
        (Code(f"evaluate {trial.id} on selection"), ", ", Code(f"wave *, round * of {trial.id}"))
        if facts.timed(trial)
        else (Code(f"evaluate {trial.id} on selection"),),
    )


def _compared(report: Report, pen: Pen) -> Iterator[Row]:
    """The numbers of before and after."""
    found, names = BeforeAfter(report=report), skeleton(pen).typeset(pen.language.typeset)
    places = {trial.id: place for place, trial in enumerate(report.trials)}
    baseline, best = (f"trials[{places[id]}]" for id in (report.baseline, report.best))
    before = "diagnosis.behaviour.accuracy" if found.by_framework else "certificate.baseline"

    def row(key: str, what: str, value: str, path: str, job: str = "") -> Row:
        return pen.text(key, what=what), value, (Code(path),), (Code(job),) if job else NONE

    at = "evaluate {} on certification"
    asked = "" if found.by_framework else at.format(report.baseline)
    value = pen.how(found.accuracy_before.value, "percent2")
    yield row("of_before", names.accuracy, value, f"{before}.scores", asked)
    certified = report.certificate
    value = pen.how(certified.accuracy.value, "percent2")
    yield row("of_after", names.accuracy, value, "certificate.accuracy.scores", at.format(certified.trial))
    if not found.unchanged:
        change = pen.signed(-found.drop.estimate)
        yield row("of_change", names.accuracy, change, f"certificate.accuracy.scores − {before}.scores")
    if found.times_ns:
        was, now = (pen.how(one, "duration") for one in found.times_ns)
        again = f"pair {report.best} against {report.baseline}, again, process *"
        for key, value, at, field in (
            ("of_before", was, baseline, "baseline_ns"),
            ("of_after", now, best, "best_ns"),
        ):
            if report.retimed and not found.unchanged:
                job = again if report.retimed.mode == "pair" else ""
                yield row(key, names.time, value, f"retimed.{field}", job)
            else:
                job = f"wave *, round * of {report.baseline if key == 'of_before' else report.best}"
                yield row(key, names.time, value, f"{at}.measured.rounds[*].samples_ns", job)
    was, now = (pen.how(one, "bytes") for one in found.sizes)
    yield row("of_before", names.size, was, f"{baseline}.artifact.size_bytes")
    yield row("of_after", names.size, now, f"{best}.artifact.size_bytes")
    yield from _guarded(report, pen)


def _guarded(report: Report, pen: Pen) -> Iterator[Row]:
    """The numbers that were guarded besides accuracy."""
    names = skeleton(pen).typeset(pen.language.typeset)
    if quality := report.quality:
        job = (Code(f"quality of {quality.trial}"),)
        for key, seen, field in (("of_before", quality.before, "before"), ("of_after", quality.after, "after")):
            path = (Code(f"quality.{field}.conditions[*].scores"),)
            yield pen.text(key, what=names.robustness), pen.how(seen.value, "percent2"), path, job
    elif alone := comparison.robustness_alone(report):
        path = (Code("diagnosis.behaviour.robustness.conditions[*].scores"),)
        yield pen.text("of_before", what=names.robustness), pen.how(alone.value, "percent2"), path, NONE
    errors = comparison.calibration_errors(report)
    if errors:
        places = ("diagnosis.behaviour", "after" if report.after else "diagnosis.behaviour")
        for key, value, place in zip(("of_before", "of_after"), errors, places, strict=True):
            paths = (Code(f"{place}.accuracy.confidences"), ", ", Code(f"{place}.accuracy.scores"))
            yield pen.text(key, what=names.calibration), pen.how(value, "percent2"), paths, NONE


def reproduce(report: Report, pen: Pen) -> Iterator[Block]:
    """Command, seed and versions."""
    lines = [
        words.one_line(report.command),
        "edge-opt report RUN --format html --lang fr",
        "edge-opt verify RUN/bundle",
    ]
    yield Listing("\n".join(lines), pen.text("commands_label"))
    yield Paragraph(pen.say("reproduce_is", seed=report.seed, started=Code(report.started), seconds=report.seconds))
    yield Bullets(
        tuple(pen.say("version", name=name, version=version) for name, version in sorted(report.versions.items()))
    )
