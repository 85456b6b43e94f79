"""The run folder: what is finished stays finished, whatever happens in between."""

from __future__ import annotations

import errno
import gzip
import json
import os
from pathlib import Path

import pytest

from edge_opt.errors import RunError
from edge_opt.store import Run, dump, measure, parse, read_json, room
from edge_opt.types import Budget, Failure, Interval, NotTimed, Round, TensorSpec
from tests.samples import a_report

REQUEST = {"model": "m.keras", "seed": 0}


def begun(folder: Path) -> Run:
    return Run.start(folder, REQUEST)


def test_a_report_read_back_is_the_report_that_was_written() -> None:
    report = a_report()
    assert parse(type(report), json.loads(json.dumps(dump(report)))) == report


@pytest.mark.parametrize(
    ("kind", "noun"),
    [
        (Budget, Budget(max_drop=0.01, max_latency_ns=4e7)),
        (Interval | None, None),
        (Interval | None, Interval(low=0.0, estimate=1.0, high=2.0)),
        (Round | NotTimed, NotTimed(reason="no such processor")),
        (tuple[TensorSpec, ...], (TensorSpec(name="x", shape=(None, 28, 28, 1), dtype="float32"),)),
        (dict[str, str], {"precision": "bf16"}),
        (Path, Path("artifacts/ab/model.tflite")),
    ],
)
def test_a_noun_survives_the_way_through_json(kind: object, noun: object) -> None:
    assert parse(kind, json.loads(json.dumps(dump(noun)))) == noun


def test_json_of_another_noun_is_refused_with_its_name() -> None:
    with pytest.raises(RunError, match="no Budget"):
        parse(Budget, {"colour": "red"})


def test_finished_work_is_not_done_again(tmp_path: Path) -> None:
    begun(tmp_path / "run").once("a", Interval, lambda: Interval(low=0, estimate=1, high=2))
    again = Run.start(tmp_path / "run", REQUEST, resume=True)
    assert again.once("a", Interval, lambda: pytest.fail("done twice")) == Interval(low=0, estimate=1, high=2)


def test_a_failure_comes_back_as_a_failure(tmp_path: Path) -> None:
    failure = Failure(id="x/tflite/litert", recipe="x", stage="export", message="no")
    begun(tmp_path / "run").append("a", failure)
    assert Run.start(tmp_path / "run", REQUEST, resume=True).once("a", Interval | Failure, lambda: failure) == failure


def test_a_line_cut_short_by_a_kill_costs_only_that_job(tmp_path: Path) -> None:
    run = begun(tmp_path / "run")
    run.append("a", NotTimed(reason="a"))
    run.append("b", NotTimed(reason="b"))
    journal = tmp_path / "run" / "jobs.jsonl"
    journal.write_bytes(journal.read_bytes()[:-7])
    again = Run.start(tmp_path / "run", REQUEST, resume=True)
    assert again.finished("a")
    assert not again.finished("b")
    again.append("b", NotTimed(reason="b again"))
    third = Run.start(tmp_path / "run", REQUEST, resume=True)
    assert third.once("b", NotTimed, lambda: NotTimed(reason="")) == NotTimed(reason="b again")


def test_a_folder_that_holds_a_run_is_not_written_over_unasked(tmp_path: Path) -> None:
    begun(tmp_path / "run").append("a", NotTimed(reason="a"))
    with pytest.raises(RunError, match="already holds a run") as raised:
        begun(tmp_path / "run")
    assert "--resume" in raised.value.hint


def test_a_run_that_finished_nothing_does_not_block_its_folder(tmp_path: Path) -> None:
    begun(tmp_path / "run")
    assert not begun(tmp_path / "run").finished("a")


def test_resuming_with_another_request_names_what_differs(tmp_path: Path) -> None:
    begun(tmp_path / "run").append("a", NotTimed(reason="a"))
    with pytest.raises(RunError, match="another seed"):
        Run.start(tmp_path / "run", {**REQUEST, "seed": 1}, resume=True)


def test_a_folder_of_somebody_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "holiday.jpg").write_bytes(b"x")
    with pytest.raises(RunError, match="no run folder"):
        Run.start(tmp_path, REQUEST, overwrite=True)
    assert (tmp_path / "holiday.jpg").exists()


def test_overwriting_removes_the_run_and_nothing_else(tmp_path: Path) -> None:
    run = begun(tmp_path / "run")
    run.append("a", NotTimed(reason="a"))
    (tmp_path / "run" / "notes.txt").write_text("mine")
    again = Run.start(tmp_path / "run", REQUEST, overwrite=True)
    assert not again.finished("a")
    assert (tmp_path / "run" / "notes.txt").read_text() == "mine"


def test_artifacts_of_the_same_content_share_one_place(tmp_path: Path) -> None:
    run = begun(tmp_path / "run")
    for name in ("one", "two"):
        run.scratch(name).mkdir()
        (run.scratch(name) / "model.tflite").write_bytes(b"weights")
    first, second = run.adopt(run.scratch("one")), run.adopt(run.scratch("two"))
    assert first == second
    assert (run.folder / first.folder / "model.tflite").read_bytes() == b"weights"
    assert not run.scratch("two").exists()


def test_the_compressed_size_is_that_of_gzip(tmp_path: Path) -> None:
    content = os.urandom(3000) + bytes(5000)
    (tmp_path / "model.bin").write_bytes(content)
    _, size_bytes, compressed_bytes = measure(tmp_path)
    assert size_bytes == 8000
    assert compressed_bytes == len(gzip.compress(content, 6))


def test_the_hash_depends_on_names_and_contents(tmp_path: Path) -> None:
    hashes = set()
    for name, content in (("a", b"x"), ("b", b"x"), ("a", b"y")):
        folder = tmp_path / f"{name}{content.decode()}"
        folder.mkdir()
        (folder / name).write_bytes(content)
        hashes.add(measure(folder)[0])
    assert len(hashes) == 3


@pytest.mark.parametrize(("code", "words"), [(errno.ENOSPC, "no room is left"), (errno.EACCES, "cannot be written")])
def test_a_disk_that_refuses_is_one_sentence(code: int, words: str) -> None:
    with pytest.raises(RunError, match=words), room(Path("runs/x")):
        raise OSError(code, os.strerror(code))


def test_a_truncated_report_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "report.json").write_text('{"model":')
    with pytest.raises(RunError, match="not valid JSON"):
        read_json(tmp_path / "report.json")
