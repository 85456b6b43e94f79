"""Columns under whatever names → the curves of a history, cut where the loss stops being a number."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from edge_opt.errors import InputError
from edge_opt.types import History

Column = Sequence[float | None]  # one value an epoch; None where nothing was written down

# What is measured, under the names met in the wild; the first that is there is taken.
_LOSS = ("loss", "cross_entropy", "crossentropy")
_ACCURACY = (
    "accuracy",
    "acc",
    "sparse_categorical_accuracy",
    "categorical_accuracy",
    "binary_accuracy",
    "top1",
    "top_1",
    "top1_accuracy",
    "top_1_accuracy",
    "multiclassaccuracy",
)
_RATE = ("learning_rate", "lr")
_TRAINING = {"train", "training"}
_VALIDATION = {"val", "valid", "validation", "eval"}


def history(source: Path, written: Mapping[str, Column]) -> History:
    """The curves among the columns that were ``written`` down. Raises InputError where no loss is, or no epoch."""
    named = _named(written)
    if ("", "loss") not in named:
        raise no_loss(source, list(written))
    kept = [epoch for epoch, value in enumerate(named["", "loss"]) if value is not None]
    if not kept:
        raise InputError(f"'{source}' has no epochs", "give the history of a training that ended its first epoch")
    curves = {key: _filled([column[epoch] for epoch in kept]) for key, column in named.items()}
    end = next((epoch for epoch in range(len(kept)) if not _is_number(curves, epoch)), None)
    accuracies = _as_shares(source, [curves.get((side, "accuracy"), ())[:end] for side in ("", "val")])
    rate = curves.get(("", "rate"), ())[:end]
    return History(
        source=str(source),
        loss=curves["", "loss"][:end],
        val_loss=curves.get(("val", "loss"), ())[:end],
        accuracy=accuracies[0],
        val_accuracy=accuracies[1],
        learning_rate=rate if all(map(math.isfinite, rate)) else (),
        diverged_at=None if end is None else end + 1,
    )


def no_loss(source: Path, names: Sequence[str]) -> InputError:
    """The error for a history with these columns only."""
    known = ", ".join(f"'{name[:40]}'" for name in names[:6]) or "nothing"
    return InputError(
        f"'{source}' has no loss of the training: it holds {known}",
        "a history has a value of 'loss' for every epoch, as keras.callbacks.CSVLogger writes it",
    )


def is_curve(name: str) -> bool:
    """Whether a column of that name is one that a history needs; of all others, nothing is asked."""
    what = _taken_apart(name)[1]
    return what in (*_LOSS, *_ACCURACY, *_RATE) or what.startswith("lr_")


def _named(written: Mapping[str, Column]) -> dict[tuple[str, str], Column]:
    """The columns by side ("" or "val") and what they hold: "loss", "accuracy" or "rate"."""
    found: dict[tuple[str, str], tuple[int, Column]] = {}
    for name, column in written.items():
        side, what = _taken_apart(name)
        for kind, names in (("loss", _LOSS), ("accuracy", _ACCURACY), ("rate", _RATE)):
            if what in names and any(value is not None for value in column):
                rank = names.index(what)
                if (side, kind) not in found or rank < found[side, kind][0]:
                    found[side, kind] = rank, column
        if not side and what.startswith("lr_") and ("", "rate") not in found:  # "lr-Adam", as Lightning has it
            found["", "rate"] = len(_RATE), column
    return {key: column for key, (_, column) in found.items()}


def _taken_apart(name: str) -> tuple[str, str]:
    """``"val/epoch_Loss"`` → ``("val", "loss")``: the side may stand before or behind, a number of the run behind."""
    words = [word for word in re.split(r"[^a-z0-9]+", name.strip().lower()) if word and word != "epoch"]
    side = ""
    for place in (0, -1):
        if len(words) > 1 and words[place] in _TRAINING | _VALIDATION:
            side = "val" if words.pop(place) in _VALIDATION else ""
            break
    if len(words) > 1 and words[-1].isdigit() and words[0] != "top":  # Keras 2 counts: "accuracy_1"
        words.pop()
    return side, "_".join(words)


def _filled(column: Column) -> tuple[float, ...]:
    """``column`` without holes: where only every second epoch was validated, the value before stands on."""
    known = next((value for value in column if value is not None), math.nan)
    filled = []
    for value in column:
        known = known if value is None else value
        filled.append(known)
    return tuple(filled)


def _is_number(curves: Mapping[tuple[str, str], Sequence[float]], epoch: int) -> bool:
    losses = (curve for (_, kind), curve in curves.items() if kind == "loss")
    return all(math.isfinite(curve[epoch]) for curve in losses)


def _as_shares(source: Path, curves: Sequence[tuple[float, ...]]) -> list[tuple[float, ...]]:
    """Accuracies in 0..1, also where they were written as percents; () where one is no number."""
    whole = [curve if all(map(math.isfinite, curve)) else () for curve in curves]
    values = [value for curve in whole for value in curve]
    if values and (min(values) < 0 or max(values) > 100):
        raise InputError(
            f"'{source}' has an accuracy of {max(values, key=abs):g}", "an accuracy lies in 0..1, or in 0..100 percent"
        )
    scale = 100 if values and max(values) > 1 + 1e-6 else 1
    return [tuple(value / scale for value in curve) for curve in whole]
