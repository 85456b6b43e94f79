from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from edge_opt.cli.main import cli
from edge_opt.errors import EdgeOptError, InputError, RunError, StepFailed
from edge_opt.flows.gate import asked
from edge_opt.types import Decision, Gate
from tests.fakes import FakeArtifact, FakeDevice

LATENCY = {"size": "off", "compressed": "off", "accuracy": "off"}


@pytest.fixture
def artifact(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Writes an artifact that behaves as it is told, on a device that knows no clock."""
    monkeypatch.setattr(asked, "device", lambda _: FakeDevice())

    def write(name: str = "base", **behaviour: Any) -> Path:
        return FakeArtifact(**{"noise": 0.001, **behaviour}).write(tmp_path / f"{name}.tflite")

    return write


def decided(gate: Gate, measure: str) -> Decision:
    return next(one for one in gate.decisions if one.measure == measure)


def test_equals_are_ok_in_every_measure(artifact: Callable[..., Path]) -> None:
    found = asked.gate(artifact("new"), artifact())
    assert {one.measure: one.outcome for one in found.decisions} == dict.fromkeys(
        ("latency", "size", "compressed", "placement"), "ok"
    )
    assert decided(found, "latency").evidence == 4  # it is clear at the first look
    assert found.candidate
    assert found.candidate.threads == 1


@pytest.mark.parametrize(
    ("latency_ns", "outcome"), [(105_000, "regressed"), (95_000, "improved"), (101_000, "ok"), (100_000, "ok")]
)
def test_the_latency_is_held_against_its_limit(artifact: Callable[..., Path], latency_ns: int, outcome: str) -> None:
    found = asked.gate(artifact("new", latency_ns=latency_ns), artifact(), limits=LATENCY)
    latency = decided(found, "latency")
    assert latency.outcome == outcome
    assert latency.change
    assert latency.change.low <= latency_ns / 100_000 - 1 <= latency.change.high


def test_load_and_memory_come_from_processes_of_their_own(artifact: Callable[..., Path]) -> None:
    slow = artifact("new", load_ns=8_000_000, memory_bytes=8 * 2**20)
    found = asked.gate(slow, artifact(), limits={**LATENCY, "load": "10%", "memory": "10%"})
    assert [(one.measure, one.outcome, one.basis) for one in found.decisions][1:3] == [
        ("load", "regressed", "rounds"),
        ("memory", "regressed", "rounds"),
    ]


def test_accuracy_that_was_not_asked_for_is_a_finding_without_data(artifact: Callable[..., Path]) -> None:
    found = asked.gate(artifact("new", latency_ns=99_999), artifact())
    assert [one.code for one in found.findings] == ["EO903"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"limits": {"accuracy": "1pp"}}, "no samples to compare the accuracy on"),
        ({"limits": {"latency": "0%"}}, "--latency '0%'"),
        ({"limits": {**dict.fromkeys(asked.GATE_LIMITS, "off")}, "placement": False}, "decides? nothing"),
        ({"budget": "soon"}, "'soon'"),
        ({"runtime": "litrt"}, "'litrt'"),
        ({"calibration": "none.json"}, "'none.json'"),
        ({"against": "history.jsonl"}, "'--against' was measured before"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_its_value(
    artifact: Callable[..., Path], arguments: dict[str, Any], words: str
) -> None:
    with pytest.raises(EdgeOptError, match=words):
        asked.gate(artifact("new"), artifact(), **arguments)


def test_instructions_of_this_machine_are_never_taken_for_those_of_a_board(artifact: Callable[..., Path]) -> None:
    with pytest.raises(InputError, match="'ssh' is a remote device, and instructions are counted on this machine only"):
        asked.gate(artifact("new"), artifact(), limits={"instructions": "1%"}, target="ssh", devices=["ssh://pi@board"])


def test_a_candidate_is_held_against_something(artifact: Callable[..., Path]) -> None:
    with pytest.raises(InputError, match="nothing to compare the candidate with"):
        asked.gate(artifact("new"))


def test_a_baseline_that_is_none_is_no_silent_pass(artifact: Callable[..., Path], tmp_path: Path) -> None:
    new = artifact("new")
    (tmp_path / "foreign").mkdir()
    (tmp_path / "notes.txt").write_text("no artifact")
    (tmp_path / "cut.tflite").write_text("{")
    for name, error in {
        "gone": InputError,
        "foreign": InputError,
        "notes.txt": InputError,
        "cut.tflite": StepFailed,
    }.items():
        with pytest.raises(error, match=name):
            asked.gate(new, tmp_path / name)


def test_a_report_that_is_damaged_or_newer_is_refused(artifact: Callable[..., Path], tmp_path: Path) -> None:
    new, run = artifact("new"), tmp_path / "run"
    run.mkdir()
    for text, words in {"{": "not valid JSON", json.dumps({"schema_version": 99}): "99"}.items():
        (run / "report.json").write_text(text)
        with pytest.raises(RunError, match=words):
            asked.gate(new, run)


def test_a_calibration_is_found_beside_the_baseline_and_refuses_what_the_runner_cannot_see(
    artifact: Callable[..., Path],
) -> None:
    base = artifact("base", noise=0.05)
    found, _, path = asked.gate_calibrate(base, runs=4)
    assert path == base.with_name("base.tflite.gate.json")
    assert len(found.identical) + len(found.rebuilt) == 4
    assert found.keeps
    with pytest.raises(InputError, match=r"--latency 0\.1% is below what this runner can see"):
        asked.gate(base, base, limits={**LATENCY, "latency": "0.1%"})
    content = json.loads(path.read_text())
    content["fingerprint"]["runtime_version"] = "litert 0.9"
    path.write_text(json.dumps(content))
    with pytest.raises(RunError, match=r"version of the runtime was 'litert 0\.9'"):
        asked.gate(base, base)
    path.write_text(json.dumps({**content, "schema_version": 9}))
    with pytest.raises(RunError, match="has the format 9"):
        asked.gate(base, base)


def test_a_calibration_that_could_not_be_written_is_not_begun(artifact: Callable[..., Path], tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"there is no folder .*gone"):
        asked.gate_calibrate(artifact(), runs=2, output=tmp_path / "gone" / "x.json")


def test_a_report_that_could_not_be_written_is_refused_before_anything_is_measured(
    artifact: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asked, "device", lambda _: pytest.fail("something was measured"))
    given = [str(artifact("new")), "--baseline", str(artifact()), "--report", f"junit={tmp_path}/gone/x.xml"]
    ended = CliRunner().invoke(cli, ["gate", *given])
    assert ended.exit_code == 2
    assert "there is no folder" in ended.output


def test_who_is_loaded_second_has_no_advantage(artifact: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    device = FakeDevice()
    device.advantage = 0.02
    monkeypatch.setattr(asked, "device", lambda _: device)
    new, base = artifact("new"), artifact()
    latency = decided(asked.gate(new, base, limits={**LATENCY, "latency": "10%"}), "latency")
    assert latency.change
    assert latency.change.estimate == pytest.approx(0, abs=0.002)
    second = [Path(job["artifacts"][1]["path"]).name for job in device.jobs if job["mode"] == "pair"]
    assert second == ["new.tflite", "base.tflite"] * 2
