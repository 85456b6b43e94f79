"""How each measure comes about at the gate: in one process, in rounds, on data; and what it leaves behind."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from edge_opt.errors import InputError, RunError, StepFailed
from edge_opt.flows.gate import asked, timed
from edge_opt.types import Step
from tests import stack
from tests.fakes import FakeDevice
from tests.gated import MILD, codes, outcomes, written

WEIGHED = dict.fromkeys(("size", "compressed", "accuracy"), "off")  # files that say how they behave are no models


@pytest.fixture
def device(monkeypatch: pytest.MonkeyPatch) -> FakeDevice:
    """What every gate of the test runs on."""
    found = FakeDevice()
    monkeypatch.setattr(asked, "device", lambda target: found)
    return found


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return MILD.write(tmp_path / "base.tflite")


def test_what_is_too_noisy_to_tell_is_unclear_after_the_last_look(tmp_path: Path, device: FakeDevice) -> None:
    both = written(tmp_path, "a.tflite", noise=0.2), written(tmp_path, "b.tflite", noise=0.2, latency_ns=102_000)
    (decision,) = asked.gate(*both, limits=WEIGHED, placement=False).decisions
    assert (decision.outcome, decision.evidence) == ("unclear", 24)
    assert "cannot tell" in decision.message
    assert decision.hint


def test_waiting_while_another_edge_opt_measures_spends_no_budget(
    tmp_path: Path, device: FakeDevice, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process works for a second and waits for 99: more than the first four fit into a budget of ten seconds."""
    monkeypatch.setattr(timed, "time", SimpleNamespace(monotonic=lambda: 100.0 * len(device.jobs)))
    monkeypatch.setattr(timed, "waited_s", lambda: 99.0 * len(device.jobs))
    both = written(tmp_path, "a.tflite", noise=0.2), written(tmp_path, "b.tflite", noise=0.2, latency_ns=102_000)
    (decision,) = asked.gate(*both, limits=WEIGHED, placement=False, budget="10s").decisions
    assert 10 <= decision.evidence <= 12


def test_memory_and_load_are_measured_where_they_are_asked_for_and_only_there(
    tmp_path: Path, base: Path, device: FakeDevice
) -> None:
    heavy = written(tmp_path, memory_bytes=8 * 2**20, load_ns=4_000_000)
    asked.gate(heavy, base)
    assert "time" not in {job["mode"] for job in device.jobs}
    found = asked.gate(heavy, base, limits={"memory": "10%", "load": "10%", "p90": "5%"})
    said = outcomes(found)
    assert (said["memory"], said["load"], said["p90"], said["latency"]) == ("regressed", "improved", "ok", "ok")
    bases = {one.measure: (one.basis, one.unit) for one in found.decisions}
    assert (bases["memory"], bases["load"], bases["p90"]) == (("rounds", "bytes"), ("rounds", "ns"), ("pairs", "ns"))


def test_measures_are_listed_in_their_order_whatever_was_decided_first(
    tmp_path: Path, base: Path, device: FakeDevice
) -> None:
    found = asked.gate(written(tmp_path), base, limits={"load": "10%", "memory": "10%"})
    assert list(outcomes(found)) == ["latency", "load", "memory", "size", "compressed", "placement"]


