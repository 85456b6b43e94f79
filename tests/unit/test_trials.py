"""Kills at any moment, jobs side by side, and artifacts of other runs: the report is the same."""

from __future__ import annotations

import json
import random
import re
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from edge_opt.errors import OutOfMemory, RunError, StepFailed
from edge_opt.flows import pipeline
from edge_opt.flows.jobs import as_they_end
from edge_opt.flows.workbench import Request
from edge_opt.inputs import recipes as recipe_table
from edge_opt.inputs import targets
from edge_opt.stages.benchmark import Protocol
from edge_opt.store import Run
from edge_opt.types import Finding, Report
from tests import stack
from tests.fakes import FakeArtifact, FakeDevice, FakeExecutor

RECIPES = tuple(recipe_table.load(name) for name in ("float32", "dynamic_int8", "static_int8"))
TARGET = replace(targets.load("host"), formats=("tflite", "onnx"), runtimes=("litert", "onnxruntime"))


class Killed(BaseException):
    """As a kill -9, nothing of the program runs after it."""


@pytest.fixture
def given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Request:
    """A short request on the fake stack: one converter is broken, and two artifacts are equally fast."""
    stack.installed(monkeypatch, {"dynamic": FakeArtifact(latency_ns=30_200, wrong=0.002)}, broken={"onnx": ("none",)})
    (tmp_path / "model.fake").write_bytes(b"weights")
    data = stack.data_set(tmp_path)
    return Request(
        model=tmp_path / "model.fake",
        data=data,
        output=tmp_path / "run",
        target=TARGET,
        recipes=RECIPES,
        protocol=Protocol(rounds=6),
    )


def run(request: Request, executor: FakeExecutor | None = None, watch: Any = lambda _: None) -> Report:
    return pipeline.optimize(request, device=FakeDevice(), executor=executor or FakeExecutor(), watch=watch)


def timeless(report: Report) -> Report:
    """The report without what differs from one run to the next by its nature."""
    return replace(report, started="", seconds=0.0)


def keys(folder: Path) -> list[str]:
    """What was finished, in order; how long it took by then is told again and again."""
    return named((folder / "jobs.jsonl").read_text().splitlines()[1:])


def named(lines: list[str]) -> list[str]:
    return [key for key in (json.loads(line)["key"] for line in lines) if key != "seconds"]


