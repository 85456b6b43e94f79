"""The run folder: what a run has finished, as versioned JSON, and the files it made.

::

    runs/NAME/
      jobs.jsonl            what was asked, then every finished job, one line each, appended as it ends
      artifacts/3f9a…/      the files of one artifact, or of a network that passes made, in a folder named by their hash
      training/             how far the training of such a network is; gone when the run has ended well
      report.json           the Report, once there is one
      scratch/              arrays and intermediate models; gone when the run has ended well

A kill at any moment loses the job in progress: a line cut short is dropped when the folder is opened again. The
journal is locked while a run is open, so that two cannot write to one folder.
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
import shutil
import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, cast

from edge_opt.errors import AnotherRequest, RunError
from edge_opt.store.files import OTHER_FOLDER, measure, room, write_whole
from edge_opt.store.nouns import dump, parse

SCHEMA_VERSION = 1
_JOURNAL = "jobs.jsonl"
_GO_ON = "free some space, then go on with --resume: nothing finished is lost"
_log = logging.getLogger(__name__)
T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Stored:
    """Where an artifact's files came to lie (relative to the run folder), how large they are, and their hash."""

    folder: Path
    size_bytes: int
    compressed_bytes: int
    sha256: str


class Run:
    """An open run folder. ``once`` is the heart of it: work that was finished before is not done again.

    While it is open no other process can open the same folder. ``close`` ends that, as does ``release``, or
    leaving it as a context manager.
    """

    def __init__(self, folder: Path, journal: int, no_room: str) -> None:
        self.folder = folder
        self._journal = journal
        self._no_room = no_room
        self._jobs: dict[str, Any] = {}
        self._lock = weakref.finalize(self, os.close, journal)

    @classmethod
    def start(
        cls, folder: Path, request: Mapping[str, Any], *, resume: bool | None = None, overwrite: bool = False
    ) -> Run:
        """An empty run, or with ``resume`` the one that was begun there for the same ``request``.

        ``resume=None`` is for commands that know neither word; ``overwrite`` removes what a run has written there.

        Raises RunError where the folder already holds a run, one that was asked for something else, or one that another
        process is working on.
        """
        no_room = OTHER_FOLDER if resume is None else _GO_ON
        with room(folder, no_room):
            if folder.exists() and not (folder / _JOURNAL).exists() and (not folder.is_dir() or any(folder.iterdir())):
                raise RunError(f"'{folder}' exists and is no run folder", "give another -o")
            folder.mkdir(parents=True, exist_ok=True)
            run = cls(folder, _locked(folder), no_room)
        try:
            run._begin(request, resume, overwrite)
        except BaseException:
            run.release()
            raise
        return run

    def _begin(self, request: Mapping[str, Any], resume: bool | None, overwrite: bool) -> None:
        """Take up what the journal holds, or begin it anew where that is asked for or nothing was finished."""
        asked, jobs = ({}, {}) if overwrite else self._read()
        if jobs and not resume:
            raise RunError(
                f"'{self.folder}' already holds a run",
                "give another -o"
                if resume is None
                else "go on with --resume, start again with --overwrite, or give another -o",
            )
        wanted = dump(request)
        changed = sorted(name for name in {*asked, *wanted} if asked.get(name) != wanted.get(name))
        if jobs and changed:
            raise AnotherRequest(
                f"'{self.folder}' was begun with another {', '.join(changed)}",
                "give the same again, or another -o for a new run",
            )
        self._jobs = jobs
        _sweep(self.folder)
        if not jobs:  # also where a run ended at once: a mistyped path must not block the folder
            with room(self.folder, self._no_room):
                os.truncate(self._journal, 0)  # first, so that no journal speaks of artifacts that are gone
                clear(self.folder)
            self._append({"schema_version": SCHEMA_VERSION, "request": wanted})

    def release(self) -> None:
        """Let others open the folder; to be called where a run ends by an error, whose traceback keeps this object."""
        self._lock()
        self._journal = -1

    def __enter__(self) -> Run:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    def once(self, key: str, kind: Any, work: Callable[[], T]) -> T:
        """The result of ``work``, a ``kind``: from the journal where ``key`` is finished, else made and appended."""
        if key in self._jobs:
            return cast(T, parse(kind, self._jobs[key]))
        result = work()
        self.append(key, result)
        return result

    def finished(self, key: str) -> bool:
        """Whether the journal holds ``key``."""
        return key in self._jobs

    def known(self, key: str, kind: Any, otherwise: Any = None) -> Any:
        """The finished result of ``key``, a ``kind``; ``otherwise`` where it is not finished."""
        return parse(kind, self._jobs[key]) if key in self._jobs else otherwise

    @property
    def keys(self) -> tuple[str, ...]:
        """Of everything that is finished, in the order in which it was."""
        return tuple(self._jobs)

    def append(self, key: str, result: Any) -> None:
        """Write that ``key`` is finished, and its result, to the disk."""
        self._jobs[key] = dump(result)
        self._append({"key": key, "value": self._jobs[key]})

    def scratch(self, name: str) -> Path:
        """A path for passing work to other processes; its folder exists, and goes when the run ends well."""
        with room(self.folder, self._no_room):
            (self.folder / "scratch").mkdir(exist_ok=True)
        return self.folder / "scratch" / name

    def training(self, name: str) -> Path:
        """The folder of that name for checkpoints, which a kill leaves; it goes when the run ends well."""
        with room(self.folder, self._no_room):
            (self.folder / "training" / name).mkdir(parents=True, exist_ok=True)
        return self.folder / "training" / name

    def adopt(self, built: Path) -> Stored:
        """Move the files of the folder ``built`` to ``artifacts/<hash>``; the same content is kept once."""
        sha256, size_bytes, compressed_bytes = measure(built)
        place = Path("artifacts") / sha256[:16]
        with room(self.folder, self._no_room):
            (self.folder / "artifacts").mkdir(exist_ok=True)
            if (self.folder / place).exists():
                shutil.rmtree(built)
            else:
                os.replace(built, self.folder / place)
        return Stored(folder=place, size_bytes=size_bytes, compressed_bytes=compressed_bytes, sha256=sha256)

    def write(self, name: str, text: str) -> Path:
        """Write a file of the folder, whole or not at all."""
        with room(self.folder, self._no_room):
            return write_whole(self.folder / name, text)

    def close(self) -> None:
        """Remove what only the work needed, and let others open the folder."""
        for name in ("scratch", "training"):
            shutil.rmtree(self.folder / name, ignore_errors=True)
        self.release()

    def _append(self, line: Any) -> None:
        whole = (json.dumps(line, separators=(",", ":")) + "\n").encode()
        with room(self.folder, self._no_room):
            before = os.fstat(self._journal).st_size
            try:
                written = 0
                while written < len(whole):
                    written += os.write(self._journal, whole[written:])
                os.fsync(self._journal)
            except BaseException:
                os.truncate(self._journal, before)  # half a line would spoil the one that follows it
                raise

    def _read(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """What was asked and what was finished; a last line cut short by a kill is cut off the file."""
        with room(self.folder, self._no_room):
            whole = (self.folder / _JOURNAL).read_bytes()
            complete = whole[: whole.rfind(b"\n") + 1]
            if len(complete) < len(whole):
                os.truncate(self._journal, len(complete))
        if not complete:
            return {}, {}
        try:
            head, *lines = [json.loads(line) for line in complete.splitlines()]
            if head["schema_version"] != SCHEMA_VERSION:
                raise RunError(
                    f"'{self.folder}' was written by another version of edge-opt", "give another -o for a new run"
                )
            return head["request"], {line["key"]: line["value"] for line in lines}
        except (ValueError, KeyError, TypeError) as error:
            raise RunError(
                f"'{self.folder / _JOURNAL}' is damaged: {error}", "give another -o for a new run"
            ) from error


def _locked(folder: Path) -> int:
    """The journal, opened and locked: the lock goes with the process, however it ends."""
    handle = os.open(folder / _JOURNAL, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o666)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(handle)
        raise RunError(
            f"another edge-opt is at work in '{folder}'", "wait until it has ended, or give another -o"
        ) from error
    except OSError as error:  # some network file systems know no locks
        _log.warning("'%s' cannot be locked, so do not start a second run in it: %s", folder, error)
    return handle


def _sweep(folder: Path) -> None:
    """Remove what a killed run left half done; nothing that is finished lies there."""
    for path in (folder / "scratch", *folder.glob(".bundle.*.partial")):
        shutil.rmtree(path, ignore_errors=True)


def clear(folder: Path) -> None:
    """Remove what a run wrote to ``folder`` beside its journal, and nothing else that lies there."""
    for name in ("answers", "artifacts", "scratch", "training", "bundle", "pictures"):
        shutil.rmtree(folder / name, ignore_errors=True)
    for name in ("report.json", "report.md", "report.html", "rapport.md", "rapport.html"):
        (folder / name).unlink(missing_ok=True)
