"""What follows what in a network: from one call on to the next, as long as nothing else reads what is between them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Any

from edge_opt.nets import frameworks
from edge_opt.nets.graph import Call, Graph, Tensor

# what changes each value by itself, or by its channel, and leaves the shape as it is
_POINTWISE = frozenset(
    """BatchNormalization Activation ReLU LeakyReLU ELU Dropout SpatialDropout1D SpatialDropout2D SpatialDropout3D
    GaussianNoise GaussianDropout AlphaDropout ActivityRegularization Identity Relu Relu6 Sigmoid Silu HardSigmoid
    HardSilu LeakyRelu Elu Selu Gelu Tanh""".split()  # noqa: SIM905
)


class Chains:
    """Who reads each tensor of a graph, and which layers are called once."""

    def __init__(self, graph: Graph) -> None:
        self._readers: dict[int, list[Call]] = defaultdict(list)
        for call in graph.calls:
            for tensor in call.inputs:
                self._readers[id(tensor)].append(call)
        self._calls = Counter(id(call.operation) for call in graph.calls)
        self._answers = {id(tensor) for tensor in frameworks.keras().tree.flatten(graph.flat.outputs)}

    def once(self, call: Call) -> bool:
        """Whether its layer is called nowhere else, and has one answer."""
        return self._calls[id(call.operation)] == 1 and len(call.outputs) == 1

    def answers(self, tensor: Tensor) -> bool:
        """Whether ``tensor`` is one that the model answers with."""
        return id(tensor) in self._answers

    def readers(self, tensor: Tensor) -> tuple[Call, ...]:
        """The calls that read ``tensor``, each as often as it does."""
        return tuple(self._readers[id(tensor)])

    def after(self, call: Call) -> Iterator[Call]:
        """The calls behind ``call``, each the only one to read what the one before answers and reading nothing else."""
        while len(call.outputs) == 1 and not self.answers(call.outputs[0]):
            readers = self.readers(call.outputs[0])
            if len(readers) != 1 or not self.once(readers[0]) or len(readers[0].inputs) != 1:
                return
            (call,) = readers
            yield call


def pointwise(call: Call) -> bool:
    """Whether it changes each value by itself or by its channel, the last axis, and leaves all where they are."""
    if call.kind not in _POINTWISE or call.inputs[0].shape != call.outputs[0].shape:
        return False
    axis: Any = getattr(call.operation, "axis", -1) if call.kind == "BatchNormalization" else -1
    return bool(axis in (-1, len(call.inputs[0].shape) - 1))
