"""How far a training is, in a file for whoever waits."""

from __future__ import annotations

import json
import time
from pathlib import Path

from edge_opt.store import dump, write_whole
from edge_opt.types import Progress

_EVERY_S = 0.5


class Telling:
    """Writes ``types.Progress`` as JSON to ``path``, whole, and not more often than whoever waits can read."""

    def __init__(self, path: Path, what: str) -> None:
        self._path, self.what = path, what
        self._last = float("-inf")
        path.parent.mkdir(parents=True, exist_ok=True)

    def tell(
        self, done: int, total: int, *, loss: float | None, accuracy: float | None, left_s: float, now: bool = False
    ) -> None:
        """Of ``total`` epochs, ``done`` are; ``now`` where it must not be missed."""
        if now or time.monotonic() - self._last >= _EVERY_S:
            self._last = time.monotonic()
            told = Progress(what=self.what, done=done, total=total, loss=loss, accuracy=accuracy, left_s=left_s)
            write_whole(self._path, json.dumps(dump(told)))
