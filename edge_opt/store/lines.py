"""A file of JSON lines that several jobs append to, one line each: a kill never spoils what is there."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import logging
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from edge_opt.errors import RunError

_WAIT_S = 10.0
_POLL_S = 0.02
_log = logging.getLogger(__name__)


def append_line(path: Path, content: Any) -> None:
    """``path`` with ``content`` as one more line, on the disk; what a kill left half written before is cut off.

    Raises RunError where it cannot be written, there is no room, or another process does not come to an end with it.
    """
    whole = (json.dumps(content, separators=(",", ":"), allow_nan=False) + "\n").encode()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with _locked(path) as handle:
            before = _mended(handle)
            try:
                written = 0
                while written < len(whole):
                    written += os.write(handle, whole[written:])
                os.fsync(handle)
            except BaseException:
                os.ftruncate(handle, before)  # half a line would spoil the one that follows it
                raise
    except OSError as error:
        raise _unwritten(path, error) from error


def require_appendable(path: Path) -> None:
    """Nothing; raises RunError where :func:`append_line` could not write to ``path``: said before long work.

    Nothing is made or changed.
    """
    try:
        if path.is_dir():
            raise RunError(f"'{path}' is a folder", "give the path of a file in it")
        if path.exists():
            if not path.is_file():
                raise RunError(f"'{path}' is no regular file", "give another path")
            os.close(os.open(path, os.O_RDWR | os.O_APPEND | os.O_CLOEXEC))
            return
        folder = next(one for one in path.absolute().parents if one.exists())  # the folders below it will be made
        if not folder.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
        if not os.access(folder, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    except OSError as error:
        raise _unwritten(path, error) from error


def _unwritten(path: Path, error: OSError) -> RunError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return RunError(f"'{path}' cannot be written: no room is left on its disk", "free some space")
    if isinstance(error, FileExistsError | NotADirectoryError):
        return RunError(f"'{path}' cannot be written: what is given as its folder is no folder", "give another path")
    return RunError(f"'{path}' cannot be written: {error.strerror}", "give another path, or the right to write there")


def read_lines(path: Path) -> tuple[tuple[str, ...], str]:
    """The lines of the file, empty ones as well, and what stands behind the last end of a line: a line cut short.

    Raises RunError where it cannot be read or is no text; FileNotFoundError where there is none.
    """
    try:
        text = path.read_bytes().decode("utf-8")
    except FileNotFoundError:
        raise
    except OSError as error:
        raise RunError(f"'{path}' cannot be read: {error.strerror}", "look at its permissions") from error
    except UnicodeDecodeError as error:
        raise RunError(f"'{path}' is no text in UTF-8", "give a file of JSON lines") from error
    complete, end, rest = text.rpartition("\n")
    return tuple(complete.split("\n")) if end else (), rest


def _mended(handle: int) -> int:
    """Where the next line begins. One cut short is cut off; a whole one gets the end that an editor left out."""
    size = os.fstat(handle).st_size
    content = os.pread(handle, size, 0)
    complete = content.rfind(b"\n") + 1
    rest = content[complete:]
    if not rest.strip():
        return size
    if _whole(rest):
        os.write(handle, b"\n")
        return size + 1
    os.ftruncate(handle, complete)
    return complete


def _whole(line: bytes) -> bool:
    try:
        json.loads(line)
    except ValueError:
        return False
    return True


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[int]:
    """The open file, which no other process writes to meanwhile: the lock goes with the process, however it ends."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o666)
    try:
        end = time.monotonic() + _WAIT_S
        while not _taken(handle, path):
            if time.monotonic() > end:
                raise RunError(f"another process is writing to '{path}'", "wait until it has ended, then try again")
            time.sleep(_POLL_S)
        yield handle
    finally:
        os.close(handle)


def _taken(handle: int, path: Path) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:  # some network file systems know no locks
        _log.warning("'%s' cannot be locked, so let one job at a time write to it: %s", path, error)
    return True
