"""The appendix about the method: what was asked, how it was measured, how each number is known, how to read it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from edge_opt.results.report import reasons, tables, words
from edge_opt.results.report.document import facts
from edge_opt.results.report.document.blocks import Block, Bullets, Code, Content, Inlines, Paragraph, Strong, joined
from edge_opt.results.report.document.writing import Pen
from edge_opt.types import Measured, NotTimed, Report, Trial

# of the flags, those that kernels are chosen by
VECTOR_SETS = ("avx", "amx", "fma", "asimd", "neon", "sve", "i8mm", "bf16")


def asked(report: Report, pen: Pen) -> Iterator[Block]:
    """Model, data, target, limits and command."""
    model, data = report.model, report.data
    yield Bullets(
        (
            pen.say(
                "asked_model",
                path=Code(model.path.as_posix()),
                framework=pen.word(model.framework),
                parameters=model.parameters,
                macs=model.macs,
                size=model.size_bytes,
                sha=Code(model.sha256),
            ),
            pen.say(
                "asked_data",
                path=Code(data.path),
                classes=len(data.classes),
                calibration=facts.of(report, data.calibration, pen),
                selection=data.selection,
                certification=data.certification,
                sha=Code(data.sha256),
            ),
            pen.say("asked_contract", contract=facts.contract(report.preprocessing, pen)),
            pen.say(
                "asked_target",
                target=Code(report.target.name),
                description=pen.foreign(report.target.description),
                threads=pen.text("threads", count=report.threads),
            ),
            pen.say("asked_limits", limits=", ".join(_limits(report, pen)), goal=report.goal, effort=report.effort),
            pen.say("asked_command", command=Code(words.one_line(report.command))),
        )
    )


def _limits(report: Report, pen: Pen) -> Iterator[str]:
    budget = report.target.budget
    yield pen.text("limit_drop", metric=words.metric(report), limit=budget.max_drop)
    if budget.max_latency_ns is not None:
        yield pen.text("limit_latency", limit=budget.max_latency_ns)
    if budget.max_size_bytes is not None:
        yield pen.text("limit_size", limit=budget.max_size_bytes)
    if budget.max_memory_bytes is not None:
        yield pen.text("limit_memory", limit=budget.max_memory_bytes)


def protocol(report: Report, pen: Pen) -> Iterator[Block]:
    """The protocol as it was kept, and the machine."""
    timed = _timed(report)
    if not timed:
        yield Paragraph(pen.say("nothing_timed"))
        return
    first = next((one for trial, one in timed if trial.id == report.baseline), timed[0][1])
    where = first.environment
    yield Paragraph(
        joined(
            pen.say(
                "protocol_is",
                threads=pen.text("threads", count=report.threads),
                rounds=_span("rounds", [len(one.rounds) for _, one in timed], pen),
                samples=_span("latencies", [sum(len(turn.samples_ns) for turn in one.rounds) for _, one in timed], pen),
            ),
            pen.say("protocol_means"),
        )
    )
    vector = [name for name in where.isa if name.startswith(VECTOR_SETS)]
    items: list[Content] = [
        pen.say(
            "machine_is",
            cpu=where.cpu,
            machine=where.machine,
            cores=pen.text("cores", count=where.cores),
            isa=f" ({', '.join(vector)})" if vector else "",
            ram=where.ram_bytes,
        ),
        pen.say(
            "system_is",
            system=where.system,
            python=where.python,
            governor=where.governor or pen.text("unknown"),
        ),
        pen.say("load_is", load=max(one.environment.load_average for _, one in timed)),
        *_executed(timed, pen),
    ]
    if report.retimed:
        items.append(
            pen.say(
                "timed_again",
                how=pen.text(f"how_{report.retimed.mode}"),
                processes=len(report.retimed.best_ns),
                faster=pen.faster(report.retimed.speed_up),
            )
        )
    yield Bullets(tuple(items))


def _span(key: str, counts: Sequence[int], pen: Pen) -> str:
    low, high = min(counts), max(counts)
    if low == high:
        return pen.text(key, count=low)
    return pen.text(f"{key}_between", low=low, high=high)


def _executed(timed: Sequence[tuple[Trial, Measured]], pen: Pen) -> Iterator[Inlines]:
    """What each runtime says it really did, and for which trials where it did not do the same for all."""
    for version in dict.fromkeys(one.runtime_version for _, one in timed):
        groups: dict[str, list[str]] = {}
        for trial, one in timed:
            if one.runtime_version == version:
                said = ", ".join(f"{name}={value}" for name, value in one.executed.items())
                groups.setdefault(said, []).append(trial.id)
        for said, ids in groups.items():
            if not said:
                yield (version,)
            elif len(groups) > 1:
                yield pen.say("executed_by", version=version, said=Code(said), trials=pen.codes(ids))
            else:
                yield pen.say("executed", version=version, said=Code(said))


def known(report: Report, pen: Pen) -> Iterator[Block]:
    """Where each kind of number comes from: measured, or counted."""
    noun = facts.noun(report.preprocessing, pen)
    framework = pen.word(report.model.framework)
    counted = Strong(pen.text("counted"))
    items: list[Content] = []
    if _timed(report):
        measured = Strong(pen.text("measured"))
        items.append(pen.say("known_times", measured=measured, machine=facts.machine(report, pen)))
        items.append(pen.say("known_memory"))
    items += [
        pen.say("known_untimed", trial=Code(one.id)) for one in report.trials if isinstance(one.measured, NotTimed)
    ]
    if report.data.labelled:
        original = report.original.accuracy
        things = facts.of(report, len(original.scores), pen)
        items.append(pen.say("known_accuracy", counted=counted, noun=noun))
        items.append(pen.say("known_original", framework=framework, value=original.value, things=things))
    else:
        items.append(pen.say("known_agreement", counted=counted, noun=noun, framework=framework))
    confidence = report.trials[0].verdict.drop.confidence
    items.append(pen.say("known_change", noun=noun, confidence=confidence))
    items.append(pen.say("known_size", counted=counted))
    if report.quality:
        items.append(pen.say("known_robustness", counted=counted, noun=noun))
    if report.diagnosis and report.diagnosis.behaviour:
        items.append(pen.say("known_calibration", counted=counted))
    differences = [
        (one.accuracy.max_abs_difference, one.id)
        for one in report.trials
        if one.accuracy.max_abs_difference is not None
    ]
    if differences:
        apart, id = max(differences)
        items.append(pen.say("known_outputs", framework=framework, apart=apart, trial=Code(id)))
    yield Bullets(tuple(items))


def reading(report: Report, pen: Pen) -> Iterator[Block]:
    """What the numbers of this run do and do not say."""
    threads = pen.text("threads", count=report.threads)
    items: list[Content] = [pen.say("reading_times", machine=facts.machine(report, pen), threads=threads)]
    slower = [trial.id for trial, one in _timed(report) if reasons.is_slower(one.speed_up)]
    if slower:
        items.append(pen.say("reading_slower", trials=pen.codes(slower), count=len(slower)))
    if report.best != report.baseline:
        items.append(pen.say("reading_retimed" if report.retimed else "reading_best"))
    for trial in report.trials:
        if trial.verdict.status == "unclear":
            messages = pen.foreign("; ".join(one.message for one in trial.verdict.findings))
            items.append(pen.say("reading_unclear", trial=Code(trial.id), message=pen.ended(messages)))
    looks = sum(1 for one in report.certificate.ledger if one.purpose == "certificate")
    if looks > 1:
        items.append(pen.say("reading_ledger", looks=looks))
    yield Bullets(tuple(items))


def _timed(report: Report) -> list[tuple[Trial, Measured]]:
    return [(trial, one) for trial in tables.ordered(report) if (one := facts.timed(trial))]
