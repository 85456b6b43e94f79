"""The medians of one benchmark on two sides → the decision on its change."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from edge_opt import sequential, stats
from edge_opt.stages.gate import words
from edge_opt.stages.gate.sequence import outcome
from edge_opt.types import Basis, Decision, Interval, Outcome

LEAST = 4  # pairs of runs: with fewer, the interval is so wide that it hardly ever tells
_WEAKER = "one run against another: what differs from run to run counts as its change"
_NOT_BY_TURNS = "the two sides did not alternate: what changed on the machine in between counts as its change"
_PAIRS = f"alternate both, {LEAST} times or more, into two folders"
# the standard error of a median, in interquartile ranges over the root of the rounds
_NOTCH = 1.25 / 1.35
_FEWEST = 6  # rounds whose range holds the median with 95 %
UNTIMED = (
    "it took no time that the clock of its run could see",
    "let a round run it more often: --benchmark-min-time",
)
_FEW = (
    "one run of a few rounds does not say how much they differ",
    f"give it {_FEWEST} rounds or more with --benchmark-min-rounds, or {_PAIRS}",
)


def of_pairs(
    name: str, baseline_ns: Sequence[float], candidate_ns: Sequence[float], limit: float, turns: bool
) -> Decision:
    """The decision by runs in pairs: the mean of the logarithms of their ratios, with Student's interval.

    ``turns`` says that each pair ran before the next; else the machine may have changed between the sides. Raises
    ValueError for fewer than two pairs.
    """
    logs = np.log(np.asarray(candidate_ns)) - np.log(np.asarray(baseline_ns))
    if logs.size < 2:
        raise ValueError("an interval needs two pairs or more")
    t = sequential.student_quantile((1 + sequential.CONFIDENCE) / 2, logs.size - 1)
    half = t * float(logs.std(ddof=1)) / math.sqrt(logs.size)
    return _decision(
        name,
        (stats.median(baseline_ns), stats.median(candidate_ns)),
        _interval(float(logs.mean()), half),
        limit,
        "rounds" if turns else "stored",
        int(logs.size),
        "" if turns else _NOT_BY_TURNS,
    )


def of_samples(
    name: str, baseline_ns: Sequence[float], candidate_ns: Sequence[float], limit: float, seed: int = 0
) -> Decision:
    """The decision by the samples of one run on either side: the ratio of their medians, bootstrapped.

    Source: Efron and Tibshirani (1993), chapter 13; the median of a resample is drawn as the order statistic that it
    is, see section 2.4 there.
    """
    medians = (stats.median(baseline_ns), stats.median(candidate_ns))
    if min(len(baseline_ns), len(candidate_ns)) < _FEWEST:
        return undecided(name, *medians, limit, *_FEW)
    rng = np.random.default_rng(seed)
    drawn = np.log(_resampled(candidate_ns, rng)) - np.log(_resampled(baseline_ns, rng))
    tail = (1 - sequential.CONFIDENCE) / 2
    low, high = np.quantile(drawn, [tail, 1 - tail])
    middle = math.log(medians[1] / medians[0])
    change = Interval(
        low=math.expm1(min(float(low), middle)), estimate=math.expm1(middle), high=math.expm1(max(float(high), middle))
    )
    return _decision(name, medians, change, limit, "stored", min(len(baseline_ns), len(candidate_ns)), _WEAKER)


def of_statistics(
    name: str, baseline: tuple[float, float, int], candidate: tuple[float, float, int], limit: float
) -> Decision:
    """The same where only the median, the interquartile range and the number of rounds of either side are known.

    Source: McGill, Tukey and Larsen (1978), The American Statistician 32:12-16, for the standard error of a median.
    """
    if min(baseline[2], candidate[2]) < _FEWEST:
        return undecided(name, baseline[0], candidate[0], limit, *_FEW)
    errors = [_NOTCH * iqr / (math.sqrt(rounds) * median) for median, iqr, rounds in (baseline, candidate)]
    half = 1.96 * math.hypot(*errors)
    change = _interval(math.log(candidate[0] / baseline[0]), half)
    return _decision(
        name, (baseline[0], candidate[0]), change, limit, "stored", min(baseline[2], candidate[2]), _WEAKER
    )


def undecided(name: str, baseline_ns: float, candidate_ns: float, limit: float, message: str, hint: str) -> Decision:
    """The decision where nothing can be estimated, and why."""
    return Decision(
        measure=name,
        outcome="unclear",
        unit="ns",
        baseline=baseline_ns,
        candidate=candidate_ns,
        change=None,
        limit=limit,
        basis="stored",
        evidence=0,
        message=message,
        hint=hint,
    )


def _resampled(samples: Sequence[float], rng: np.random.Generator) -> NDArray[np.float64]:
    """The medians of as many resamples, without drawing these: their rank is that of a middle order statistic."""
    ordered, count = np.sort(np.asarray(samples, dtype=np.float64)), len(samples)
    middle = (count + 1) / 2
    ranks = (rng.beta(middle, middle, stats.RESAMPLES) * count).astype(np.int64)
    return np.asarray(ordered[np.minimum(ranks, count - 1)], np.float64)


def _interval(middle: float, half: float) -> Interval:
    low, estimate, high = (math.expm1(max(-20.0, min(20.0, one))) for one in (middle - half, middle, middle + half))
    return Interval(low=low, estimate=estimate, high=high, confidence=sequential.CONFIDENCE)


def _decision(
    name: str, medians: tuple[float, float], change: Interval, limit: float, basis: Basis, evidence: int, weaker: str
) -> Decision:
    found = outcome(change, limit)
    return Decision(
        measure=name,
        outcome=found,
        unit="ns",
        baseline=medians[0],
        candidate=medians[1],
        change=change,
        limit=limit,
        basis=basis,
        evidence=evidence,
        message=_message(found, change, limit, weaker),
        hint=_hint(found, basis, evidence),
    )


def _message(found: Outcome, change: Interval, limit: float, weaker: str) -> str:
    seen = f"its median changed by {words.percent(change.estimate)} ({words.between(change)})"
    said = {
        "ok": "",
        "improved": seen,
        "regressed": f"{seen}, more than the {words.allowed(limit)} allowed",
        "unclear": f"{seen}, which may be within {words.allowed(limit)} or not",
    }[found]
    return "; ".join(part for part in (said, weaker) if part)


def _hint(found: Outcome, basis: Basis, evidence: int) -> str:
    if found in ("ok", "improved"):
        return ""
    if basis == "stored" or evidence < LEAST:
        return _PAIRS
    return "run more pairs, or on a quieter machine" if found == "unclear" else ""
