"""Counting instructions: what callgrind's dumps are read as, what it refuses, and what valgrind itself counts."""

from __future__ import annotations

import platform
import shutil
from pathlib import Path
from typing import Any

import pytest

from edge_opt import turns
from edge_opt.devices.callgrind import CallgrindDevice, counted, counts
from edge_opt.errors import Crashed, InputError, MissingPackage, StepFailed
from edge_opt.stages.gate.counting import count, decide
from edge_opt.types import Entry
from tests.fixtures import tiny

ON_X86 = pytest.mark.skipif(platform.machine() != "x86_64", reason="instructions are counted on x86 only: run it there")
VALGRIND = pytest.mark.skipif(
    shutil.which("valgrind") is None, reason="'valgrind' is not installed: apt install valgrind"
)
# the head and the foot of what callgrind 3.19 wrote for a program of ours
DUMP = """# callgrind format
version: 1
creator: callgrind-3.19.0
pid: {process}
cmd:  python worker.py
part: {part}


desc: Trigger: {trigger}

positions: line
events: Ir
summary: {total}


ob=(1) /usr/lib/x86_64-linux-gnu/libc.so.6
fn=(1) malloc
12 {total}

totals: {total}
"""
MARKED = "--dump-before=getpriority"


@pytest.fixture(autouse=True)
def own_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "_ROOM", tmp_path / "lock")


def dump(folder: Path, part: int, total: int, trigger: str = MARKED, process: int = 71) -> None:
    name = f"{process}.{part}" if part else f"{process}"
    (folder / name).write_text(DUMP.format(process=process, part=part, trigger=trigger, total=total))


def job(mode: str = "count", **more: Any) -> dict[str, Any]:
    one = {"path": str(tiny.FILES["tflite"]), "runtime": "litert", "options": {}}
    return {"protocol": 1, "mode": mode, "artifacts": [one], **more}


def test_the_dumps_are_read_in_the_order_in_which_they_were_written(tmp_path: Path) -> None:
    for part in range(1, 13):
        dump(tmp_path, part, 100 + part)
    dump(tmp_path, 0, 5, "Program termination")
    assert counts(tmp_path) == [100 + part for part in range(1, 13)]


def test_what_a_child_process_executes_is_not_counted(tmp_path: Path) -> None:
    for part in (1, 2):
        dump(tmp_path, part, part)
    dump(tmp_path, 1, 999, process=72)
    dump(tmp_path, 3, 777, "--dump-before=other")
    assert counts(tmp_path) == [1, 2]


def test_a_folder_without_dumps_holds_no_counts(tmp_path: Path) -> None:
    assert counts(tmp_path) == []


def test_each_artifact_gets_the_counts_of_its_own_regions_without_warm_up(tmp_path: Path) -> None:
    answer = {"artifacts": [{"runtime": "a"}, {"runtime": "b"}], "regions": [None, None, 0, 1, 0, 1]}
    for region, total in enumerate((9, 9, 50, 60, 51, 61)):
        dump(tmp_path, 2 * region + 1, 1000)
        dump(tmp_path, 2 * region + 2, total)
    assert counted(answer, tmp_path) == [
        {"runtime": "a", "instructions": [50, 51]},
        {"runtime": "b", "instructions": [60, 61]},
    ]


def test_marks_that_somebody_else_made_are_an_error_and_no_number(tmp_path: Path) -> None:
    for part in (1, 2, 3):
        dump(tmp_path, part, 5)
    with pytest.raises(StepFailed, match="saw 3 marks where the worker made 2"):
        counted({"artifacts": [{}], "regions": [0]}, tmp_path)


@ON_X86
def test_without_valgrind_the_error_says_how_to_install_it() -> None:
    with pytest.raises(MissingPackage, match="'valgrind', which is not installed") as caught:
        CallgrindDevice(valgrind="no-such-valgrind").run(job())
    assert caught.value.hint == "apt install valgrind"


def test_on_another_machine_than_x86_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "aarch64")
    with pytest.raises(InputError, match="this machine is 'aarch64'"):
        CallgrindDevice().run(job())


@ON_X86
def test_several_threads_are_refused_because_waiting_is_executing_too() -> None:
    with pytest.raises(InputError, match="one thread, not with '2'"):
        CallgrindDevice().run(job(threads=2))


@ON_X86
@pytest.mark.parametrize("mode", ["time", "pair", "several", "profile"])
def test_it_takes_no_times(mode: str) -> None:
    with pytest.raises(InputError, match=f"no mode '{mode}'"):
        CallgrindDevice().run(job(mode))


def stand_in(folder: Path, command: str) -> str:
    """A program that knows its version as valgrind does, and does ``command`` otherwise."""
    path = folder / "valgrind"
    path.write_text(f'#!/bin/sh\n[ "$1" = --version ] && echo valgrind-9.9.9 && exit\n{command}\n')
    path.chmod(0o755)
    return str(path)


@ON_X86
def test_an_instruction_that_valgrind_does_not_know_is_said_with_its_version(tmp_path: Path) -> None:
    device = CallgrindDevice(valgrind=stand_in(tmp_path, "kill -s ILL $$"))
    with pytest.raises(Crashed, match=r"valgrind 9\.9\.9 does not know an instruction") as caught:
        device.run(job())
    assert "decide by the latency" in caught.value.hint


@ON_X86
def test_another_crash_keeps_its_signal(tmp_path: Path) -> None:
    with pytest.raises(Crashed, match="SIGSEGV"):
        CallgrindDevice(valgrind=stand_in(tmp_path, "kill -s SEGV $$")).run(job())


@ON_X86
def test_a_valgrind_that_does_not_count_is_an_error(tmp_path: Path) -> None:
    ignoring = stand_in(tmp_path, 'while [ "${1#--}" != "$1" ]; do shift; done; exec "$@"')
    with pytest.raises(StepFailed, match="saw 0 marks where the worker made 6"):
        CallgrindDevice(valgrind=ignoring).run(job(warmup=1, runs=2))


@ON_X86
@VALGRIND
@pytest.mark.slow
def test_two_copies_of_an_artifact_execute_the_same_and_again_in_another_process() -> None:
    entry = Entry(path=tiny.FILES["tflite"], runtime="litert")
    first, second = count(entry, entry, CallgrindDevice())
    # copying memory takes some tens of instructions more or less by where it lies: 57 of 23,500 were seen
    assert decide(first, second, 0.005).outcome == "ok"
    assert len(first.instructions) == 5
    assert first.emulator.startswith("valgrind 3.")
    assert not [one for one in first.isa if one.startswith("avx512")]
    (again, _) = count(entry, entry, CallgrindDevice())
    assert decide(first, again, 0.001).outcome == "ok"  # in the same place of another process
