"""The words of ``edge-opt gate`` as functions: plain values in, nouns out. :mod:`edge_opt.flows.api` offers them."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from edge_opt import registry, units
from edge_opt.errors import InputError, RunError
from edge_opt.flows.addresses import target_of
from edge_opt.flows.asked import device, executor, known_runtime, silent
from edge_opt.flows.gate import benchmarks, check, runner, stored
from edge_opt.flows.gate import calibrate as calibrating
from edge_opt.flows.gate.bench import Asked
from edge_opt.flows.gate.limits import DEFAULTS, OFF, Limits, limits_of
from edge_opt.flows.gate.subject import subject_of
from edge_opt.flows.given import environment_of, require_match, require_times, temporary
from edge_opt.stages.gate import fingerprints
from edge_opt.store import Run, write_whole
from edge_opt.types import Calibration, Finding, Gate, Target, Watch

GATE_LIMITS = tuple(DEFAULTS)
BUDGET = "60s"


def gate(
    candidate: str | Path,
    baseline: str | Path | None = None,
    *,
    against: str | Path | None = None,
    data: str | Path | None = None,
    limits: Mapping[str, str] | None = None,
    placement: bool = True,
    target: str = "host",
    devices: Sequence[str] = (),
    runtime: str = "",
    threads: int = 0,
    budget: str = BUDGET,
    seed: int = 0,
    calibration: str | Path | None = None,
    any_version: bool = False,
    any_model: bool = False,
    output: str | Path | None = None,
    command: str = "",
    watch: Watch = silent,
) -> Gate:
    """Every decision on whether ``candidate`` is worse than ``baseline``: each a bundle, a run or an artifact.

    Two of pytest-benchmark's JSON files, or folders of them, are compared benchmark by benchmark, by the limit of the
    latency. ``limits`` are shares by measure, as ``{"latency": "2%", "memory": "off"}``, on top of the defaults. In
    place of a baseline, ``against`` is a history of this machine. The folder ``output`` keeps the samples. Raises
    EdgeOptError.
    """
    _require_one(baseline, against)
    known_runtime(runtime)
    allowed = limits_of(limits or {}, placement)
    elsewhere = {"-d": data, "-o": output, "--calibration": calibration, "--budget": budget != BUDGET}
    if baseline is not None and benchmarks.accepts(Path(candidate), Path(baseline)):
        _refuse("results of pytest-benchmark", {**elsewhere, **_named(limits, "latency")})
        return benchmarks.gate(Path(candidate), Path(baseline), _latency(allowed), seed=seed, command=command)
    profile = target_of(target, devices)
    timing = _timing(profile)
    if against is not None:
        _refuse("a history", {**elsewhere, **_named(limits, *stored.MEASURES)})
        shares = {name: limit for name, limit in allowed.shares.items() if name in stored.MEASURES}
        require_match(profile, timing)
        subject = subject_of(Path(candidate), profile, timing, runtime=runtime, threads=threads)
        return stored.gate(subject, Path(against), shares, device=timing, watch=watch, seed=seed, command=command)
    asked = Asked(
        candidate=Path(candidate),
        baseline=Path(baseline or ""),
        target=profile,
        limits=allowed,
        data=Path(data) if data else None,
        runtime=runtime,
        threads=threads,
        budget_s=units.parse_seconds(budget),
        seed=seed,
        calibration=Path(calibration) if calibration else None,
        any_version=any_version,
        any_model=any_model,
        command=command,
    )
    with _kept(output) as run:
        return check.gate(asked, run=run, device=timing, watch=watch)


def _timing(target: Target) -> registry.Device:
    """The target's device. Raises InputError where it measures no latency."""
    found = device(target)
    require_times(target, found)
    return found


def gate_record(
    artifact: str | Path,
    history: str | Path,
    *,
    label: str,
    rounds: int = stored.ROUNDS,
    target: str = "host",
    devices: Sequence[str] = (),
    runtime: str = "",
    threads: int = 0,
    seed: int = 0,
    watch: Watch = silent,
) -> stored.Taken:
    """``artifact`` as it was measured now, under ``label``, appended to the file ``history``."""
    known_runtime(runtime)
    profile = target_of(target, devices)
    timing = _timing(profile)
    require_match(profile, timing)
    subject = subject_of(Path(artifact), profile, timing, runtime=runtime, threads=threads)
    return stored.record(subject, Path(history), label, device=timing, watch=watch, rounds=rounds, seed=seed)