def killing(monkeypatch: pytest.MonkeyPatch, at: int, half: bool) -> None:
    """Die with the journal's line number ``at``: before it is written, or in the middle of it."""
    left, real = iter(range(at)), Run._append

    def append(self: Run, line: Any) -> None:
        if next(left, None) is None:
            if half:
                text = json.dumps(line)
                with (self.folder / "jobs.jsonl").open("a") as journal:
                    journal.write(text[: len(text) // 2])
            raise Killed
        real(self, line)

    monkeypatch.setattr(Run, "_append", append)


@pytest.mark.slow
def test_a_run_killed_at_any_line_of_its_journal_ends_with_the_whole_report_of_a_run_left_alone(
    given: Request, tmp_path: Path
) -> None:
    whole = timeless(run(given))
    lines = keys(given.output)
    assert whole.failures
    assert whole.retimed
    rng = random.Random(3)
    for at in sorted(rng.sample(range(1, len(lines) + 1), 20)):
        output = tmp_path / f"killed-{at}"
        with pytest.MonkeyPatch.context() as monkeypatch:
            killing(monkeypatch, at, half=bool(at % 2))
            with pytest.raises(Killed):
                run(replace(given, output=output))
        before = (output / "jobs.jsonl").read_text().splitlines()[1:at]
        assert timeless(run(replace(given, output=output, resume=True))) == whole, at
        after = keys(output)
        assert len(after) == len(set(after))
        assert after[: len(named(before))] == named(before)
        assert sorted(after) == sorted(lines)


@pytest.mark.slow
def test_two_kills_of_one_run_lose_no_more_than_one(given: Request, tmp_path: Path) -> None:
    whole = timeless(run(given))
    request = replace(given, output=tmp_path / "twice")
    for at in (9, 8):  # of the resumed run, as many lines again
        with pytest.MonkeyPatch.context() as monkeypatch:
            killing(monkeypatch, at, half=True)
            with pytest.raises(Killed):
                run(request)
        request = replace(request, resume=True)
    assert timeless(run(request)) == whole


def test_the_report_is_the_same_however_many_jobs_run_side_by_side(given: Request, tmp_path: Path) -> None:
    alone = timeless(run(given))
    together = timeless(run(replace(given, output=tmp_path / "together", jobs=4)))
    assert together == alone


def test_a_second_run_converts_nothing_and_reports_the_same(given: Request, tmp_path: Path) -> None:
    def converted(executor: FakeExecutor) -> int:
        return sum(function.__name__ == "_export" for function, _ in executor.calls)

    cached = replace(given, cache=tmp_path / "cache")
    first, second = FakeExecutor(), FakeExecutor()
    report = timeless(run(cached, first))
    again = timeless(run(replace(cached, output=tmp_path / "again"), second))
    assert converted(first) == 7
    assert converted(second) == 1  # the broken one: that it fails is not kept
    assert again == report
    for trial in again.trials:
        assert (tmp_path / "again" / trial.artifact.path).is_file()


def test_how_many_artifacts_were_copied_is_told(given: Request, tmp_path: Path) -> None:
    cached = replace(given, cache=tmp_path / "cache")
    first: list[Any] = []
    second: list[Any] = []
    run(cached, watch=first.append)
    run(replace(cached, output=tmp_path / "again"), watch=second.append)
    assert not [one for one in first if isinstance(one, Finding) and one.code == "EO515"]
    assert [one.message for one in second if isinstance(one, Finding) and one.code == "EO515"]


def test_other_calibration_samples_make_other_static_artifacts_and_keep_the_rest(
    given: Request, tmp_path: Path
) -> None:
    cached = replace(given, cache=tmp_path / "cache")
    run(cached)
    second = FakeExecutor()
    run(replace(cached, output=tmp_path / "again", seed=1), second)  # another seed, another calibration split
    made = {arguments[2].mode for function, arguments in second.calls if function.__name__ == "_export"}
    assert made == {"none", "static"}  # none in ONNX is the broken one


def test_a_damaged_cache_is_said_and_changes_nothing(given: Request, tmp_path: Path) -> None:
    cached = replace(given, cache=tmp_path / "cache")
    report = timeless(run(cached))
    for path in (tmp_path / "cache").glob("*/files/weights.bin"):
        path.write_bytes(b"x" + path.read_bytes()[1:])
    told: list[Any] = []
    assert timeless(run(replace(cached, output=tmp_path / "again"), watch=told.append)) == report
    assert {one.code for one in told if isinstance(one, Finding)} >= {"EO503"}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"protocol": Protocol(rounds=3)}, r"another --rounds \(where it is not given, --effort sets it\)"),
        ({"threads": 2}, "another --threads"),
        ({"seed": 5, "recipes": RECIPES[:2]}, "another --recipe, --seed"),
        ({"target": replace(TARGET, budget=replace(TARGET.budget, max_drop=0.02))}, "another --max-drop"),
        ({"target": replace(TARGET, formats=("tflite",))}, "another --target"),
    ],
)
def test_a_run_resumed_with_something_else_says_what_was_given(given: Request, changes: Any, words: str) -> None:
    run(given)
    with pytest.raises(RunError, match=f"begun with {words}$"):
        run(replace(given, resume=True, **changes))


# ── jobs side by side ──────────────────────────────────────────────────────────────────────────────────────────────


def test_results_come_as_they_end_and_are_told_by_the_one_who_asked() -> None:
    second_ended = threading.Event()

    def first() -> str:
        assert second_ended.wait(30)
        return "first"

    def second() -> str:
        second_ended.set()
        return "second"

    work: Mapping[str, Callable[[], str]] = {"a": first, "b": second}
    assert list(as_they_end(work, 2)) == [("b", "second"), ("a", "first")]


def test_no_more_jobs_run_at_a_time_than_asked_for() -> None:
    at_work, most = set[int](), []
    lock = threading.Lock()

    def job(number: int) -> int:
        with lock:
            at_work.add(number)
            most.append(len(at_work))
        threading.Event().wait(0.01)
        with lock:
            at_work.discard(number)
        return number

    found = dict(as_they_end({str(number): lambda number=number: job(number) for number in range(12)}, 3))  # type: ignore[misc]
    assert sorted(found.values()) == list(range(12))
    assert max(most) <= 3


def test_what_ran_beside_a_job_that_fails_is_not_lost_and_nothing_more_is_begun() -> None:
    failing, begun = threading.Event(), []

    def beside() -> str:
        assert failing.wait(30)
        return "kept"

    def fails() -> str:
        failing.set()
        raise StepFailed("the disk is full")

    def later() -> str:
        begun.append("later")
        return "later"

    found: dict[str, str] = {}
    work = {"a": beside, "b": fails, **{f"c{number}": later for number in range(50)}}
    with pytest.raises(StepFailed, match="disk"):
        found.update(as_they_end(work, 2))
    assert found["a"] == "kept"
    assert len(begun) < 50


def test_candidates_with_the_same_bytes_answer_into_files_of_their_own(given: Request) -> None:
    device = FakeDevice()
    report = pipeline.optimize(given, device=device, executor=FakeExecutor(), watch=lambda _: None)
    assert len({trial.artifact.sha256 for trial in report.trials}) < len(report.trials)
    written = {job["outputs"] for job in device.jobs if Path(job.get("outputs", "")).name.startswith("outputs-")}
    assert len(written) == len(report.trials)


