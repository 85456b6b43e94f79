"""Every tensor that a float ``.tflite`` file computes on its way from the input to the answer."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_opt.nets.conversion import imported
from edge_opt.nets.tflite import Graph


class Watched:
    """A model in LiteRT that keeps what it computes in between: :meth:`run`, then :meth:`tensor`."""

    def __init__(self, content: bytes) -> None:
        module = imported("ai_edge_litert.interpreter", "ai-edge-litert", "litert", "running a .tflite file")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # says that this takes memory
            # one thread: sums have one order, and exports run side by side
            self._run = module.Interpreter(model_content=content, num_threads=1, experimental_preserve_all_tensors=True)
        self._run.allocate_tensors()
        self._given = self._run.get_input_details()[0]["index"]

    def run(self, batch: NDArray[Any]) -> None:
        """Compute the answer to ``batch`` ``(1, …)`` float32."""
        self._run.set_tensor(self._given, batch)
        self._run.invoke()

    def tensor(self, place: int) -> NDArray[Any]:
        """A copy of the tensor at ``place`` of the file. Raises ValueError where nothing was computed there."""
        found: NDArray[Any] = self._run.get_tensor(place)
        return found


def computed(path: Path, graph: Graph, batches: Iterable[NDArray[np.float32]]) -> Iterator[tuple[str, NDArray[Any]]]:
    """The name and the values of each float tensor of ``graph``, the input too, for one batch after another."""
    model = Watched(path.read_bytes())
    written = (place for node in graph.nodes for place in node.outputs)
    places = [
        place
        for place in dict.fromkeys((*graph.inputs, *written))
        if place >= 0 and graph.tensors[place].dtype == "float32" and not graph.tensors[place].constant
    ]
    for batch in batches:
        model.run(batch)
        for place in places:
            yield graph.tensors[place].name, model.tensor(place)
