"""The run folder: what is finished stays finished, whatever happens in between."""

from __future__ import annotations

import errno
import gzip
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from edge_opt.errors import RunError, StepFailed
from edge_opt.store import Run, dump, measure, parse, parse_answer, read_json, room
from edge_opt.types import Budget, Failure, Interval, NotTimed, Round, TensorSpec
from tests.samples import a_report

REQUEST = {"model": "m.keras", "seed": 0}


def begun(folder: Path) -> Run:
    return Run.start(folder, REQUEST, resume=False)


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
    run.release()
    journal.write_bytes(journal.read_bytes()[:-7])
    again = Run.start(tmp_path / "run", REQUEST, resume=True)
    assert again.finished("a")
    assert not again.finished("b")
    again.append("b", NotTimed(reason="b again"))
    again.release()
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
    run.release()
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


@pytest.mark.parametrize("how", [{"resume": True}, {"resume": False}, {"overwrite": True}])
def test_a_folder_that_a_run_is_at_work_in_is_opened_by_no_second_one(tmp_path: Path, how: dict[str, bool]) -> None:
    first = begun(tmp_path / "run")
    first.append("a", NotTimed(reason="a"))
    with pytest.raises(RunError, match="another edge-opt is at work"):
        Run.start(tmp_path / "run", REQUEST, **how)
    first.append("b", NotTimed(reason="b"))
    first.release()
    assert Run.start(tmp_path / "run", REQUEST, resume=True).finished("b")


def test_a_run_that_has_finished_nothing_yet_is_not_cleared_by_a_second_start(tmp_path: Path) -> None:
    first = begun(tmp_path / "run")
    first.scratch("array").write_bytes(b"x")
    with pytest.raises(RunError, match="another edge-opt is at work"):
        begun(tmp_path / "run")
    assert first.scratch("array").exists()


def test_a_run_that_was_killed_does_not_keep_its_folder_locked(tmp_path: Path) -> None:
    code = (
        "import os, sys; from pathlib import Path; from edge_opt.store import Run\n"
        "run = Run.start(Path(sys.argv[1]), {'seed': 0}); run.append('a', 1); os.kill(os.getpid(), 9)"
    )
    ended = subprocess.run([sys.executable, "-c", code, str(tmp_path / "run")], check=False)
    assert ended.returncode == -9
    assert Run.start(tmp_path / "run", {"seed": 0}, resume=True).finished("a")


def test_the_lock_goes_where_a_folder_is_refused(tmp_path: Path) -> None:
    begun(tmp_path / "run").append("a", NotTimed(reason="a"))
    with pytest.raises(RunError, match="already holds a run") as kept:  # noqa: F841 - its traceback must not lock
        begun(tmp_path / "run")
    assert Run.start(tmp_path / "run", REQUEST, resume=True).finished("a")


@pytest.mark.parametrize("left", [b"", b'{"schema_ver'])
def test_a_kill_before_the_first_line_counts_as_nothing_finished(tmp_path: Path, left: bytes) -> None:
    (tmp_path / "jobs.jsonl").write_bytes(left)
    run = Run.start(tmp_path, REQUEST, resume=True)
    run.append("a", NotTimed(reason="a"))
    run.release()
    assert Run.start(tmp_path, REQUEST, resume=True).finished("a")


def test_a_line_cut_short_is_cut_off_without_writing_the_others_again(tmp_path: Path) -> None:
    run = begun(tmp_path / "run")
    run.append("a", NotTimed(reason="a"))
    run.release()
    journal = tmp_path / "run" / "jobs.jsonl"
    whole, node = journal.read_bytes(), journal.stat().st_ino
    with journal.open("ab") as file:
        file.write(b'{"key":"b"')
    Run.start(tmp_path / "run", REQUEST, resume=True)
    assert journal.read_bytes() == whole
    assert journal.stat().st_ino == node


def test_a_line_that_the_disk_took_half_of_does_not_spoil_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, write = begun(tmp_path / "run"), os.write
    taken: list[int] = []

    def full(handle: int, data: bytes) -> int:
        if taken:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        taken.append(write(handle, data[:5]))
        return taken[0]

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(RunError, match="no room is left") as raised:
        run.append("a", NotTimed(reason="a"))
    assert "--resume" in raised.value.hint
    monkeypatch.undo()
    run.append("b", NotTimed(reason="b"))
    run.release()
    again = Run.start(tmp_path / "run", REQUEST, resume=True)
    assert again.finished("b")
    assert not again.finished("a")


def test_a_command_without_resume_is_not_told_to_use_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Run.start(tmp_path / "run", REQUEST) as run:
        run.append("a", NotTimed(reason="a"))
    with pytest.raises(RunError, match="already holds a run") as raised:
        Run.start(tmp_path / "run", REQUEST)
    assert raised.value.hint == "give another -o"


def test_a_noun_without_a_field_is_refused_with_its_name() -> None:
    with pytest.raises(RunError, match="no Interval: 'high' is missing"):
        parse(Interval, {"low": 0.0, "estimate": 1.0})


def test_what_a_worker_adds_to_its_answer_is_left_out_at_any_depth() -> None:
    plain = dump(TensorSpec(name="x", shape=(1, 3), dtype="float32"))
    told = parse_answer(tuple[TensorSpec, ...], [{**plain, "quantized_dimension": 3}])
    assert told == (TensorSpec(name="x", shape=(1, 3), dtype="float32"),)


@pytest.mark.parametrize("answer", [None, 3, "x", [{"name": "x"}], [{"name": "x", "shape": 3, "dtype": "float32"}]])
def test_an_answer_that_does_not_fit_is_a_failed_step(answer: object) -> None:
    with pytest.raises(StepFailed, match="does not keep to the protocol"):
        parse_answer(tuple[TensorSpec, ...], answer)
