"""The ladder: what answers to a static_int8 that lost too much, on what evidence, and when it ends."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from edge_opt.flows import pipeline
from edge_opt.flows.workbench import Request
from edge_opt.inputs import targets
from edge_opt.results.report import render
from edge_opt.stages.benchmark import Protocol
from edge_opt.types import Effort, Report
from tests import stack
from tests.fakes import FakeArtifact, FakeDevice, FakeExecutor

TFLITE = replace(targets.load("host"), formats=("tflite",), runtimes=("litert",))
LOST = FakeArtifact(latency_ns=30_000, wrong=0.2)
SLOWER = FakeArtifact(latency_ns=90_000, wrong=0.2)
KEPT = FakeArtifact(latency_ns=40_000, wrong=0.0001)
COLLAPSED = {"static": LOST, "dynamic": FakeArtifact(latency_ns=60_000, wrong=0.3), "percentile": LOST, "mse": LOST}


def run(folder: Path, effort: Effort = "standard", **changes: Any) -> Report:
    (folder / "model.fake").write_bytes(b"weights")
    request = Request(
        model=folder / "model.fake",
        data=stack.data_set(folder),
        output=folder / "run",
        target=TFLITE,
        as_asked=False,
        effort=effort,
        protocol=Protocol(rounds=4),
    )
    watch = lambda _: None  # noqa: E731
    return pipeline.optimize(replace(request, **changes), device=FakeDevice(), executor=FakeExecutor(), watch=watch)


def tried(report: Report) -> list[str]:
    return [trial.recipe.name for trial in report.trials if trial.recipe.follows]


def test_better_ranges_come_first_then_more_and_more_layers_in_float_and_then_wide_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack.installed(monkeypatch, {**COLLAPSED, "mse": replace(LOST, wrong=0.1)})
    report = run(tmp_path)
    assert tried(report) == [
        "static_int8_percentile",
        "static_int8_mse",
        "static_int8_mse_float1",
        "static_int8_mse_float2",  # half of four layers: no more
        "static_int8_mse_wide1",
        "static_int8_mse_wide2",
    ]
    recipes = {trial.recipe.name: trial.recipe for trial in report.trials}
    assert recipes["static_int8_mse_float2"].quantization.keep_float == ("dense_1", "conv")
    assert recipes["static_int8_mse_wide1"].quantization.wide == ("dense_1",)
    assert recipes["static_int8_mse_wide1"].quantization.range_method == "mse"


def test_the_ladder_ends_where_a_rung_passes_and_that_rung_is_handed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack.installed(monkeypatch, {**COLLAPSED, "float2": KEPT})
    report = run(tmp_path)
    assert tried(report)[-1] == "static_int8_percentile_float2" or tried(report)[-1] == "static_int8_float2"
    assert report.best == report.trials[-1].id
    assert report.certificate.status == "pass"


def test_every_rung_names_the_trial_it_answers_to_and_the_evidence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack.installed(monkeypatch, {**COLLAPSED, "float2": KEPT})
    report = run(tmp_path)
    ids = {trial.id for trial in report.trials}
    rungs = [trial.recipe for trial in report.trials if trial.recipe.follows]
    assert rungs
    assert all(rung.follows in ids for rung in rungs)
    assert "quantization disturbs 'dense_1' (noise of 80% of the signal) and 'conv' (20%) most" in rungs[-1].reason


def test_a_static_int8_that_passes_needs_no_answer_unless_all_are_wanted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack.installed(monkeypatch, {"static": KEPT})
    assert tried(run(tmp_path)) == []
    assert "static_int8_mse" in tried(run(tmp_path, "thorough", output=tmp_path / "more"))


def test_quick_and_recipes_asked_for_by_name_climb_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stack.installed(monkeypatch, COLLAPSED)
    assert tried(run(tmp_path, "quick")) == []
    assert tried(run(tmp_path, as_asked=True, output=tmp_path / "asked")) == []


def test_no_more_layers_stay_in_float_once_that_is_slower_than_float(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack.installed(monkeypatch, {**COLLAPSED, "float1": replace(LOST, latency_ns=200_000)})
    names = tried(run(tmp_path))
    assert any(name.endswith("float1") for name in names)
    assert not any(name.endswith("float2") for name in names)
    assert any(name.endswith("wide1") for name in names)


def test_no_ladder_is_climbed_where_something_that_passes_is_faster_and_smaller_than_its_foot(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fast = FakeArtifact(latency_ns=10_000, wrong=0.0001)
    stack.installed(monkeypatch, {**COLLAPSED, "dynamic": fast})
    monkeypatch.setitem(stack.SIZES, "dynamic", 900)
    report = run(tmp_path)
    assert tried(report) == []
    reasons = {one.id: one.reason for one in report.skipped}
    assert "it cannot be much faster than 'static_int8/tflite/litert'" in reasons["static_int8_mse/tflite/litert"]


def test_layers_that_cannot_be_ranked_are_a_finding_and_not_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack.installed(monkeypatch, COLLAPSED, broken={"tflite": ("rank",)})
    report = run(tmp_path)
    assert tried(report) == ["static_int8_percentile", "static_int8_mse"]
    (finding,) = (one for one in report.findings if one.code == "EO411")
    assert "the debugger does not know this graph" in finding.message


def test_a_resumed_run_climbs_the_same_ladder_and_repeats_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack.installed(monkeypatch, COLLAPSED)
    first = run(tmp_path)
    assert run(tmp_path, resume=True).trials == first.trials


def test_the_report_shows_the_ladder_and_what_was_not_tried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stack.installed(monkeypatch, {**COLLAPSED, "float2": KEPT})
    report = run(tmp_path)
    text, document = render(report, "text"), render(report, "md")
    assert "the ladder of static_int8/tflite/litert:" in text
    assert "effort standard" in text
    assert "## The ladder" in document
    for trial in report.trials:
        if trial.recipe.follows:
            assert trial.recipe.reason in text
            assert f"+ {trial.recipe.name}" in document
            assert f",{trial.recipe.follows}," in render(report, "csv")
