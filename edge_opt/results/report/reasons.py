"""Why what is handed over is what it is, where the table alone seems to say otherwise."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from edge_opt import stats, units
from edge_opt.types import Interval, Measured, Preprocessing, Report, Trial

_REFUSED = "EO307"  # the code of what the second timing took back


def for_baseline(report: Report) -> str:
    """Why the baseline is handed over: what kept each that seemed better from it."""
    found = [*_few_samples(report), *_few_rounds(report), *_timed_again(report), *_uncertified(report)]
    if not found:
        return "the baseline itself, as nothing that was tried has been shown to beat it within the limits"
    return f"the baseline itself: {'; '.join(found)}"


def for_slower(report: Report, speed_up: Interval | None) -> Iterator[str]:
    """Why what is slower than the baseline is handed over; nothing where it is not."""
    if speed_up is None or speed_up.high >= 1 or speed_up.confidence < stats.LEAST_CONFIDENCE:
        return
    faster = f"{report.baseline} is faster"
    if report.goal == "balanced":
        yield f"chosen for its size: balanced weighs twice as fast like half the size; {faster}"
    elif report.goal == "size":
        yield f"chosen for its size, which is the goal; {faster}"
    else:
        yield f"chosen for the limits, which it keeps better; {faster}"


def _few_samples(report: Report) -> Iterator[str]:
    """Where even a model that answers as the baseline does would not be certified."""
    verdict = report.certificate.verdict
    widest = stats.tango_interval(0, 0, verdict.samples, confidence=verdict.drop.confidence).high
    if widest > verdict.limit:
        things = "images" if isinstance(report.preprocessing, Preprocessing) else "samples"
        count = units.format_count(verdict.samples)
        yield f"{count} test {things} are too few to certify anything else at {units.format_pp(verdict.limit)}"


def _few_rounds(report: Report) -> Iterator[str]:
    """Where what seemed better was timed in too few rounds to tell."""
    baseline = next(one for one in report.trials if one.id == report.baseline)
    unsure = [one for one in report.trials if one.verdict.status != "fail" and _seems_better(report, one, baseline)]
    if unsure:
        rounds = min(len(one.measured.rounds) for one in unsure if isinstance(one.measured, Measured))
        counted = "1 round" if rounds == 1 else f"{rounds} rounds"
        better = "faster" if report.goal == "latency" else "better"
        yield (
            f"{counted} cannot show that {_named(unsure)} {'is' if len(unsure) == 1 else 'are'} {better}, "
            "as an interval takes three: measure with --rounds 3 or more"
        )


def _seems_better(report: Report, trial: Trial, baseline: Trial) -> bool:
    """Whether ``trial`` is better by its estimate, which has no interval to trust."""
    speed_up = trial.measured.speed_up if isinstance(trial.measured, Measured) else None
    if speed_up is None or speed_up.confidence >= stats.LEAST_CONFIDENCE or report.goal == "size":
        return False
    smaller = baseline.artifact.size_bytes / max(trial.artifact.size_bytes, 1)
    return speed_up.estimate * (smaller if report.goal == "balanced" else 1.0) > 1


def _timed_again(report: Report) -> Iterator[str]:
    told = [finding.message for finding in report.findings if finding.code == _REFUSED]
    refused = [one for one in report.trials if any(message.startswith(f"'{one.id}' ") for message in told)]
    if refused:
        yield f"{_named(refused)} {'was' if len(refused) == 1 else 'were'} no longer better when timed again"


def _uncertified(report: Report) -> Iterator[str]:
    for status, said in (("fail", "failed on the test split"), ("unclear", "could not be certified")):
        ids = {look.trial for look in report.certificate.ledger if look.status == status}
        looked_at = [one for one in report.trials if one.id in ids]
        if looked_at:
            yield f"{_named(looked_at)} {said}"


def _named(trials: Sequence[Trial]) -> str:
    names = [one.id for one in trials]
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
