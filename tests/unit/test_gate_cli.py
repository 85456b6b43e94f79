"""``edge-opt gate`` as it is typed: exit codes, files, and what a history and a count of instructions decide."""

from __future__ import annotations

import errno
import json
import os
import random
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import click
import pytest

from edge_opt import registry
from edge_opt.cli import gate as typed
from edge_opt.cli import main as entry
from edge_opt.errors import InputError, MissingPackage, StepFailed
from edge_opt.flows.gate import asked, records, stored
from edge_opt.flows.gate.limits import ACCURACY, limits_of
from tests.fakes import FakeArtifact, FakeDevice, FakeExecutor
from tests.gated import codes, outcomes, written

OFF = {"size": "off", "compressed": "off", "accuracy": "off"}
LATENCY_ALONE = ("--size", "off", "--compressed", "off", "--accuracy", "off", "--placement", "off")
SLOWER: dict[str, Any] = {"latency_ns": 110_000}
NOISY: dict[str, Any] = {"latency_ns": 102_000, "noise": 0.2}


@dataclass(frozen=True)
class Ended:
    """How the command line ended."""

    code: int
    out: str
    err: str


@pytest.fixture
def edge_opt(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Ended]:
    """Runs the command line with these words."""

    def run(*words: str | Path) -> Ended:
        monkeypatch.setattr(sys, "argv", ["edge-opt", *map(str, words)])
        with pytest.raises(SystemExit) as end:
            entry.main()
        assert isinstance(end.value.code, int)
        return Ended(end.value.code, *capsys.readouterr())

    return run


@pytest.fixture
def device(monkeypatch: pytest.MonkeyPatch) -> FakeDevice:
    """What every gate of the test runs on."""
    found = FakeDevice()
    monkeypatch.setattr(asked, "device", lambda target: found)
    return found


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return written(tmp_path, "base.tflite")


def the_two(folder: Path, **candidate: Any) -> list[str | Path]:
    """The words of a gate on the latency of such a candidate, against a baseline that is as noisy."""
    noise = candidate.get("noise", 0.001)
    baseline = written(folder, "base.tflite", noise=noise)
    return ["gate", written(folder, **candidate), "--baseline", baseline, *LATENCY_ALONE]


# ── exit codes ──────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("unclear", "candidate", "code"),
    [
        ("exit", {"latency_ns": 100_001}, 0),
        ("exit", SLOWER, 1),
        ("exit", NOISY, 3),
        ("pass", {"latency_ns": 100_001}, 0),
        ("pass", SLOWER, 1),
        ("pass", NOISY, 0),
        ("fail", {"latency_ns": 100_001}, 0),
        ("fail", SLOWER, 1),
        ("fail", NOISY, 1),
    ],
)
def test_unclear_says_what_only_an_unclear_gate_exits_with(
    tmp_path: Path,
    device: FakeDevice,
    edge_opt: Callable[..., Ended],
    unclear: str,
    candidate: dict[str, Any],
    code: int,
) -> None:
    assert edge_opt(*the_two(tmp_path, **candidate), "--unclear", unclear).code == code


def test_where_the_gate_cannot_tell_it_exits_with_3_unless_it_is_told_otherwise(
    tmp_path: Path, device: FakeDevice, edge_opt: Callable[..., Ended]
) -> None:
    ended = edge_opt(*the_two(tmp_path, **NOISY))
    assert ended.code == 3
    assert "cannot tell" in ended.out


@pytest.mark.parametrize(("unclear", "failures"), [("exit", 0), ("fail", 1)])
def test_what_fails_the_build_is_a_failure_in_its_report_too(
    tmp_path: Path, device: FakeDevice, edge_opt: Callable[..., Ended], unclear: str, failures: int
) -> None:
    report = tmp_path / "gate.xml"
    edge_opt(*the_two(tmp_path, **NOISY), "--unclear", unclear, "--report", f"junit={report}")
    assert f'failures="{failures}"' in report.read_text()


