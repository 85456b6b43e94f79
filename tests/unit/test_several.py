"""Several targets and numbers of threads in one call: a run each, one comparison, and the worst exit code."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import click.testing
import pytest

from edge_opt.cli import main, run
from edge_opt.cli.compare import worst
from edge_opt.errors import InputError, RunError
from edge_opt.flows import api, several
from tests import stack
from tests.fakes import FakeDevice, FakeExecutor


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[FakeExecutor]:
    """The fake stack behind the words of the API; the executors that it was given."""
    stack.installed(monkeypatch)
    made: list[FakeExecutor] = []

    def executor(jobs: int) -> FakeExecutor:
        made.append(FakeExecutor())
        return made[-1]

    monkeypatch.setattr(api, "executor", executor)
    monkeypatch.setattr(api, "device", lambda target: FakeDevice())
    return made


def optimize(folder: Path, **changes: Any) -> several.Several:
    (folder / "model.fake").write_bytes(b"weights")
    data = folder / "data.npz"
    return api.optimize_several(
        folder / "model.fake",
        data if data.exists() else stack.data_set(folder, samples=600),
        **{"recipes": ["float32", "dynamic_int8"], "rounds": 2, "output": folder / "runs", "jobs": 1, **changes},
    )


def exports(made: list[FakeExecutor]) -> list[int]:
    return [sum(function.__name__ == "_export" for function, _ in one.calls) for one in made]


def test_each_target_and_number_of_threads_has_a_run_of_its_own_and_all_are_compared(
    tmp_path: Path, calls: list[FakeExecutor], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGE_OPT_CACHE", str(tmp_path / "cache"))
    found = optimize(tmp_path, targets=("host", "x86-avx2"), threads=(1, 2))
    names = ["host-threads1", "host-threads2", "x86-avx2-threads1", "x86-avx2-threads2"]
    assert [folder.name for folder in found.reports] == names
    assert [report.threads for report in found.reports.values()] == [1, 2, 1, 2]
    for name in names:
        assert (tmp_path / "runs" / name / "report.json").is_file()
    assert {row["run"] for row in json.loads((tmp_path / "runs" / "compare.json").read_text())["rows"]} == set(names)
    assert "| " in (tmp_path / "runs" / "compare.md").read_text()
    first, *rest = exports(calls)
    assert first
    assert rest == [0, 0, 0]  # shared through the cache


def test_without_the_cache_every_run_converts_and_that_is_said(tmp_path: Path, calls: list[FakeExecutor]) -> None:
    told: list[Any] = []
    optimize(tmp_path, threads=(1, 2), use_cache=False, watch=told.append)
    first, second = exports(calls)
    assert first == second
    assert first
    assert "EO505" in {getattr(one, "code", "") for one in told}


def test_resume_goes_on_with_all_of_them_and_repeats_nothing(tmp_path: Path, calls: list[FakeExecutor]) -> None:
    whole = optimize(tmp_path, threads=(1, 2))
    shutil.rmtree(tmp_path / "runs" / "host-threads2")
    calls.clear()
    again = optimize(tmp_path, threads=(1, 2), resume=True)
    assert exports(calls)[0] == 0
    assert exports(calls)[1]
    assert [row.sha256 for row in again.comparison.rows] == [row.sha256 for row in whole.comparison.rows]


def test_a_run_that_fails_does_not_stop_the_others(
    tmp_path: Path, calls: list[FakeExecutor], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "runs" / "host-threads1").mkdir(parents=True)
    (tmp_path / "runs" / "host-threads1" / "mine.txt").write_text("no run")
    found = optimize(tmp_path, threads=(1, 2))
    assert [folder.name for folder in found.errors] == ["host-threads1"]
    assert [folder.name for folder in found.reports] == ["host-threads2"]


def test_a_mistyped_target_or_model_is_refused_before_anything_is_run(
    tmp_path: Path, calls: list[FakeExecutor]
) -> None:
    with pytest.raises(InputError, match="no target 'x86-avx'"):
        optimize(tmp_path, targets=("host", "x86-avx"))
    (tmp_path / "model.fake").unlink(missing_ok=True)
    with pytest.raises(InputError, match="no model at"):
        api.optimize_several(tmp_path / "absent.fake", tmp_path / "data.npz", threads=(1, 2), output=tmp_path / "runs")
    assert not calls or not exports(calls)[0]


def test_a_folder_that_holds_one_run_is_no_place_for_several(tmp_path: Path) -> None:
    (tmp_path / "jobs.jsonl").write_text("")
    with pytest.raises(RunError, match="holds the run of one target"):
        several.places(("host",), (1, 2), tmp_path)


@pytest.mark.parametrize(("codes", "code"), [([0, 0], 0), ([0, 3], 3), ([3, 1, 0], 1), ([1, 2, 3], 2), ([0], 0)])
def test_the_exit_code_is_the_worst_of_all(codes: list[int], code: int) -> None:
    assert worst(codes) == code


def test_one_target_and_one_number_of_threads_keep_the_run_in_the_folder_itself(
    tmp_path: Path, calls: list[FakeExecutor]
) -> None:
    (tmp_path / "model.fake").write_bytes(b"weights")
    data = stack.data_set(tmp_path, samples=600)
    command = [str(tmp_path / "model.fake"), "-d", str(data), "-r", "float32", "--rounds", "2", "--threads", "2"]
    done = click.testing.CliRunner().invoke(run.optimize, [*command, "-o", str(tmp_path / "run")])
    assert done.exit_code == 0, done.output
    assert (tmp_path / "run" / "report.json").is_file()


@pytest.mark.parametrize("threads", ["0", "1,", "two", "-1", "1;2"])
def test_a_list_of_threads_that_is_none_is_refused(tmp_path: Path, threads: str) -> None:
    done = click.testing.CliRunner().invoke(main.cli, ["optimize", "m.keras", "-d", "d", f"--threads={threads}"])
    assert done.exit_code == 2
    assert "whole numbers" in done.output
