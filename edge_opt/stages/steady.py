"""One artifact without a pause on the device → how fast it is at first, how fast it stays, and whether it settles."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge_opt import registry, stats
from edge_opt.errors import StepFailed
from edge_opt.store import parse_answer
from edge_opt.types import DeviceState, Entry, Environment, Interval, Stretch, Sustained, Window

LEAST_S = 15.0
FIRST_S = 60.0
TREND_BOUND = 0.02  # of the last fifth against the one before it
REST_S = 600.0
_WARMER_C = 3.0
_WINDOW_S = 1.0
_FEWEST = 15  # windows, of which the steady state has six: from there on their range holds the median with 95 %
_RESAMPLES = 2000
_AT_ONCE = 20_000
_HALVINGS = 30  # to the ninth digit
_Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What the worker answers."""

    runtime_version: str
    executed: Mapping[str, str]
    environment: Environment
    windows: tuple[Window, ...]
    states: tuple[DeviceState, ...] = ()


def sustain(
    entry: Entry, device: registry.Device, *, seconds: float, threads: int, seed: int, cool_c: float | None = None
) -> Sustained:
    """What ``entry`` does in so many seconds without a pause. Raises StepFailed where it is too slow to tell.

    Where it is known how warm the device was when it was ``cool_c``, it first rests until it is about that again.
    """
    rest = {} if cool_c is None else {"rest_below_c": cool_c + _WARMER_C, "rest_seconds": REST_S}
    answer = device.run(
        {
            "protocol": 1,
            "mode": "sustain",
            "artifacts": [entry.job()],
            "threads": threads,
            "seconds": seconds,
            "window_seconds": _WINDOW_S,
            "seed": seed,
            **rest,
        }
    )
    found: Answer = parse_answer(Answer, answer)
    if len(found.windows) < _FEWEST:
        raise StepFailed(
            f"its inferences are so long that {seconds:g} s hold {len(found.windows)} windows; it takes {_FEWEST}",
            "give --sustained more time",
        )
    return judged(entry, found, seconds=seconds, threads=threads, seed=seed)


def judged(entry: Entry, found: Answer, *, seconds: float, threads: int, seed: int) -> Sustained:
    """The windows with what follows from them.

    The beginning is the first minute, of less than five the first fifth. The steady state is the last two fifths, and
    has settled where the last fifth differs from the one before by no more than chance, or by hardly anything.
    """
    windows, count = found.windows, len(found.windows)
    begun = count // 5
    if seconds >= 5 * FIRST_S:
        begun = sum(one.start_s - windows[0].start_s < FIRST_S for one in windows)
    first, steady = windows[:begun], windows[count * 3 // 5 :]
    before, last = windows[count * 3 // 5 : count * 4 // 5], windows[count * 4 // 5 :]
    rng = np.random.default_rng(seed)
    trend = _ratio(last, before, rng)
    return Sustained(
        runtime=entry.runtime,
        runtime_version=found.runtime_version,
        threads=threads,
        options=entry.options,
        executed=found.executed,
        environment=found.environment,
        windows=windows,
        states=found.states,
        first=_stretch(windows, 0, begun),
        steady=_stretch(windows, count * 3 // 5, count),
        slowdown=_ratio(steady, first, rng),
        trend=trend,
        p90_ns=_interval(_resampled(_rows(steady), rng, _p90), float(_p90(_rows(steady))), len(steady)),
        settled=trend.low <= 1 <= trend.high or abs(trend.estimate - 1) <= TREND_BOUND,
    )


def _stretch(windows: Sequence[Window], begin: int, end: int) -> Stretch:
    part = windows[begin:end]
    starts = [one.start_s for one in windows]
    starts.append(2 * starts[-1] - starts[-2])  # the last one is as long as the one before it
    states = [one.state for one in part if one.state]
    clocks = [max(one.frequencies_hz) for one in states if one.frequencies_hz]
    degrees = [one.temperature_c for one in states if one.temperature_c is not None]
    return Stretch(
        start_s=starts[begin],
        end_s=starts[end],
        windows=len(part),
        median_ns=float(_median(_rows(part))),
        p90_ns=float(_p90(_rows(part))),
        frequency_hz=stats.median(clocks) if clocks else None,
        temperature_c=stats.median(degrees) if degrees else None,
    )


def _rows(windows: Sequence[Window]) -> _Floats:
    """``(3, windows)``: the medians, the p90s and the numbers of inferences."""
    return np.asarray([(one.median_ns, one.p90_ns, one.runs) for one in windows], np.float64).T


def _median(rows: _Floats) -> _Floats:
    """The medians of the medians of windows, which stand along the last axis."""
    return np.asarray(np.median(rows[0], axis=-1))


def _p90(rows: _Floats) -> _Floats:
    """The latencies below which nine tenths of all inferences of the windows lie, by bisection.

    Of each window two quantiles are known, and the line through them stands for its distribution. The median of the
    p90s would hide a clock that goes up and down: half of the windows may be far slower.
    """
    medians, p90s, runs = rows
    spread = np.maximum(p90s - medians, 1e-9 * medians)
    low, high = medians.min(axis=-1), (p90s + spread).max(axis=-1)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        below = np.clip(0.5 + 0.4 * (middle[..., None] - medians) / spread, 0, 1)
        under = (below * runs).sum(axis=-1) < 0.9 * runs.sum(axis=-1)
        low, high = np.where(under, middle, low), np.where(under, high, middle)
    return np.asarray(high)


def _ratio(over: Sequence[Window], under: Sequence[Window], rng: np.random.Generator) -> Interval:
    """The ratio of the medians of two stretches, with its interval."""
    top, bottom = _rows(over), _rows(under)
    drawn = _resampled(top, rng, _median) / _resampled(bottom, rng, _median)
    return _interval(drawn, float(_median(top) / _median(bottom)), min(len(over), len(under)))


def _resampled(rows: _Floats, rng: np.random.Generator, estimate: Callable[[_Floats], _Floats]) -> _Floats:
    """Estimates from windows drawn in blocks: one is like the one before it, and single ones would promise too much.

    Source: Künsch (1989), the moving block bootstrap, with blocks as long as the cube root of the number of windows.
    """
    count = rows.shape[1]
    length = max(1, round(count ** (1 / 3)))
    at_once = max(1, _AT_ONCE // count)  # a day has 86,400 windows
    parts = []
    for begun in range(0, _RESAMPLES, at_once):
        size = (min(at_once, _RESAMPLES - begun), -(-count // length), 1)
        starts = rng.integers(count - length + 1, size=size)
        drawn = (starts + np.arange(length)).reshape(size[0], -1)[:, :count]
        parts.append(estimate(rows[:, drawn]))
    return np.concatenate(parts)


def _interval(drawn: _Floats, estimate: float, count: int) -> Interval:
    """The percentile interval, with no more confidence than the range of so few windows has."""
    confidence = min(0.95, 1 - 2.0 ** (1 - count))
    low, high = np.quantile(drawn, [(1 - confidence) / 2, (1 + confidence) / 2])
    return Interval(
        low=min(float(low), estimate), estimate=estimate, high=max(float(high), estimate), confidence=confidence
    )
