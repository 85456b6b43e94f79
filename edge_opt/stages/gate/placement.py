"""What two artifacts were executed as → which operators of the candidate fell back: to wider numbers, or elsewhere.

A fallback is a defect also where its time is within the limit: it shows on the next device, or with the next threads.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from edge_opt.types import Decision, Operator, OperatorProfile, Outcome

_BITS = {"int4": 4, "int8": 8, "uint8": 8, "int16": 16, "float16": 16, "bf16": 16, "float32": 32, "float64": 64}
_UNDELEGATED = "none"  # what a runtime says whose delegate took no operator
_NAMED = 3


def decide(baseline: OperatorProfile, candidate: OperatorProfile) -> Decision:
    """The decision on the executed precision and placement; the figures are numbers of operators that fell back.

    Placements are compared within one runtime only: another one has other names for them. Unclear where either lists
    no operators.
    """
    if not (baseline.operators and candidate.operators):
        return untold("its runtime lists no operators")
    wide = _wider(baseline, candidate)
    off = _off(baseline, candidate)
    fell = len({one.name for one in (*wide, *off)})
    rose = len({one.name for one in (*_wider(candidate, baseline), *_off(candidate, baseline))})
    found: Outcome = "regressed" if fell else "improved" if rose else "ok"
    said = [f"{_listed(wide)} computed in {_precisions(wide)}"] if wide else []
    said += [f"{_listed(off)} left to {_places(off)}"] if off else []
    return Decision(
        measure="placement",
        outcome=found,
        unit="operators",
        baseline=float(rose),
        candidate=float(fell),
        change=None,
        limit=0.0,
        basis="exact",
        evidence=len(candidate.operators),
        message=f"fell back: {'; '.join(said)}" if fell else "fewer operators fall back" if rose else "",
        hint="'edge-opt inspect' shows both, operator by operator" if fell else "",
    )


def untold(reason: str) -> Decision:
    """The decision where a runtime does not tell what it executes: nobody may take silence for sameness."""
    return Decision(
        measure="placement",
        outcome="unclear",
        unit="operators",
        baseline=0.0,
        candidate=0.0,
        change=None,
        limit=0.0,
        basis="exact",
        evidence=0,
        message=f"cannot tell what is executed: {reason}",
        hint="give --placement off for a runtime that never says",
    )


def _wider(baseline: OperatorProfile, candidate: OperatorProfile) -> list[Operator]:
    """Operators that multiply in wider numbers than the baseline's do, of more than it has in such."""
    before = {one.name: _BITS[one.precision] for one in _multiplying(baseline)}
    multiplying = _multiplying(candidate)
    found: dict[str, Operator] = {}
    for bits in sorted({_BITS[one.precision] for one in multiplying}):
        narrower = [width for width in before.values() if width < bits]
        wide = [one for one in multiplying if _BITS[one.precision] >= bits]
        if narrower and len(wide) > sum(width >= bits for width in before.values()):
            found |= {one.name: one for one in wide if before.get(one.name, 0) < bits}
    return list(found.values())


def _off(baseline: OperatorProfile, candidate: OperatorProfile) -> list[Operator]:
    """Operators off the baseline's delegate, though it has their like there, or they multiply.

    None where that delegate took nothing: there was nothing to lose. Where a runtime has no delegate, they are off
    where most of the baseline's operators are. Their like is the same kind in the same precision: a delegate that does
    not know an int8 softmax has not lost one.
    """
    usual = baseline.executed.get("delegate", "")
    if baseline.runtime != candidate.runtime or usual == _UNDELEGATED:
        return []
    usual = usual or Counter(one.placement for one in baseline.operators).most_common(1)[0][0]
    multiplying = _multiplying(candidate)
    placed = {_like(one) for one in baseline.operators if one.placement == usual}
    left = Counter(_like(one) for one in baseline.operators if one.placement != usual)
    elsewhere = [one for one in candidate.operators if one.placement != usual]
    off = [one for one in elsewhere if _like(one) in placed or one in multiplying]
    more = {like for like, count in Counter(map(_like, off)).items() if count > left[like]}
    return [one for one in off if _like(one) in more]


def _like(operator: Operator) -> tuple[str, str]:
    return operator.kind, operator.precision


def _multiplying(profile: OperatorProfile) -> list[Operator]:
    """Its operators that multiply, in numbers of a width that is known."""
    return [one for one in profile.operators if one.multiplies and one.precision in _BITS]


def _listed(operators: Sequence[Operator]) -> str:
    first = ", ".join(f"{one.kind} '{one.name.split(';')[0]}'" for one in operators[:_NAMED])
    more = len(operators) - _NAMED
    return first + (f" and {more} more" if more > 0 else "")


def _precisions(operators: Sequence[Operator]) -> str:
    return " and ".join(sorted({one.precision for one in operators}))


def _places(operators: Sequence[Operator]) -> str:
    return " and ".join(sorted({one.placement for one in operators}))
