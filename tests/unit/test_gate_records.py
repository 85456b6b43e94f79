"""The file of a history: a kill spoils nothing, and whatever is no history is refused with a sentence."""

from __future__ import annotations

import fcntl
import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from edge_opt.errors import RunError
from edge_opt.flows.gate import records
from edge_opt.store import dump, lines
from tests.unit.test_gate_history import a_record

LINE = json.dumps(dump(a_record()))


def written(folder: Path, content: str | bytes) -> Path:
    path = folder / "history.jsonl"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def test_records_come_back_as_they_were_appended(tmp_path: Path) -> None:
    path = tmp_path / "new folder" / "history.jsonl"
    taken = [a_record("one"), a_record("two", medians_ns=(1.5, 2.5)), a_record('a "quoted"\nlabel – ü')]
    for one in taken:
        records.append(path, one)
    assert records.read(path) == (tuple(taken), ())
    assert len(path.read_text().splitlines()) == 3


def test_a_last_line_cut_short_is_told_left_out_and_gone_after_the_next_record(tmp_path: Path) -> None:
    path = written(tmp_path, f"{LINE}\n{LINE[:-40]}")
    found, findings = records.read(path)
    assert [one.label for one in found] == ["a1b2c3"]
    assert [one.code for one in findings] == ["EO924"]
    records.append(path, a_record("next"))
    found, findings = records.read(path)
    assert ([one.label for one in found], findings) == (["a1b2c3", "next"], ())


def test_a_last_line_without_its_end_is_a_record_all_the_same(tmp_path: Path) -> None:
    path = written(tmp_path, f"{LINE}\n{LINE}")
    assert len(records.read(path)[0]) == 2
    records.append(path, a_record("next"))
    assert [one.label for one in records.read(path)[0]] == ["a1b2c3", "a1b2c3", "next"]


def test_half_a_line_that_could_not_be_written_is_taken_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path, f"{LINE}\n")

    def full(handle: int, content: bytes) -> int:
        real(handle, content[:20])
        raise OSError(28, "No space left on device")

    real = os.write
    monkeypatch.setattr(os, "write", full)
    with pytest.raises(RunError) as refused:
        records.append(path, a_record("next"))
    assert refused.value.message == f"'{path}' cannot be written: no room is left on its disk"
    assert path.read_text() == f"{LINE}\n"
    monkeypatch.undo()
    path.write_text(path.read_text() + refused.value.hint.partition("the line yourself: ")[2])
    assert [one.label for one in records.read(path)[0]] == ["a1b2c3", "next"]  # nothing need be measured again


def test_a_second_writer_waits_and_then_says_that_somebody_else_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lines, "_WAIT_S", 0.05)
    path = written(tmp_path, f"{LINE}\n")
    with path.open() as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(RunError, match="another process is writing to"):
            records.append(path, a_record("next"))
    records.append(path, a_record("next"))
    assert len(records.read(path)[0]) == 2


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "is empty"),
        ("\n\n", "is empty"),
        ("not json\n", "is not an edge-opt history"),
        ("not json", "is not an edge-opt history"),
        ('{"a": 1}\n', "is not an edge-opt history"),
        ("[1, 2]\n", "is not an edge-opt history"),
        ('{"schema_version": 1, "best": "float32"}\n', "is not an edge-opt history"),  # a report of a run
        (b"\x1c\x00\x00\x00TFL3\xff\xfe", "is no text in UTF-8"),
        (f"{LINE}\nnot json\n{LINE}\n", "line 2 of the history"),
        (f"{LINE}\n[]\n{LINE}\n", "line 2 of the history"),
        (LINE.replace('"medians_ns": [1000000.0]', '"medians_ns": []') + "\n", "it has no rounds"),
        (LINE.replace('"medians_ns": [1000000.0]', '"medians_ns": ["fast"]') + "\n", "is damaged"),
        (LINE.replace('"medians_ns": [1000000.0]', '"medians_ns": [-3.0]') + "\n", "an impossible number"),
        (LINE.replace('"medians_ns": [1000000.0]', '"medians_ns": [NaN]') + "\n", "an impossible number"),
        (LINE.replace('"p90_ns": 1200000.0', '"p90_ns": null') + "\n", "damaged: a value has another form"),
        (LINE.replace('"label": "a1b2c3"', '"label": 7') + "\n", "is damaged"),
        (LINE.replace('"label": "a1b2c3", ', "") + "\n", "'label' is missing"),
        (LINE.replace('"schema_version": 1', '"schema_version": 2') + "\n", "written by a newer edge-opt"),
        (LINE.replace('"schema_version": 1', '"schema_version": 0') + "\n", "written by an older edge-opt"),
        (LINE.replace('"schema_version": 1', '"schema_version": "1"') + "\n", "is not an edge-opt history"),
    ],
)
def test_what_is_no_history_is_refused_with_a_sentence(tmp_path: Path, content: str | bytes, said: str) -> None:
    with pytest.raises(RunError) as refused:
        records.read(written(tmp_path, content))
    assert said in refused.value.message
    assert refused.value.hint
    assert refused.value.exit_code == 2


def test_no_file_or_a_folder_is_no_history(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="there is no history at") as refused:
        records.read(tmp_path / "a file.jsonl")
    assert f"edge-opt gate record ARTIFACT '{tmp_path}/a file.jsonl'" in refused.value.hint
    with pytest.raises(RunError, match="cannot be read"):
        records.read(tmp_path)


def test_a_history_below_a_file_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    with pytest.raises(RunError, match="is no folder"):
        records.append(tmp_path / "taken" / "history.jsonl", a_record())


def test_a_record_that_no_worker_told_its_memory_or_load_time_is_read_back(tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    untold: Any = replace(a_record(), memory_bytes=0, load_ns=0.0)
    records.append(path, untold)
    assert records.read(path)[0] == (untold,)