def gate_calibrate(
    baseline: str | Path,
    *,
    latency: str = "2%",
    runs: int = 40,
    budget: str = BUDGET,
    target: str = "host",
    devices: Sequence[str] = (),
    runtime: str = "",
    threads: int = 0,
    seed: int = 0,
    output: str | Path | None = None,
    watch: Watch = silent,
) -> tuple[Calibration, tuple[Finding, ...], Path]:
    """What this runner can see of artifacts like ``baseline``, what is to be said, and the file where it is kept.

    One that was stopped goes on: until the file is written, every process is kept in a folder beside it.
    """
    known_runtime(runtime)
    profile = target_of(target, devices)
    limit, budget_s = _latency(limits_of({"latency": latency})), units.parse_seconds(budget)
    place = Path(output) if output else runner.place(Path(baseline))
    if not place.parent.is_dir():  # it is written when all is measured
        raise InputError(f"there is no folder '{place.parent}' for '{place}'", "make it, or give another -o")
    _require_calibration(place)
    timing = _timing(profile)
    require_match(profile, timing)
    subject = subject_of(Path(baseline), profile, timing, runtime=runtime, threads=threads)
    here = fingerprints.fingerprint(subject, environment_of(timing))
    wanted = {"artifact": subject.sha256, "limit": limit, "seed": seed, "runner": here}
    with _until_written(place, wanted) as run, closing(executor()) as workers:
        found, said = calibrating.calibrate(
            subject,
            limit=limit,
            runs=runs,
            budget_s=budget_s,
            seed=seed,
            run=run,
            device=timing,
            executor=workers,
            watch=watch,
        )
        write_whole(place, runner.written(found))
    return found, said, place


def _require_calibration(place: Path) -> None:
    """Nothing; raises InputError where something else than a calibration lies at ``place``, which would be lost."""
    if place.is_dir():
        raise InputError(f"'{place}' is a folder", "give the path of a file with -o")
    if place.exists():
        try:
            runner.read(place)
        except RunError as error:
            raise InputError(f"'{place}' exists and is not a calibration", "remove it, or give another -o") from error


@contextmanager
def _until_written(place: Path, wanted: Mapping[str, Any]) -> Iterator[Run]:
    """The folder beside ``place`` that keeps what is done until that is written: one that was stopped goes on."""
    folder = place.with_name(f"{place.name}.unfinished")
    try:
        run = Run.start(folder, wanted, resume=True)
    except RunError:  # of something else, or damaged; where another process is at work in it, this says so again
        run = Run.start(folder, wanted, overwrite=True)
    written = False
    with run:
        try:
            yield run
            written = True
        finally:
            if written or not run.keys:
                shutil.rmtree(folder, ignore_errors=True)


def _require_one(baseline: object, against: object) -> None:
    """Nothing; raises InputError where the candidate has nothing to be compared with, or two things."""
    if (baseline is None) == (against is None):
        raise InputError(
            "there is nothing to compare the candidate with"
            if baseline is None
            else "'--baseline' is run here and now, and '--against' was measured before",
            "give one of the two: --baseline BASE, or --against HISTORY.jsonl",
        )


def _named(limits: Mapping[str, str] | None, *kept: str) -> dict[str, bool]:
    """Which measures were asked for by name, beside the ``kept`` ones."""
    asked = {name: text for name, text in (limits or {}).items() if name not in kept}
    return {f"--{name}": bool(text) and text.lower() not in OFF for name, text in asked.items()}


def _refuse(what: str, given: Mapping[str, object]) -> None:
    """Nothing; raises InputError where an option was given that means nothing for ``what``: a gate drops none."""
    for option, value in given.items():
        if value:
            raise InputError(f"{option} does not apply to {what}", "leave it out, or give two artifacts to compare")


def _latency(limits: Limits) -> float:
    """The one limit that is looked at. Raises InputError where it is off."""
    if "latency" not in limits.shares:
        raise InputError("the latency is all that could be decided here, and --latency is off", "give --latency 5%")
    return limits.shares["latency"]


@contextmanager
def _kept(output: str | Path | None) -> Iterator[Run]:
    """The run folder that keeps the samples, or one that goes at the end."""
    with Run.start(Path(output), {"command": "gate"}) if output else temporary() as run:
        yield run
        run.close()
