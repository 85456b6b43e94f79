"""Artifacts shared between runs: found by what they were made from, believed only when whole, and never in the way."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from edge_opt.errors import InputError
from edge_opt.store import Cache, cache_folder
from edge_opt.types import Finding, Quantization

PARTS = {"model": "ab", "quantization": Quantization(mode="static"), "format": "tflite"}


@pytest.fixture
def told() -> list[Finding]:
    return []


@pytest.fixture
def cache(tmp_path: Path, told: list[Finding]) -> Cache:
    return Cache(tmp_path / "cache", told.append)


def built(folder: Path, content: bytes = b"weights") -> Path:
    (folder / "more").mkdir(parents=True)
    (folder / "model.xml").write_bytes(content)
    (folder / "more" / "model.bin").write_bytes(content * 2)
    return folder


def files(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def entries(cache: Cache) -> list[Path]:
    return sorted(cache.folder.iterdir())


def test_what_is_kept_comes_back_file_by_file(tmp_path: Path, cache: Cache, told: list[Finding]) -> None:
    made = built(tmp_path / "made")
    cache.keep(PARTS, made, "model.xml")
    assert cache.take(PARTS, tmp_path / "out") == "model.xml"
    assert files(tmp_path / "out") == files(made)
    assert not told


@pytest.mark.parametrize(
    "other", [{"model": "cd"}, {"format": "onnx"}, {"quantization": Quantization(mode="dynamic")}, {"numpy": "2.0"}]
)
def test_what_was_made_from_something_else_is_not_taken(tmp_path: Path, cache: Cache, other: Any) -> None:
    cache.keep(PARTS, built(tmp_path / "made"), "model.xml")
    assert cache.take({**PARTS, **other}, tmp_path / "out") is None


def test_an_artifact_edited_in_its_run_is_not_edited_in_the_cache(tmp_path: Path, cache: Cache) -> None:
    made = built(tmp_path / "made")
    cache.keep(PARTS, made, "model.xml")
    cache.take(PARTS, tmp_path / "out")
    for folder in (made, tmp_path / "out"):
        with (folder / "model.xml").open("r+b") as file:
            file.write(b"WEIGHTS")
    assert cache.take(PARTS, tmp_path / "again") == "model.xml"
    assert files(tmp_path / "again")["model.xml"] == b"weights"


def spoil(entry: Path, how: str) -> None:
    if how == "a bit":
        (entry / "files" / "model.xml").write_bytes(b"weightz")
    elif how == "a missing file":
        (entry / "files" / "model.xml").unlink()
    elif how == "a cut record":
        (entry / "entry.json").write_text('{"opened": "mod')
    elif how == "another record":
        (entry / "entry.json").write_text("[1, 2]")
    else:
        (entry / "entry.json").write_text(json.dumps({**json.loads((entry / "entry.json").read_text()), "opened": "x"}))


@pytest.mark.parametrize("how", ["a bit", "a missing file", "a cut record", "another record", "no file to open"])
def test_a_damaged_entry_is_dropped_said_and_made_again(
    tmp_path: Path, cache: Cache, told: list[Finding], how: str
) -> None:
    made = built(tmp_path / "made")
    cache.keep(PARTS, made, "model.xml")
    spoil(entries(cache)[0], how)
    (tmp_path / "out").mkdir()
    assert cache.take(PARTS, tmp_path / "out") is None
    assert [one.code for one in told] == ["EO503"]
    assert not files(tmp_path / "out")
    assert not entries(cache)
    cache.keep(PARTS, made, "model.xml")
    assert cache.take(PARTS, tmp_path / "out") == "model.xml"


def test_a_cache_that_cannot_be_written_is_one_warning_and_no_failure(tmp_path: Path, told: list[Finding]) -> None:
    (tmp_path / "file").write_text("no folder")
    cache = Cache(tmp_path / "file" / "cache", told.append)
    made = built(tmp_path / "made")
    for _ in range(2):
        assert cache.take(PARTS, tmp_path / "out") is None
        cache.keep(PARTS, made, "model.xml")
    assert [one.code for one in told] == ["EO502"]
    assert "Not a directory" in told[0].message


def test_the_least_recently_used_leave_when_there_is_no_more_room(tmp_path: Path, told: list[Finding]) -> None:
    cache = Cache(tmp_path / "cache", told.append, limit_bytes=70)  # three of 21 bytes each
    for place, name in enumerate("abc"):
        cache.keep({"model": name}, built(tmp_path / name), "model.xml")
        (newest,) = (one for one in entries(cache) if one.stat().st_mtime > 2000)
        os.utime(newest, (1000 + place, 1000 + place))
    assert cache.take({"model": "a"}, tmp_path / "out-a") == "model.xml"  # now the most recently used
    cache.keep({"model": "d"}, built(tmp_path / "d"), "model.xml")
    left = [name for name in "abcd" if cache.take({"model": name}, tmp_path / f"left-{name}")]
    assert left == ["a", "c", "d"]


def test_it_says_once_how_many_artifacts_were_there(tmp_path: Path, cache: Cache, told: list[Finding]) -> None:
    cache.tell_taken(of=2)
    assert told == []
    cache.keep(PARTS, built(tmp_path / "made"), "model.xml")
    cache.take(PARTS, tmp_path / "out")
    cache.take({"model": "another"}, tmp_path / "another")
    cache.tell_taken(of=2)
    cache.tell_taken(of=2)
    (finding,) = told
    assert (finding.code, finding.level) == ("EO515", "info")
    assert finding.message.endswith("1 of 2 artifacts")


def test_what_is_larger_than_the_cache_is_not_kept(tmp_path: Path, told: list[Finding]) -> None:
    cache = Cache(tmp_path / "cache", told.append, limit_bytes=20)
    cache.keep(PARTS, built(tmp_path / "made"), "model.xml")
    assert not entries(cache)
    assert not told


def test_the_second_of_two_runs_that_keep_the_same_at_once_finds_it_there(
    tmp_path: Path, cache: Cache, told: list[Finding], monkeypatch: pytest.MonkeyPatch
) -> None:
    cache.keep(PARTS, built(tmp_path / "made"), "model.xml")
    seen: Iterator[bool] = iter((False,))  # it looked before the other was done
    real = Path.exists
    monkeypatch.setattr(Path, "exists", lambda path: next(seen, None) if path.parent == cache.folder else real(path))
    cache.keep(PARTS, tmp_path / "made", "model.xml")
    monkeypatch.undo()
    assert len(entries(cache)) == 1
    assert not told


@pytest.mark.parametrize(
    ("environment", "folder"),
    [
        ({"HOME": "/somebody"}, Path("/somebody/.cache/edge-opt/artifacts")),
        ({"HOME": "/somebody", "XDG_CACHE_HOME": "/data/c"}, Path("/data/c/edge-opt/artifacts")),
        ({"HOME": "/somebody", "XDG_CACHE_HOME": "relative"}, Path("/somebody/.cache/edge-opt/artifacts")),
        ({"HOME": "/somebody", "EDGE_OPT_CACHE": "/mine"}, Path("/mine")),
        ({"HOME": "/somebody", "EDGE_OPT_CACHE": "off"}, None),
    ],
)
def test_the_cache_lies_where_the_environment_puts_it(environment: dict[str, str], folder: Path | None) -> None:
    assert cache_folder(environment) == folder


def test_a_cache_that_would_move_with_the_current_folder_is_refused() -> None:
    with pytest.raises(InputError, match="'here'"):
        cache_folder({"EDGE_OPT_CACHE": "here"})
