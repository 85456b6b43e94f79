"""The answers to a static_int8 that lost too much accuracy: one rung after the other, each a recipe of its own.

First the ranges of its activations are chosen by better methods. Then the layers that quantization disturbs most stay
in float: one, two, four, … and at most half of them. Then those compute with 16-bit activations, where the format has
them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from typing import get_args

from edge_opt import units
from edge_opt.types import Candidate, Effort, LayerError, Measured, Quantization, RangeMethod, Recipe, Trial

ROOT = "static_int8"
_METHODS = tuple(method for method in get_args(RangeMethod) if method != "min_max")
_SAID = {
    "percentile": "cuts off the rarest ones",
    "mse": "takes the range with the least squared error",
    "octav": "takes the range that balances clipping and rounding",
}
_NAMED = 3  # layers that a sentence names

Exists = Callable[[Quantization], bool]  # whether the format can store it, in this variant


@dataclass(frozen=True, kw_only=True)
class Fallen:
    """The static_int8 of one format and variant that lost too much; on several runtimes where several run it."""

    trials: tuple[Trial, ...]

    @property
    def first(self) -> Trial:
        """The one that the evidence is about."""
        return self.trials[0]

    @property
    def export_id(self) -> str:
        """What the rungs of one ladder share."""
        return "/".join(filter(None, (ROOT, self.first.artifact.format, self.first.artifact.variant)))


def lost(trial: Trial) -> bool:
    """Whether the drop of ``trial`` is certainly beyond its limit."""
    return trial.verdict.drop.low > trial.verdict.limit


def fallen(trials: Sequence[Trial], effort: Effort) -> tuple[Fallen, ...]:
    """Every static_int8 that wants an answer: those that lost too much; for *thorough* all, for *quick* none."""
    if effort == "quick":
        return ()
    found: dict[tuple[str, str], list[Trial]] = {}
    for one in trials:
        if one.recipe.name == ROOT and (lost(one) or effort == "thorough"):
            found.setdefault((one.artifact.format, one.artifact.variant), []).append(one)
    return tuple(Fallen(trials=tuple(each)) for each in found.values())


def answers(root: Fallen, trials: Sequence[Trial]) -> tuple[Trial, ...]:
    """The trials on the ladder of ``root``, in the order in which they were climbed."""
    ids = {one.id for one in root.trials}
    found = []
    for one in trials:
        if one.recipe.follows in ids:
            ids.add(one.id)
            found.append(one)
    return tuple(found)


def solved(root: Fallen, trials: Sequence[Trial]) -> bool:
    """Whether something on the ladder of ``root`` passes."""
    return any(one.verdict.status == "pass" for one in answers(root, trials))


def ranges(root: Fallen, exists: Exists, tried: Collection[str]) -> tuple[Candidate, ...]:
    """The first rung: every better method for the ranges that the format has."""
    first = root.first
    drop = units.format_pp(first.verdict.drop.estimate)
    found: list[Candidate] = []
    for method in _METHODS:
        quantization = replace(first.recipe.quantization, range_method=method)
        if exists(quantization):
            recipe = Recipe(
                name=f"{ROOT}_{method}",
                description=f"static_int8 with the ranges of activations chosen by the method '{method}'.",
                quantization=quantization,
                follows=first.id,
                reason=f"'{first.recipe.name}' drops {drop} with ranges that hold every value calibration saw; "
                f"{method} {_SAID[method]}",
            )
            found.extend(_on_all(recipe, root))
    return tuple(one for one in found if one.id not in tried)


def best_ranges(root: Fallen, trials: Sequence[Trial]) -> Trial:
    """Of the static_int8 and its better ranges, the one that lost least: what the next rungs start from."""
    runtime = root.first.runtime
    plain = [one for one in answers(root, trials) if one.runtime == runtime and _layers(one) == ((), ())]
    return min((root.first, *plain), key=lambda one: one.verdict.drop.estimate)


def selective(
    root: Fallen,
    start: Trial,
    errors: Sequence[LayerError],
    trials: Sequence[Trial],
    tried: Collection[str],
    exists: Exists,
) -> tuple[Candidate, ...]:
    """The next rung after the ranges: more of the worst layers in float, or then with 16-bit activations.

    ``errors`` are those of ``start``, the worst first. More layers in float are of no use once that many make it slower
    than the baseline.
    """
    climbed = [one for one in answers(root, trials) if one.runtime == root.first.runtime]
    names = [one.name for one in errors]
    for kind in ("keep_float", "wide"):
        count, before = 1, start
        while count <= len(names) // 2:
            recipe = _selected(kind, start, before, errors[:count])
            candidates = [one for one in _on_all(recipe, root) if exists(recipe.quantization)]
            if fresh := tuple(one for one in candidates if one.id not in tried):
                return fresh
            before = next((one for one in climbed if one.recipe.name == recipe.name), before)
            if not candidates or _slower(before):
                break
            count *= 2
    return ()


def _selected(kind: str, start: Trial, before: Trial, worst: Sequence[LayerError]) -> Recipe:
    layers = tuple(one.name for one in worst)
    short, how = {"keep_float": ("float", "in float"), "wide": ("wide", "with 16-bit activations")}[kind]
    quantization = replace(start.recipe.quantization, **{kind: layers})  # type: ignore[arg-type]
    drop = units.format_pp(before.verdict.drop.estimate)
    return Recipe(
        name=f"{start.recipe.name}_{short}{len(layers)}",
        description=f"{start.recipe.name} with {_counted(len(layers))} {how}: those that quantization disturbs most.",
        quantization=quantization,
        follows=before.id,
        reason=f"'{before.recipe.name}' drops {drop}; of all layers, quantization disturbs {_named(worst)} most",
    )


def _named(worst: Sequence[LayerError]) -> str:
    """``'dense_1' (noise 83 % of the signal), 'conv' (12 %) and 2 more``."""
    shown = [f"'{one.name}' ({_share(one)})" for one in worst[:_NAMED]]
    shown[0] = f"'{worst[0].name}' (noise of {_share(worst[0])} of the signal)"
    rest = [f"{len(worst) - _NAMED} more"] if len(worst) > _NAMED else []
    *most, last = [*shown, *rest]
    return f"{', '.join(most)} and {last}" if most else last


def _share(one: LayerError) -> str:
    return units.format_percent(one.error, digits=0 if one.error >= 0.1 else 2)


def _counted(layers: int) -> str:
    return "1 layer" if layers == 1 else f"{layers} layers"


def _on_all(recipe: Recipe, root: Fallen) -> tuple[Candidate, ...]:
    """The recipe in the format and variant of ``root``, on each runtime on which that one fell."""
    return tuple(
        Candidate(
            recipe=recipe,
            format=one.artifact.format,
            variant=one.artifact.variant,
            runtime=one.runtime,
            options=one.options,
        )
        for one in root.trials
    )


def _layers(trial: Trial) -> tuple[tuple[str, ...], tuple[str, ...]]:
    return trial.recipe.quantization.keep_float, trial.recipe.quantization.wide


def _slower(trial: Trial) -> bool:
    timed = trial.measured if isinstance(trial.measured, Measured) else None
    return bool(timed and timed.speed_up and timed.speed_up.high < 1 and _layers(trial) != ((), ()))
