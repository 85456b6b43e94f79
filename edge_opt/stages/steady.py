"""One artifact without a pause on the device → how fast it is at first, how fast it stays, and whether it settles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
_WINDOW_S = 1.0
_FEWEST = 15  # windows, of which the steady state has six: from there on their range holds the median with 95 %
_RESAMPLES = 2000


@dataclass(frozen=True, kw_only=True)
class _Answer:
    """What the worker answers."""

    runtime_version: str
    executed: Mapping[str, str]
    environment: Environment
    windows: tuple[Window, ...]
    states: tuple[DeviceState, ...] = ()


def sustain(entry: Entry, device: registry.Device, *, seconds: float, threads: int, seed: int) -> Sustained:
    """What ``entry`` does in so many seconds without a pause. Raises StepFailed where it is too slow to tell."""
    answer = device.run(
        {
            "protocol": 1,
            "mode": "sustain",
            "artifacts": [entry.job()],
            "threads": threads,
            "seconds": seconds,
            "window_seconds": _WINDOW_S,
            "seed": seed,
        }
    )
    found: _Answer = parse_answer(_Answer, answer)
    if len(found.windows) < _FEWEST:
        raise StepFailed(
            f"its inferences are so long that {seconds:g} s hold {len(found.windows)} windows; it takes {_FEWEST}",
            "give --sustained more time",
        )
    return judged(entry, found, seconds=seconds, threads=threads, seed=seed)


def judged(entry: Entry, found: _Answer, *, seconds: float, threads: int, seed: int) -> Sustained:
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
    trend = _ratio(_medians(last), _medians(before), rng)
    p90s = np.asarray([one.p90_ns for one in steady])
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
        slowdown=_ratio(_medians(steady), _medians(first), rng),
        trend=trend,
        p90_ns=_interval(_resampled(p90s, rng), stats.median(p90s), len(p90s)),
        settled=trend.low <= 1 <= trend.high or abs(trend.estimate - 1) <= TREND_BOUND,
    )


def _medians(windows: Sequence[Window]) -> NDArray[np.float64]:
    return np.asarray([one.median_ns for one in windows], np.float64)


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
        median_ns=stats.median(_medians(part)),
        p90_ns=stats.median([one.p90_ns for one in part]),
        frequency_hz=stats.median(clocks) if clocks else None,
        temperature_c=stats.median(degrees) if degrees else None,
    )


def _ratio(over: NDArray[np.float64], under: NDArray[np.float64], rng: np.random.Generator) -> Interval:
    """The ratio of the medians of two stretches, with its interval."""
    ratios = _resampled(over, rng) / _resampled(under, rng)
    return _interval(ratios, stats.median(over) / stats.median(under), min(len(over), len(under)))


def _resampled(values: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    """Medians of ``values`` drawn in blocks: a window is like the one before it, and single ones would promise more.

    Source: Künsch (1989), the moving block bootstrap, with blocks as long as the cube root of the number of windows.
    """
    count = len(values)
    length = max(1, round(count ** (1 / 3)))
    within = np.arange(length)
    drawn = np.empty(_RESAMPLES)
    for index in range(_RESAMPLES):  # one by one: an hour has 3,600 windows
        starts = rng.integers(count - length + 1, size=-(-count // length))
        drawn[index] = np.median(values[(starts[:, None] + within).ravel()[:count]])
    return drawn


def _interval(drawn: NDArray[np.float64], estimate: float, count: int) -> Interval:
    """The percentile interval, with no more confidence than the range of so few windows has."""
    confidence = min(0.95, 1 - 2.0 ** (1 - count))
    low, high = np.quantile(drawn, [(1 - confidence) / 2, (1 + confidence) / 2])
    return Interval(
        low=min(float(low), estimate), estimate=estimate, high=max(float(high), estimate), confidence=confidence
    )
