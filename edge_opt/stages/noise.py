"""Why the latencies of a run may be unsteady: findings with what was measured and what to do about it.

Noise is reported, never smoothed away: rounds are interleaved, so that most of it cancels out of the speed-ups, but not
out of the absolute times.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from edge_opt import stats, units
from edge_opt.types import Environment, Finding, Measured, Trial

SPREAD_BOUND = 0.10  # half the interquartile range of the round medians, as a share of their median
DRIFT_BOUND = 0.10  # of the first round against the others
FEWEST_ROUNDS = 6  # from here on the range of the rounds holds the median with 95 %
_SLOW_GOVERNORS = ("powersave", "conservative")
_ARM = ("aarch64", "arm")
_FASTER = "echo performance | sudo tee /sys/devices/system/cpu/cpu*/cpufreq/scaling_governor"


def check(trials: Sequence[Trial], baseline_id: str) -> tuple[Finding, ...]:
    """What made, or may have made, the measurements of ``trials`` unsteady; empty where nothing did."""
    measured = {trial.id: trial.measured for trial in trials if isinstance(trial.measured, Measured)}
    return check_measured(measured, baseline_id)


def check_measured(measured: Mapping[str, Measured], baseline_id: str) -> tuple[Finding, ...]:
    """The same for measurements by name."""
    if not measured:
        return ()
    spreads = {name: _spread(one) for name, one in measured.items()}
    baseline = spreads.pop(baseline_id, 0.0)
    return (
        *_spread_findings(spreads, measured),
        *check_machines([one.environment for one in measured.values()]),
        *_drift_findings(measured),
        *_baseline_findings(baseline_id, baseline),
        *_round_findings(measured),
    )


def check_machines(environments: Sequence[Environment]) -> tuple[Finding, ...]:
    """What was wrong with the machine before the work began: other work, and a clock that saves power."""
    found = []
    busiest = max(environments, key=lambda one: one.load_average / max(one.cores, 1))
    if busiest.load_average > busiest.cores:
        found.append(
            Finding(
                code="EO301",
                level="warning",
                message=f"the load average was {units.format_spread(busiest.load_average)} on {busiest.cores} cores: "
                "what was timed had to wait for other work",
                hint="wait until the machine is idle, and measure again",
            )
        )
    governors = {one.governor: one for one in environments if one.governor in _SLOW_GOVERNORS}
    for governor, environment in sorted(governors.items()):
        # on a board it is what its name says; of Intel's driver it is the normal one
        pinned = governor == "powersave" and environment.machine.startswith(_ARM)
        clock = "stays at its lowest" if pinned else "follows the load, and short runs look slow"
        found.append(
            Finding(
                code="EO302",
                level="warning",
                message=f"the CPU frequency governor is '{governor}': the clock {clock}",
                hint=f"for the time of the measurement: {_FASTER}",
            )
        )
    return tuple(found)


def _medians(measured: Measured) -> list[float]:
    return [stats.median(one.samples_ns) for one in measured.rounds]


def _spread(measured: Measured) -> float:
    medians = _medians(measured)
    return stats.half_iqr(medians) / stats.median(medians)


def _spread_findings(spreads: Mapping[str, float], measured: Mapping[str, Measured]) -> Iterator[Finding]:
    wide = sorted((name for name, spread in spreads.items() if spread > SPREAD_BOUND), key=lambda name: -spreads[name])
    if not wide:
        return
    medians = _medians(measured[wide[0]])
    reach = f"{units.format_duration(min(medians))} … {units.format_duration(max(medians))}"
    yield Finding(
        code="EO300",
        level="warning",
        message=f"the rounds of {len(wide)} of {len(spreads)} candidates differ by more than "
        f"±{_percent(SPREAD_BOUND)}: '{wide[0]}' by ±{_percent(spreads[wide[0]])} ({reach})",
        hint="close what else is running, or raise --rounds; the speed-ups, taken round by round, suffer less",
    )


def _drift_findings(measured: Mapping[str, Measured]) -> Iterator[Finding]:
    """A first round that was slower or faster for most of the trials: the machine changed, not one artifact."""
    shifts = [_first_shift(medians) for one in measured.values() if len(medians := _medians(one)) > 2]
    if not shifts or abs(shift := stats.median(shifts)) <= DRIFT_BOUND:
        return
    yield Finding(
        code="EO303",
        level="warning",
        message=f"the first round ran {_percent(abs(shift))} {'slower' if shift > 0 else 'faster'} than the others, "
        f"in the median over {len(shifts)} trials",
        hint="the machine was still busy, cold, or not yet throttled: let it settle, and measure again",
    )


def _first_shift(medians: Sequence[float]) -> float:
    """How much slower the first round was than the median of the others; 0 where it lies within their range."""
    first, others = medians[0], medians[1:]
    return 0.0 if min(others) <= first <= max(others) else first / stats.median(others) - 1


def _baseline_findings(name: str, spread: float) -> Iterator[Finding]:
    if spread > SPREAD_BOUND:
        yield Finding(
            code="EO304",
            level="warning",
            message=f"the rounds of the baseline '{name}' differ by ±{_percent(spread)}: every speed-up rests on them",
            hint="close what else is running, and measure again",
        )


def _round_findings(measured: Mapping[str, Measured]) -> Iterator[Finding]:
    fewest = min(len(one.rounds) for one in measured.values())
    if fewest < FEWEST_ROUNDS:
        sure = units.format_confidence(1 - 2.0 ** (1 - fewest))
        yield Finding(
            code="EO305",
            level="info",
            message=f"with {fewest} rounds the interval covers the median with a probability of only {sure}",
            hint=f"measure with --rounds {FEWEST_ROUNDS} or more for 95%",
        )


def _percent(fraction: float) -> str:
    return units.format_percent(fraction, digits=0)
