"""Where a training is, kept in a file that is whole at any time: after a kill, the next one goes on from there."""

from __future__ import annotations

import hashlib
import json
import os
import zipfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_opt.nets.train.samples import Augmentation, Samples
from edge_opt.nets.train.schedule import Pace, Schedule, Way

Values = list[NDArray[Any]]


@dataclass(kw_only=True)
class State:
    """Everything that the rest of a training depends on, but for the samples."""

    way: Way
    pace: Pace
    student: Values  # all its variables: weights, statistics, and where dropout draws from
    memory: Values  # of Adam
    best: Values
    best_epoch: int = 0
    accuracy: float = -1.0  # of the best
    selection_loss: float = float("inf")
    first: tuple[float, float] = (-1.0, float("inf"))  # accuracy and loss before any training
    augmentation: Augmentation = ()
    slower: float = 1.0  # what the rate is multiplied by, once the loss became NaN or all was unlearned
    seconds: float = 0.0
    loss: float = 0.0  # the sum over the steps of this epoch
    stale: int = 0  # epochs without a better accuracy
    finished: bool = False


def fingerprint(student: Any, samples: Samples, schedule: Schedule, seed: int) -> str:
    """What a training has in common with the one whose checkpoint it goes on from; the time that it may take is not."""
    wish: dict[str, Any] = {**asdict(schedule), "seconds": None}
    shapes = [(list(variable.shape), str(variable.dtype)) for variable in student.variables]
    kinds = [type(layer).__name__ for layer in student._flatten_layers()]
    sizes = [list(samples.inputs.shape), list(samples.selection.shape), samples.labels is None, samples.picture]
    return hashlib.sha256(json.dumps([wish, shapes, kinds, sizes, seed]).encode()).hexdigest()[:16]


def keep(state: State, path: Path) -> None:
    """Write ``state`` to ``path``, whole, or leave what was there."""
    words = {name: value for name, value in vars(state).items() if name not in ("student", "memory", "best")}
    words |= {"way": asdict(state.way), "pace": asdict(state.pace)}
    arrays: dict[str, Any] = {"words": np.array(json.dumps(words))}
    for name in ("student", "memory", "best"):
        arrays |= {f"{name}{place}": value for place, value in enumerate(getattr(state, name))}
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    with partial.open("wb") as file:
        np.savez(file, **arrays)
    os.replace(partial, path)


def kept(path: Path) -> State | None:
    """What :func:`keep` wrote last; None where there is nothing, or what a power cut or another version left."""
    try:
        with np.load(path, allow_pickle=False) as arrays:
            words = json.loads(str(arrays["words"]))
            words |= {name: _several(arrays, name) for name in ("student", "memory", "best")}
        words |= {"way": Way(**words["way"]), "pace": Pace(**words["pace"])}
        words |= {name: tuple(words[name]) for name in ("augmentation", "first")}
        return State(**words)
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile):
        return None


def _several(arrays: Mapping[str, Any], name: str) -> Values:
    count = sum(key.removeprefix(name).isdigit() for key in arrays if key.startswith(name))
    return [arrays[f"{name}{place}"] for place in range(count)]
