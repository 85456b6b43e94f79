"""SavedModel folders: whatever TensorFlow, Keras 2 (``model.save``) or Keras 3 (``model.export``) wrote."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_opt.errors import ModelError
from edge_opt.nets import contents, describe, frameworks, freeze, trust
from edge_opt.types import Model, Source, SourceKind, TensorSpec

_FILE = "saved_model.pb"
_ENDPOINTS = ("serving_default", "serve")
_BATCH = 64


class SavedModelFrontend:
    """The frontend of SavedModel folders."""

    source: SourceKind = "saved_model"

    def accepts(self, path: Path) -> bool:
        """Whether ``path`` is a folder; :meth:`prepare` says what is missing in one that holds no model."""
        return path.is_dir()

    def prepare(self, path: Path, out: Path, allow_code: bool) -> tuple[Model, Source]:
        """The description of the model at ``path``, which is written as a SavedModel to the folder ``out``."""
        endpoint = _Endpoint(path, allow_code)
        source, answer = freeze.specification(path, endpoint.inputs, endpoint.outputs)
        with freeze.wrapped(
            f"'{path.name}' cannot be turned into one graph at batch 1", "export it with a free batch dimension"
        ):
            frozen = freeze.freeze(endpoint, source)
            macs = describe.macs(frozen)
            freeze.write(frozen, source, answer, out)
            freeze.verify(path, out, endpoint, source)
        layers = describe.graph_layers(frozen)
        model = describe.model(
            path, "saved_model", source=source, answer=answer, layers=layers, macs=macs, content=describe.digest(path)
        )
        return model, Source(kind=self.source, path=out)

    def predict(self, path: Path, inputs: NDArray[Any], allow_code: bool) -> NDArray[np.float32]:
        """What TensorFlow itself answers, ``(n, classes)`` float32."""
        endpoint = _Endpoint(path, allow_code)
        source, answer = freeze.specification(path, endpoint.inputs, endpoint.outputs)
        freeze.check_inputs(path, source, inputs)
        batch = source.shape[0] or _BATCH
        found = np.empty((len(inputs), answer.shape[1] or 0), np.float32)
        with freeze.wrapped(f"'{path.name}' cannot be run", "check the inputs it expects"):
            for start in range(0, len(inputs), batch):
                found[start : start + batch] = endpoint(np.asarray(inputs[start : start + batch], source.dtype))
        return found


class _Endpoint:
    """The signature of a SavedModel that answers for it: called with one tensor, answers with one."""

    def __init__(self, path: Path, allow_code: bool) -> None:
        _check(path, allow_code)
        with freeze.wrapped(f"'{path.name}' cannot be loaded", "export it again with this version of TensorFlow"):
            # variables live as long as what was loaded
            self._loaded = frameworks.tensorflow().saved_model.load(str(path))
        self._signature = _signature(path, self._loaded.signatures)
        entries = self._signature.structured_input_signature[1]
        self.inputs = [_tensor(name, spec) for name, spec in entries.items()]
        self.outputs = [_tensor(name, spec) for name, spec in self._signature.structured_outputs.items()]

    def __call__(self, x: Any) -> Any:
        tensor = frameworks.tensorflow().convert_to_tensor(x)
        (answer,) = self._signature(**{self.inputs[0].name: tensor}).values()
        return answer


def _tensor(name: str, spec: Any) -> TensorSpec:
    return describe.tensor(name, spec.shape.as_list() if spec.shape.rank is not None else (None,), spec.dtype.name)


def _signature(path: Path, signatures: Any) -> Any:
    names = [name for name in _ENDPOINTS if name in signatures] or list(signatures)
    if not names or (len(names) > 1 and names[0] not in _ENDPOINTS):
        told = (
            "no signature"
            if not names
            else f"several signatures ({', '.join(sorted(names))}) and none is 'serving_default'"
        )
        raise ModelError(f"'{path.name}' has {told}", "export it with one: model.export('folder')")
    return signatures[names[0]]


def _check(path: Path, allow_code: bool) -> None:
    """Read the graph without running it. Raises ModelError where there is none, or it calls code unasked."""
    if not path.is_dir():
        raise ModelError(f"there is no folder '{path}'", "give the path of a SavedModel folder")
    if not (path / _FILE).is_file():
        inside = sorted(file.name for file in path.iterdir())
        models = [name for name in inside if Path(name).suffix in {".keras", ".h5", ".hdf5", ".onnx", ".tflite"}]
        told = f"holds no model (no {_FILE})" if inside else "is an empty folder"
        hint = f"did you mean '{path / models[0]}'?" if models else "give a model file, or a SavedModel folder"
        raise ModelError(f"'{path}' {told}", hint)
    contents.check_folder(path)
    frameworks.tensorflow()
    from google.protobuf.message import DecodeError
    from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

    graph = SavedModel()
    try:
        graph.ParseFromString((path / _FILE).read_bytes())
    except DecodeError as error:
        raise ModelError(f"'{path / _FILE}' is damaged: {error}", "copy or download the folder again") from error
    suspects = tuple(trust.in_graph(graph))
    if suspects and not allow_code:
        raise ModelError(
            f"'{path.name}' carries code: {suspects[0].what}",
            "if you trust where it comes from, allow it with --allow-code",
        )


frontend = SavedModelFrontend()
