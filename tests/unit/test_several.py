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


def unfit(folder: Path) -> str:
    """A target whose runtime loads none of its formats."""
    path = folder / "unfit.toml"
    path.write_text(
        'description = "unfit"\ndevice = "local"\nformats = ["onnx"]\nruntimes = ["litert"]\nthreads = [1]\n'
    )
    return str(path)


def test_a_target_that_nothing_runs_on_does_not_stop_the_others_that_come_after_it(
    tmp_path: Path, calls: list[FakeExecutor]
) -> None:
    """It is an InputError, but none of the model or the data, which would be the same for all."""
    found = optimize(tmp_path, targets=(unfit(tmp_path), "host"))
    (error,) = found.errors.values()
    assert isinstance(error, InputError)
    assert "nothing can run on 'unfit'" in error.message
    assert [folder.name for folder in found.reports] == ["host-threads1"]


def test_where_one_of_several_failed_the_others_can_be_compared_and_it_is_named(
    tmp_path: Path, calls: list[FakeExecutor]
) -> None:
    optimize(tmp_path, threads=(1, 2))
    failed = tmp_path / "runs" / "host-threads1"
    (failed / "report.json").unlink()
    found = api.compare([tmp_path / "runs"])
    assert {row.run for row in found.rows} == {str(tmp_path / "runs" / "host-threads2")}
    (finding,) = (one for one in found.findings if one.code == "EO509")
    assert str(failed) in finding.message
    (tmp_path / "runs" / "host-threads2" / "report.json").unlink()
    with pytest.raises(RunError, match="is not finished"):
        api.compare([tmp_path / "runs"])


def test_one_target_as_a_word_and_the_same_number_twice_are_one_run_in_the_folder_of_the_model(
    tmp_path: Path, calls: list[FakeExecutor], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    found = optimize(tmp_path, targets="host", threads=(1, 1), output="")
    assert list(found.reports) == [Path("runs/model/host-threads1")]
    assert not (tmp_path / "compare.md").exists()
    assert (tmp_path / "runs" / "model" / "compare.md").exists()


def test_to_resume_and_to_overwrite_is_refused_and_nothing_is_removed(
    tmp_path: Path, calls: list[FakeExecutor]
) -> None:
    optimize(tmp_path)
    report = (tmp_path / "runs" / "host-threads1" / "report.json").read_bytes()
    with pytest.raises(InputError, match="'--resume' goes on with the run"):
        optimize(tmp_path, resume=True, overwrite=True)
    assert (tmp_path / "runs" / "host-threads1" / "report.json").read_bytes() == report


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
