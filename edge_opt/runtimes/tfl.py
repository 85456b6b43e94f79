"""``.tflite`` files by tflite-runtime, LiteRT's predecessor, which needs an environment of its own.

It has wheels up to Python 3.11 and needs numpy 1: with numpy 2 it imports, and then its interpreter dies. Its interface
is LiteRT's, so the session is that of ``litert.py``.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING or __package__:
    from .litert import Session
else:
    from litert import Session

FORMATS = ("tflite",)
PACKAGES = ("tflite_runtime",)
INSTALL = "tflite-runtime"

# what `edge-opt runtime add tflite-runtime` makes
PYTHON = "3.11"
REQUIREMENTS = ("tflite-runtime>=2.14,<3", "numpy<2")
# the file that runs such an artifact without edge-opt: it takes whichever of the interpreters is installed
STANDALONE = "litert.py"


def folder() -> Path:
    """Where its environment is, or would be: in the data folder of the user."""
    data = os.environ.get("XDG_DATA_HOME", "")
    # the specification tells to ignore paths that are not absolute
    return (Path(data) if data.startswith("/") else Path.home() / ".local/share") / "edge-opt/runtimes/tflite-runtime"


def python() -> Path | None:
    """The interpreter that can import it: that of its own environment, else this one; None where neither can."""
    own = folder() / "bin" / "python"
    if own.exists():
        return own
    return Path(sys.executable) if find_spec(PACKAGES[0]) else None


def options(isa: Sequence[str]) -> tuple[Mapping[str, str], ...]:
    """The one way to run."""
    return ({},)


def package() -> Any:
    """The module that holds the interpreter. Raises ModuleNotFoundError."""
    return import_module("tflite_runtime.interpreter")


def open(path: str, threads: int, options: Mapping[str, str]) -> Session:
    """The session of the model at ``path``, its tensors allocated and its weights packed."""
    if options:
        raise ValueError(f"tflite-runtime has no option '{next(iter(options))}'")
    interpreter = package().Interpreter(model_path=path, num_threads=threads)
    return Session(interpreter, f"tflite-runtime {version('tflite-runtime')}")
