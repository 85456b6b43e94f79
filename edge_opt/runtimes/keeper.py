"""Workers on a board: begun, kept within their time and apart from each other, and ended, whoever asks for them.

Nothing here polls: while a worker is timed, everybody else sleeps in a call of the kernel.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING or __package__:
    from . import shelf
else:
    import shelf

_KEPT_S = 86400.0  # that a job which nobody fetched stays
# edge_opt/turns.py on this machine: an edge-opt that works on the board itself takes turns with this one
_ROOM = Path("/tmp/edge-opt.lock")
_KEPT_VARIABLES = ("PATH", "HOME", "TMPDIR", "QEMU_CPU")
_FULL = (errno.ENOSPC, errno.EDQUOT)
_ENDED_BYTES = 4096  # laid by for how a job ended, which is to be written also where it has filled the disk

Request = Any  # a JSON object: see board.run


class _Late(Exception):
    """The time is over."""


def start(folder: Path, request: Request) -> None:
    """Begin the job in a process that outlives this connection, unless another request was quicker.

    That it lives is told by the lock on ``alive``, which its worker holds too, and no power cut leaves behind.
    """
    shelf.begin()
    _forget_old()
    shelf.make_room(0, in_use() | set(named(request)))
    part = folder.with_name(f".{folder.name}.{os.getpid()}")
    part.mkdir(parents=True)
    shelf.write(part / "job.json", _here(request["job"], folder))
    (part / "ended.part").write_bytes(b" " * _ENDED_BYTES)
    alive = os.open(str(part / "alive"), os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(alive, fcntl.LOCK_EX)
    try:
        os.rename(str(part), str(folder))
    except OSError:
        shutil.rmtree(str(part), ignore_errors=True)
        if not folder.is_dir():
            raise
        return
    if os.fork():
        os.close(alive)  # the child has it too, and so the lock
        return
    os.setsid()
    if os.fork():
        os._exit(0)
    _keep(folder, request, alive)


def named(request: Request) -> list[str]:
    """What has to be here for the job of ``request``, as ``files/HASH``."""
    job = request["job"]
    paths = [one[name] for one in job.get("artifacts", ()) for name in ("path", "module") if name in one]
    paths += [job["inputs"]] if "inputs" in job else []
    return ["/".join(one.split("/")[:2]) for one in paths]


def there(request: Request) -> bool:
    """Whether everything that the job names is here; it counts as used then."""
    places = [shelf.inside(one) for one in named(request)]
    if not all(one.is_dir() for one in (*places, shelf.inside(request["worker"]))):
        return False
    for one in places:
        shelf.used(one)
    return True


def in_use() -> set[str]:
    """The files that jobs which still run were begun with."""
    found = set()
    for folder in jobs():
        if alive(folder):
            found.update(shelf.read(folder / "job.json").get("needs", ()))
    return found


def jobs() -> list[Path]:
    """The folders of all jobs that nobody has forgotten yet."""
    return [one for one in (shelf.FOLDER / "jobs").glob("[!.]*") if one.is_dir()]


def alive(folder: Path) -> bool:
    """Whether the job still runs, or waits for its turn."""
    with _open(folder / "alive") as handle:
        if handle is None:
            return False
        try:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            return True
        return False


def wait(folder: Path, seconds: float) -> None:
    """Sleep until the job has ended, ``seconds`` at most."""
    with _open(folder / "alive") as handle, contextlib.suppress(_Late):
        if handle is not None:
            _within(seconds, lambda: fcntl.flock(handle, fcntl.LOCK_SH))


def end(folder: Path) -> None:
    """Kill the worker of the job and the process that keeps it, and wait a moment until both are gone."""
    if alive(folder):
        who = shelf.read(folder / "who.json")
        for kill, number in ((os.kill, who.get("keeper")), (os.killpg, who.get("group"))):
            if number:
                with contextlib.suppress(OSError):  # gone
                    kill(number, signal.SIGKILL)
        wait(folder, 5)


def _keep(folder: Path, request: Request, alive: int) -> NoReturn:
    """Run the worker, and write down how it ended."""
    try:
        nowhere = os.open(os.devnull, os.O_RDWR)
        for stream in range(3):  # else the connection would stay open until the job ends
            os.dup2(nowhere, stream)
        shelf.write(folder / "who.json", {"keeper": os.getpid()})
        ended = _kept(folder, request, alive)
    except OSError as error:
        ended = {"problem": "disk" if error.errno in _FULL else f"{error.strerror} ({error.filename})"}
    try:
        _write_down(folder, ended)
    finally:
        os._exit(0)


def _write_down(folder: Path, ended: Any) -> None:
    """How the job ended, in the room that was laid by for it: the disk may be full."""
    part = folder / "ended.part"
    content = json.dumps(ended).encode()
    with part.open("r+b") as file:
        file.write(content.ljust(_ENDED_BYTES))
    os.replace(str(part), str(folder / "ended.json"))


def _kept(folder: Path, request: Request, alive: int) -> dict[str, Any]:
    """How the worker ended, in its turn and within its time."""
    with contextlib.ExitStack() as stack:
        try:
            turn = _turn(stack, fcntl.LOCK_EX if request["alone"] else fcntl.LOCK_SH, request["turn_s"])
        except _Late:
            return {"problem": "busy"}
        kernel_kills = _kernel_kills()
        given, out, err = folder / "job.json", folder / "stdout", folder / "stderr"
        with given.open("rb") as stdin, out.open("wb") as stdout, err.open("wb") as stderr:
            process = subprocess.Popen(
                [sys.executable, "-s", str(shelf.FOLDER / request["worker"] / "worker.py")],
                stdin=stdin,
                stdout=stdout,
                stderr=stderr,
                env=_variables(request["variables"]),
                start_new_session=True,
                pass_fds=(alive, *turn),  # should this process be killed, both locks last as long as the worker
            )
        shelf.write(folder / "who.json", {"keeper": os.getpid(), "group": process.pid})
        timed_out = False
        try:
            _within(request["timeout_s"], process.wait)
        except _Late:
            timed_out = True
        with contextlib.suppress(OSError):  # all gone
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        return {
            "returncode": process.returncode,
            "timed_out": timed_out,
            "out_of_memory": process.returncode == -signal.SIGKILL and _kernel_kills() > kernel_kills,
        }


def _turn(stack: contextlib.ExitStack, kind: int, seconds: float) -> list[int]:
    """The lock of a time in which no other timing runs here. Raises _Late.

    Whoever comes waits at the gate and keeps it until the room is theirs, so nobody is overtaken for ever. Where there
    is no place for the two files, everybody goes at once.
    """
    try:
        room = _lockable(_ROOM)
        stack.callback(os.close, room)
        gate = _lockable(_ROOM.with_name(_ROOM.name + ".gate"))
        stack.callback(os.close, gate)
    except OSError:
        return []
    begun = time.monotonic()
    _within(seconds, lambda: fcntl.flock(gate, kind))
    _within(max(0.1, seconds - (time.monotonic() - begun)), lambda: fcntl.flock(room, kind))
    fcntl.flock(gate, fcntl.LOCK_UN)
    return [room]


def _lockable(path: Path) -> int:
    """The open file, which may be another user's."""
    try:
        return os.open(str(path), os.O_RDONLY | os.O_NOFOLLOW)
    except FileNotFoundError:
        return os.open(str(path), os.O_RDONLY | os.O_CREAT | os.O_NOFOLLOW, 0o644)


