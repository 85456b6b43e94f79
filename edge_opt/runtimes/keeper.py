"""Workers on a board: begun, kept within their time and apart from each other, and ended, whoever asks for them."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING or __package__:
    from . import shelf
else:
    import shelf

_KEPT_S = 86400.0  # that a job which nobody fetched stays
_POLL_S = 0.05
_KEPT_VARIABLES = ("PATH", "HOME", "TMPDIR", "QEMU_CPU")

Request = Any  # a JSON object: see board.run


def start(folder: Path, request: Request) -> None:
    """Begin the job in a process that outlives this connection. Whether that process lives is told by its lock."""
    shelf.begin()
    _forget_old()
    shelf.make_room(0)
    part = folder.with_name("." + folder.name)
    shutil.rmtree(str(part), ignore_errors=True)
    part.mkdir(parents=True)
    shelf.write(part / "job.json", _here(request["job"], folder))
    alive = os.open(str(part / "alive"), os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(alive, fcntl.LOCK_EX)
    os.rename(str(part), str(folder))
    if os.fork():
        os.close(alive)  # the child has it too, and so the lock
        return
    os.setsid()
    if os.fork():
        os._exit(0)
    try:
        nowhere = os.open(os.devnull, os.O_RDWR)
        for stream in range(3):  # else the connection would stay open until the job ends
            os.dup2(nowhere, stream)
        ended = _kept(folder, request)
    except OSError as error:
        ended = {"problem": "disk" if error.errno in (errno.ENOSPC, errno.EDQUOT) else str(error)}
    try:
        shelf.write(folder / "ended.json", ended)
    finally:
        os._exit(0)


def _forget_old() -> None:
    """Remove what jobs left whose answer nobody fetched."""
    now = time.time()
    for one in jobs():
        if not alive(one) and abs(now - one.stat().st_mtime) > _KEPT_S:
            shutil.rmtree(str(one), ignore_errors=True)


def _here(job: Any, folder: Path) -> dict[str, Any]:
    """The job with the paths that its names stand for on this board."""
    artifacts = [
        {**one, **{name: str(shelf.FOLDER / one[name]) for name in ("path", "module") if name in one}}
        for one in job.get("artifacts", ())
    ]
    inputs = {"inputs": str(shelf.FOLDER / job["inputs"])} if "inputs" in job else {}
    outputs = {"outputs": str(folder / "outputs.npy")} if "outputs" in job else {}
    return {**job, **inputs, **outputs, "artifacts": artifacts}


def there(request: Request) -> bool:
    """Whether everything that the job names is here; it counts as used then."""
    job = request["job"]
    named = [one[name] for one in job.get("artifacts", ()) for name in ("path", "module") if name in one]
    named += [job["inputs"]] if "inputs" in job else []
    places = {shelf.inside("/".join(one.split("/")[:2])) for one in named} | {shelf.inside(request["worker"])}
    if not all(one.is_dir() for one in places):
        return False
    for one in places:
        os.utime(str(one))
    return True


def _kept(folder: Path, request: Request) -> dict[str, Any]:
    """How the worker ended, in its turn and within its time."""
    with (shelf.FOLDER / "turn.lock").open("a+b") as turn:
        kind = fcntl.LOCK_EX if request["alone"] else fcntl.LOCK_SH
        if not _locked(turn.fileno(), kind, request["turn_s"]):
            return {"problem": "busy"}
        kernel_kills = _kernel_kills()
        worker = shelf.FOLDER / request["worker"] / "worker.py"
        given, out, err = folder / "job.json", folder / "stdout", folder / "stderr"
        with given.open("rb") as stdin, out.open("wb") as stdout, err.open("wb") as stderr:
            process = subprocess.Popen(
                [sys.executable, "-s", str(worker)],
                stdin=stdin,
                stdout=stdout,
                stderr=stderr,
                env=_variables(request["variables"]),
                start_new_session=True,
            )
        shelf.write(folder / "group.json", {"group": process.pid})
        timed_out = False
        try:
            process.wait(request["timeout_s"])
        except subprocess.TimeoutExpired:
            timed_out = True
        _kill(process.pid)
        process.wait()
        return {
            "returncode": process.returncode,
            "timed_out": timed_out,
            "out_of_memory": process.returncode == -signal.SIGKILL and _kernel_kills() > kernel_kills,
        }


def _variables(given: dict[str, str]) -> dict[str, str]:
    """What a worker sees: nothing of the board's shell but the least, so that no latency depends on it."""
    kept = {name: value for name, value in os.environ.items() if name in _KEPT_VARIABLES}
    packages = shelf.read(shelf.FOLDER / shelf.MARK).get("packages")
    return {**kept, **given, **({"PYTHONPATH": str(shelf.FOLDER / packages)} if packages else {})}


def _locked(handle: int, kind: int, seconds: float) -> bool:
    end = time.monotonic() + seconds
    while True:
        try:
            fcntl.flock(handle, kind | fcntl.LOCK_NB)
            return True
        except OSError:
            if time.monotonic() > end:
                return False
            time.sleep(_POLL_S)


def jobs() -> list[Path]:
    """The folders of all jobs that nobody has forgotten yet."""
    return [one for one in (shelf.FOLDER / "jobs").glob("[!.]*") if one.is_dir()]


def alive(folder: Path) -> bool:
    """Whether the process that keeps the job runs: it holds the lock, which no power cut leaves behind."""
    try:
        handle = os.open(str(folder / "alive"), os.O_RDWR)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return False
    except OSError:
        return True
    finally:
        os.close(handle)


def end(folder: Path) -> None:
    """Kill the worker of the job, and wait a moment for the one that keeps it."""
    end = time.monotonic() + 5
    while alive(folder) and time.monotonic() < end:
        group = shelf.read(folder / "group.json").get("group")
        if group:
            _kill(group)
        time.sleep(_POLL_S)


def _kill(group: int) -> None:
    with contextlib.suppress(OSError):  # all gone
        os.killpg(group, signal.SIGKILL)


def _kernel_kills() -> int:
    """How many processes the kernel has killed for want of memory; 0 where it does not say."""
    words = shelf.text(Path("/proc/vmstat"), 2**20, first=True).split()
    return int(words[words.index("oom_kill") + 1]) if "oom_kill" in words else 0
