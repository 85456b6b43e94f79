"""Records and gates against them, on a fake device: what is measured, kept, refused before it is timed, and decided."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import pytest

from edge_opt.errors import InputError, MissingPackage, RunError, StepFailed
from edge_opt.flows.asked import silent
from edge_opt.flows.gate import records, stored
from edge_opt.types import Step, Subject
from tests.fakes import ENVIRONMENT, FakeArtifact, FakeDevice


def a_subject(folder: Path, artifact: FakeArtifact | None = None, **changes: Any) -> Subject:
    path = (artifact or FakeArtifact()).write(folder / "model.tflite")
    asked = {
        "name": str(path),
        "kind": "artifact",
        "path": path,
        "format": "tflite",
        "runtime": "litert",
        "runtime_version": "litert 1.0",
        "options": {},
        "threads": 1,
        "values": 4,
        "classes": 4,
        "sha256": "ab" * 32,
        "size_bytes": 4000,
        "compressed_bytes": 3000,
    }
    return Subject(**{**asked, **changes})


def kept(folder: Path, count: int = 6, artifact: FakeArtifact | None = None) -> Path:
    """A history of so many records of one artifact."""
    path = folder / "history.jsonl"
    subject = a_subject(folder, artifact)
    for index in range(count):
        stored.record(subject, path, f"commit{index}", device=FakeDevice(), watch=silent, rounds=3, seed=index)
    return path


def held(folder: Path, history: Path, artifact: FakeArtifact | None = None, **limits: float) -> Any:
    subject = a_subject(folder, artifact)
    asked = limits or {"latency": 0.05}
    return stored.gate(subject, history, asked, device=FakeDevice(), watch=silent, rounds=3, seed=99)


def test_a_history_is_of_one_model(tmp_path: Path) -> None:
    path = kept(tmp_path)
    subject = a_subject(tmp_path, classes=1000)
    with pytest.raises(InputError, match=r"are of different models: 4 classes against 1000"):
        stored.gate(subject, path, {"latency": 0.05}, device=FakeDevice(), watch=silent, rounds=3)
    with pytest.raises(InputError, match="are of different models") as caught:
        stored.record(subject, path, "next", device=FakeDevice(), watch=silent, rounds=3)
    assert "begin another" in caught.value.hint


def test_a_gate_against_a_history_that_would_decide_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nothing would be decided"):
        stored.gate(a_subject(tmp_path), kept(tmp_path), {}, device=FakeDevice(), watch=silent)


def test_a_missing_search_is_said_before_anything_is_timed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, device = kept(tmp_path, count=2), FakeDevice()
    monkeypatch.setitem(sys.modules, "ruptures", None)
    with pytest.raises(MissingPackage, match="ruptures"):
        stored.gate(a_subject(tmp_path), path, {"latency": 0.05}, device=device, watch=silent)
    assert device.jobs == []


def test_a_record_holds_what_was_measured_and_on_what(tmp_path: Path) -> None:
    steps: list[Any] = []
    taken = stored.record(
        a_subject(tmp_path), tmp_path / "h.jsonl", "a1b2c3", device=FakeDevice(), watch=steps.append, rounds=4
    )
    assert records.read(tmp_path / "h.jsonl")[0] == (taken.record,)
    found = taken.record
    assert (found.label, len(found.medians_ns), found.size_bytes, found.compressed_bytes) == ("a1b2c3", 4, 4000, 3000)
    assert found.medians_ns[0] == pytest.approx(100_000, rel=0.05)
    assert found.p90_ns > found.medians_ns[0]
    assert (found.load_ns, found.memory_bytes) == (5_000_000, 4 * 2**20)
    assert (found.fingerprint.cpu, found.fingerprint.runtime_version) == (ENVIRONMENT["cpu"], "litert 1.0")
    assert found.system == ENVIRONMENT["system"]
    assert [one.done for one in steps if isinstance(one, Step)] == [0, 1, 2, 3]


@pytest.mark.parametrize(("latency_ns", "outcome"), [(100_000, "ok"), (150_000, "regressed"), (60_000, "improved")])
def test_a_candidate_is_held_against_its_history(tmp_path: Path, latency_ns: int, outcome: str) -> None:
    history = kept(tmp_path)
    before = history.read_text()
    found = held(tmp_path, history, FakeArtifact(latency_ns=latency_ns))
    (decision,) = found.decisions
    assert (decision.outcome, decision.basis, decision.evidence) == (outcome, "stored", 6)
    assert (found.baseline, found.against) == (None, str(history))
    assert found.environment.cpu == ENVIRONMENT["cpu"]
    assert history.read_text() == before  # to record is another word


def test_every_measure_of_a_record_can_be_asked_for(tmp_path: Path) -> None:
    found = held(tmp_path, kept(tmp_path), **dict.fromkeys(stored.MEASURES, 0.25))
    assert {one.measure: one.outcome for one in found.decisions} == dict.fromkeys(stored.MEASURES, "ok")


def test_a_short_history_cannot_tell(tmp_path: Path) -> None:
    (decision,) = held(tmp_path, kept(tmp_path, count=2)).decisions
    assert decision.outcome == "unclear"
    assert decision.hint.startswith("record 3 more commits")


def test_what_cannot_be_compared_is_refused_before_anything_is_timed(tmp_path: Path) -> None:
    history = kept(tmp_path, count=1)
    device = FakeDevice()
    with pytest.raises(RunError, match=r"the number of threads was 1 and is 4"):
        stored.gate(a_subject(tmp_path, threads=4), history, {"latency": 0.02}, device=device, watch=silent)
    with pytest.raises(RunError, match=r"there is no history"):
        stored.gate(a_subject(tmp_path), tmp_path / "none.jsonl", {"latency": 0.02}, device=device, watch=silent)
    assert {job["mode"] for job in device.jobs} == {"environment"}


def test_a_measure_that_no_record_has_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="'accuracy' cannot be compared with a history"):
        held(tmp_path, kept(tmp_path, count=1), accuracy=0.01)


def test_a_file_that_is_no_history_is_not_written_to(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("buy milk\n")
    device = FakeDevice()
    with pytest.raises(RunError, match="is not an edge-opt history"):
        stored.record(a_subject(tmp_path), path, "a1b2c3", device=device, watch=silent)
    assert path.read_text() == "buy milk\n"
    assert device.jobs == []


def test_a_record_without_a_label_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="needs a label"):
        stored.record(a_subject(tmp_path), tmp_path / "h.jsonl", " ", device=FakeDevice(), watch=silent)


def test_an_artifact_that_cannot_be_run_leaves_the_history_as_it_was(tmp_path: Path) -> None:
    history = kept(tmp_path, count=1)
    before = history.read_text()
    broken = a_subject(tmp_path, FakeArtifact(error="unknown operator"))
    with pytest.raises(StepFailed, match="unknown operator"):
        stored.record(broken, history, "a1b2c3", device=FakeDevice(), watch=silent)
    assert history.read_text() == before


def test_a_step_of_the_history_is_among_the_findings(tmp_path: Path) -> None:
    history = kept(tmp_path)
    for index in range(6, 12):
        slower = a_subject(tmp_path, FakeArtifact(latency_ns=120_000))
        stored.record(slower, history, f"commit{index}", device=FakeDevice(), watch=silent, rounds=3, seed=index)
    found = held(tmp_path, history, FakeArtifact(latency_ns=120_000))
    assert "'commit6'" in next(one.message for one in found.findings if one.code == "EO922")


def leaps(findings: Any) -> list[str]:
    return [one.message for one in findings if one.code == "EO925"]


def test_a_record_of_another_artifact_is_told_when_it_is_made_and_when_it_is_compared_with(tmp_path: Path) -> None:
    history = kept(tmp_path)
    other = a_subject(tmp_path, FakeArtifact(latency_ns=300_000), name="f.tflite", size_bytes=15_200)
    taken = stored.record(other, history, "wrong", device=FakeDevice(), watch=silent, rounds=3)
    (said,) = leaps(taken.findings)
    assert said.startswith("'f.tflite' has 3.8 times the size and ")
    assert "of the last record 'commit5'" in said
    found = held(tmp_path, history, FakeArtifact(), size=0.02)
    assert [one.outcome for one in found.decisions] == ["improved"]
    assert [one.partition(" has ")[0].endswith("'wrong'") for one in leaps(found.findings)] == [True, False]
    assert "of the record 'commit5' before it" in leaps(found.findings)[0]


def test_an_artifact_of_another_size_on_another_machine_is_no_other_artifact(tmp_path: Path) -> None:
    history = kept(tmp_path)
    other = a_subject(tmp_path, FakeArtifact(latency_ns=300_000), threads=2)
    taken = stored.record(other, history, "board", device=FakeDevice(), watch=silent, rounds=3)
    assert not leaps(taken.findings)
    assert not leaps(held(tmp_path, history).findings)


def test_a_history_that_cannot_be_written_is_refused_before_anything_is_timed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    device, history = FakeDevice(), kept(tmp_path, count=1)
    monkeypatch.setattr(os, "open", refusing(os.open, history))
    monkeypatch.setattr(os, "access", lambda *_: False)
    (tmp_path / "file").write_text("")
    for path, said in (
        (history, f"'{history}' cannot be written: Permission denied"),
        (tmp_path / "new.jsonl", f"'{tmp_path / 'new.jsonl'}' cannot be written: Permission denied"),
        (tmp_path, f"'{tmp_path}' is a folder"),
        (Path("/dev/null"), "'/dev/null' is no regular file"),
        (tmp_path / "file" / "new.jsonl", "what is given as its folder is no folder"),
    ):
        with pytest.raises(RunError) as refused:
            stored.record(a_subject(tmp_path), path, "a1b2c3", device=device, watch=silent)
        assert said in refused.value.message
    assert device.jobs == []
    assert not (tmp_path / "new.jsonl").exists()


def refusing(real: Any, path: Path) -> Any:
    """``os.open`` for somebody who may not write to ``path``: tests may run as root, who may."""

    def opened(file: Any, flags: int, *rest: Any, **more: Any) -> int:
        if Path(file) == path and flags & os.O_RDWR:
            raise PermissionError(13, "Permission denied")
        return int(real(file, flags, *rest, **more))

    return opened
