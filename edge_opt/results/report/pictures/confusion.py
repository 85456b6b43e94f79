"""The confusion matrices, before and after side by side; of many classes those that are confused most."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from edge_opt.results.report.document.writing import Pen
from edge_opt.results.report.pictures.canvas import BEFORE, INK, LINE, PAPER, Sketch, sheet
from edge_opt.types import Behaviour

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_MOST = 20  # classes that a picture has room for
_CHOSEN = 12  # of more, so many are shown
_TOLD = 3
_DARK = 0.55  # the share from which on a cell is dark enough for a light number


def sketches(behaviours: Sequence[Behaviour], classes: Sequence[str], pen: Pen) -> Iterator[Sketch]:
    """The matrices of one model, or of the original and the optimised one."""
    behaviours = [one for one in behaviours if one.accuracy.metric == "top1" and one.labels]
    if not behaviours or len(classes) < 2:
        return
    matrices = [matrix(one, len(classes)) for one in behaviours]
    shown = _shown(matrices, len(classes))
    titles = [pen.text(key) for key in ("before", "after")][: len(behaviours)] if len(behaviours) > 1 else [""]
    caption = pen.text("confusion") if len(shown) == len(classes) else pen.text("confusion_most", count=len(shown))
    names = [classes[i] for i in shown]
    width = 9.6 if len(matrices) > 1 else 6.0
    yield Sketch(
        name="confusion",
        alt=" ".join(_alt(one, title, classes, pen) for one, title in zip(matrices, titles, strict=True)),
        caption=caption,
        draw=lambda: sheet(
            width,
            5.0,
            lambda figure: _draw(
                figure, [one[np.ix_(shown, shown)] for one in matrices], matrices, shown, names, titles, pen
            ),
        ),
        wide=len(matrices) > 1,
    )


def matrix(behaviour: Behaviour, classes: int) -> NDArray[np.int64]:
    """How many samples of each class (row) are answered as each class."""
    counts = np.zeros((classes, classes), np.int64)
    labels, answers = np.asarray(behaviour.labels), np.asarray(behaviour.accuracy.predictions)
    valid = (labels < classes) & (answers < classes)
    np.add.at(counts, (labels[valid], answers[valid]), 1)
    return counts


def _shown(matrices: Sequence[NDArray[np.int64]], classes: int) -> list[int]:
    """The classes that are drawn: all, or those in which and for which most mistakes are made."""
    if classes <= _MOST:
        return list(range(classes))
    wrong = sum((one - np.diag(np.diag(one)) for one in matrices), np.zeros((classes, classes), np.int64))
    mistakes = wrong.sum(axis=0) + wrong.sum(axis=1)
    return sorted(np.argsort(-mistakes, kind="stable")[:_CHOSEN].tolist())


def _alt(counts: NDArray[np.int64], title: str, classes: Sequence[str], pen: Pen) -> str:
    when = title or pen.word("test")
    when = when[:1].upper() + when[1:]
    wrong = Counter(
        {(i, j): int(counts[i, j]) for i in range(len(classes)) for j in range(len(classes)) if i != j and counts[i, j]}
    )
    if not wrong:
        return pen.text("confusion_none", when=when)
    pairs = [
        pen.text("confusion_pair", label=classes[i], predicted=classes[j], count=count)
        for (i, j), count in wrong.most_common(_TOLD)
    ]
    right = float(np.trace(counts)) / max(int(counts.sum()), 1)
    return pen.text("confusion_alt", when=when, right=right, pairs=pen.language.listed(pairs, quote=False))


def _draw(
    figure: Figure,
    counts: Sequence[NDArray[np.int64]],
    whole: Sequence[NDArray[np.int64]],
    shown: Sequence[int],
    names: Sequence[str],
    titles: Sequence[str],
    pen: Pen,
) -> None:
    figure.set_layout_engine("compressed")  # which knows of squares
    axes = figure.subplots(1, len(counts), squeeze=False)[0]
    for place, (one, part, every, title) in enumerate(zip(axes, counts, whole, titles, strict=True)):
        totals = every.sum(axis=1)[list(shown)]
        _matrix(one, part / np.maximum(totals, 1)[:, None])
        one.set_title(title, loc="left")
        one.set_xticks(range(len(names)), names, rotation=45, ha="right", rotation_mode="anchor", fontsize=8)
        one.set_yticks(range(len(names)), names if place == 0 else [""] * len(names), fontsize=8)
        one.set_xlabel(pen.text("answer_axis"))
        if place == 0:
            one.set_ylabel(pen.text("label_axis"))


def _matrix(axes: Axes, shares: NDArray[np.float64]) -> None:
    """A square for each pair, the darker the more; the numbers say it again, in percent."""
    from matplotlib.patches import Rectangle

    size = len(shares)
    for (i, j), share in np.ndenumerate(shares):
        if share > 0:
            axes.add_patch(
                Rectangle((j - 0.5, i - 0.5), 1, 1, facecolor=BEFORE, alpha=round(0.08 + 0.87 * float(share), 2), lw=0)
            )
        if round(100 * float(share)) > 0:
            colour = PAPER if share > _DARK else INK
            axes.text(j, i, f"{100 * share:.0f}", ha="center", va="center", fontsize=7.5, color=colour)
    axes.set(xlim=(-0.5, size - 0.5), ylim=(size - 0.5, -0.5), aspect="equal")
    for place in range(size + 1):
        axes.axhline(place - 0.5, color=LINE, linewidth=0.5)
        axes.axvline(place - 0.5, color=LINE, linewidth=0.5)
    axes.tick_params(length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)
