"""What the pipeline does about artifacts that may overflow on their target, and about float16 where it only stores."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from edge_opt.flows import pipeline
from edge_opt.flows.workbench import Request
from edge_opt.inputs import recipes, targets
from edge_opt.nets import saturation
from edge_opt.stages.benchmark import Protocol
from edge_opt.types import Report
from tests import stack
from tests.fakes import FakeArtifact, FakeDevice, FakeExecutor

STATIC = (recipes.load("static_int8"),)
LOST = FakeArtifact(latency_ns=30_000, wrong=0.2)
LADDER = {
    "static": LOST,
    "dynamic": FakeArtifact(latency_ns=60_000, wrong=0.3),
    "percentile": replace(LOST, wrong=0.15),
    "mse": replace(LOST, latency_ns=30_123, wrong=0.1),
}


def run(folder: Path, target: str, isa: tuple[str, ...], **changes: Any) -> Report:
    (folder / "model.fake").write_bytes(b"weights")
    request = Request(
        model=folder / "model.fake",
        data=stack.data_set(folder),
        output=folder / "run",
        target=replace(targets.load(target), formats=("onnx",)),
        recipes=STATIC,
        protocol=Protocol(rounds=4),
    )
    watch = lambda _: None  # noqa: E731
    return pipeline.optimize(
        replace(request, **changes), device=FakeDevice(isa=isa), executor=FakeExecutor(), watch=watch
    )


def _three(self: stack.FakeExporter, quantization: Any, source: Any) -> tuple[str, ...]:
    return ("u8s8", "u8s7", "s8s8") if quantization.mode == "static" else ("",)


def _overflows(path: Path) -> tuple[saturation.Saturating, ...]:
    return (saturation.Saturating(layer="dense_1", worst_pair_sum=64_000),)


def _safe(path: Path) -> tuple[saturation.Saturating, ...]:
    return ()


def _overflows_by_mse(path: Path) -> tuple[saturation.Saturating, ...]:
    return _overflows(path) if str(LADDER["mse"].latency_ns) in path.read_text() else ()


def tried(report: Report) -> list[str]:
    return [trial.artifact.variant for trial in report.trials if trial.artifact.variant]


def test_a_file_that_may_overflow_is_refused_with_its_layer_and_7_bits_answer_to_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack.installed(monkeypatch)
    monkeypatch.setattr(stack.FakeExporter, "variants", _three)
    monkeypatch.setattr(saturation, "check", _overflows)
    report = run(tmp_path, "x86-avx2", ("avx2",))
    assert {(one.id.rpartition("/")[2], one.stage) for one in report.failures} == {("u8s8", "check"), ("s8s8", "check")}
    assert all("layer 'dense_1'" in one.message and "64,000" in one.message for one in report.failures)
    assert tried(report) == ["u8s7"]


def test_a_file_that_is_proven_safe_is_taken_and_no_bit_is_given_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack.installed(monkeypatch)
    monkeypatch.setattr(stack.FakeExporter, "variants", _three)
    monkeypatch.setattr(saturation, "check", _safe)
    report = run(tmp_path, "x86-avx2", ("avx2",))
    assert tried(report) == ["u8s8", "s8s8"]
    assert [one.id for one in report.skipped] == ["static_int8/onnx/onnxruntime/u8s7"]


def test_7_bits_that_lose_too_much_have_a_ladder_of_their_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stack.installed(monkeypatch, LADDER)
    monkeypatch.setattr(stack.FakeExporter, "variants", _three)
    monkeypatch.setattr(saturation, "check", _overflows)
    report = run(tmp_path, "x86-avx2", ("avx2",), recipes=recipes.RECIPES, as_asked=False, effort="standard")
    climbed = [trial.id.split("/")[0] for trial in report.trials if trial.artifact.variant == "u8s7"]
    assert climbed[0] == "static_int8"
    assert {"static_int8_percentile", "static_int8_mse", "static_int8_mse_float1"} <= set(climbed)
    assert not [one for one in report.skipped if "not shown to overflow" in one.reason]


def test_the_rungs_of_8_bits_are_checked_as_their_root_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stack.installed(monkeypatch, LADDER)
    monkeypatch.setattr(stack.FakeExporter, "variants", _three)
    monkeypatch.setattr(saturation, "check", _overflows_by_mse)
    report = run(tmp_path, "x86-avx2", ("avx2",), recipes=recipes.RECIPES, as_asked=False, effort="standard")
    assert {one.id for one in report.failures if one.stage == "check"} == {
        "static_int8_mse/onnx/onnxruntime/u8s8",
        "static_int8_mse/onnx/onnxruntime/s8s8",
    }
    assert "u8s7" not in tried(report)
    assert "static_int8_percentile_float1" in {trial.recipe.name for trial in report.trials}


def test_with_vnni_nothing_is_checked_and_nothing_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stack.installed(monkeypatch)
    monkeypatch.setattr(stack.FakeExporter, "variants", _three)
    monkeypatch.setattr(saturation, "check", _overflows)
    report = run(tmp_path, "x86-vnni", ("avx2", "avx512_vnni"))
    assert tried(report) == ["u8s8", "s8s8"]
    assert not report.failures


def test_float16_that_only_stores_is_not_chosen_for_its_latency(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack.installed(monkeypatch, {"float16": FakeArtifact(latency_ns=50_000)})
    report = run(tmp_path, "host", ("avx2", "avx512_vnni"), recipes=(recipes.load("float16"),), goal="latency")
    assert report.best == report.baseline
    assert "EO410" in {one.code for one in report.findings}
    arm = run(
        tmp_path,
        "host",
        ("asimd", "asimdhp"),
        recipes=(recipes.load("float16"),),
        goal="latency",
        output=tmp_path / "arm",
    )
    assert arm.best.startswith("float16/")
