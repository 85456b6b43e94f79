"""A callable network → one graph at batch 1, its weights constants, written as a SavedModel and checked against it."""

from __future__ import annotations

import contextlib
import errno
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_opt.errors import EdgeOptError, ModelError
from edge_opt.nets import constants
from edge_opt.nets.frameworks import tensorflow
from edge_opt.types import TensorSpec

SIGNATURE = "serving_default"

# Small networks agree to 1e-7. A ResNet50 of Keras 3 differs by 5e-6 from its own `predict`, which adds in another
# order than its `__call__` does; dropout, or a wrong layer, is off by 1e-3 and more.
_TOLERANCE = 2e-5
_TRIALS = 3
_REPEATS = 5  # a random flip comes out the same every second time


def specification(path: Path, inputs: list[TensorSpec], outputs: list[TensorSpec]) -> tuple[TensorSpec, TensorSpec]:
    """The one input and the one output of a classifier that can run at batch 1.

    Raises ModelError where there are more, where a size is free, or where the output is not ``(n, classes)``.
    """
    if len(inputs) != 1 or len(outputs) != 1:
        raise ModelError(
            f"'{path.name}' has {len(inputs)} inputs and {len(outputs)} outputs, and edge-opt takes one of each",
            "give a model with one picture in and one row of class scores out",
        )
    (source,), (answer,) = inputs, outputs
    if not source.shape or source.shape[0] not in (None, 1):
        raise ModelError(
            f"'{path.name}' takes inputs of shape {shown(source.shape)}, which cannot be one sample at a time",
            "save it with a free batch dimension",
        )
    if None in source.shape[1:]:
        raise ModelError(
            f"'{path.name}' leaves the size of its input free: {shown(source.shape)}",
            "save it with a fixed size, as keras.Input((224, 224, 3))",
        )
    if len(answer.shape) != 2 or answer.shape[1] is None:
        raise ModelError(
            f"'{path.name}' answers with shape {shown(answer.shape)}, not with one row of class scores a sample",
            "give a classifier whose output is (batch, classes)",
        )
    if answer.shape[1] == 1:
        raise ModelError(
            f"'{path.name}' answers with a single score, and the best of one is always the same",
            "give it two outputs, one for each class",
        )
    return source, answer


def shown(shape: tuple[int | None, ...]) -> str:
    """A shape as people write it: ``(batch, 28, 28, 1)``, a free size as ``?``."""
    first = "batch" if shape and shape[0] is None else None
    sizes = [first if first and place == 0 else "?" if size is None else str(size) for place, size in enumerate(shape)]
    return f"({', '.join(str(size) for size in sizes)})"


def freeze(call: Callable[[Any], Any], source: TensorSpec) -> Any:
    """The concrete function of ``call`` at batch 1, float32 in and out, with every variable turned into a constant."""
    tf = tensorflow()
    entry = tf.TensorSpec((1, *source.shape[1:]), tf.float32, name=identifier(source.name, "input"))

    def serve(x: Any) -> Any:
        return tf.cast(call(tf.cast(x, source.dtype)), tf.float32)

    return constants.freeze(tf.function(serve, input_signature=[entry], autograph=False).get_concrete_function())


def write(frozen: Any, source: TensorSpec, answer: TensorSpec, out: Path) -> Path:
    """Write ``frozen`` as a SavedModel with the signature ``serving_default`` to the folder ``out``."""
    tf = tensorflow()
    name = identifier(answer.name, "output")
    module = tf.Module()

    def serve(x: Any) -> Any:
        return {name: tf.identity(frozen(x)[0], name=name)}

    entry = tf.TensorSpec(frozen.inputs[0].shape, tf.float32, name=identifier(source.name, "input"))
    module.serve = tf.function(serve, input_signature=[entry], autograph=False)
    out.mkdir(parents=True, exist_ok=True)
    # gradients are of no use here, and those of swish cannot be saved from a frozen graph
    options = tf.saved_model.SaveOptions(experimental_custom_gradients=False)
    tf.saved_model.save(module, str(out), signatures={SIGNATURE: module.serve}, options=options)
    return out


