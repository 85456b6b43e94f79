"""What is told on stderr while a run goes on."""

from __future__ import annotations

from dataclasses import replace

import pytest

from edge_opt.cli.progress import Progress
from edge_opt.types import Finding, Outline, Step

PLAN = Outline(
    candidates=("float32/tflite/litert", "static_int8/onnx/onnxruntime/u8s8", "static_int8/tflite/litert"),
    seconds=200,
    disk_bytes=10_000_000,
)


def test_the_plan_names_its_recipes_once_each(capsys: pytest.CaptureFixture[str]) -> None:
    with Progress() as watch:
        watch(PLAN)
    assert "plan: 3 candidates of float32, static_int8; about" in capsys.readouterr().err


def test_what_the_plan_of_every_wave_says_is_told_once(capsys: pytest.CaptureFixture[str]) -> None:
    doubt = Finding(code="EO202", level="warning", message="too few", hint="bring more")
    with Progress() as watch:
        watch(replace(PLAN, findings=(doubt,)))
        watch(replace(PLAN, seconds=10, findings=(doubt,)))
    assert capsys.readouterr().err.count("too few") == 1


def test_one_job_is_named_and_several_are_counted(capsys: pytest.CaptureFixture[str]) -> None:
    with Progress() as watch:
        watch(Step(stage="read", what="photos", done=0, total=1))
        watch(Step(stage="read", what="pictures", done=100, total=200))
        watch(Step(stage="optimize", what="float32", done=0, total=7))
    assert capsys.readouterr().err == "read: photos\noptimize: 7 jobs\n"


def test_what_is_sent_is_told_in_bytes_and_what_is_set_up_in_steps(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    steps = (
        Step(stage="set up", what="look", done=0, total=2, unit="steps"),
        Step(stage="send", what="the runtimes", done=3, total=115, unit="MiB"),
        Step(stage="check", what="litert", done=0, total=3, unit="runtimes"),
    )
    with Progress() as watch:
        for step in steps:
            watch(step)
    assert capsys.readouterr().err == "set up: 2 steps\nsend: the runtimes, 115 MiB\ncheck: 3 runtimes\n"
    watch = Progress()
    monkeypatch.setattr(watch, "_terminal", True)
    watch(steps[1])
    assert "3/115 MiB" in capsys.readouterr().err


@pytest.mark.parametrize("columns", [40, 200])
def test_a_line_fills_the_terminal_at_most(
    columns: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    watch = Progress()
    monkeypatch.setattr(watch, "_terminal", True)
    watch(Step(stage="evaluate", what="x" * 300, done=0, total=7))
    assert len(capsys.readouterr().err.lstrip("\r")) == columns - 1


def test_quiet_tells_nothing_of_plan_and_steps(capsys: pytest.CaptureFixture[str]) -> None:
    with Progress(quiet=True) as watch:
        watch(PLAN)
        watch(Step(stage="read", what="photos", done=0, total=1))
    assert not capsys.readouterr().err
