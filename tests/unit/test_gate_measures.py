"""What one process, one round, two sizes, two profiles and two sets of answers say, each by itself."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_opt.alternation import Alternation, Block
from edge_opt.errors import StepFailed
from edge_opt.flows.given import temporary
from edge_opt.stages import guard
from edge_opt.stages.gate import accuracy, exact, paired, placement, power, solo, words
from edge_opt.types import Entry, Operator, OperatorProfile
from tests.fakes import FakeArtifact, FakeDevice
from tests.samples import an_accuracy, an_environment

# ── paired ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def an_alternation(*blocks: tuple[int, tuple[int, ...]]) -> Alternation:
    found = tuple(Block(artifact=which, samples_ns=samples) for which, samples in blocks)
    return Alternation(blocks=found, environment=an_environment())


def two(folder: Path, baseline: FakeArtifact, candidate: FakeArtifact) -> tuple[Entry, Entry]:
    files = baseline.write(folder / "old.tflite"), candidate.write(folder / "new.tflite")
    return Entry(path=files[0], runtime="litert"), Entry(path=files[1], runtime="litert")


def test_a_process_gives_the_median_ratio_of_its_pairs_of_blocks_in_whatever_order_they_ran() -> None:
    # the machine is twice as slow in the second pair, and ten times in the third
    taken = an_alternation(
        (0, (100, 100, 100)),
        (1, (110, 110, 110)),
        (1, (220, 220, 220)),
        (0, (200, 200, 200)),
        (0, (1000, 1000, 1000)),
        (1, (1300, 1300, 1300)),
    )
    assert paired.log_ratios(taken)["latency"] == pytest.approx(math.log(1.1))


def test_the_90th_percentile_is_of_all_samples_of_a_process() -> None:
    taken = an_alternation((1, tuple(range(100, 201, 10))), (0, (100,) * 11))
    assert paired.log_ratios(taken)["p90"] == pytest.approx(math.log(np.percentile(range(100, 201, 10), 90) / 100))
    assert paired.figures_ns(taken, 1)["latency"] == 150


def test_blocks_of_one_artifact_only_are_no_pair() -> None:
    with pytest.raises(StepFailed, match="no pair of blocks"):
        paired.log_ratios(an_alternation((0, (100,)), (0, (100,)), (1, (100,))))


def test_a_worker_that_ran_one_of_the_two_only_is_told_so(tmp_path: Path) -> None:
    class OneSided(FakeDevice):
        def run(self, job: Any) -> dict[str, Any]:
            answer = super().run(job)
            return {**answer, "blocks": [{**one, "artifact": 0} for one in answer["blocks"]]}

    both = two(tmp_path, FakeArtifact(), FakeArtifact())
    with temporary() as run, pytest.raises(StepFailed, match="blocks of both artifacts"):
        paired.alternate(*both, OneSided(), run, index=0, threads=1, seed=0)


def test_a_process_that_is_kept_is_not_run_again_and_the_next_one_has_another_seed(tmp_path: Path) -> None:
    device, both = FakeDevice(), two(tmp_path, FakeArtifact(), FakeArtifact())
    with temporary() as run:
        kept = [paired.alternate(*both, device, run, index=i, threads=2, seed=3) for i in (0, 0, 1)]
    assert kept[0] == kept[1] != kept[2]
    assert len({job["seed"] for job in device.jobs}) == len(device.jobs) == 2
    assert {(job["mode"], job["threads"]) for job in device.jobs} == {("pair", 2)}


def test_a_decision_shows_the_medians_of_what_was_measured_and_says_why_it_is_not_ok() -> None:
    figures = [{"latency": 100.0}] * 4, [{"latency": 110.0}, {"latency": 111.0}, {"latency": 112.0}, {"latency": 90.0}]
    found = paired.decide("latency", [0.1, 0.101, 0.099, 0.1], 0.02, figures, "pairs")
    assert (found.outcome, found.baseline, found.candidate, found.evidence) == ("regressed", 100.0, 110.5, 4)
    assert "more than the 2% allowed" in found.message


@pytest.mark.parametrize(
    ("measure", "basis", "said"),
    [
        ("latency", "pairs", "'edge-opt gate calibrate' finds it"),
        ("latency", "rounds", "--latency"),
        ("p90", "pairs", "--p90"),
        ("load", "rounds", "--load"),
        ("memory", "rounds", "--memory"),
    ],
)
def test_a_calibration_is_advised_only_for_what_it_measures(measure: str, basis: Any, said: str) -> None:
    figures = [{measure: 100.0}] * 24, [{measure: 110.0}] * 24
    found = paired.decide(measure, [0.3, -0.3, 0.25, -0.2] * 6, 0.02, figures, basis)
    assert found.outcome == "unclear"
    assert said in found.hint
    assert ("calibrate" in found.hint) == ((measure, basis) == ("latency", "pairs"))


def test_an_unclear_decision_that_the_budget_ended_says_so() -> None:
    figures = [{"latency": 100.0}] * 4, [{"latency": 110.0}] * 4
    found = paired.decide("latency", [0.3, -0.3, 0.25, -0.2], 0.02, figures, "pairs")
    assert found.outcome == "unclear"
    assert found.hint == "the budget ended it after 4 of 24: give it a longer --budget, or use a quieter machine"


# ── solo ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_round_runs_each_in_a_process_of_its_own_and_gives_all_four_ratios(tmp_path: Path) -> None:
    quiet = FakeArtifact(noise=0.0)
    both = two(tmp_path, quiet, FakeArtifact(noise=0.0, latency_ns=200_000, load_ns=10_000_000, memory_bytes=2**20))
    device = FakeDevice()
    with temporary() as run:
        taken = solo.take_turns(*both, device, run, index=0, threads=1, seed=0)
    assert [(job["mode"], len(job["artifacts"])) for job in device.jobs] == [("time", 1)] * 2
    ratios = solo.log_ratios(taken, solo.MEASURES)
    expected = {"latency": 2.0, "p90": 2.0, "load": 2.0, "memory": 0.25}
    assert {name: math.exp(one) for name, one in ratios.items()} == pytest.approx(expected)


def test_the_order_of_a_round_is_drawn(tmp_path: Path) -> None:
    device, both = FakeDevice(), two(tmp_path, FakeArtifact(), FakeArtifact())
    with temporary() as run:
        for index in range(12):
            solo.take_turns(*both, device, run, index=index, threads=1, seed=0)
    assert {job["artifacts"][0]["path"] for job in device.jobs[::2]} == {str(one.path) for one in both}


@pytest.mark.parametrize("untold", ["rss_bytes", "baseline_rss_bytes", "peak_rss_bytes"])
def test_a_worker_that_does_not_tell_its_memory_is_no_reason_to_guess(tmp_path: Path, untold: str) -> None:
    class Silent(FakeDevice):
        def run(self, job: Any) -> dict[str, Any]:
            return {name: one for name, one in super().run(job).items() if not name.endswith(untold)}

    with temporary() as run:
        taken = solo.take_turns(
            *two(tmp_path, FakeArtifact(), FakeArtifact()), Silent(), run, index=0, threads=1, seed=0
        )
    with pytest.raises(StepFailed, match="does not tell its memory"):
        solo.log_ratios(taken, ("load", "memory"))
    assert set(solo.log_ratios(taken, ("load",))) == {"load"}


# ── exact ───────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("after", "limit", "said"),
    [
        (1000, 0.0, "ok"),
        (1001, 0.0, "regressed"),
        (999, 0.0, "improved"),
        (1020, 0.02, "ok"),
        (1021, 0.02, "regressed"),
        (981, 0.02, "ok"),
        (980, 0.02, "improved"),
    ],
)
def test_a_size_is_decided_exactly(after: int, limit: float, said: str) -> None:
    found = exact.decide("size", 1000, after, limit)
    assert (found.outcome, found.basis, found.evidence) == (said, "exact", 0)
    assert bool(found.message) == (said != "ok")
    assert found.change is not None
    assert found.change.low == found.change.high == pytest.approx(after / 1000 - 1)


def test_sizes_that_read_alike_are_told_to_the_byte() -> None:
    found = exact.decide("size", 3_712_344, 3_712_345, 0.0)
    assert found.message == (
        "the size went from 3,712,344 bytes to 3,712,345 bytes, +under 0.01%, more than the 0% allowed"
    )
    grown = exact.decide("compressed", 524_288, 534_774, 0.005)
    assert grown.message == (
        "the size after gzip went from 512.00 KiB to 522.24 KiB, +2.00%, more than the 0.5% allowed"
    )


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (0.0, "0.00%"),
        (0.00004, "+under 0.01%"),
        (-0.00004, "-under 0.01%"),
        (0.00006, "+0.01%"),
        (0.0512, "+5.12%"),
        (-0.5, "-50.00%"),
        (1.5, "+150.00%"),
    ],
)
def test_a_change_has_its_sign_and_two_digits_and_is_never_said_to_be_none(change: float, said: str) -> None:
    assert words.percent(change) == said


def test_a_baseline_without_a_size_is_none() -> None:
    with pytest.raises(ValueError, match="0 bytes"):
        exact.decide("size", 0, 10, 0.02)


# ── accuracy ────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("before", "after", "said"), [(1800, 1800, "ok"), (1800, 1500, "regressed"), (1500, 1800, "improved")]
)
def test_the_verdict_of_the_guard_is_the_decision(before: int, after: int, said: str) -> None:
    pair = an_accuracy(before, split="certification"), an_accuracy(after, split="certification")
    verdict = guard.judge(*pair, 0.01)
    found = accuracy.decide(*pair, verdict)
    assert (found.measure, found.outcome, found.change) == ("accuracy", said, verdict.drop)
    assert (found.baseline, found.candidate) == (pair[0].value, pair[1].value)
    assert found.evidence == verdict.samples == len(pair[0].scores)


def test_an_unclear_verdict_brings_what_would_decide_it() -> None:
    pair = an_accuracy(180), an_accuracy(178)
    found = accuracy.decide(*pair, guard.judge(*pair, 0.001))
    assert found.outcome == "unclear"
    assert found.message
    assert found.hint


def test_a_drop_that_no_number_of_samples_decides_names_the_option_of_the_gate() -> None:
    pair = an_accuracy(180), an_accuracy(178)
    verdict = guard.judge(*pair, pair[0].value - pair[1].value)
    assert (verdict.status, verdict.samples_to_decide) == ("unclear", None)
    hint = accuracy.decide(*pair, verdict).hint
    assert "--accuracy" in hint
    assert "--max-drop" not in hint


def test_without_labels_it_is_agreement() -> None:
    pair = [an_accuracy(190, metric="agreement") for _ in range(2)]
    assert accuracy.decide(*pair, guard.judge(*pair, 0.5)).measure == "agreement"


# ── placement ───────────────────────────────────────────────────────────────────────────────────────────────────────


def a_profile(
    *operators: tuple[str, str, str, str], runtime: str = "litert", delegate: str = "XNNPACK"
) -> OperatorProfile:
    """``operators`` are name, kind, precision, placement."""
    return OperatorProfile(
        runtime=runtime,
        runtime_version=f"{runtime} 1.0",
        options={},
        threads=1,
        executed={"delegate": delegate},
        operators=tuple(Operator(name=a, kind=b, precision=c, placement=d) for a, b, c, d in operators),
    )


INT8 = a_profile(
    ("stem;relu", "CONV_2D", "int8", "XNNPACK"),
    ("dense", "FULLY_CONNECTED", "int8", "XNNPACK"),
    ("scores", "SOFTMAX", "int8", "LiteRT"),
)


def test_what_is_executed_alike_is_ok() -> None:
    found = placement.decide(INT8, INT8)
    assert (found.outcome, found.baseline, found.candidate, found.message) == ("ok", 0.0, 0.0, "")


def test_a_layer_that_went_to_float_is_named() -> None:
    now = a_profile(
        ("stem;relu", "CONV_2D", "int8", "XNNPACK"),
        ("quant", "QUANTIZE", "float32", "XNNPACK"),
        ("dense", "FULLY_CONNECTED", "float32", "XNNPACK"),
        ("scores", "SOFTMAX", "int8", "LiteRT"),
    )
    found = placement.decide(INT8, now)
    assert (found.outcome, found.candidate) == ("regressed", 1.0)
    assert found.message == "fell back: FULLY_CONNECTED 'dense' computed in float32"
    assert found.hint


def test_a_layer_off_its_delegate_is_named_with_where_it_is_now() -> None:
    now = a_profile(
        ("stem;relu", "CONV_2D", "int8", "LiteRT"),
        ("dense", "FULLY_CONNECTED", "int8", "XNNPACK"),
        ("scores", "SOFTMAX", "int8", "LiteRT"),
    )
    found = placement.decide(INT8, now)
    assert (found.outcome, found.message) == ("regressed", "fell back: CONV_2D 'stem' left to LiteRT")


def test_narrower_numbers_and_a_delegate_that_takes_more_are_improvements() -> None:
    before = a_profile(*((name, kind, "float32", where) for name, kind, _, where in _operators(INT8)))
    assert placement.decide(before, INT8).outcome == "improved"
    off = a_profile(
        ("stem;relu", "CONV_2D", "int8", "LiteRT"), *_operators(INT8)[1:], ("more", "ADD", "int8", "XNNPACK")
    )
    assert placement.decide(off, a_profile(*_operators(INT8), ("more", "ADD", "int8", "XNNPACK"))).outcome == "improved"


def _operators(profile: OperatorProfile) -> list[tuple[str, str, str, str]]:
    return [(one.name, one.kind, one.precision, one.placement) for one in profile.operators]


def undelegated(precision: str, *more: tuple[str, str, str, str]) -> OperatorProfile:
    """INT8, of which the delegate took nothing, in other numbers."""
    operators = [(name, kind, precision, "LiteRT") for name, kind, _, _ in _operators(INT8)]
    return a_profile(*operators, *more, delegate="none")


@pytest.mark.parametrize("precision", ["int16", "int8"])
def test_a_delegate_that_takes_what_it_never_took_is_an_improvement_and_its_loss_is_none(precision: str) -> None:
    gained = placement.decide(undelegated(precision), INT8)
    assert (gained.outcome, gained.baseline, gained.candidate) == ("improved", 2.0, 0.0)
    lost = placement.decide(INT8, undelegated(precision))
    assert (lost.outcome, lost.baseline, lost.candidate) == ("regressed", 0.0, 2.0)
    assert "left to LiteRT" in lost.message


def test_one_more_layer_has_not_fallen_where_the_delegate_takes_neither() -> None:
    more = undelegated("int16", ("more", "CONV_2D", "int16", "LiteRT"))
    for both in ((undelegated("int16"), more), (more, undelegated("int16"))):
        assert placement.decide(*both).outcome == "ok"


@pytest.mark.parametrize("both", [(INT8, a_profile()), (a_profile(), INT8), (a_profile(), a_profile())])
def test_a_runtime_that_lists_no_operators_has_not_shown_that_they_are_the_same(
    both: tuple[OperatorProfile, OperatorProfile],
) -> None:
    found = placement.decide(*both)
    assert (found.outcome, found.evidence) == ("unclear", 0)
    assert "lists no operators" in found.message
    assert "--placement off" in found.hint


def test_a_multiplication_that_quantizes_its_input_first_may_fall_back_like_any_other() -> None:
    before = a_profile(("dense", "DynamicQuantizeMatMul", "int8", "CPU"), runtime="onnxruntime", delegate="")
    now = a_profile(("dense", "MatMul", "float32", "CPU"), runtime="onnxruntime", delegate="")
    assert placement.decide(before, now).outcome == "regressed"
    assert placement.decide(now, before).outcome == "improved"


def test_an_int8_softmax_that_no_delegate_ever_took_has_not_fallen() -> None:
    before = a_profile(
        ("stem;relu", "CONV_2D", "float32", "XNNPACK"),
        ("dense", "FULLY_CONNECTED", "float32", "XNNPACK"),
        ("scores", "SOFTMAX", "float32", "XNNPACK"),
    )
    assert placement.decide(before, INT8).candidate == 0.0


def test_the_placements_of_another_runtime_have_other_names_and_are_not_compared() -> None:
    elsewhere = a_profile(
        *((a, b, c, "CPUExecutionProvider") for a, b, c, _ in _operators(INT8)), runtime="onnxruntime"
    )
    assert placement.decide(INT8, elsewhere).outcome == "ok"


def test_what_is_not_told_is_not_taken_for_sameness() -> None:
    found = placement.untold("no profiler")
    assert found.outcome == "unclear"
    assert "no profiler" in found.message


# ── power ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def of_noise(spread: float) -> power.Sight:
    rng = np.random.default_rng(0)
    copies, rebuilt = rng.normal(0, spread, (10, 24)), rng.normal(0, spread, (10, 24))
    return power.sight(copies.tolist(), rebuilt.tolist(), 0.02)


def test_a_quiet_runner_keeps_a_small_limit_and_sees_a_small_slow_down() -> None:
    found = of_noise(0.002)
    assert found.keeps is not None
    assert found.keeps <= 0.01
    assert (found.false_alarms, found.unclear) == (0, 0)
    assert found.detects_80 is not None
    assert found.detects_95 is not None
    assert 0.02 < found.detects_80 <= found.detects_95 < 0.03
    assert found.rate.low <= 0 <= found.rate.high


def test_a_noisy_runner_keeps_a_larger_limit_or_none() -> None:
    quiet, noisy, hopeless = (of_noise(spread) for spread in (0.002, 0.05, 2.0))
    assert quiet.keeps is not None
    assert noisy.keeps is not None
    assert quiet.keeps < noisy.keeps
    assert (hopeless.keeps, hopeless.detects_80, hopeless.detects_95) == (None, None, None)
    assert noisy.detects_80 is not None
    assert noisy.detects_95 is not None
    assert quiet.detects_95
    assert noisy.detects_80
    assert noisy.detects_95
    assert quiet.detects_95 < noisy.detects_80 <= noisy.detects_95


def test_equals_that_differ_are_counted_as_false_alarms() -> None:
    found = power.sight([[0.1, 0.1001, 0.0999, 0.1]], [[0.0, 0.0001, -0.0001, 0.0]], 0.02)
    assert (found.false_alarms, found.unclear, found.rate.estimate) == (1, 0, 0.5)


def test_a_budget_for_a_few_processes_keeps_less_and_sees_less() -> None:
    rng = np.random.default_rng(1)
    copies, rebuilt = rng.normal(0, 0.015, (2, 10, 24)).tolist()
    few, all_ = (power.sight(copies, rebuilt, 0.02, most=most) for most in (6, 24))
    assert few.keeps is not None
    assert all_.keeps is not None
    assert few.keeps > all_.keeps
    assert few.detects_95 is not None
    assert all_.detects_95 is not None
    assert few.detects_95 > all_.detects_95
    assert (few.false_alarms, few.unclear) == (all_.false_alarms, all_.unclear)  # these were measured


def test_identical_files_count_in_both_directions() -> None:
    drawn = power.draws([[0.1, 0.2]], [], seed=0)
    assert set(np.unique(drawn)) == {-0.2, -0.1, 0.1, 0.2}
    assert drawn.shape[1] == 24


def test_nothing_can_be_said_of_no_runs() -> None:
    with pytest.raises(ValueError, match="ran nothing"):
        power.draws([], [], seed=0)