def verify(path: Path, saved_model: Path, reference: Callable[[NDArray[Any]], Any], source: TensorSpec) -> None:
    """Compare the SavedModel with ``reference`` on random inputs at batch 1.

    Raises ModelError where they differ by more than 2e-5 of the largest output (at least 1), or where ``reference``
    answers with no numbers, or never the same twice.
    """
    tf = tensorflow()
    loaded = tf.saved_model.load(str(saved_model))
    (keyword,) = loaded.signatures[SIGNATURE].structured_input_signature[1]
    for inputs in random_inputs(source):
        expected, *again = (np.asarray(reference(inputs.astype(source.dtype)), np.float32) for _ in range(_REPEATS))
        if not np.isfinite(expected).all():
            raise ModelError(
                f"'{path.name}' answers with NaN or infinite values",
                "its weights have probably diverged: look at the loss of its training",
            )
        if not all(equal(answer, expected) for answer in again):
            raise ModelError(
                f"'{path.name}' draws random numbers when it predicts: one input has several answers",
                "leave augmentation and dropout out of it; where Keras 3 exported it, give the .keras file instead",
            )
        (answer,) = loaded.signatures[SIGNATURE](**{keyword: tf.constant(inputs)}).values()
        if not equal(answer.numpy(), expected):
            raise ModelError(
                f"the SavedModel of '{path.name}' answers differently from the model itself",
                "leave out layers that behave differently from call to call, and save the model again",
            )


def equal(found: NDArray[Any], expected: NDArray[Any]) -> bool:
    """Whether two answers are the same but for the order in which floats were added."""
    limit = _TOLERANCE * max(1.0, float(np.abs(expected).max()))
    return found.shape == expected.shape and float(np.abs(found - expected).max()) <= limit


def random_inputs(source: TensorSpec) -> Iterator[NDArray[Any]]:
    """A few seeded inputs ``(1, …)`` float32: 0..1, or whole pixels where the model takes integers."""
    random = np.random.default_rng(0)
    whole = np.issubdtype(np.dtype(source.dtype), np.integer)
    for _ in range(_TRIALS):
        pixels = random.integers(0, 256, (1, *(size or 1 for size in source.shape[1:])))
        yield (pixels if whole else pixels / 255).astype(np.float32)


def check_inputs(path: Path, source: TensorSpec, inputs: NDArray[Any]) -> None:
    """Raise ModelError where ``inputs`` ``(n, …)`` are not of the shape that the model takes."""
    if inputs.shape[1:] != source.shape[1:]:
        raise ModelError(
            f"'{path.name}' takes inputs of shape {shown(source.shape)}, and the data gives {inputs.shape[1:]}",
            "write a preprocessing contract that fits: edge-opt init",
        )


def identifier(name: str, default: str) -> str:
    """``name`` as the name of a tensor that every format takes: letters, digits and ``_``, a letter first."""
    cleaned = re.sub(r"\W", "_", name.split(":")[0], flags=re.ASCII).strip("_")
    return cleaned if cleaned[:1].isalpha() else default


@contextlib.contextmanager
def wrapped(what: str, hint: str) -> Iterator[None]:
    """Turn whatever a framework raises inside into a ModelError: ``what``, then the framework's own first line.

    A full disk stays an OSError, as it is no fault of the model.
    """
    try:
        yield
    except (EdgeOptError, MemoryError):
        raise
    except Exception as error:
        if "No space left on device" in str(error):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)) from error
        raise ModelError(f"{what}: {first_line(error)}", hint) from error


def first_line(error: BaseException) -> str:
    """The first line of an error that says something, at most 200 characters long.

    Of Keras', which wrap one another, it is that of the innermost.
    """
    said = str(error).rpartition("Exception encountered:")[2]
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    text = lines[0] if lines else type(error).__name__
    if text.endswith(":") and len(lines) > 1:
        text = f"{text} {lines[1]}"
    return text if len(text) <= 200 else f"{text[:199]}…"
