"""Artifact files → how fast each one stays on the device while it runs without a pause."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from edge_opt import registry, units
from edge_opt.errors import DeviceError, EdgeOptError, InputError, MissingPackage, StepFailed
from edge_opt.flows.addresses import target_of
from edge_opt.flows.asked import device as device_of
from edge_opt.flows.asked import silent
from edge_opt.flows.given import CHECK, entries_of, fingerprint, finish, kept, require_match, require_times, runtimes_of
from edge_opt.nets.artifact_files import size_of
from edge_opt.results.report.pictures import canvas
from edge_opt.results.report.pictures.sustained import Course, sketch
from edge_opt.stages import board_state, noise, steady
from edge_opt.store import Run, room, write_whole
from edge_opt.types import Entry, Finding, Step, Sustained, Target, Watch

PICTURE = "sustained.svg"


@dataclass(frozen=True, kw_only=True)
class Held:
    """One artifact and its sustained run."""

    artifact: Path
    size_bytes: int
    sustained: Sustained


@dataclass(frozen=True, kw_only=True)
class Unheld:
    """One artifact that has no sustained run, by which runtime, why, and what to do."""

    artifact: Path
    runtime: str
    message: str
    hint: str


@dataclass(frozen=True, kw_only=True)
class Holding:
    """The sustained runs, why others are missing, what is to be said, and where the picture is."""

    rows: tuple[Held, ...]
    failures: tuple[Unheld, ...]
    findings: tuple[Finding, ...]
    picture: Path | None = None  # None where no folder was given, or matplotlib is missing


@dataclass(frozen=True, kw_only=True)
class _Failed:
    message: str
    hint: str


def sustain(
    paths: Sequence[str | Path],
    *,
    seconds: float | str,
    target: str = "host",
    devices: Sequence[str] = (),
    runtime: str = "",
    threads: int = 0,
    seed: int = 0,
    output: str | Path | None = None,
    watch: Watch = silent,
) -> Holding:
    """How fast each artifact is at first, and how fast it stays, while it runs on the target for ``seconds``.

    ``seconds`` may carry a unit: ``"5m"``. The run folder ``output`` keeps what is finished, and the picture; the same
    call goes on where an earlier one was stopped. Raises EdgeOptError.
    """
    lasting_s = _lasting_s(seconds)
    profile, runtimes = target_of(target, devices), runtimes_of(runtime)
    entries = _entries([Path(path) for path in paths], profile, runtimes)
    threads = threads or profile.threads[0]
    device = device_of(profile)
    require_times(profile, device)
    require_match(profile, device)
    request = {
        "command": "bench --sustained",
        "artifact": {name: fingerprint(one.path) for name, one in entries.items() if output},
        "--target": profile.name,
        "--runtime": runtimes,
        "--threads": threads,
        "--sustained": lasting_s,
        "--seed": seed,
    }
    runs: dict[str, Sustained] = {}
    failed: dict[str, EdgeOptError | _Failed] = {}
    try:
        with kept(output, request) as run:
            for name, answer in _each(entries, device, run, watch, seconds=lasting_s, threads=threads, seed=seed):
                if isinstance(answer, Sustained):
                    runs[name] = answer
                else:
                    failed[name] = answer
            finish(run, failed.values())
    except DeviceError as error:  # what was finished before counts, and the same call goes on
        if not runs:
            raise
        failed |= {name: error for name in entries if name not in runs and name not in failed}
    return Holding(
        rows=tuple(
            Held(artifact=entries[name].path, size_bytes=size_of(entries[name].path), sustained=one)
            for name, one in runs.items()
        ),
        failures=tuple(_unheld(entries[name], one) for name, one in failed.items()),
        findings=(
            *noise.check_machines([one.environment for one in runs.values()]),
            *board_state.check_sustained(runs, profile.budget),
        ),
        picture=_drawn(runs, profile.budget.max_latency_ns, Path(output)) if output else None,
    )


def _lasting_s(given: float | str) -> float:
    seconds = units.parse_seconds(given) if isinstance(given, str) else float(given)
    if seconds < steady.LEAST_S:
        raise InputError(
            f"'{given}' is too short to see what a device keeps up", f"give at least {steady.LEAST_S:g}s, better 5m"
        )
    return seconds


def _unheld(entry: Entry, why: EdgeOptError | _Failed) -> Unheld:
    return Unheld(artifact=entry.path, runtime=entry.runtime, message=why.message, hint=why.hint)


def _entries(paths: Sequence[Path], target: Target, runtimes: Sequence[str]) -> dict[str, Entry]:
    """What is run, by its words: its path, and its runtime where several were asked for."""
    found = [one for path in paths for one in entries_of(path, target, runtimes)]
    return {f"{one.path} by {one.runtime}" if len(runtimes) > 1 else str(one.path): one for one in found}


def _each(
    entries: Mapping[str, Entry],
    device: registry.Device,
    run: Run,
    watch: Watch,
    *,
    seconds: float,
    threads: int,
    seed: int,
) -> Iterator[tuple[str, Sustained | EdgeOptError | _Failed]]:
    """Every run that can be made, or why it cannot; each is saved as it ends.

    Raises StepFailed where there is no run at all, DeviceError where the device is lost.
    """
    cool_c: float | None = None
    found: dict[str, Sustained | MissingPackage | _Failed] = {}

    def work(entry: Entry) -> Sustained | _Failed:
        try:
            return steady.sustain(entry, device, seconds=seconds, threads=threads, seed=seed, cool_c=cool_c)
        except StepFailed as error:  # nothing else is a property of the artifact
            return _Failed(message=error.message, hint=error.hint or CHECK)

    for done, (name, entry) in enumerate(entries.items()):
        what = f"{name}, {units.format_seconds(seconds)}"
        if cool_c is not None:
            what += f" after at most {units.format_seconds(steady.REST_S)} to cool"
        watch(Step(stage="sustain", what=what, done=done, total=len(entries)))
        try:
            found[name] = run.once(f"sustained {name}", Sustained | _Failed, lambda: work(entry))  # noqa: B023 - now
        except MissingPackage as error:
            found[name] = error
        answer = found[name]
        if isinstance(answer, Sustained) and cool_c is None:
            cool_c = answer.began_c
        yield name, answer
    failures = [(name, one) for name, one in found.items() if not isinstance(one, Sustained)]
    if len(failures) == len(found):
        first, why = failures[0]
        raise StepFailed(f"'{first}' cannot be measured: {why.message}", why.hint or CHECK)


def _drawn(runs: Mapping[str, Sustained], limit_ns: float | None, folder: Path) -> Path | None:
    """The picture in the run folder; None where matplotlib is missing."""
    courses = [Course(name=name, sustained=one) for name, one in runs.items()]
    try:
        picture = canvas.drawn(sketch(courses, limit_ns))
    except MissingPackage:
        return None
    with room(folder):
        return write_whole(folder / PICTURE, picture)
