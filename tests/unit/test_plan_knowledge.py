"""What is known before anything is tried: of processors, of what cannot win, of efforts and of time."""

from __future__ import annotations

from dataclasses import replace

import pytest

from edge_opt.inputs import recipes, targets
from edge_opt.stages.plan import bounds, cost, efforts, knowledge, promise
from edge_opt.types import Candidate, Failure, Interval, Measured, Trial
from tests.samples import a_model, a_trial, some_trials

HOST = targets.load("host")


def candidate(recipe: str, format: str = "tflite", runtime: str = "litert", variant: str = "") -> Candidate:
    return Candidate(recipe=recipes.load(recipe), format=format, variant=variant, runtime=runtime)


def onnx(variant: str) -> Candidate:
    return candidate("static_int8", "onnx", "onnxruntime", variant)


# ── of processors ──────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("target", "isa", "saturates", "float16"),
    [
        ("host", ("sse4_2", "avx2", "fma"), True, False),
        ("host", ("avx2", "avx512f", "avx512_vnni"), False, False),
        ("host", ("avx2", "avx_vnni"), False, False),
        ("host", ("avx2", "avx512_vnni", "avx512_fp16"), False, True),
        ("host", ("fp", "asimd", "asimddp"), False, False),
        ("host", ("fp", "asimd", "fphp", "asimdhp"), False, True),
        ("host", (), False, False),
        ("x86-avx2", ("avx2", "avx512_vnni"), True, False),  # the target counts, not the machine
        ("x86-vnni", ("avx2",), False, False),  # either of its alternatives will do
    ],
)
def test_the_processor_is_the_targets_where_it_names_one_and_else_the_machines(
    target: str, isa: tuple[str, ...], saturates: bool, float16: bool
) -> None:
    on = knowledge.processor(targets.load(target), isa)
    assert (on.saturates, on.float16) == (saturates, float16)


def test_signed_8_bit_weights_have_to_be_proven_safe_on_x86_without_vnni_only() -> None:
    old, new = (knowledge.processor(targets.load(name), ()) for name in ("x86-avx2", "x86-vnni"))
    assert knowledge.may_saturate(onnx("u8s8"), old)
    assert knowledge.may_saturate(onnx("s8s8"), old)
    assert not knowledge.may_saturate(onnx("u8s7"), old)
    assert not knowledge.may_saturate(candidate("static_int8"), old)
    assert not knowledge.may_saturate(onnx("u8s8"), new)


def test_7_bit_weights_come_only_where_8_bit_ones_were_refused() -> None:
    old, new = (knowledge.processor(targets.load(name), ()) for name in ("x86-avx2", "x86-vnni"))
    refused = Failure(id=onnx("u8s8").id, recipe="static_int8", stage="check", message="layer 'conv' may overflow")
    broken = replace(refused, stage="export")
    assert "an overflow that this processor does not have" in knowledge.ruled_out(onnx("u8s7"), new, [refused])
    assert "nothing to win" in knowledge.ruled_out(onnx("u8s7"), old, [])
    assert "nothing to win" in knowledge.ruled_out(onnx("u8s7"), old, [broken])
    assert knowledge.ruled_out(onnx("u8s7"), old, [refused]) == ""
    assert knowledge.ruled_out(onnx("u8s8"), old, [refused]) == ""


def sped(trial: Trial, low: float, estimate: float, high: float, median_ns: float) -> Trial:
    assert isinstance(trial.measured, Measured)
    speed_up = Interval(low=low, estimate=estimate, high=high)
    return replace(trial, measured=replace(trial.measured, speed_up=speed_up, median_ns=median_ns))


