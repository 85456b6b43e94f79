"""Waves, efforts and time: what a run tries, leaves out and says of it, on a fake device."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from edge_opt.flows import pipeline
from edge_opt.flows.pace import Pace
from edge_opt.flows.workbench import Request
from edge_opt.inputs import recipes, targets
from edge_opt.stages.benchmark import Protocol
from edge_opt.types import Outline, Report, Step
from tests import stack
from tests.fakes import FakeDevice, FakeExecutor


def run(folder: Path, watch: Any = lambda _: None, **changes: Any) -> Report:
    (folder / "model.fake").write_bytes(b"weights")
    request = Request(
        model=folder / "model.fake",
        data=stack.data_set(folder),
        output=folder / "run",
        target=targets.load("host"),
        as_asked=False,
        protocol=Protocol(rounds=4),
    )
    return pipeline.optimize(replace(request, **changes), device=FakeDevice(), executor=FakeExecutor(), watch=watch)


def test_quick_tries_what_mostly_wins_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stack.installed(monkeypatch)
    told: list[Any] = []
    report = run(tmp_path, told.append, effort="quick")
    assert {trial.recipe.name for trial in report.trials} == {"float32", "static_int8", "dynamic_int8"}
    assert len([trial for trial in report.trials if trial.recipe.name == "float32"]) == 1
    assert report.effort == "quick"
    assert [one.effort for one in told if isinstance(one, Outline)] == ["quick"]


def test_standard_gives_up_what_cannot_win_and_thorough_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack.installed(monkeypatch)
    monkeypatch.setitem(stack.SIZES, "dynamic", 900)
    standard = run(tmp_path)
    thorough = run(tmp_path, effort="thorough", output=tmp_path / "thorough")
    skipped = {one.id for one in standard.skipped}
    assert "static_int16x8/tflite/litert" in skipped
    assert "float16/tflite/litert" in skipped
    assert not skipped & {trial.id for trial in standard.trials}
    assert skipped <= {trial.id for trial in thorough.trials}
    assert thorough.skipped == ()


def test_recipes_asked_for_by_name_are_tried_whatever_is_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stack.installed(monkeypatch)
    report = run(tmp_path, as_asked=True, effort="quick", recipes=recipes.RECIPES)
    assert {trial.recipe.name for trial in report.trials} == set(recipes.names())
    assert report.skipped == ()


def test_without_time_the_baseline_is_tried_and_certified_and_the_rest_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack.installed(monkeypatch)
    report = run(tmp_path, time_limit_s=1.0)
    assert [trial.id for trial in report.trials] == [report.baseline]
    assert report.certificate.status == "pass"
    assert len(report.skipped) >= 10
    assert all(one.reason.startswith("no time left") for one in report.skipped)


class Later:
    """Another moment than now."""

    @classmethod
    def now(cls, _: Any) -> Later:
        return cls()

    def isoformat(self, **_: Any) -> str:
        return "later"


def ticking(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every step of a run take four tenths of a second."""
    ticks = itertools.count()
    monkeypatch.setattr(pipeline, "Pace", lambda watch: Pace(watch, clock=lambda: 0.4 * next(ticks)))


def test_with_some_time_the_most_promising_come_first_and_with_more_all_come(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack.installed(monkeypatch)
    ticking(monkeypatch)
    some = run(tmp_path, time_limit_s=90.0)
    assert len(some.trials) > 1
    assert any(one.reason.startswith("no time left") for one in some.skipped)
    everything = run(tmp_path, time_limit_s=1e6, output=tmp_path / "all")
    assert {trial.id for trial in some.trials} < {trial.id for trial in everything.trials}
    assert not any("no time left" in one.reason for one in everything.skipped)


def test_a_resumed_run_is_planned_as_it_was_and_goes_on_with_its_new_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack.installed(monkeypatch)
    ticking(monkeypatch)
    some = run(tmp_path, time_limit_s=90.0)
    more = run(tmp_path, time_limit_s=1e6, resume=True)
    assert more.trials[: len(some.trials)] == some.trials
    assert len(more.trials) > len(some.trials)


def test_a_resumed_run_began_when_it_first_did_and_took_as_long_as_all_its_sessions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack.installed(monkeypatch)
    ticking(monkeypatch)

    def killed(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as first:
        first.setattr(pipeline, "choose", killed)
        with pytest.raises(KeyboardInterrupt):
            run(tmp_path)
    lines = [json.loads(line) for line in (tmp_path / "run" / "jobs.jsonl").read_text().splitlines()[1:]]
    known = {line["key"]: line["value"] for line in lines}
    monkeypatch.setattr(pipeline, "datetime", Later)
    report = run(tmp_path, resume=True)
    assert report.started == known["started"] != "later"
    assert report.seconds > known["seconds"] > 10


def test_the_pace_counts_the_seconds_and_the_jobs_of_each_stage_and_passes_everything_on() -> None:
    now = [0.0]
    told: list[Any] = []
    pace = Pace(told.append, clock=lambda: now[0])
    for moment, stage, done, total in ((1.0, "optimize", 0, 3), (5.0, "optimize", 2, 3), (9.0, "evaluate", 0, 1)):
        now[0] = moment
        pace(Step(stage=stage, what="x", done=done, total=total))
    now[0] = 9.001  # found finished in the journal
    pace(Step(stage="benchmark", what="x", done=0, total=5))
    now[0] = 11.0
    spent = pace.spent()
    assert {stage: jobs for stage, (_, jobs) in spent.items()} == {"optimize": 3, "benchmark": 5}
    assert {stage: seconds for stage, (seconds, _) in spent.items()} == pytest.approx(
        {"optimize": 8.0, "benchmark": 1.999}
    )
    assert pace.elapsed_s == 11.0
    assert len(told) == 4
