"""Turns on one machine: a timing alone, everything else together; nobody is overtaken for ever."""

from __future__ import annotations

import logging
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from edge_opt import turns
from edge_opt.errors import DeviceBusy, StepFailed
from edge_opt.executors.process import ProcessExecutor
from edge_opt.turns import turn
from tests.fixtures import calls
from tests.fixtures.tiny import HERE


@pytest.fixture(autouse=True)
def own_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Files of our own, so that these tests neither wait for measurements nor hold them up."""
    monkeypatch.setattr(turns, "_ROOM", tmp_path / "lock")
    return tmp_path / "lock"


@pytest.fixture
def other() -> Iterator[threading.Event]:
    """Another turn, alone, that lasts until the event is set."""
    began, end = threading.Event(), threading.Event()

    def hold() -> None:
        with turn("alone"):
            began.set()
            end.wait(60)

    thread = threading.Thread(target=hold)
    thread.start()
    assert began.wait(60)
    yield end
    end.set()
    thread.join()


def test_shared_turns_are_taken_together() -> None:
    with turn("shared"), turn("shared", wait_s=0.1):
        pass


@pytest.mark.parametrize(("first", "second"), [("alone", "alone"), ("alone", "shared"), ("shared", "alone")])
def test_a_turn_alone_excludes_every_other(first: str, second: str) -> None:
    with turn(first), pytest.raises(DeviceBusy, match=r"for over 0\.1 s"):  # type: ignore[arg-type]
        turn(second, wait_s=0.1).__enter__()  # type: ignore[arg-type]
    with turn(second, wait_s=0.1):  # type: ignore[arg-type]
        pass


def test_waiting_is_said_and_ends_with_the_other_turn(
    other: threading.Event, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns, "_SAY_AFTER_S", 0.05)
    turns._say_once.cache_clear()
    threading.Timer(0.5, other.set).start()
    with caplog.at_level(logging.WARNING), turn("shared", wait_s=60):
        assert other.is_set()
    assert "waiting while another edge-opt works" in caplog.text


def test_the_time_spent_waiting_for_turns_is_known(other: threading.Event) -> None:
    before = turns.waited_s()
    with ThreadPoolExecutor() as threads:
        waiting = threads.submit(_take_a_turn)
        time.sleep(1.0)  # far longer than a busy machine takes to start the thread
        other.set()
        waiting.result(60)
    assert 0.5 <= turns.waited_s() - before <= 60


def _take_a_turn() -> None:
    with turn("shared"):
        pass


def test_a_timing_that_waits_is_not_overtaken_by_further_conversions() -> None:
    order: list[str] = []
    first = turn("shared")
    first.__enter__()

    def enter(name: str, kind: str) -> threading.Thread:
        def work() -> None:
            with turn(kind):  # type: ignore[arg-type]
                order.append(name)

        thread = threading.Thread(target=work)
        thread.start()
        time.sleep(0.2)  # until it stands at the gate
        return thread

    threads = [enter("timing", "alone"), enter("conversion", "shared"), enter("another", "shared")]
    assert order == []
    first.__exit__(None, None, None)
    for thread in threads:
        thread.join(60)
    assert order[0] == "timing"
    assert set(order[1:]) == {"conversion", "another"}


def test_conversions_wait_for_a_timing_and_their_executor_can_be_closed_meanwhile(other: threading.Event) -> None:
    with ProcessExecutor() as executor:
        waiting = executor.submit(abs, -1)
        time.sleep(0.2)
        assert not waiting.done()
    assert isinstance(waiting.exception(), StepFailed)
    with ProcessExecutor() as executor:
        waiting = executor.submit(abs, -1)
        other.set()
        assert waiting.result(60) == 1


def test_a_conversion_that_may_not_start_in_time_is_an_error_of_the_machine(other: threading.Event) -> None:
    with ProcessExecutor(wait_s=0.1) as executor, pytest.raises(DeviceBusy):
        executor.submit(abs, -1).result()


def test_a_timing_starts_when_the_conversions_of_the_same_process_are_done() -> None:
    with ProcessExecutor(workers=2) as executor:
        naps = [executor.submit(calls.nap, 0.3) for _ in range(4)]
        [one.result() for one in naps[:2]]
        with turn("alone", wait_s=60):
            assert sum(one.done() for one in naps) >= 2
        assert all(one.result() for one in naps)


def test_a_turn_ends_with_the_process_that_had_it(own_files: Path) -> None:
    code = (
        "import os, signal, sys; from pathlib import Path; from edge_opt import turns\n"
        "turns._ROOM = Path(sys.argv[1]); turns.turn('alone').__enter__(); os.kill(os.getpid(), signal.SIGKILL)"
    )
    killed = subprocess.run([sys.executable, "-c", code, str(own_files)], cwd=HERE.parents[1], check=False)
    assert killed.returncode == -9
    assert own_files.exists()
    with turn("alone", wait_s=0.1):
        pass


def test_without_a_place_for_the_files_it_goes_on_and_warns(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    monkeypatch.setattr(turns, "_ROOM", tmp_path / "no such folder" / "lock")
    with caplog.at_level(logging.WARNING), turn("alone"):
        pass
    assert "timing without a lock" in caplog.text


def test_a_link_in_the_place_of_the_file_is_not_followed(own_files: Path, tmp_path: Path) -> None:
    own_files.symlink_to(tmp_path / "elsewhere")
    with turn("alone"):
        pass
    assert not (tmp_path / "elsewhere").exists()
