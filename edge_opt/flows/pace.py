"""How long the stages of this run take: a watcher between the work and whoever watches it."""

from __future__ import annotations

import time
from collections.abc import Callable

from edge_opt.types import Finding, Outline, Step, Watch

_FOUND_S = 0.02  # no process is as quick: what takes less was found finished in the journal


class Pace:
    """Passes every event on to ``watch``, and keeps the seconds of each stage with the jobs they were for."""

    def __init__(self, watch: Watch, clock: Callable[[], float] = time.monotonic) -> None:
        self._watch, self._clock = watch, clock
        self._began = clock()
        self._last: Step | None = None
        self._since = self._began
        self._spent: dict[str, tuple[float, int]] = {}

    def __call__(self, event: Outline | Step | Finding) -> None:
        """Count the time since the last step for its stage, and pass the event on."""
        if isinstance(event, Step):
            self._count(event)
        self._watch(event)

    @property
    def elapsed_s(self) -> float:
        """The seconds since the run began."""
        return self._clock() - self._began

    def spent(self) -> dict[str, tuple[float, int]]:
        """The seconds of each stage and the number of its jobs, up to now; what was found finished is left out."""
        self._count(None)
        return dict(self._spent)

    def _count(self, now: Step | None) -> None:
        last, moment = self._last, self._clock()
        if last is not None and (seconds := moment - self._since) >= _FOUND_S:
            before, jobs = self._spent.get(last.stage, (0.0, 0))
            # steps of work side by side come as jobs end, so that several may be told within no time: count by number
            ended = now.done - last.done if now is not None and now.stage == last.stage else last.total - last.done
            self._spent[last.stage] = (before + seconds, jobs + max(ended, 1))
        self._last, self._since = now, moment
