from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_opt import registry, turns, workers
from edge_opt.devices.local import LocalDevice
from edge_opt.errors import Crashed, DeviceBusy, MissingPackage, OutOfMemory, RunError, StepFailed, TimedOut
from tests.fixtures import tiny
from tests.fixtures.processes import wait_for, wait_until_gone

Job = Callable[..., dict[str, Any]]


@pytest.fixture(autouse=True)
def own_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A lock of our own, so that these tests neither wait for measurements nor hold them up."""
    monkeypatch.setattr(turns, "_ROOM", tmp_path / "lock")
    return tmp_path / "lock"


@pytest.fixture
def bad_day(monkeypatch: pytest.MonkeyPatch) -> Job:
    """A job for a runtime of another package, registered as one, that does what ``what`` says."""
    monkeypatch.setitem(registry.TABLES["runtimes"], "misbehaving", "tests.fixtures.misbehaving")  # type: ignore[arg-type]
    registry._table.cache_clear()

    def job(what: str, mode: str = "time", **more: Any) -> dict[str, Any]:
        one = {"path": str(tiny.FILES["tflite"]), "runtime": "misbehaving", "options": {"on run": what}}
        return {"protocol": 1, "mode": mode, "artifacts": [one], "threads": 1, "min_seconds": 0, "min_runs": 2, **more}

    return job


def test_a_runtime_of_another_package_is_run_from_its_file(bad_day: Job) -> None:
    assert LocalDevice().run(bad_day("behave"))["runtime_version"] == "misbehaving 1.0"


def test_a_runtime_that_crashes_is_an_error_that_names_the_signal(bad_day: Job) -> None:
    with pytest.raises(Crashed, match="SIGSEGV"):
        LocalDevice().run(bad_day("segfault"))


@pytest.mark.slow
def test_a_runtime_that_hangs_is_ended(bad_day: Job) -> None:
    with pytest.raises(TimedOut):
        LocalDevice(timeout_s=2).run(bad_day("hang"))


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="memory is limited on Linux only: run it there")
def test_a_runtime_that_takes_all_memory_is_ended(bad_day: Job) -> None:
    with pytest.raises(OutOfMemory, match="its limit of 300 MiB"):
        LocalDevice(memory_bytes=300 * 2**20, timeout_s=60).run(bad_day("hog"))


def test_a_runtime_that_gets_no_memory_is_out_of_memory(bad_day: Job) -> None:
    with pytest.raises(OutOfMemory, match="bad_alloc"):
        LocalDevice().run(bad_day("exhaust"))


def test_a_runtime_that_raises_is_a_failed_step_in_its_words_with_the_traceback_as_a_note(bad_day: Job) -> None:
    with pytest.raises(StepFailed, match="no kernel") as caught:
        LocalDevice().run(bad_day("raise"))
    assert caught.value.message == "could not be run: no kernel for this"
    assert "misbehaving.py" in "".join(caught.value.__notes__)


def test_a_runtime_that_ends_the_process_is_a_failed_step(bad_day: Job) -> None:
    with pytest.raises(StepFailed, match="ended with status 3 and an answer that is no JSON object"):
        LocalDevice().run(bad_day("leave"))


def test_outputs_that_are_no_numbers_are_a_failed_step(bad_day: Job, tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", tiny.pictures(2))
    with pytest.raises(StepFailed, match="sample 0 holds NaN or infinity"):
        LocalDevice().run(bad_day("nan", "predict", inputs=str(tmp_path / "x.npy"), outputs=str(tmp_path / "y.npy")))


@pytest.mark.parametrize("text", ["", "hello", "[1]", '{"a": 1} {"b": 2}', "NaN"])
def test_an_answer_that_is_no_json_object_is_a_failed_step_with_what_was_written(text: str) -> None:
    device = LocalDevice(command=(sys.executable, "-c", f"import sys; print({text!r}); print('why', file=sys.stderr)"))
    with pytest.raises(StepFailed, match="no JSON object") as caught:
        device.run({"protocol": 1, "mode": "time"})
    assert "why" in "".join(caught.value.__notes__)


def test_many_samples_may_take_as_many_times_the_limit(tmp_path: Path) -> None:
    code = "import json, time; time.sleep(1); print(json.dumps({'protocol': 1}))"
    device = LocalDevice(timeout_s=0.4, command=(sys.executable, "-c", code))
    np.save(tmp_path / "x.npy", np.zeros((9_001, 1), np.float32))
    job = {"protocol": 1, "mode": "predict", "inputs": str(tmp_path / "x.npy")}
    assert device.run(job) == {"protocol": 1}
    np.save(tmp_path / "x.npy", np.zeros((1_000, 1), np.float32))
    with pytest.raises(TimedOut):
        device.run(job)


def test_being_kept_waiting_is_no_failure_of_the_artifact() -> None:
    assert not issubclass(DeviceBusy, StepFailed)


def answering(error: dict[str, str]) -> LocalDevice:
    return LocalDevice(command=(sys.executable, "-c", f"import json; print(json.dumps({{'error': {error!r}}}))"))


def test_a_missing_package_is_said_with_the_command_that_installs_it() -> None:
    device = answering({"stage": "import", "message": "onnxruntime", "install": "onnxruntime"})
    with pytest.raises(MissingPackage, match="'onnxruntime', which is not installed") as caught:
        device.run({"protocol": 1, "mode": "time"})
    assert caught.value.hint == "pip install onnxruntime"


def test_a_full_disk_is_no_fault_of_the_artifact() -> None:
    with pytest.raises(RunError, match="no room is left on the disk"):
        answering({"stage": "disk", "message": "No space left"}).run({"protocol": 1, "mode": "predict"})


def test_the_worker_does_not_see_what_the_shell_sets_for_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "64")
    monkeypatch.setenv("OMP_WAIT_POLICY", "active")
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", "AVX2")
    seen = workers.environment(2)
    assert seen["OMP_NUM_THREADS"] == "2"
    assert "OMP_WAIT_POLICY" not in seen
    assert seen["ONEDNN_MAX_CPU_ISA"] == "AVX2"


def test_waiting_for_ever_is_an_error(own_lock: Path, bad_day: Job) -> None:
    with own_lock.open("w") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(DeviceBusy, match="another edge-opt has been measuring"):
            LocalDevice(wait_s=0.1).run(bad_day("behave"))


def test_computing_shares_the_machine_but_timing_does_not(own_lock: Path, bad_day: Job, tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", tiny.pictures(2))
    files = {"inputs": str(tmp_path / "x.npy"), "outputs": str(tmp_path / "y.npy")}
    with own_lock.open("w") as other:
        fcntl.flock(other, fcntl.LOCK_SH)
        LocalDevice(wait_s=0.1).run(bad_day("behave", "predict", **files))
        with pytest.raises(DeviceBusy, match="another edge-opt has been measuring"):
            LocalDevice(wait_s=0.1).run(bad_day("behave"))


def test_describing_the_machine_waits_for_nobody(own_lock: Path) -> None:
    with own_lock.open("w") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        assert LocalDevice(wait_s=0.1).run({"protocol": 1, "mode": "environment"})["environment"]


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., None]:
    """A function that lets a runtime say which interpreter has it."""
    monkeypatch.setitem(registry.TABLES["runtimes"], "misbehaving", "tests.fixtures.misbehaving")  # type: ignore[arg-type]
    registry._table.cache_clear()

    def says(python: Path | None) -> None:
        monkeypatch.setattr("tests.fixtures.misbehaving.python", lambda: python, raising=False)

    return says


def test_a_runtime_with_an_environment_of_its_own_is_run_there_without_our_packages(
    elsewhere: Callable[..., None], bad_day: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    python = tmp_path / "python"
    python.write_text('#!/bin/sh\nprintf \'{"protocol": 1, "path": "%s", "worker": "%s"}\' "$PYTHONPATH" "$1"\n')
    python.chmod(0o755)
    monkeypatch.setenv("PYTHONPATH", "/ours")
    elsewhere(python)
    answer = LocalDevice().run(bad_day("behave"))
    assert answer["path"] == ""
    assert answer["worker"].endswith("runtimes/worker.py")


def test_a_runtime_whose_environment_is_not_set_up_is_said_with_the_command_that_does_it(
    elsewhere: Callable[..., None], bad_day: Job
) -> None:
    elsewhere(None)
    with pytest.raises(MissingPackage, match="'misbehaving' is not set up") as caught:
        LocalDevice().run(bad_day("behave"))
    assert caught.value.hint == "edge-opt runtime add misbehaving"


def test_runtimes_of_two_environments_do_not_share_a_process(
    elsewhere: Callable[..., None], bad_day: Job, tmp_path: Path
) -> None:
    elsewhere(tmp_path / "python")
    job = bad_day("behave", "pair")
    job["artifacts"].append({"path": str(tiny.FILES["tflite"]), "runtime": "litert"})
    with pytest.raises(StepFailed, match="misbehaving and litert have environments of their own"):
        LocalDevice().run(job)


def test_when_the_parent_is_killed_no_worker_stays_behind(tmp_path: Path, own_lock: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from edge_opt import registry, turns\n"
        "from edge_opt.devices.local import LocalDevice; turns._ROOM = Path(sys.argv[2])\n"
        "registry.TABLES['runtimes']['misbehaving'] = 'tests.fixtures.misbehaving'\n"
        "one = {'path': sys.argv[1], 'runtime': 'misbehaving', 'options': {'on run': 'spawn'}}\n"
        "LocalDevice().run({'protocol': 1, 'mode': 'time', 'artifacts': [one]})"
    )
    variables = {**os.environ, "PYTHON_TEST_PIDS": str(tmp_path / "pids"), "PYTHONPATH": str(tiny.HERE.parents[1])}
    parent = subprocess.Popen([sys.executable, "-c", code, str(tiny.FILES["tflite"]), str(own_lock)], env=variables)
    pids = wait_for(tmp_path / "pids")
    parent.kill()
    parent.wait()
    assert wait_until_gone(pids) == []
