"""TensorFlow, Keras 3 and Keras 2 (tf_keras), imported on first use, quiet, and in one process without a quarrel."""

from __future__ import annotations

import os
from importlib import import_module
from typing import Any

from edge_opt.errors import EdgeOptError, MissingPackage

_QUIET = {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1", "KERAS_BACKEND": "tensorflow"}


def tensorflow() -> Any:
    """The module ``tensorflow``, logging errors only. Raises MissingPackage."""
    for name, value in _QUIET.items():
        os.environ.setdefault(name, value)
    found = _imported("tensorflow")
    found.get_logger().setLevel("ERROR")
    import_module("absl.logging").set_verbosity("error")
    return found


def keras() -> Any:
    """The module ``keras`` (version 3) on TensorFlow. Raises MissingPackage, or EdgeOptError for another backend."""
    # a user's own choice of backend holds for their training; here the graph must be TensorFlow's
    os.environ["KERAS_BACKEND"] = "tensorflow"
    tensorflow()
    found = _imported("keras")
    if found.backend.backend() != "tensorflow":
        raise EdgeOptError(
            f"this process already runs Keras on '{found.backend.backend()}'", "start a process of its own for edge-opt"
        )
    return found


def tf_keras() -> Any:
    """The module ``tf_keras``, which is Keras 2. Raises MissingPackage."""
    tensorflow()
    return _imported("tf_keras")


def _imported(package: str) -> Any:
    try:
        return import_module(package)
    except ModuleNotFoundError as error:
        if error.name != package:
            raise
        raise MissingPackage.of(package.replace("_", "-"), "keras", "reading a Keras model or a SavedModel") from error
