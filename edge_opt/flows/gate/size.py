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
from edge_opt.flows.gate.limits import of_option
from edge_opt.nets import onnx_data

Status = Literal["ok", "new", "grown", "too large", "skipped"]

REV, GROWTH = "HEAD", "2%"
FAILED: tuple[Status, ...] = ("grown", "too large")
_POINTER = b"version https://git-lfs.github.com/spec/"
_POINTER_BYTES = 1024  # what Git LFS writes in place of a file is never longer
_HEAD_BYTES = 4096
_COMMIT = re.compile("[0-9a-f]{40,64}")
_DATA = re.compile(r"(?<=\.onnx)[._]data$")  # what is added to the name of a graph for that of its weights
# a hook runs with the repository of its git in the environment; files are asked for by the folder that they lie in
_OF_A_HOOK = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX")


@dataclass(frozen=True, kw_only=True)
class Sized:
    """A file beside what it was at a commit, together with its weights where they are files of their own."""

    path: Path
    status: Status
    size_bytes: int
    compressed_bytes: int | None  # after gzip; None of a file that Git LFS has not fetched
    before_bytes: int | None  # None where the commit has no such file


def sizes(files: Sequence[Path], *, rev: str = REV, growth: str = GROWTH, most: str = "") -> tuple[Sized, ...]:
    """Each of ``files`` once: *grown* by more than ``growth`` since ``rev``, *too large* for ``most``, *new* or *ok*;
    *skipped* where it is an XML file and not a network.

    Raises InputError where a file is missing, empty or in no repository, or where there is no ``rev``.
    """
    with of_option("--size"):
        limit = units.parse_share(growth)
    with of_option("--max"):
        most_bytes = units.parse_bytes(most) if most else None
    found = []
    for path in files:
        _require_file(path)
    for given in dict.fromkeys(_whole(path) for path in files):
        if given.suffix == ".xml" and not is_network(given):
            found.append(_sized(given, "skipped", (given,), None))
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


def _require_file(path: Path) -> None:
    """Nothing; raises InputError where there is no file with content, which is no model."""
    if path.is_dir():
        raise InputError(f"'{path}' is a folder", f"give its files: {path / '*.tflite'}")
    if not path.is_file():
        raise InputError(f"there is no file '{path}'", "check the path")
    if path.suffix not in (".xml", ".bin") and not path.stat().st_size:  # those may be of something else
        raise InputError(f"'{path}' is empty", "build or copy it again")


def _whole(path: Path) -> Path:
    """The file that stands for the artifact: weights are counted with the network or graph beside them."""
    network = path.with_suffix(".xml")
    if path.suffix == ".bin" and network.is_file() and is_network(network):
        return network
    graph = path.with_name(_DATA.sub("", path.name))
    return graph if graph.is_file() and path in _parts(graph) else path


def _parts(path: Path) -> tuple[Path, ...]:
    """The file, then its weights. Raises ModelError where ONNX has some that lie elsewhere or are missing."""
    if path.suffix == ".onnx":
        try:
            return tuple(dict.fromkeys((path, *onnx_data.data_files(path).values())))
        except ValueError:  # no model, as a pointer of Git LFS
            return (path,)
    weights = path.with_suffix(".bin")
    return (path, weights) if path.suffix == ".xml" and weights.is_file() else (path,)


def is_network(path: Path) -> bool:
    """Whether an XML file is a network of OpenVINO, which begins with the element ``net``."""
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    return re.search(rb"<net[\s>]", head) is not None or head.startswith(_POINTER)


def _sized(path: Path, status: Status, parts: tuple[Path, ...], before: int | None) -> Sized:
    pointers = any(_pointed(_head(part)) is not None for part in parts)
    compressed = None if pointers else store.measure_files({str(part): part for part in parts})[2]
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


@dataclass(frozen=True, kw_only=True)
class _Commit:
    """What a commit of the repository in ``top`` holds."""

    top: Path
    hash: str

    def blob(self, path: Path) -> str | None:
        """The name that git has for the content of ``path``, which is no link; None where the commit has no such file.

        Only the tree is asked: where the content is missing, as in a partial clone, the file is there all the same.
        """
        if not path.is_relative_to(self.top):
            return None
        listed = self._read(path, "ls-tree", self.hash, f"./{path.relative_to(self.top)}").split(maxsplit=3)
        return listed[2].decode() if listed and listed[1] == b"blob" else None

    def size(self, path: Path, blob: str) -> int:
        """The bytes of a file; of a pointer of Git LFS, those of the file that it stands for."""
        size = int(self._read(path, "cat-file", "-s", blob))
        pointed = _pointed(self.content(path, blob)) if size <= _POINTER_BYTES else None
        return size if pointed is None else pointed

    def content(self, path: Path, blob: str) -> bytes:
        """All of a file."""
        return self._read(path, "cat-file", "blob", blob)

    def _read(self, path: Path, *arguments: str) -> bytes:
        done = _git(self.top, *arguments)
        if done.returncode:
            raise InputError(
                f"git cannot read '{path}' as it was at {self.hash[:12]}: {_words(done)}",
                "a partial clone fetches old files when they are needed: try again where its remote can be reached",
            )
        return done.stdout


def _before(parts: tuple[Path, ...], rev: str) -> int | None:
    """The bytes of the same artifact at ``rev``; None where the first of its files was not there."""
    # git keeps a link as the text of where it leads
    graph, *weights = (part.resolve() for part in parts)
    commit = _commit(graph.parent, rev)
    blob = commit.blob(graph) if commit else None
    if commit is None or blob is None:
        return None
    size = commit.size(graph, blob)
    named = _data_at(commit, parts[0], blob) if graph.suffix == ".onnx" else None
    for path in weights if named is None else named:
        stored = commit.blob(path)
        if stored is not None:
            size += commit.size(path, stored)
        elif named is not None and path in weights:  # not kept in git: it has not grown as far as git knows
            size += _size(path)
    return size


def _data_at(commit: _Commit, graph: Path, blob: str) -> list[Path] | None:
    """The files that held the weights of an ONNX graph at a commit; None where its content does not say."""
    try:
        names = onnx_data.locations(commit.content(graph, blob))
    except ValueError:  # a pointer of Git LFS
        return None
    return [(graph.parent / name).resolve() for name in names if name and "\0" not in name]


def _commit(folder: Path, rev: str) -> _Commit | None:
    """The commit that ``rev`` names; None in a repository whose first commit is only being made."""
    top = _git(folder, "rev-parse", "--show-toplevel")
    if top.returncode:
        said = _words(top)
        if "not a git repository" in said:
            raise InputError(
                f"'{folder}' is in no git repository, so there is nothing to compare with",
                "run it inside a git repository",
            )
        raise InputError(f"git cannot use the repository of '{folder}': {said}", "see what 'git status' says there")
    if not rev.startswith("-"):
        found = _git(folder, "rev-parse", "--quiet", "--verify", f"{rev}^{{commit}}").stdout.decode().strip()
        if _COMMIT.fullmatch(found):  # git would also take '^HEAD', which is no commit
            return _Commit(top=Path(os.fsdecode(top.stdout.removesuffix(b"\n"))), hash=found)
    if rev == REV and not _git(folder, "rev-list", "--all", "--max-count=1").stdout.strip():
        return None
    raise InputError(
        f"there is no commit '{rev}' in the repository of '{folder}'",
        "a shallow clone holds the newest only: 'git fetch origin BRANCH' gets more, under the name FETCH_HEAD",
    )


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
