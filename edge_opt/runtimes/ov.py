"""OpenVINO's ``.xml`` models on the CPU: float32 is float32, and bf16 only where it is asked for by name."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from importlib import import_module
from typing import Any

FORMATS = ("openvino",)
PACKAGES = ("openvino",)
INSTALL = "openvino"

_PRECISIONS = ("f32", "bf16")
_NO_KERNEL = ("undef", "unknown")
_PRECISION_NAMES = {"f32": "float32", "f16": "float16", "u8": "int8", "i8": "int8"}  # the words of other runtimes
_WARM_UP = 20
_BF16 = {"avx512_bf16", "amx_bf16"}
_NO_WORK = ("Input", "Output", "Const", "Parameter", "Result", "Constant")


def options(isa: Sequence[str]) -> tuple[Mapping[str, str], ...]:
    """Honest float32, and bf16 where the processor computes in it: elsewhere it is emulated, and slow."""
    return ({}, {"precision": "bf16"}) if _BF16 & set(isa) else ({},)


def package() -> Any:
    """The package. Raises ModuleNotFoundError."""
    # Importing it would otherwise write to ~/intel and send usage data: that is for the user to decide, not for us.
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    return import_module("openvino")


def open(path: str, threads: int, options: Mapping[str, str]) -> Session:
    """The session of the model at ``path``, compiled for latency. ``options``: ``precision`` is ``f32`` or ``bf16``.

    Without that hint, OpenVINO runs float32 models in bf16 on some processors and says nothing.
    """
    return _open(path, threads, options, {})


def profile(
    path: str, threads: int, options: Mapping[str, str], feed: Callable[[], list[Any]], runs: int
) -> list[dict[str, Any]]:
    """Every operator of the compiled graph that takes time, the precision it was compiled for, and its time.

    OpenVINO's counters are means over all inferences so far, in whole microseconds: that of ``runs`` is what the sum
    grew by after the first few. What rounds to nothing is 0; what was fused or needs no work is left out.
    """
    session = _open(path, threads, options, {"PERF_COUNT": True})
    for _ in range(_WARM_UP):
        session.run(feed())
    before = session.counted_us()
    for _ in range(runs):
        session.run(feed())
    after = session.counted_us()
    times_ns = {
        name: max(0.0, 1e3 * (after[name] * (_WARM_UP + runs) - before.get(name, 0) * _WARM_UP) / runs)
        for name in after
    }
    return [
        {
            **operator,
            "precision": _PRECISION_NAMES.get(operator["precision"], operator["precision"]),
            "placement": "CPU",
            "median_ns": times_ns[operator["name"]],
        }
        for operator in session.compiled()
        if operator["name"] in times_ns
    ]


def _open(path: str, threads: int, options: Mapping[str, str], more: Mapping[str, Any]) -> Session:
    for name, value in options.items():
        if name != "precision" or value not in _PRECISIONS:
            raise ValueError(f"openvino has no option '{name}' = '{value}'")
    openvino = package()
    settings = {
        "INFERENCE_NUM_THREADS": threads,
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_PRECISION_HINT": options.get("precision", "f32"),
        # 2026.4.1 answers zeros at one thread for int8 models with two dense layers in a row, unless this is off. What
        # it costs is within the noise: -1 to 4 % of the latency of a small convolutional int8 classifier.
        "SNIPPETS_MODE": "DISABLE",
        **more,
    }
    core = openvino.Core()
    model = core.read_model(path)
    for given in model.inputs:
        shape = given.get_partial_shape()
        if shape.is_dynamic and shape[0].is_dynamic:
            shape[0] = 1  # one sample at a time, and a fixed shape is compiled to faster code
            model.reshape({given: shape})
    free = [one.get_any_name() for one in (*model.inputs, *model.outputs) if one.get_partial_shape().is_dynamic]
    if free:  # its memory would move from run to run
        raise ValueError(f"the shape of '{free[0]}' is not fixed: convert the model with fixed shapes")
    compiled = core.compile_model(model, "CPU", settings)
    return Session(compiled, f"openvino {openvino.__version__.partition('-')[0]}")


class Session:
    """A compiled model; :meth:`run` takes and gives arrays in the order of ``inputs`` and ``outputs``."""

    def __init__(self, compiled: Any, version: str) -> None:
        self.version = version
        self.inputs = [_spec(one) for one in compiled.inputs]
        self.outputs = [_spec(one) for one in compiled.outputs]
        self._compiled = compiled
        self._request = request = compiled.create_infer_request()
        self._infer = request.infer
        # Views of the request's own memory: passing arrays to infer() costs a third of a small model's latency.
        self._given = [request.get_input_tensor(index).data for index in range(len(self.inputs))]
        self._answered = [request.get_output_tensor(index).data for index in range(len(self.outputs))]
        self._single = len(self._given) == len(self._answered) == 1
        self._first_given, self._first_answered = self._given[0], self._answered[0]

    def run(self, arrays: list[Any]) -> list[Any]:
        """The outputs for one batch, as copies that stay what they are."""
        if self._single:  # spelled out: loops of one would add a percent to a small model
            self._first_given[...] = arrays[0]
            self._infer()
            return [self._first_answered.copy()]
        for tensor, array in zip(self._given, arrays):  # noqa: B905
            tensor[...] = array
        self._infer()
        return [tensor.copy() for tensor in self._answered]

    @property
    def executed(self) -> dict[str, str]:
        """The precision in force for float operators, and how many operators were compiled for each precision."""
        hint = self._compiled.get_property("INFERENCE_PRECISION_HINT")
        counts = Counter(one["precision"] for one in self.compiled())
        listed = ", ".join(f"{count} {precision}" for precision, count in counts.most_common())
        return {"precision": hint.get_type_name(), "operators": listed}

    def compiled(self) -> list[dict[str, str]]:
        """What the graph was compiled to, in the order of execution: name, kind and precision of each operator."""
        found = []
        for node in self._compiled.get_runtime_model().get_ordered_ops():
            info = node.get_rt_info()
            kind, name = info["layerType"].astype(str), node.get_friendly_name()
            if kind not in _NO_WORK:
                found.append({"name": name, "kind": kind, "precision": info["runtimePrecision"].astype(str)})
        return found

    def counted_us(self) -> dict[str, float]:
        """The mean time of each operator that was executed, where the profiler was asked for.

        One whose time rounds to nothing is said not to have run: it has a kernel all the same, what was fused has none.
        """
        executed = (
            one
            for one in self._request.get_profiling_info()
            if one.status.name == "EXECUTED"
            or not (one.exec_type.startswith(_NO_KERNEL) or one.node_name.endswith("_fake"))
        )
        return {one.node_name: one.real_time / timedelta(microseconds=1) for one in executed}


def _spec(port: Any) -> dict[str, Any]:
    return {
        "name": port.get_any_name() if port.get_names() else "",
        "shape": [size.get_length() if size.is_static else None for size in port.get_partial_shape()],
        "dtype": port.get_element_type().to_dtype().name,
        "layout": "",
        "scale": None,
        "zero_point": None,
    }
