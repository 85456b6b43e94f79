"""Which candidates to try next, and what the work will cost before it starts."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from importlib.util import find_spec

from edge_opt import registry
from edge_opt.errors import InputError
from edge_opt.inputs import recipes as known
from edge_opt.types import Candidate, Finding, Model, Outline, Recipe, SourceKind, Target

# Rough costs, good enough to say "about three minutes": medians of runs on two cores of a 2.5 GHz Xeon.
_EXPORT_S = {"tflite": 8.0, "onnx": 5.0, "openvino": 4.0}
_PROCESS_S = 0.5
_MACS_PER_S = 4e9
_LOOKS = 2  # at the certification split: the baseline and, mostly, the first choice
_PAIRS, _PAIR_PROCESSES, _PAIR_S = 3, 6, 0.5  # near ties and the winner; each process holds two artifacts
_SLOWEST_KERNELS = 40  # int16 activations run reference kernels on x86


def baseline(target: Target, isa: Collection[str], source: SourceKind) -> Candidate:
    """What all others are compared with: float32 in the target's first format that ``source`` can be turned into.

    Raises InputError where none runs.
    """
    for one in ways(known.load("float32"), target, isa, source):
        return one
    raise InputError(
        f"nothing can run on '{target.name}': none of its runtimes is installed", "pip install 'edge-opt[all]'"
    )


def plan(
    first: Candidate,
    recipes: Sequence[Recipe],
    target: Target,
    isa: Collection[str],
    source: SourceKind,
    tried: Collection[str],
) -> tuple[Candidate, ...]:
    """The candidates that exist on ``target`` and were not ``tried``: the baseline ``first``, then recipe by recipe."""
    every = {one.id: one for recipe in recipes for one in ways(recipe, target, isa, source)}
    return tuple(one for one in {first.id: first, **every}.values() if one.id not in tried)


def check(recipes: Sequence[Recipe], target: Target, source: SourceKind) -> None:
    """Nothing; raises InputError for a recipe that none of the target's formats has."""
    for one in recipes:
        if not any(registry.load("exporters", name).variants(one.quantization, source) for name in target.formats):
            raise InputError(
                f"the recipe '{one.name}' does not exist in {' or '.join(target.formats)}",
                "'edge-opt recipes' shows which format has which recipe",
            )


def ways(recipe: Recipe, target: Target, isa: Collection[str], source: SourceKind) -> tuple[Candidate, ...]:
    """Every format, variant, runtime and execution option of one recipe, in the target's order."""
    return tuple(_each_way(recipe, target, isa, source))


def _each_way(recipe: Recipe, target: Target, isa: Collection[str], source: SourceKind) -> Iterator[Candidate]:
    for format in target.formats:
        for variant in registry.load("exporters", format).variants(recipe.quantization, source):
            for name in target.runtimes:
                runtime = registry.load("runtimes", name)
                if format not in runtime.FORMATS or not installed(name):
                    continue
                for options in runtime.options(tuple(isa)):
                    if options and recipe.quantization.mode != "none":
                        continue  # how floats are executed says nothing new about an artifact that is mostly integer
                    yield Candidate(recipe=recipe, format=format, variant=variant, runtime=name, options=options)


def installed(runtime: str) -> bool:
    """Whether a package of ``runtime`` can be found; that it works is shown by loading an artifact."""
    module = registry.load("runtimes", runtime)
    if hasattr(module, "python"):  # it may have an environment of its own
        return module.python() is not None
    return any(find_spec(package.partition(".")[0]) for package in module.PACKAGES)


def absent(target: Target) -> tuple[Finding, ...]:
    """One finding for each runtime of the target that is not installed here, though it loads one of its formats."""
    return tuple(
        Finding(
            code="EO501",
            level="warning",
            message=f"the runtime '{name}' is not installed; nothing is tried on it",
            hint=f"edge-opt runtime add {name}"
            if hasattr(registry.load("runtimes", name), "python")
            else "pip install 'edge-opt[all]'",
        )
        for name in target.runtimes
        if not installed(name) and set(registry.load("runtimes", name).FORMATS) & set(target.formats)
    )


def outline(
    candidates: Sequence[Candidate],
    model: Model,
    samples: int,
    sample_bytes: int,
    rounds: int,
    certification: int = 0,
) -> Outline:
    """What trying ``candidates`` will take from here on, the model and the data being prepared.

    ``samples`` inputs of ``sample_bytes`` are evaluated for each, ``certification`` inputs for the chosen ones.
    """
    exports = {one.export_id: _EXPORT_S.get(one.format, 8.0) for one in candidates}
    float_s = model.macs / _MACS_PER_S
    inference_s = [
        float_s * (_SLOWEST_KERNELS if one.recipe.quantization.activation_bits == 16 and one.format == "tflite" else 1)
        for one in candidates
    ]
    evaluate_s = sum(_PROCESS_S + samples * seconds for seconds in inference_s)
    measure_s = rounds * sum(_PROCESS_S + max(0.2, 20 * seconds) for seconds in inference_s)
    certify_s = _LOOKS * (_PROCESS_S + certification * float_s)
    pair_s = _PAIRS * _PAIR_PROCESSES * 2 * (_PROCESS_S + max(_PAIR_S / 2, 30 * float_s)) if rounds else 0.0
    return Outline(
        candidates=tuple(one.id for one in candidates),
        seconds=sum(exports.values()) + evaluate_s + measure_s + certify_s + pair_s,
        disk_bytes=len(exports) * model.size_bytes + (samples + certification) * sample_bytes,
    )
