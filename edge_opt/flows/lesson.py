"""What networks are trained on in a run: the training split as the model sees it, without what judges; or why not."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from edge_opt import units
from edge_opt.errors import DataError, InputError
from edge_opt.flows.prepare import counting, frontend_of
from edge_opt.flows.workbench import Workbench
from edge_opt.inputs import dataset as datasets
from edge_opt.inputs import preprocess
from edge_opt.types import ArrayPreprocessing, Finding, Lesson

NET = "net "  # before the name of a network: its key in the journal
MOST_BYTES = 4 * 2**30  # of training inputs on the disk, as float32
FEWEST = 100
LEAST_S = 15.0  # a shorter training only spoils a network
_FINDINGS = "findings on the training samples"
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
            why=f"only Keras models can be changed, and '{given.model.path.name}' is not one",
            hint="give the Keras model that it was made from, as .keras or .h5",
        )
    train = given.data.train
    if train is None or len(given.data.splits) == 1:
        return Untaught(why=f"it has to be trained, and '{given.data.path}' has no training split", hint=_NEEDED)
    if len(train) < FEWEST:
        few = units.format_count(len(train))
        return Untaught(why=f"it has to be trained, and {few} training samples are too few", hint=_NEEDED)
    return None


def require(bench: Workbench) -> None:
    """Nothing; raises InputError where a recipe that was asked for needs a network that cannot be made here."""
    if not bench.request.as_asked:
        return
    asked = next((one.name for one in bench.request.recipes if one.passes), "")
    if asked and (why := untaught(bench)):
        raise InputError(f"the recipe '{asked}' makes a smaller network: {why.why}", why.hint)


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
    if len(places) < FEWEST:
        raise DataError(
            f"'{given.data.path}' has only {len(places)} training samples that do not also stand in another split",
            "keep the splits apart",
        )
    rng = np.random.default_rng(bench.request.seed)
    late: list[Finding] = []
    if len(places) > (most := _most(bench)):
        late.append(_part(len(places), most))
        places = places[datasets.stratified(train.labels[places], most, rng)]
    # folders list class by class, and some things are known by the first so many
    samples = train.take(rng.permutation(places))
    inputs, labels = run.scratch("training.npy"), run.scratch("training-labels.npy")
    if not inputs.exists():
        preprocess.prepare(
            given.contract, samples, inputs, counting(bench.watch, "preprocess", "training"), late.append
        )
        np.save(labels, samples.labels)
        run.once(_FINDINGS, tuple[Finding, ...], lambda: tuple(late))
    selection_labels = run.scratch("selection-labels.npy")
    np.save(selection_labels, given.labels("selection", run))
    return Lesson(
        inputs=inputs,
        labels=labels if given.summary.labelled else None,
        selection=given.selection,
        selection_labels=selection_labels,
        picture=_picture(bench),
    )


def findings(bench: Workbench) -> tuple[Finding, ...]:
    """What came up when the training samples were made ready."""
    found: tuple[Finding, ...] = bench.run.known(_FINDINGS, tuple[Finding, ...], ())
    return found


def training_bytes(bench: Workbench) -> int:
    """The room that the training samples take on the disk of the run."""
    train = bench.given.data.train
    return min(len(train) if train is not None else 0, _most(bench)) * _sample_bytes(bench)


def _most(bench: Workbench) -> int:
    return max(FEWEST, MOST_BYTES // _sample_bytes(bench))


def _sample_bytes(bench: Workbench) -> int:
    return 4 * math.prod(size or 1 for size in bench.given.model.inputs[0].shape)


def _part(count: int, most: int) -> Finding:
    total, part = units.format_count(count), units.format_count(most)
    return Finding(
        code="EO423",
        level="info",
        message=f"smaller networks are trained on {part} of {total} training samples, as many as "
        f"{units.format_bytes(MOST_BYTES)} hold",
        hint="nothing to do; every class keeps its share",
    )


def _picture(bench: Workbench) -> tuple[int, int] | None:
    contract = bench.given.contract
    if isinstance(contract, ArrayPreprocessing):
        return None
    return (2, 3) if contract.layout == "NCHW" else (1, 2)
