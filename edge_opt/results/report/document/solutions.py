"""The solutions that were implemented: each step of the recipe that won, in plain words, with its measured impact."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from edge_opt.results.report import reasons
from edge_opt.results.report.document import facts, networks
from edge_opt.results.report.document.blocks import Block, Code, Content, Inlines, Numbered, Paragraph, Strong, joined
from edge_opt.results.report.document.facts import BeforeAfter
from edge_opt.results.report.document.skeleton import skeleton
from edge_opt.results.report.document.writing import Pen
from edge_opt.types import Quantization, Report, Trial

_BY_ACCURACY = "EO112"  # the code of a contract that was found by its accuracy


@dataclass(frozen=True, kw_only=True)
class Step:
    """One thing that was done: what, why, and what it brought; ``impact`` has no full stop."""

    title: str
    what: Inlines
    impact: Sequence[Content]


def solutions(report: Report, pen: Pen) -> Iterator[Block]:
    """The steps; where nothing beat the baseline, why nothing else was changed."""
    found = BeforeAfter(report=report)
    steps = [*_contract(report, pen), _conversion(found, pen)]
    if not found.unchanged:
        steps += _quantized(found, pen)
        steps += _reshaped(found, pen)
        steps += _options(found, pen)
    impact = skeleton(pen).impact
    yield Numbered(
        tuple(
            (
                Paragraph(joined((Strong(pen.closed(one.title)),), one.what)),
                Paragraph((f"{impact} ", *pen.ended(pen.series(one.impact))), kind="impact"),
            )
            for one in steps
        )
    )
    if found.unchanged:
        yield Paragraph(pen.say("nothing_changed", reasons=_reasons(report, pen)))


def _reasons(report: Report, pen: Pen) -> Inlines:
    found = reasons.why_baseline(report)
    if not found:
        return pen.say("why_nothing_better")
    return pen.series([_reason(report, one, pen) for one in found])


def _reason(report: Report, reason: reasons.Reason, pen: Pen) -> Inlines:
    return pen.say(
        f"why_{reason.kind}",
        trials=pen.codes([one.id for one in reason.trials]),
        count=len(reason.trials),
        rounds=reason.count,
        things=facts.of(report, reason.count, pen),
        limit=report.certificate.verdict.limit,
    )


def _contract(report: Report, pen: Pen) -> Iterator[Step]:
    """Where nobody said how the samples are prepared, and it was found out."""
    if not any(one.code == _BY_ACCURACY for one in report.findings):
        return
    tried = report.diagnosis.data.contracts if report.diagnosis and report.diagnosis.data else ()
    given = [one for one in tried if one.given]
    others = sorted((one.right / max(one.samples, 1) for one in tried if not one.given), reverse=True)
    impact = pen.say("contract_known")
    if given and others:
        right, samples = given[0].right, given[0].samples
        impact = pen.say("contract_impact", right=right, samples=samples, other=round(others[0] * samples))
    yield Step(
        title=pen.text("contract"),
        what=pen.say("contract_what", contract=facts.contract(report.preprocessing, pen)),
        impact=[impact],
    )


def _conversion(found: BeforeAfter, pen: Pen) -> Step:
    """The float32 conversion in the format of the best, or where that was not tried, the baseline."""
    report, best = found.report, found.best
    plain = (one for one in report.trials if _is_float32(one) and _alike(one, best))
    trial = next(plain, found.baseline)
    framework = pen.word(report.model.framework)
    names = {"format": pen.word(trial.artifact.format), "runtime": pen.word(trial.runtime)}
    sizes = {"before": pen.how(report.model.size_bytes, "bytes"), "after": pen.how(trial.artifact.size_bytes, "bytes")}
    impact: list[Content] = [pen.say("conversion_size", **sizes)]
    if measured := facts.timed(trial):
        impact.append(pen.say("conversion_time", time=pen.how(measured.median_ns, "duration")))
    if trial.accuracy.max_abs_difference is not None:
        difference = trial.accuracy.max_abs_difference
        impact.append(pen.say("conversion_same", framework=framework, difference=difference))
    elif report.data.labelled and trial.accuracy.predictions == report.original.accuracy.predictions:
        things = facts.of(report, len(trial.accuracy.scores), pen)
        impact.append(pen.say("impact_accuracy_same", things=things))
    return Step(
        title=pen.text("conversion", **names),
        what=pen.say("conversion_what", framework=framework, runtime=names["runtime"]),
        impact=impact,
    )


def _is_float32(trial: Trial) -> bool:
    return trial.recipe.quantization.mode == "none" and not trial.recipe.passes


def _alike(one: Trial, other: Trial) -> bool:
    """Whether both ran in the same format, by the same runtime in the same way."""
    return (one.artifact.format, one.runtime, dict(one.options)) == (
        other.artifact.format,
        other.runtime,
        dict(other.options),
    )


def _quantized(found: BeforeAfter, pen: Pen) -> Iterator[Step]:
    """The quantization, and on top of it what the ladder added; each with the trial that shows what it brought."""
    best = found.best
    quantization = best.recipe.quantization
    stages = [replace(quantization, keep_float=(), wide=(), range_method="min_max")]
    if quantization.range_method != "min_max":
        stages.append(replace(quantization, keep_float=(), wide=()))
    if quantization.keep_float or quantization.wide:
        stages.append(quantization)
    for place, stage in enumerate(stages):
        trial = best if place == len(stages) - 1 and not best.recipe.passes else _with(stage, found)
        told = _told(stage, found.report, pen) if place == 0 else _added(stage, stages[place - 1], pen)
        if told is None:
            continue
        title, what = told
        impact = list(impacts(found, trial, pen)) if trial else []
        if trial and trial is not best and trial.verdict.status != "pass":
            impact.append(pen.say("impact_not_enough"))
        if impact or best.recipe.passes:
            yield Step(title=title, what=what, impact=impact or [pen.say("impact_next")])


def _reshaped(found: BeforeAfter, pen: Pen) -> Iterator[Step]:
    """What each pass took out of the network, on top of the quantization, with the trial that shows what it brought."""
    report, passes = found.report, found.best.recipe.passes
    nets = {one.name: one for one in report.nets}
    before = report.model.parameters, report.model.macs
    for length in range(1, len(passes) + 1):
        net = nets["+".join(passes[:length])]
        title, what = networks.told(net.changes[-1], pen)
        impact = networks.impact(before, net, pen)
        trial = found.best if length == len(passes) else _with(found.best.recipe.quantization, found, passes[:length])
        impact += impacts(found, trial, pen) if trial else []
        yield Step(title=title, what=what, impact=impact)
        before = net.parameters, net.macs


def _with(quantization: Quantization, found: BeforeAfter, passes: tuple[str, ...] = ()) -> Trial | None:
    """The trial that did just this, in the way of the best."""
    best, wanted = found.best, (quantization, passes)
    same = (
        one
        for one in found.report.trials
        if (one.recipe.quantization, one.recipe.passes) == wanted and _alike(one, best)
    )
    return next((one for one in same if one.artifact.variant == best.artifact.variant), None)


def _told(quantization: Quantization, report: Report, pen: Pen) -> tuple[str, Inlines] | None:
    mode = quantization.mode
    if mode == "none":
        return None
    bits = {"weights": quantization.weight_bits, "activations": quantization.activation_bits}
    if mode == "dynamic":
        return pen.text("dynamic", weights=bits["weights"]), pen.say("dynamic_what", **bits)
    if mode == "static":
        what = pen.say("static_what", things=facts.of(report, report.data.calibration, pen))
        channels = pen.say("per_channel") if quantization.granularity == "per_channel" else ""
        return pen.text("static", **bits), joined(what, channels)
    if mode == "weight_only":
        return pen.text("weight_only", weights=bits["weights"]), pen.say("weight_only_what", weights=bits["weights"])
    return pen.text("float16"), pen.say("float16_what")


def _added(stage: Quantization, before: Quantization, pen: Pen) -> tuple[str, Inlines]:
    """What ``stage`` has more than the one before it."""
    if stage.range_method != before.range_method:
        method = stage.range_method
        return pen.text("ranges", method=method), pen.say(f"ranges_{method}")
    kind, layers = ("kept", stage.keep_float) if stage.keep_float else ("wide", stage.wide)
    count = len(layers)
    return pen.text(kind, count=count), pen.say(f"{kind}_what", count=count, layers=pen.codes(layers))


def _options(found: BeforeAfter, pen: Pen) -> Iterator[Step]:
    """How the runtime was set, where it was set otherwise than for the baseline."""
    best = found.best
    if not best.options or dict(best.options) == dict(found.baseline.options):
        return
    plain = best.recipe.quantization.mode == "none"
    said = ", ".join(f"{name} {value}" for name, value in sorted(best.options.items()))
    yield Step(
        title=pen.text("option", options=said),
        what=pen.say("option_what", runtime=pen.word(best.runtime)),
        impact=list(impacts(found, best, pen)) if plain else [pen.say("impact_included")],
    )


def impacts(found: BeforeAfter, trial: Trial, pen: Pen) -> Iterator[Content]:
    """What ``trial`` brought against the baseline: time, size, accuracy, memory."""
    baseline, report = found.baseline, found.report
    chosen = trial.id == report.best
    after, before = facts.timed(trial), facts.timed(baseline)
    speed_up = found.speed_up if chosen else after.speed_up if after else None
    times = found.times_ns if chosen else (before.median_ns, after.median_ns) if before and after else None
    if speed_up and times:
        was, now = (pen.how(one, "duration") for one in times)
        yield pen.say("instead", what=pen.faster(speed_up), before=was, after=now)
    sizes = (baseline.artifact.size_bytes, trial.artifact.size_bytes)
    was, now = (pen.how(one, "bytes") for one in sizes)
    yield pen.say("instead", what=pen.sized(*sizes), before=was, after=now)
    yield pen.say("impact_accuracy", change=pen.change(found.drop if chosen else trial.verdict.drop))
    if before and after:
        was, now = (pen.how(one.memory_bytes, "bytes") for one in (before, after))
        yield pen.say("impact_memory", before=was, after=now)


def slower(found: BeforeAfter, pen: Pen) -> Inlines:
    """Why what is handed over is slower than the baseline; nothing where it is not."""
    if not reasons.is_slower(found.speed_up):
        return ()
    goal = found.report.goal
    return pen.say(f"why_slower_{goal}", goal=pen.word(goal), baseline=Code(found.report.baseline))
