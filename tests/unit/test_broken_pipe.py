"""What the command line exits with where nobody reads to the end, as in ``edge-opt … | head``. The pipes are real."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TextIO

import click
import pytest

from edge_opt.cli import main as entry
from edge_opt.flows.gate import asked
from tests.architecture.source import CHECKOUT
from tests.fakes import FakeDevice
from tests.gated import written

ALL_BUT_LATENCY = ("--size", "off", "--compressed", "off", "--accuracy", "off", "--placement", "off")


@pytest.fixture
def unread() -> Iterator[Callable[[], TextIO]]:
    """Makes streams into pipes whose reader has gone."""
    made: list[TextIO] = []

    def make() -> TextIO:
        read, write = os.pipe()
        os.close(read)
        made.append(os.fdopen(write, "w", encoding="utf-8"))
        return made[-1]

    yield make
    for one in made:
        with suppress(BrokenPipeError):
            one.close()


@pytest.fixture
def ended(monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """The exit code of the command line with these words, and these streams in place of its own."""

    def run(*words: str | Path, **streams: TextIO) -> int:
        monkeypatch.setattr(sys, "argv", ["edge-opt", *map(str, words)])
        with monkeypatch.context() as patch:
            for name, stream in streams.items():
                patch.setattr(sys, name, stream)
            with pytest.raises(SystemExit) as end:
                entry.main()
        for stream in streams.values():
            stream.flush()  # as Python does when it ends: a failure here would be its exit code 120
        assert isinstance(end.value.code, int)
        return end.value.code

    return run


@pytest.fixture
def device(monkeypatch: pytest.MonkeyPatch) -> FakeDevice:
    """What every gate of the test runs on."""
    found = FakeDevice()
    monkeypatch.setattr(asked, "device", lambda target: found)
    return found


def the_gate(folder: Path, **candidate: float) -> list[str]:
    """The words of a gate on the latency of such a candidate."""
    noise = candidate.get("noise", 0.001)
    new, base = written(folder, **candidate), written(folder, "base.tflite", noise=noise)
    return ["gate", str(new), "--baseline", str(base), *ALL_BUT_LATENCY]


VERDICTS = [
    ({"latency_ns": 100_001}, 0),
    ({"latency_ns": 110_000}, 1),
    ({"latency_ns": 102_000, "noise": 0.2}, 3),
]


@pytest.mark.parametrize(("candidate", "code"), VERDICTS)
def test_a_gate_exits_with_its_verdict_though_nobody_reads_it(
    tmp_path: Path,
    device: FakeDevice,
    ended: Callable[..., int],
    unread: Callable[[], TextIO],
    candidate: dict[str, float],
    code: int,
) -> None:
    assert ended(*the_gate(tmp_path, **candidate), stdout=unread()) == code


@pytest.mark.parametrize("candidate", [candidate for candidate, _ in VERDICTS])
def test_a_gate_whose_progress_nobody_reads_ends_without_a_verdict(
    tmp_path: Path,
    device: FakeDevice,
    ended: Callable[..., int],
    unread: Callable[[], TextIO],
    capsys: pytest.CaptureFixture[str],
    candidate: dict[str, float],
) -> None:
    assert ended(*the_gate(tmp_path, **candidate), stderr=unread()) == 2
    assert capsys.readouterr().out == ""
    assert "pair" not in {job["mode"] for job in device.jobs}  # it did not go on for nobody


def test_reports_are_written_though_nobody_reads_the_decision(
    tmp_path: Path, device: FakeDevice, ended: Callable[..., int], unread: Callable[[], TextIO]
) -> None:
    words = the_gate(tmp_path, latency_ns=110_000)
    assert ended(*words, "--report", f"junit={tmp_path / 'gate.xml'}", stdout=unread()) == 1
    assert "regressed" in (tmp_path / "gate.xml").read_text()


def test_an_error_that_nobody_reads_is_no_verdict(ended: Callable[..., int], unread: Callable[[], TextIO]) -> None:
    assert ended("gate", "new.tflite", stderr=unread()) == 2
    assert ended("gate", "--nonsense", stderr=unread()) == 2
    assert ended("nonsense", "--debug", stderr=unread()) == 2


@pytest.mark.parametrize("words", [["recipes"], ["recipes", "--format", "json"], ["--help"], ["gate", "--help"]])
def test_a_list_that_nobody_reads_to_the_end_is_no_failure(
    ended: Callable[..., int],
    unread: Callable[[], TextIO],
    capsys: pytest.CaptureFixture[str],
    words: list[str],
) -> None:
    assert ended(*words, stdout=unread()) == 0
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("code", [0, 1, 2, 3])
def test_what_is_said_after_the_result_changes_no_verdict(
    monkeypatch: pytest.MonkeyPatch, ended: Callable[..., int], unread: Callable[[], TextIO], code: int
) -> None:
    @click.command()
    @click.pass_context
    def decide(ctx: click.Context) -> None:
        click.echo("the result")
        click.echo("where it is kept", err=True)
        ctx.exit(code)

    monkeypatch.setattr(entry.Commands, "get_command", lambda *_: decide)
    both = unread()  # as with 2>&1
    assert ended("decide", stdout=both, stderr=both) == code


def test_another_pipe_that_breaks_is_said_and_no_verdict(
    monkeypatch: pytest.MonkeyPatch, ended: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    @click.command()
    def broken() -> None:
        raise BrokenPipeError

    monkeypatch.setattr(entry.Commands, "get_command", lambda *_: broken)
    assert ended("broken") == 2
    assert "error: the command was ended" in capsys.readouterr().err


def piped(*words: str, both: bool = False, code: str = "") -> tuple[int, str]:
    """The exit code of a process whose stdout, or ``both``, nobody reads, and what it says on stderr."""
    command = ["-c", code] if code else ["-m", "edge_opt"]
    with subprocess.Popen(
        [sys.executable, *command, *words],
        cwd=CHECKOUT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT if both else subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        process.stdout.close()
        said = process.stderr.read() if process.stderr else ""
    return process.returncode, said


def test_a_real_process_says_nothing_of_a_reader_that_left() -> None:
    assert piped("recipes") == (0, "")


ON_FAKES = """
from edge_opt.cli.main import main
from edge_opt.flows.gate import asked
from tests.fakes import FakeDevice

asked.device = lambda target: FakeDevice()
main()
"""


@pytest.mark.parametrize(("quiet", "code"), [(["-q"], 1), ([], 2)])
def test_a_real_gate_into_a_pipe_that_nobody_reads(tmp_path: Path, quiet: list[str], code: int) -> None:
    words = [*the_gate(tmp_path, latency_ns=110_000), *quiet]
    assert piped(*words, both=True, code=ON_FAKES) == (code, "")
