"""The sentences of a report: what text and document say in the same words."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from edge_opt import stats, units
from edge_opt.results.report import reasons
from edge_opt.types import Artifact, Finding, Interval, Measured, NotTimed, Preprocessing, Report, Trial

_LEVELS = {"error": 0, "warning": 1, "info": 2}
_TIMES = {1: "once", 2: "twice"}


def one_line(text: str) -> str:
    """``text`` without line breaks, control characters and runs of spaces, as library messages may have them."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())


def trial(report: Report, id: str) -> Trial:
    """The trial of that id."""
    return next(one for one in report.trials if one.id == id)


def tool(report: Report) -> str:
    """``edge-opt 0.1.0``."""
    return f"edge-opt {report.versions.get('edge-opt', '')}".strip()


def threads(report: Report) -> str:
    """``1 thread``, ``4 threads``."""
    return "1 thread" if report.threads == 1 else f"{report.threads} threads"


def metric(report: Report) -> str:
    """What is counted: ``top1``, or ``agreement`` with the float model where the data have no labels."""
    return report.original.accuracy.metric


def samples(report: Report) -> str:
    """What the data hold: ``images``, or ``samples`` where they are no pictures."""
    return "images" if isinstance(report.preprocessing, Preprocessing) else "samples"


def machine(report: Report) -> str:
    """``rpi4: 4x Cortex-A72, Linux 6.6 aarch64``, as measured; without measurements, the target's description."""
    for one in (trial(report, report.baseline), *report.trials):
        if isinstance(one.measured, Measured):
            found = one.measured.environment
            processor = units.format_processor(found.cores, found.cpu)
            return f"{report.target.name}: {processor}, {found.system} {found.machine}"
    return f"{report.target.name}: {report.target.description}"


def runtimes(report: Report) -> tuple[str, ...]:
    """The runtimes that timed something, with their versions, each once."""
    versions = (one.measured.runtime_version for one in report.trials if isinstance(one.measured, Measured))
    return tuple(dict.fromkeys(versions))


def kinds(report: Report) -> str:
    """How the times are known: ``measured``, and how many are not."""
    missing = len(untimed(report))
    if missing == len(report.trials):
        return "not timed"
    return f"measured, {missing} of {len(report.trials)} not timed" if missing else "measured"


def untimed(report: Report) -> tuple[tuple[str, str], ...]:
    """The ids of the trials without a time, and why there is none."""
    return tuple((one.id, one_line(one.measured.reason)) for one in report.trials if isinstance(one.measured, NotTimed))


def findings(report: Report) -> tuple[Finding, ...]:
    """Every finding of the run, of its verdicts and of its certificate once, the worst first; each says whose it is."""
    found = [*report.findings]
    for whose, verdict in (
        *((one.id, one.verdict) for one in report.trials),
        (f"{report.certificate.trial} on the certification split", report.certificate.verdict),
    ):
        found.extend(replace(one, message=f"{whose}: {one.message}") for one in verdict.findings)
    return tuple(sorted(dict.fromkeys(found), key=lambda one: _LEVELS[one.level]))


def faster(interval: Interval, *, bounds: bool = True) -> str:
    """``3.11x faster``, ``0.67 times as fast``, or that it cannot be told; with ``(95% interval of the ratio …)``."""
    if interval.confidence <= 0:
        return f"about {_times(interval.estimate)} times as fast (timed once: there is no interval)"
    if interval.high < 1:
        low, high = _times(interval.low), _times(interval.high)
        said = f" ({units.format_confidence(interval.confidence)} interval {low} … {high})" if bounds else ""
        return f"{_times(interval.estimate)} times as fast{said}"
    low, high = units.format_ratio(interval.low), units.format_ratio(interval.high)
    said = f" ({units.format_confidence(interval.confidence)} interval of the ratio {low} … {high})" if bounds else ""
    if interval.low > 1:
        return f"{units.format_ratio(interval.estimate)} faster{said}"
    return f"no measurable difference{said}"


def _times(ratio: float) -> str:
    """The ratio without its x: ``0.67``."""
    return units.format_ratio(ratio).removesuffix("x")


def smaller(artifact: Artifact, baseline: Artifact) -> str:
    """``3.78x smaller (250.98 KiB instead of 948.24 KiB)``."""
    sizes = f"{units.format_bytes(artifact.size_bytes)} instead of {units.format_bytes(baseline.size_bytes)}"
    if artifact.size_bytes == baseline.size_bytes:
        return f"of the same size ({units.format_bytes(artifact.size_bytes)})"
    if artifact.size_bytes < baseline.size_bytes:
        return f"{units.format_ratio(baseline.size_bytes / artifact.size_bytes)} smaller ({sizes})"
    return f"{units.format_ratio(artifact.size_bytes / baseline.size_bytes)} larger ({sizes})"


