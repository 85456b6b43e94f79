"""The rate of a training follows a cosine to its end, whatever time there is, and the steps fit into the time."""

from __future__ import annotations

import math

import pytest

from edge_opt.nets.train.schedule import Pace, Way


def rates(way: Way) -> list[float]:
    found = []
    while way.left:
        found.append(way.rate())
        way.advance()
    return found


def test_the_rate_rises_for_a_twentieth_of_the_steps_and_falls_along_a_cosine() -> None:
    found = rates(Way.of(200))
    expected = [min(1, (k + 1) / 10) * 0.5 * (1 + math.cos(math.pi * k / 200)) for k in range(200)]
    assert found == pytest.approx(expected, abs=1e-9)
    assert found[-1] < 1e-3


def test_a_way_that_is_shortened_still_ends_at_a_rate_of_nothing() -> None:
    way = Way.of(1000)
    for _ in range(400):
        way.advance()
    before = way.rate()
    way.shorten(50)
    after = rates(way)
    assert len(after) == 50
    assert after[0] == pytest.approx(before)
    assert after == sorted(after, reverse=True)
    assert after[-1] < 0.002
    assert way.done == 450


def test_a_way_is_never_made_longer() -> None:
    way = Way.of(10)
    way.shorten(20)
    assert way.left == 10
    way.shorten(-3)
    assert way.left == 0


def test_the_first_epoch_costs_what_the_teacher_takes_besides() -> None:
    pace = Pace(step=1.0, teaching=2.0, looking=10.0)
    assert pace.cost(0, 5, 5) == 5 + 10 + 10
    assert pace.cost(0, 10, 5) == 10 + 10 + 20
    assert pace.cost(5, 5, 5) == 5 + 10
    assert pace.cost(3, 4, 5) == 4 + 2 * 2 + 20  # two more of the first epoch, two of the second, a look after each


@pytest.mark.parametrize(
    ("seconds", "steps"),
    [(1000.0, 20), (25.0 + 15.0 + 14.0, 10), (25.0, 5), (24.9, 4), (10.0 + 3 * 2, 2), (0.0, 0)],
)
def test_whole_epochs_are_chosen_that_fit_or_a_part_of_the_first(seconds: float, steps: int) -> None:
    assert Pace(step=1.0, teaching=2.0, looking=10.0).fitting(seconds, 0, 20, 5) == steps


def test_inside_an_epoch_the_rest_of_it_is_taken_where_that_fits() -> None:
    pace = Pace(step=1.0, teaching=0.0, looking=0.0)
    assert pace.fitting(100.0, 7, 13, 5) == 13
    assert pace.fitting(9.5, 7, 13, 5) == 8
    assert pace.fitting(2.5, 7, 13, 5) == 2