def test_float16_is_never_faster_than_the_float32_it_computes_as() -> None:
    baseline = some_trials()[0]
    float16 = replace(a_trial("float16"), recipe=recipes.load("float16"))
    lucky = sped(float16, 1.05, 1.10, 1.15, 90_000.0)
    without = knowledge.processor(HOST, ("avx2",))
    held = knowledge.without_claims([baseline, lucky], without)[1].measured
    assert isinstance(held, Measured)
    assert isinstance(baseline.measured, Measured)
    assert held.speed_up is not None
    assert (held.speed_up.low, held.speed_up.high) == (1.0, 1.0)
    assert held.median_ns == baseline.measured.median_ns
    with_it = knowledge.processor(HOST, ("asimdhp",))
    assert knowledge.without_claims([baseline, lucky], with_it)[1] == lucky
    assert [one.code for one in knowledge.said([baseline, lucky], HOST, without)] == ["EO410"]
    assert knowledge.said([baseline, lucky], HOST, with_it) == ()
    assert knowledge.said([baseline], HOST, without) == ()


# ── of what cannot win ─────────────────────────────────────────────────────────────────────────────────────────────

X86 = knowledge.processor(HOST, ("avx2", "avx512_vnni"))


def history(static_ns: float = 50_000.0, dynamic_ns: float = 60_000.0) -> list[Trial]:
    """A float32 of 1 MB and two quantizations of a quarter of it, all in TensorFlow Lite."""
    found = []
    sizes = {
        "float32": (1_000_000, 160_000.0),
        "static_int8": (260_000, static_ns),
        "dynamic_int8": (255_000, dynamic_ns),
    }
    for name, (size, latency_ns) in sizes.items():
        one = replace(a_trial(name), recipe=recipes.load(name))
        one = replace(one, artifact=replace(one.artifact, size_bytes=size, format="tflite", variant=""))
        found.append(sped(one, 1.0, 1.0, 1.0, latency_ns))
    return found


def test_what_is_computed_in_float_and_stored_larger_cannot_win_where_two_pass_that_are_faster() -> None:
    reason = bounds.hopeless(candidate("float16"), history(), X86)
    assert "it is computed in float32" in reason
    assert "'static_int8/tflite/litert', 'dynamic_int8/tflite/litert' pass" in reason
    assert "could only have been more accurate" in reason


def test_one_that_passes_is_not_enough_should_it_miss_its_certificate() -> None:
    assert bounds.hopeless(candidate("float16"), history(dynamic_ns=150_000.0), X86) == ""


def test_what_may_be_smaller_than_all_that_pass_is_tried() -> None:
    # a quarter of the float32 is less than either of them has
    assert bounds.hopeless(candidate("weight_only_int8"), history(), X86) == ""


def test_16_bit_activations_have_reference_kernels_on_x86_only() -> None:
    reason = bounds.hopeless(candidate("static_int16x8"), history(), X86)
    assert "no fast kernels for 16-bit activations on x86" in reason
    arm = knowledge.processor(HOST, ("asimd",))
    assert bounds.hopeless(candidate("static_int16x8"), history(), arm) == ""


def test_float16_with_arithmetic_of_its_own_may_be_faster_and_is_tried() -> None:
    assert bounds.hopeless(candidate("float16"), history(), knowledge.processor(HOST, ("asimdhp",))) == ""


def test_nothing_is_given_up_before_the_float32_of_its_format_is_known() -> None:
    assert bounds.hopeless(candidate("float16", "onnx", "onnxruntime"), history(), X86) == ""


# ── of efforts ─────────────────────────────────────────────────────────────────────────────────────────────────────

EVERY = (
    candidate("float32"),
    replace(candidate("float32", "openvino", "openvino"), options={"precision": "bf16"}),
    candidate("float16"),
    candidate("static_int8"),
    onnx("u8s8"),
    onnx("s8s8"),
    candidate("dynamic_int8"),
)


def test_quick_is_the_baseline_and_what_mostly_wins_in_one_way_each() -> None:
    found = efforts.first(EVERY, EVERY[0], "quick")
    assert [one.id for one in found] == [
        "float32/tflite/litert",
        "static_int8/tflite/litert",
        "static_int8/onnx/onnxruntime/u8s8",
        "dynamic_int8/tflite/litert",
    ]
    assert efforts.later(EVERY, "quick") == ()
    assert efforts.ROUNDS["quick"] < efforts.ROUNDS["standard"]


