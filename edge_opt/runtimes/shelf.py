"""The one folder of a board in which everything of edge-opt lies, and the files that it keeps there for a while."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
from collections.abc import Collection
from pathlib import Path
from typing import Any, BinaryIO

FOLDER = Path(os.path.expanduser("~")) / ".edge-opt"
MARK = "edge-opt.json"
_MOST_FILES_BYTES = 1_000_000_000
_SPARE_BYTES = 32 * 2**20  # a system without any room left does not work
_CHUNK_BYTES = 2**20
_FULL = (errno.ENOSPC, errno.EDQUOT)


class Refused(Exception):
    """Why a request has no answer; ``stage`` is request, disk or folder."""

    def __init__(self, stage: str, message: str) -> None:
        super().__init__(message)
        self.answer = {"stage": stage, "message": message}


def begin() -> None:
    """The folder, with its mark. Raises Refused where somebody else's stands in its place."""
    try:
        FOLDER.mkdir(mode=0o700, exist_ok=True)
        if (FOLDER / MARK).exists():
            return
        if any(FOLDER.iterdir()):
            raise Refused("folder", f"'{FOLDER}' holds files and was not made by edge-opt")
        FOLDER.chmod(0o700)
        write(FOLDER / MARK, {"made by": "edge-opt"})
    except OSError as error:
        if error.errno in _FULL:
            raise full(0) from error
        raise Refused("folder", f"'{FOLDER}' cannot be written: {error.strerror}") from error


def inside(name: str) -> Path:
    """The path of ``name`` in the folder. Raises Refused where it leads out of it."""
    return within(FOLDER, name)


def within(folder: Path, name: str) -> Path:
    """The path of ``name`` in ``folder``. Raises Refused where it leads out of it."""
    if not name or name.startswith("/") or ".." in name.split("/"):
        raise Refused("request", f"'{name}' is not the name of a file that edge-opt keeps")
    return folder / name


def part_of(place: Path) -> Path:
    """Where the folder ``place`` lies while it is not whole yet."""
    return place.with_name("." + place.name)


def receive(stdin: BinaryIO, path: Path, size: int, sha256: str) -> None:
    """The next ``size`` bytes as the file ``path``, whole or not at all, whoever else is writing it just now."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    digest, left = hashlib.sha256(), size
    try:
        with part.open("wb") as file:
            while left:
                chunk = stdin.read(min(left, _CHUNK_BYTES))
                if not chunk:
                    raise Refused("request", "the connection broke in the middle of a file")
                digest.update(chunk)
                file.write(chunk)
                left -= len(chunk)
        if digest.hexdigest() != sha256:
            raise Refused("request", f"'{path.name}' arrived damaged")
        os.replace(str(part), str(path))
    finally:
        part.unlink(missing_ok=True)


def same(path: Path, member: Any) -> bool:
    """Whether the file is the member ``[name, bytes, sha256]``, as it was sent."""
    _, size, sha256 = member
    if not path.is_file() or path.stat().st_size != size:
        return False
    digest = hashlib.sha256()
    with path.open("rb") as file:
        for chunk in iter(lambda: file.read(_CHUNK_BYTES), b""):
            digest.update(chunk)
    return bool(digest.hexdigest() == sha256)


def used(place: Path) -> None:
    """Let ``place`` be the one that was used last. Their times only order them: a board's clock may jump."""
    others = [one.stat().st_mtime for one in place.parent.iterdir() if one.is_dir()]
    last = max(others, default=0.0)
    if place.stat().st_mtime < last or others.count(last) > 1:
        os.utime(str(place), (last + 1, last + 1))


def make_room(wanted: int, keep: Collection[str]) -> None:
    """Let go of the least recently used files until ``wanted`` bytes fit; those named in ``keep`` stay.

    Raises Refused where they do not fit even so.
    """
    files = sorted((one for one in (FOLDER / "files").glob("*") if one.is_dir()), key=lambda one: one.stat().st_mtime)
    taken = {one: size_of(one) for one in files}
    for one in files:
        if sum(taken.values()) + wanted <= _MOST_FILES_BYTES and free_bytes() >= wanted + _SPARE_BYTES:
            break
        if "files/" + one.name.lstrip(".") not in keep:
            shutil.rmtree(str(one), ignore_errors=True)
            taken.pop(one)
    if free_bytes() < wanted + _SPARE_BYTES:
        raise full(wanted)


def full(wanted: int) -> Refused:
    """The error for ``wanted`` bytes that do not fit."""
    needed = wanted + _SPARE_BYTES
    where = FOLDER.parent
    return Refused(
        "disk",
        f"{free_bytes() / 1e6:.1f} MB are free in '{where}', and {needed / 1e6:.1f} MB are needed",
    )


def free_bytes() -> int:
    """Bytes that are free where the folder is, or would be."""
    free = shutil.disk_usage(str(FOLDER if FOLDER.exists() else FOLDER.parent)).free
    return int(free)


def size_of(folder: Path) -> int:
    """Bytes of all files in the folder."""
    total = 0
    for where, _, names in os.walk(str(folder)):
        for name in names:
            try:
                total += os.lstat(os.path.join(where, name)).st_size
            except OSError:
                continue  # it went in the meantime
    return total


def read(path: Path) -> dict[str, Any]:
    """The JSON object in a file; an empty one where there is none."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def write(path: Path, content: Any) -> None:
    """Write ``content`` as JSON, whole or not at all."""
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        part.write_text(json.dumps(content), encoding="utf-8")
        os.replace(str(part), str(path))
    finally:
        part.unlink(missing_ok=True)


def text(path: Path, most: int, first: bool) -> str:
    """The first or the last ``most`` bytes of a file as text; "" where there is none."""
    try:
        with path.open("rb") as file:
            if not first:
                file.seek(max(0, path.stat().st_size - most))
            return file.read(most).decode(errors="replace")
    except OSError:
        return ""
