"""What is told while a run goes on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from edge_opt.types.finding import Finding
from edge_opt.types.report import Effort, Skipped


@dataclass(frozen=True, kw_only=True)
class Outline:
    """What is about to be done, said before it starts: times and sizes are estimates."""

    candidates: tuple[str, ...]
    seconds: float
    disk_bytes: int
    findings: tuple[Finding, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    effort: Effort = "standard"


@dataclass(frozen=True, kw_only=True)
class Step:
    """How far the work is: ``what`` is running now, ``done`` of ``total`` of this stage are finished."""

    stage: str
    what: str
    done: int
    total: int
    unit: Literal["jobs", "steps", "runtimes", "MiB"] = "jobs"


Watch = Callable[[Outline | Step | Finding], None]
