"""Files that are sent to a board: once, by the hash of what they hold."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

BATCH_BYTES = 16 * 2**20


@dataclass(frozen=True, kw_only=True)
class Member:
    """One file of a parcel, and where it is here."""

    name: str
    path: Path
    size_bytes: int
    sha256: str

    @classmethod
    def of(cls, name: str, path: Path) -> Member:
        """The member ``name`` with what is in ``path``. Raises OSError."""
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        return cls(name=name, path=path, size_bytes=path.stat().st_size, sha256=digest)


@dataclass(frozen=True, kw_only=True)
class Parcel:
    """Files that belong together, as one folder of the board that bears their hash: sent once, changed never."""

    kind: str  # "files", "worker" or "packages"
    members: tuple[Member, ...]

    @property
    def name(self) -> str:
        """Its folder on the board."""
        whole = hashlib.sha256()
        for one in sorted(self.members, key=lambda one: one.name):
            whole.update(f"{one.name}\0{one.sha256}\n".encode())
        digest = whole.hexdigest()[:24]
        return f"files/{digest}" if self.kind == "files" else f"{self.kind}-{digest}"


def batches(members: Sequence[Member]) -> list[list[Member]]:
    """The members in batches, at least one, so that a connection that breaks costs one of them."""
    found: list[list[Member]] = [[]]
    for one in members:
        if found[-1] and sum(each.size_bytes for each in found[-1]) + one.size_bytes > BATCH_BYTES:
            found.append([])
        found[-1].append(one)
    return found