def test_what_cannot_share_a_process_is_measured_in_rounds_and_said_so(
    tmp_path: Path, base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Apart(FakeDevice):
        def run(self, job: Any) -> dict[str, Any]:
            if job["mode"] == "pair":
                raise StepFailed("the two cannot share a process")
            return super().run(job)

    device = Apart()
    monkeypatch.setattr(asked, "device", lambda target: device)
    slower = written(tmp_path, "new.onnx", latency_ns=110_000)
    found = asked.gate(slower, base, limits={**WEIGHED, "p90": "2%"})
    assert codes(found) == {"EO902", "EO906"}
    assert {one.measure: (one.outcome, one.basis) for one in found.decisions if one.basis != "exact"} == {
        "latency": ("regressed", "rounds"),
        "p90": ("regressed", "rounds"),
    }
    with pytest.raises(StepFailed, match="cannot share a process"):  # of one runtime it is an error, and no fallback
        asked.gate(written(tmp_path), base)


def test_a_runtime_that_does_not_tell_what_it_executes_is_unclear(
    tmp_path: Path, base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Silent(FakeDevice):
        def run(self, job: Any) -> dict[str, Any]:
            if job["mode"] == "profile":
                raise StepFailed("there is no profiler")
            return super().run(job)

    monkeypatch.setattr(asked, "device", lambda target: Silent())
    found = asked.gate(written(tmp_path), base)
    assert outcomes(found)["placement"] == "unclear"


def test_samples_are_kept_in_the_output_folder_and_progress_is_told(
    tmp_path: Path, base: Path, device: FakeDevice
) -> None:
    steps: list[Any] = []
    asked.gate(written(tmp_path), base, output=tmp_path / "out", watch=steps.append)
    jobs = [json.loads(line) for line in (tmp_path / "out" / "jobs.jsonl").read_text().splitlines()]
    assert len(jobs) == 5  # what was asked, and four processes
    assert [one.done for one in steps if isinstance(one, Step) and one.stage == "measure"] == [0, 1, 2, 3]
    with pytest.raises(RunError, match="already holds a run"):
        asked.gate(written(tmp_path), base, output=tmp_path / "out")


@pytest.mark.parametrize(("wrong", "said"), [(0.0, "ok"), (0.1, "regressed")])
def test_accuracy_is_compared_on_data_that_are_given(
    tmp_path: Path, base: Path, device: FakeDevice, wrong: float, said: str
) -> None:
    found = asked.gate(written(tmp_path, wrong=wrong), base, data=stack.data_set(tmp_path))
    assert outcomes(found)["accuracy"] == said
    decision = next(one for one in found.decisions if one.measure == "accuracy")
    assert (decision.evidence, decision.limit, decision.baseline) == (2000, 0.01, 1.0)


def test_sizes_need_none(tmp_path: Path, base: Path, device: FakeDevice) -> None:
    found = asked.gate(written(tmp_path), base, limits={"size": "0%", "compressed": "0%"})
    assert (outcomes(found)["size"], outcomes(found)["compressed"]) == ("ok", "ok")


@pytest.mark.parametrize("measure", ["latency", "p90", "load", "memory"])
def test_what_is_measured_needs_some_room(base: Path, device: FakeDevice, measure: str) -> None:
    with pytest.raises(InputError, match=f"--{measure} '0%' leaves no room"):
        asked.gate(base, base, limits={measure: "0%"})


@pytest.mark.parametrize(("name", "text"), [("latency", "fast"), ("latency", "-2%"), ("latency", "5"), ("size", "1KB")])
def test_a_limit_that_is_none_is_refused_with_what_was_written(
    base: Path, device: FakeDevice, name: str, text: str
) -> None:
    with pytest.raises(InputError, match=f"'{text}'"):
        asked.gate(base, base, limits={name: text})
    assert device.jobs == []


def test_a_measure_that_nobody_knows_is_refused_and_not_dropped(base: Path, device: FakeDevice) -> None:
    with pytest.raises(InputError, match="there is no measure 'memroy'") as caught:
        asked.gate(base, base, limits={"memroy": "10%"})
    assert "memory" in caught.value.hint


def test_a_gate_that_would_decide_nothing_is_refused_before_anything_is_measured(
    tmp_path: Path, base: Path, device: FakeDevice
) -> None:
    off = {**WEIGHED, "latency": "off", "accuracy": ""}
    with pytest.raises(InputError, match="nothing would be decided"):
        asked.gate(written(tmp_path), base, limits=off, placement=False)
    assert "pair" not in {job["mode"] for job in device.jobs}
    found = asked.gate(written(tmp_path), base, limits=off, placement=False, data=stack.data_set(tmp_path))
    assert outcomes(found) == {"accuracy": "ok"}


ELSEWHERE = [
    ({"data": "photos"}, "-d"),
    ({"output": "raw"}, "-o"),
    ({"calibration": "c.json"}, "--calibration"),
    ({"budget": "10s"}, "--budget"),
    ({"limits": {"accuracy": "1pp"}}, "--accuracy"),
    ({"limits": {"instructions": "1%"}}, "--instructions"),
]


@pytest.mark.parametrize(("given", "option"), ELSEWHERE)
def test_what_a_history_cannot_be_held_to_is_refused_and_not_dropped(
    base: Path, device: FakeDevice, tmp_path: Path, given: dict[str, Any], option: str
) -> None:
    with pytest.raises(InputError, match=f"{option} does not apply to a history"):
        asked.gate(base, against=tmp_path / "h.jsonl", **given)


@pytest.mark.parametrize(("given", "option"), [*ELSEWHERE, ({"limits": {"memory": "10%"}}, "--memory")])
def test_what_results_of_pytest_benchmark_do_not_have_is_refused_and_not_dropped(
    device: FakeDevice, tmp_path: Path, given: dict[str, Any], option: str
) -> None:
    results = tmp_path / "now.json"
    results.write_text(json.dumps({"benchmarks": [], "machine_info": {}}))
    with pytest.raises(InputError, match=f"{option} does not apply to results of pytest-benchmark"):
        asked.gate(results, results, **given)


def test_nothing_but_the_samples_is_left_in_the_output_folder(tmp_path: Path, base: Path, device: FakeDevice) -> None:
    asked.gate(written(tmp_path), base, output=tmp_path / "out", data=stack.data_set(tmp_path))
    assert [one.name for one in (tmp_path / "out").iterdir()] == ["jobs.jsonl"]


def test_a_calibration_needs_a_latency_and_a_file_to_write(base: Path, device: FakeDevice, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--latency is off"):
        asked.gate_calibrate(base, latency="off")
    with pytest.raises(InputError, match="is a folder"):
        asked.gate_calibrate(base, output=tmp_path)


def test_a_calibration_replaces_nothing_but_a_calibration(base: Path, device: FakeDevice) -> None:
    before = base.read_bytes()
    with pytest.raises(InputError, match=r"base.tflite' exists and is not a calibration"):
        asked.gate_calibrate(base, output=base)
    assert base.read_bytes() == before
    assert device.jobs == []


def test_accuracy_that_is_off_is_not_missed(tmp_path: Path, base: Path, device: FakeDevice) -> None:
    other = written(tmp_path, latency_ns=99_999)
    assert codes(asked.gate(other, base, limits={"accuracy": "off"})) == set()
