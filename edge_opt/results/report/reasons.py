"""Why what is handed over is what it is, where the table alone seems to say otherwise."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from edge_opt import stats, units
from edge_opt.types import Finding, Interval, Measured, Preprocessing, Report, Trial

_TIMED_AGAIN = ("EO307",)  # the code of what the second timing took back
_TRADED = ("EO204", "EO205")  # of the errors about what certainly lost robustness, or calibration


@dataclass(frozen=True)
class Reason:
    """Why the baseline is handed over: ``kind`` is a key of the phrases (``why_…``), ``trials`` what it kept back."""

    kind: str
    trials: tuple[Trial, ...] = ()
    count: int = 0  # of the rounds, or of the samples


def why_baseline(report: Report) -> tuple[Reason, ...]:
    """What kept each that seemed better from being handed over; nothing where nothing seemed so."""
    return (*_few_samples(report), *_few_rounds(report), *_timed_again(report), *_traded(report), *_uncertified(report))


def for_baseline(report: Report) -> str:
    """The same in English, on one line."""
    found = [_said(report, one) for one in why_baseline(report)]
    if not found:
        return "the baseline itself, as nothing that was tried has been shown to beat it within the limits"
    return f"the baseline itself: {'; '.join(found)}"


def _said(report: Report, reason: Reason) -> str:
    several = len(reason.trials) != 1
    match reason.kind:
        case "few_samples":
            things = "images" if isinstance(report.preprocessing, Preprocessing) else "samples"
            limit = units.format_pp(report.certificate.verdict.limit)
            return f"{units.format_count(reason.count)} test {things} are too few to certify anything else at {limit}"
        case "few_rounds":
            counted = "1 round" if reason.count == 1 else f"{reason.count} rounds"
            better = "faster" if report.goal == "latency" else "better"
            return (
                f"{counted} cannot show that {_named(reason.trials)} {'are' if several else 'is'} {better}, "
                "as an interval takes three: measure with --rounds 3 or more"
            )
        case "timed_again":
            return f"{_named(reason.trials)} {'were' if several else 'was'} no longer better when timed again"
        case "traded":
            return f"{_named(reason.trials)} lost robustness or calibration"
        case "failed":
            return f"{_named(reason.trials)} failed on the test split"
        case _:
            return f"{_named(reason.trials)} could not be certified"


def is_slower(speed_up: Interval | None) -> bool:
    """Whether that certainly is a loss."""
    return speed_up is not None and speed_up.high < 1 and speed_up.confidence >= stats.LEAST_CONFIDENCE


def for_slower(report: Report, speed_up: Interval | None) -> Iterator[str]:
    """Why what is slower than the baseline is handed over; nothing where it is not."""
    if not is_slower(speed_up):
        return
    faster = f"{report.baseline} is faster"
    if report.goal == "balanced":
        yield f"chosen for its size: balanced weighs twice as fast like half the size; {faster}"
    elif report.goal == "size":
        yield f"chosen for its size, which is the goal; {faster}"
    else:
        yield f"chosen for the limits, which it keeps better; {faster}"


def _few_samples(report: Report) -> Iterator[Reason]:
    """Where even a model that answers as the baseline does would not be certified."""
    verdict = report.certificate.verdict
    widest = stats.tango_interval(0, 0, verdict.samples, confidence=verdict.drop.confidence).high
    if widest > verdict.limit:
        yield Reason("few_samples", count=verdict.samples)


def _few_rounds(report: Report) -> Iterator[Reason]:
    """Where what seemed better was timed in too few rounds to tell."""
    baseline = next(one for one in report.trials if one.id == report.baseline)
    unsure = tuple(
        one for one in report.trials if one.verdict.status != "fail" and _seems_better(report, one, baseline)
    )
    if unsure:
        rounds = min(len(one.measured.rounds) for one in unsure if isinstance(one.measured, Measured))
        yield Reason("few_rounds", unsure, rounds)


def _seems_better(report: Report, trial: Trial, baseline: Trial) -> bool:
    """Whether ``trial`` is better by its estimate, which has no interval to trust."""
    speed_up = trial.measured.speed_up if isinstance(trial.measured, Measured) else None
    if speed_up is None or speed_up.confidence >= stats.LEAST_CONFIDENCE or report.goal == "size":
        return False
    smaller = baseline.artifact.size_bytes / max(trial.artifact.size_bytes, 1)
    return speed_up.estimate * (smaller if report.goal == "balanced" else 1.0) > 1


def _timed_again(report: Report) -> Iterator[Reason]:
    if refused := _refused(report, [one for one in report.findings if one.code in _TIMED_AGAIN]):
        yield Reason("timed_again", refused)


def _traded(report: Report) -> Iterator[Reason]:
    told = [one for one in report.findings if one.code in _TRADED and one.level == "error"]
    if refused := _refused(report, told):
        yield Reason("traded", refused)


def _refused(report: Report, told: Sequence[Finding]) -> tuple[Trial, ...]:
    """The trials that these findings begin with."""
    return tuple(one for one in report.trials if any(said.message.startswith(f"'{one.id}' ") for said in told))


def _uncertified(report: Report) -> Iterator[Reason]:
    for status, kind in (("fail", "failed"), ("unclear", "unclear")):
        ids = {look.trial for look in report.certificate.ledger if look.status == status}
        looked_at = tuple(one for one in report.trials if one.id in ids)
        if looked_at:
            yield Reason(kind, looked_at)


def _named(trials: Sequence[Trial]) -> str:
    names = [one.id for one in trials]
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
