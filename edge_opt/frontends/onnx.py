"""Float ``.onnx`` files, whoever exported them; TensorFlow is not needed."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_opt.errors import ModelError
from edge_opt.nets import describe, freeze, onnx_graph, onnx_intake, onnx_single
from edge_opt.types import Model, Source, SourceKind, TensorSpec

_FILE = "model.onnx"
_MOST_VALUES = 2**28  # of one sample: 1 GiB
_TOLERANCE = 2e-5  # as for every other framework; converting the operator set changes nothing but the order of sums
_REPEATS = 3


class OnnxFrontend:
    """The frontend of ONNX files."""

    source: SourceKind = "onnx"

    def accepts(self, path: Path) -> bool:
        """Whether the name says ONNX."""
        return not path.is_dir() and path.suffix.lower() == ".onnx"

    def prepare(self, path: Path, out: Path, allow_code: bool) -> tuple[Model, Source]:
        """The description of the model at ``path``, which is written as one file to the folder ``out``."""
        given = onnx_intake.load(path)
        source, answer = specification(path, given)
        with freeze.wrapped(f"'{path.name}' cannot be run at batch 1", "export it with a free batch dimension"):
            single = onnx_single.at_batch_1(given)
            known = onnx_graph.shapes(single)
        answer = _answered(path, source, answer, known[answer.name])
        with freeze.wrapped(f"'{path.name}' does not fit one file", "edge-opt takes models of at most 2 GiB"):
            content = single.SerializeToString()
        _verify(path, _asking(path, path, source), _asking(path, content, source), source)
        out.mkdir(parents=True, exist_ok=True)
        onnx_graph.save(single, out / _FILE)
        model = describe.model(
            path,
            "onnx",
            source=source,
            answer=answer,
            layers=onnx_graph.layers(single, known),
            macs=onnx_graph.macs(single, known),
            content=onnx_intake.digest(path),
        )
        return model, Source(kind=self.source, path=out / _FILE)

    def predict(self, path: Path, inputs: NDArray[Any], allow_code: bool) -> NDArray[np.float32]:
        """What ONNX Runtime answers with the file as it was given, ``(n, classes)`` float32."""
        source, _ = specification(path, onnx_intake.load(path))
        freeze.check_inputs(path, source, inputs)
        ask = _asking(path, path, source)
        with freeze.wrapped(f"'{path.name}' cannot be run", "check the inputs it expects"):
            # one at a time, as on the device: a free batch may be written down and not be meant
            return np.concatenate([ask(np.asarray(one[None], np.float32)) for one in inputs])


def specification(path: Path, model: Any) -> tuple[TensorSpec, TensorSpec]:
    """The one input of ``model``, which leaves at most the batch free, and its one output as far as it is declared.

    Raises ModelError for anything else.
    """
    stored = {weight.name for weight in model.graph.initializer}
    inputs = [_tensor(path, port) for port in model.graph.input if port.name not in stored]
    outputs = [_tensor(path, port) for port in model.graph.output]
    if len(inputs) != 1 or len(outputs) != 1:
        freeze.specification(path, inputs, outputs)  # says how many there are
    (source,), (answer,) = inputs, outputs
    if None in source.shape[1:]:
        raise ModelError(
            f"'{path.name}' leaves the size of its input free: {freeze.shown(source.shape)}",
            "export it with a fixed size, and only the batch free",
        )
    if math.prod(size or 1 for size in source.shape) > _MOST_VALUES:
        raise ModelError(
            f"'{path.name}' takes {freeze.shown(source.shape)} values a sample, more than fit in 1 GiB",
            "export it for smaller inputs",
        )
    freeze.specification(path, inputs, [describe.tensor(answer.name, (None, 2), answer.dtype)])  # the input alone
    return source, answer


def _tensor(path: Path, port: Any) -> TensorSpec:
    kind = port.type.WhichOneof("value")
    if kind != "tensor_type":
        raise ModelError(
            f"'{port.name}' of '{path.name}' is a {str(kind).removesuffix('_type')}, not a tensor",
            "export the model with plain class scores; of scikit-learn with the option zipmap=False",
        )
    return describe.tensor(port.name, onnx_graph.shape(port), onnx_graph.dtype(port))


def _answered(path: Path, source: TensorSpec, answer: TensorSpec, sizes: tuple[int | None, ...]) -> TensorSpec:
    """``answer`` in the shape that inference found at batch 1. Raises ModelError where it is no classifier's."""
    whole = describe.tensor(answer.name, (source.shape[0], *sizes[1:]), answer.dtype)
    freeze.specification(path, [source], [whole])
    return whole


def _asking(
    path: Path, model: Path | bytes, source: TensorSpec
) -> Callable[[NDArray[np.float32]], NDArray[np.float32]]:
    """What ``model``, of ``path``, answers to one batch: float32 in and out, whatever it takes."""
    with freeze.wrapped(f"ONNX Runtime cannot load '{path.name}'", "export it for an older operator set"):
        session = onnx_graph.session(model)
    (port,) = session.get_inputs()
    takes = "float32" if "(float)" in port.type else source.dtype

    def ask(batch: NDArray[np.float32]) -> NDArray[np.float32]:
        (answer,) = session.run(None, {port.name: batch.astype(takes)})
        return np.asarray(answer, np.float32)

    return ask


def _verify(path: Path, original: Any, written: Any, source: TensorSpec) -> None:
    """Compare both on random inputs. Raises ModelError where they differ, or the original is no fixed function."""
    with freeze.wrapped(f"'{path.name}' cannot be run", "check the inputs it expects"):
        for inputs in freeze.random_inputs(source):
            expected, *again = (original(inputs) for _ in range(_REPEATS))
            if not np.isfinite(expected).all():
                raise ModelError(
                    f"'{path.name}' answers with NaN or infinite values",
                    "its weights have probably diverged: look at the loss of its training",
                )
            limit = _TOLERANCE * max(1.0, float(np.abs(expected).max()))
            if any(float(np.abs(one - expected).max()) > limit for one in again):
                raise ModelError(
                    f"'{path.name}' draws random numbers when it predicts: one input has several answers",
                    "export it for inference: model.eval() before torch.onnx.export",
                )
            found = written(inputs)
            if found.shape != expected.shape or float(np.abs(found - expected).max()) > limit:
                raise ModelError(
                    f"'{path.name}' answers differently at batch 1 and operator set {onnx_single.OLDEST}",
                    f"export it for operator set {onnx_single.OLDEST} or later, with a free batch dimension",
                )


frontend = OnnxFrontend()
