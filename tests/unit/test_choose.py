"""Which trial is handed over, when a finalist breaks, falls behind, or cannot be certified, on a fake device."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_opt.errors import StepFailed
from edge_opt.flows import pipeline
from edge_opt.flows.workbench import Request
from edge_opt.inputs import recipes, targets
from edge_opt.stages.benchmark import Protocol
from edge_opt.types import Budget, Report, Target
from tests import stack
from tests.fakes import FakeArtifact, FakeDevice, FakeExecutor

HOST = replace(targets.load("host"), formats=("tflite",), runtimes=("litert",))
NAMES = ("static_int8", "dynamic_int8")


def run(folder: Path, device: FakeDevice | None = None, samples: int = 3000, **changes: Any) -> Report:
    """A run with two recipes, both faster than the baseline, the static one the fastest."""
    (folder / "model.fake").write_bytes(b"weights")
    request = Request(
        model=folder / "model.fake",
        data=stack.data_set(folder, samples),
        output=folder / "run",
        target=HOST,
        recipes=tuple(recipes.load(name) for name in NAMES),
        protocol=Protocol(rounds=6),
    )
    return pipeline.optimize(
        replace(request, **changes), device=device or FakeDevice(), executor=FakeExecutor(), watch=lambda _: None
    )


def codes(report: Report) -> list[str]:
    return [finding.code for finding in report.findings]


def within(budget: Budget) -> Target:
    return replace(HOST, budget=budget)


class Breaking(FakeDevice):
    """A device on which the jobs that ``breaks`` says so fail."""

    def __init__(self, breaks: Any) -> None:
        super().__init__()
        self.breaks = breaks

    def run(self, job: Any) -> dict[str, Any]:
        if self.breaks(job, self.jobs):
            raise StepFailed("out of luck")
        return super().run(job)


def latency_of(job: Any) -> int:
    """Of the last artifact of the job, which names it here."""
    latency: int = json.loads(Path(job["artifacts"][-1]["path"]).read_text())["latency_ns"]
    return latency


STATIC = stack.BEHAVIOUR["static"].latency_ns


def test_two_that_cannot_share_a_process_are_timed_again_in_rounds(tmp_path: Path, monkeypatch: Any) -> None:
    stack.installed(monkeypatch)
    report = run(tmp_path, Breaking(lambda job, _: job["mode"] == "pair"))
    assert report.best.startswith("static_int8/")
    assert report.retimed is not None
    assert (report.retimed.mode, len(report.retimed.best_ns)) == ("rounds", 6)
    (finding,) = (one for one in report.findings if one.code == "EO306")
    assert finding.level == "info"
    assert "out of luck" in finding.message


def test_what_cannot_be_timed_a_second_time_is_not_handed_over(tmp_path: Path, monkeypatch: Any) -> None:
    stack.installed(monkeypatch)

    def breaks(job: Any, before: Any) -> bool:
        timed = sum(one["mode"] == "time" for one in before)
        return job["mode"] in ("pair", "time") and timed >= 6 * 3 and latency_of(job) == STATIC

    report = run(tmp_path, Breaking(breaks))
    assert report.best.startswith("dynamic_int8/")
    assert "EO306" in codes(report)
    assert [look.trial for look in report.certificate.ledger] == [report.best]


def test_a_winner_that_is_not_faster_when_timed_again_is_not_handed_over(tmp_path: Path, monkeypatch: Any) -> None:
    stack.installed(monkeypatch)

    class Sobering(FakeDevice):
        """The static artifact is fast in the rounds, and as slow as the baseline in a pair."""

        def run(self, job: Any) -> dict[str, Any]:
            answer = super().run(job)
            if job["mode"] == "pair" and latency_of(job) == STATIC:
                for block in answer["blocks"]:
                    block["samples_ns"] = [100_000] * 5
            return answer

    report = run(tmp_path, Sobering(), goal="latency")
    assert report.best.startswith("dynamic_int8/")
    assert report.retimed is not None
    assert report.retimed.speed_up.low > 1
    (finding,) = (one for one in report.findings if one.code == "EO307")
    assert "static_int8/tflite/litert" in finding.message
    assert "no measurable difference" in finding.message
    assert [look.trial for look in report.certificate.ledger] == [report.best]


def test_a_finalist_that_breaks_on_the_certification_split_is_a_failure_and_the_next_is_taken(
    tmp_path: Path, monkeypatch: Any
) -> None:
    stack.installed(monkeypatch)

    def breaks(job: Any, _: Any) -> bool:
        return Path(job.get("inputs", "")).name == "certification.npy" and latency_of(job) == STATIC

    report = run(tmp_path, Breaking(breaks))
    assert report.best.startswith("dynamic_int8/")
    (failure,) = report.failures
    assert (failure.id, failure.stage) == ("static_int8/tflite/litert", "evaluate")
    assert "certification" in failure.message
    assert [look.trial for look in report.certificate.ledger] == [report.best]


def test_too_few_samples_for_any_candidate_cost_no_look_and_are_told(tmp_path: Path, monkeypatch: Any) -> None:
    stack.installed(monkeypatch)
    device = FakeDevice()
    report = run(tmp_path, device, samples=240)
    assert report.best == report.baseline
    assert [look.trial for look in report.certificate.ledger] == [report.baseline]
    assert report.certificate.status == "pass"
    assert report.trials[0].verdict.status == "pass"
    assert "EO202" in codes(report)
    assert len([job for job in device.jobs if Path(job.get("inputs", "")).name == "certification.npy"]) == 1


def test_where_the_baseline_is_too_large_a_slower_artifact_that_fits_is_handed_over(
    tmp_path: Path, monkeypatch: Any
) -> None:
    slow = FakeArtifact(latency_ns=400_000, wrong=0.001)
    stack.installed(monkeypatch, {"static": slow, "dynamic": replace(slow, latency_ns=500_000)})
    report = run(tmp_path, goal="latency", target=within(Budget(max_size_bytes=3_000)))
    assert report.best == "static_int8/tflite/litert"
    assert "EO210" not in codes(report)


def test_a_limit_that_nothing_keeps_is_an_error_that_names_it(tmp_path: Path, monkeypatch: Any) -> None:
    stack.installed(monkeypatch)
    report = run(tmp_path, target=within(Budget(max_size_bytes=10)))
    (finding,) = (one for one in report.findings if one.code == "EO210")
    assert finding.level == "error"
    assert "over the limit of 10 B; nothing that was tried keeps every limit" in finding.message


def test_a_limit_that_is_kept_only_by_what_failed_its_certificate_is_not_said_to_be_out_of_reach(
    tmp_path: Path, monkeypatch: Any
) -> None:
    stack.installed(monkeypatch)
    report = run(tmp_path, samples=240, target=within(Budget(max_size_bytes=3_000)))
    assert report.best == report.baseline
    (finding,) = (one for one in report.findings if one.code == "EO210")
    assert finding.level == "error"
    assert "static_int8/tflite/litert" in finding.message
    assert "did not pass" in finding.message
    assert "nothing that was tried" not in finding.message


def test_a_latency_limit_on_a_target_that_cannot_be_timed_is_unclear_and_no_error(
    tmp_path: Path, monkeypatch: Any
) -> None:
    stack.installed(monkeypatch)
    target = replace(HOST, isa=("avx512_vnni",), budget=Budget(max_latency_ns=1e6))
    report = run(tmp_path, FakeDevice(isa=("avx2",)), target=target)
    assert {trial.verdict.status for trial in report.trials} == {"unclear"}
    assert report.best.startswith("static_int8/")
    (finding,) = (one for one in report.findings if one.code == "EO210")
    assert finding.level == "warning"


def test_a_baseline_that_does_not_answer_as_the_framework_ends_the_run_with_a_sentence(
    tmp_path: Path, monkeypatch: Any
) -> None:
    stack.installed(monkeypatch, {"none": FakeArtifact(wrong=0.5)})
    with pytest.raises(StepFailed, match="baseline 'float32/tflite/litert' cannot be compared with"):
        run(tmp_path)


def test_a_float32_artifact_that_answers_otherwise_fails_however_fast_it_is(tmp_path: Path, monkeypatch: Any) -> None:
    class Altered(FakeDevice):
        """What is not TFLite answers a little otherwise."""

        def _predict(self, script: FakeArtifact, job: Any) -> str:
            path = super()._predict(script, job)
            if "onnx" in job["artifacts"][0]["path"]:
                np.save(path, np.load(path) * np.float32(0.99))
            return path

    stack.installed(monkeypatch)
    both = replace(targets.load("host"), formats=("tflite", "onnx"), runtimes=("litert", "onnxruntime"))
    report = run(tmp_path, Altered(), target=both, recipes=(recipes.load("float32"),))
    (other,) = (trial for trial in report.trials if trial.id != report.baseline)
    assert other.verdict.status == "fail"
    assert [finding.code for finding in other.verdict.findings] == ["EO401"]
    assert other.id not in report.pareto


def test_the_highest_load_of_all_rounds_is_the_one_that_is_told(tmp_path: Path, monkeypatch: Any) -> None:
    class Busy(FakeDevice):
        """Another program runs during one job in the middle."""

        def run(self, job: Any) -> dict[str, Any]:
            answer = super().run(job)
            timed = sum(one["mode"] == "time" for one in self.jobs)
            load = 9.5 if timed == 8 else 0.1
            return {**answer, "environment": {**answer["environment"], "load_average": load}}

    stack.installed(monkeypatch)
    report = run(tmp_path, Busy())
    assert "EO301" in codes(report)


def test_every_sample_of_a_pair_is_kept(tmp_path: Path, monkeypatch: Any) -> None:
    stack.installed(monkeypatch)
    run(tmp_path)
    lines = [json.loads(line) for line in (tmp_path / "run" / "jobs.jsonl").read_text().splitlines()]
    pairs = [line["value"]["blocks"] for line in lines if line.get("key", "").startswith("pair ")]
    assert len(pairs) >= 6
    assert all(len(block["samples_ns"]) == 5 for blocks in pairs for block in blocks)


def test_looks_for_an_earlier_goal_stay_in_the_ledger_of_a_resumed_run(tmp_path: Path, monkeypatch: Any) -> None:
    large = {"dynamic": FakeArtifact(latency_ns=60_000, wrong=0.0)}
    stack.installed(monkeypatch, large)
    monkeypatch.setitem(stack.SIZES, "dynamic", 500)  # the smaller one, as static is the faster
    first = run(tmp_path, goal="latency")
    second = run(tmp_path, goal="size", resume=True)
    third = run(tmp_path, goal="latency", resume=True)
    assert [look.trial for look in first.certificate.ledger] == [first.best]
    assert [look.trial for look in second.certificate.ledger] == [first.best, second.best]
    assert (third.best, third.certificate.ledger) == (first.best, second.certificate.ledger)
    assert first.best != second.best
    assert {look.status for look in third.certificate.ledger} == {"pass"}
