"""What each effort tries, and in which order: mostly what wins, everything, or everything and more."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from edge_opt.stages.plan import knowledge
from edge_opt.types import Candidate, Effort

ROUNDS: Mapping[Effort, int] = {"quick": 5, "standard": 10, "thorough": 10}
# What mostly wins: quick ends with it; standard begins with it, so that what cannot win any more need not be made.
_MOSTLY_WIN = ("float32", "static_int8", "dynamic_int8")
_PROMISE: Mapping[str, float] = {  # how much is hoped for, as a gain over float32
    "static_int8": 3.0,
    "dynamic_int8": 2.0,
    "weight_only_int8": 1.1,  # smaller, not faster: it computes in float
    "float32": 1.1,  # by another runtime
    "float16": 1.0,
    "static_int16x8": 0.5,
}


def first(candidates: Sequence[Candidate], baseline: Candidate, effort: Effort) -> tuple[Candidate, ...]:
    """Those of the first wave: all for *thorough*, else what mostly wins, and for *quick* each in one way only."""
    if effort == "thorough":
        return tuple(candidates)
    mostly = [one for one in candidates if one.recipe.name in _MOSTLY_WIN]
    if effort == "standard":
        return tuple(mostly)
    ways: dict[tuple[str, str, bool], Candidate] = {}
    for one in mostly:
        if one.recipe.name != "float32" and not one.options:
            # the safe variant comes only where the first is refused: that is decided by what is known of the processor
            ways.setdefault((one.recipe.name, one.format, one.variant == knowledge.SAFE), one)
    return (baseline, *ways.values())


def later(candidates: Sequence[Candidate], effort: Effort) -> tuple[Candidate, ...]:
    """Those that follow once the first are known; *quick* has none."""
    return tuple(candidates) if effort != "quick" else ()


def promise(candidate: Candidate) -> float:
    """How much is hoped for, as a gain over float32: what comes first where time is short."""
    recipe = candidate.recipe
    hoped = _PROMISE.get("static_int8" if recipe.follows else recipe.name, 1.0)
    return hoped * (0.9 if candidate.options else 1.0)