def test_standard_begins_with_what_mostly_wins_and_leaves_nothing_out_and_thorough_waits_for_nothing() -> None:
    opening = efforts.first(EVERY, EVERY[0], "standard")
    assert EVERY[2] not in opening
    assert len(opening) == len(EVERY) - 1
    assert efforts.later(EVERY, "standard") == EVERY
    assert efforts.first(EVERY, EVERY[0], "thorough") == EVERY


# ── of time ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_what_promises_most_for_a_second_is_taken_first_and_the_baseline_always() -> None:
    few = (EVERY[0], EVERY[2], EVERY[3], EVERY[6])
    prices = dict.fromkeys((one.id for one in few), 10.0)
    taken, late = promise.in_time(few, prices, promise.Time(left=25.0, again=0.0), EVERY[0].id)
    assert [one.id for one in taken] == ["float32/tflite/litert", "static_int8/tflite/litert"]
    taken, late = promise.in_time(few, prices, promise.Time(left=-5.0, again=0.0), EVERY[0].id)
    assert taken == (EVERY[0],)
    assert [one.id for one in late] == [one.id for one in few[1:]]
    assert all(one.reason.startswith("no time left: about 10 s are needed for it, and 0.0 s are left") for one in late)


def test_what_fits_in_the_time_but_not_in_this_wave_waits_for_its_turn() -> None:
    few = (EVERY[3], EVERY[6])
    prices = dict.fromkeys((one.id for one in few), 10.0)
    taken, late = promise.in_time(few, prices, promise.Time(left=30.0, again=0.0, share=0.5), "")
    assert taken == (EVERY[3],)
    assert late == ()


def test_the_baseline_of_every_wave_is_paid_for() -> None:
    one = (EVERY[3],)
    prices = {EVERY[3].id: 10.0}
    assert promise.in_time(one, prices, promise.Time(left=15.0, again=4.0), "")[0] == one
    assert promise.in_time(one, prices, promise.Time(left=13.0, again=4.0), "")[0] == ()


SCALE = cost.Scale(model=a_model(), selection=1000, certification=10_000, rounds=10)


def test_predictions_follow_what_the_jobs_of_this_run_took() -> None:
    thought = cost.price(EVERY[3], SCALE)
    spent = {"optimize": (4 * thought["optimize"], 2), "benchmark": (thought["benchmark"] * 0.15, 1)}
    factors = cost.factors(spent, [EVERY[3]], SCALE)
    assert factors == pytest.approx({"optimize": 2.0, "benchmark": 1.5})
    refined = cost.price(EVERY[3], replace(SCALE, factors=factors))
    assert refined["optimize"] == pytest.approx(2 * thought["optimize"])
    assert refined["evaluate"] == thought["evaluate"]


def test_work_that_was_found_finished_makes_nothing_look_free() -> None:
    assert cost.factors({"optimize": (0.01, 5)}, [EVERY[3]], SCALE) == {"optimize": 0.5}


@pytest.mark.parametrize("slower", [0.5, 1.0, 2.0, 4.0])
def test_what_is_only_small_is_not_taken_before_what_is_fast_however_slow_converting_is(slower: float) -> None:
    fast, small = candidate("dynamic_int8"), candidate("weight_only_int8", "openvino", "openvino")
    scale = replace(SCALE, float_ns=2e5, factors={"optimize": slower})
    prices = {one.id: sum(cost.price(one, scale).values()) for one in (small, fast)}
    time = promise.Time(left=max(prices.values()), again=0.0)
    taken, _ = promise.in_time((small, fast), prices, time, "the baseline is known")
    assert taken == (fast,)


def test_choosing_and_certifying_keep_less_than_half_a_minute_of_a_small_model() -> None:
    assert cost.reserve(replace(SCALE, float_ns=2e5)) < 30


def test_the_latency_of_the_baseline_replaces_the_guess_and_certifying_has_its_time_kept() -> None:
    slow = replace(SCALE, float_ns=1e8)
    assert cost.price(EVERY[3], slow)["evaluate"] > 1000 * 0.1
    assert cost.reserve(slow) > 2 * 10_000 * 0.1
    assert cost.reserve(replace(slow, sample_s=0.01)) == pytest.approx(cost.reserve(slow) + 100)