def test_an_improvement_passes(tmp_path: Path, device: FakeDevice, edge_opt: Callable[..., Ended]) -> None:
    ended = edge_opt(*the_two(tmp_path, latency_ns=90_000))
    assert (ended.code, "improved" in ended.out) == (0, True)


def test_what_regressed_outweighs_what_is_unclear(
    tmp_path: Path, device: FakeDevice, edge_opt: Callable[..., Ended]
) -> None:
    heavier = the_two(tmp_path, **NOISY, memory_bytes=8 * 2**20)
    assert edge_opt(*heavier, "--memory", "10%", "--unclear", "pass").code == 1


def test_a_model_of_other_classes_is_allowed_by_its_option(
    tmp_path: Path, device: FakeDevice, edge_opt: Callable[..., Ended]
) -> None:
    words = the_two(tmp_path, classes=10)
    refused = edge_opt(*words)
    assert (refused.code, refused.out) == (2, "")
    assert "--any-model" in refused.err
    assert edge_opt(*words, "--any-model").code == 0


# ── what the help says ──────────────────────────────────────────────────────────────────────────────────────────────


def test_the_limits_in_the_help_are_those_that_are_used() -> None:
    helps = {one.name: one.help or "" for one in typed.check.params if isinstance(one, click.Option)}
    named = {
        name: found[1]
        for name in asked.GATE_LIMITS
        if (found := re.search(r"\[default: ([\w.%]+)", helps[name])) and name != "accuracy"
    }
    assert set(named) == set(asked.GATE_LIMITS) - {"accuracy"}
    assert limits_of(named).shares == limits_of({}).shares
    assert f"[default: {100 * ACCURACY:g}pp" in helps["accuracy"]


@pytest.mark.parametrize(
    ("option", "text", "said", "hint"),
    [
        ("--latency", "2", "--latency: '2' may be a share or percent", "write 2% or 0.02"),
        ("--memory", "abc", "--memory: 'abc' is not a share", "write it like 25%"),
        ("--accuracy", "-1pp", "--accuracy: '-1pp' is not a fraction", "a fraction is not negative"),
        ("--accuracy", "0pp", "--accuracy '0pp' leaves no room", "give some, as --accuracy 1pp"),
        ("--latency", "1000000%", "--latency '1000000%' would let everything pass", "give at most 1000%"),
    ],
)
def test_a_limit_that_is_refused_is_named_with_its_option(
    tmp_path: Path, device: FakeDevice, edge_opt: Callable[..., Ended], option: str, text: str, said: str, hint: str
) -> None:
    ended = edge_opt(*the_two(tmp_path), f"{option}={text}")
    assert (ended.code, ended.out, device.jobs) == (2, "", [])
    assert f"error: {said}" in ended.err
    assert hint in ended.err.partition("hint: ")[2]


def test_the_largest_limit_is_tenfold(tmp_path: Path, device: FakeDevice, edge_opt: Callable[..., Ended]) -> None:
    assert edge_opt(*the_two(tmp_path), "--latency", "1000%").code == 0


# ── reports ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_every_report_is_written_and_the_decision_printed(
    tmp_path: Path, device: FakeDevice, edge_opt: Callable[..., Ended]
) -> None:
    files = {"junit": tmp_path / "gate.xml", "json": tmp_path / "gate.json"}
    words = [word for name, path in files.items() for word in ("--report", f"{name}={path}")]
    ended = edge_opt(*the_two(tmp_path, **SLOWER), *words)
    assert ended.code == 1
    assert "REGRESSED" in ended.out
    assert ElementTree.parse(files["junit"]).getroot().find(".//failure") is not None
    assert json.loads(files["json"].read_text())["decisions"][0]["outcome"] == "regressed"


