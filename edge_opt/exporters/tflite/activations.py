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


class Running:
    """A model in LiteRT; where it is ``watched``, it keeps what it computes in between, at the cost of its memory."""

    def __init__(self, content: bytes, watched: bool = False) -> None:
        module = imported("ai_edge_litert.interpreter", "ai-edge-litert", "litert", "running a .tflite file")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # says that this takes memory
            # one thread: sums have one order, and exports run side by side
            self._run = module.Interpreter(
                model_content=content, num_threads=1, experimental_preserve_all_tensors=watched
            )
        self._run.allocate_tensors()
        self._given = self._run.get_input_details()[0]["index"]
        self._answered = self._run.get_output_details()[0]["index"]

    def answer(self, batch: NDArray[Any]) -> NDArray[Any]:
        """What the model answers to ``batch`` ``(1, …)`` float32."""
        self._run.set_tensor(self._given, batch)
        self._run.invoke()
        return self.tensor(self._answered)

    def tensor(self, place: int) -> NDArray[Any]:
        """A copy of the tensor at ``place`` of the file."""
        found: NDArray[Any] = self._run.get_tensor(place)
        return found


def computed(path: Path, graph: Graph, batches: Iterable[NDArray[np.float32]]) -> Iterator[tuple[str, NDArray[Any]]]:
    """The name and the values of each float tensor of ``graph``, the input too, for one batch after another."""
    model = Running(path.read_bytes(), watched=True)
    written = (place for node in graph.nodes for place in node.outputs)
    places = [
        place
        for place in dict.fromkeys((*graph.inputs, *written))
        if place >= 0 and graph.tensors[place].dtype == "float32" and not graph.tensors[place].constant
    ]
    for batch in batches:
        model.answer(batch)
        for place in places:
            yield graph.tensors[place].name, model.tensor(place)
