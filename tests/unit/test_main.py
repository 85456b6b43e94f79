"""How the command line ends: whatever happens, one sentence and never Python's own exit code 1."""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path

import pytest

from edge_opt.cli import main as entry
from edge_opt.errors import DataError
from edge_opt.inputs import dataset as datasets
from edge_opt.inputs.dataset.names import declared_classes


def ended(monkeypatch: pytest.MonkeyPatch, error: BaseException, *words: str) -> int:
    """The exit code where the command raises ``error``."""

    def fails(**_: object) -> None:
        raise error

    monkeypatch.setattr(entry.cli, "main", fails)
    monkeypatch.setattr(sys, "argv", ["edge-opt", *words])
    with pytest.raises(SystemExit) as end:
        entry.main()
    assert isinstance(end.value.code, int)
    return end.value.code


def typed_wrongly(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    """The exit code of the command line with these words."""
    monkeypatch.setattr(sys, "argv", ["edge-opt", *words])
    with pytest.raises(SystemExit) as end:
        entry.main()
    assert isinstance(end.value.code, int)
    return end.value.code


def test_a_fault_of_edge_opt_is_a_sentence_and_exit_code_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ended(monkeypatch, ZeroDivisionError("division by zero"), "bench") == 2
    said = capsys.readouterr().err
    assert "error: edge-opt itself failed: ZeroDivisionError: division by zero" in said
    assert "--debug" in said
    assert "Traceback" not in said


def test_debug_shows_the_traceback_of_a_fault(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ended(monkeypatch, KeyError("x"), "bench", "--debug") == 2
    assert "Traceback" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("code", "words"),
    [(errno.ENOSPC, "no room is left on the disk to write 'x'"), (errno.EACCES, "'x' cannot be used")],
)
def test_what_the_system_refuses_is_a_sentence_wherever_it_happens(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], code: int, words: str
) -> None:
    assert ended(monkeypatch, OSError(code, os.strerror(code), "x"), "convert") == 2
    assert words in capsys.readouterr().err


@pytest.mark.parametrize(("command", "resumable"), [("optimize", True), ("convert", False), ("bench", False)])
def test_only_the_command_that_can_resume_says_so_when_it_is_interrupted(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], command: str, resumable: bool
) -> None:
    assert ended(monkeypatch, KeyboardInterrupt(), command, "model.keras") == 2
    assert ("--resume" in capsys.readouterr().err) is resumable


@pytest.mark.parametrize(("command", "resumable"), [("calibrate", True), ("check", False)])
def test_the_one_word_of_the_gate_that_can_go_on_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], command: str, resumable: bool
) -> None:
    assert ended(monkeypatch, KeyboardInterrupt(), "gate", command, "model.tflite") == 2
    assert ("give the same command again" in capsys.readouterr().err) is resumable


def test_class_names_that_are_not_utf8_are_refused_with_their_line(tmp_path: Path) -> None:
    (tmp_path / "classes.txt").write_bytes("Hose\nM\xfctze\n".encode("latin-1"))
    with pytest.raises(DataError, match=r"classes\.txt' is not UTF-8 text: see its line 2"):
        declared_classes(tmp_path)


def test_a_folder_that_may_not_be_read_is_refused_with_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: Path) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(self))

    monkeypatch.setattr(Path, "iterdir", refuse)
    with pytest.raises(DataError, match="cannot be read: Permission denied") as raised:
        datasets.read(tmp_path)
    assert tmp_path.name in raised.value.message


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        (["bench"], "missing argument 'ARTIFACT...'"),
        (["bench", "--foo"], "no such option '--foo'"),
        (["bench", "x", "--rounds", "0"], "'--rounds'"),
        (["--nope"], "no such option '--nope'"),
    ],
)
def test_what_click_refuses_is_said_as_all_other_errors_are(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], typed: list[str], said: str
) -> None:
    assert typed_wrongly(monkeypatch, *typed) == 2
    error, hint = capsys.readouterr().err.splitlines()
    assert error.startswith("error: ")
    assert said in error
    assert hint.startswith("  hint: edge-opt")
    assert "--help" in hint


@pytest.mark.parametrize(
    ("typed", "command"),
    [
        (["gate", "new.tflite", "--latency"], "edge-opt gate check"),
        (["gate", "size", "--max"], "edge-opt gate size"),
        (["bench", "--rounds"], "edge-opt bench"),
    ],
)
def test_an_option_without_its_value_leads_to_the_help_of_its_command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], typed: list[str], command: str
) -> None:
    assert typed_wrongly(monkeypatch, *typed) == 2
    error, hint = capsys.readouterr().err.splitlines()
    assert "requires an argument" in error
    assert f"(see: {command} --help)" in hint


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        (["gate", "", "--against", "h.jsonl"], "'CANDIDATE'"),
        (["gate", ".", "--baseline", ""], "'--baseline'"),
        (["bench", ""], "'ARTIFACT...'"),
        (["optimize", " ", "-d", "data.npz"], "'MODEL'"),
        (["evaluate", "m.tflite", "-d", ""], "'-d' / '--data'"),
        (["convert", "m.keras", "-o", ""], "'-o' / '--output'"),
    ],
)
def test_an_empty_path_is_not_the_current_folder(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], typed: list[str], name: str
) -> None:
    assert typed_wrongly(monkeypatch, *typed) == 2
    error, hint = capsys.readouterr().err.splitlines()
    assert error == f"error: {name} is empty"
    assert "variable" in hint


def test_a_file_that_may_not_be_read_leads_to_its_permissions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "base.tflite").touch()
    monkeypatch.setattr(os, "access", lambda path, _: Path(path).name != "base.tflite")  # tests may run as root
    assert typed_wrongly(monkeypatch, "gate", "new.tflite", "--baseline", str(tmp_path / "base.tflite")) == 2
    error, hint = capsys.readouterr().err.splitlines()
    assert error.startswith("error: you may not read '")
    assert "permissions" in hint


@pytest.mark.parametrize(
    ("word", "said"),
    [("chekc", "did you mean 'check'?"), ("recrod", "did you mean 'record'?"), ("record.tflite", ""), ("main", "")],
)
def test_a_slip_in_a_command_of_the_gate_is_no_candidate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], word: str, said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    assert typed_wrongly(monkeypatch, "gate", word, "a.tflite") == 2
    assert capsys.readouterr().err.endswith(f"hint: {said}\n") is bool(said)
    (tmp_path / word).mkdir()  # as a bundle may be called
    assert typed_wrongly(monkeypatch, "gate", word, "a.tflite") == 2
    assert "did you mean" not in capsys.readouterr().err
