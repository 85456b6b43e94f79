"""The networks that passes made of the model: what left, how each was trained, and what that brought."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from edge_opt.results.report import words
from edge_opt.results.report.document import facts
from edge_opt.results.report.document.blocks import (
    Block,
    Bullets,
    Code,
    Content,
    Head,
    Inlines,
    Paragraph,
    Table,
    joined,
)
from edge_opt.results.report.document.writing import NONE, Pen
from edge_opt.types import Change, Net, Report, Trained

Told = tuple[str, Inlines]  # a title, and what was done


def networks(report: Report, pen: Pen) -> Iterator[Block]:
    """The table of them all, and what each one lost."""
    if not report.nets:
        return
    if samples := max((one.samples for net in report.nets for one in net.changes[-1].trained), default=0):
        yield Paragraph(pen.say("networks_means", things=facts.of(report, samples, pen)))
    heads = (
        Head(pen.text("net_network"), right=False),
        Head(pen.text("net_channels")),
        Head(pen.text("net_parameters")),
        Head(pen.text("net_macs")),
        Head(pen.text("net_training")),
        Head(pen.text("score", metric=words.metric(report))),
    )
    original: tuple[Content, ...] = (
        pen.text("net_original"),
        NONE,
        pen.how(report.model.parameters, "count"),
        pen.how(report.model.macs, "count"),
        NONE,
        pen.how(report.original.accuracy.value, "percent2"),
    )
    yield Table(pen.text("networks_label"), heads, (original, *(_row(one, pen) for one in report.nets)))
    for net in report.nets:
        yield from _lost(net, pen)


def _row(net: Net, pen: Pen) -> tuple[Content, ...]:
    last = net.changes[-1]
    before, after = widths(last)
    arrow = f"{pen.how(before, 'count')} → {pen.how(after, 'count')}" if before != after else NONE
    trained = last.trained
    return (
        (Code(net.name),),
        arrow,
        pen.how(net.parameters, "count"),
        pen.how(net.macs, "count"),
        pen.text("training_cell", epochs=epochs(trained), seconds=sum(one.seconds for one in trained))
        if trained
        else NONE,
        pen.how(trained[-1].accuracy, "percent2") if trained else NONE,
    )


def _lost(net: Net, pen: Pen) -> Iterator[Block]:
    change, name = net.changes[-1], Code(net.name)
    if change.removed:
        yield Paragraph(pen.say("network_layers", network=name, layers=pen.codes(change.removed)))
    if change.predicted_speed_up:
        yield Paragraph(pen.say("network_predicted", network=name, ratio=change.predicted_speed_up))
    narrowed = [one for one in change.widths if one.before != one.after]
    if narrowed:
        yield Paragraph(pen.say("network_widths", network=name))
        yield Bullets(
            tuple(
                pen.say("network_width", layer=Code(one.layer), before=one.before, after=one.after) for one in narrowed
            )
        )


def told(change: Change, pen: Pen) -> Told:
    """What a pass did, for somebody who reads what was done to the model."""
    before, after = widths(change)
    if change.removed:
        count = len(change.removed)
        title = pen.text("layers_removed", count=count)
        what = pen.say("layers_removed_what", count=count, layers=pen.codes(change.removed))
    else:
        title = pen.text("channels_removed", before=before, after=after)
        what = pen.say("channels_removed_what")
    return title, joined(what, pen.say("taught", epochs=epochs(change.trained)) if change.trained else ())


def impact(before: tuple[int, int], net: Net, pen: Pen) -> list[Content]:
    """What left with the pass that made ``net``: ``before`` are the parameters and multiply-accumulates until then."""
    changed = (("impact_parameters", before[0], net.parameters), ("impact_macs", before[1], net.macs))
    return [pen.say(key, before=was, after=now) for key, was, now in changed if was != now]


def widths(change: Change) -> tuple[int, int]:
    """The channels of all layers that a pass could take from, before and after."""
    return sum(one.before for one in change.widths), sum(one.after for one in change.widths)


def epochs(trained: Sequence[Trained]) -> int:
    """All of them."""
    return sum(one.epochs for one in trained)
