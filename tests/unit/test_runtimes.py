"""Runtimes with an environment of their own: whole or not at all, and found by everything that asks."""

from __future__ import annotations

import fcntl
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner

from edge_opt import registry
from edge_opt.cli.machine import runtime_list
from edge_opt.errors import InputError, MissingPackage, RunError, StepFailed, UnknownName
from edge_opt.flows.given import entries_of, runtimes_of
from edge_opt.flows.machines import runtimes
from edge_opt.inputs import targets
from edge_opt.limits import Completed
from edge_opt.results.export import python as bundle
from edge_opt.runtimes import tfl
from edge_opt.stages import plan
from tests.fixtures import tiny
from tests.samples import VERSIONS, a_certificate, a_report, a_trial

NAME = "tflite-runtime"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder of our own, and an environment without the package."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setattr(tfl, "find_spec", lambda name: None)
    return tmp_path / "data" / "edge-opt" / "runtimes"


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The commands that would make an environment; the one that makes it writes its interpreter."""
    made: list[list[str]] = []

    def run(command: Sequence[str], **_: object) -> Completed:
        made.append(list(command))
        if "venv" in command:
            (Path(command[-1]) / "bin").mkdir(parents=True)
            (Path(command[-1]) / "bin/python").write_text("")
        return Completed(returncode=0, stdout=b"", stderr="", peak_rss_bytes=0)

    monkeypatch.setattr(runtimes, "run_limited", run)
    monkeypatch.setattr(runtimes, "prove", lambda name, device: f"{name} 2.14.0")
    return made


def add() -> runtimes.Known:
    return runtimes.add(NAME, lambda _: None)


def left(home: Path) -> set[str]:
    return {path.name for path in home.iterdir()} - {".lock"}


def test_it_is_made_with_uv_proved_and_then_found(home: Path, calls: list[list[str]]) -> None:
    assert not plan.installed(NAME)
    made = add()
    assert made.path == home / NAME
    assert made.installed
    assert plan.installed(NAME)
    assert tfl.python() == home / NAME / "bin/python"
    assert "3.11" in calls[0]
    assert calls[1][-2:] == list(tfl.REQUIREMENTS)
    assert left(home) == {NAME}


def test_one_that_works_is_left_as_it_is_and_one_that_does_not_is_made_anew(
    home: Path, calls: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    add()
    (home / NAME / "mine").write_text("")
    add()
    assert len(calls) == 2

    def prove(name: str, device: object) -> str:
        if (home / NAME / "mine").exists() and len(calls) == 2:
            raise StepFailed("numpy 2")
        return ""

    monkeypatch.setattr(runtimes, "prove", prove)
    add()
    assert len(calls) == 4
    assert not (home / NAME / "mine").exists()


@pytest.mark.parametrize("error", [StepFailed("it dies"), KeyboardInterrupt()])
def test_one_that_does_not_work_or_is_interrupted_leaves_nothing(
    home: Path, calls: list[list[str]], monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    def prove(name: str, device: object) -> str:
        raise error

    monkeypatch.setattr(runtimes, "prove", prove)
    with pytest.raises(type(error)):
        add()
    assert calls
    assert left(home) == set()
    assert not plan.installed(NAME)


def test_what_a_killed_one_left_behind_goes_with_the_next(home: Path, calls: list[list[str]]) -> None:
    (home / f".{NAME}.partial/bin").mkdir(parents=True)
    assert not plan.installed(NAME)
    add()
    assert left(home) == {NAME}


def test_without_a_network_it_is_one_sentence_with_the_installers_words(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = "  × No solution found\n  ├─▶ because numpy was not fetched\n  ╰─▶ Connection refused\n"
    failed = Completed(returncode=1, stdout=b"", stderr=said, peak_rss_bytes=0)
    monkeypatch.setattr(runtimes, "run_limited", lambda *_, **__: failed)
    with pytest.raises(StepFailed, match="could not be installed: No solution found … Connection refused") as caught:
        add()
    assert "check the network" in caught.value.hint
    assert "\n" not in caught.value.message
    assert left(home) == set()


def test_without_uv_a_python_that_fits_is_taken_or_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtimes, "_uv", lambda: [])
    monkeypatch.setattr(runtimes.shutil, "which", lambda name: "/usr/bin/python3.11" if name == "python3.11" else None)
    monkeypatch.setattr(runtimes.sys, "version_info", (3, 13, 0))
    assert runtimes._commands(NAME, tfl, Path("x"))[0][1] == ["/usr/bin/python3.11", "-m", "venv", "x"]
    monkeypatch.setattr(runtimes.shutil, "which", lambda name: None)
    with pytest.raises(MissingPackage, match=r"needs Python 3\.11, and neither that nor uv") as caught:
        runtimes._commands(NAME, tfl, Path("x"))
    assert caught.value.hint == "pip install uv"
    monkeypatch.setattr(runtimes.sys, "version_info", (3, 11, 7))
    assert runtimes._commands(NAME, tfl, Path("x"))[0][1][0] == sys.executable


def test_two_do_not_make_it_at_once(home: Path, calls: list[list[str]]) -> None:
    home.mkdir(parents=True)
    with (home / ".lock").open("w") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(RunError, match="another edge-opt is setting up a runtime"):
            add()
    assert calls == []


def test_removing_leaves_nothing_and_removing_nothing_is_an_error(home: Path, calls: list[list[str]]) -> None:
    add()
    assert runtimes.remove(NAME) == home / NAME
    assert left(home) == set()
    with pytest.raises(InputError, match="has no environment to remove"):
        runtimes.remove(NAME)


def test_a_runtime_that_needs_none_says_how_to_install_it() -> None:
    with pytest.raises(InputError, match="needs no environment of its own") as caught:
        runtimes.add("onnxruntime", lambda _: None)
    assert caught.value.hint == "pip install onnxruntime"
    with pytest.raises(UnknownName, match="no runtime 'tflite-runtim'"):
        runtimes.add("tflite-runtim", lambda _: None)


def test_the_list_has_every_runtime_with_its_place_or_the_command(home: Path) -> None:
    listed = json.loads(CliRunner().invoke(runtime_list, ["--format", "json"]).stdout)
    assert [one["name"] for one in listed] == list(registry.names("runtimes"))
    (own,) = (one for one in listed if one["name"] == NAME)
    assert (own["installed"], own["command"]) == (False, "edge-opt runtime add tflite-runtime")


def test_no_target_tries_it_unless_it_is_named_and_set_up(tmp_path: Path, calls: list[list[str]]) -> None:
    local = [one for one in map(targets.load, targets.names()) if one.device == "local"]
    assert not [one.name for one in local if NAME in one.runtimes]
    (tmp_path / "board.toml").write_text(
        'description = "b"\ndevice = "local"\nformats = ["tflite"]\nruntimes = ["tflite-runtime"]\n'
    )
    board = targets.load(str(tmp_path / "board.toml"))
    (finding,) = plan.absent(board)
    assert (finding.code, finding.hint) == ("EO501", "edge-opt runtime add tflite-runtime")
    add()
    assert plan.absent(board) == ()


def test_several_runtimes_measure_the_artifacts_that_they_load() -> None:
    host = targets.load("host")
    both = runtimes_of("litert, tflite-runtime,litert")
    assert both == ("litert", NAME)
    assert [one.runtime for one in entries_of(tiny.FILES["tflite"], host, both)] == list(both)
    with pytest.raises(InputError, match="litert and tflite-runtime do not load"):
        entries_of(tiny.FILES["onnx"], host, both)
    with pytest.raises(UnknownName, match="no runtime 'litrt'"):
        runtimes_of("litrt")


def test_a_relative_data_folder_is_ignored(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", "here")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert tfl.folder() == tmp_path / ".local/share/edge-opt/runtimes/tflite-runtime"


def test_a_bundle_for_it_takes_the_file_that_stands_alone_and_its_numpy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(VERSIONS, NAME, "tflite-runtime 2.14.0")
    trial = a_trial("static_int8", "tflite", NAME)
    report = a_report([trial], best=trial.id, baseline=trial.id, certificate=a_certificate(trial=trial.id))
    assert bundle._runtime_file(trial).name == "litert.py"
    lines = bundle.requirements(report)
    assert {"tflite-runtime==2.14.0", "numpy<2"} <= set(lines)
    assert not [line for line in lines if line.startswith("numpy=")]
