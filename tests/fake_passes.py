"""Passes without any framework: networks that are a list of words, for the fake stack of ``tests.stack``."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge_opt.errors import StepFailed
from edge_opt.types import Change, Context, Progress, Trained, Width


@dataclass(frozen=True)
class FakeNet:
    """A network that knows which passes led to it."""

    words: tuple[str, ...] = ()

    def save(self, path: str) -> None:
        Path(path).write_text(json.dumps(self.words), encoding="utf-8")


def read(path: Path) -> FakeNet:
    """The network in a file that :meth:`FakeNet.save` wrote; any other file is the original."""
    return FakeNet(tuple(json.loads(path.read_text(encoding="utf-8")))) if path.suffix == ".keras" else FakeNet()


class FakePass:
    """Accepts what the real passes accept, and does it at once; ``broken`` words fail, ``contexts`` is what it saw."""

    EXAMPLES = ("slim50", "strided")
    WORDS = "slim5 to slim95"
    PRICED = False

    def __init__(self, broken: tuple[str, ...] = ()) -> None:
        self.broken = broken
        self.contexts: list[tuple[str, Context]] = []

    def accepts(self, word: str) -> bool:
        return word.startswith(("slim", "strided"))

    def says(self, word: str) -> str:
        return f"what {word} does"

    def apply(self, word: str, net: Any, teacher: Any, context: Context) -> tuple[Any, Change]:
        self.contexts.append((word, context))
        assert teacher.words == ()
        if word in self.broken:
            raise StepFailed(f"{word} found nothing to take", "take another")
        context.progress.write_text(json.dumps({"what": word, "done": 1, "total": 2, "accuracy": 0.875, "left_s": 3.0}))
        trained = Trained(epochs=2, best_epoch=2, steps=8, samples=300, seconds=1.5, accuracy=0.9, teacher_accuracy=0.9)
        return FakeNet((*net.words, word)), Change(
            name=word, widths=(Width(layer="dense", before=64, after=32),), trained=(trained,)
        )


def progress() -> Progress:
    """What is told of the fake training."""
    return Progress(what="slim50", done=1, total=2, accuracy=0.875, left_s=3.0)