@pytest.mark.parametrize(
    ("report", "said"),
    [
        ("junit={folder}", "is a folder"),
        ("junit={folder}/gone/gate.xml", "there is no folder"),
        ("junit", "'junit' is not FORMAT=FILE"),
        ("junit=", "'junit=' is not FORMAT=FILE"),
        ("pdf={folder}/gate.pdf", "one of text, md, json, junit"),
    ],
)
def test_a_report_that_cannot_be_written_is_refused_before_anything_is_measured(
    tmp_path: Path, device: FakeDevice, edge_opt: Callable[..., Ended], report: str, said: str
) -> None:
    ended = edge_opt(*the_two(tmp_path), "--report", report.format(folder=tmp_path))
    assert (ended.code, ended.out, device.jobs) == (2, "", [])
    assert said in ended.err
    assert "'--report'" in ended.err


def test_a_report_that_may_not_be_written_is_refused_before_anything_is_measured(
    tmp_path: Path, device: FakeDevice, edge_opt: Callable[..., Ended], monkeypatch: pytest.MonkeyPatch
) -> None:
    words = [*the_two(tmp_path), "--report", f"junit={tmp_path / 'gate.xml'}"]
    monkeypatch.setattr(os, "access", lambda path, _: Path(path) != tmp_path)  # tests may run as root
    ended = edge_opt(*words)
    assert (ended.code, device.jobs) == (2, [])
    assert "you may not write to" in ended.err
    (tmp_path / "gate.xml").touch()  # of a file that is there, its own permission counts: it is not replaced
    assert edge_opt(*words).code == 0


def test_a_report_that_fails_in_the_end_is_a_sentence_below_the_decision(
    tmp_path: Path, device: FakeDevice, edge_opt: Callable[..., Ended], monkeypatch: pytest.MonkeyPatch
) -> None:
    words = [*the_two(tmp_path, **SLOWER), "--report", f"junit={tmp_path / 'gate.xml'}"]

    def full(*_: Any, **__: Any) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "write_text", full)
    ended = edge_opt(*words)
    assert ended.code == 2
    assert "REGRESSED" in ended.out
    assert "gate.xml' cannot be written: No space left on device" in ended.err


@pytest.mark.parametrize(
    ("report", "said"),
    [
        ("json={folder}/base.tflite", "the baseline, "),
        ("md={folder}/new.tflite", "the candidate, "),
        ("md={folder}/link.md", "the candidate, "),
        ("text={folder}/other.onnx", "other.onnx' exists and is not a report"),
        ("json={folder}/base.tflite.gate.json", "the calibration, "),
        ("json={folder}/data.json", "the data, "),
        ("json={folder}/photos/gate.json", "into the data, "),
        ("json={folder}/photos/../photos/deep/gate.json", "into the data, "),
        ("junit={folder}/net.xml", "net.xml' exists and is not a report"),
        ("md={folder}/samples", "cannot be both"),
    ],
)
def test_a_report_never_overwrites_what_the_gate_reads(
    tmp_path: Path, device: FakeDevice, edge_opt: Callable[..., Ended], report: str, said: str
) -> None:
    words = the_two(tmp_path)
    (tmp_path / "link.md").symlink_to(tmp_path / "new.tflite")
    (tmp_path / "photos" / "deep").mkdir(parents=True)
    (tmp_path / "net.xml").write_text('<net name="x"></net>')
    (tmp_path / "other.onnx").write_text("weights")
    data = tmp_path / ("data.json" if "data.json" in report else "photos")
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    ended = edge_opt(*words, "-d", data, "-o", tmp_path / "samples", "--report", report.format(folder=tmp_path))
    assert (ended.code, ended.out, device.jobs) == (2, "", [])
    assert said in ended.err
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("file", ["report.json", "gate.md"])
def test_a_report_is_not_written_into_a_run_that_it_is_about(
    tmp_path: Path, base: Path, device: FakeDevice, edge_opt: Callable[..., Ended], file: str
) -> None:
    run = tmp_path / "run"
    run.mkdir()
    (run / "report.json").write_text("{}")
    ended = edge_opt("gate", run, "--baseline", base, "--report", f"json={run / file}")
    assert (ended.code, device.jobs) == (2, [])
    assert "the candidate, " in ended.err
    assert (run / "report.json").read_text() == "{}"


