"""A pass at work in a process of its own: a network and a word → the new network, saved, and what was done to it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from concurrent.futures import Future, wait
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge_opt import registry
from edge_opt.errors import RunError
from edge_opt.inputs.recipes import pass_of
from edge_opt.store import dump, parse, write_whole
from edge_opt.types import Change, Context, Progress

FILE = "model.keras"
_CHANGE = "change.json"
_LOOK_S, _TELL_S = 0.5, 5.0


@dataclass(frozen=True, kw_only=True)
class Work:
    """One pass and what it starts from: the original, and the network that the passes before it made (or the same)."""

    word: str
    original: Path
    net: Path
    allow_code: bool
    context: Context
    out: Path  # an empty folder


def apply(frontend: registry.Frontend, work: Work) -> float:
    """The seconds that it took; :data:`FILE` and what was done to it are then in ``work.out``. Loads the framework."""
    began = time.monotonic()
    of_word = pass_of(work.word)
    assert of_word is not None, work.word  # recipes hold known words only
    network: Callable[[Path, bool], Any] = frontend.network  # type: ignore[attr-defined]
    teacher = network(work.original, work.allow_code)
    net = teacher if work.net == work.original else network(work.net, work.allow_code)
    made, change = of_word.apply(work.word, net, teacher, work.context)
    made.save(str(work.out / FILE))
    write_whole(work.out / _CHANGE, json.dumps(dump(change)))
    return time.monotonic() - began


def change_of(folder: Path) -> Change:
    """What was done to the network in ``folder``."""
    change: Change = parse(Change, json.loads((folder / _CHANGE).read_text(encoding="utf-8")))
    return change


def follow(future: Future[Any], progress: Path, tell: Callable[[Progress], None]) -> None:
    """Wait until ``future`` is done, and tell what is read in ``progress``: every epoch, and now and then between."""
    told: tuple[str, int] | None = None
    told_at = 0.0
    while True:
        ended, _ = wait([future], timeout=_LOOK_S)
        now = _read(progress)
        if now is not None and ((now.what, now.done) != told or time.monotonic() - told_at > _TELL_S):
            tell(now)
            told, told_at = (now.what, now.done), time.monotonic()
        if ended:
            return


def _read(path: Path) -> Progress | None:
    try:
        found: Progress = parse(Progress, json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, RunError):  # not yet there
        return None
    return found
