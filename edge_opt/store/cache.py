"""Artifacts by what they were made from, shared by all runs of a user: what was converted once is copied.

::

    ~/.cache/edge-opt/artifacts/
      3f9a…/entry.json      the file that a runtime opens, and the hash over all files
      3f9a…/files/          the files of the artifact

An entry is named by its key, written whole or not at all, and believed only where its files still have their hash. It
is copied, not linked: who edits an artifact in a run folder must not edit those of other runs.
"""

from __future__ import annotations

import contextlib
import errno
import functools
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from edge_opt.errors import InputError
from edge_opt.store.files import measure
from edge_opt.store.nouns import dump
from edge_opt.types import Finding

LIMIT_BYTES = 2_000_000_000
_ENTRY, _FILES = "entry.json", "files"
_NEW, _OLD = ".new-", ".old-"
_OFF = ("off", "no", "0")


class Cache:
    """The artifacts kept in ``folder``, at most ``limit_bytes`` of them: the least recently used leave first.

    What is wrong with the cache is no failure of a run: ``tell`` hears of it once, and the work is done without.
    """

    def __init__(self, folder: Path, tell: Callable[[Finding], None], limit_bytes: int = LIMIT_BYTES) -> None:
        self.folder = folder
        self._tell = tell
        self._limit_bytes = limit_bytes
        self._unusable = False
        self._taken = 0  # since they were last counted aloud

    def take(self, parts: Mapping[str, Any], out: Path, counted: bool = True) -> str | None:
        """The name of the file that a runtime opens, its artifact's files being copied into the empty folder ``out``.

        None where nothing was kept under ``parts``; an entry that is damaged is dropped. What is not ``counted`` is
        left out of :meth:`tell_taken`. Raises OSError where the disk of ``out`` is full.
        """
        entry = self.folder / _key(parts)
        try:
            record = json.loads((entry / _ENTRY).read_text(encoding="utf-8"))
            _copy(entry / _FILES, out)
            if measure(out)[0] == record["sha256"] and (out / record["opened"]).is_file():
                with contextlib.suppress(OSError):  # of somebody else's: it is used all the same
                    os.utime(entry)
                self._taken += counted
                return str(record["opened"])
            damage = "its files do not have the hash that they were kept with"
        except FileNotFoundError:
            damage = "a file is missing" if (entry / _ENTRY).exists() else ""
        except (ValueError, KeyError, TypeError) as error:
            damage = f"its record cannot be read: {error}"
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise  # the disk of the run, as nothing is written to the cache here
            self._unused(error)
            damage = ""
        _empty(out)
        if damage:
            self._tell(_damaged(entry, damage))
            with contextlib.suppress(OSError):
                self._drop(entry)
        return None

    def keep(self, parts: Mapping[str, Any], built: Path, opened: str) -> None:
        """Keep the files of the folder ``built`` under ``parts``, of which a runtime opens ``opened``."""
        entry = self.folder / _key(parts)
        if entry.exists():
            return
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            new = Path(tempfile.mkdtemp(prefix=_NEW, dir=self.folder))
            try:
                _copy(built, new / _FILES)
                sha256, size_bytes, _ = measure(new / _FILES)
                if size_bytes > self._limit_bytes:
                    return
                record = {"opened": opened, "sha256": sha256, "size_bytes": size_bytes}
                (new / _ENTRY).write_text(json.dumps(record), encoding="utf-8")
                os.rename(new, entry)
            finally:
                shutil.rmtree(new, ignore_errors=True)
            self._bound()
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):  # another run was faster: it is the same
                self._unused(error)

    def tell_taken(self, of: int) -> None:
        """Say how many of ``of`` artifacts were taken since this was last said; nothing where none was."""
        if self._taken:
            self._tell(
                Finding(
                    code="EO515",
                    level="info",
                    message=f"copied from an earlier run, not converted: {self._taken} of {of} artifacts",
                    hint="--no-cache makes them anew",
                )
            )
        self._taken = 0

    def _bound(self) -> None:
        """Drop what was not used for longest until the rest fits, and what was left by a kill a day ago."""
        entries = []
        newest = 0.0
        for path in self.folder.iterdir():
            with contextlib.suppress(OSError, ValueError, KeyError, TypeError):  # another run drops entries as well
                used = path.stat().st_mtime
                newest = max(newest, used)
                if path.name.startswith((_NEW, _OLD)):
                    entries.append((used, path, 0))
                else:
                    size = json.loads((path / _ENTRY).read_text(encoding="utf-8"))["size_bytes"]
                    entries.append((used, path, int(size)))
        total = sum(size for _, _, size in entries)
        for used, path, size in sorted(entries, key=lambda one: one[0]):
            unfinished = path.name.startswith((_NEW, _OLD))
            if (total > self._limit_bytes and not unfinished) or (unfinished and newest - used > 86_400):
                self._drop(path)
                total -= size

    def _drop(self, entry: Path) -> None:
        """Remove an entry at once for all who look, then its files."""
        aside = Path(tempfile.mkdtemp(prefix=_OLD, dir=self.folder))
        with contextlib.suppress(FileNotFoundError):  # another run was faster
            os.rename(entry, aside / "entry")
        shutil.rmtree(aside, ignore_errors=True)

    def _unused(self, error: OSError) -> None:
        if self._unusable:
            return
        self._unusable = True
        why = error.strerror or str(error)
        self._tell(
            Finding(
                code="EO502",
                level="warning",
                message=f"the artifact cache in '{self.folder}' cannot be used: {why}; artifacts are made anew",
                hint="name another folder in EDGE_OPT_CACHE, or leave the cache out with --no-cache",
            )
        )


def cache_folder(environment: Mapping[str, str]) -> Path | None:
    """Where ``environment`` puts the cache: ``EDGE_OPT_CACHE``, else the user's cache folder; None where it is off.

    Raises InputError where that is a relative path: each folder one works in would have a cache of its own.
    """
    named = environment.get("EDGE_OPT_CACHE", "").strip()
    if named.lower() in _OFF:
        return None
    if named:
        if not Path(named).expanduser().is_absolute():
            raise InputError(f"EDGE_OPT_CACHE is '{named}', which is no absolute path", "give one, or 'off'")
        return Path(named).expanduser()
    shared = environment.get("XDG_CACHE_HOME", "")
    root = Path(shared) if Path(shared).is_absolute() else Path(environment.get("HOME") or "~").expanduser() / ".cache"
    return root / "edge-opt" / "artifacts" if root.is_absolute() else None


@functools.cache
def code(*parts: str) -> dict[str, str]:
    """The hash of every module in these parts of edge-opt: a checkout changes more often than its version does."""
    folder = Path(__file__).resolve().parent.parent
    paths = [path for part in parts for path in sorted((folder / part).rglob("*.py"))]
    return {path.relative_to(folder).as_posix(): content(path) for path in paths}


def content(path: Path) -> str:
    """The hash of the file at ``path``."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _damaged(entry: Path, why: str) -> Finding:
    return Finding(
        code="EO503",
        level="warning",
        message=f"a kept artifact in '{entry}' is damaged and was dropped: {why}; it is made anew",
        hint="check the disk where this happens again",
    )


def _empty(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)


def _copy(files: Path, out: Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    for path in sorted(files.rglob("*")):
        if path.is_dir():
            (out / path.relative_to(files)).mkdir(exist_ok=True)
        else:
            shutil.copyfile(path, out / path.relative_to(files))


def _key(parts: Mapping[str, Any]) -> str:
    """The name of the entry for what an artifact was made from."""
    return hashlib.sha256(json.dumps(dump(parts), sort_keys=True).encode()).hexdigest()[:32]
