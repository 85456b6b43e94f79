"""``.onnx`` files by ONNX Runtime's CPU provider, with all of its graph optimizations."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

FORMATS = ("onnx",)
PACKAGES = ("onnxruntime",)
INSTALL = "onnxruntime"

_DTYPES = {"float": "float32", "double": "float64"}
_KERNEL = "_kernel_time"
_WARM_UP = 5
_CONVERTING = ("QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear")
_INTEGER = ("QLinear", "QGemm", "QAttention", "QEmbed", "QOrdered", "DynamicQuantize", "MatMulInteger")
_INTEGER_END = ("Integer",)
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
    return _open(path, _settings(threads))


def profile(
    path: str, threads: int, options: Mapping[str, str], feed: Callable[[], list[Any]], runs: int
) -> list[dict[str, Any]]:
    """Every node of the optimized graph: the median of its kernel's times over ``runs``, and what it computed in.

    The file that ONNX Runtime's profiler writes is one entry for each kernel that ran, in whole microseconds.
    """
    with tempfile.TemporaryDirectory(prefix="edge-opt-profile-") as folder:
        chosen = _settings(threads)
        chosen.enable_profiling = True
        chosen.profile_file_prefix = str(Path(folder) / "profile")
        session = _open(path, chosen)
        for _ in range(runs + _WARM_UP):
            session.run(feed())
        entries = json.loads(Path(session.end_profiling()).read_text(encoding="utf-8"))
    return nodes(entries)


def nodes(entries: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The operators in a file of ONNX Runtime's profiler, in the order in which they ran; warm-up left out."""
    taken: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for entry in entries:
        if entry.get("cat") == "Node" and entry["name"].endswith(_KERNEL):
            taken.setdefault((entry["args"]["node_index"], entry["name"]), []).append(entry)
    found = []
    for (_, name), runs in taken.items():
        kind, told = runs[0]["args"]["op_name"], runs[0]["args"]
        durations_us = [entry["dur"] for entry in runs[_WARM_UP:] or runs]
        found.append(
            {
                "name": name.removesuffix(_KERNEL),
                "kind": kind,
                "precision": precision(kind, told["input_type_shape"], told["output_type_shape"]),
                "placement": told["provider"],
                "median_ns": 1e3 * median(durations_us),
            }
        )
    return found


def precision(kind: str, inputs: Sequence[Mapping[str, Any]], outputs: Sequence[Mapping[str, Any]]) -> str:
    """In which numbers a node computes, from its kind and the types of its tensors: of its data, not of its scales.

    ``DynamicQuantizeMatMul`` and its like take floats and multiply integers.
    """
    if kind in _CONVERTING:  # from float, or to it: a multiplication by a float scale either way
        return "float32"
    if kind.startswith(_INTEGER) or kind.endswith(_INTEGER_END):
        return "int8"
    for tensor in (*inputs[:1], *outputs[:1]):
        for name in tensor:
            return {**_DTYPES, "uint8": "int8", "uint16": "int16"}.get(name, name)
    return ""


def _settings(threads: int) -> Any:
    onnxruntime = package()
    chosen = onnxruntime.SessionOptions()
    chosen.intra_op_num_threads = threads
    chosen.inter_op_num_threads = 1
    chosen.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    chosen.log_severity_level = _QUIET
    return chosen


def _open(path: str, chosen: Any) -> Session:
    onnxruntime = package()
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

    def end_profiling(self) -> str:
        """The file that the profiler has written, where it was asked for."""
        return str(self._loaded.end_profiling())

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
