"""The mode ``sustain``: one artifact without a pause, in windows, for as long as a board needs to warm through."""

from __future__ import annotations

import random
import time
from array import array
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING or __package__:
    from . import modes, samples, state
else:
    import modes
    import samples
    import state

_REST_S = 1.0
MOST_KEPT = 10_000  # latencies of one window: beyond it, they are drawn


def sustain(job: Mapping[str, Any], load: modes.Load) -> dict[str, Any]:
    """What each window came to, and what the board was doing at its end.

    A window lasts ``window_seconds``, or as long as one inference takes; the last one is whole too. Before all of it
    the board may rest, for ``rest_seconds`` at most, until it is no warmer than ``rest_below_c``.
    """
    _rest(job.get("rest_below_c"), time.monotonic() + job.get("rest_seconds", 0))
    rows = samples.read(job["inputs"]) if job.get("inputs") else None
    loaded = load(0)
    watch = state.Watch()
    query = modes.query_of(loaded, modes.feeds_of(loaded, rows, job))
    draw = random.Random(job.get("seed", 0))
    window_s = job.get("window_seconds", 1.0)
    modes.warm_up(query, job)
    windows: list[dict[str, Any]] = []
    with modes.NoCollection():
        end = time.monotonic() + job.get("seconds", 60.0)
        while not windows or time.monotonic() < end:
            start_s = watch.elapsed_s()
            runs, kept = _window(query, time.monotonic() + window_s, draw)
            median_ns, p90_ns = np.quantile(np.frombuffer(kept, np.int64), (0.5, 0.9)).tolist()
            windows.append({"start_s": start_s, "runs": runs, "median_ns": median_ns, "p90_ns": p90_ns})
            windows[-1]["state"] = watch.glance(whole=True)
    watch.look(whole=True)
    return {**loaded.described(), "windows": windows, "states": watch.states}


def _rest(below_c: float | None, end: float) -> None:
    while below_c is not None and time.monotonic() < end:
        temperature_c = state.look()["temperature_c"]
        if temperature_c is None or temperature_c <= below_c:
            return
        time.sleep(_REST_S)


def _window(query: Callable[[], int], end: float, draw: random.Random) -> tuple[int, array[int]]:
    """How many inferences there were until ``end``, at least one, and their latencies or a fair draw of them.

    Source of the draw: Vitter (1985), algorithm R: each latency is kept with the same chance, in bounded memory.
    """
    kept = array("q")
    runs = 0
    while not runs or time.monotonic() < end:
        taken_ns = query()
        runs += 1
        if len(kept) < MOST_KEPT:
            kept.append(taken_ns)
        elif (place := int(draw.random() * runs)) < MOST_KEPT:
            kept[place] = taken_ns
    return runs, kept
