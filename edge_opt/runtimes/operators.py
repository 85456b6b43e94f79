"""The mode ``profile``: what an artifact was executed as, operator by operator, by the runtime's own profiler."""

from __future__ import annotations

import time
from collections.abc import Mapping
from functools import partial
from statistics import median
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING or __package__:
    from . import modes, samples
else:
    import modes
    import samples

_WARM_UP = 10
_RUNS = 30
_MOST_RUNS = 2000
_SECONDS = 0.3  # small models are run more often: OpenVINO counts whole microseconds


def profile(job: Mapping[str, Any], load: modes.Load) -> dict[str, Any]:
    """Every operator as it was executed, and how long an inference takes without the profiler.

    A session of its own is profiled: a profiler slows every operator down, and the small ones most. A runtime without a
    profiler may still list its operators. Raises ValueError where it does not even do that.
    """
    rows = samples.read(job["inputs"]) if job.get("inputs") else None
    loaded = load(0)
    if loaded.profile is None and not hasattr(loaded.session, "operators"):
        raise ValueError(f"the runtime '{loaded.runtime}' offers no profile of its operators")
    feeds = modes.feeds_of(loaded, rows, job)
    query = modes.query_of(loaded, feeds)
    for _ in range(_WARM_UP):
        query()
    fewest, end = job.get("runs", _RUNS), time.monotonic() + job.get("min_seconds", _SECONDS)
    taken: list[int] = []
    while len(taken) < fewest or (len(taken) < _MOST_RUNS and time.monotonic() < end):
        taken.append(query())
    described = loaded.described()  # now: the session under the profiler compiles anew
    listed = loaded.session.operators if loaded.profile is None else partial(loaded.profile, feeds.__next__, len(taken))
    return {**described, "operators": listed(), "runs": len(taken), "inference_ns": median(taken)}
