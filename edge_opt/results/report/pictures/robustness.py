"""The robustness curves: a small panel for each kind of disturbance, before and after, by strength."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from edge_opt.results.report.document.writing import Pen
from edge_opt.results.report.pictures.canvas import AFTER, BEFORE, Sketch, grid, sheet
from edge_opt.types import Robustness

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_ACROSS = 4
Curve = list[tuple[float, float]]


def sketches(before: Robustness | None, after: Robustness | None, pen: Pen) -> Iterator[Sketch]:
    """The curves of one model, or of two."""
    found = [one for one in (before, after) if one]
    if not found or not found[0].conditions:
        return
    curves = [_curves(one) for one in found]
    strongest = max(strength for one in curves[0].values() for strength, _ in one)
    yield Sketch(
        name="robustness",
        alt=_alt(curves, pen),
        caption=pen.text("robustness_drawn", most=strongest),
        draw=lambda: sheet(7.6, 0.7 + 1.85 * -(-len(curves[0]) // _ACROSS), lambda figure: _draw(figure, curves, pen)),
        wide=True,
    )


def _curves(robustness: Robustness) -> dict[str, Curve]:
    """The accuracy by strength for each kind, from no disturbance on."""
    found: dict[str, Curve] = {}
    for one in robustness.conditions:
        kind, _, strength = one.condition.partition("@")
        found.setdefault(kind, [(0.0, robustness.clean.value)]).append((float(strength), one.value))
    return {kind: sorted(curve) for kind, curve in found.items()}


def _alt(curves: Sequence[dict[str, Curve]], pen: Pen) -> str:
    told = []
    for kind, curve in curves[0].items():
        before = curve[-1][1]
        if len(curves) == 1:
            told.append(pen.text("robustness_kind", kind=kind, before=before))
        elif kind in curves[1]:
            told.append(pen.text("robustness_both", kind=kind, before=before, after=curves[1][kind][-1][1]))
    return pen.text("robustness_alt", kinds=pen.language.listed(told, most=len(told), quote=False))


def _draw(figure: Figure, curves: Sequence[dict[str, Curve]], pen: Pen) -> None:
    kinds = list(curves[0])
    rows = -(-len(kinds) // _ACROSS)
    axes = figure.subplots(rows, min(_ACROSS, len(kinds)), sharey=True, sharex=True, squeeze=False)
    flat = list(axes.flat)
    for spare in flat[len(kinds) :]:
        spare.set_visible(False)
    for one, kind in zip(flat, kinds, strict=False):
        for found, colour, dash, form, key in zip(
            curves, (BEFORE, AFTER), ("-", "--"), ("o", "^"), ("before", "after"), strict=False
        ):
            strengths, values = zip(*found.get(kind, [(0.0, 0.0)]), strict=True)
            one.plot(
                strengths,
                [100 * value for value in values],
                color=colour,
                linestyle=dash,
                marker=form,
                markersize=4,
                linewidth=1.5,
                label=pen.text(key),
            )
        name = pen.word(kind)
        one.set_title(name[:1].upper() + name[1:], loc="left")
        one.set_ylim(0, 102)
        one.xaxis.get_major_locator().set_params(integer=True)
        one.label_outer()
        grid(one)
    figure.supxlabel(pen.text("strength_axis"), fontsize=9)
    figure.supylabel(pen.text("accuracy_axis"), fontsize=9)
    if len(curves) > 1:
        handles, labels = flat[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper right", ncols=2)
