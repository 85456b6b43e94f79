"""Whether a candidate lost more accuracy than it may: *pass*, *fail* or *cannot tell*, from the same samples.

Baseline and candidate answer the same questions, so the drop is a paired difference, and only the samples on which they
disagree say anything about it. ``docs/measuring.md`` has the error rates and the power of these rules.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from statistics import NormalDist

from edge_opt import stats, units
from edge_opt.errors import InputError
from edge_opt.types import Accuracy, Finding, Interval, Recipe, Status, Verdict

CONFIDENCE = 0.90  # two-sided: each bound is a one-sided 95 % bound
EXPECTED_DISCORDANCE = 0.05  # a middling int8 model; 0.02 is a mild one, 0.08 a rough one
PARITY = 1e-4  # float32 in another format differs by the order of its additions, not by more


_HIGHER_PRECISION = "a recipe that computes in higher precision, as float16 or dynamic_int8, loses less"
_LESS_REMOVED = "take less out of the network, as slim25, or bring more labelled samples to train it on"


def of_network(verdict: Verdict) -> Verdict:
    """``verdict`` of an artifact of a smaller network, which loses by what left more than by how it is stored."""
    findings = (replace(one, hint=_LESS_REMOVED) if one.hint == _HIGHER_PRECISION else one for one in verdict.findings)
    return replace(verdict, findings=tuple(findings))


def judge(baseline: Accuracy, candidate: Accuracy, limit: float) -> Verdict:
    """*pass* when the upper bound of the drop is within ``limit``, *fail* when the lower is beyond it, else *unclear*.

    The baseline itself (the very same object) passes by definition: nothing is estimated where nothing is compared.
    Raises InputError where the two were not scored on the same samples.
    """
    lost, gained = _discordant(baseline, candidate)
    samples = len(baseline.scores)
    if candidate is baseline:
        status: Status = "pass"
        drop = Interval(low=0.0, estimate=0.0, high=0.0, confidence=CONFIDENCE)
    else:
        status, drop = decide(lost, gained, samples, limit)
    needed = None
    if status == "unclear":
        needed = stats.samples_to_decide(samples, lost, gained, limit, confidence=CONFIDENCE)
    return Verdict(
        status=status,
        drop=drop,
        limit=limit,
        samples=samples,
        discordant=lost + gained,
        samples_to_decide=needed,
        findings=_explain(status, baseline.metric, drop, limit, samples, needed),
    )


def decide(lost: int, gained: int, samples: int, limit: float) -> tuple[Status, Interval]:
    """The status and the 90 % interval of the drop, from the counts: ``lost`` samples only the baseline has right."""
    drop = stats.tango_interval(lost, gained, samples, confidence=CONFIDENCE)
    if drop.high <= limit:
        return "pass", drop
    return ("fail" if drop.low > limit else "unclear"), drop


def certifiable(samples: int, limit: float) -> bool:
    """Whether a candidate that answers all ``samples`` as the baseline does would pass."""
    return decide(0, 0, samples, limit)[0] == "pass"


def parity(recipe: Recipe, options: Mapping[str, str], accuracy: Accuracy) -> Finding | None:
    """Why a float32 artifact may not be used: it does not answer what the framework answers. None for all others."""
    difference = accuracy.max_scaled_difference
    exact = recipe.quantization.mode == "none" and not recipe.passes and not options
    if not exact or difference is None or difference <= PARITY:
        return None
    return Finding(
        code="EO401",
        level="error",
        message=f"float32 outputs differ from the framework's own by {units.format_number(difference)} of their size, "
        f"more than {units.format_number(PARITY)}",
        hint="do not deploy it, the conversion changed the model: take another format",
    )


def enough(samples: int, limit: float, discordance: float = EXPECTED_DISCORDANCE) -> Finding | None:
    """A warning, before the work starts, that ``samples`` are likely too few to show a drop within ``limit``."""
    shown = f"a drop within {units.format_pp(limit)}"
    if limit <= 0:
        return Finding(
            code="EO202",
            level="warning",
            message=f"no number of samples can show {shown} for a model that only keeps up with the baseline",
            hint="the baseline will be handed over: allow a small drop, as --max-drop 0.5pp",
        )
    if not certifiable(samples, limit):
        widest = decide(0, 0, samples, limit)[1].high
        return Finding(
            code="EO202",
            level="warning",
            message=f"{units.format_count(samples)} samples cannot show {shown}: even if no answer changed, the drop "
            f"could be up to {units.format_pp(widest)}",
            hint=f"the baseline will be handed over: bring at least {_about(_fewest(limit))} labelled samples to "
            "certify on (without a validation split, a third of the test split selects), or allow more with --max-drop",
        )
    needed = stats.samples_needed(limit, max(discordance, limit))
    if samples >= needed:
        return None
    return Finding(
        code="EO202",
        level="warning",
        message=f"{units.format_count(samples)} samples are likely too few to show {shown}: about "
        f"{_about(needed)} are needed where {units.format_percent(discordance, digits=0)} of the answers change",
        hint="expect verdicts of 'unclear': bring more labelled samples, or allow more with --max-drop",
    )


def worst_class(
    baseline: Accuracy, candidate: Accuracy, labels: Sequence[int], classes: Sequence[str]
) -> Finding | None:
    """A note on the class that loses the most, where it certainly loses more than the total does.

    ``labels[i]`` is the class of sample ``i``, an index into ``classes``. The bounds of all classes hold together at
    95 % (Bonferroni). Raises InputError where labels and scores are not of the same samples.
    """
    lost, gained = _discordant(baseline, candidate)
    if len(labels) != len(baseline.scores):
        raise InputError(f"{len(labels)} labels do not belong to {len(baseline.scores)} scores")
    total = (lost - gained) / len(labels)
    confidence = 1 - (1 - CONFIDENCE) / max(len(classes), 1)
    worst: tuple[float, str, int] | None = None
    for index, name in enumerate(classes):
        of_class = [i for i, label in enumerate(labels) if label == index]
        if not of_class:
            continue
        losses = sum(baseline.scores[i] > candidate.scores[i] for i in of_class)
        gains = sum(baseline.scores[i] < candidate.scores[i] for i in of_class)
        drop = stats.tango_interval(losses, gains, len(of_class), confidence=confidence)
        if drop.low > max(total, 0.0) and (worst is None or drop.estimate > worst[0]):
            worst = (drop.estimate, name, len(of_class))
    if worst is None:
        return None
    return Finding(
        code="EO203",
        level="info",
        message=f"class '{worst[1]}' loses {units.format_pp(worst[0])} of its {units.format_count(worst[2])} samples, "
        f"while {baseline.metric} over all classes loses {units.format_pp(total)}",
        hint="if this class matters most, choose an artifact that keeps it: the report lists accuracy by class",
    )


def _discordant(baseline: Accuracy, candidate: Accuracy) -> tuple[int, int]:
    """How many samples only the baseline has right, and how many only the candidate."""
    for what in ("metric", "condition", "split"):
        theirs, ours = getattr(baseline, what), getattr(candidate, what)
        if theirs != ours:
            raise InputError(
                f"a drop needs the same samples: the {what} of the baseline is '{theirs}', of the candidate '{ours}'",
                "evaluate both in the same way",
            )
    if not baseline.scores or len(baseline.scores) != len(candidate.scores):
        raise InputError(
            f"a drop needs the same samples: the baseline has {len(baseline.scores)}, "
            f"the candidate {len(candidate.scores)}",
            "evaluate both on the same data",
        )
    pairs = list(zip(baseline.scores, candidate.scores, strict=True))
    return sum(b > c for b, c in pairs), sum(b < c for b, c in pairs)


def _explain(
    status: Status, metric: str, drop: Interval, limit: float, samples: int, needed: int | None
) -> tuple[Finding, ...]:
    if status == "pass":
        return ()
    interval = f"{units.format_confidence(drop.confidence)} interval"
    bounds = f"{units.format_pp(drop.low, unit=False)} … {units.format_pp(drop.high, unit=False)}"
    seen = f"the {metric} drop of {units.format_pp(drop.estimate)} ({interval} {bounds})"
    if drop.estimate < 0:  # a drop of less than nothing is a riddle
        gain = f"{units.format_pp(-drop.estimate, unit=False)} points better"
        seen = f"the {metric} drop, here {gain} ({interval} of the drop {bounds}),"
    if status == "fail":
        return (
            Finding(
                code="EO200",
                level="error",
                message=f"{metric} drop {units.format_pp(drop.estimate)} ({interval} {bounds}) is over the limit of "
                f"{units.format_pp(limit)}",
                hint=_HIGHER_PRECISION,
            ),
        )
    return (
        Finding(
            code="EO201",
            level="warning",
            message=f"cannot tell whether {seen} is within the limit of "
            f"{units.format_pp(limit)} from {units.format_count(samples)} samples",
            hint=f"evaluate on about {_about(needed)} samples"
            if needed
            else "the drop is too near the limit for any number of samples: set another --max-drop",
        ),
    )


def _fewest(limit: float) -> int:
    """With how many samples a candidate that changes no answer passes."""
    z = NormalDist().inv_cdf((1 + CONFIDENCE) / 2)
    return math.ceil(z * z * (1 - limit) / limit)


def _about(count: int) -> str:
    """``count`` rounded up to two digits: more would pretend to know the rates."""
    step = 10 ** max(0, math.floor(math.log10(count)) - 1)
    return units.format_count(math.ceil(count / step) * step)
