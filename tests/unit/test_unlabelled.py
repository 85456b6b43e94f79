"""Data without labels: what is counted is agreement, said so, and nothing is guessed that only labels can tell."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edge_opt.errors import DataError
from edge_opt.flows.contract import contract_of
from edge_opt.flows.given import temporary
from edge_opt.flows.initialize import initialize
from edge_opt.flows.prepare import prepare
from edge_opt.inputs import dataset
from edge_opt.results.export import record
from edge_opt.results.report import render
from edge_opt.stages.contract import unlabelled
from edge_opt.types import ArrayPreprocessing, TensorSpec
from tests import samples, stack
from tests.fakes import FakeExecutor, truth


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The data of the fake stack, without labels, with their contract."""
    stack.installed(monkeypatch)
    (tmp_path / "model.fake").write_bytes(b"weights")
    path = stack.data_set(tmp_path, 400)
    arrays = dict(np.load(path))
    np.savez(path, **{name: values for name, values in arrays.items() if name.startswith("x_")})
    return path


def test_the_answers_of_the_framework_stand_in_for_labels_on_each_split(data: Path) -> None:
    with temporary() as run:
        given = prepare(
            data.with_name("model.fake"), data, run, FakeExecutor(), seed=0, allow_code=False, watch=lambda _: None
        )
        assert not given.summary.labelled
        assert given.summary.classes == ("0", "1", "2")
        assert (given.metric, given.original.accuracy.value) == ("agreement", 1.0)
        for split in ("selection", "certification"):
            inputs = np.concatenate([np.load(path) for _, path in given.inputs(split, run)])  # type: ignore[arg-type]
            answers = truth(inputs, stack.CLASSES).argmax(axis=1)
            np.testing.assert_array_equal(given.labels(split, run), answers)  # type: ignore[arg-type]
            assert len(set(answers.tolist())) == 3
        assert run.finished("answers of the framework on certification")
        assert [finding.code for finding in given.findings(run)] == ["EO111", "EO122"]


def test_without_a_contract_several_likely_ones_are_an_error_and_one_is_taken(data: Path) -> None:
    data.with_name("data.preprocessing.toml").unlink()
    found = dataset.read(data, taken=stack.INPUT.shape[1:])
    assert found.validation is not None
    with temporary() as run:
        with pytest.raises(DataError, match="has neither labels nor a preprocessing contract") as caught:
            contract_of(found, stack.INPUT, found.validation, lambda _: [], run, lambda _: None, Path("m.keras"))
        assert f"edge-opt init {found.path} m.keras" in caught.value.hint
        whole = TensorSpec(name="x", shape=(None, 8, 8, 1), dtype="uint8", layout="NHWC")
        _, findings = contract_of(found, whole, found.validation, lambda _: [], run, lambda _: None)
    assert [finding.code for finding in findings] == ["EO123"]


def test_init_writes_the_commonest_contract_as_an_assumption(data: Path) -> None:
    data.with_name("data.preprocessing.toml").unlink()
    with temporary() as run:
        made = initialize(
            data, data.with_name("model.fake"), allow_code=False, run=run, executor=FakeExecutor(), watch=lambda _: None
        )
    assert made.path.exists()
    (finding,) = (finding for finding in made.findings if finding.code == "EO120")
    assert "without labels" in finding.message
    assert "also likely" in finding.message


def test_one_answer_to_nearly_everything_is_doubted() -> None:
    mostly = np.where(np.arange(1000) < 20, 1, 0)
    assert [one.code for one in unlabelled(mostly, ("a", "b"), "it")] == ["EO122", "EO125"]
    assert [one.code for one in unlabelled(np.arange(1000) % 2, ("a", "b"), "it")] == ["EO122"]


def test_a_report_without_labels_speaks_of_agreement_and_never_of_accuracy() -> None:
    report = samples.a_report()

    def agreeing(accuracy: object) -> object:
        return replace(accuracy, metric="agreement")  # type: ignore[type-var]

    certificate = replace(
        report.certificate,
        baseline=agreeing(report.certificate.baseline),
        accuracy=agreeing(report.certificate.accuracy),
    )
    report = replace(
        report,
        data=replace(report.data, labelled=False),
        preprocessing=ArrayPreprocessing(shape=(49, 10)),
        original=replace(report.original, accuracy=agreeing(report.original.accuracy)),
        trials=tuple(
            replace(trial, accuracy=agreeing(trial.accuracy), verdict=replace(trial.verdict, findings=()))
            for trial in report.trials
        ),
        certificate=certificate,
        findings=(),
    )
    template = "$measured\n$limits\n$preprocessing"
    texts = [render(report, "text"), render(report, "md"), render(report, "csv").partition("\n")[0]]
    for text in (*texts, record.readme(report, "model.tflite", template, ())):
        lowered = re.sub("`[^`]*`", "", text.lower())  # paths in report.json bear the names of its fields
        assert "agreement" in lowered
        for word in ("top1", "top-1", "accurac", "image"):
            assert word not in lowered, (word, [line for line in lowered.splitlines() if word in line])
