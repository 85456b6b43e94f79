from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from edge_opt.errors import Crashed, MissingPackage, OutOfMemory, RunError, StepFailed, TimedOut
from edge_opt.executors.process import ProcessExecutor
from tests.fixtures import calls
from tests.fixtures.processes import wait_for, wait_until_gone


def test_what_libraries_print_is_not_part_of_the_answer(capfd: pytest.CaptureFixture[str]) -> None:
    with ProcessExecutor() as executor:
        assert executor.submit(calls.speak).result() == 42
    assert capfd.readouterr() == ("", "")


def test_a_crash_is_an_error_that_names_the_signal() -> None:
    with ProcessExecutor() as executor, pytest.raises(Crashed, match="SIGSEGV"):
        executor.submit(calls.segfault).result()


def test_a_call_that_hangs_is_ended() -> None:
    with ProcessExecutor(timeout_s=1) as executor, pytest.raises(TimedOut, match="its limit of 1 s"):
        executor.submit(calls.hang).result()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="memory is limited on Linux only: run it there")
def test_a_call_that_takes_all_memory_is_ended() -> None:
    with ProcessExecutor(memory_bytes=300 * 2**20) as executor, pytest.raises(OutOfMemory):
        executor.submit(calls.hog).result()


def test_the_next_call_works_after_one_that_crashed() -> None:
    with ProcessExecutor() as executor:
        crashed, next_one = executor.submit(calls.segfault), executor.submit(abs, -1)
        assert isinstance(crashed.exception(), Crashed)
        assert next_one.result() == 1


def test_a_call_that_leaves_without_an_answer_is_a_failed_step() -> None:
    with ProcessExecutor() as executor, pytest.raises(StepFailed, match="status 5 and no answer"):
        executor.submit(calls.leave).result()


def test_a_library_that_calls_exit_is_a_failed_step() -> None:
    with ProcessExecutor() as executor, pytest.raises(StepFailed, match="thinks it owns the process"):
        executor.submit(calls.quit_politely).result()


def test_running_out_of_memory_inside_is_out_of_memory() -> None:
    with ProcessExecutor() as executor, pytest.raises(OutOfMemory):
        executor.submit(calls.fail_with, MemoryError()).result()


def test_a_missing_package_is_named() -> None:
    with ProcessExecutor() as executor, pytest.raises(MissingPackage, match="'no_such_package'"):
        executor.submit(calls.need, "no_such_package").result()


def test_a_full_disk_is_no_failed_step_but_the_end_of_the_run() -> None:
    with ProcessExecutor() as executor, pytest.raises(RunError, match=r"to write 'model\.onnx'"):
        executor.submit(calls.full_disk, "model.onnx").result()


def test_of_a_long_message_the_first_and_the_last_line_are_kept_and_the_traceback_is_a_note() -> None:
    said = RuntimeError("conversion failed:\n" + "  %0 = graph\n" * 500 + "operator Erf is not supported\n")
    with ProcessExecutor() as executor, pytest.raises(StepFailed) as caught:
        executor.submit(calls.fail_with, said).result()
    assert caught.value.message == "conversion failed: … operator Erf is not supported"
    assert "calls.py" in "".join(caught.value.__notes__)


def test_a_message_of_one_endless_line_is_cut() -> None:
    with ProcessExecutor() as executor, pytest.raises(StepFailed) as caught:
        executor.submit(calls.fail_with, RuntimeError("x" * 5000)).result()
    assert len(caught.value.message) == 300


def test_what_a_call_leaves_in_the_temporary_folder_is_removed() -> None:
    with ProcessExecutor() as executor:
        folder = executor.submit(calls.litter).result()
    assert not Path(folder).exists()


def test_the_children_do_not_inherit_the_switch_to_legacy_keras(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TF_USE_LEGACY_KERAS", "1")
    with ProcessExecutor() as executor:
        assert executor.submit(calls.variable, "TF_USE_LEGACY_KERAS").result() is None


@pytest.mark.slow
def test_one_worker_calls_one_after_the_other_and_two_call_together() -> None:
    with ProcessExecutor(workers=1) as executor:
        (_, first_end), (second_start, _) = sorted(
            one.result() for one in [executor.submit(calls.nap, 0.2) for _ in "ab"]
        )
    assert second_start >= first_end
    with ProcessExecutor(workers=2) as executor:
        (_, first_end), (second_start, _) = sorted(
            one.result() for one in [executor.submit(calls.nap, 2.0) for _ in "ab"]
        )
    assert second_start < first_end


def test_leaving_the_block_ends_what_runs_and_cancels_what_waits(tmp_path: Path) -> None:
    with ProcessExecutor() as executor:
        running = executor.submit(calls.spawn_and_hang, str(tmp_path / "pids"))
        waiting = executor.submit(abs, -1)
        pids = wait_for(tmp_path / "pids")
    assert wait_until_gone(pids) == []
    assert isinstance(running.exception(), StepFailed)
    assert waiting.cancelled()


def test_a_script_without_a_main_guard_is_not_run_twice(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "from edge_opt.executors.process import ProcessExecutor\n"
        "print('once')\n"
        "with ProcessExecutor() as executor: print(executor.submit(abs, -7).result())\n"
    )
    done = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, check=True, env=reach(), cwd=tmp_path
    )
    assert done.stdout == "once\n7\n"


@pytest.mark.parametrize("kill", ["kill", "terminate"])
def test_when_the_caller_is_killed_no_call_stays_behind(tmp_path: Path, kill: str) -> None:
    code = (
        "import sys; from edge_opt.executors.process import ProcessExecutor; from tests.fixtures import calls\n"
        "ProcessExecutor().submit(calls.spawn_and_hang, sys.argv[1]).result()"
    )
    parent = subprocess.Popen([sys.executable, "-c", code, str(tmp_path / "pids")], env=reach(tmp_path))
    pids = wait_for(tmp_path / "pids")
    getattr(parent, kill)()
    parent.wait()
    assert wait_until_gone(pids) == []


def test_an_interpreter_that_ends_does_not_wait_for_its_calls(tmp_path: Path) -> None:
    code = (
        "import sys,time; from edge_opt.executors.process import ProcessExecutor; from tests.fixtures import calls\n"
        "from tests.fixtures.processes import wait_for; from pathlib import Path\n"
        "ProcessExecutor().submit(calls.spawn_and_hang, sys.argv[1]); wait_for(Path(sys.argv[1]))"
    )
    started = time.monotonic()
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "pids")], check=True, env=reach(tmp_path))
    assert time.monotonic() - started < 60
    assert wait_until_gone(wait_for(tmp_path / "pids")) == []


def reach(temporary: Path | None = None) -> dict[str, str]:
    """Variables with which another interpreter finds this checkout, and leaves its temporary files in ours."""
    checkout = str(Path(calls.__file__).parents[2])
    return {**os.environ, "PYTHONPATH": checkout, **({"TMPDIR": str(temporary)} if temporary else {})}
