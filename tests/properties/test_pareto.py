from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

from hypothesis import assume, given
from hypothesis import strategies as st

from edge_opt.stages import pareto
from edge_opt.types import Budget, Measured, Status, Trial
from tests.samples import a_trial, a_verdict, an_interval

PLAIN = a_trial()
GOALS: tuple[pareto.Goal, ...] = ("latency", "size", "balanced")
STATUSES: tuple[Status, ...] = ("pass", "unclear", "fail")


def a_point(name: str, latency: int, size: int, right: int, status: Status, spread: float) -> Trial:
    assert isinstance(PLAIN.measured, Measured)
    ratio = 5 / latency
    return replace(
        PLAIN,
        id=name,
        measured=replace(
            PLAIN.measured,
            median_ns=float(latency),
            speed_up=an_interval((ratio * (1 - spread), ratio, ratio * (1 + spread)), 0.95),
        ),
        artifact=replace(PLAIN.artifact, size_bytes=size),
        accuracy=replace(PLAIN.accuracy, value=right / 10),
        verdict=a_verdict(status),
    )


@st.composite
def trials(draw: st.DrawFn) -> tuple[Trial, ...]:
    """A baseline and up to nine others on a coarse grid, so that equal values happen."""
    grid = st.tuples(
        st.integers(1, 9), st.integers(1, 9), st.integers(0, 10), st.sampled_from(STATUSES), st.floats(0, 0.3)
    )
    points = draw(st.lists(grid, max_size=9))
    baseline = a_point("baseline", 5, 5, 8, "pass", 0.0)
    return (baseline, *(a_point(f"trial{i}", *point) for i, point in enumerate(points)))


def costs(trial: Trial) -> tuple[float, int, float]:
    assert isinstance(trial.measured, Measured)
    return trial.measured.median_ns, trial.artifact.size_bytes, -trial.accuracy.value


def beats(one: Trial, other: Trial) -> bool:
    pairs = list(zip(costs(one), costs(other), strict=True))
    return all(a <= b for a, b in pairs) and any(a < b for a, b in pairs)


@given(trials())
def test_the_front_is_exactly_the_undominated_set(given_trials: tuple[Trial, ...]) -> None:
    able = [one for one in given_trials if one.verdict.status != "fail"]
    undominated = {one.id for one in able if not any(beats(other, one) for other in able)}
    assert set(pareto.front(given_trials)) == undominated
    assert undominated


@given(trials(), st.sampled_from(GOALS))
def test_the_order_ends_with_the_baseline_and_names_nothing_twice(
    given_trials: tuple[Trial, ...], goal: pareto.Goal
) -> None:
    ordered = pareto.order(given_trials, "baseline", goal)
    assert ordered[-1] == "baseline"
    assert len(set(ordered)) == len(ordered)
    failed = {one.id for one in given_trials if one.verdict.status == "fail"}
    assert not failed & set(ordered)


@given(trials(), st.sampled_from(GOALS))
def test_nothing_that_is_worse_in_every_way_comes_first(given_trials: tuple[Trial, ...], goal: pareto.Goal) -> None:
    by_id = {one.id: one for one in given_trials}
    ordered = pareto.order(given_trials, "baseline", goal)
    for before, after in pairwise(ordered[:-1]):
        assert not beats(by_id[after], by_id[before])


@given(trials(), st.sampled_from(GOALS))
def test_a_twin_of_the_baseline_never_beats_it(given_trials: tuple[Trial, ...], goal: pareto.Goal) -> None:
    twin = replace(given_trials[0], id="twin")
    assert pareto.order((given_trials[0], twin), "baseline", goal) == ("baseline",)


@given(trials(), st.sampled_from(GOALS), st.integers(1, 9), st.integers(1, 9))
def test_a_wider_budget_only_adds(given_trials: tuple[Trial, ...], goal: pareto.Goal, one: int, other: int) -> None:
    narrow, wide = (Budget(max_size_bytes=size) for size in sorted((one, other)))
    # where only the narrow one excludes the baseline, what is worse than it may stand before it there
    assume(pareto.eligible(given_trials[0], narrow) == pareto.eligible(given_trials[0], wide))
    ordered = [pareto.order(given_trials, "baseline", goal, budget) for budget in (narrow, wide)]
    assert set(ordered[0]) <= set(ordered[1])
    assert [name for name in ordered[1] if name in ordered[0]] == list(ordered[0])


@given(trials(), st.randoms())
def test_the_order_does_not_depend_on_the_order_of_the_trials(given_trials: tuple[Trial, ...], random: object) -> None:
    shuffled = list(given_trials)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    for goal in GOALS:
        assert pareto.order(shuffled, "baseline", goal) == pareto.order(given_trials, "baseline", goal)
    assert set(pareto.front(shuffled)) == set(pareto.front(given_trials))


@given(trials())
def test_near_ties_are_neither_the_leader_nor_the_baseline(given_trials: tuple[Trial, ...]) -> None:
    ordered = pareto.order(given_trials, "baseline", "latency")
    assert set(pareto.near_ties(given_trials, ordered, "latency")) <= set(ordered[1:-1])
