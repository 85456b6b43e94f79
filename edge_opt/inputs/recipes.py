"""The ways to make a model smaller or faster, by name; a TOML file adds one (``--recipe FILE``).

A recipe ends with how numbers are stored and computed; passes, which change the network before that, stand in front of
it, in the order in which they are done: ``strided+slim50+static_int8``. Without an ending, it is ``float32``.
"""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import takewhile
from pathlib import Path
from typing import get_args, get_type_hints

from edge_opt import registry
from edge_opt.errors import InputError, UnknownName
from edge_opt.inputs import fields
from edge_opt.types import Quantization, Recipe

RECIPES: tuple[Recipe, ...] = (
    Recipe(
        name="float32",
        description="The model as it was trained, only converted: the baseline, and the answer wherever "
        "nothing else is faster.",
        quantization=Quantization(mode="none", weight_bits=32, activation_bits=32),
    ),
    Recipe(
        name="float16",
        description="Weights stored in 16 bits: half the size at the accuracy of float32, when the download "
        "matters and the CPU gains nothing from int8.",
        quantization=Quantization(mode="float16", weight_bits=16, activation_bits=32),
    ),
    Recipe(
        name="dynamic_int8",
        description="8-bit weights, activations quantized while running: a quarter of the size without "
        "calibration data, when static int8 loses accuracy or dense layers dominate.",
        quantization=Quantization(mode="dynamic"),
    ),
    Recipe(
        name="weight_only_int8",
        description="8-bit weights, computed in float: a quarter of the size at nearly the accuracy of float32, "
        "when the download matters more than the latency.",
        quantization=Quantization(mode="weight_only", activation_bits=32),
    ),
    Recipe(
        name="static_int8",
        description="Weights (per channel) and activations in 8 bits with calibrated ranges: mostly the fastest "
        "on CPUs with int8 instructions, when calibration samples are at hand.",
        quantization=Quantization(mode="static"),
    ),
    Recipe(
        name="static_int16x8",
        description="8-bit weights with 16-bit activations: a quarter of the size when 8-bit activations lose too "
        "much accuracy, on targets with kernels for it (on x86 it is far slower than float).",
        quantization=Quantization(mode="static", activation_bits=16),
    ),
)

_JOINT = "+"
_KEYS = ("name", "description", "quantization")
_LAYERS = ("keep_float", "wide")
_BITS = {"weight_bits": (2, 4, 8, 16, 32), "activation_bits": (8, 16, 32)}


def names() -> tuple[str, ...]:
    """The names of the built-in recipes, the baseline first."""
    return tuple(recipe.name for recipe in RECIPES)


def passes() -> tuple[str, ...]:
    """An example or two of each pass that may stand before a recipe, as ``slim50`` and ``slim@2x``."""
    return tuple(word for name in registry.names("passes") for word in registry.load("passes", name).EXAMPLES)


def load(name_or_file: str) -> Recipe:
    """The recipe of that name, or the one that the ``.toml`` file describes; passes may stand before either.

    Raises UnknownName for no such recipe or pass, InputError for a file that does not describe one.
    """
    *words, last = name_or_file.split(_JOINT)
    if last.endswith(".toml"):  # whose folder may have a + in its name
        known = list(takewhile(pass_of, words))
        words, last = known, _JOINT.join([*words[len(known) :], last])
    elif last not in names() and pass_of(last):
        words, last = [*words, last], RECIPES[0].name
    for word in words:
        if word in names():
            raise InputError(
                f"in '{name_or_file}', the recipe '{word}' stands before something else",
                f"passes come first and the recipe last, as {passes()[0]}+{word}",
            )
        if not pass_of(word):
            raise _no_pass(word)
    if not last:
        raise InputError(f"'{name_or_file}' ends with a +", "name the recipe behind it, or leave the + out")
    return with_passes(_plain(last), tuple(words))


def with_passes(recipe: Recipe, words: tuple[str, ...]) -> Recipe:
    """``recipe`` after the passes that ``words`` ask for."""
    if not words:
        return recipe
    said = "; ".join(says(word) for word in words)
    return replace(
        recipe,
        name=_JOINT.join((*words, recipe.name)),
        description=f"{said[:1].upper()}{said[1:]}; then {recipe.name}.",
        passes=words,
    )


def says(word: str) -> str:
    """What the pass that ``word`` asks for does, as a clause. Raises UnknownName where there is none."""
    found = pass_of(word)
    if found is None:
        raise UnknownName.among("pass", word, passes())
    return found.says(word)


def _no_pass(word: str) -> InputError:
    """The error for a word that is no pass: of one that is nearly one, all that it could be."""
    for name in registry.names("passes"):
        if word.startswith(name):
            return InputError(f"there is no pass '{word}'", f"there are {registry.load('passes', name).WORDS}")
    return UnknownName.among("pass", word, passes())


def words_of(word: str) -> str:
    """All words of the pass that ``word`` asks for."""
    found = pass_of(word)
    return found.WORDS if found else ""


def pass_of(word: str) -> registry.Pass | None:
    """The pass that ``word`` asks for; None where it asks for none."""
    every: list[registry.Pass] = [registry.load("passes", name) for name in registry.names("passes")]
    return next((one for one in every if one.accepts(word)), None)


def _plain(name_or_file: str) -> Recipe:
    for recipe in RECIPES:
        if recipe.name == name_or_file:
            return recipe
    if name_or_file.endswith(".toml"):
        return _from_file(Path(name_or_file))
    if any(name_or_file.startswith(name) for name in registry.names("passes")):
        raise _no_pass(name_or_file)
    raise UnknownName.among("recipe", name_or_file, (*names(), *passes()))


def _from_file(path: Path) -> Recipe:
    document = fields.read(path)
    document.only(_KEYS)
    name = document.text("name")
    if not re.fullmatch(r"[a-z0-9][a-z0-9_]*", name):
        raise document.error("name", "lower-case letters, digits and underscores, as it becomes part of trial ids")
    if name in names():
        raise InputError(f"'{path}': the name '{name}' belongs to a built-in recipe", "choose another name")
    table = document.sub("quantization")
    return Recipe(name=name, description=document.text("description"), quantization=_quantization(table))


def _quantization(table: fields.Fields) -> Quantization:
    hints = get_type_hints(Quantization)
    table.only(hints)
    words = {
        key: table.text(key, getattr(Quantization, key, None) if key != "mode" else None, get_args(hints[key]))
        for key in ("mode", "granularity", "range_method")
    }
    bits = {key: table.integer(key, getattr(Quantization, key), choices) for key, choices in _BITS.items()}
    layers = {key: table.texts(key, (), ()) for key in _LAYERS}
    if words["mode"] != "static":
        # only static quantization has ranges and layers to choose: elsewhere they would do nothing, unsaid
        for key in ("range_method", *_LAYERS):
            if key in table:
                raise table.error(key, 'left out, or the mode "static"')
    for name in set(layers["keep_float"]) & set(layers["wide"]):
        raise InputError(f"'{table.path}': the layer '{name}' is in keep_float and in wide", "name it in one of them")
    return Quantization(**words, **bits, **layers)  # type: ignore[arg-type]
