"""What a run says about its model beside the artifact it hands over; on the fake stack, with no framework."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_opt.errors import ModelError, RunError, StepFailed
from edge_opt.flows import api, pipeline, traded
from edge_opt.flows.workbench import Request
from edge_opt.inputs import recipes, targets
from edge_opt.results.report import reasons
from edge_opt.stages import quality
from edge_opt.stages.benchmark import Protocol
from edge_opt.types import Interval, Margin, Quality, Report, Robustness
from tests.fakes import FakeDevice, FakeExecutor
from tests.stack import FakeFrontend, data_set, installed

pytestmark = pytest.mark.slow
pytest.importorskip("sklearn", reason="needs scikit-learn: pip install 'edge-opt[diagnose]'")
BEST = "static_int8/tflite/litert"


def run(folder: Path, monkeypatch: pytest.MonkeyPatch, **changes: Any) -> Report:
    """A run of two recipes in one format, with everything that looks at the model."""
    installed(monkeypatch, whole=True)
    monkeypatch.setattr("edge_opt.stages.plan.cost._DISTURBING_S", dict.fromkeys(("standard",), 1.5))
    model = folder / "model.fake"
    model.write_text("a model")
    target = replace(targets.load("host"), formats=("tflite",), runtimes=("litert",))
    request = Request(
        model=model,
        data=data_set(folder),
        output=folder / "run",
        target=target,
        recipes=(recipes.load("float32"), recipes.load("static_int8")),
        protocol=Protocol(rounds=3),
    )
    return pipeline.optimize(
        replace(request, **changes), device=FakeDevice(), executor=FakeExecutor(), watch=lambda _: None
    )


def test_the_report_says_what_limits_the_model_and_how_both_behave(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    report = run(tmp_path, monkeypatch)
    assert report.best == BEST
    assert report.diagnosis is not None
    assert report.diagnosis.behaviour is not None
    assert report.diagnosis.data is not None
    assert report.after is not None
    before, after = report.diagnosis.behaviour, report.after
    assert before.labels == after.labels
    assert len(before.accuracy.scores) == report.data.certification
    assert after.accuracy == report.certificate.accuracy
    assert len(after.accuracy.confidences) == len(after.labels)


def test_robustness_rests_on_the_selection_split_and_is_compared_with_the_baseline(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = run(tmp_path, monkeypatch).quality
    assert found is not None
    assert found.trial == BEST
    assert found.before.model == "float32/tflite/litert"
    assert {found.before.split, found.after.split} == {"selection"}
    assert len(found.before.conditions) == len(found.after.conditions) == 40
    assert found.robustness.loss.low <= 0.002 <= found.robustness.loss.high  # the share that the fake one has wrong


def test_the_ledger_says_that_the_diagnosis_looked_at_the_test_split_and_for_whom(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = run(tmp_path, monkeypatch).certificate.ledger
    assert [(look.trial, look.status, look.purpose) for look in looks] == [
        (BEST, "pass", "certificate"),
        ("original", None, "diagnosis"),
        (BEST, None, "diagnosis"),
    ]


def test_what_certainly_loses_robustness_is_not_handed_over_and_not_certified(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compare = quality.compare
    lost = Margin(status="fail", loss=Interval(low=0.03, estimate=0.05, high=0.07, confidence=0.9), limit=0.01)

    def fragile(*arguments: Any) -> Quality:
        return replace(compare(*arguments), robustness=lost)

    monkeypatch.setattr(traded.quality, "compare", fragile)
    report = run(tmp_path, monkeypatch)
    assert report.best == report.baseline
    assert report.quality is None
    assert [look.trial for look in report.certificate.ledger if look.purpose == "certificate"] == [report.baseline]
    assert "EO204" in {finding.code for finding in report.findings}
    assert reasons.for_baseline(report) == f"the baseline itself: {BEST} lost robustness or calibration"


def broken_for(monkeypatch: pytest.MonkeyPatch, *models: str) -> None:
    measure = traded.robustness_of

    def measured(name: str, *arguments: Any, **options: Any) -> Robustness:
        if name in models:
            raise StepFailed("the process died")
        return measure(name, *arguments, **options)

    monkeypatch.setattr(traded, "robustness_of", measured)


def test_the_robustness_of_the_baseline_is_not_told_of_a_best_one_whose_own_could_not_be_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken_for(monkeypatch, BEST)
    report = run(tmp_path, monkeypatch)
    assert (report.best, report.quality) == (BEST, None)
    assert report.diagnosis is not None
    assert report.diagnosis.behaviour is not None
    assert report.diagnosis.behaviour.robustness is not None
    assert report.after is not None
    assert report.after.robustness is None


def test_a_run_is_not_lost_where_the_robustness_cannot_be_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken_for(monkeypatch, BEST, "float32/tflite/litert")
    report = run(tmp_path, monkeypatch)
    assert report.best == BEST
    assert report.diagnosis is not None
    assert "the process died" in " ".join(finding.message for finding in report.diagnosis.findings)


def test_a_model_that_cannot_be_looked_into_is_diagnosed_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def activity(*arguments: Any) -> None:
        raise ModelError("'model.fake' cannot be looked into")

    monkeypatch.setattr(FakeFrontend, "activity", activity, raising=False)
    found = run(tmp_path, monkeypatch).diagnosis
    assert found is not None
    assert found.behaviour is not None
    assert "cannot be looked into" in " ".join(finding.message for finding in found.findings)


def test_answers_with_a_class_that_no_label_has_are_counted_and_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = data_set(tmp_path)
    with np.load(data) as arrays:
        fewer = {name: arrays[name] % 2 if name.startswith("y_") else arrays[name] for name in arrays}
    np.savez(data, **fewer)
    monkeypatch.setattr("tests.unit.test_diagnosed.data_set", lambda folder: data)
    report = run(tmp_path, monkeypatch)
    assert report.data.classes == ("0", "1", "2")
    assert report.diagnosis is not None
    (confused,) = [one for one in report.diagnosis.symptoms if one.code == "EO803"]
    assert confused.facts["answered"] == "2"


def test_a_resumed_run_looks_at_nothing_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = run(tmp_path, monkeypatch)
    journal = tmp_path / "run" / "jobs.jsonl"
    before = [json.loads(line).get("key") for line in journal.read_text().splitlines()]
    again = run(tmp_path, monkeypatch, resume=True)
    after = [json.loads(line).get("key") for line in journal.read_text().splitlines()]
    assert {key for key in after if after.count(key) > before.count(key)} <= {"seconds"}
    assert again.quality == first.quality
    assert again.diagnosis == first.diagnosis


def test_without_a_diagnosis_the_report_has_none_and_the_ledger_no_look_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    report = run(tmp_path, monkeypatch, diagnose=False)
    assert report.diagnosis is None
    assert {look.purpose for look in report.certificate.ledger} == {"certificate"}


def test_a_time_limit_that_leaves_no_time_for_it_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    report = run(tmp_path, monkeypatch, time_limit_s=20.0)
    assert report.diagnosis is None
    assert "EO134" in {finding.code for finding in report.findings}


def test_data_without_labels_are_looked_at_as_far_as_they_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = data_set(tmp_path)
    with np.load(data) as arrays:
        bare = {name: arrays[name] for name in arrays if name.startswith("x_")}
    (tmp_path / "bare.preprocessing.toml").write_text((tmp_path / "data.preprocessing.toml").read_text())
    np.savez(tmp_path / "bare.npz", **bare)
    report = run(tmp_path, monkeypatch, data=tmp_path / "bare.npz")
    assert report.quality is None
    assert report.diagnosis is not None
    assert report.diagnosis.data is not None
    assert report.diagnosis.behaviour is None
    assert report.after is None


def test_a_diagnosis_does_not_go_into_the_run_of_another_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(tmp_path, monkeypatch, diagnose=False)
    with pytest.raises(RunError, match="holds a run of another command"):
        api.diagnose(tmp_path / "model.fake", tmp_path / "data.npz", output=tmp_path / "run")
    assert (tmp_path / "run" / "report.json").exists()