@contextlib.contextmanager
def _open(path: Path) -> Iterator[int | None]:
    """The open file; None where there is none."""
    try:
        handle = os.open(str(path), os.O_RDWR)
    except OSError:
        yield None
        return
    try:
        yield handle
    finally:
        os.close(handle)


def _within(seconds: float | None, work: Any) -> None:
    """Do ``work``, which blocks. Raises _Late when ``seconds`` are over: by a timer, whatever the clock does."""

    def ring(number: int, frame: Any) -> None:
        raise _Late

    before = signal.signal(signal.SIGALRM, ring)
    try:
        signal.setitimer(signal.ITIMER_REAL, max(0.001, seconds) if seconds is not None else 0)
        work()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _forget_old() -> None:
    """Remove what jobs left whose answer nobody fetched."""
    now = time.time()
    for one in (shelf.FOLDER / "jobs").glob("*"):
        if abs(now - one.stat().st_mtime) > _KEPT_S and not alive(one):
            shutil.rmtree(str(one), ignore_errors=True)


def _here(job: Any, folder: Path) -> dict[str, Any]:
    """The job with the paths that its names stand for on this board."""
    artifacts = [
        {**one, **{name: str(shelf.FOLDER / one[name]) for name in ("path", "module") if name in one}}
        for one in job.get("artifacts", ())
    ]
    inputs = {"inputs": str(shelf.FOLDER / job["inputs"])} if "inputs" in job else {}
    outputs = {"outputs": str(folder / "outputs.npy")} if "outputs" in job else {}
    return {**job, **inputs, **outputs, "artifacts": artifacts, "needs": named({"job": job})}


def _variables(given: dict[str, str]) -> dict[str, str]:
    """What a worker sees: nothing of the board's shell but the least, so that no latency depends on it."""
    kept = {name: value for name, value in os.environ.items() if name in _KEPT_VARIABLES}
    packages = shelf.read(shelf.FOLDER / shelf.MARK).get("packages")
    return {**kept, **given, **({"PYTHONPATH": str(shelf.FOLDER / packages)} if packages else {})}


def _kernel_kills() -> int:
    """How many processes the kernel has killed for want of memory; 0 where it does not say."""
    words = shelf.text(Path("/proc/vmstat"), 2**20, first=True).split()
    return int(words[words.index("oom_kill") + 1]) if "oom_kill" in words else 0
