"""Which candidates exist: every format, variant, runtime and execution option of a recipe on a target."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from importlib.util import find_spec

from edge_opt import registry
from edge_opt.errors import InputError
from edge_opt.inputs import recipes as known
from edge_opt.types import Candidate, Finding, Quantization, Recipe, SourceKind, Target


def baseline(target: Target, isa: Collection[str], source: SourceKind) -> Candidate:
    """What all others are compared with: float32 in the target's first format that ``source`` can be turned into.

    Raises InputError where there is none, or none runs.
    """
    _lead(target, source)
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
    _lead(target, source)
    for one in recipes:
        if not any(stored(name, one.quantization, source) for name in target.formats):
            raise InputError(
                f"the recipe '{one.name}' does not exist in {' or '.join(target.formats)}",
                "'edge-opt recipes' shows which format has which recipe",
            )


def _lead(target: Target, source: SourceKind) -> None:
    """Nothing; raises InputError where ``source`` can be turned into none of the target's formats."""
    plain = known.load("float32").quantization
    if not any(stored(name, plain, source) for name in target.formats):
        raise InputError(
            f"'{target.name}' takes {' or '.join(target.formats)}, and nothing leads there from {source}",
            "see docs/inputs.md for what leads where; give another model, or another target with --target",
        )


def ways(recipe: Recipe, target: Target, isa: Collection[str], source: SourceKind) -> tuple[Candidate, ...]:
    """Every format, variant, runtime and execution option of one recipe, in the target's order."""
    return tuple(_each_way(recipe, target, isa, source))


def stored(format: str, quantization: Quantization, source: SourceKind) -> tuple[str, ...]:
    """The variants in which ``format`` stores ``quantization``; none where it cannot."""
    found: tuple[str, ...] = registry.load("exporters", format).variants(quantization, source)
    return found


def _each_way(recipe: Recipe, target: Target, isa: Collection[str], source: SourceKind) -> Iterator[Candidate]:
    for format in target.formats:
        for variant in stored(format, recipe.quantization, source):
            for name in target.runtimes:
                runtime = registry.load("runtimes", name)
                if format not in runtime.FORMATS or not (target.address or installed(name)):
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
    """One finding for each runtime of the target that is not installed here, though it loads one of its formats.

    None where the target is a remote device: what is installed there is shown by loading an artifact.
    """
    if target.address:
        return ()
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
