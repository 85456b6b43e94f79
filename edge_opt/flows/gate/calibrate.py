"""One artifact → what this runner can see: it is compared with its equals, over and over, as the gate compares."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from edge_opt import registry, stats
from edge_opt.errors import EdgeOptError, StepFailed
from edge_opt.flows.gate.subject import entry
from edge_opt.flows.given import environment_of
from edge_opt.nets.artifact_files import files_of
from edge_opt.stages.gate import fingerprints, paired, power, sequence
from edge_opt.store import Run, measure_files
from edge_opt.types import Calibration, Entry, Finding, Step, Subject, Watch


@dataclass(frozen=True, kw_only=True)
class Equal:
    """Something that is as fast as the artifact: a ``copy``, or the network ``rebuilt``."""

    kind: str
    entry: Entry


def calibrate(
    subject: Subject,
    *,
    limit: float,
    runs: int,
    budget_s: float,
    seed: int,
    run: Run,
    device: registry.Device,
    executor: registry.Executor,
    watch: Watch,
    clock: Callable[[], float] = time.monotonic,
) -> tuple[Calibration, tuple[Finding, ...]]:
    """What ``runs`` decisions on equals say, half with a copy of the file and half with the network written anew.

    ``run`` keeps every process as it ends, and how long it took. A format that cannot be written anew is compared with
    copies alone, and that is a finding.
    """
    equals, said = _equals(subject, run, executor)
    taken: dict[str, list[tuple[float, ...]]] = {one.kind: [] for one in equals}
    seconds: list[float] = []
    # even for a copy, odd for the rebuilt network, also where it goes on with a kind that it could not begin with
    places = [2 * (index // len(equals)) + index % len(equals) for index in range(runs)]
    note = _from_before(places, run)
    if note:
        watch(Step(stage="calibrate", what=note, done=0, total=1))
    for index, place in enumerate(places):
        one = equals[index % len(equals)]
        what = f"against a {one.kind}{note and f'; {note}'}"  # a terminal shows what runs now, and nothing else
        watch(Step(stage="calibrate", what=what, done=index, total=runs))
        logs, took = _compared(subject, one, place, limit, budget_s, seed, run, device, clock)
        taken[one.kind].append(logs)
        seconds += took
    identical, rebuilt = (tuple(taken.get(kind, ())) for kind in ("copy", "rebuilt network"))
    most = sequence.fitting(stats.median(seconds), budget_s)
    found = power.sight(identical, rebuilt, limit, seed, most)
    return (
        Calibration(
            fingerprint=fingerprints.fingerprint(subject, environment_of(device)),
            sha256=subject.sha256,
            limit=limit,
            budget_s=budget_s,
            most=most,
            identical=identical,
            rebuilt=rebuilt,
            false_alarms=found.false_alarms,
            unclear=found.unclear,
            rate=found.rate,
            keeps=found.keeps,
            detects_80=found.detects_80,
            detects_95=found.detects_95,
            taken=datetime.now(UTC).isoformat(timespec="seconds"),
        ),
        said,
    )


def _equals(subject: Subject, run: Run, executor: registry.Executor) -> tuple[tuple[Equal, ...], tuple[Finding, ...]]:
    whole = entry(subject)
    folder = run.scratch("copy")
    folder.mkdir(exist_ok=True)
    for name, path in files_of(subject.path).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)  # external data of ONNX may lie in folders
        shutil.copyfile(path, folder / name)
    copy = Equal(kind="copy", entry=replace(whole, path=folder / f"model{subject.path.suffix}"))
    try:
        path = _rebuilt(subject, run, executor)
    except EdgeOptError as error:
        return (copy,), (
            Finding(
                code="EO905",
                level="info",
                message=f"'{subject.name}' could not be rebuilt as another file ({error.message}), "
                "so it was compared with copies alone",
                hint="two builds of one network may differ more than copies do: allow some room above what was found",
            ),
        )
    return (copy, Equal(kind="rebuilt network", entry=replace(whole, path=path))), ()


def _rebuilt(subject: Subject, run: Run, executor: registry.Executor) -> Path:
    """The network of ``subject`` in another file. Raises EdgeOptError where its format gives none."""
    rewrite = getattr(registry.load("exporters", subject.format), "rewritten", None)
    if rewrite is None:
        raise StepFailed("its format has no way")
    anew = run.scratch("anew")
    anew.mkdir(exist_ok=True)
    path: Path = executor.submit(rewrite, subject.path, anew).result()
    if measure_files(files_of(path)) == measure_files(files_of(subject.path)):  # one more copy would say nothing new
        raise StepFailed("its format is always written in the same way")
    return path


def _from_before(places: Sequence[int], run: Run) -> str:
    """What ``run`` keeps of those decisions from a calibration that was stopped; "" where it keeps nothing."""
    begun = sum(run.finished(_timing(place, 0)) for place in places)
    return f"measurements of {begun} of {len(places)} are kept from before" if begun else ""


def _timing(place: int, process: int) -> str:
    """What ``run`` calls the seconds that this process of the decision at ``place`` took."""
    return f"seconds of alternation {place * sequence.MOST + process}"


def _compared(
    subject: Subject,
    equal: Equal,
    place: int,
    limit: float,
    budget_s: float,
    seed: int,
    run: Run,
    device: registry.Device,
    clock: Callable[[], float],
) -> tuple[tuple[float, ...], list[float]]:
    """The logarithms of one decision's ratios, and the seconds that each of its processes took."""
    seconds: list[float] = []

    def draw(process: int) -> dict[str, float]:
        both, index = (entry(subject), equal.entry), place * sequence.MOST + process

        def log_ratio() -> float:
            taken = paired.alternate(*both, device, run, index=index, threads=subject.threads, seed=seed)
            return paired.log_ratios(taken)["latency"]

        def timed() -> float:
            began = clock()
            log_ratio()
            return clock() - began

        seconds.append(run.once(_timing(place, process), float, timed))
        return {"latency": log_ratio()}  # the run has it by now

    # by the seconds that are kept, so that a calibration that goes on ends its decisions where it would have ended them
    logs = sequence.until_clear(draw, {"latency": limit}, budget_s=budget_s, clock=lambda: sum(seconds))
    return logs["latency"], seconds
