"""What the board was doing while it was timed: findings on its supply, its heat, and the speed that it keeps."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from edge_opt import stats, units
from edge_opt.types import Budget, DeviceState, Finding, Level, Measured, Sustained, Trial

HOT_C = 80.0  # from here on a Raspberry Pi lowers its clock; others soon follow
FALL_BOUND = 0.10  # of the clock of the fastest core
SHARE_BOUND = 0.10  # of the rounds: fewer move no median
WARMER_C = 8.0  # between the beginnings of two runs
SLOWER_BOUND = 0.05  # of the steady state against the first minute
_UNDER_VOLTAGE = 1
_BITS = {
    _UNDER_VOLTAGE: "under-voltage",
    2: "capped clock",
    4: "throttling",
    8: "soft temperature limit",
}
_NOW, _SINCE_BOOT = 0xF, 16  # the same four bits again, from the sixteenth on
_SUPPLY = "give it the power supply that its maker names, on a short cable and without a hub, and measure again"
_COOL = (
    "cool it, with a heat sink or a fan, and measure again; if it is to run like this, "
    "'edge-opt bench --sustained 5m' tells the speed that it keeps"
)
_GOVERNOR = "its governor may have changed it: 'performance' keeps it up; a weak power supply lowers it too"
_NOT_HEAT = "its clock did not fall and it is not hot: look for other work on the device, and measure again"
_COOL_ALONE = "cool it, with a heat sink or a fan, or count with the steady state"
Looks = Mapping[str, Sequence[Sequence[DeviceState]]]  # by name, of each round


def check(trials: Sequence[Trial]) -> tuple[Finding, ...]:
    """What held the board back, or may have, while ``trials`` were timed; empty where nothing did, or none is told."""
    return check_measured({trial.id: trial.measured for trial in trials if isinstance(trial.measured, Measured)})


def check_measured(measured: Mapping[str, Measured]) -> tuple[Finding, ...]:
    """The same for measurements by name."""
    looks = {name: [one.states for one in found.rounds] for name, found in measured.items()}
    return (*_throttling(looks, _COOL, "rounds"), *_heat(looks, _COOL, "rounds"))


def check_sustained(runs: Mapping[str, Sustained], budget: Budget) -> tuple[Finding, ...]:
    """The same for sustained runs, and whether each stays as fast as it began, and as the limit wants it."""
    looks = {name: [_looks(found)] for name, found in runs.items()}
    return (
        *_throttling(looks, _COOL_ALONE, "runs"),
        *_heat(looks, _COOL_ALONE, "runs"),
        *_warm_start(runs),
        *(said for name, found in runs.items() for said in _slower(name, found)),
        *(said for name, found in runs.items() for said in _unsettled(name, found)),
        *(said for name, found in runs.items() for said in _limit(name, found, budget.max_latency_ns)),
    )


def check_now(state: DeviceState) -> tuple[Finding, ...]:
    """What would spoil a measurement on a board that is like this just now, or may have spoilt earlier ones."""
    bits = state.throttled or 0
    now, before = bits & _NOW, bits >> _SINCE_BOOT & _NOW
    named = _named(now or before)
    throttled = Finding(
        code="EO320",
        level="info" if not now else "error" if now & _UNDER_VOLTAGE else "warning",
        message=f"the firmware holds the board back: {named}"
        if now
        else f"the firmware has held the board back since it was started: {named}",
        hint=_SUPPLY if (now or before) & _UNDER_VOLTAGE else _COOL,
    )
    hot = Finding(
        code="EO321",
        level="warning",
        message=f"the processor is at {units.format_celsius(state.temperature_c or 0)}: it is about to lower its clock",
        hint=_COOL,
    )
    return (*((throttled,) if bits else ()), *((hot,) if (state.temperature_c or 0) >= HOT_C else ()))


def _looks(found: Sustained) -> tuple[DeviceState, ...]:
    return (*found.states[:1], *(one.state for one in found.windows if one.state), *found.states[1:])


def _throttling(looks: Looks, cool: str, what: str) -> Iterator[Finding]:
    caught, before, times, total = 0, 0, 0, 0
    for states in (states for rounds in looks.values() for states in rounds):
        told = [state.throttled for state in states if state.throttled is not None]
        if not told:
            continue
        # a bit that was set since boot between two looks was set while it was timed, though no look saw it
        seen = (told[-1] & ~told[0]) >> _SINCE_BOOT & _NOW
        for bits in told:
            seen |= bits & _NOW
        caught, times, total = caught | seen, times + bool(seen), total + 1
        before |= told[0] >> _SINCE_BOOT & _NOW
    if caught:
        level: Level = "error" if caught & _UNDER_VOLTAGE else "warning"
        yield Finding(
            code="EO320",
            level=level,
            message="the firmware held the board back while it was timed"
            f"{_share(times, total, what)}: {_named(caught)}",
            hint=_SUPPLY if caught & _UNDER_VOLTAGE else cool,
        )
    elif before:
        yield Finding(
            code="EO320",
            level="info",
            message=f"the firmware has held the board back since it was started: {_named(before)}; "
            "but not while it was timed",
            hint=_SUPPLY if before & _UNDER_VOLTAGE else "",
        )


def _heat(looks: Looks, cool: str, what: str) -> Iterator[Finding]:
    timed = [(name, clocks) for name, rounds in looks.items() for states in rounds if (clocks := _clocks(states))]
    usual = stats.quantile([clocks[-1] for _, clocks in timed], 0.9) if timed else 0.0
    falls = [(*_fall(clocks, usual), name) for name, clocks in timed]
    fallen = [fall for fall in falls if fall[1] < fall[0] * (1 - FALL_BOUND)]
    hottest = max(
        (one.temperature_c for rounds in looks.values() for states in rounds for one in states if one.temperature_c),
        default=0.0,
    )
    reached = units.format_celsius(hottest)
    if fallen and len(fallen) >= SHARE_BOUND * len(falls):
        high, low, name = min(fallen, key=lambda fall: fall[1] / fall[0])
        heat = f", at up to {reached}" if hottest else ""
        yield Finding(
            code="EO321",
            level="warning",
            message=f"the clock fell while '{name}' was timed, from {units.format_hz(high)} to {units.format_hz(low)}"
            f"{_share(len(fallen), len(falls), what)}{heat}",
            hint=cool if hottest >= HOT_C else _GOVERNOR,
        )
    elif hottest >= HOT_C:
        yield Finding(
            code="EO321",
            level="info",
            message=f"the processor reached {reached} while it was timed: it is about to lower its clock",
            hint=cool,
        )


def _clocks(states: Sequence[DeviceState]) -> list[float]:
    """Of each look, the clock of the fastest core: the one that works; those of idle cores mean nothing."""
    return [float(max(state.frequencies_hz)) for state in states if state.frequencies_hz]


def _fall(clocks: Sequence[float], usual: float) -> tuple[float, float]:
    """A clock and a lower one that came after, the two that are farthest apart.

    It is also a fall where the last clock, which is one under load, is not what it is in the other rounds: a board
    that has become hot stays slow from one round to the next.
    """
    worst, high = (usual, clocks[-1]), 0.0
    for clock in clocks:
        high = max(high, clock)
        if clock / high < worst[1] / worst[0]:
            worst = (high, clock)
    return worst


def _warm_start(runs: Mapping[str, Sustained]) -> Iterator[Finding]:
    began_c = {name: found.began_c for name, found in runs.items() if found.began_c is not None}
    if not began_c:
        return
    coolest, warmest = min(began_c, key=lambda name: began_c[name]), max(began_c, key=lambda name: began_c[name])
    if began_c[warmest] - began_c[coolest] > WARMER_C:
        yield Finding(
            code="EO325",
            level="warning",
            message=f"'{warmest}' began at {units.format_celsius(began_c[warmest])} and '{coolest}' at "
            f"{units.format_celsius(began_c[coolest])}: what became slower had different beginnings",
            hint="compare the steady states only, or run them one at a time on a board that has cooled",
        )


def _slower(name: str, found: Sustained) -> Iterator[Finding]:
    slower = found.slowdown.estimate - 1
    if slower < SLOWER_BOUND or found.slowdown.low <= 1:
        return
    yield Finding(
        code="EO322",
        level="warning",
        message=f"'{name}' gets slower as it runs: the steady state is {units.format_percent(slower, digits=0)} slower "
        f"than the beginning ({units.format_duration(found.steady.median_ns)} against "
        f"{units.format_duration(found.first.median_ns)})",
        hint=_COOL_ALONE if _held_back(found) else _NOT_HEAT,
    )


def _held_back(found: Sustained) -> bool:
    """Whether heat may be the cause: where nothing is told, it is the usual one."""
    before, after = found.first, found.steady
    fallen = (after.frequency_hz or 0) < (before.frequency_hz or 0) * (1 - FALL_BOUND)
    untold = before.frequency_hz is None and before.temperature_c is None
    return untold or fallen or (after.temperature_c or 0) >= HOT_C


def _unsettled(name: str, found: Sustained) -> Iterator[Finding]:
    if found.settled:
        return
    change = found.trend.estimate - 1
    yield Finding(
        code="EO324",
        level="warning",
        message=f"'{name}' has not settled: its last fifth was {units.format_percent(abs(change), digits=1)} "
        f"{'slower' if change > 0 else 'faster'} than the one before",
        hint="run it longer: --sustained 15m",
    )


def _limit(name: str, found: Sustained, limit_ns: float | None) -> Iterator[Finding]:
    if limit_ns is None:
        return
    p90, limit = units.format_duration(found.p90_ns.estimate), units.format_duration(limit_ns)
    between = " … ".join(units.format_duration(bound) for bound in (found.p90_ns.low, found.p90_ns.high))
    if found.p90_ns.low > limit_ns and (found.settled or found.trend.estimate > 1):
        yield Finding(
            code="EO323",
            level="error",
            message=f"'{name}' does not keep the limit of {limit} in the steady state: its p90 is {p90} ({between})",
            hint="take a faster artifact, cool the board, or widen the limit",
        )
    elif found.settled and found.p90_ns.high <= limit_ns:
        yield Finding(
            code="EO323",
            level="info",
            message=f"'{name}' keeps the limit of {limit} in the steady state: its p90 is {p90} ({between})",
        )
    else:
        why = "" if found.settled else ", and it has not settled"
        yield Finding(
            code="EO323",
            level="warning",
            message=f"whether '{name}' keeps the limit of {limit} in the steady state cannot be told: its p90 is {p90} "
            f"({between}){why}",
            hint="run it longer: --sustained 15m",
        )


def _named(bits: int) -> str:
    return ", ".join(word for bit, word in _BITS.items() if bits & bit)


def _share(times: int, total: int, what: str) -> str:
    return f", in {times} of {total} {what}" if total > 1 else ""
