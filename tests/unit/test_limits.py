from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from edge_opt import limits
from edge_opt.errors import Crashed, OutOfMemory, StepFailed, TimedOut
from edge_opt.limits import limit_s, most_memory_bytes, run_limited
from tests.fixtures.processes import wait_for, wait_until_gone

FAMILY = "import os,subprocess,sys,time; c=subprocess.Popen(['sleep','600']); " + (
    "open(sys.argv[1],'w').write(f'{os.getpid()} {c.pid}\\n'); time.sleep(float(sys.argv[2]))"
)
ON_LINUX = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="memory is limited on Linux only: run it there"
)


def python(code: str, *arguments: str) -> list[str]:
    return [sys.executable, "-c", code, *arguments]


def test_it_gives_what_the_command_wrote_and_its_status() -> None:
    code = "import sys; sys.stdout.write(sys.stdin.read()[::-1]); print('told', file=sys.stderr); sys.exit(3)"
    done = run_limited(python(code), stdin=b"abc")
    assert (done.stdout, done.stderr, done.returncode) == (b"cba", "told", 3)


def test_large_input_and_output_do_not_block() -> None:
    done = run_limited(python("import sys; sys.stdout.write(sys.stdin.read())"), stdin=b"x" * 5_000_000)
    assert len(done.stdout) == 5_000_000


def test_of_a_long_stderr_the_end_is_kept() -> None:
    done = run_limited(python("import sys; sys.stderr.write('a' * 100_000 + 'the end')"))
    assert done.stderr.endswith("the end")
    assert len(done.stderr) < 5_000


def test_the_command_sees_the_given_variables_only() -> None:
    done = run_limited(["/usr/bin/env"], env={"ONE": "1"})
    assert done.stdout == b"ONE=1\n"


def test_a_process_that_takes_too_long_is_ended_with_its_children(tmp_path: Path) -> None:
    with pytest.raises(TimedOut, match="longer than its limit of 1 s"):
        run_limited(python(FAMILY, str(tmp_path / "pids"), "600"), timeout_s=1)
    assert wait_until_gone(wait_for(tmp_path / "pids")) == []


def test_children_that_outlive_the_command_are_ended(tmp_path: Path) -> None:
    run_limited(python(FAMILY, str(tmp_path / "pids"), "0"))
    assert wait_until_gone(wait_for(tmp_path / "pids")) == []


@ON_LINUX
def test_a_process_that_takes_too_much_memory_is_ended() -> None:
    with pytest.raises(OutOfMemory, match="its limit of 200 MiB"):
        run_limited(
            python("x = []\nwhile True: x.append(bytearray(b'x' * 2**24))"), memory_bytes=200 * 2**20, timeout_s=60
        )


@ON_LINUX
def test_the_memory_of_children_counts() -> None:
    child = "import time; held = b'x' * (300 * 2**20); time.sleep(60)"
    code = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"
    with pytest.raises(OutOfMemory):
        run_limited(python(code), memory_bytes=200 * 2**20, timeout_s=60)


@ON_LINUX
def test_the_peak_of_memory_is_seen() -> None:
    done = run_limited(python("import time; x = b'x' * (100 * 2**20); time.sleep(0.5)"))
    assert 100 * 2**20 < done.peak_rss_bytes < 200 * 2**20


def test_a_crash_names_its_signal_and_carries_the_last_words() -> None:
    code = "import ctypes,sys; print('about to fall', file=sys.stderr, flush=True); ctypes.string_at(0)"
    with pytest.raises(Crashed, match=r"died from SIGSEGV \(segmentation fault\)") as caught:
        run_limited(python(code))
    assert "about to fall" in "".join(caught.value.__notes__)


def test_a_kill_from_outside_is_said_to_be_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "_kernel_kills", lambda: 7)
    with pytest.raises(Crashed, match=r"from outside \(SIGKILL\), perhaps because memory ran out"):
        run_limited(python("import os; os.kill(os.getpid(), 9)"))


def test_a_kill_by_the_kernel_for_want_of_memory_is_out_of_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    counts = iter((7, 8))
    monkeypatch.setattr(limits, "_kernel_kills", lambda: next(counts))
    with pytest.raises(OutOfMemory, match="the memory of the machine ran out"):
        run_limited(python("import os; os.kill(os.getpid(), 9)"))


def test_another_thread_can_stop_it(tmp_path: Path) -> None:
    stop = threading.Event()
    threading.Timer(0.3, stop.set).start()
    with pytest.raises(StepFailed, match="stopped"):
        run_limited(python(FAMILY, str(tmp_path / "pids"), "600"), stop=stop)
    assert wait_until_gone(wait_for(tmp_path / "pids")) == []


def test_it_works_where_there_is_no_pidfd(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(pid: int) -> int:
        raise OSError("not here")

    monkeypatch.setattr(os, "pidfd_open", refuse, raising=False)
    assert run_limited(python("print(1)")).stdout == b"1\n"
    with pytest.raises(TimedOut):
        run_limited(python("import time; time.sleep(600)"), timeout_s=0.3)


# A shell that starts the tests in the background lets them, and so their children, ignore SIGINT and SIGHUP.
PARENT = (
    "import signal, sys; from edge_opt.limits import run_limited; "
    "signal.signal(signal.SIGINT, signal.default_int_handler); signal.signal(signal.SIGHUP, signal.SIG_DFL); "
    "run_limited(sys.argv[1:])"
)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_when_the_parent_is_killed_no_process_stays_behind(number: int, tmp_path: Path) -> None:
    command = python(FAMILY, str(tmp_path / "pids"), "600")
    parent = subprocess.Popen(python(PARENT, *command), stderr=subprocess.DEVNULL)
    pids = wait_for(tmp_path / "pids")
    parent.send_signal(number)
    parent.wait()
    assert wait_until_gone(pids) == []


def test_waiting_for_a_short_command_takes_no_polling_interval() -> None:
    # no clock is asserted: twenty commands under a second each would still be ten times slower than this allows
    start = time.monotonic()
    for _ in range(20):
        run_limited(["/bin/true"])
    assert time.monotonic() - start < 20


def test_the_default_limit_leaves_the_machine_some_memory() -> None:
    total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    assert 2**28 < most_memory_bytes() < total


def test_a_job_that_says_how_long_it_lasts_has_that_time_on_top_of_the_limit() -> None:
    assert limit_s({"mode": "sustain", "seconds": 300.0}, 600.0) == 900.0
    assert limit_s({"mode": "sustain", "seconds": 300.0, "rest_seconds": 60.0}, 600.0) == 960.0
    assert limit_s({"mode": "time"}, 600.0) == 600.0
    assert limit_s({"mode": "sustain", "seconds": 300.0}, None) is None
