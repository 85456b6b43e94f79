"""The Report as a document: the answer first, then the table, and then all that a reader needs to believe it."""

from __future__ import annotations

from collections.abc import Iterator

from edge_opt import units
from edge_opt.results.report import ladder, notes, tables, words
from edge_opt.results.report.tables import Column
from edge_opt.types import Measured, Report

CLASSES_SHOWN = 10
_ANSWERS = "answers as the float model does and the other otherwise"


def markdown(report: Report, picture: str) -> str:
    """The document; ``picture`` is the file with the front beside it, or empty where there is none."""
    sections = (
        (f"# {report.model.path.name} on {report.target.name}", _answer(report)),
        ("## What was asked", notes.asked(report)),
        ("## What was tried", _table(report)),
        (f"## {ladder.TITLE}", _ladder(report)),
        ("## The front", _front(report, picture)),
        ("## What did not work", _broken(report)),
        ("## What was not tried", _skipped(report)),
        ("## Findings", _findings(report)),
        ("## The certificate", _certificate(report)),
        ("## How it was measured", notes.measured(report)),
        ("## How each number is known", notes.known(report)),
        ("## How to read it", notes.reading(report)),
        ("## How to reproduce it", notes.reproduce(report)),
    )
    written = ((title, list(lines)) for title, lines in sections)
    return "\n\n".join("\n".join((title, "", *lines)) for title, lines in written if lines) + "\n"


def _answer(report: Report) -> Iterator[str]:
    yield notes.sentence(
        f"**Take `{report.best}`**: {words.best(report)}",
        *words.retimed(report),
        notes.escape(f"{words.certificate(report)}; {words.ledger(report)}"),
        f"Before anything was done, {words.original(report)}",
    )


def _table(report: Report) -> Iterator[str]:
    columns, constant = tables.columns(report, detailed=True)
    yield from tables.draw([_escaped(column) for column in columns], rule=True)
    yield ""
    limit, samples = (
        units.format_pp(report.trials[0].verdict.limit),
        units.format_count(report.trials[0].verdict.samples),
    )
    yield notes.sentence(
        f"`{tables.BEST}` is the best for the goal '{report.goal}'",
        f"the verdict says whether every limit is kept; the {words.metric(report)} drop, at most {limit}, was counted "
        f"on {samples} {words.samples(report)} of the selection split",
        *([f"in every row: {', '.join(constant)}"] if constant else []),
        *tables.legend(report, columns),
    )


def _escaped(column: Column) -> Column:
    return Column(column.title, tuple(notes.escape(cell) for cell in column.cells), column.right)


def _front(report: Report, picture: str) -> Iterator[str]:
    front = [trial for trial in tables.ordered(report) if trial.id in report.pareto]
    if not front:
        return
    yield (
        "Of what did not fail and breaks no limit, nothing equals or beats one of these in latency, size and "
        f"{'accuracy' if report.data.labelled else 'agreement'} at once:"
    )
    yield ""
    timed = (trial.measured if isinstance(trial.measured, Measured) else None for trial in front)
    yield from tables.draw(
        [
            Column("artifact", tuple(f"`{trial.id}`" for trial in front), right=False),
            Column("latency", tuple(units.format_duration(one.median_ns) if one else "not timed" for one in timed)),
            Column("size", tuple(units.format_bytes(trial.artifact.size_bytes) for trial in front)),
            Column(words.metric(report), tuple(units.format_percent(trial.accuracy.value) for trial in front)),
            Column("verdict", tuple(tables.verdict(report, trial) for trial in front), right=False),
        ],
        rule=True,
    )
    yield ""
    if picture:
        yield f"![Latency and size of every trial, and the front]({picture})"
    elif any(isinstance(trial.measured, Measured) for trial in front):
        yield "There is no picture of it here: `pip install 'edge-opt[report]'` installs what draws `front.svg`."


def _broken(report: Report) -> Iterator[str]:
    for failure in report.failures:
        hint = f" Hint: {notes.escape(failure.hint)}." if failure.hint else ""
        yield f"- `{failure.id}` failed at {failure.stage}: {notes.ended(notes.escape(failure.message))}{hint}"
    for id, reason in words.untimed(report):
        yield f"- `{id}` was not timed: {notes.ended(notes.escape(reason))}"


def _ladder(report: Report) -> Iterator[str]:
    yield from ladder.markdown(report)


def _skipped(report: Report) -> Iterator[str]:
    for one in report.skipped:
        yield f"- `{one.id}`: {notes.ended(notes.escape(one.reason))}"


def _findings(report: Report) -> Iterator[str]:
    for finding in words.findings(report):
        hint = f" *Hint: {notes.escape(finding.hint)}.*" if finding.hint else ""
        yield f"- **{finding.level} {finding.code}**: {notes.ended(notes.escape(finding.message))}{hint}"


def _certificate(report: Report) -> Iterator[str]:
    found = report.certificate
    verdict = found.verdict
    before, after = (units.format_percent(one.value) for one in (found.baseline, found.accuracy))
    discordant = units.format_count(verdict.discordant)
    things, right = words.samples(report), report.data.labelled
    counted = "top-1" if right else words.metric(report)
    compared = (
        f"on these {things} the baseline's {counted} is {before}, the artifact's {after}",
        f"for {discordant} of the {things} one of the two {'is right and the other wrong' if right else _ANSWERS}",
    )
    yield notes.sentence(
        f"`{found.trial}` is what is handed over. The {things} that certify it took no part in calibrating and "
        "choosing",
        notes.escape(words.certificate(report)),
        *(compared if found.trial != report.baseline else ()),
    )
    yield ""
    yield "Every look at this split:"
    yield ""
    yield from (f"{number}. `{look.trial}`: {look.status}" for number, look in enumerate(found.ledger, 1))
    if not found.ledger:
        yield "none."
    yield ""
    yield from _classes(report)


def _classes(report: Report) -> Iterator[str]:
    """The classes that lose most, against the baseline on the certification split."""
    before, after = report.certificate.baseline.per_class, report.certificate.accuracy.per_class
    names = sorted((name for name in after if name in before), key=lambda name: (after[name] - before[name], name))
    if report.certificate.trial == report.baseline or not names:
        return
    shown = names[:CLASSES_SHOWN]
    yield (
        "Class by class, what loses most first:"
        if len(shown) == len(names)
        else f"The {len(shown)} classes that lose most:"
    )
    yield ""
    yield from tables.draw(
        [
            Column("class", tuple(notes.escape(name) for name in shown), right=False),
            Column(
                f"baseline {words.metric(report)} %",
                tuple(units.format_percent(before[name], unit=False) for name in shown),
            ),
            Column(f"{words.metric(report)} %", tuple(units.format_percent(after[name], unit=False) for name in shown)),
            Column("Δ pp", tuple(units.format_pp(after[name] - before[name], unit=False) for name in shown)),
        ],
        rule=True,
    )
    yield ""
    yield (
        f"No limit holds for a class alone, and a Δ of few {words.samples(report)} decides nothing. A class that "
        "certainly loses more than all of them together, by intervals that hold for every class at once, is a finding: "
        "EO203."
    )
