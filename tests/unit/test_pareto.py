from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from edge_opt.stages import pareto
from edge_opt.types import Budget, Measured, NotTimed, Trial
from tests.samples import a_measured, a_trial, a_verdict, an_interval, some_rounds


def trial(
    name: str, latency_ns: int, size_bytes: int, right: int = 1_300, *, spread: float = 0.02, **changes: Any
) -> Trial:
    """A trial called ``name``, whose speed-up is that over 100 µs."""
    ratio = 100_000 / latency_ns
    made = a_trial(
        latency_ns=latency_ns,
        size_bytes=size_bytes,
        right=right,
        speed_up=(ratio * (1 - spread), ratio, ratio * (1 + spread)),
    )
    return replace(made, id=name, **changes)


BASELINE = replace(a_trial("float32", latency_ns=100_000, size_bytes=1_000_000, speed_up=None), id="baseline")


def test_what_another_trial_beats_in_everything_is_not_on_the_front() -> None:
    fast, small = trial("fast", 20_000, 400_000), trial("small", 60_000, 200_000)
    dominated, right = trial("dominated", 70_000, 300_000), trial("right", 90_000, 900_000, 1_400)
    assert pareto.front([BASELINE, fast, small, dominated, right]) == ("fast", "small", "right")


def test_equal_trials_stay_on_the_front_together() -> None:
    assert pareto.front([trial("one", 20_000, 10), trial("two", 20_000, 10)]) == ("one", "two")


def test_what_failed_is_neither_on_the_front_nor_in_the_order() -> None:
    failed = trial("failed", 10_000, 10, verdict=a_verdict("fail"))
    unclear = trial("unclear", 50_000, 500_000, verdict=a_verdict("unclear"))
    trials = [BASELINE, failed, unclear]
    assert pareto.front(trials) == ("baseline", "unclear")
    assert pareto.order(trials, "baseline", "latency") == ("unclear", "baseline")


def test_where_nothing_was_timed_the_front_is_of_size_and_accuracy_and_nothing_is_called_faster() -> None:
    untimed = NotTimed(reason="no such CPU")
    small = trial("small", 10_000, 10, 1_400, measured=untimed)
    large = trial("large", 10_000, 20, measured=untimed)
    trials = [replace(BASELINE, measured=untimed), small, large]
    assert pareto.front(trials) == ("small",)
    assert pareto.order(trials, "baseline", "size") == ("small", "large", "baseline")
    assert pareto.order(trials, "baseline", "latency") == ("baseline",)


def test_the_goal_decides_the_order_and_the_baseline_closes_it() -> None:
    fast, small = trial("fast", 20_000, 900_000), trial("small", 90_000, 100_000)
    middle = trial("middle", 40_000, 250_000)
    trials = [fast, BASELINE, small, middle]
    assert pareto.order(trials, "baseline", "latency") == ("fast", "middle", "small", "baseline")
    assert pareto.order(trials, "baseline", "size") == ("small", "middle", "fast", "baseline")
    # √(2.5 · 4) = 3.16, √(1.11 · 10) = 3.33, √(5 · 1.11) = 2.36
    assert pareto.order(trials, "baseline", "balanced") == ("small", "middle", "fast", "baseline")


@pytest.mark.parametrize("goal", ["latency", "size", "balanced"])
def test_float_wins_where_float_is_better(goal: pareto.Goal) -> None:
    slow = trial("slow", 4_000_000, 1_100_000)
    assert pareto.order([BASELINE, slow], "baseline", goal) == ("baseline",)


def test_a_speed_up_whose_interval_holds_one_is_none() -> None:
    perhaps = trial("perhaps", 98_000, 1_000_000, spread=0.05)
    assert pareto.order([BASELINE, perhaps], "baseline", "latency") == ("baseline",)
    assert pareto.order([BASELINE, perhaps], "baseline", "balanced") == ("baseline",)


def test_a_speed_up_of_two_rounds_is_not_believed() -> None:
    quick = a_measured(20_000, speed_up=(4.9, 5.0, 5.1))
    hasty = replace(quick, speed_up=an_interval((4.9, 5.0, 5.1), confidence=0.5))
    trials = [BASELINE, trial("hasty", 20_000, 10, measured=hasty)]
    assert pareto.order(trials, "baseline", "latency") == ("baseline",)
    assert pareto.order(trials, "baseline", "size") == ("hasty", "baseline")


def test_slow_but_much_smaller_is_no_balance() -> None:
    """int16x8 on x86: a quarter of the size, 40 times slower."""
    assert pareto.order([BASELINE, trial("int16x8", 4_000_000, 250_000)], "baseline", "balanced") == ("baseline",)


def test_a_baseline_that_is_not_there_is_an_error() -> None:
    with pytest.raises(KeyError):
        pareto.order([BASELINE], "nobody", "latency")


def with_p90s(*p90s_ns: int) -> Measured:
    """Measured in rounds whose samples all take that long."""
    template = some_rounds(1, rounds=1)[0]
    rounds = tuple(replace(template, samples_ns=(ns,) * 8) for ns in p90s_ns)
    return a_measured(rounds=rounds, speed_up=(2.0, 2.1, 2.2))