def test_a_report_never_overwrites_the_history(
    base: Path, history: Path, device: FakeDevice, edge_opt: Callable[..., Ended]
) -> None:
    link = history.with_name("history.json")
    link.symlink_to(history)  # by its own name it could be a report
    before = history.read_bytes()
    for path in (history, link):
        assert edge_opt("gate", base, "--against", history, "--report", f"json={path}").code == 2
    assert (history.read_bytes(), device.jobs) == (before, [])


def test_two_reports_in_one_file_are_refused(
    tmp_path: Path, device: FakeDevice, edge_opt: Callable[..., Ended]
) -> None:
    both = (f"{name}={tmp_path}/{file}" for name, file in {"md": "gate.txt", "text": "./gate.txt"}.items())
    ended = edge_opt(*the_two(tmp_path), *(word for report in both for word in ("--report", report)))
    assert (ended.code, device.jobs) == (2, [])
    assert "gate.txt' is given twice" in ended.err


def test_an_older_report_is_replaced(tmp_path: Path, device: FakeDevice, edge_opt: Callable[..., Ended]) -> None:
    link = tmp_path / "latest.xml"
    link.symlink_to(tmp_path / "gate.xml")
    for _ in range(2):
        assert edge_opt(*the_two(tmp_path), "--report", f"junit={link}").code == 0
    assert link.is_symlink()
    assert ElementTree.parse(tmp_path / "gate.xml").getroot().tag.startswith("testsuite")


def test_a_report_may_go_to_a_pipe(tmp_path: Path, device: FakeDevice, edge_opt: Callable[..., Ended]) -> None:
    read, write = os.pipe()
    assert edge_opt(*the_two(tmp_path), "--report", f"json=/dev/fd/{write}").code == 0
    os.close(write)
    with os.fdopen(read, encoding="utf-8") as pipe:
        assert json.load(pipe)["decisions"]


