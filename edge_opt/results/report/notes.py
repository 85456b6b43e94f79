"""The parts of the document that say what was asked, how it was measured and how to read and repeat it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from edge_opt import stats, units
from edge_opt.inputs import preprocess
from edge_opt.results.report import tables, words
from edge_opt.types import ArrayPreprocessing, Contract, Interval, Measured, NotTimed, Report, Trial

VECTOR_SETS = (
    "avx",
    "amx",
    "fma",
    "asimd",
    "neon",
    "sve",
    "i8mm",
    "bf16",
)  # of the flags, those that kernels are chosen by


def escape(text: str) -> str:
    """``text`` on one line, with what Markdown would take for markup made harmless."""
    return re.sub(r"([\\|<>*`\[\]])", r"\\\1", words.one_line(text))


def ended(text: str) -> str:
    """``text`` with a full stop where it has none."""
    return text if text.endswith((".", "!", "?", ":")) else f"{text}."


def sentence(*parts: str) -> str:
    """The parts as sentences of one paragraph."""
    return " ".join(ended(part[:1].upper() + part[1:]) for part in parts if part)


def asked(report: Report) -> Iterator[str]:
    """Model, data, target, limits and command, one item each."""
    model, data, budget = report.model, report.data, report.target.budget
    count = units.format_count
    yield (
        f"- Model: `{model.path.as_posix()}` ({model.framework}, {count(model.parameters)} parameters, "
        f"{count(model.macs)} multiply-accumulates an inference, {units.format_bytes(model.size_bytes)}), "
        f"sha256 `{model.sha256}`"
    )
    yield (
        f"- Data: `{data.path}`, {count(len(data.classes))} classes: {count(data.calibration)} {words.samples(report)} "
        f"to calibrate, {count(data.selection)} to choose, {count(data.certification)} to certify, "
        f"sha256 `{data.sha256}`"
    )
    yield f"- Preprocessing: {preprocessing(report.preprocessing)}"
    yield f"- Target: `{report.target.name}` ({escape(report.target.description)}), {words.threads(report)}"
    limits = [f"{words.metric(report)} drop at most {units.format_pp(budget.max_drop)}"]
    if budget.max_latency_ns is not None:
        limits.append(f"p90 latency at most {units.format_duration(budget.max_latency_ns)}")
    if budget.max_size_bytes is not None:
        limits.append(f"size at most {units.format_bytes(budget.max_size_bytes)}")
    if budget.max_memory_bytes is not None:
        limits.append(f"memory at most {units.format_bytes(budget.max_memory_bytes)}")
    yield f"- Limits: {', '.join(limits)}; goal: {report.goal}, effort: {report.effort}"
    yield f"- Command: `{words.one_line(report.command)}`"


def preprocessing(contract: Contract) -> str:
    """The contract in words: ``gray, 28 x 28 pixels (bilinear, no crop), pixel * 0.0039 + 0, float32 NHWC``."""
    if isinstance(contract, ArrayPreprocessing):
        return escape(f"{preprocess.describe(contract)}, {contract.dtype}")
    crop = "cropped to the centre" if contract.crop == "center" else "no crop"
    scale, offset = (
        ", ".join(units.format_number(value) for value in values) for values in (contract.scale, contract.offset)
    )
    sums = (
        f"pixel * ({scale}) + ({offset})"
        if len(contract.scale) + len(contract.offset) > 2
        else f"pixel * {scale} + {offset}"
    )
    pixels = f"{contract.height} x {contract.width} pixels ({contract.resize}, {crop})"
    return f"{contract.color}, {pixels}, {escape(sums)}, {contract.dtype} {contract.layout}"


def measured(report: Report) -> Iterator[str]:
    """The protocol as it was kept, and the machine."""
    timed = _timed(report)
    if not timed:
        yield "Nothing was timed."
        return
    first = next((one for trial, one in timed if trial.id == report.baseline), timed[0][1])
    rounds = _span(*(len(one.rounds) for _, one in timed))
    samples = _span(*(sum(len(turn.samples_ns) for turn in one.rounds) for _, one in timed))
    where = first.environment
    vector = [name for name in where.isa if name.startswith(VECTOR_SETS)]
    isa = f" ({', '.join(vector)})" if vector else ""
    yield (
        f"Batch 1, one inference at a time, {words.threads(report)}, warm-up left out: {rounds} "
        f"{'round' if rounds == '1' else 'rounds'} in random order, every measurement in a fresh process, {samples} "
        "samples for each artifact. Latency is the median ± half of the interquartile range, beside it the 90th "
        "percentile; a sample spans setting the input, the inference and reading the output. The speed-up "
        "is the median of the ratios round by round, with an interval from resampling the rounds."
    )
    yield ""
    ram = units.format_bytes(where.ram_bytes)
    yield f"- Machine: {escape(where.cpu)}, {where.machine}, {where.cores} cores{isa}, {ram} of memory"
    governor = escape(where.governor) or "unknown"
    yield f"- System: {escape(where.system)}, Python {where.python}, frequency governor: {governor}"
    load = max(one.environment.load_average for _, one in timed)
    yield f"- Load average while measuring: at most {units.format_number(load)}"
    yield from _executed(timed)
    for line in words.retimed(report):
        yield f"- The winner was {line}"


def _executed(timed: list[tuple[Trial, Measured]]) -> Iterator[str]:
    """What each runtime says it really did, and for which trials where it did not do the same for all."""
    for version in dict.fromkeys(one.runtime_version for _, one in timed):
        groups: dict[str, list[Trial]] = {}
        for trial, one in timed:
            if one.runtime_version == version:
                groups.setdefault(", ".join(f"{name}: {value}" for name, value in one.executed.items()), []).append(
                    trial
                )
        for said, trials in groups.items():
            which = f" ({_listed(trials)})" if len(groups) > 1 else ""
            yield f"- {version}" + (f", what it says it did: {escape(said)}{which}" if said else "")


def known(report: Report) -> Iterator[str]:
    """Where each kind of number comes from."""
    timed = _timed(report)
    if timed:
        yield f"- Latency, load time and memory: **measured** on {escape(words.machine(report))}."
        yield "- Memory: what loading and running the artifact added to its process, median over the rounds."
    for trial in report.trials:
        if isinstance(trial.measured, NotTimed):
            yield f"- `{trial.id}` was not timed."
    if report.data.labelled:
        yield (
            f"- Top1: counted on labelled {words.samples(report)}, each artifact run by its own runtime, with the "
            "preprocessing above."
        )
    else:
        yield (
            f"- Agreement: the share of the {words.samples(report)} that an artifact answers as the float model does, "
            f"which {report.model.framework} ran; there are no labels, so that nobody knows which answers are right."
        )
    yield "- Size: the bytes of the artifact's files; compressed: the same after gzip."
    confidence = units.format_confidence(report.trials[0].verdict.drop.confidence)
    yield (
        f"- The change of {words.metric(report)} is paired, both models on the same {words.samples(report)}; "
        f"± is its {confidence} interval."
    )
    differences = [
        (one.accuracy.max_abs_difference, one.id)
        for one in report.trials
        if one.accuracy.max_abs_difference is not None
    ]
    if differences:
        largest, id = max(differences)
        apart = units.format_number(largest)
        yield f"- Outputs against {report.model.framework}'s own: at most {apart} apart, in `{id}`."


def reading(report: Report) -> Iterator[str]:
    """What the numbers of this run do and do not say."""
    machine = escape(words.machine(report))
    yield f"- Times hold for {machine}, {words.threads(report)}. Elsewhere another recipe may win: measure there."
    slower = [trial for trial, one in _timed(report) if _slower(one.speed_up)]
    if slower:
        verb = "is" if len(slower) == 1 else "are"
        yield f"- Smaller is not faster: {_listed(slower)} {verb} slower here than the baseline."
    if report.best != report.baseline:
        counted = "accuracy" if report.data.labelled else "agreement"
        again = " and its speed-up from the second timing." if report.retimed else "."
        yield (
            "- The best was chosen among several by the selection split and by these times, which flatters it a "
            f"little: quote its {counted} from the certificate{again}"
        )
    unclear = [trial for trial in report.trials if trial.verdict.status == "unclear"]
    for trial in unclear:
        yield f"- `{trial.id}` is unclear: {escape(ended('; '.join(one.message for one in trial.verdict.findings)))}"
    if len(report.certificate.ledger) > 1:
        yield f"- {sentence(escape(words.ledger(report)))} Each further look makes a lucky pass more likely."


def reproduce(report: Report) -> Iterator[str]:
    """Command, seed and versions."""
    yield "```"
    yield words.one_line(report.command)
    yield "```"
    yield ""
    yield f"Seed {report.seed}, started {report.started}, took {units.format_seconds(report.seconds)}. Versions:"
    yield ""
    yield from (f"- {name}: {version}" for name, version in sorted(report.versions.items()))


def _timed(report: Report) -> list[tuple[Trial, Measured]]:
    return [(trial, trial.measured) for trial in tables.ordered(report) if isinstance(trial.measured, Measured)]


def _slower(speed_up: Interval | None) -> bool:
    return speed_up is not None and speed_up.high < 1 and speed_up.confidence >= stats.LEAST_CONFIDENCE


def _span(*counts: int) -> str:
    low, high = units.format_count(min(counts)), units.format_count(max(counts))
    return low if low == high else f"{low} to {high}"


def _listed(trials: list[Trial]) -> str:
    names = [f"`{trial.id}`" for trial in trials]
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
