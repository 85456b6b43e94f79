"""The learning curves: loss and accuracy by epoch, with the epoch marked that a symptom is about."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from edge_opt.results.report.document.writing import Pen
from edge_opt.results.report.pictures.canvas import AFTER, BEFORE, INK, Sketch, grid, sheet
from edge_opt.results.report.symptoms import told
from edge_opt.types import Diagnosis, History

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Mark = tuple[int, str, str]  # the epoch, the code of the symptom, its title


def sketches(diagnosis: Diagnosis, pen: Pen) -> Iterator[Sketch]:
    """The curves, where a history was found that has some."""
    history = diagnosis.training.history
    if history is None or not (history.loss or history.accuracy or history.val_loss or history.val_accuracy):
        return
    marks = _marks(diagnosis, pen)
    yield Sketch(
        name="learning",
        alt=_alt(history, marks, pen),
        caption=pen.text("curves", source=Path(history.source).name),
        draw=lambda: sheet(7.2, 3.1, lambda figure: _draw(figure, history, marks, pen)),
    )


def _marks(diagnosis: Diagnosis, pen: Pen) -> list[Mark]:
    """The epochs that symptoms of the training name, each once."""
    found: dict[int, Mark] = {}
    for symptom in diagnosis.symptoms:
        epoch = symptom.facts.get("epoch")
        if symptom.code.startswith("EO7") and isinstance(epoch, int | float):
            found.setdefault(int(epoch), (int(epoch), symptom.code, told(symptom, pen.language).title))
    return [found[epoch] for epoch in sorted(found)]


def _panels(history: History, pen: Pen) -> list[tuple[str, tuple[float, ...], tuple[float, ...]]]:
    panels = [
        (pen.text("loss"), history.loss, history.val_loss),
        (pen.text("curve_accuracy"), history.accuracy, history.val_accuracy),
    ]
    return [one for one in panels if one[1] or one[2]]


def _alt(history: History, marks: list[Mark], pen: Pen) -> str:
    lines = []
    for name, training, validation in _panels(history, pen):
        for which, values in (("curve_training", training), ("curve_validation", validation)):
            if values:
                whole = f"{name[:1].upper()}{name[1:]}, {pen.text(which)}"
                lines.append(pen.text("curve_told", name=whole, first=values[0], last=values[-1]))
    lines += [pen.text("mark_told", epoch=epoch, title=title) for epoch, _, title in marks]
    epochs = max(len(values) for _, *both in _panels(history, pen) for values in both)
    return pen.text("curves_alt", epochs=epochs, lines=" ".join(lines))


def _draw(figure: Figure, history: History, marks: list[Mark], pen: Pen) -> None:
    panels = _panels(history, pen)
    axes = figure.subplots(1, len(panels), squeeze=False)[0]
    for one, (name, training, validation) in zip(axes, panels, strict=True):
        _curve(one, training, BEFORE, "-", "o", pen.text("curve_training"))
        _curve(one, validation, AFTER, "--", "^", pen.text("curve_validation"))
        one.set_title(name, loc="left")
        one.set_xlabel(pen.text("epoch"))
        one.xaxis.get_major_locator().set_params(integer=True)
        one.yaxis.set_major_formatter(lambda value, _: pen.how(value, "number"))
        one.margins(y=0.18)
        grid(one)
        for place, (epoch, code, _) in enumerate(marks):
            one.axvline(epoch, color=INK, linewidth=1, linestyle=":")
            one.annotate(
                code,
                (epoch, 0.98 - 0.1 * place),
                (4, 0),
                xycoords=("data", "axes fraction"),
                textcoords="offset points",
                va="top",
                fontsize=8,
                fontweight="bold",
            )
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=2)


def _curve(axes: Axes, values: tuple[float, ...], colour: str, dash: str, form: str, label: str) -> None:
    if not values:
        return
    every = max(1, len(values) // 12)
    axes.plot(
        range(1, len(values) + 1),
        values,
        color=colour,
        linestyle=dash,
        marker=form,
        markevery=every,
        markersize=4,
        linewidth=1.6,
        label=label,
    )
