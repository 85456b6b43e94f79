"""``.onnx`` files by ONNX Runtime's CPU provider, with all of its graph optimizations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

FORMATS = ("onnx",)
PACKAGES = ("onnxruntime",)
INSTALL = "onnxruntime"

_DTYPES = {"float": "float32", "double": "float64"}
_QUIET = 3  # errors only: warnings about initializers and cpuinfo are no news to the user


def options(isa: Sequence[str]) -> tuple[Mapping[str, str], ...]:
    """The one way to run."""
    return ({},)


def package() -> Any:
    """The package. Raises ModuleNotFoundError."""
    import onnxruntime

    return onnxruntime


def open(path: str, threads: int, options: Mapping[str, str]) -> Session:
    """The session of the model at ``path``, its graph optimized.

    Spinning stays on, as an application gets it: with more than one thread, ONNX Runtime's pool keeps the other cores
    busy for some 50 ms after a run.
    """
    if options:
        raise ValueError(f"onnxruntime has no option '{next(iter(options))}'")
    onnxruntime = package()
    chosen = onnxruntime.SessionOptions()
    chosen.intra_op_num_threads = threads
    chosen.inter_op_num_threads = 1
    chosen.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    chosen.log_severity_level = _QUIET
    loaded = onnxruntime.InferenceSession(path, chosen, providers=["CPUExecutionProvider"])
    return Session(loaded, f"onnxruntime {onnxruntime.__version__}")


class Session:
    """A loaded model; :meth:`run` takes and gives arrays in the order of ``inputs`` and ``outputs``."""

    def __init__(self, loaded: Any, version: str) -> None:
        self.version = version
        self.inputs = [_spec(one) for one in loaded.get_inputs()]
        self.outputs = [_spec(one) for one in loaded.get_outputs()]
        self._loaded = loaded
        self._run = loaded.run
        self._given = [one["name"] for one in self.inputs]
        self._answered = [one["name"] for one in self.outputs]

    def run(self, arrays: list[Any]) -> list[Any]:
        """The outputs for one batch."""
        outputs: list[Any] = self._run(self._answered, dict(zip(self._given, arrays)))  # noqa: B905
        return outputs

    @property
    def executed(self) -> dict[str, str]:
        """The provider that runs the graph; ONNX Runtime tells precisions only while it profiles."""
        return {"provider": ", ".join(self._loaded.get_providers())}


def _spec(node: Any) -> dict[str, Any]:
    kind = node.type.partition("(")[2].rstrip(")")
    return {
        "name": node.name,
        "shape": [size if isinstance(size, int) else None for size in node.shape],
        "dtype": _DTYPES.get(kind, kind),
        "layout": "",
        "scale": None,
        "zero_point": None,
    }
