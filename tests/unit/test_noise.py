from __future__ import annotations

from dataclasses import replace

import pytest

from edge_opt.stages import noise
from edge_opt.types import NotTimed, Trial
from tests.samples import a_measured, a_trial, an_environment, some_rounds


def timed(name: str, *medians_ns: int, **environment: object) -> Trial:
    """A trial called ``name`` with rounds of these medians."""
    template = some_rounds(1, rounds=1)[0]
    rounds = tuple(replace(template, samples_ns=(ns,) * 8) for ns in medians_ns)
    return replace(a_trial(measured=a_measured(rounds=rounds, environment=an_environment(**environment))), id=name)


STEADY = (100, 101, 99, 100, 102, 100, 98, 100)


def codes(*trials: Trial) -> list[str]:
    return [finding.code for finding in noise.check(trials, "baseline")]


def test_a_steady_run_on_a_quiet_machine_has_no_finding() -> None:
    assert codes(timed("baseline", *STEADY), timed("one", *STEADY)) == []


def test_rounds_that_differ_are_told_with_the_worst_candidate() -> None:
    wild, wilder = timed("wild", *(100, 140, 90, 130, 80, 150)), timed("wilder", *(100, 170, 60, 150, 70, 180))
    (finding,) = noise.check([timed("baseline", *STEADY), timed("calm", *STEADY), wild, wilder], "baseline")
    assert (finding.code, finding.level) == ("EO300", "warning")
    assert "2 of 3 candidates" in finding.message
    assert "'wilder'" in finding.message
    assert "60 ns … 180 ns" in finding.message


def test_an_unsteady_baseline_is_told_because_everything_rests_on_it() -> None:
    assert codes(timed("baseline", *(100, 140, 90, 130, 80, 150)), timed("one", *STEADY)) == ["EO304"]


@pytest.mark.parametrize(("load", "found"), [(1.9, []), (2.4, ["EO301"])])
def test_more_work_than_cores_is_told(load: float, found: list[str]) -> None:
    assert codes(timed("baseline", *STEADY, load_average=load, cores=2)) == found


@pytest.mark.parametrize(("governor", "found"), [("performance", []), ("unknown", []), ("powersave", ["EO302"])])
def test_a_clock_that_saves_power_is_told(governor: str, found: list[str]) -> None:
    assert codes(timed("baseline", *STEADY, governor=governor)) == found


def test_on_a_board_powersave_is_told_as_the_lowest_clock_that_it_is() -> None:
    on_arm = timed("baseline", *STEADY, governor="powersave", machine="aarch64")
    on_intel = timed("baseline", *STEADY, governor="powersave", machine="x86_64")
    assert "stays at its lowest" in noise.check([on_arm], "baseline")[0].message
    assert "follows the load" in noise.check([on_intel], "baseline")[0].message


@pytest.mark.parametrize("governor", ["ondemand", "schedutil"])
def test_the_governors_that_boards_come_with_are_not_told(governor: str) -> None:
    assert codes(timed("baseline", *STEADY, governor=governor, machine="aarch64")) == []


def test_a_first_round_that_was_slow_for_most_is_told_once() -> None:
    slow_start = (130, *STEADY)
    (finding,) = noise.check([timed(name, *slow_start) for name in ("baseline", "one", "two")], "baseline")
    assert finding.code == "EO303"
    assert "30% slower" in finding.message
    assert codes(timed("baseline", *STEADY), timed("one", *slow_start), timed("two", *STEADY)) == []


def test_few_rounds_are_told_with_the_confidence_they_have() -> None:
    (finding,) = noise.check([timed("baseline", 100, 100, 100)], "baseline")
    assert (finding.code, finding.level) == ("EO305", "info")
    assert "with 3 rounds" in finding.message
    assert "covers the median with a probability of only 75%" in finding.message


def test_what_was_not_timed_is_not_noisy() -> None:
    assert noise.check([a_trial(measured=NotTimed(reason="no such CPU"))], "baseline") == ()
