"""What networks are trained on in a run: the training split as the model sees it, without what judges; or why not."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from edge_opt import units
from edge_opt.errors import DataError
from edge_opt.flows.prepare import counting, frontend_of
from edge_opt.flows.workbench import Workbench
from edge_opt.inputs import dataset as datasets
from edge_opt.inputs import preprocess
from edge_opt.types import ArrayPreprocessing, Finding, Lesson

NET = "net "  # before the name of a network: its key in the journal
MOST_BYTES = 4 * 2**30  # of training inputs on the disk, as float32
FEWEST = 100
_NEEDED = (
    "give data with a training split: x_train and y_train in an .npz, a folder train/, or the split 'train' in a .csv"
)


@dataclass(frozen=True, kw_only=True)
class Untaught:
    """Why no network can be trained here, and what it takes."""

    why: str
    hint: str


def untaught(bench: Workbench) -> Untaught | None:
    """Why passes cannot be tried with this model and these data; None where they can."""
    given = bench.given
    if not hasattr(frontend_of(bench.request.model), "network"):
        return Untaught(
            why=f"passes change Keras models, and '{given.model.path.name}' is none",
            hint="give the Keras model that it was made from, as .keras or .h5",
        )
    train = given.data.train
    if train is None or len(given.data.splits) == 1:
        return Untaught(
            why=f"passes train the network again, and '{given.data.path}' has no training split", hint=_NEEDED
        )
    if len(train) < FEWEST:
        few = units.format_count(len(train))
        return Untaught(why=f"passes train the network again, and {few} training samples are too few", hint=_NEEDED)
    return None


def lesson_of(bench: Workbench) -> Lesson:
    """The training samples, written as the model sees them, and those of the selection split that stop the training.

    What also stands in the certification or the selection split is left out. Raises DataError where nothing is left.
    """
    given, run = bench.given, bench.run
    train = given.data.train
    assert train is not None, "untaught() says so"
    seen = {
        i for judge in (given.splits.certification, given.splits.selection) for i, _ in datasets.copies(train, judge)
    }
    places = np.array([i for i in range(len(train)) if i not in seen], np.int64)
    most = max(FEWEST, MOST_BYTES // (4 * math.prod(size or 1 for size in given.model.inputs[0].shape)))
    if len(places) > most:
        rng = np.random.default_rng(bench.request.seed)
        places = places[datasets.stratified(train.labels[places], most, rng)]
    if not len(places):
        raise DataError(
            f"every training sample of '{given.data.path}' also stands in the split that judges",
            "keep the splits apart",
        )
    samples = train.take(places)
    inputs, labels = run.scratch("training.npy"), run.scratch("training-labels.npy")
    if not inputs.exists():
        late: list[Finding] = []
        preprocess.prepare(
            given.contract, samples, inputs, counting(bench.watch, "preprocess", "training"), late.append
        )
        np.save(labels, samples.labels)
    selection_labels = run.scratch("selection-labels.npy")
    np.save(selection_labels, given.labels("selection", run))
    return Lesson(
        inputs=inputs,
        labels=labels if given.summary.labelled else None,
        selection=given.selection,
        selection_labels=selection_labels,
        picture=_picture(bench),
    )


def _picture(bench: Workbench) -> tuple[int, int] | None:
    contract = bench.given.contract
    if isinstance(contract, ArrayPreprocessing):
        return None
    return (2, 3) if contract.layout == "NCHW" else (1, 2)
