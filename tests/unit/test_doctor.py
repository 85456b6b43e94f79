"""What the doctor says of packages that work, that do not, and that are missing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from edge_opt import registry, turns
from edge_opt.cli.machine import doctor as command
from edge_opt.errors import Crashed, DeviceBusy, MissingPackage, StepFailed
from edge_opt.flows.machines import availability, doctor, probes
from edge_opt.flows.parts import PARTS, Part
from edge_opt.inputs import probe
from tests.fakes import ENVIRONMENT, FakeExecutor

WORKING = Part(package="working", imported="json", extra="images", enables="work", probe="works")
BROKEN = Part(package="broken", imported="json", extra="images", enables="break", probe="fails")
MISSING = Part(package="absent", imported="no_such_package", extra="images", enables="do more", probe="works")


class Device:
    """Answers the smallest model as told."""

    def __init__(self, answer: Any = probe.ANSWER, error: Exception | None = None) -> None:
        self.answer, self.error = answer, error

    def run(self, job: Mapping[str, Any]) -> dict[str, Any]:
        if job["mode"] == "environment":
            return {"environment": ENVIRONMENT}
        if self.error:
            raise self.error
        assert Path(job["artifacts"][0]["path"]).is_file()
        assert np.load(job["inputs"]).tolist() == [list(one) for one in probe.INPUT]
        np.save(job["outputs"], np.array(self.answer, np.float32))
        return {"outputs": job["outputs"], "runtime_version": "fake 1.0"}


@pytest.fixture
def parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three packages without a runtime: one works, one is broken, one is missing."""

    def fails() -> None:
        raise ImportError("libbroken.so: cannot open shared object file\nmore words")

    monkeypatch.setattr(doctor, "_every", lambda: (WORKING, BROKEN, MISSING))
    monkeypatch.setattr(probes, "works", lambda: None, raising=False)
    monkeypatch.setattr(probes, "fails", fails, raising=False)


def examined(executor: Any = None, folder: Path = Path("runs")) -> doctor.Examined:
    return doctor.examine(Device(), executor or FakeExecutor(), folder)


@pytest.mark.usefixtures("parts")
def test_each_package_works_is_broken_or_is_missing_and_the_missing_one_has_its_command() -> None:
    found = examined()
    assert {one.package: one.status for one in found.parts} == {
        "working": "works", "broken": "broken", "absent": "missing",
    }  # fmt: skip
    assert found.parts[1].why == "ImportError: libbroken.so: cannot open shared object file"
    assert found.parts[2].command == "pip install 'edge-opt[images]'"
    assert found.parts[2].enables == "do more"
    assert [one.code for one in found.findings if one.level == "error"] == ["EO506"]
    assert not found.healthy


@pytest.mark.usefixtures("parts")
def test_a_package_that_crashes_does_not_take_the_others_with_it() -> None:
    class Executor(FakeExecutor):
        def submit(self, function: Any, *arguments: Any) -> Any:
            future = super().submit(function, *arguments)
            if "fails" in arguments[0]:
                from concurrent.futures import Future

                future = Future()
                future.set_exception(Crashed("its process died from SIGSEGV"))
            return future

    found = examined(Executor())
    assert {one.package: one.why for one in found.parts if one.status != "missing"} == {
        "working": "", "broken": "its process died from SIGSEGV",
    }  # fmt: skip


def test_a_runtime_is_proved_by_what_it_answers() -> None:
    assert availability.prove("litert", Device()) == "fake 1.0"
    with pytest.raises(StepFailed, match=r"where .* is right"):
        availability.prove("litert", Device(answer=((3.0, 0.0, 9.0),)))


@pytest.mark.parametrize("error", [StepFailed("its worker said no"), MissingPackage("it needs more", "pip install x")])
def test_a_runtime_that_fails_is_broken_and_a_busy_machine_is_no_fault_of_it(error: Exception) -> None:
    part = Part(package="json", imported="json", extra="", enables="run", runtime="litert")
    assert doctor._proved(part, Device(error=error)) == str(error)
    with pytest.raises(DeviceBusy):
        doctor._proved(part, Device(error=DeviceBusy("busy")))


def test_every_part_has_its_probe_and_every_registered_runtime_is_a_part() -> None:
    for part in PARTS:
        assert bool(part.probe) != bool(part.runtime)
        assert not part.probe or callable(getattr(probes, part.probe))
    assert {part.runtime for part in PARTS if part.runtime} == set(registry.names("runtimes"))


def test_the_smallest_model_is_there_in_every_format_that_a_runtime_opens() -> None:
    for name in registry.names("runtimes"):
        for form in registry.load("runtimes", name).FORMATS:
            assert probe.path(form).is_file()
    answer = np.maximum(np.array(probe.INPUT) @ np.array(probe.MATRIX), 0)
    assert answer.tolist() == [list(one) for one in probe.ANSWER]


@pytest.mark.usefixtures("parts")
def test_little_room_and_a_lock_out_of_reach_are_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "EO508" not in {one.code for one in examined(folder=tmp_path / "runs").findings}
    (tmp_path / "lock").symlink_to("elsewhere")
    monkeypatch.setattr(turns, "_ROOM", tmp_path / "lock")
    monkeypatch.setattr(doctor, "_LITTLE_DISK_BYTES", 2**60)
    monkeypatch.setattr(doctor, "_LITTLE_MEMORY_BYTES", 2**60)
    found = examined(folder=tmp_path / "runs")
    assert {"EO507", "EO508"} <= {one.code for one in found.findings}
    assert "is a link" in found.machine["lock"]
    assert str(tmp_path / "runs") in found.machine["runs folder"]


@pytest.mark.usefixtures("parts")
def test_the_command_prints_it_and_ends_with_2_where_something_is_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    fakes = {"devices": lambda **_: Device(), "executors": lambda **_: FakeExecutor()}
    monkeypatch.setattr(registry, "load", lambda kind, name: fakes[kind])
    said = CliRunner().invoke(command, [])
    assert said.exit_code == 2
    assert "BROKEN" in said.stdout
    assert "pip install 'edge-opt[images]'" in said.stdout
    assert "error[EO506] 'broken' is installed and does not work" in said.stderr
    parsed = json.loads(CliRunner().invoke(command, ["--format", "json"]).stdout)
    assert parsed["healthy"] is False
    assert len(parsed["parts"]) == 3


@pytest.mark.slow
def test_what_is_installed_here_works() -> None:
    names = [part.probe for part in PARTS if part.probe and find_spec(part.imported)]
    assert names
    from edge_opt.executors.process import ProcessExecutor

    with ProcessExecutor() as executor:
        assert executor.submit(probes.attempt, names).result() == ("",) * len(names)


def test_a_package_that_gives_something_wrong_is_broken_also_where_asserts_are_left_out() -> None:
    code = """
import numpy as np
from edge_opt.flows.machines import probes
np.array_equal = lambda *_: False
print(probes.attempt(["pillow"])[0])
"""
    environment = {**os.environ, "PYTHONOPTIMIZE": "1"}
    ended = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert ended.stdout == "RuntimeError: it ran, and what came out is wrong\n"
