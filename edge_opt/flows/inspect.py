"""Artifact files → what their runtime executes, operator by operator, and what is to be said about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edge_opt import registry
from edge_opt.errors import StepFailed
from edge_opt.flows.given import CHECK, entry_of, require_match
from edge_opt.stages.profile import findings, profile
from edge_opt.types import Finding, OperatorProfile, Step, Target, Watch


@dataclass(frozen=True, kw_only=True)
class Inspected:
    """One artifact as it was executed, and what stands out."""

    artifact: Path
    profile: OperatorProfile
    findings: tuple[Finding, ...]


def inspect(
    paths: Sequence[Path],
    target: Target,
    *,
    runtime: str,
    threads: int,
    device: registry.Device,
    watch: Watch,
) -> tuple[Inspected, ...]:
    """The operators of each artifact, the heaviest first.

    Raises InputError where this machine cannot stand for the target, StepFailed where an artifact cannot be run.
    """
    require_match(target, device)
    entries = [entry_of(path, target, runtime) for path in paths]
    found = []
    for done, entry in enumerate(entries):
        watch(Step(stage="profile", what=str(entry.path), done=done, total=len(entries)))
        try:
            seen = profile(entry, None, device, threads)
        except StepFailed as error:
            raise type(error)(f"'{entry.path}' cannot be inspected: {error.message}", error.hint or CHECK) from error
        found.append(Inspected(artifact=entry.path, profile=seen, findings=findings(seen)))
    return tuple(found)
