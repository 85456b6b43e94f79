"""The words that only look, as functions: at operators, a bundle's promises, this machine, and what others measured.

:mod:`edge_opt.flows.api` offers them beside the others.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from edge_opt import registry, units
from edge_opt.flows import compare as comparing
from edge_opt.flows import inspect as inspecting
from edge_opt.flows import verify as verifying
from edge_opt.flows.addresses import target_of
from edge_opt.flows.asked import budgeted, device, known_runtime, load_report, silent
from edge_opt.flows.given import runtimes_of, temporary
from edge_opt.flows.inspect import Inspected
from edge_opt.flows.machines.doctor import Examined, examine
from edge_opt.flows.verify import Verified
from edge_opt.results.report.side_by_side import Comparison
from edge_opt.stages.benchmark import Protocol
from edge_opt.types import Watch

_PROBE_S, _WAIT_S = 120.0, 120.0


def inspect(
    paths: Sequence[str | Path],
    *,
    target: str = "host",
    devices: Sequence[str] = (),
    runtime: str = "",
    threads: int = 0,
    watch: Watch = silent,
) -> tuple[Inspected, ...]:
    """The operators that each artifact is executed as, the heaviest first. ``threads=0`` takes the target's first."""
    profile = target_of(target, devices)
    known_runtime(runtime)
    return inspecting.inspect(
        [Path(path) for path in paths],
        profile,
        runtime=runtime,
        threads=threads or profile.threads[0],
        device=device(profile),
        watch=watch,
    )


def verify(
    bundle: str | Path, *, strict: bool = False, slack: str = "25%", rounds: int = 6, watch: Watch = silent
) -> Verified:
    """Whether ``bundle`` keeps its promises on this machine; time and memory may be over them by ``slack``.

    On another processor than the measured one these two are only noted, unless ``strict``.
    """
    return verifying.verify(
        Path(bundle),
        strict=strict,
        slack=units.parse_share(slack),
        rounds=rounds,
        device=registry.load("devices", "local")(),
        watch=watch,
    )


def doctor(runs: str | Path = "runs") -> Examined:
    """What is installed here and works, and what the machine is; ``runs`` is where runs would be written."""
    with closing(registry.load("executors", "process")(timeout_s=_PROBE_S, workers=2, wait_s=_WAIT_S)) as workers:
        return examine(registry.load("devices", "local")(timeout_s=_PROBE_S, wait_s=_WAIT_S), workers, Path(runs))


def compare(
    paths: Sequence[str | Path],
    *,
    data: str | Path | None = None,
    target: str = "host",
    devices: Sequence[str] = (),
    runtime: str = "",
    threads: int = 0,
    rounds: int = 10,
    max_drop: str = "",
    seed: int = 0,
    watch: Watch = silent,
) -> Comparison:
    """Run folders, reports and artifact files side by side; the files are timed now, all of them together.

    ``runtime`` may name several, with commas; with ``data`` the accuracy of the files is measured too.
    """
    profile = budgeted(target_of(target, devices), max_drop, "", "", "")
    held = {Path(path): comparing.runs_in(Path(path)) for path in paths}
    files = [path for path, runs in held.items() if not runs]
    reports = {str(run): load_report(run) for runs in held.values() for run in runs}
    found = comparing.of_reports(reports, without=[one for path in held for one in comparing.without_report(path)])
    if not files:
        return found
    with temporary() as run:
        bench = comparing.Bench(
            target=profile,
            threads=threads or profile.threads[0],
            runtimes=runtimes_of(runtime),
            protocol=Protocol(rounds=rounds),
            seed=seed,
            max_drop=profile.budget.max_drop,
            run=run,
            device=device(profile),
            watch=watch,
        )
        return comparing.with_artifacts(found, files, Path(data) if data else None, bench)