def test_a_wave_that_yields_no_trial_shares_its_rounds_with_no_other(
    given: Request, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first rungs crash when they are timed, so the next wave has as many trials before it."""
    lost = FakeArtifact(latency_ns=30_000, wrong=0.2)
    behaviour = {"static": lost, "percentile": replace(lost, latency_ns=31), "mse": replace(lost, latency_ns=32)}
    stack.installed(monkeypatch, behaviour)

    class Crashing(FakeDevice):
        def run(self, job: Mapping[str, Any]) -> dict[str, Any]:
            if job["mode"] == "time":
                path = Path(job["artifacts"][-1]["path"])
                if json.loads(path.read_text())["latency_ns"] in (31, 32):
                    raise StepFailed("it crashed")
            return super().run(job)

    target = replace(TARGET, formats=("tflite",), runtimes=("litert",))
    request = replace(given, target=target, recipes=(RECIPES[0], RECIPES[2]), as_asked=False)
    device = Crashing()
    report = pipeline.optimize(request, device=device, executor=FakeExecutor(), watch=lambda _: None)
    assert {one.stage for one in report.failures} == {"benchmark"}
    waves: dict[str, set[str]] = {}
    for key in keys(given.output):
        if found := re.fullmatch(r"wave (\d+), round \d+ of (.+)", key):
            waves.setdefault(found[1], set()).add(found[2])
    floats = [wave for wave, names in waves.items() if report.baseline in names]
    assert len(floats) == len(waves)
    rungs = [names for names in waves.values() if "static_int8_float1/tflite/litert" in names]
    assert len(rungs) == 1
    assert not rungs[0] & {"static_int8_mse/tflite/litert", "static_int8_percentile/tflite/litert"}
    planned = [key for key in keys(given.output) if key.startswith("wave after")]
    assert len(waves) == len(planned)


def _with_a_layer(monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    """Let the model's file hold a layer whose ``code`` lies elsewhere."""
    whole = stack.FakeFrontend.prepare

    def prepare(self: stack.FakeFrontend, path: Path, out: Path, allow_code: bool) -> Any:
        model, source = whole(self, path, out, allow_code)
        (source.path / "saved_model.pb").write_text(code)
        (source.path / "fingerprint.pb").write_text(str(out))  # never the same
        return model, source

    monkeypatch.setattr(stack.FakeFrontend, "prepare", prepare)


def test_a_layer_whose_code_changed_is_neither_taken_from_the_cache_nor_resumed(given: Request, tmp_path: Path) -> None:
    own = replace(given, allow_code=True, cache=tmp_path / "cache")
    made: list[int] = []
    for code in ("one", "one", "other"):
        with pytest.MonkeyPatch.context() as monkeypatch:
            _with_a_layer(monkeypatch, code)
            executor = FakeExecutor()
            run(replace(own, output=tmp_path / f"run-{len(made)}"), executor)
            made.append(sum(function.__name__ == "_export" for function, _ in executor.calls))
    assert made[0] == made[2] > made[1]
    with pytest.MonkeyPatch.context() as monkeypatch:
        _with_a_layer(monkeypatch, "one")
        run(replace(own, output=tmp_path / "run-1", resume=True))
        with pytest.raises(RunError, match="the code of the model's own layers changed since"):
            run(replace(own, output=tmp_path / "run-2", resume=True))


def test_what_has_too_little_memory_beside_others_is_done_again_alone(given: Request) -> None:
    """What comes from ONNX gets none the first time it is begun."""

    class Cramped(FakeDevice):
        refused: set[str]

        def run(self, job: Mapping[str, Any]) -> dict[str, Any]:
            name = job.get("outputs", "")
            if "onnx" in name and "golden" not in name and name not in self.refused:
                self.refused.add(name)
                raise OutOfMemory("its process used more memory than its limit")
            return super().run(job)

    class Small(FakeExecutor):
        def submit(self, function: Callable[..., Any], *arguments: Any) -> Future[Any]:
            future = super().submit(function, *arguments)
            again = [one for one in self.calls if one == (function, arguments)]
            if function.__name__ != "_export" or arguments[0] != "onnx" or len(again) > 1:
                return future
            ended: Future[Any] = Future()
            ended.set_exception(OutOfMemory("its process used more memory than its limit"))
            return ended

    whole = timeless(run(given))
    device = Cramped()
    device.refused = set()
    request = replace(given, output=given.output.with_name("cramped"), jobs=2)
    found = pipeline.optimize(request, device=device, executor=Small(), watch=lambda _: None)
    assert device.refused
    assert [trial.id for trial in found.trials] == [trial.id for trial in whole.trials]
    assert {one.id for one in found.failures} == {one.id for one in whole.failures}
    device.refused = set()
    request = replace(given, output=given.output.with_name("alone"))
    alone = pipeline.optimize(request, device=device, executor=Small(), watch=lambda _: None)
    assert any("more memory" in one.message for one in alone.failures)
