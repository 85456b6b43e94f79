"""One model for several targets and numbers of threads: a run and a report each, and all of them side by side."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from edge_opt.errors import DataError, EdgeOptError, InputError, ModelError, RunError
from edge_opt.flows.compare import of_reports
from edge_opt.results.report.side_by_side import Comparison, render
from edge_opt.store import room, write_whole
from edge_opt.types import Finding, Report, Step, Target, Watch


@dataclass(frozen=True, kw_only=True)
class Several:
    """The reports by their run folders, what went wrong in the other folders, and the reports side by side."""

    reports: Mapping[Path, Report]
    errors: Mapping[Path, EdgeOptError]
    comparison: Comparison


def places(targets: Mapping[str, Target], threads: Sequence[int], output: Path) -> dict[Path, tuple[str, int]]:
    """Each run folder below ``output`` with the name of its target and its number of threads.

    Raises InputError for two targets of one name; RunError where ``output`` is a run itself.
    """
    if (output / "jobs.jsonl").exists():
        raise RunError(
            f"'{output}' holds the run of one target, so those of several have no place there", "give another -o"
        )
    found: dict[Path, tuple[str, int]] = {}
    for name, profile in targets.items():
        for count in dict.fromkeys(threads) or profile.threads[:1]:
            folder = output / f"{profile.name}-threads{count}"
            if folder in found:
                raise InputError(f"two targets have the name '{profile.name}'", f"rename the file '{name}'")
            found[folder] = (name, count)
    return found


def optimize_each(runs: Mapping[Path, Callable[[], Report]], output: Path, *, cached: bool, watch: Watch) -> Several:
    """What became of each of ``runs``, one after the other; ``compare.md`` and ``compare.json`` are then in ``output``.

    Where artifacts are not ``cached``, every run makes its own. Raises the first error where no run came to a report.
    """
    if not cached:
        watch(_uncached(len(runs)))
    reports: dict[Path, Report] = {}
    errors: dict[Path, EdgeOptError] = {}
    for done, (folder, run) in enumerate(runs.items()):
        watch(Step(stage="target", what=folder.name, done=done, total=len(runs)))
        try:
            reports[folder] = run()
        except EdgeOptError as error:
            errors[folder] = error
            if not reports and isinstance(error, ModelError | DataError):  # the same for all
                raise
    if not reports:
        raise next(iter(errors.values()))
    comparison = of_reports({folder.name: report for folder, report in reports.items()})
    with room(output):
        write_whole(output / "compare.md", render(comparison, "md", everything=True))
        write_whole(output / "compare.json", render(comparison, "json"))
    return Several(reports=reports, errors=errors, comparison=comparison)


def _uncached(runs: int) -> Finding:
    return Finding(
        code="EO505",
        level="info",
        message=f"without the cache, every artifact is converted anew for each of the {runs} runs",
        hint="leave --no-cache and EDGE_OPT_CACHE=off out to convert each of them once",
    )
