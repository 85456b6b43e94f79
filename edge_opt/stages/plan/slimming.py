"""Which smaller networks are tried, one after the other: along the curve of speed against accuracy, by bisection.

First the poolings leave, where there are any; then channels: half of them, and from there on more while the accuracy
lasts, or fewer where it did not. Each network is tried in the ways that were best with the original.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Literal

from edge_opt.inputs import recipes
from edge_opt.types import Candidate, Effort, Failure, Layer, Measured, Model, Trial

Passes = tuple[str, ...]
Outcome = Literal["kept", "lost"]
_POOLINGS = frozenset({"MaxPooling2D", "AveragePooling2D", "MaxPooling1D", "AveragePooling1D"})
_CONVOLUTIONS = ("Conv1D", "Conv2D")
_BETWEEN = frozenset({"BatchNormalization", "Activation", "ReLU", "LeakyReLU", "Dropout", "SpatialDropout2D"})
_FIRST, _ALL = 50, 100  # percent of the channels
_FINEST: Mapping[Effort, int] = {"standard": 14, "thorough": 7}  # percent between what was kept and what was lost
_WAYS: Mapping[Effort, int] = {"standard": 2, "thorough": 3}
TRAINING_S: Mapping[Effort, float] = {"standard": 45.0, "thorough": 180.0}  # of one pass


def following(trials: Sequence[Trial], failures: Sequence[Failure], model: Model, effort: Effort) -> Passes:
    """The passes to try next; () where the search has come to its end, or is none of this effort."""
    if effort not in _FINEST:
        return ()

    def outcome(passes: Passes) -> Outcome | None:
        tried = [one for one in trials if one.recipe.passes == passes]
        if any(_kept(one) for one in tried):
            return "kept"
        broken = any(one.recipe.startswith("+".join((*passes, ""))) for one in failures)
        return "lost" if tried or broken else None

    strided: Passes = ("strided",)
    first = strided if _pooled(model.layers) else ()
    for before in dict.fromkeys((first, ()) if effort == "thorough" else (first,)):
        found = _along(before, outcome, _FINEST[effort])
        if found:
            return found
    return ()


def _pooled(layers: Sequence[Layer]) -> bool:
    """Whether a pooling stands behind a convolution, by the order in which layers are listed."""
    before = ""
    for one in layers:
        if one.kind in _POOLINGS and before.endswith(_CONVOLUTIONS):
            return True
        before = before if one.kind in _BETWEEN else one.kind
    return False


def _along(before: Passes, outcome: Callable[[Passes], Outcome | None], finest: int) -> Passes:
    """The next network on the curve behind ``before``, or ``before`` itself; () at its end."""
    if before:
        known = outcome(before)
        if known is None:
            return before
        if known == "lost":
            return _along((), outcome, finest)
    kept, lost = 0, _ALL
    while lost - kept > finest:
        share = _FIRST if kept == 0 and lost == _ALL else round((kept + lost) / 2)
        passes = (*before, f"slim{share}")
        known = outcome(passes)
        if known is None:
            return passes
        kept, lost = (share, lost) if known == "kept" else (kept, share)
    return ()


def ways(trials: Sequence[Trial], ranked: Sequence[str], effort: Effort) -> tuple[Trial, ...]:
    """The trials of the original whose way a smaller network is tried in: the first of ``ranked``, each file once.

    ``ranked`` are ids, the best first and the baseline last, of those that keep every limit.
    """
    by_id = {one.id: one for one in trials}
    found: dict[tuple[str, str, str], Trial] = {}
    # what breaks a limit of time or size as it is may keep it when there is less of it
    rest = sorted((one for one in trials if one.id not in ranked), key=_latency)
    for one in (*(by_id[id] for id in ranked[:-1]), *rest, by_id[ranked[-1]]):
        if not one.recipe.passes and _kept(one):
            found.setdefault((one.recipe.name, one.artifact.format, one.artifact.variant), one)
    return tuple(found.values())[: _WAYS.get(effort, 0)]


def candidates(passes: Passes, ways: Sequence[Trial]) -> tuple[Candidate, ...]:
    """The network after ``passes`` in each of the ``ways``."""
    return tuple(
        Candidate(
            recipe=recipes.with_passes(one.recipe, passes),
            format=one.artifact.format,
            variant=one.artifact.variant,
            runtime=one.runtime,
            options=one.options,
        )
        for one in ways
    )


def _kept(trial: Trial) -> bool:
    """Whether it loses no more accuracy than allowed, as far as the selection can tell; other limits lie further on."""
    return trial.verdict.drop.estimate <= trial.verdict.limit


def _latency(trial: Trial) -> float:
    return trial.measured.median_ns if isinstance(trial.measured, Measured) else float("inf")
