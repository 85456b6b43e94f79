"""Keras files: ``.keras`` and ``.h5``, saved by Keras 3 or Keras 2 (tf_keras), each loaded by the Keras it is for."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from edge_opt.errors import EdgeOptError, ModelError
from edge_opt.nets import activity, archive, describe, frameworks, freeze, trust, wiring
from edge_opt.nets.archive import Archive
from edge_opt.types import Activity, Model, Source, SourceKind, TensorSpec

_SUFFIXES = {".keras", ".h5", ".hdf5"}
_BATCH = 64

# Taken here only to be refused with advice.
_RUNS_CODE = "is a Python pickle, which runs code when it is read"
_PYTORCH = "is a PyTorch file, which edge-opt does not read"
_SAVE_AGAIN = "open it where it was made, and save the Keras model in it: model.save('model.keras')"
_TO_ONNX = "give ONNX instead: torch.onnx.export(model.eval(), (example,), 'model.onnx'), as docs/inputs.md shows"
_REFUSED: Mapping[str, tuple[str, str]] = {
    **dict.fromkeys((".pkl", ".pickle", ".joblib"), (_RUNS_CODE, _SAVE_AGAIN)),
    **dict.fromkeys((".pt", ".pth"), (_PYTORCH, _TO_ONNX)),
}

# Where Keras keeps the classes that a configuration may name.
_NAMESPACES = """layers models initializers regularizers constraints activations optimizers losses metrics
    dtype_policies mixed_precision quantizers random""".split()  # noqa: SIM905
# written in configurations, public nowhere
_INTERNAL = frozenset({"Functional", "function", "TFOpLambda", "SlicingOpLambda", "Policy"})


class KerasFrontend:
    """The frontend of Keras files."""

    source: SourceKind = "saved_model"

    def accepts(self, path: Path) -> bool:
        """Whether the name says Keras, or a pickle that :meth:`prepare` refuses with advice."""
        return not path.is_dir() and (path.suffix.lower() in _SUFFIXES or path.suffix.lower() in _REFUSED)

    def prepare(self, path: Path, out: Path, allow_code: bool) -> tuple[Model, Source]:
        """The description of the model at ``path``, which is written as a SavedModel to the folder ``out``."""
        framework, model = _load(path, allow_code)
        source, answer = _specification(path, model)

        def call(x: Any) -> Any:
            (y,) = frameworks.tensorflow().nest.flatten(model(x, training=False))
            return y

        with freeze.wrapped(
            f"'{path.name}' cannot be turned into one graph at batch 1", "look at the layer that is named"
        ):
            frozen = freeze.freeze(call, source)
            macs = describe.macs(frozen)
            freeze.write(frozen, source, answer, out)
            freeze.verify(path, out, call, source)
        described = describe.model(
            path,
            framework,
            source=source,
            answer=answer,
            layers=tuple(describe.keras_layers(model)),
            macs=macs,
            content=describe.digest(path),
            parameters=int(model.count_params()),
        )
        return described, Source(kind=self.source, path=out)

    def predict(self, path: Path, inputs: NDArray[Any], allow_code: bool) -> NDArray[np.float32]:
        """What Keras itself answers, ``(n, classes)`` float32."""
        _, model = _load(path, allow_code)
        source, answer = _specification(path, model)
        freeze.check_inputs(path, source, inputs)
        # a model that is fixed to one sample at a time gets one at a time
        batch = source.shape[0] or _BATCH
        found = np.empty((len(inputs), answer.shape[1] or 0), np.float32)
        with freeze.wrapped(f"'{path.name}' cannot be run", "check the inputs it expects"):
            for start in range(0, len(inputs), batch):
                # `predict` gives the same, by way of a pipeline with threads of its own
                answers = model.predict_on_batch(np.asarray(inputs[start : start + batch], source.dtype))
                (found[start : start + batch],) = frameworks.tensorflow().nest.flatten(answers)
        return found

    def activity(self, path: Path, inputs: NDArray[Any], allow_code: bool) -> tuple[Activity, ...]:
        """How many channels of every layer answer the same to all of ``inputs``."""
        _, model = _load(path, allow_code)
        source, _ = _specification(path, model)
        freeze.check_inputs(path, source, inputs)
        with freeze.wrapped(f"'{path.name}' cannot be looked into", "the rest of the diagnosis needs no look inside"):
            return activity.observe(model, np.asarray(inputs, source.dtype))

    def network(self, path: Path, allow_code: bool) -> Any:
        """The Keras 3 model that passes start from; one of Keras 2 is read by Keras 3, and proven to answer the same.

        Raises ModelError where Keras 3 cannot read it, or makes something else of it.
        """
        framework, model = _load(path, allow_code)
        if framework == "keras":
            return model
        _, again = _load(path, allow_code, only="keras")
        source, _ = _specification(path, model)
        for inputs in freeze.random_inputs(source):
            given = inputs.astype(source.dtype)
            if not freeze.equal(np.asarray(again(given, training=False)), np.asarray(model(given, training=False))):
                raise ModelError(
                    f"'{path.name}' was saved by Keras 2, and Keras 3 reads another network from it",
                    "leave passes out of the recipe; or train it with Keras 3, and give that model",
                )
        return again


def _specification(path: Path, model: Any) -> tuple[TensorSpec, TensorSpec]:
    if not getattr(model, "inputs", None):
        raise ModelError(
            f"'{path.name}' has no inputs of a known shape",
            "begin the model with keras.Input((28, 28, 1)), and save it again",
        )
    inputs = [describe.tensor(_name(tensor), tensor.shape, _dtype(tensor)) for tensor in model.inputs]
    # a Sequential of Keras 3 has no names for its outputs
    names = getattr(model, "output_names", None) or [model.layers[-1].name]
    outputs = [
        describe.tensor(name, tensor.shape, _dtype(tensor)) for name, tensor in zip(names, model.outputs, strict=True)
    ]
    return freeze.specification(path, inputs, outputs)


def _name(tensor: Any) -> str:
    return str(tensor.name).split(":")[0]


def _dtype(tensor: Any) -> str:
    return str(getattr(tensor.dtype, "name", tensor.dtype))


# ── from a file to a model ─────────────────────────────────────────────────────────────────────────────────────────


def _load(
    path: Path, allow_code: bool, only: Literal["keras", "tf_keras"] | None = None
) -> tuple[Literal["keras", "tf_keras"], Any]:
    """The framework that loaded the model at ``path``, and the model, not compiled. Raises ModelError.

    ``only`` one framework is tried where that is given, else the other one too.
    """
    if path.suffix.lower() in _REFUSED:
        told, hint = _REFUSED[path.suffix.lower()]
        raise ModelError(f"'{path.name}' {told}", hint)
    saved = archive.read(path)
    # what a model is compiled with never runs here, and a loss of one's own is no reason to refuse
    config = {key: value for key, value in saved.config.items() if key != "compile_config"}
    suspects = tuple(trust.in_config(config))
    if not suspects and (saved.container == "h5" or saved.is_keras_2):
        suspects = tuple(trust.in_config(config, _known_names()))
    if suspects and not allow_code:
        raise ModelError(
            f"'{path.name}' carries code: {suspects[0].what}",
            "if you trust where it comes from, allow it with --allow-code",
        )
    custom = _import_suspects(path, suspects)
    orders: tuple[Literal["keras", "tf_keras"], ...] = (
        ("tf_keras", "keras") if saved.is_keras_2 else ("keras", "tf_keras")
    )
    if only:
        orders = (only,)
    elif "hard_sigmoid" in str(config):
        orders = orders[:1]  # the other Keras has another function of that name, and would be wrong without a word
    errors: list[Exception] = []
    with _under_its_suffix(path, saved) as file:
        for framework in orders:
            try:
                return framework, _load_by(framework, file, saved, custom, allow_code)
            except (EdgeOptError, MemoryError):
                raise
            except Exception as error:  # a framework raises whatever it likes at a file that it did not write
                errors.append(error)
    raise ModelError(
        f"'{path.name}' cannot be loaded: {freeze.first_line(errors[0])}",
        f"it was saved by Keras {saved.version or 'of unknown version'}: load it there, and save a SavedModel of it",
    ) from errors[0]


def _load_by(
    framework: Literal["keras", "tf_keras"], file: Path, saved: Archive, custom: Mapping[str, Any], allow_code: bool
) -> Any:
    objects = dict(custom)
    if framework == "tf_keras":
        if name := wiring.stuck(saved.config):
            raise ValueError(f"the layer '{name}' waits for itself, or for one that is never called")
        loader = frameworks.tf_keras().models.load_model
    else:
        loader = frameworks.keras().saving.load_model
        if saved.container == "h5":
            objects = {**_without_groups(), **objects}
    return loader(str(file), custom_objects=objects, compile=False, safe_mode=not allow_code)


def _without_groups() -> dict[str, type]:
    """Depthwise layers that take the ``groups`` which Keras 2 wrote for them, and which Keras 3 does not know."""
    layers = frameworks.keras().layers

    def tolerant(kind: type) -> type:
        def make(self: Any, *arguments: Any, groups: int = 1, **options: Any) -> None:
            kind.__init__(self, *arguments, **options)  # type: ignore[misc]

        return type(kind.__name__, (kind,), {"__init__": make})

    return {kind.__name__: tolerant(kind) for kind in (layers.DepthwiseConv2D, layers.DepthwiseConv1D)}


def _known_names() -> set[str]:
    names = set(_INTERNAL)
    for package in (frameworks.keras(), frameworks.tf_keras()):
        for namespace in _NAMESPACES:
            names.update(dir(getattr(package, namespace, None)))
    return names


def _import_suspects(path: Path, suspects: tuple[trust.Suspect, ...]) -> dict[str, Any]:
    """The classes that an allowed model needs, by every name a configuration may use for them."""
    found = {}
    for suspect in suspects:
        if not suspect.module:
            continue
        try:
            kind = getattr(import_module(suspect.module), suspect.class_name)
        except (ImportError, AttributeError) as error:
            raise ModelError(
                f"'{path.name}' needs '{suspect.module}.{suspect.class_name}', which cannot be imported",
                "put that module on PYTHONPATH, or give the model as a SavedModel: model.export('folder')",
            ) from error
        found.update({suspect.class_name: kind, suspect.registered_name or suspect.class_name: kind})
    return found


@contextlib.contextmanager
def _under_its_suffix(path: Path, saved: Archive) -> Iterator[Path]:
    """``path``, or a link to it that ends as its content demands: Keras goes by the name."""
    suffix = path.suffix if saved.container == "h5" and path.suffix in {".h5", ".hdf5"} else f".{saved.container}"
    if path.suffix == suffix:
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="edge-opt-") as folder:
        link = Path(folder) / f"model{suffix}"
        link.symlink_to(path.resolve())
        yield link


frontend = KerasFrontend()