@pytest.mark.parametrize(
    ("p90s", "level"),
    [((30,) * 6, None), ((38, 39, 39, 39, 39, 40), None), ((38, 39, 39, 40, 44, 45), "warning"), ((44,) * 6, "error")],
)
def test_the_latency_limit_holds_for_the_upper_bound_of_the_p90(p90s: tuple[int, ...], level: str | None) -> None:
    one = trial("one", 1, 10, measured=with_p90s(*(1_000_000 * p90 for p90 in p90s)))
    found = pareto.over_budget(one, Budget(max_latency_ns=40e6))
    assert [finding.level for finding in found] == ([level] if level else [])
    assert [finding.code for finding in found] == (["EO310"] if level else [])
    assert pareto.eligible(one, Budget(max_latency_ns=40e6)) is (level != "error")


@pytest.mark.parametrize("p90", [30, 44])
def test_few_rounds_decide_nothing_about_a_latency_limit(p90: int) -> None:
    one = trial("one", 1, 10, measured=with_p90s(*(1_000_000 * p90,) * 4))
    (finding,) = pareto.over_budget(one, Budget(max_latency_ns=40e6))
    assert (finding.code, finding.level) == ("EO310", "warning")
    assert "too few rounds (4)" in finding.message


def test_nobody_can_tell_whether_an_untimed_trial_keeps_a_limit_of_time_or_memory() -> None:
    one = trial("one", 1, 10, measured=NotTimed(reason="no such CPU"))
    found = pareto.over_budget(one, Budget(max_latency_ns=40e6, max_memory_bytes=10))
    assert [(finding.code, finding.level) for finding in found] == [("EO310", "warning"), ("EO312", "warning")]
    assert pareto.over_budget(one, Budget(max_size_bytes=10)) == ()


@pytest.mark.parametrize("goal", ["latency", "size", "balanced"])
def test_what_keeps_a_limit_that_the_baseline_breaks_stands_before_it_though_it_is_slower(goal: pareto.Goal) -> None:
    small = trial("small", 400_000, 500_000)
    budget = Budget(max_size_bytes=600_000)
    assert pareto.order([BASELINE, small], "baseline", goal, budget) == ("small", "baseline")


def test_what_is_shown_to_keep_a_limit_stands_before_what_may_keep_it() -> None:
    kept = trial("kept", 1, 900_000, measured=with_p90s(*(39_000_000,) * 6))
    perhaps = trial("perhaps", 1, 10, measured=with_p90s(*(1_000_000 * ms for ms in (38, 39, 39, 40, 44, 45))))
    broken = replace(BASELINE, measured=with_p90s(*(50_000_000,) * 6))
    trials, budget = [broken, perhaps, kept], Budget(max_latency_ns=40e6)
    assert pareto.order(trials, "baseline", "size", budget) == ("kept", "perhaps", "baseline")
    assert set(pareto.front(trials, budget)) == {"kept", "perhaps"}


def test_what_only_may_keep_a_limit_never_replaces_a_baseline_that_does() -> None:
    perhaps = trial("perhaps", 1, 10, measured=with_p90s(*(1_000_000 * ms for ms in (38, 39, 39, 40, 44, 45))))
    steady = replace(BASELINE, measured=with_p90s(*(39_000_000,) * 6))
    assert pareto.order([steady, perhaps], "baseline", "size", Budget(max_latency_ns=40e6)) == ("baseline",)


def test_size_and_memory_over_the_budget_are_told_with_both_numbers() -> None:
    one = trial("one", 20_000, 3 * 2**20)
    assert isinstance(one.measured, Measured)
    budget = Budget(max_size_bytes=2 * 2**20, max_memory_bytes=one.measured.memory_bytes - 1)
    memory, size = pareto.over_budget(one, budget)
    assert (memory.code, size.code) == ("EO312", "EO311")
    assert size.message == "size 3.00 MiB is over the limit of 2.00 MiB"
    assert pareto.front([one], budget) == ()
    assert pareto.order([BASELINE, one], "baseline", "latency", budget) == ("baseline",)


def test_near_ties_are_those_whose_interval_reaches_the_leaders() -> None:
    trials = [
        BASELINE,
        trial("leader", 20_000, 10, spread=0.03),
        trial("close", 20_500, 10, spread=0.03),
        trial("far", 30_000, 10, spread=0.03),
    ]
    ordered = pareto.order(trials, "baseline", "latency")
    assert ordered == ("leader", "close", "far", "baseline")
    assert pareto.near_ties(trials, ordered, "latency") == ("close",)
    assert pareto.near_ties(trials, ordered, "size") == ()
    assert pareto.near_ties(trials, ("baseline",), "latency") == ()


def test_a_smaller_one_ties_with_a_faster_one_where_the_balance_says_so() -> None:
    fast, small = trial("fast", 20_000, 400_000, spread=0.05), trial("small", 25_000, 320_000, spread=0.05)
    trials = [BASELINE, fast, small]
    ordered = pareto.order(trials, "baseline", "balanced")
    assert pareto.near_ties(trials, ordered, "balanced") == (ordered[1],)
    assert pareto.near_ties(trials, ("fast", "small", "baseline"), "latency") == ()
