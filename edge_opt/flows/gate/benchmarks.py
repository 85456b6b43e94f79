"""Two files or folders of pytest-benchmark, of any project → one decision for each benchmark that both have."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from edge_opt import __version__
from edge_opt.errors import InputError, RunError
from edge_opt.inputs import pytest_json
from edge_opt.inputs.pytest_json import BenchmarkRun
from edge_opt.stages.gate import benchmarks
from edge_opt.types import Decision, Finding, Gate, Level

_SHOWN = 5
_FACTS = {"cpu": "processor", "machine": "kind of machine", "python": "Python"}


def accepts(candidate: Path, baseline: Path) -> bool:
    """Whether both look like JSON files of pytest-benchmark, or folders of such. Raises InputError where one does."""
    found = {path: pytest_json.accepts(path) for path in (candidate, baseline) if path.exists()}
    if len(set(found.values())) > 1:
        (other,) = (path for path, accepted in found.items() if not accepted)
        raise InputError(
            f"'{other}' holds no results of pytest-benchmark, and what it is compared with does",
            "give results on both sides, or two artifacts",
        )
    return any(found.values())


def gate(candidate: Path, baseline: Path, limit: float, *, seed: int = 0, command: str = "") -> Gate:
    """Each benchmark that both have, where its median may rise by the share ``limit``.

    Several files on each side are pairs in the order of their time: round by round, both sides by turns. One on each
    side is the weaker comparison. Raises RunError where a side cannot be used, the two are of different machines, or
    have nothing in common.
    """
    began, started = time.monotonic(), datetime.now(UTC).isoformat(timespec="seconds")
    ours, theirs = pytest_json.read(candidate), pytest_json.read(baseline)
    _require_two(ours, theirs)
    _same_machine((*theirs, *ours))
    if len(ours) != len(theirs):
        raise RunError(
            f"the {len(ours)} runs in '{candidate}' cannot be paired with the {len(theirs)} in '{baseline}'",
            "alternate the two sides, equally often",
        )
    names, findings = _shared(ours, theirs, candidate, baseline)
    versions = {"edge-opt": __version__, "pytest-benchmark": ours[-1].version, "Python": ours[-1].python}
    return Gate(
        candidate=None,
        baseline=None,
        against=str(baseline),
        judged=str(candidate),
        decisions=tuple(_decided(name, ours, theirs, limit, seed) for name in names),
        findings=tuple(findings),
        environment=None,
        versions={name: version for name, version in versions.items() if version},
        command=command,
        started=started,
        seconds=time.monotonic() - began,
    )


def _require_two(ours: Sequence[BenchmarkRun], theirs: Sequence[BenchmarkRun]) -> None:
    """Nothing; raises RunError where both sides hold one and the same run, which is never slower than itself."""
    for run, other in itertools.product(ours, theirs):
        if replace(run, path=other.path) == other:
            raise RunError(
                f"'{run.path}' and '{other.path}' are the same run",
                "run the benchmarks on each side, and give the results of both",
            )


def _same_machine(runs: Sequence[BenchmarkRun]) -> None:
    """Nothing; raises RunError where two of ``runs`` are of different machines or versions of Python."""
    first = runs[0]
    for run in runs[1:]:
        apart = [
            f"the {word} is '{getattr(first, fact)}' there and '{getattr(run, fact)}' here"
            for fact, word in _FACTS.items()
            if getattr(first, fact) != getattr(run, fact)
        ]
        if apart:
            raise RunError(
                f"'{first.path}' and '{run.path}' cannot be compared: {', '.join(apart)}",
                "run both on one machine, with one Python",
            )


def _shared(
    ours: Sequence[BenchmarkRun], theirs: Sequence[BenchmarkRun], candidate: Path, baseline: Path
) -> tuple[list[str], list[Finding]]:
    """The names that some pair has, in the order of the candidate, and a finding for those that only one side has."""
    paired = [set(one.results) & set(other.results) for one, other in zip(ours, theirs, strict=True)]
    new, old = (list(dict.fromkeys(name for run in runs for name in run.results)) for runs in (ours, theirs))
    names = [name for name in new if any(name in pair for pair in paired)]
    if not names:
        raise RunError(
            f"'{candidate}' and '{baseline}' have no benchmark in common",
            "run the same ones on both sides, from the same folder",
        )
    return names, [
        *_one_sided([name for name in old if name not in names], candidate, "warning"),
        *_one_sided([name for name in new if name not in names], baseline, "info"),
    ]


def _one_sided(names: Sequence[str], missing_in: Path, level: Level) -> Iterator[Finding]:
    if names:
        shown = ", ".join(f"'{name}'" for name in names[:_SHOWN])
        more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
        yield Finding(
            code="EO923",
            level=level,
            message=f"'{missing_in}' does not have {shown}{more}",
            hint="benchmarks that only one side has are not compared",
        )


def _decided(
    name: str, ours: Sequence[BenchmarkRun], theirs: Sequence[BenchmarkRun], limit: float, seed: int
) -> Decision:
    pairs = [
        (before, now)
        for before, now in zip(theirs, ours, strict=True)
        if name in before.results and name in now.results
    ]
    found = [(before.results[name], now.results[name]) for before, now in pairs]
    medians = [(before.median_ns, now.median_ns) for before, now in found]
    if min(map(min, medians)) <= 0:
        return benchmarks.undecided(name, *medians[-1], limit, *benchmarks.UNTIMED)
    if len(found) > 1:
        turns = all(
            max(before.taken, now.taken) < min(later[0].taken, later[1].taken)
            for (before, now), later in itertools.pairwise(pairs)
        )
        before_ns, now_ns = zip(*medians, strict=True)
        return benchmarks.of_pairs(name, before_ns, now_ns, limit, turns)
    before, now = found[0]
    if min(before.samples_ns, default=0) > 0 and min(now.samples_ns, default=0) > 0:
        return benchmarks.of_samples(name, before.samples_ns, now.samples_ns, limit, seed)
    figures = [(one.median_ns, one.iqr_ns, one.rounds) for one in (before, now)]
    return benchmarks.of_statistics(name, figures[0], figures[1], limit)
