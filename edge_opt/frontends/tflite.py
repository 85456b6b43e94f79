"""Float TFLite files: described from the file itself, run by LiteRT; TensorFlow is not needed."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_opt.errors import ModelError
from edge_opt.nets import describe, freeze, tflite
from edge_opt.nets.conversion import imported
from edge_opt.nets.tflite import Graph
from edge_opt.types import Model, Source, SourceKind, TensorSpec

_FILE = "model.tflite"
_TOLERANCE = 2e-5  # as for every other source: of the largest output, or of 1

_FLOAT = "give the float32 model it was made from; 'edge-opt bench' and 'edge-opt evaluate' take this one as it is"


class TFLiteFrontend:
    """The frontend of ``.tflite`` files."""

    source: SourceKind = "tflite"

    def accepts(self, path: Path) -> bool:
        """Whether the name, or the first bytes, say TFLite."""
        if path.suffix.lower() == ".tflite":
            return not path.is_dir()
        return path.is_file() and _begins(path)[4:] == tflite.IDENTIFIER

    def prepare(self, path: Path, out: Path, allow_code: bool) -> tuple[Model, Source]:
        """The description of the model at ``path``, which is written for batch 1 to ``out/model.tflite``."""
        loaded = tflite.load(path)
        graph = tflite.graph(path.name, loaded)
        source, answer = _specification(path, graph)
        out.mkdir(parents=True, exist_ok=True)
        content = path.read_bytes()
        single = tflite.for_one_sample(loaded, content)
        (out / _FILE).write_bytes(single)
        with freeze.wrapped(f"'{path.name}' cannot be run at batch 1", "convert it again with a batch of one"):
            run = _Interpreter(single, source)
            inputs = np.random.default_rng(0).random((1, *(size or 1 for size in source.shape[1:])), np.float32)
            found = run(inputs)
            _check(path, found, answer)
            if single is not content and not _equal(found, _Interpreter(content, source)(inputs)):
                raise ModelError(
                    f"'{path.name}' answers differently at batch 1", "convert it again with a batch of one"
                )
            shapes = run.shapes(len(graph.tensors))
            layers, macs = tflite.layers(graph, shapes), tflite.macs(graph, shapes)
        model = describe.model(
            path, "tflite", source=source, answer=answer, layers=layers, macs=macs, content=describe.digest(path)
        )
        return model, Source(kind=self.source, path=out / _FILE)

    def predict(self, path: Path, inputs: NDArray[Any], allow_code: bool) -> NDArray[np.float32]:
        """What LiteRT answers with the file as it was given, ``(n, classes)`` float32."""
        source, answer = _specification(path, tflite.read(path))
        freeze.check_inputs(path, source, inputs)
        found = np.empty((len(inputs), answer.shape[1] or 0), np.float32)
        with freeze.wrapped(f"'{path.name}' cannot be run", "convert it again with this version of TensorFlow"):
            run = _Interpreter(path.read_bytes(), source)
            for place, sample in enumerate(inputs):
                found[place] = run(sample[None])[0]
        return found


def _cores() -> int:
    """How many cores this process may use: not every system tells of one process."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class _Interpreter:
    """A model in LiteRT at batch 1: called with ``(1, …)`` float32, answers with ``(1, classes)``."""

    def __init__(self, content: bytes, source: TensorSpec) -> None:
        module = imported("ai_edge_litert.interpreter", "ai-edge-litert", "litert", "running a .tflite file")
        self._run = module.Interpreter(model_content=content, num_threads=_cores())
        self._given = self._run.get_input_details()[0]["index"]
        if source.shape[0] is None:
            self._run.resize_tensor_input(self._given, [1, *source.shape[1:]])
        self._run.allocate_tensors()
        self._answered = self._run.get_output_details()[0]["index"]

    def __call__(self, inputs: NDArray[Any]) -> NDArray[Any]:
        self._run.set_tensor(self._given, np.ascontiguousarray(inputs, np.float32))
        self._run.invoke()
        found: NDArray[Any] = self._run.get_tensor(self._answered)
        return found

    def shapes(self, count: int) -> list[tuple[int, ...]]:
        """The shape of each of the first ``count`` tensors, those of the file."""
        details: Mapping[int, Any] = {one["index"]: one for one in self._run.get_tensor_details()}
        return [
            tuple(int(size) for size in details[place]["shape"]) if place in details else () for place in range(count)
        ]


def _begins(path: Path) -> bytes:
    with path.open("rb") as stream:
        return stream.read(8)


def _specification(path: Path, graph: Graph) -> tuple[TensorSpec, TensorSpec]:
    """The input and the output of a float classifier. Raises ModelError where ``graph`` is none."""
    custom = sorted({node.custom for node in graph.nodes if node.kind == "CUSTOM"})
    if custom and custom[0].startswith("Flex"):
        raise ModelError(
            f"'{path.name}' uses the TensorFlow operator '{custom[0][4:]}', which LiteRT does not have",
            "build the model from operators of TFLite, and convert it with TFLITE_BUILTINS alone",
        )
    if custom:
        raise ModelError(
            f"'{path.name}' uses the operator '{custom[0]}', which is none of TFLite's own",
            "build the model from operators of TFLite",
        )
    if any(tensor.quantized for tensor in graph.tensors):
        raise ModelError(f"'{path.name}' is quantized already", _FLOAT)
    if any(tensor.constant and tensor.dtype in ("float16", "bfloat16") for tensor in graph.tensors):
        raise ModelError(f"'{path.name}' stores its weights in 16 bits already", _FLOAT)
    source, answer = freeze.specification(path, graph.specification(graph.inputs), graph.specification(graph.outputs))
    for tensor, way in ((source, "takes"), (answer, "answers with")):
        if tensor.dtype != "float32":
            raise ModelError(
                f"'{path.name}' {way} {tensor.dtype}, and edge-opt works with float32",
                "convert it with float32 in and out",
            )
    if not graph.nodes:
        raise ModelError(f"'{path.name}' holds no operators", "give a trained classifier")
    return source, answer


def _check(path: Path, found: NDArray[Any], answer: TensorSpec) -> None:
    if found.shape != (1, *answer.shape[1:]):
        raise ModelError(
            f"'{path.name}' answers one sample with shape {found.shape}, not with {(1, *answer.shape[1:])}",
            "convert it again with a batch of one",
        )
    if not np.isfinite(found).all():
        raise ModelError(
            f"'{path.name}' answers with NaN or infinite values",
            "its weights have probably diverged: look at the loss of its training",
        )


def _equal(found: NDArray[Any], expected: NDArray[Any]) -> bool:
    limit = _TOLERANCE * max(1.0, float(np.abs(expected).max()))
    return found.shape == expected.shape and float(np.abs(found - expected).max()) <= limit


frontend = TFLiteFrontend()
