"""What is said of a board that was held back, hot or slowed down, and what is not said of one that was not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from edge_opt.stages import board_state
from edge_opt.types import Budget, DeviceState, Finding, Interval, NotTimed, Round, Stretch, Sustained, Window
from tests.samples import a_measured, a_trial, an_environment, some_rounds

GHZ = 10**9


def look(elapsed_s: float = 0.0, *, ghz: float = 1.8, celsius: float = 50.0, bits: int | None = 0) -> DeviceState:
    return DeviceState(
        elapsed_s=elapsed_s, frequencies_hz=(round(ghz * GHZ),) * 4, temperature_c=celsius, throttled=bits
    )


def rounds(*states: tuple[DeviceState, ...]) -> tuple[Round, ...]:
    return tuple(replace(some_rounds(37_000, rounds=1)[0], states=one) for one in states)


def said(*states: tuple[DeviceState, ...]) -> tuple[Finding, ...]:
    return board_state.check_measured({"one": a_measured(rounds=rounds(*states))})


def the(code: str, findings: tuple[Finding, ...]) -> Finding:
    (found,) = (one for one in findings if one.code == code)
    return found


def test_a_cool_board_and_a_machine_that_tells_nothing_have_no_finding() -> None:
    assert said((look(), look(1.0))) == ()
    assert said(()) == ()
    assert said((DeviceState(elapsed_s=0.0, load_average=1.0),)) == ()
    assert board_state.check([replace(a_trial(), measured=NotTimed(reason="elsewhere"))]) == ()


# 0x50005 is what forums show most often: under-voltage and throttled, now and before
@pytest.mark.parametrize(
    ("bits", "level", "words"),
    [
        (0x50005, "error", ["under-voltage", "throttling"]),
        (0x20002, "warning", ["capped clock"]),
        (0x80008, "warning", ["soft temperature limit"]),
        (0x4, "warning", ["throttling"]),
    ],
)
def test_the_bits_of_now_are_named_with_what_to_do(bits: int, level: str, words: list[str]) -> None:
    found = the("EO320", said((look(), look(1.0)), (look(), look(1.0, bits=bits))))
    assert found.level == level
    assert found.message.endswith(f"while it was timed, in 1 of 2 rounds: {', '.join(words)}")
    assert ("power supply" if bits & 1 else "heat sink") in found.hint


def test_what_was_set_between_two_looks_happened_while_it_was_timed() -> None:
    assert the("EO320", said((look(bits=0x80000), look(1.0, bits=0xC0000)))).message.endswith("timed: throttling")


def test_what_was_set_before_is_an_info_alone() -> None:
    found = the("EO320", said((look(bits=0x50000), look(1.0, bits=0x50000))))
    assert found.level == "info"
    assert "since it was started: under-voltage, throttling" in found.message
    assert "not while it was timed" in found.message


def test_a_clock_that_fell_is_told_with_the_worst_round() -> None:
    found = board_state.check_measured(
        {
            "calm": a_measured(rounds=rounds((look(), look(1.0)))),
            "worse": a_measured(rounds=rounds((look(), look(1.0, ghz=1.0)), (look(), look(1.0, ghz=1.5)))),
        }
    )
    one = the("EO321", found)
    assert one.level == "warning"
    assert "while 'worse' was timed, from 1.80 GHz to 1.00 GHz, in 2 of 3 rounds, at up to 50 °C" in one.message


@pytest.mark.parametrize(
    "clocks",
    [
        (1.8, 1.65, 1.8),  # within a tenth
        (0.6, 1.8, 1.8),  # risen from idle
    ],
)
def test_a_clock_that_rises_or_hardly_moves_is_not_told(clocks: tuple[float, ...]) -> None:
    assert said(tuple(look(float(index), ghz=one) for index, one in enumerate(clocks))) == ()


def test_a_clock_that_fell_between_two_rounds_is_told_too() -> None:
    fast, slow = (look(), look(1.0)), (look(ghz=1.2), look(1.0, ghz=1.2))
    one = the("EO321", said(*[fast] * 6, *[slow] * 4))
    assert "from 1.80 GHz to 1.20 GHz, in 4 of 10 rounds" in one.message


def test_a_fall_in_one_of_very_many_rounds_moves_nothing_and_is_not_told() -> None:
    assert said(*[(look(), look(1.0))] * 19, (look(), look(1.0, ghz=1.0))) == ()


def test_the_clocks_of_idle_cores_mean_nothing() -> None:
    first, last = (2_400_000_000, 2_400_000_000), (2_400_000_000, 400_000_000)
    states = tuple(DeviceState(elapsed_s=0.0, frequencies_hz=clocks) for clocks in (first, last))
    assert said(states) == ()


def test_a_hot_processor_whose_clock_holds_is_an_info() -> None:
    assert said((look(celsius=79.9),)) == ()
    found = the("EO321", said((look(celsius=80.0),), (look(celsius=83.4),)))
    assert (found.level, "reached 83 °C" in found.message) == ("info", True)


def a_run(
    *,
    slowdown: tuple[float, float, float] = (0.99, 1.0, 1.01),
    trend: tuple[float, float, float] = (0.99, 1.0, 1.01),
    p90_ms: tuple[float, float, float] = (9.9, 10.0, 10.1),
    settled: bool = True,
    **changes: Any,
) -> Sustained:
    part = Stretch(start_s=0.0, end_s=60.0, windows=60, median_ns=9e6, p90_ns=10e6)
    made = Sustained(
        runtime="litert",
        runtime_version="ai-edge-litert 2.3.0",
        threads=1,
        options={},
        executed={},
        environment=an_environment(),
        windows=(Window(start_s=0.0, runs=10, median_ns=9e6, p90_ns=10e6, state=look(1.0)),),
        states=(look(0.0), look(2.0)),
        first=part,
        steady=replace(part, median_ns=9e6 * slowdown[1]),
        slowdown=_interval(slowdown),
        trend=_interval(trend),
        p90_ns=_interval(tuple(one * 1e6 for one in p90_ms)),
        settled=settled,
    )
    return replace(made, **changes)


def _interval(bounds: tuple[float, ...]) -> Interval:
    low, estimate, high = bounds
    return Interval(low=low, estimate=estimate, high=high)


def sustained(run: Sustained, limit_ms: float | None = None) -> tuple[Finding, ...]:
    budget = Budget(max_latency_ns=None if limit_ms is None else limit_ms * 1e6)
    return board_state.check_sustained({"one": run}, budget)


def test_a_run_that_stays_as_fast_has_no_finding() -> None:
    assert sustained(a_run()) == ()


def test_a_run_that_gets_slower_is_told_with_both_latencies() -> None:
    found = the("EO322", sustained(a_run(slowdown=(1.2, 1.25, 1.3))))
    assert found.level == "warning"
    assert "25% slower than the beginning (11.25 ms against 9.00 ms)" in found.message


@pytest.mark.parametrize(
    ("steady_hz", "steady_c", "words"),
    [(1.8e9, 48.0, "other work"), (1.2e9, 48.0, "cool it"), (1.8e9, 84.0, "cool it"), (None, None, "cool it")],
)
def test_what_got_slower_without_heat_is_not_to_be_cooled(
    steady_hz: float | None, steady_c: float | None, words: str
) -> None:
    run = a_run(slowdown=(1.2, 1.25, 1.3))
    told = {"frequency_hz": 1.8e9, "temperature_c": 48.0} if steady_hz else {}
    steady = replace(run.steady, frequency_hz=steady_hz, temperature_c=steady_c)
    found = the("EO322", sustained(replace(run, first=replace(run.first, **told), steady=steady)))
    assert words in found.hint


@pytest.mark.parametrize("slowdown", [(1.01, 1.04, 1.06), (0.9, 1.2, 1.5)])
def test_a_little_slower_or_perhaps_slower_is_not_told(slowdown: tuple[float, float, float]) -> None:
    assert sustained(a_run(slowdown=slowdown)) == ()


def test_a_sustained_run_that_was_throttled_in_the_middle_is_told() -> None:
    windows = tuple(
        Window(start_s=float(index), runs=10, median_ns=9e6, p90_ns=10e6, state=look(1.0 + index, ghz=ghz, bits=bits))
        for index, (ghz, bits) in enumerate([(1.8, 0), (1.2, 0x80008), (1.8, 0x80000)])
    )
    found = sustained(a_run(windows=windows, states=(look(), look(3.0, bits=0x80000))))
    assert [one.code for one in found] == ["EO320", "EO321"]


@pytest.mark.parametrize(("estimate", "word"), [(1.043, "4.3% slower"), (0.95, "5.0% faster")])
def test_a_run_that_has_not_settled_is_told_to_go_on(estimate: float, word: str) -> None:
    found = the("EO324", sustained(a_run(trend=(estimate - 0.01, estimate, estimate + 0.01), settled=False)))
    assert word in found.message
    assert "--sustained 15m" in found.hint


@pytest.mark.parametrize(
    ("limit_ms", "settled", "trend", "level"),
    [
        (10.2, True, 1.0, "info"),
        (9.8, True, 1.0, "error"),
        (10.05, True, 1.0, "warning"),
        (10.2, False, 1.05, "warning"),  # within it, and on its way out
        (9.8, False, 1.05, "error"),
        (9.8, False, 0.9, "warning"),  # beyond it, and on its way back
    ],
)
def test_the_limit_is_kept_or_broken_by_the_whole_interval(
    limit_ms: float, settled: bool, trend: float, level: str
) -> None:
    run = a_run(settled=settled, trend=(trend, trend, trend))
    assert the("EO323", sustained(run, limit_ms)).level == level


def test_a_run_that_began_much_warmer_than_another_is_told() -> None:
    cool, warm = a_run(states=(look(celsius=45.0),)), a_run(states=(look(celsius=60.0),))
    found = the("EO325", board_state.check_sustained({"cool": cool, "warm": warm}, Budget()))
    assert "'warm' began at 60 °C and 'cool' at 45 °C" in found.message
    almost = a_run(states=(look(celsius=52.0),))
    assert board_state.check_sustained({"cool": cool, "almost": almost, "untold": a_run(states=())}, Budget()) == ()
