"""AI Edge Quantizer: a float32 ``.tflite`` file → a quantized one, layer by layer, without TensorFlow."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_opt.errors import UnknownName
from edge_opt.exporters.tflite.activations import computed
from edge_opt.nets import tflite
from edge_opt.nets.conversion import imported
from edge_opt.nets.ranges import Ranges
from edge_opt.nets.tflite import Node
from edge_opt.types import Quantization

_PURPOSE = "quantizing a .tflite file"
_EVERYTHING = ".*"
_PORTS = (
    "(.*)"  # the same by another name, as rules are kept in the order of their first mention, and the last one holds
)
# TensorFlow's own limit: smaller weights are not worth the time that quantizing the activations takes at each run
_FEWEST_DYNAMIC_WEIGHTS = 1024


class Quantizer:
    """A float32 file and a quantization; static ones need ``batches`` ``(1, …)`` float32 to calibrate on."""

    def __init__(self, whole: Path, quantization: Quantization, batches: Sequence[NDArray[np.float32]] = ()) -> None:
        os.environ.setdefault("TQDM_DISABLE", "1")
        self._tool = imported("ai_edge_quantizer.quantizer", "ai-edge-quantizer", "quantize", _PURPOSE)
        self._words = imported("ai_edge_quantizer.qtyping", "ai-edge-quantizer", "quantize", _PURPOSE)
        self.whole, self.quantization = whole, quantization
        self.graph = tflite.read(whole)
        self._content = _with_signatures(whole)
        self.ranges = Ranges(only_extremes=quantization.range_method == "min_max")
        self._float = self._with_followers(self._nodes(quantization.keep_float))
        self._wide = self._with_followers(self._nodes(quantization.wide))
        if quantization.mode == "static":
            for name, values in computed(whole, self.graph, batches):
                self.ranges.add(name, values)

    def content(self) -> bytes:
        """The quantized file, what ``keep_float`` names in float and what ``wide`` names with 16-bit activations."""
        work, kinds = self._work(), self._words.TFLOperationName
        self._add(work, _EVERYTHING, self.quantization.activation_bits)
        if self.quantization.mode == "dynamic":
            # tflite-runtime 2.14 would take the first scale of a dense layer for all its channels, without a word
            tensor = self._words.QuantGranularity.TENSORWISE
            work.add_dynamic_config(_EVERYTHING, kinds.FULLY_CONNECTED, num_bits=8, granularity=tensor)
        for node in self._wide:
            self._add(work, self._scope(node), 16)
        for node in (*self._float, *self._too_small()):
            self._exclude(work, self._scope(node), kinds.ALL_SUPPORTED)
        return self._quantized(work)

    def alone(self, node: Node) -> bytes:
        """The file in which nothing is quantized but ``node``, what it reads and what it writes."""
        work = self._work()
        self._add(work, self._scope(node), self.quantization.activation_bits)
        return self._quantized(work)

    def can(self, node: Node) -> bool:
        """Whether ``node`` would be quantized at all: of some operators there are only float ones."""
        codes = imported("ai_edge_quantizer.utils.tfl_flatbuffer_utils", "ai-edge-quantizer", "quantize", _PURPOSE)
        schema = imported("ai_edge_litert.schema_py_generated", "ai-edge-litert", "litert", _PURPOSE)
        kind = codes.TFL_OP_CODE_TO_NAME.get(getattr(schema.BuiltinOperator, node.kind))
        if kind is None:
            return False
        work = self._work()
        self._add(work, _EVERYTHING, self.quantization.activation_bits)
        rule, _ = work._recipe_manager.get_quantization_configs(kind, self._scope(node))
        return bool(rule != self._tool.AlgorithmName.NO_QUANTIZE)

    def range(self, place: int) -> tuple[float, float]:
        """The range that calibration gives to the tensor at ``place``."""
        bits = self.quantization.activation_bits
        # what is read or written with 16 bits needs no trade between range and steps
        wide = any(place in (*node.inputs, *node.outputs) for node in self._wide)
        method = "min_max" if wide else self.quantization.range_method
        return self.ranges.of(self.graph.tensors[place].name, method, bits, bits == 16)

    # ── AI Edge Quantizer's own words ──────────────────────────────────────────────────────────────────────────────

    def _work(self) -> Any:
        return self._tool.Quantizer(self._content)

    def _add(self, work: Any, scope: str, activation_bits: int) -> None:
        everything, rules = self._words.TFLOperationName.ALL_SUPPORTED, self._tool.AlgorithmName
        tensor, channel = self._words.QuantGranularity.TENSORWISE, self._words.QuantGranularity.CHANNELWISE
        granularity = channel if self.quantization.granularity == "per_channel" else tensor
        if self.quantization.mode == "float16":
            work.add_weight_only_config(scope, everything, 16, tensor, rules.FLOAT_CASTING)
        elif self.quantization.mode == "weight_only":
            work.add_weight_only_config(scope, everything, 8, granularity)
        elif self.quantization.mode == "dynamic":
            work.add_dynamic_config(scope, everything, 8, granularity)
        else:
            work.add_static_config(scope, everything, activation_bits, 8, granularity)

    def _exclude(self, work: Any, scope: str, kind: Any) -> None:
        work.update_quantization_recipe(scope, kind, algorithm_key=self._tool.AlgorithmName.NO_QUANTIZE)

    def _quantized(self, work: Any) -> bytes:
        for port in (self._words.TFLOperationName.INPUT, self._words.TFLOperationName.OUTPUT):  # stay float32
            self._exclude(work, _PORTS, port)
        seen = {}
        if self.quantization.mode == "static":
            names = set(self.ranges.names)
            for place, tensor in enumerate(self.graph.tensors):
                if tensor.name in names:
                    low, high = self.range(place)
                    seen[tensor.name] = {"min": np.array([low], np.float32), "max": np.array([high], np.float32)}
        return bytes(work.quantize(seen or None, enable_progress_report=False).quantized_model)

    def _scope(self, node: Node) -> str:
        names = [self.graph.tensors[place].name for place in node.outputs if place >= 0]
        return "^" + re.escape("".join(f"{name};" for name in names)) + "$"

    # ── which operators ────────────────────────────────────────────────────────────────────────────────────────────

    def _nodes(self, names: Iterable[str]) -> list[Node]:
        known = self.graph.layer_names()
        whole = {self.graph.tensors[node.outputs[0]].name: node for node in known.values()}
        for name in names:
            if name not in known and name not in whole:
                raise UnknownName.among("layer", name, known)
        return [known[name] if name in known else whole[name] for name in names]

    def _with_followers(self, chosen: Collection[Node]) -> list[Node]:
        """``chosen``, and the operators without weights that read nothing but what those write.

        A softmax in 8 bits after a dense layer in float would round what the float was kept for.
        """
        found = list(chosen)
        written = {place for node in chosen for place in node.outputs}
        for node in self.graph.nodes if chosen else ():
            read = self.graph.activations(node)
            if node not in found and read and written.issuperset(read) and not self.graph.bears_weights(node):
                found.append(node)
                written.update(node.outputs)
        return found

    def _too_small(self) -> list[Node]:
        if self.quantization.mode != "dynamic":
            return []

        def largest(node: Node) -> int:
            stored = [self.graph.tensors[place] for place in node.inputs if place >= 0]
            return max((tensor.elements for tensor in stored if tensor.weights), default=0)

        return [node for node in self.graph.nodes if largest(node) < _FEWEST_DYNAMIC_WEIGHTS]


def _with_signatures(whole: Path) -> bytes:
    """The file, with a list of signatures, if only an empty one: files of old converters have none at all."""
    model = tflite.load(whole)
    if model.signatureDefs is not None:
        return whole.read_bytes()
    model.signatureDefs = []
    return tflite.packed(model)
