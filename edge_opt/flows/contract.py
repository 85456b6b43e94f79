"""The preprocessing contract of a data set: the one that was written, or what the accuracy of the model supports."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge_opt import registry
from edge_opt.errors import DataError
from edge_opt.inputs import dataset as datasets
from edge_opt.inputs import preprocess
from edge_opt.stages import contract as contracts
from edge_opt.store import Run
from edge_opt.types import ArrayPreprocessing, Contract, Finding, Step, TensorSpec, Watch

# A wrong contract costs 10 to 80 points, seldom fewer: a few pictures rule most of them out, more tell the rest apart.
_FIRST_SAMPLES, _CONTRACT_SAMPLES = 150, 1000
_CONTRACT_BYTES = 1_000_000_000  # of the scratch folder, for the inputs under all contracts together

# the answers (n, classes) to each ``.npy`` of (n, …) float32
Predict = Callable[[Sequence[Path]], list[registry.Array]]


def contract_of(
    data: datasets.Dataset,
    spec: TensorSpec,
    samples: datasets.Samples,
    predict: Predict,
    run: Run,
    watch: Watch,
    model: Path | None = None,
) -> tuple[Contract, tuple[Finding, ...]]:
    """The contract that lies beside the data; else the likely one that the accuracy supports, with a finding.

    ``spec`` is the model's input, ``samples`` some of the data. All likely contracts are tried on a few of them, and on
    more those that the few cannot tell apart. Raises DataError where neither can be, and where there are no labels to
    tell several apart by: its hint names the file ``model``.
    """
    written = written_for(data)
    if written:
        preprocess.check(written, spec, preprocess.contract_path(data.path))
        return written, ()
    few = samples.take(_spread(samples.labels, _FIRST_SAMPLES))
    likely = likely_for(data, spec, few)
    if not data.labelled:
        if len(likely) > 1:
            raise contracts.unguessable(data.path, model, likely)
        return likely[0], (contracts.only(likely[0]),)
    watch(Step(stage="preprocess", what=f"trying {len(likely)} likely contracts", done=0, total=len(likely)))
    late: list[Finding] = []
    few = few.take(_spread(few.labels, _affordable(likely)))
    correct = _tried(likely, few, predict, run, late)
    finalists = contracts.finalists(correct)
    more = samples.take(_spread(samples.labels, min(_CONTRACT_SAMPLES, _affordable(finalists))))
    if len(finalists) > 1 and len(more) > len(few):
        watch(Step(stage="preprocess", what=f"telling {len(finalists)} contracts apart", done=1, total=len(likely)))
        few, late = more, []
        correct = _tried(finalists, few, predict, run, late)
    commonest = np.bincount(few.labels).max() / len(few)
    choice = contracts.choose(correct, float(commonest), len(likely))
    return choice.contract, (*choice.findings, *late)


def written_for(data: datasets.Dataset) -> Contract | None:
    """The contract beside the data, if any. Raises DataError where it is for pictures and the data are none."""
    written = preprocess.read(data.path)
    if isinstance(written, ArrayPreprocessing) and data.kind == "picture":
        raise DataError(
            f"the contract '{preprocess.contract_path(data.path)}' is for arrays, and '{data.path}' holds pictures",
            "move it away, and let 'edge-opt init' write another one",
        )
    return written


def likely_for(data: datasets.Dataset, spec: TensorSpec, few: datasets.Samples) -> tuple[Contract, ...]:
    """The contracts worth trying; what scales arrays is taken from the samples that the model was trained on."""
    return preprocess.likely(spec, few) if data.kind == "picture" else preprocess.likely_arrays(spec, data.train or few)


def tried_under(
    contract: Contract,
    data: datasets.Dataset,
    spec: TensorSpec,
    samples: datasets.Samples,
    predict: Predict,
    run: Run,
) -> Mapping[Contract, NDArray[np.bool_]]:
    """Whether each of some ``samples`` is answered rightly under ``contract``, the first, and under the likely ones."""
    few = samples.take(_spread(samples.labels, _FIRST_SAMPLES))
    every = tuple(dict.fromkeys((contract, *likely_for(data, spec, few))))
    few = samples.take(_spread(samples.labels, min(_CONTRACT_SAMPLES, _affordable(every))))
    return _tried(every, few, predict, run, [])


def _affordable(likely: Sequence[Contract]) -> int:
    """How many samples may lie in the scratch folder under all those contracts at once."""
    row_bytes = 4 * int(np.prod(preprocess.shape(likely[0])))
    return max(1, _CONTRACT_BYTES // (row_bytes * len(likely)))


def _tried(
    likely: Sequence[Contract], samples: datasets.Samples, predict: Predict, run: Run, late: list[Finding]
) -> Mapping[Contract, NDArray[np.bool_]]:
    """Whether each sample is classified rightly under each contract."""
    files = {run.scratch(f"likely-{index}.npy"): contract for index, contract in enumerate(likely)}
    try:
        preprocess.prepare_each(files, samples, warn=late.append)
        answers = predict(tuple(files))
    finally:
        for path in files:
            path.unlink(missing_ok=True)
    return {contract: answer.argmax(axis=1) == samples.labels for contract, answer in zip(likely, answers, strict=True)}


def _spread(labels: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """At most ``count`` indices, evenly over the samples in the order of their labels: every class is met."""
    by_label = np.argsort(labels, kind="stable")
    return by_label[np.unique(np.linspace(0, len(labels) - 1, min(count, len(labels))).astype(np.int64))]
