"""Files and the commit before → whether one grew: nothing is run, so that it is quick enough for a pre-commit hook."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from edge_opt import store, units
from edge_opt.errors import InputError

Status = Literal["ok", "new", "grown", "too large", "no model"]

REV, GROWTH = "HEAD", "2%"
FAILED: tuple[Status, ...] = ("grown", "too large")
_POINTER = b"version https://git-lfs.github.com/spec/"
_POINTER_BYTES = 1024  # what Git LFS writes in place of a file is never longer
_HEAD_BYTES = 4096
_COMMIT = re.compile("[0-9a-f]{40,64}")
# a hook runs with the repository of its git in the environment; files are asked for by the folder that they lie in
_OF_A_HOOK = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX")


@dataclass(frozen=True, kw_only=True)
class Sized:
    """A file beside what it was at a commit; of OpenVINO, the network with its weights."""

    path: Path
    status: Status
    size_bytes: int
    compressed_bytes: int | None  # after gzip; None of a file that Git LFS has not fetched
    before_bytes: int | None  # None where the commit has no such file


def sizes(files: Sequence[Path], *, rev: str = REV, growth: str = GROWTH, most: str = "") -> tuple[Sized, ...]:
    """Each of ``files`` once: *grown* by more than ``growth`` since ``rev``, *too large* for ``most``, *new* or *ok*.

    Raises InputError where a file is missing or in no repository, or where there is no ``rev``.
    """
    limit = units.parse_share(growth)
    most_bytes = units.parse_bytes(most) if most else None
    found = []
    for given in dict.fromkeys(_whole(path) for path in files):
        if not given.is_file():
            raise InputError(f"there is no file '{given}'", "check the path")
        if given.suffix == ".xml" and not _is_network(given):
            found.append(_sized(given, "no model", (given,), None))
            continue
        parts = _parts(given)
        before = _before(parts, rev)
        now = sum(_size(part) for part in parts)
        status: Status = "ok" if before is not None else "new"
        if before is not None and now > before * (1 + limit):
            status = "grown"
        if most_bytes is not None and now > most_bytes:
            status = "too large"
        found.append(_sized(given, status, parts, before))
    return tuple(found)


def _whole(path: Path) -> Path:
    """The file that stands for the artifact: weights of OpenVINO are counted with the network beside them."""
    network = path.with_suffix(".xml")
    return network if path.suffix == ".bin" and network.is_file() and _is_network(network) else path


def _parts(path: Path) -> tuple[Path, ...]:
    weights = path.with_suffix(".bin")
    return (path, weights) if path.suffix == ".xml" and weights.is_file() else (path,)


def _is_network(path: Path) -> bool:
    """Whether an XML file is a network of OpenVINO, which begins with the element ``net``."""
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    return re.search(rb"<net[\s>]", head) is not None or head.startswith(_POINTER)


def _sized(path: Path, status: Status, parts: tuple[Path, ...], before: int | None) -> Sized:
    pointers = any(_pointed(_head(part)) is not None for part in parts)
    compressed = None if pointers else store.measure_files({part.name: part for part in parts})[2]
    size_bytes = sum(_size(part) for part in parts)
    return Sized(path=path, status=status, size_bytes=size_bytes, compressed_bytes=compressed, before_bytes=before)


def _size(path: Path) -> int:
    """The bytes of a file; of a pointer of Git LFS, those of the file that it stands for."""
    pointed = _pointed(_head(path))
    return path.stat().st_size if pointed is None else pointed


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(_POINTER_BYTES + 1)


def _pointed(content: bytes) -> int | None:
    """The size that a pointer of Git LFS names; None where the content is none."""
    if len(content) > _POINTER_BYTES or not content.startswith(_POINTER):
        return None
    size = re.search(rb"(?m)^size (\d+)$", content)
    return int(size[1]) if size else None


# ── git ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _before(parts: tuple[Path, ...], rev: str) -> int | None:
    """The bytes of the same files at ``rev``; None where the first of them was not there."""
    # git keeps a link as the text of where it leads
    paths = [part.resolve() for part in parts]
    commit = _commit(paths[0].parent, rev)
    if commit is None:
        return None
    known = [_committed(path, commit) for path in paths]
    return None if known[0] is None else sum(size or 0 for size in known)


def _commit(folder: Path, rev: str) -> str | None:
    """The commit that ``rev`` names; None in a repository whose first commit is only being made."""
    top = _git(folder, "rev-parse", "--show-toplevel")
    if top.returncode:
        said = _words(top)
        if "not a git repository" in said:
            raise InputError(f"'{folder}' is in no git repository, so there is nothing to compare with", "use git")
        raise InputError(f"git cannot use the repository of '{folder}': {said}", "see what 'git status' says there")
    if not rev.startswith("-"):
        found = _git(folder, "rev-parse", "--quiet", "--verify", f"{rev}^{{commit}}").stdout.decode().strip()
        if _COMMIT.fullmatch(found):  # git would also take '^HEAD', which is no commit
            return found
    if rev == REV and not _git(folder, "rev-list", "--all", "--max-count=1").stdout.strip():
        return None
    raise InputError(
        f"there is no commit '{rev}' in the repository of '{folder}'",
        "a shallow clone holds the newest only: 'git fetch origin BRANCH' gets more, under the name FETCH_HEAD",
    )


def _committed(path: Path, commit: str) -> int | None:
    """The size of a file at a commit; None where it was not there."""
    place = f"{commit}:./{path.name}"
    found = _git(path.parent, "cat-file", "-s", place)
    if found.returncode:
        return None
    size = int(found.stdout)
    if size <= _POINTER_BYTES:
        pointed = _pointed(_git(path.parent, "cat-file", "blob", place).stdout)
        return size if pointed is None else pointed
    return size


def _git(folder: Path, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    surrounding = {name: text for name, text in os.environ.items() if name not in _OF_A_HOOK}
    try:
        return subprocess.run(
            ["git", *arguments], cwd=folder, capture_output=True, check=False, env={**surrounding, "LC_ALL": "C"}
        )
    except FileNotFoundError as error:
        raise InputError("git is not installed, so there is nothing to compare with", "install git") from error


def _words(done: subprocess.CompletedProcess[bytes]) -> str:
    return done.stderr.decode(errors="replace").strip().partition("\n")[0].removeprefix("fatal: ")
