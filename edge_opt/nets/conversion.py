"""What the conversions of a float SavedModel share: quiet libraries, errors in one sentence, a float32 file kept."""

from __future__ import annotations

import contextlib
import logging
import os
import re
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_opt.errors import DataError, EdgeOptError, InputError, MissingPackage, StepFailed, UnknownName
from edge_opt.nets import describe
from edge_opt.types import Quantization

_LONGEST = 240
# What libraries print around the line that says why: notes, dumps of the graph, links.
_NOISE = re.compile(r"(?i)^(traceback|file \"|details:|==>|\W*$|[%^}\"])|\bnote:|https?://")
_TELLING = re.compile(
    r"(?i)\bcustom ops: |\bno .{0,40}\b(found|registered)\b|\b(unsupported|invalid|incompatible|not supported)\b"
)


def require(format: str, quantization: Quantization, variant: str, variants: Sequence[str]) -> None:
    """Raise InputError where ``format`` has no way to store ``quantization``, UnknownName where ``variant`` is none."""
    if not variants:
        raise InputError(
            f"the format '{format}' has no '{phrase(quantization)}'",
            "take another format or another recipe: docs/recipes.md shows which go together",
        )
    if variant not in variants:
        raise UnknownName.among(f"variant of '{phrase(quantization)}' in '{format}'", variant, variants)


def phrase(quantization: Quantization) -> str:
    """A quantization in words: ``static, 8-bit weights, 16-bit activations, per channel``."""
    if quantization.mode in ("none", "float16"):
        return {"none": "float32", "float16": "float16"}[quantization.mode]
    words = [quantization.mode.replace("_", "-"), f"{quantization.weight_bits}-bit weights"]
    if quantization.mode == "static":
        words.append(f"{quantization.activation_bits}-bit activations")
    return ", ".join([*words, quantization.granularity.replace("_", " ")])


def calibration(samples: NDArray[Any]) -> list[NDArray[np.float32]]:
    """Each of ``samples`` ``(n, …)`` as a batch of one, float32.

    Raises DataError where there are none, or one holds NaN or infinite values.
    """
    if not len(samples):
        raise DataError(
            "static quantization needs calibration samples, and there are none", "give a data set with images"
        )
    batches = [np.ascontiguousarray(sample[None], np.float32) for sample in samples]
    broken = [place for place, batch in enumerate(batches) if not np.isfinite(batch).all()]
    if broken:
        raise DataError(
            f"calibration sample {broken[0]} holds NaN or infinite values", "look at the data and its preprocessing"
        )
    return batches


def imported(module: str, package: str, extra: str, purpose: str) -> Any:
    """The module of that name. Raises MissingPackage where ``package`` is not installed."""
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] != module.split(".")[0]:
            raise
        raise MissingPackage.of(package, extra, purpose) from error


@contextlib.contextmanager
def converting(library: str, to: str) -> Iterator[None]:
    """Keep stdout clean while a library works, C++ and all, and turn its errors into a StepFailed of one sentence.

    What it prints goes to stderr; warnings and its log below errors are dropped. For the whole process. The root logger
    is afterwards as it was: OpenVINO's converter, where it fails, leaves it without its warnings.
    """
    root = logging.root
    logged, level, filters, handlers = root.manager.disable, root.level, [*root.filters], [*root.handlers]
    sys.stdout.flush()
    stdout = os.dup(1)
    os.dup2(2, 1)
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(sys.stderr):
            warnings.simplefilter("ignore")
            yield
    except (EdgeOptError, MemoryError):
        raise
    except Exception as error:
        raise StepFailed(
            f"{library} cannot turn this model into {to}: {reason(error)}", "try another format or another recipe"
        ) from error
    finally:
        logging.disable(logged)
        root.setLevel(level)
        root.filters, root.handlers = filters, handlers
        os.dup2(stdout, 1)
        os.close(stdout)


def reason(error: BaseException) -> str:
    """The line of an error that says why, else its last one that says anything; at most 240 characters."""
    text = re.sub(r"\x1b\[[0-9;]*m", "", str(error))
    lines = [line for line in (line.strip(" -\t") for line in text.splitlines()) if not _NOISE.search(line)]
    told = next((line for line in lines if _TELLING.search(line)), lines[-1] if lines else type(error).__name__)
    return told if len(told) <= _LONGEST else f"{told[: _LONGEST - 1]}…"


def kept(saved_model: Path, name: str, make: Callable[[Path], None]) -> Path:
    """The float32 file that ``make(path)`` writes, made once for a SavedModel and kept beside it.

    Importing TensorFlow alone takes seconds, and every export is a process of its own, so those that can start from
    such a file do. Its name holds the hash of the SavedModel: one that was written anew is converted anew.
    """
    path = saved_model.parent / f"{saved_model.name}.{describe.digest(saved_model)[0][:16]}.{name}"
    if not path.exists():
        # two exports may begin at once: each writes its own, and the last one, which is the same, stays
        unfinished = path.with_name(f".{os.getpid()}.{path.name}")
        try:
            make(unfinished)
            unfinished.replace(path)
        finally:
            unfinished.unlink(missing_ok=True)
    return path
