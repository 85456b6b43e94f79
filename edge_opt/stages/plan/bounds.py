"""What cannot win any more: bounds on latency and size that hold before an artifact is made, against what passed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edge_opt import units
from edge_opt.stages.plan.knowledge import Processor
from edge_opt.types import Candidate, Measured, Trial

_NOISE = 0.8  # of a latency that is expected to be equal: noise, and fewer bytes to read
_REFERENCE_KERNELS = 5.0  # times float32, of int16 activations in TensorFlow Lite on x86: 25 to 47 were seen
_ENOUGH = 2  # recipes that pass and are better: should one miss its certificate, another is left


@dataclass(frozen=True, kw_only=True)
class Floor:
    """What a candidate takes at least, and why."""

    latency_ns: float
    size_bytes: float
    why: str
    better: int = _ENOUGH  # how many recipes have to be better before it is given up


def hopeless(candidate: Candidate, trials: Sequence[Trial], on: Processor) -> str:
    """Why no goal can choose ``candidate`` any more; "" where one can, or where that is not known.

    Others that pass are then faster than it can be, and no larger. It could still be more accurate, which counts on the
    front, but not for a goal: the sentence says so.
    """
    floor = floor_of(candidate, trials, on)
    if floor is None:
        return ""
    better = [one for one in trials if _better(one, floor)]
    if len({one.recipe.name for one in better}) < floor.better:
        return ""
    named = ", ".join(f"'{one.id}'" for one in _fastest_of_each(better)[: floor.better])
    least = f"at least {units.format_duration(floor.latency_ns)} and {units.format_bytes(int(floor.size_bytes))}"
    return (
        f"{floor.why}: {least} are expected. {named} pass{'es' if floor.better == 1 else ''}, faster and no larger "
        "than that; it could only have been more accurate"
    )


def floor_of(candidate: Candidate, trials: Sequence[Trial], on: Processor) -> Floor | None:
    """The bounds of a candidate that they are known of."""
    if candidate.recipe.follows:
        return _of_an_answer(candidate, trials)
    if candidate.recipe.passes:  # another network: nothing that was measured bounds it
        return None
    plain = _trial("float32", candidate, trials)
    if plain is None or not isinstance(plain.measured, Measured):
        return None
    quantization, float_ns = candidate.recipe.quantization, plain.measured.median_ns
    size_bytes = plain.artifact.size_bytes * quantization.weight_bits / 32
    if quantization.mode == "weight_only" or (quantization.mode == "float16" and not on.float16):
        return Floor(latency_ns=float_ns * _NOISE, size_bytes=size_bytes, why="it is computed in float32")
    if quantization.activation_bits == 16 and candidate.format == "tflite" and on.x86:
        narrow = _trial("static_int8", candidate, trials)  # the same weights, with narrower biases
        return Floor(
            latency_ns=float_ns * _REFERENCE_KERNELS,
            size_bytes=narrow.artifact.size_bytes if narrow else size_bytes,
            why="TensorFlow Lite has no fast kernels for 16-bit activations on x86",
        )
    return None


def _of_an_answer(candidate: Candidate, trials: Sequence[Trial]) -> Floor | None:
    """Of a rung: what it follows has all layers in 8 bits, so it is not slower and not larger."""
    by_id = {one.id: one for one in trials}
    first = by_id.get(candidate.recipe.follows)
    while first is not None and first.recipe.follows in by_id:
        first = by_id[first.recipe.follows]
    if first is None or not isinstance(first.measured, Measured):
        return None
    return Floor(
        latency_ns=first.measured.median_ns * _NOISE,
        size_bytes=first.artifact.size_bytes,
        why=f"it cannot be much faster than '{first.id}', nor smaller",
        better=1,
    )


def _trial(recipe: str, like: Candidate, trials: Sequence[Trial]) -> Trial | None:
    return next(
        (
            one
            for one in trials
            if one.recipe.name == recipe
            and (one.artifact.format, one.runtime) == (like.format, like.runtime)
            and not one.options
        ),
        None,
    )


def _better(trial: Trial, floor: Floor) -> bool:
    return (
        trial.verdict.status == "pass"
        and isinstance(trial.measured, Measured)
        and trial.measured.median_ns < floor.latency_ns
        and trial.artifact.size_bytes <= floor.size_bytes
    )


def _fastest_of_each(trials: Sequence[Trial]) -> list[Trial]:
    """The fastest of each recipe, the fastest first."""
    found: dict[str, Trial] = {}
    for one in sorted(trials, key=lambda one: one.measured.median_ns if isinstance(one.measured, Measured) else 0.0):
        found.setdefault(one.recipe.name, one)
    return list(found.values())
