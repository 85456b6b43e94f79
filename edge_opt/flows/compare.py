"""Runs and artifact files → one row for each artifact as one runtime ran it, joined by the hash of its files."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from edge_opt import __version__, registry, stats, units
from edge_opt.errors import InputError
from edge_opt.flows.bench import Benched, time_artifacts
from edge_opt.flows.evaluate import Evaluated, score_artifacts
from edge_opt.inputs import dataset as datasets
from edge_opt.nets.artifact_files import files_of
from edge_opt.results.report.side_by_side import Comparison, Row
from edge_opt.stages.benchmark import Protocol
from edge_opt.store import Run, measure_files
from edge_opt.types import Entry, Failure, Finding, Interval, Measured, Report, Target, Watch


@dataclass(frozen=True, kw_only=True)
class Bench:
    """Where and how artifact files are timed now, all of them together."""

    target: Target
    threads: int
    runtimes: tuple[str, ...]
    protocol: Protocol
    seed: int
    max_drop: float
    run: Run
    device: registry.Device
    watch: Watch


def runs_in(path: Path) -> tuple[Path, ...]:
    """The run folders at ``path``: itself, or those of an ``optimize`` for several targets; none for an artifact.

    Of several, those that have a report, unless none has. Raises InputError for a folder that holds no run.
    """
    if path.is_file() and path.suffix == ".json":
        return (path,)
    if not path.is_dir():
        return ()
    if _is_run(path):
        return (path,)
    found = _below(path)
    if not found:
        raise InputError(f"there is no run in '{path}'", "give the folder that 'edge-opt optimize' wrote")
    return tuple(one for one in found if (one / "report.json").exists()) or found


def without_report(path: Path) -> tuple[Path, ...]:
    """The run folders below ``path`` that :func:`runs_in` leaves out, because they came to no report."""
    if not path.is_dir() or _is_run(path):
        return ()
    taken = runs_in(path)
    return tuple(one for one in _below(path) if one not in taken)


def _is_run(path: Path) -> bool:
    return (path / "report.json").exists() or (path / "jobs.jsonl").exists()


def _below(path: Path) -> tuple[Path, ...]:
    return tuple(sorted(one for one in path.iterdir() if _is_run(one)))


def of_reports(reports: Mapping[str, Report], *, without: Sequence[Path] = ()) -> Comparison:
    """The trials of several runs, by the name of each run; those ``without`` a report are named in a finding."""
    rows = [row for name, report in reports.items() for row in _rows_of(name, report)]
    findings = (*_apart(tuple(reports.values())), *_left_out(without))
    return Comparison(rows=joined(rows), findings=findings, version=__version__)


def with_artifacts(comparison: Comparison, paths: Sequence[Path], data: Path | None, bench: Bench) -> Comparison:
    """``comparison`` with artifact files, timed now and together; with ``data``, their accuracy as well."""
    if data:  # a mistyped path is told before anything is timed
        datasets.find(data)
    found = time_artifacts(
        paths,
        bench.target,
        threads=bench.threads,
        runtimes=bench.runtimes,
        protocol=bench.protocol,
        seed=bench.seed,
        run=bench.run,
        device=bench.device,
        watch=bench.watch,
    )
    scored, said = _scored(found.rows, data, bench) if data else ([None] * len(found.rows), ())
    rows = [
        _row_of(one, scores, bench, first=not place)
        for place, (one, scores) in enumerate(zip(found.rows, scored, strict=True))
    ]
    failures = tuple(
        Failure(id=f"{one.artifact} by {one.runtime}", recipe="", stage="benchmark", message=one.message, hint=one.hint)
        for one in found.failures
    )
    return replace(
        comparison,
        rows=joined([*comparison.rows, *rows]),
        findings=(*comparison.findings, *found.findings, *said),
        failures=(*comparison.failures, *failures),
        version=__version__,
    )


def joined(rows: Sequence[Row]) -> tuple[Row, ...]:
    """``rows`` with those of the same artifact together, each compared with the first run that holds it.

    The baselines come first, then the fastest; files alone keep the order in which they were given.
    """
    groups: dict[tuple[str, tuple[str, ...]], list[Row]] = {}
    for row in rows:
        groups.setdefault((row.sha256, tuple(row.options.values())), []).append(row)
    ordered = list(groups.values())
    if any(row.run for row in rows):
        ordered.sort(key=_rank)
    return tuple(row for group in ordered for row in _against_first(group))


def _rank(group: Sequence[Row]) -> tuple[bool, float, int]:
    fastest = min((row.median_ns.estimate for row in group if row.median_ns), default=float("inf"))
    return not any(row.baseline for row in group), fastest, group[0].size_bytes


def _against_first(group: Sequence[Row]) -> Iterator[Row]:
    """The rows of one artifact; what is worth a line in one run is in all."""
    worth = any(row.front for row in group)
    for row in group:
        first = next(one for one in group if _runtime(one) == _runtime(row))
        ratio = _ratio(first.median_ns, row.median_ns) if first.run != row.run else None
        yield replace(row, front=worth, against_first=ratio)


def _runtime(row: Row) -> str:
    return row.runtime.partition(" ")[0]


def _ratio(first: Interval | None, row: Interval | None) -> Interval | None:
    """How many times faster, by the bounds of both: the runs share no rounds that could be paired, so it is wide."""
    if first is None or row is None:
        return None
    return Interval(
        low=first.low / row.high,
        estimate=first.estimate / row.estimate,
        high=first.high / row.low,
        confidence=min(first.confidence, row.confidence),
    )


# ── of a run ───────────────────────────────────────────────────────────────────────────────────────────────────────


def _rows_of(name: str, report: Report) -> Iterator[Row]:
    for trial in report.trials:
        scores = trial.accuracy.scores
        row = Row(
            run=name,
            artifact=trial.recipe.name,
            model=report.model.path.name,
            target=report.target.name,
            machine=_machine(report),
            threads=report.threads,
            format=" ".join(filter(None, (trial.artifact.format, trial.artifact.variant))),
            runtime=trial.runtime,
            options=trial.options,
            sha256=trial.artifact.sha256,
            size_bytes=trial.artifact.size_bytes,
            compressed_bytes=trial.artifact.compressed_bytes,
            best=trial.id == report.best,
            baseline=trial.id == report.baseline,
            front=trial.id in (*report.pareto, report.best, report.baseline),
            metric=trial.accuracy.metric,
            accuracy=stats.wilson_interval(sum(scores), len(scores)),
            samples=len(scores),
            drop=trial.verdict.drop,
            verdict="baseline" if trial.id == report.baseline else trial.verdict.status,
        )
        yield _timed(row, trial.measured) if isinstance(trial.measured, Measured) else row


def _timed(row: Row, measured: Measured) -> Row:
    within = stats.median_interval([stats.median(one.samples_ns) for one in measured.rounds])
    low, high = min(within.low, measured.median_ns), max(within.high, measured.median_ns)
    return replace(
        row,
        runtime=measured.runtime_version,
        median_ns=replace(within, low=low, estimate=measured.median_ns, high=high),
        half_iqr_ns=measured.half_iqr_ns,
        p90_ns=measured.p90_ns,
        memory_bytes=measured.memory_bytes,
        speed_up=measured.speed_up,
    )


def _machine(report: Report) -> str:
    for trial in report.trials:
        if isinstance(trial.measured, Measured):
            found = trial.measured.environment
            return units.format_processor(found.cores, found.cpu)
    return ""


def _apart(reports: Sequence[Report]) -> Iterator[Finding]:
    """What keeps the accuracies, or the times, of the runs from being compared: one sentence."""
    what: Mapping[str, Callable[[Report], object]] = {
        "data": lambda one: one.data.sha256,
        "preprocessing contracts": lambda one: one.preprocessing,
        "seeds, so other samples": lambda one: (one.seed, one.data.sha256),
        "versions of edge-opt": lambda one: one.versions.get("edge-opt"),
    }
    differing = [words for words, value in what.items() if any(value(one) != value(reports[0]) for one in reports)]
    if "data" in differing:
        differing.remove("seeds, so other samples")
    if differing:
        yield Finding(
            code="EO504",
            level="warning",
            message=f"the runs were made with different {', '.join(differing)}: compare their numbers with care",
            hint="run 'edge-opt optimize' again with the same, where the difference matters",
        )


def _left_out(folders: Sequence[Path]) -> Iterator[Finding]:
    if folders:
        names = ", ".join(f"'{one}'" for one in folders)
        yield Finding(
            code="EO509",
            level="warning",
            message=f"{names} came to no report, so it is not shown"
            if len(folders) == 1
            else f"{names} came to no report, so they are not shown",
            hint="give the command of the run again with --resume, and see why it ends",
        )


# ── of artifact files ──────────────────────────────────────────────────────────────────────────────────────────────


def _row_of(one: Benched, scores: Evaluated | None, bench: Bench, *, first: bool) -> Row:
    sha256, size_bytes, compressed_bytes = measure_files(files_of(one.artifact))
    machine = one.measured.environment
    row = Row(
        run="",
        artifact=shlex.quote(str(one.artifact)),
        model="",
        target=bench.target.name,
        machine=units.format_processor(machine.cores, machine.cpu),
        threads=one.measured.threads,
        format={".xml": "openvino"}.get(one.artifact.suffix, one.artifact.suffix.removeprefix(".")),
        runtime=one.measured.runtime_version,
        options=one.measured.options,
        sha256=sha256,
        size_bytes=size_bytes,
        compressed_bytes=compressed_bytes,
        baseline=first,
    )
    if scores:
        row = replace(
            row,
            metric=scores.accuracy.metric,
            accuracy=scores.interval,
            samples=len(scores.accuracy.scores),
            drop=scores.verdict.drop,
            verdict="baseline" if first else scores.verdict.status,
        )
    return _timed(row, one.measured)


def _scored(
    timed: Sequence[Benched], data: Path, bench: Bench
) -> tuple[Sequence[Evaluated | None], tuple[Finding, ...]]:
    """The accuracy of what was timed, by the runtime that ran it, all against the first: in the same order."""
    entries = [Entry(path=one.artifact, runtime=one.measured.runtime, options=one.measured.options) for one in timed]
    return score_artifacts(
        entries, data, max_drop=bench.max_drop, run=bench.run, device=bench.device, watch=bench.watch
    )
