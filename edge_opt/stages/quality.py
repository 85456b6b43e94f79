"""Robustness and calibration of an artifact against the baseline's: whether compression traded them away unseen.

Each has one summary that decides, by its paired interval, as accuracy has: *pass*, *fail* or *unclear*. Single
conditions are tested too, all at once, and told where they certainly lost. ``docs/measuring.md`` has the error rates.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edge_opt import confidence, stats, units
from edge_opt.errors import InputError
from edge_opt.types import Accuracy, ConditionLoss, Finding, Interval, Margin, Quality, Robustness, Status

CONFIDENCE = 0.90  # two-sided: each bound is a one-sided 95 % bound
SIGNIFICANCE = 0.05  # for all conditions together
# Two points: trained networks are typically off by 4 to 10 before anything is compressed (Guo et al. 2017), and a
# thousand samples can still show that a model that changed nothing keeps it.
MOST_RISE = 0.02
_SHOWN = 4


def compare(trial_id: str, before: Robustness, after: Robustness, max_drop: float) -> Quality:
    """What the artifact ``trial_id`` lost against the baseline: ``before`` and ``after`` are on the same samples.

    The loss of robustness is that of the mean score of a sample over all conditions, and may be ``max_drop``. The
    baseline itself (the very same object) passes by definition. Raises InputError where the samples are not the same,
    or have no labels: nobody knows then whether a confidence is founded.
    """
    pairs = list(zip((before.clean, *before.conditions), (after.clean, *after.conditions), strict=False))
    if len(before.conditions) != len(after.conditions) or not all(_comparable(*pair) for pair in pairs):
        raise InputError(
            "robustness is compared on the same samples under the same conditions: those of "
            f"'{before.model}' and '{after.model}' differ",
            "measure both in the same run",
        )
    if before.clean.metric != "top1" or not (before.clean.confidences and after.clean.confidences):
        raise InputError("calibration is compared on labelled samples, with the confidence of every answer")
    same = before is after
    lost = np.mean([_scores(old) - _scores(new) for old, new in pairs[1:]], axis=0)
    return Quality(
        trial=trial_id,
        before=before,
        after=after,
        robustness=judge(_nothing() if same else stats.mean_interval(lost, confidence=CONFIDENCE), max_drop),
        calibration=judge(_nothing() if same else _rise(before.clean, after.clean), MOST_RISE),
        conditions=_conditions(before, after),
    )


def judge(loss: Interval, limit: float) -> Margin:
    """*pass* when the upper bound of ``loss`` is within ``limit``, *fail* when the lower is beyond it."""
    status: Status = "unclear"
    if loss.high <= limit:
        status = "pass"
    elif loss.low > limit:
        status = "fail"
    return Margin(status=status, loss=loss, limit=limit)


def _comparable(before: Accuracy, after: Accuracy) -> bool:
    alike = all(getattr(before, what) == getattr(after, what) for what in ("metric", "condition", "split"))
    return alike and len(before.scores) == len(after.scores) > 0


def _scores(accuracy: Accuracy) -> NDArray[np.float64]:
    return np.asarray(accuracy.scores, np.float64)


def _nothing() -> Interval:
    return Interval(low=0.0, estimate=0.0, high=0.0, confidence=CONFIDENCE)


def _rise(before: Accuracy, after: Accuracy) -> Interval:
    return confidence.rise_interval(
        (before.scores, before.confidences), (after.scores, after.confidences), confidence=CONFIDENCE
    )


def _conditions(before: Robustness, after: Robustness) -> tuple[ConditionLoss, ...]:
    names, losses, chances = [], [], []
    for old, new in zip(before.conditions, after.conditions, strict=True):
        difference = _scores(old) - _scores(new)
        lost, gained = int((difference > 0).sum()), int((difference < 0).sum())
        names.append(old.condition)
        losses.append(stats.tango_interval(lost, gained, len(difference), confidence=CONFIDENCE))
        chances.append(stats.binomial_tail(lost, lost + gained))
    return tuple(
        ConditionLoss(condition=name, loss=loss, p_value=p_value)
        for name, loss, p_value in zip(names, losses, stats.holm(chances), strict=True)
    )


# ── what is told ───────────────────────────────────────────────────────────────────────────────────────────────────


def findings(quality: Quality) -> tuple[Finding, ...]:
    """What is to be said: nothing where both margins are kept and no condition certainly lost."""
    told = [_robustness(quality), _calibrated(quality), _single(quality)]
    return tuple(one for one in told if one is not None)


def _robustness(quality: Quality) -> Finding | None:
    margin = quality.robustness
    if margin.status == "pass":
        return None
    count = len(quality.before.conditions)
    limit = f"the limit of {units.format_pp(margin.limit)}"
    if margin.status == "fail":
        return Finding(
            code="EO204",
            level="error",
            message=f"'{quality.trial}' is not handed over: its accuracy on disturbed pictures, the mean over {count} "
            f"conditions, drops by {_interval(margin.loss)}, over {limit}",
            hint="a recipe that computes in higher precision, as float16 or dynamic_int8, loses less",
        )
    return Finding(
        code="EO204",
        level="warning",
        message=f"cannot tell whether the drop of '{quality.trial}' on disturbed pictures, {_interval(margin.loss)} "
        f"as the mean over {count} conditions, is within {limit} from "
        f"{units.format_count(quality.before.samples)} samples",
        hint="evaluate on more samples, or take a recipe that computes in higher precision",
    )


def _calibrated(quality: Quality) -> Finding | None:
    margin = quality.calibration
    if margin.status == "pass":
        return None
    limit = f"the limit of {units.format_pp(margin.limit)}"
    if margin.status == "fail":
        return Finding(
            code="EO205",
            level="error",
            message=f"'{quality.trial}' is not handed over: its calibration error rises by {_interval(margin.loss)}, "
            f"over {limit}",
            hint="do not rely on its confidences as on the original's: choose thresholds anew, or take another recipe",
        )
    return Finding(
        code="EO205",
        level="warning",
        message=f"cannot tell whether the rise of the calibration error of '{quality.trial}', "
        f"{_interval(margin.loss)}, is within {limit} from {units.format_count(quality.before.samples)} samples",
        hint="evaluate on more samples before a threshold on its confidences is relied on",
    )


def _single(quality: Quality) -> Finding | None:
    lost = [one for one in quality.conditions if one.p_value < SIGNIFICANCE]
    if not lost:
        return None
    lost.sort(key=lambda one: -one.loss.estimate)
    named = ", ".join(f"{one.condition} {units.format_pp(one.loss.estimate)}" for one in lost[:_SHOWN])
    more = f" and {len(lost) - _SHOWN} more" if len(lost) > _SHOWN else ""
    return Finding(
        code="EO206",
        level="info",
        message=f"the accuracy of '{quality.trial}' certainly drops under {len(lost)} of "
        f"{len(quality.conditions)} single disturbances: {named}{more}",
        hint="if your pictures are disturbed in this way, look at its robustness curve before you deploy it",
    )


def _interval(loss: Interval) -> str:
    bounds = f"{units.format_pp(loss.low, unit=False)} … {units.format_pp(loss.high, unit=False)}"
    return f"{units.format_pp(loss.estimate)} ({units.format_confidence(loss.confidence)} interval {bounds})"
