"""``.tflite`` files by LiteRT, or by its predecessors where only one of those is installed; XNNPACK is on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from importlib.metadata import version
from typing import Any

FORMATS = ("tflite",)
PACKAGES = ("ai_edge_litert", "tflite_runtime", "tensorflow")
INSTALL = "ai-edge-litert"

_CONVERTING = ("QUANTIZE", "DEQUANTIZE")
_WEIGHTED = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "TRANSPOSE_CONV")
_INTERPRETERS = {
    "ai_edge_litert.interpreter": "ai-edge-litert",
    "tflite_runtime.interpreter": "tflite-runtime",
    "tensorflow.lite.python.interpreter": "tensorflow",
}


def options(isa: Sequence[str]) -> tuple[Mapping[str, str], ...]:
    """The one way to run: LiteRT chooses its kernels by the processor, and cannot be told otherwise."""
    return ({},)


def package() -> Any:
    """The module that holds the interpreter, and the distribution it came from. Raises ModuleNotFoundError."""
    for module, distribution in _INTERPRETERS.items():
        try:
            return import_module(module), distribution
        except ModuleNotFoundError as error:
            # another missing module is a broken installation, and its own message says more than ours would
            if error.name not in (module, module.partition(".")[0]):
                raise
    raise ModuleNotFoundError(f"No module named '{PACKAGES[0]}'", name=PACKAGES[0])


def open(path: str, threads: int, options: Mapping[str, str]) -> Session:
    """The session of the model at ``path``, its tensors allocated and its weights packed."""
    if options:
        raise ValueError(f"litert has no option '{next(iter(options))}'")
    module, distribution = package()
    return Session(module.Interpreter(model_path=path, num_threads=threads), f"{distribution} {version(distribution)}")


class Session:
    """A loaded model; :meth:`run` takes and gives arrays in the order of ``inputs`` and ``outputs``."""

    def __init__(self, interpreter: Any, version: str) -> None:
        interpreter.allocate_tensors()
        given, answered = interpreter.get_input_details(), interpreter.get_output_details()
        self.version = version
        self.inputs = [_spec(one) for one in given]
        self.outputs = [_spec(one) for one in answered]
        self._interpreter = interpreter
        self._set, self._invoke, self._get = interpreter.set_tensor, interpreter.invoke, interpreter.get_tensor
        self._given = [one["index"] for one in given]
        self._answered = [one["index"] for one in answered]
        self._single = len(given) == len(answered) == 1
        self._first_given, self._first_answered = self._given[0], self._answered[0]

    def run(self, arrays: list[Any]) -> list[Any]:
        """The outputs for one batch, as copies that stay what they are."""
        if self._single:  # spelled out: loops of one would add a microsecond to models that take ten
            self._set(self._first_given, arrays[0])
            self._invoke()
            return [self._get(self._first_answered)]
        for index, array in zip(self._given, arrays):  # noqa: B905
            self._set(index, array)
        self._invoke()
        return [self._get(index) for index in self._answered]

    @property
    def executed(self) -> dict[str, str]:
        """How much of the graph the XNNPACK delegate runs: the rest falls to LiteRT's own, slower kernels."""
        plain, delegates = self._graph()
        if not plain:
            return {}
        taken = len(_delegated(plain, delegates))
        return {"delegate": "XNNPACK" if taken else "none", "delegated": f"{taken} of {len(plain)} operators"}

    def operators(self) -> list[dict[str, Any]]:
        """The operators in order: the precision that their tensors ask for, and what runs them.

        Without times: LiteRT's Python interface has no profiler of operators.
        """
        plain, delegates = self._graph()
        taken = _delegated(plain, delegates)
        tensors = {one["index"]: one for one in self._interpreter.get_tensor_details()}
        return [
            {
                "name": tensors[int(one["outputs"][0])]["name"] if len(one["outputs"]) else "",
                "kind": one["op_name"],
                "precision": _precision(one, tensors),
                "placement": "XNNPACK" if one["index"] in taken else "LiteRT",
                "median_ns": None,
            }
            for one in plain
        ]

    def _graph(self) -> tuple[list[Any], list[Any]]:
        """The operators of the model, and the delegates that stand in for some of them."""
        look = getattr(self._interpreter, "_get_ops_details", None)
        operators = look() if look else []  # the very old ones do not tell
        delegates = [one for one in operators if one["op_name"] == "DELEGATE"]
        return [one for one in operators if one["op_name"] != "DELEGATE"], delegates


def _precision(operator: Mapping[str, Any], tensors: Mapping[int, Any]) -> str:
    """In which numbers an operator computes; with integer weights a float input is quantized at every inference."""
    import numpy as np

    if operator["op_name"] in _CONVERTING:  # from float, or to it: a multiplication by a float scale either way
        return "float32"
    given = [tensors[int(one)] for one in (*operator["inputs"], *operator["outputs"]) if int(one) in tensors]
    types = [np.dtype(one["dtype"]).name for one in given]
    if operator["op_name"] in _WEIGHTED and types[1:2] == ["int8"] and types[0] == "float32":
        return "int8"
    return {"uint8": "int8"}.get(types[0], types[0]) if types else ""


def _delegated(plain: list[Any], delegates: list[Any]) -> set[int]:
    """The operators that lie between the inputs and the outputs of a delegate: those that it has replaced."""
    maker = {int(tensor): one for one in plain for tensor in one["outputs"]}
    taken: set[int] = set()
    for delegate in delegates:
        stop = {int(tensor) for tensor in delegate["inputs"]}
        open_ends = [int(tensor) for tensor in delegate["outputs"]]
        while open_ends:
            tensor = open_ends.pop()
            one = maker.get(tensor)
            if tensor in stop or one is None or one["index"] in taken:
                continue
            taken.add(one["index"])
            open_ends.extend(int(tensor) for tensor in one["inputs"])
    return taken


def _spec(details: Mapping[str, Any]) -> dict[str, Any]:
    import numpy as np

    quantized = details["quantization_parameters"]
    one_scale = len(quantized["scales"]) == 1
    return {
        "name": details["name"],
        "shape": [None if size < 0 else int(size) for size in details["shape_signature"]],
        "dtype": np.dtype(details["dtype"]).name,
        "layout": "",
        "scale": float(quantized["scales"][0]) if one_scale else None,
        "zero_point": int(quantized["zero_points"][0]) if one_scale else None,
    }
