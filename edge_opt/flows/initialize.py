"""The preprocessing contract, written beside the data, and ten pictures as the model will see them."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

from edge_opt import registry
from edge_opt.flows.prepare import classes_of, contract_of, frontend_of
from edge_opt.inputs import dataset as datasets
from edge_opt.inputs import preprocess
from edge_opt.results import preview
from edge_opt.types import Finding, Model, Preprocessing, Step, Watch


@dataclass(frozen=True, kw_only=True)
class Initialized:
    """The contract, the file that holds it, and the picture of ten samples as the model will see them."""

    contract: Preprocessing
    path: Path
    preview: Path
    findings: tuple[Finding, ...]


def initialize(
    data_path: Path,
    model_path: Path | None,
    *,
    allow_code: bool,
    executor: registry.Executor,
    watch: Watch,
) -> Initialized:
    """The contract that lies beside the data; where there is none, the one the model's accuracy supports, now written.

    Without a model it is an assumption, which a finding says: the pictures' own size, and pixels divided by 255.
    """
    watch(Step(stage="init", what="reading the data", done=0, total=3))
    data = datasets.read(data_path)
    samples = data.validation or data.test or data.train
    assert samples is not None
    written = preprocess.read(data_path)
    if written:
        contract, found = written, tuple[Finding, ...]()
    elif model_path is None:
        contract, found = _assumed(samples)
    else:
        watch(Step(stage="init", what="trying the likely contracts", done=1, total=3))
        contract, found = _supported(data_path, data, samples, model_path, executor, allow_code)
    path = preprocess.contract_path(data_path) if written else preprocess.write(contract, data_path)
    watch(Step(stage="init", what="drawing ten pictures", done=2, total=3))
    drawn = preview.sheet(contract, samples, data.classes, path.with_suffix(".png"))
    return Initialized(contract=contract, path=path, preview=drawn, findings=(*data.findings, *found))


def _supported(
    data_path: Path,
    data: datasets.Dataset,
    samples: datasets.Samples,
    model_path: Path,
    executor: registry.Executor,
    allow_code: bool,
) -> tuple[Preprocessing, tuple[Finding, ...]]:
    frontend = frontend_of(model_path)
    with tempfile.TemporaryDirectory(prefix="edge-opt-") as folder:
        model: Model = executor.submit(frontend.prepare, model_path, Path(folder) / "saved_model", allow_code).result()

    def predict(inputs: registry.Array) -> registry.Array:
        outputs: registry.Array = executor.submit(frontend.predict, model_path, inputs, allow_code).result()
        return outputs

    fits = datasets.check_outputs(data, classes_of(model.outputs[0]))
    contract, found = contract_of(data_path, model.inputs[0], samples, predict)
    return contract, (*fits, *found)


def _assumed(samples: datasets.Samples) -> tuple[Preprocessing, tuple[Finding, ...]]:
    height, width, channels = samples.image(0).shape
    contract = Preprocessing(
        color="gray" if channels == 1 else "rgb", height=height, width=width, scale=(1 / 255,), offset=(0.0,)
    )
    finding = Finding(
        code="EO120",
        level="warning",
        message=f"without a model the contract is assumed: {preprocess.describe(contract)}",
        hint="give the model too ('edge-opt init DATA MODEL'), or edit the file to what the training did",
    )
    return contract, (finding,)
