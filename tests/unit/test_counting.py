"""What is decided by instruction counts, and what is said where the clock sees it otherwise."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Any

import pytest

from edge_opt.errors import StepFailed
from edge_opt.stages.gate.counting import count, decide, disagreement
from edge_opt.types import Counted, Decision, Entry, Interval
from tests.fakes import FakeArtifact, FakeDevice


def a_count(*instructions: int, isa: tuple[str, ...] = ("sse2", "avx2")) -> Counted:
    return Counted(
        runtime="litert",
        runtime_version="ai-edge-litert 2.3.0",
        options={},
        instructions=instructions,
        emulator="valgrind 3.19.0",
        isa=isa,
    )


def a_decision(measure: str, outcome: Any, change: float) -> Decision:
    return Decision(
        measure=measure,
        outcome=outcome,
        unit="ns",
        baseline=1.0,
        candidate=1 + change,
        change=Interval(low=change, estimate=change, high=change),
        limit=0.02,
        basis="pairs",
        evidence=6,
    )


@pytest.mark.parametrize(
    ("before", "after", "outcome"),
    [
        ((1000, 1000), (1000, 1000), "ok"),
        ((1000, 1000), (1005, 1005), "ok"),
        ((1000, 1000), (1006, 1006), "regressed"),
        ((1000, 1000), (1006, 1003), "unclear"),
        ((1000, 2000), (1006, 2012), "regressed"),  # inputs differ, the pairs do not
        ((1000, 1000), (990, 990), "improved"),
        ((1000, 1000), (998, 990), "ok"),
    ],
)
def test_a_count_is_decided_by_the_range_of_the_ratios_of_its_pairs(
    before: tuple[int, ...], after: tuple[int, ...], outcome: str
) -> None:
    found = decide(a_count(*before), a_count(*after), 0.005)
    ratios = [two / one - 1 for one, two in zip(before, after, strict=True)]
    assert found.outcome == outcome
    assert found.change is not None
    assert (found.change.low, found.change.high) == (min(ratios), max(ratios))
    assert (found.basis, found.unit, found.evidence) == ("counted", "instructions", 2)
    assert bool(found.message) == (outcome != "ok")


def test_a_regression_says_how_much_and_on_which_processor_it_was_counted() -> None:
    found = decide(a_count(2_000_000), a_count(2_021_000), 0.005)
    assert found.message == (
        "an inference went from 2,000,000 to 2,021,000 instructions, +1.05%, on the processor that valgrind 3.19.0 "
        "shows (AVX2), more than the 0.5% allowed"
    )
    assert "AVX-512" in found.hint


def test_counts_that_were_not_taken_in_pairs_are_no_evidence() -> None:
    with pytest.raises(ValueError, match="argument 2 is longer"):
        decide(a_count(1), a_count(1, 1), 0.01)


def test_one_job_counts_both(tmp_path: Path) -> None:
    device = FakeDevice()
    entries = [
        Entry(path=FakeArtifact(latency_ns=latency_ns).write(tmp_path / f"{latency_ns}.tflite"), runtime="litert")
        for latency_ns in (1000, 1010)
    ]
    baseline, candidate = count(entries[0], entries[1], device)
    assert [one["mode"] for one in device.jobs] == ["count"]
    assert device.jobs[0]["threads"] == 1
    assert (baseline.instructions, candidate.instructions) == ((10_000,) * 5, (10_100,) * 5)
    assert decide(baseline, candidate, 0.005).outcome == "regressed"


def test_a_device_that_does_not_count_is_said(tmp_path: Path) -> None:
    class Plain(FakeDevice):
        def run(self, job: Any) -> dict[str, Any]:
            answer = super().run(job)
            return {**answer, "artifacts": [{**one, "instructions": []} for one in answer["artifacts"]]}

    entry = Entry(path=FakeArtifact().write(tmp_path / "x.tflite"), runtime="litert")
    with pytest.raises(StepFailed, match="does not count instructions") as caught:
        count(entry, entry, Plain())
    assert "callgrind" in caught.value.hint


CLEAR = ("ok", "improved", "regressed")


@pytest.mark.parametrize(("clock", "counted"), [*product((*CLEAR, "unclear"), repeat=2)])
def test_the_clock_contradicts_only_where_both_are_clear_and_differ(clock: str, counted: str) -> None:
    found = disagreement(a_decision("latency", clock, 0.03), a_decision("instructions", counted, 0.0105))
    assert (found is not None) == (clock != counted and "unclear" not in (clock, counted))
    if found is not None:
        assert (found.code, found.level) == ("EO901", "warning")
        assert found.message == f"instructions: {counted} (+1.05%); latency: {clock} (+3.00%)"
        assert ("faster here" in found.hint) == ((clock, counted) == ("improved", "regressed"))
        assert ("slower here" in found.hint) == ((clock, counted) == ("regressed", "improved"))
        assert "the clock" in found.hint or counted == "ok"
