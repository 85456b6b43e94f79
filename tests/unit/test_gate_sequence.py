"""When the gate stops looking, what it says of an interval, and how often it errs where the truth is known."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import pytest

from edge_opt.stages.gate.sequence import LOOKS, MOST, fitting, judge, outcome, replayed, until_clear
from edge_opt.types import Interval

LIMIT = 0.02
# The boundary spends 2.5 % on either side where the variance is known. Student's t in its place is approximate where
# one looks again: 200 000 sequences erred in 2.76 %. A simulation of fewer may be off by four standard deviations.
ROWS, SIDE = 20_000, 0.028
OFF_BY = 4 * math.sqrt(SIDE * (1 - SIDE) / ROWS)


def drawn(**ratios: tuple[float, float]) -> Callable[[int], dict[str, float]]:
    """Processes whose logarithms are near the first number of each measure, and spread by the second."""
    rng = np.random.default_rng(1)
    return lambda _: {name: float(rng.normal(middle, spread)) for name, (middle, spread) in ratios.items()}


def after(processes: int) -> Callable[[], float]:
    """A clock that has passed every budget once it was read so often; it is read at the start, too."""
    reads = iter([0.0] * (processes + 1))
    return lambda: next(reads, 1e9)


@pytest.mark.parametrize(("middle", "said"), [(0.0, "ok"), (0.1, "regressed"), (-0.1, "improved")])
def test_what_is_clear_is_clear_at_the_first_look(middle: float, said: str) -> None:
    logs = until_clear(drawn(latency=(middle, 1e-4)), {"latency": LIMIT}, budget_s=60.0)["latency"]
    assert len(logs) == LOOKS[0] == judge(logs, LIMIT).processes
    assert judge(logs, LIMIT).outcome == said


def test_a_budget_that_is_over_does_not_come_before_the_first_look() -> None:
    logs = until_clear(drawn(latency=(0.02, 0.3)), {"latency": LIMIT}, budget_s=0.0, clock=after(0))["latency"]
    assert len(logs) == LOOKS[0]
    assert judge(logs, LIMIT).outcome == "unclear"


def test_a_budget_that_ends_between_two_looks_leaves_what_is_there_to_be_judged() -> None:
    logs = until_clear(drawn(latency=(0.02, 0.3)), {"latency": LIMIT}, budget_s=1.0, clock=after(1))["latency"]
    assert len(logs) == 5  # the clock is first asked after the first look, and says so before the sixth
    assert (judge(logs, LIMIT).outcome, judge(logs, LIMIT).processes) == ("unclear", 5)


def test_never_more_than_the_last_look_are_drawn() -> None:
    told: list[int] = []
    logs = until_clear(drawn(latency=(0.02, 0.3)), {"latency": LIMIT}, budget_s=1e6, tell=told.append)["latency"]
    assert len(logs) == MOST == 24
    assert told == list(range(MOST))


def test_it_goes_on_until_every_measure_is_clear_and_a_clear_one_takes_no_more() -> None:
    limits = {"latency": LIMIT, "p90": LIMIT}
    logs = until_clear(drawn(latency=(0.0, 1e-4), p90=(0.0, 0.02)), limits, budget_s=1e6)
    assert len(logs["latency"]) == LOOKS[0] < len(logs["p90"])
    assert len(logs["p90"]) in LOOKS
    assert judge(logs["p90"], LIMIT).outcome != "unclear"


def test_nothing_is_drawn_where_nothing_is_asked() -> None:
    assert until_clear(drawn(), {}, budget_s=60.0) == {}


UNDER = 1 / (1 + LIMIT) - 1  # as much faster as the limit is slower


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [
        (0.0201, 0.03, "regressed"),
        (0.02, 0.03, "unclear"),  # beyond the limit is beyond it, not at it
        (-0.5, 0.0201, "unclear"),
        (-0.5, 0.02, "ok"),
        (0.01, 0.02, "ok"),
        (-0.5, UNDER, "ok"),
        (-0.5, UNDER - 1e-9, "improved"),
        (-0.5, -0.4, "improved"),
    ],
)
def test_an_interval_says_what_the_zone_it_lies_in_says(low: float, high: float, said: str) -> None:
    assert outcome(Interval(low=low, estimate=(low + high) / 2, high=high), LIMIT) == said


def test_without_room_equal_is_ok_and_anything_else_is_not() -> None:
    exactly = [outcome(Interval(low=one, estimate=one, high=one, confidence=1.0), 0.0) for one in (-1e-6, 0.0, 1e-6)]
    assert exactly == ["improved", "ok", "regressed"]


def test_the_interval_is_of_the_ratio_and_not_of_its_logarithm() -> None:
    found = judge([math.log(1.05)] * 4, LIMIT)
    assert found.change.estimate == pytest.approx(0.05)
    assert found.change.low == pytest.approx(0.05) == found.change.high
    assert found.change.confidence == 0.95


def test_ratios_beyond_any_real_one_are_no_overflow() -> None:
    found = judge([-700.0, 700.0, -700.0, 700.0], LIMIT)
    assert found.outcome == "unclear"
    assert math.isfinite(found.change.high)


def test_one_process_is_no_sequence() -> None:
    with pytest.raises(ValueError, match="two"):
        judge([0.0], LIMIT)


@pytest.mark.parametrize("middle", [-0.03, -0.01, 0.0, math.log1p(LIMIT), 0.03])
def test_replayed_decisions_are_those_of_the_gate(middle: float) -> None:
    rows = np.random.default_rng(2).normal(middle, 0.015, size=(60, MOST))
    said = []
    for row in rows:
        logs = until_clear(lambda index, row=row: {"latency": row[index]}, {"latency": LIMIT}, budget_s=1e6)
        said.append(judge(logs["latency"], LIMIT).outcome)
    assert replayed(rows, LIMIT).tolist() == said


def within(row: Sequence[float], process_s: float, budget_s: float) -> tuple[float, ...]:
    """What a gate takes of ``row`` where each process takes so long."""
    done = 0

    def draw(index: int) -> dict[str, float]:
        nonlocal done
        done += 1
        return {"latency": row[index]}

    def clock() -> float:
        return done * process_s

    return until_clear(draw, {"latency": LIMIT}, budget_s=budget_s, clock=clock)["latency"]


@pytest.mark.parametrize("most", [4, 5, 9, 12, 19, 24])
def test_replayed_decisions_are_those_of_a_gate_whose_budget_ends(most: int) -> None:
    rows = np.random.default_rng(most).normal(0.01, 0.01, size=(200, MOST))
    said = [judge(within(row, 1.0, most - 1.0), LIMIT).outcome for row in rows]
    assert replayed(rows[:, :most], LIMIT).tolist() == said
    assert len(set(said)) > 1


@pytest.mark.parametrize(
    ("process_s", "budget_s", "most"),
    [
        (7.0, 60.0, 9),
        (0.6, 60.0, 24),
        (0.0, 60.0, 24),
        (15.0, 60.0, 5),
        (15.1, 60.0, 4),
        (3.0, 60.0, 21),
        (99.0, 1.0, 4),
    ],
)
def test_as_many_processes_fit_as_a_gate_takes(process_s: float, budget_s: float, most: int) -> None:
    undecided = np.tile([0.3, -0.3], MOST // 2)
    assert fitting(process_s, budget_s) == len(within(undecided.tolist(), process_s, budget_s)) == most


@pytest.mark.parametrize("spread", [0.005, 0.02, 0.1])
def test_a_change_of_exactly_the_limit_errs_on_either_side_about_as_often_as_promised(spread: float) -> None:
    rows = np.random.default_rng(round(1000 * spread)).normal(math.log1p(LIMIT), spread, size=(ROWS, MOST))
    found = replayed(rows, LIMIT)
    for side in (("regressed",), ("ok", "improved")):
        assert np.isin(found, side).mean() < SIDE + OFF_BY


def test_equals_are_hardly_ever_called_different() -> None:
    rows = np.random.default_rng(4).normal(0.0, 0.01, size=(ROWS, MOST))
    found = replayed(rows, LIMIT)
    assert np.isin(found, ("regressed", "improved")).mean() < 0.001
    assert (found == "ok").mean() > 0.95


def test_a_clear_slow_down_is_nearly_always_caught() -> None:
    rows = np.random.default_rng(5).normal(math.log1p(0.05), 0.005, size=(ROWS, MOST))
    assert (replayed(rows, LIMIT) == "regressed").mean() > 0.999


def test_processes_that_were_disturbed_make_it_less_sure_and_not_wrong() -> None:
    # one in five ran beside something else, ten times as spread: Student's t errs less where tails are heavy
    rng = np.random.default_rng(6)
    spread = np.where(rng.random((ROWS, MOST)) < 0.2, 0.1, 0.01)
    found = replayed(rng.normal(math.log1p(LIMIT), spread), LIMIT)
    for side in (("regressed",), ("ok", "improved")):
        assert np.isin(found, side).mean() < SIDE + OFF_BY
    quiet = replayed(rng.normal(math.log1p(LIMIT), 0.01, (ROWS, MOST)), LIMIT)
    assert (found == "unclear").mean() > (quiet == "unclear").mean()
