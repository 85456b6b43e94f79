"""Artifact files → what their runtime executes, operator by operator, and what is to be said about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edge_opt import registry
from edge_opt.errors import InputError, StepFailed
from edge_opt.flows.given import entry_of
from edge_opt.inputs import targets
from edge_opt.stages.profile import findings, profile
from edge_opt.types import Finding, OperatorProfile, Step, Target, Watch

_HINT = "check that it is a whole artifact of this format"


@dataclass(frozen=True, kw_only=True)
class Inspected:
    """One artifact as it was executed, and what stands out."""

    artifact: Path
    profile: OperatorProfile
    findings: tuple[Finding, ...]


def inspect(
    paths: Sequence[str | Path],
    *,
    target: str = "host",
    runtime: str = "",
    threads: int = 0,
    watch: Watch,
) -> tuple[Inspected, ...]:
    """The operators of each artifact, the heaviest first. ``threads=0`` takes the target's first choice.

    Raises InputError where this machine cannot stand for the target, StepFailed where an artifact cannot be run.
    """
    wanted = targets.load(target)
    device: registry.Device = registry.load("devices", wanted.device)()
    _check(wanted, device)
    entries = [entry_of(Path(path), wanted, runtime) for path in paths]
    found = []
    for done, entry in enumerate(entries):
        watch(Step(stage="profile", what=str(entry.path), done=done, total=len(entries)))
        try:
            seen = profile(entry, None, device, threads or wanted.threads[0])
        except StepFailed as error:
            raise type(error)(f"'{entry.path}' cannot be inspected: {error.message}", error.hint or _HINT) from error
        found.append(Inspected(artifact=entry.path, profile=seen, findings=findings(seen)))
    return tuple(found)


def _check(target: Target, device: registry.Device) -> None:
    isa = device.run({"protocol": 1, "mode": "environment"})["environment"]["isa"]
    if mismatch := targets.mismatch(target, isa):
        raise InputError(mismatch, "inspect with -t host, or on a machine that matches the target")
