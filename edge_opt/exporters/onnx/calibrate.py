"""Calibration samples → the range of every activation, in the file that ONNX Runtime's quantizer takes them from."""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_opt.nets import onnx_graph
from edge_opt.nets.conversion import imported
from edge_opt.nets.ranges import Ranges
from edge_opt.types import RangeMethod

Batch = NDArray[np.float32]

_CHUNK_BYTES = 256_000_000  # of activations held at a time, those of one sample


def quantization() -> Any:
    """The module ``onnxruntime.quantization``. Raises MissingPackage."""
    return imported("onnxruntime.quantization", "onnxruntime", "onnx", "quantizing an ONNX model")


def calibrate(
    float32: Path, method: RangeMethod, bits: int, wide: Collection[str], batches: Sequence[Batch], to: Path
) -> Path:
    """Write the ranges of the model ``float32`` to the file ``to``, which is returned.

    ``bits`` is how many the activations have; those of the tensors ``wide`` have 16.
    """
    if method == "min_max":
        found = _extremes(float32, batches, to.with_suffix(".onnx"))
    else:
        ranges = Ranges()
        for name, values in activations(float32, batches):
            ranges.add(name, values)
        found = {name: ranges.of(name, method, 16 if name in wide else bits, symmetric=False) for name in ranges.names}
    tensors = {
        name: {"CLS": "TensorData", "lowest": _number(low), "highest": _number(high)}
        for name, (low, high) in sorted(found.items())
    }
    min_max = {"CLS": "CalibrationMethod", "value": "CalibrationMethod.MinMax"}
    to.write_text(json.dumps({"CLS": "TensorsData", "data": tensors, "calibration_method": min_max}))
    return to


def _number(value: float) -> Mapping[str, object]:
    return {"CLS": "numpy.array", "data": float(np.float32(value)), "dtype": "float32"}


def _extremes(float32: Path, batches: Sequence[Batch], scratch: Path) -> dict[str, tuple[float, float]]:
    """The smallest and the largest value of each activation, found by ONNX Runtime without taking the others out."""
    tool = quantization()
    calibrator = tool.calibrate.create_calibrator(
        float32, [], augmented_model_path=str(scratch), calibrate_method=tool.CalibrationMethod.MinMax
    )
    (port,) = onnx_graph.read(float32).graph.input
    calibrator.collect_data(_Reader(port.name, iter(batches)))
    found = calibrator.compute_data()
    scratch.unlink()
    return {name: (float(np.min(data.lowest)), float(np.max(data.highest))) for name, data in found.items()}


class _Reader:
    """What ONNX Runtime calls a CalibrationDataReader: one batch after the other, then None."""

    def __init__(self, name: str, batches: Iterator[Batch]) -> None:
        self._name, self._batches = name, batches

    def get_next(self) -> dict[str, Batch] | None:
        batch = next(self._batches, None)
        return None if batch is None else {self._name: batch}


def activations(float32: Path, batches: Sequence[Batch]) -> Iterator[tuple[str, NDArray[Any]]]:
    """Every float activation of the model by its name, sample by sample, the input among them.

    So many are taken out at a time as fit in memory; the model runs once a sample for each such share.
    """
    model = onnx_graph.read(float32)
    (port,) = model.graph.input
    for batch in batches:
        yield port.name, batch
    for chunk in _chunks(model):
        session = onnx_graph.session(_answering(model, chunk))
        for batch in batches:
            yield from zip(chunk, session.run(chunk, {port.name: batch}), strict=True)


def _chunks(model: Any) -> Iterator[list[str]]:
    inferred = onnx_graph.package().shape_inference.infer_shapes(model).graph
    kinds = {one.name: one for one in (*inferred.value_info, *inferred.output)}
    chunk: list[str] = []
    held = 0
    for name in (name for node in model.graph.node for name in node.output):
        known = kinds.get(name)
        if known is None or known.type.tensor_type.elem_type != onnx_graph.package().TensorProto.FLOAT:
            continue
        size = 4 * math.prod(part or 1 for part in onnx_graph.shape(known))
        if chunk and held + size > _CHUNK_BYTES:
            yield chunk
            chunk, held = [], 0
        chunk.append(name)
        held += size
    if chunk:
        yield chunk


def _answering(model: Any, names: Sequence[str]) -> bytes:
    """``model`` with the tensors ``names`` for its outputs."""
    onnx = onnx_graph.package()
    other = onnx.ModelProto()
    other.CopyFrom(model)
    del other.graph.output[:]
    other.graph.output.extend(onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None) for name in names)
    return bytes(other.SerializeToString())


def outputs(model: Path, batches: Sequence[Batch], name: str = "") -> NDArray[np.float32]:
    """What ``model`` answers to ``batches``, or the value of its tensor ``name``, ``(n, …)``."""
    loaded = onnx_graph.read(model)
    session = onnx_graph.session(_answering(loaded, [name]) if name else loaded.SerializeToString())
    (port,) = loaded.graph.input
    return np.concatenate([session.run(None, {port.name: batch})[0] for batch in batches])
