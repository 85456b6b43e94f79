"""What runs on a board, as the machine that carries it sees it."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Resident:
    """A process: its id here, that of its parent, its short name and its command line."""

    pid: int
    parent: int
    name: str
    command: str


def residents() -> Iterator[Resident]:
    """Every process of this machine that runs (a zombie does not)."""
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        with contextlib.suppress(OSError):
            name, _, rest = (entry / "stat").read_text(errors="replace").partition("(")[2].rpartition(")")
            state, parent = rest.split()[:2]
            command = (entry / "cmdline").read_bytes().rstrip(b"\0").replace(b"\0", b" ").decode(errors="replace")
            if state not in "ZX":
                yield Resident(pid=int(entry.name), parent=int(parent), name=name, command=command)


def namespace_of(pid: int) -> str | None:
    """The PID namespace that the process lives in, None for one that is gone or somebody else's."""
    try:
        return os.readlink(f"/proc/{pid}/ns/pid")
    except OSError:
        return None


def descendants(pid: int) -> list[Resident]:
    """The children of a process, their children, and so on: parents first."""
    everyone = list(residents())
    found: list[Resident] = []
    parents = {pid}
    while parents:
        children = [one for one in everyone if one.parent in parents]
        found += children
        parents = {one.pid for one in children}
    return found