def best(report: Report) -> str:
    """What the best one is against the baseline, in latency and size."""
    chosen, baseline = trial(report, report.best), trial(report, report.baseline)
    if chosen.id == baseline.id:
        return reasons.for_baseline(report)
    size = smaller(chosen.artifact, baseline.artifact)
    if not isinstance(chosen.measured, Measured) or not isinstance(baseline.measured, Measured):
        return f"{size}, not timed"
    speed_up = report.retimed.speed_up if report.retimed else chosen.measured.speed_up
    times = (chosen.measured.median_ns, baseline.measured.median_ns)
    if report.retimed:  # the ratio and the times of one and the same measurement
        times = (stats.median(report.retimed.best_ns), stats.median(report.retimed.baseline_ns))
    after, before = (units.format_duration(ns) for ns in times)
    ratio = faster(speed_up, bounds=report.retimed is None) if speed_up else "not compared in time"
    return "; ".join((f"{ratio}, {after} instead of {before}", size, *reasons.for_slower(report, speed_up)))


def certificate(report: Report) -> str:
    """What the certification split says of the one that is handed over."""
    found = report.certificate
    verdict = found.verdict
    limit, looked_at = units.format_pp(verdict.limit), f"{units.format_count(verdict.samples)} test {samples(report)}"
    if found.trial == report.baseline:
        counted = f"{metric(report)} {units.format_percent(found.accuracy.value)}"
        return f"the baseline is its own reference: {counted} on {looked_at}"
    said = {"pass": "certified", "fail": "NOT certified, it fails", "unclear": "NOT certified, it cannot be told"}[
        found.status
    ]
    return f"{said} at {limit} on {looked_at}: {_drop(report)}{decide(report, verdict.samples_to_decide)}"


def _drop(report: Report) -> str:
    """``a drop of 0.10 points (90% interval -0.05 … 0.26)``, or ``0.10 points better``; of the accuracy, if unsaid."""
    drop = report.certificate.verdict.drop
    points = units.format_pp(abs(drop.estimate), unit=False)
    whose = "" if metric(report) == "top1" else f"{metric(report)} "
    interval = f"{units.format_confidence(drop.confidence)} interval"
    low, high = (units.format_pp(bound, unit=False) for bound in (drop.low, drop.high))
    if units.format_pp(drop.estimate, unit=False).startswith("-"):
        return f"{whose}{points} points better ({interval} of the drop {low} … {high})"
    return f"a {whose}drop of {points} points ({interval} {low} … {high})"


def decide(report: Report, count: int | None) -> str:
    """``; about 5,300 images would decide``, or nothing."""
    return "" if count is None else f"; about {units.format_count(count)} {samples(report)} would decide"


def ledger(report: Report) -> str:
    """How often the certification split was looked at, and for whom; a look for the diagnosis decided nothing."""
    looks = [look for look in report.certificate.ledger if look.purpose == "certificate"]
    others = [look.trial for look in report.certificate.ledger if look.purpose == "diagnosis"]
    if not looks:
        said = "the certification split was not looked at"
    else:
        said = f"the certification split was looked at {_TIMES.get(len(looks), f'{len(looks)} times')}"
    if looks and [look.trial for look in looks] != [report.best]:
        said += ": " + ", ".join(f"{look.trial} {look.status}" for look in looks)
    return f"{said}; afterwards, to diagnose {' and '.join(others)}" if others else said


def retimed(report: Report) -> Iterator[str]:
    """How fast the winner is when it is timed again; nothing where it was not."""
    if not report.retimed:
        return
    how = (
        "in one process with the baseline, in alternating blocks"
        if report.retimed.mode == "pair"
        else "in rounds with the baseline"
    )
    count = len(report.retimed.best_ns)
    processes = "1 process" if count == 1 else f"{count} processes"
    yield f"timed again {how} ({processes}): {faster(report.retimed.speed_up)}"


def original(report: Report) -> str:
    """What the model could do before anything was done to it."""
    accuracy = report.original.accuracy
    looked_at = f"{units.format_count(len(accuracy.scores))} {samples(report)} of the {accuracy.split} split"
    if not report.data.labelled:
        return f"without labels, what the model itself answers on {looked_at} is the reference"
    return f"{report.model.framework} itself: top1 {units.format_percent(accuracy.value)} on {looked_at}"