def test_reports_after_one_that_fails_are_written_all_the_same(
    tmp_path: Path, device: FakeDevice, edge_opt: Callable[..., Ended], monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.replace

    def replace(source: Path, place: Path) -> None:
        if Path(place).name == "gate.xml":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(source, place)

    words = the_two(tmp_path, **SLOWER)
    before = set(tmp_path.iterdir())
    monkeypatch.setattr(os, "replace", replace)
    reports = ("--report", f"junit={tmp_path / 'gate.xml'}", "--report", f"md={tmp_path / 'gate.md'}")
    ended = edge_opt(*words, *reports)
    assert ended.code == 2
    assert "gate.xml' cannot be written: No space left on device" in ended.err
    assert "gate.md'" not in ended.err
    assert set(tmp_path.iterdir()) - before == {tmp_path / "gate.md"}  # nor anything half written


def test_an_interrupted_gate_says_where_its_samples_are(
    tmp_path: Path, device: FakeDevice, edge_opt: Callable[..., Ended], monkeypatch: pytest.MonkeyPatch
) -> None:
    words, real = the_two(tmp_path), device.run

    def stopped(job: Any, *rest: Any, **more: Any) -> Any:
        if job["mode"] == "pair" and any(one["mode"] == "pair" for one in device.jobs):
            raise KeyboardInterrupt
        return real(job, *rest, **more)

    monkeypatch.setattr(device, "run", stopped)
    kept = edge_opt(*words, "-o", tmp_path / "samples")
    assert kept.code == 2
    assert kept.err.endswith(f"error: interrupted\n  hint: the samples so far are in '{tmp_path / 'samples'}'\n")
    assert "alternation 0" in (tmp_path / "samples" / "jobs.jsonl").read_text()
    device.jobs.clear()
    assert edge_opt(*words).err.endswith("error: interrupted\n")


# ── a history ───────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def history(tmp_path: Path, base: Path, device: FakeDevice) -> Path:
    """Six records of the baseline."""
    path = tmp_path / "history.jsonl"
    for index in range(6):
        asked.gate_record(base, path, label=f"commit{index}", rounds=3, seed=index)
    device.jobs.clear()
    return path


def test_a_record_is_what_was_measured_under_its_label(tmp_path: Path, base: Path, device: FakeDevice) -> None:
    path = tmp_path / "history.jsonl"
    first = asked.gate_record(base, path, label="a1b2c3", rounds=3, threads=2)
    second = asked.gate_record(written(tmp_path, **SLOWER), path, label="d4e5f6", rounds=2, threads=2)
    found, said = records.read(path)
    assert (found, said) == ((first.record, second.record), ())
    assert [(one.label, len(one.medians_ns), one.fingerprint.threads) for one in found] == [
        ("a1b2c3", 3, 2),
        ("d4e5f6", 2, 2),
    ]
    assert found[1].medians_ns[0] == pytest.approx(1.1 * found[0].medians_ns[0], rel=0.01)


def test_without_limits_a_history_decides_by_the_defaults_that_it_can_be_held_to(tmp_path: Path, history: Path) -> None:
    found = asked.gate(written(tmp_path), against=history)
    assert outcomes(found) == dict.fromkeys(("latency", "size", "compressed"), "ok")
    assert (found.baseline, found.against) == (None, str(history))


@pytest.mark.parametrize("measure", stored.MEASURES)
def test_a_history_can_be_held_to_every_measure_that_it_records(tmp_path: Path, history: Path, measure: str) -> None:
    longer = random.Random(0).randbytes(400).hex()  # in a field without a meaning here: the file is larger, zipped too
    new = written(tmp_path, latency_ns=150_000, load_ns=8_000_000, memory_bytes=8 * 2**20, stage=longer)
    limits = {**dict.fromkeys(stored.MEASURES, "off"), measure: "25%"}
    assert outcomes(asked.gate(new, against=history, limits=limits)) == {measure: "regressed"}


@pytest.mark.parametrize(
    "given", [{"limits": {"accuracy": "1pp"}}, {"limits": {"instructions": "1%"}}, {"data": "photos"}]
)
def test_what_no_history_can_be_held_to_is_refused_before_anything_is_measured(
    base: Path, history: Path, device: FakeDevice, given: dict[str, Any]
) -> None:
    with pytest.raises(InputError):
        asked.gate(base, against=history, **given)
    assert device.jobs == []


def test_a_gate_against_a_history_exits_with_its_verdict(
    tmp_path: Path, base: Path, history: Path, edge_opt: Callable[..., Ended]
) -> None:
    assert edge_opt("gate", base, "--against", history).code == 0
    ended = edge_opt("gate", written(tmp_path, latency_ns=150_000), "--against", history)
    assert ended.code == 1
    assert "history.jsonl" in ended.out


def test_recording_appends_a_line_and_says_what_it_is(
    tmp_path: Path, base: Path, device: FakeDevice, edge_opt: Callable[..., Ended]
) -> None:
    path = tmp_path / "history.jsonl"
    for label in ("a1b2c3", "d4e5f6"):
        ended = edge_opt("gate", "record", base, path, "--label", label, "--rounds", "3", "--threads", "2")
        assert ended.code == 0
        assert re.fullmatch(rf"{label}: 100 µs, {base.stat().st_size} B, in '.*history\.jsonl'\n", ended.out)
    found, _ = records.read(path)
    assert [(one.label, len(one.medians_ns), one.fingerprint.threads) for one in found] == [
        ("a1b2c3", 3, 2),
        ("d4e5f6", 3, 2),
    ]


def test_a_record_needs_a_label(tmp_path: Path, base: Path, device: FakeDevice, edge_opt: Callable[..., Ended]) -> None:
    assert "--label" in edge_opt("gate", "record", base, tmp_path / "h.jsonl").err
    assert edge_opt("gate", "record", base, tmp_path / "h.jsonl", "--label", " ").code == 2
    assert not [job for job in device.jobs if job["mode"] == "time"]
    assert not (tmp_path / "h.jsonl").exists()


# ── calibration ─────────────────────────────────────────────────────────────────────────────────────────────────────


class Copier:
    """An exporter that writes the same network anew, in another file that is as fast."""

    def rewritten(self, path: Path, out: Path) -> Path:
        (out / "model.tflite").write_bytes(path.read_bytes() + b"\n")
        return out / "model.tflite"


@pytest.fixture
def copied(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is calibrated is written anew in this process."""
    real = registry.load
    monkeypatch.setattr(registry, "load", lambda kind, name: Copier() if kind == "exporters" else real(kind, name))
    monkeypatch.setattr(asked, "executor", FakeExecutor)


def test_a_calibration_is_printed_kept_beside_the_baseline_and_held_against_later_limits(
    base: Path, device: FakeDevice, copied: None, edge_opt: Callable[..., Ended]
) -> None:
    ended = edge_opt("gate", "calibrate", base, "--runs", "4")
    path = base.with_name("base.tflite.gate.json")
    assert ended.code == 0
    assert "smallest limit" in ended.out
    assert ended.err.endswith(f"\ncalibration: {path}\n")
    kept = json.loads(path.read_text())
    assert (len(kept["identical"]), len(kept["rebuilt"])) == (2, 2)
    refused = edge_opt("gate", base, "--baseline", base, "--latency", f"{50 * kept['keeps']:.6f}%")
    assert refused.code == 2
    assert "is below what this runner can see" in refused.err


def test_a_calibration_as_json_is_the_file_and_quiet_says_nothing_else(
    tmp_path: Path, base: Path, device: FakeDevice, copied: None, edge_opt: Callable[..., Ended]
) -> None:
    path = tmp_path / "here.json"
    ended = edge_opt("gate", "calibrate", base, "--runs", "2", "--format", "json", "-q", "-o", path)
    assert (ended.code, ended.err) == (0, "")
    assert json.loads(ended.out) == json.loads(path.read_text())


# ── instructions ────────────────────────────────────────────────────────────────────────────────────────────────────


def callgrind(monkeypatch: pytest.MonkeyPatch, make: Callable[[], FakeDevice]) -> None:
    """Put what ``make`` makes in the place of callgrind."""
    real = registry.load
    monkeypatch.setattr(registry, "load", lambda kind, name: make if name == "callgrind" else real(kind, name))


@pytest.fixture
def counter(monkeypatch: pytest.MonkeyPatch) -> Callable[..., FakeDevice]:
    """Makes what counts: by these behaviours, or by those of the artifacts."""

    def put(**script: FakeArtifact) -> FakeDevice:
        found = FakeDevice({f"{name}.tflite": one for name, one in script.items()})
        callgrind(monkeypatch, lambda: found)
        return found

    return put


@pytest.mark.parametrize(("latency_ns", "outcome"), [(101_000, "regressed"), (100_400, "ok"), (99_000, "improved")])
def test_instructions_are_counted_once_on_one_thread_and_decided_exactly(
    tmp_path: Path,
    base: Path,
    device: FakeDevice,
    counter: Callable[..., FakeDevice],
    latency_ns: int,
    outcome: str,
) -> None:
    counting = counter()
    new = written(tmp_path, latency_ns=latency_ns)
    found = asked.gate(new, base, limits={**OFF, "latency": "5%", "instructions": "0.5%"}, threads=2)
    (decision,) = (one for one in found.decisions if one.measure == "instructions")
    assert (decision.outcome, decision.basis, decision.unit) == (outcome, "counted", "instructions")
    assert (decision.baseline, decision.candidate) == (1_000_000, 10 * latency_ns)
    assert [(job["mode"], job["threads"]) for job in counting.jobs] == [("count", 1)]
    assert "count" not in {job["mode"] for job in device.jobs}


def test_nothing_is_counted_unless_it_is_asked_for(
    tmp_path: Path, base: Path, device: FakeDevice, counter: Callable[..., FakeDevice]
) -> None:
    counting = counter()
    assert "instructions" not in outcomes(asked.gate(written(tmp_path), base))
    assert counting.jobs == []


@pytest.mark.parametrize(
    ("clock_ns", "count_ns", "said"),
    [
        (100_000, 103_000, r"instructions: regressed \(\+3\.00%\); latency: ok"),
        (103_000, 100_000, r"instructions: ok.*; latency: regressed"),
        (103_000, 97_000, r"instructions: improved.*; latency: regressed"),
        (103_000, 103_000, ""),
        (100_000, 100_000, ""),
    ],
)
def test_a_clock_that_does_not_confirm_the_count_is_reported(
    tmp_path: Path,
    base: Path,
    device: FakeDevice,
    counter: Callable[..., FakeDevice],
    clock_ns: int,
    count_ns: int,
    said: str,
) -> None:
    counter(new=FakeArtifact(latency_ns=count_ns))
    new = written(tmp_path, latency_ns=clock_ns)
    found = asked.gate(new, base, limits={**OFF, "latency": "2%", "instructions": "2%"})
    told = [one.message for one in found.findings if one.code == "EO901"]
    assert len(told) == bool(said)
    assert not said or re.search(said, told[0])


def test_a_count_that_no_clock_stands_beside_contradicts_nothing(
    tmp_path: Path, base: Path, device: FakeDevice, counter: Callable[..., FakeDevice]
) -> None:
    counter()
    limits = {**OFF, "latency": "off", "instructions": "1%"}
    found = asked.gate(written(tmp_path, **SLOWER), base, limits=limits, placement=False)
    assert (outcomes(found), codes(found)) == ({"instructions": "regressed"}, set())
    assert "pair" not in {job["mode"] for job in device.jobs}


def test_a_clock_that_cannot_tell_contradicts_nothing(
    tmp_path: Path, device: FakeDevice, counter: Callable[..., FakeDevice]
) -> None:
    counter(new=FakeArtifact(latency_ns=110_000))
    both = written(tmp_path, **NOISY), written(tmp_path, "base.tflite", noise=0.2)
    found = asked.gate(*both, limits={**OFF, "instructions": "1%"})
    assert (outcomes(found)["latency"], outcomes(found)["instructions"]) == ("unclear", "regressed")
    assert "EO901" not in codes(found)


def test_a_missing_valgrind_is_said_before_anything_is_timed(
    tmp_path: Path, base: Path, device: FakeDevice, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing() -> FakeDevice:
        raise MissingPackage("counting instructions needs valgrind", "apt install valgrind")

    callgrind(monkeypatch, missing)
    with pytest.raises(MissingPackage, match="valgrind"):
        asked.gate(written(tmp_path), base, limits={**OFF, "instructions": "1%"})
    assert "pair" not in {job["mode"] for job in device.jobs}


def test_a_device_that_does_not_count_is_an_error_and_no_pass(
    tmp_path: Path, base: Path, device: FakeDevice, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Wordless(FakeDevice):
        def _counts(self, scripts: Any, described: list[dict[str, Any]], job: Any) -> dict[str, Any]:
            return {"artifacts": described}

    callgrind(monkeypatch, Wordless)
    with pytest.raises(StepFailed, match="does not count instructions"):
        asked.gate(written(tmp_path), base, limits={**OFF, "instructions": "1%"})


def test_instructions_fail_a_build_by_themselves(
    tmp_path: Path, device: FakeDevice, counter: Callable[..., FakeDevice], edge_opt: Callable[..., Ended]
) -> None:
    counter(new=FakeArtifact(latency_ns=103_000))
    ended = edge_opt(*the_two(tmp_path), "--instructions", "1%")
    assert ended.code == 1
    assert "warning[EO901]" in ended.err
