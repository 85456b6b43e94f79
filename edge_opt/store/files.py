"""Files written whole, read with a sentence for what is wrong, and known by their hash."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
import threading
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_opt.errors import RunError

OTHER_FOLDER = "free some space, or give another folder"
_CHUNK_BYTES = 1 << 20
_PARSING = threading.Lock()


def array(path: Path, *, mapped: bool = False) -> NDArray[Any]:
    """The array in a ``.npy`` file, one thread at a time.

    numpy reads the head of the file as Python, and CPython 3.11 fails now and then where two threads parse at once:
    "AST constructor recursion depth mismatch" (cpython issue 106905).
    """
    with _PARSING:
        found: NDArray[Any] = np.load(path, mmap_mode="r" if mapped else None)
    return found


def write_whole(path: Path, text: str) -> Path:
    """``path``, now a file of that text: whole, or as it was before."""
    partial = path.with_suffix(".partial")
    partial.write_text(text, encoding="utf-8")
    os.replace(partial, path)
    return path


def read_json(path: Path) -> Any:
    """The content of a JSON file. Raises RunError where there is none, or where it is cut short."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise RunError(
            f"'{path}' cannot be read: {error.strerror}", "give the folder that 'edge-opt optimize' wrote"
        ) from error
    except ValueError as error:
        raise RunError(f"'{path}' is not valid JSON: {error}", "run 'edge-opt optimize' again") from error


def measure(folder: Path) -> tuple[str, int, int]:
    """SHA-256 over names and contents of the files below ``folder``, their bytes, and their bytes after gzip."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return measure_files({path.relative_to(folder).as_posix(): path for path in paths})


def measure_files(files: Mapping[str, Path]) -> tuple[str, int, int]:
    """The same for files that would bear those names in a folder, in the order of the names."""
    digest, size_bytes, compressed_bytes = hashlib.sha256(), 0, 0
    for name, path in files.items():
        squeeze = zlib.compressobj(level=6, wbits=31)
        digest.update(f"{name}\0{path.stat().st_size}\0".encode())
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK_BYTES):
                digest.update(chunk)
                size_bytes += len(chunk)
                compressed_bytes += len(squeeze.compress(chunk))
        compressed_bytes += len(squeeze.flush())
    return digest.hexdigest(), size_bytes, compressed_bytes


@contextmanager
def room(folder: Path, hint: str = OTHER_FOLDER) -> Iterator[None]:
    """Turn a full disk, or a folder that may not be written, into one sentence; ``hint`` is for the former."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise RunError(f"no room is left on the disk of '{folder}'", hint) from error
        if error.errno in (errno.EACCES, errno.EROFS, errno.EPERM, errno.ENOTDIR):
            raise RunError(
                f"'{folder}' cannot be written: {error.strerror}", "give another folder, or the right to write there"
            ) from error
        raise


@contextmanager
def undisturbed(folder: Path, what: str, no_room: str) -> Iterator[None]:
    """A time in which nobody else sets up ``what``, as "a runtime", beside ``folder``; its parent is then there.

    Raises RunError where somebody does, and with the hint ``no_room`` where the disk is full.
    """
    with room(folder.parent, no_room):
        folder.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(folder.parent / ".lock", os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield
        except BlockingIOError as error:
            raise RunError(
                f"another edge-opt is setting up {what} in '{folder.parent}'", "wait for it to end"
            ) from error
        finally:
            os.close(handle)
