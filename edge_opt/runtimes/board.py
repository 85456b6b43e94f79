"""What a board does for edge-opt when it is reached over SSH: it keeps files, runs workers, and says how it is.

The source travels with every request and is run by the board's own Python, so the two sides are always of one version:
nothing has to be installed first, and nothing of it stays. A request is one line of JSON on stdin, with the bytes of
files behind it where there are any; the answer is one marked line on stdout, likewise. Everything that stays lies in
one folder::

    ~/.edge-opt/
      edge-opt.json        the mark of a folder that edge-opt may remove, and which packages its workers see
      worker-HASH/         the files of edge_opt/runtimes
      packages-HASH/       the runtimes, unpacked
      files/HASH/          artifacts and inputs; the least recently used leave first
      jobs/ID/             what a running worker was asked, and what an ended one answered
      turn.lock            held by the job that is timed
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import json
import os
import platform
import shutil
import signal
import struct
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

FOLDER = Path(os.path.expanduser("~")) / ".edge-opt"
MARK = "edge-opt.json"
ANSWER = "edge-opt-board "  # begins the line of the answer: a login script may have printed others before it
_MOST_FILES_BYTES = 1_000_000_000
_SPARE_BYTES = 32 * 2**20  # a system without any room left does not work
_MOST_ANSWER_BYTES = 256 * 2**20
_KEPT_S = 86400.0
_POLL_S = 0.05
_CHUNK_BYTES = 2**20
_KEPT_VARIABLES = ("PATH", "HOME", "TMPDIR", "QEMU_CPU")

Request = Any  # a JSON object: what each verb takes stands in its docstring


class Refused(Exception):
    """Why a request has no answer; ``stage`` is request, disk or folder."""

    def __init__(self, stage: str, message: str) -> None:
        super().__init__(message)
        self.answer = {"stage": stage, "message": message}


def describe(request: Request, stdin: BinaryIO) -> dict[str, Any]:
    """What this board is, and what edge-opt keeps on it."""
    kept = _read(FOLDER / MARK)
    return {
        "python": platform.python_version(),
        "executable": sys.executable,
        "machine": platform.machine(),
        "bits": 8 * struct.calcsize("P"),
        "libc": list(platform.libc_ver()),
        "system": _system(),
        "numpy": _numpy(),
        "folder": str(FOLDER),
        "free_bytes": _free_bytes(),
        "taken_bytes": _size(FOLDER),
        "packages": kept.get("packages", ""),
        "runtimes": kept.get("runtimes", {}),
        "running": [one.name for one in _jobs() if _alive(one)],
    }


def lacking(request: Request, stdin: BinaryIO) -> dict[str, Any]:
    """Which members of the folder ``name`` are missing: ``members`` are ``[path, bytes, sha256]``.

    What is there counts as used, so that it does not leave; what came whole before a connection broke is not asked for
    again.
    """
    place = _inside(request["name"])
    if place.is_dir():
        os.utime(str(place))
        return {"whole": True, "lacking": []}
    part = _part(place)
    return {
        "whole": False,
        "lacking": [index for index, one in enumerate(request["members"]) if not _same(part / one[0], one)],
    }


def put(request: Request, stdin: BinaryIO) -> dict[str, Any]:
    """Keep ``members`` of the folder ``name``, whose bytes follow one after the other; ``last`` makes it whole."""
    place = _inside(request["name"])
    part = _part(place)
    _begin()
    _make_room(sum(int(one[1]) for one in request["members"]), place)
    try:
        for path, size, sha256 in request["members"]:
            _receive(stdin, _within(part, path), size, sha256)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        shutil.rmtree(str(part), ignore_errors=True)  # else nothing else could be written either
        raise _full(sum(int(one[1]) for one in request["members"])) from error
    if request["last"]:
        try:
            os.rename(str(part), str(place))
        except OSError:
            if not place.is_dir():  # else another connection was as quick
                raise
    return {}


def use(request: Request, stdin: BinaryIO) -> dict[str, Any]:
    """Let workers see the folder ``packages``, whose ``runtimes`` have these versions; others of it are removed."""
    _begin()
    wanted = request["packages"]
    _write(FOLDER / MARK, {**_read(FOLDER / MARK), "packages": wanted, "runtimes": request["runtimes"]})
    for one in FOLDER.glob("packages-*"):
        if one.name != wanted:
            shutil.rmtree(str(one), ignore_errors=True)
    return {}


def run(request: Request, stdin: BinaryIO) -> dict[str, Any]:
    """How the job ``id`` is: ``running``, ``ended`` with what it wrote, or ``gone`` where its keeper was killed.

    One that is not known yet is begun where all that it names is here: with ``job``, ``worker``, ``variables``,
    ``timeout_s``, ``alone`` and ``turn_s``. It goes on whether or not anybody asks; this waits for it for ``wait_s``
    at most.
    """
    folder = _inside("jobs/" + request["id"])
    if not folder.is_dir():
        if not _read(FOLDER / MARK).get("packages"):
            return {"state": "unprepared"}
        if not _there(request):
            return {"state": "gone"}
        _start(folder, request)
    end = time.monotonic() + request["wait_s"]
    while not (folder / "ended.json").exists():
        if not _alive(folder) and not (folder / "ended.json").exists():
            return {"state": "gone"}
        if time.monotonic() > end:
            return {"state": "running"}
        time.sleep(_POLL_S)
    return {
        "state": "ended",
        **_read(folder / "ended.json"),
        "stdout": _text(folder / "stdout", _MOST_ANSWER_BYTES, first=True),
        "stderr": _text(folder / "stderr", 4000, first=False),
    }


def get(request: Request, stdin: BinaryIO) -> dict[str, Any]:
    """The file ``name``, whose bytes follow the answer."""
    path = _inside(request["name"])
    return {"bytes": path.stat().st_size, "follows": str(path)}


def forget(request: Request, stdin: BinaryIO) -> dict[str, Any]:
    """End the job ``id`` where it still runs, and remove what it left."""
    folder = _inside("jobs/" + request["id"])
    if folder.is_dir():
        _end(folder)
        shutil.rmtree(str(folder), ignore_errors=True)
    return {}


def clean(request: Request, stdin: BinaryIO) -> dict[str, Any]:
    """Remove the folder, with all that runs in it. Raises Refused where edge-opt did not make it."""
    if not FOLDER.exists():
        return {"removed_bytes": 0, "folder": str(FOLDER)}
    if not (FOLDER / MARK).exists():
        raise Refused("folder", f"'{FOLDER}' was not made by edge-opt: it holds no '{MARK}'")
    for one in _jobs():
        _end(one)
    size = _size(FOLDER)
    shutil.rmtree(str(FOLDER))
    return {"removed_bytes": size, "folder": str(FOLDER)}


VERBS = {one.__name__: one for one in (describe, lacking, put, use, run, get, forget, clean)}


# ── jobs ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _start(folder: Path, request: Request) -> None:
    """Begin the job in a process that outlives this connection. Whether that process lives is told by its lock."""
    _begin()
    _make_room(0, FOLDER)
    part = folder.with_name("." + folder.name)
    shutil.rmtree(str(part), ignore_errors=True)
    part.mkdir(parents=True)
    _write(part / "job.json", _here(request["job"], folder))
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
        _write(folder / "ended.json", ended)
    finally:
        os._exit(0)


def _here(job: Any, folder: Path) -> dict[str, Any]:
    """The job with the paths that its names stand for on this board."""
    artifacts = [
        {**one, **{name: str(FOLDER / one[name]) for name in ("path", "module") if name in one}}
        for one in job.get("artifacts", ())
    ]
    inputs = {"inputs": str(FOLDER / job["inputs"])} if "inputs" in job else {}
    outputs = {"outputs": str(folder / "outputs.npy")} if "outputs" in job else {}
    return {**job, **inputs, **outputs, "artifacts": artifacts}


def _there(request: Request) -> bool:
    """Whether everything that the job names is here; it counts as used then."""
    job = request["job"]
    named = [one[name] for one in job.get("artifacts", ()) for name in ("path", "module") if name in one]
    named += [job["inputs"]] if "inputs" in job else []
    places = {_inside("/".join(one.split("/")[:2])) for one in named} | {_inside(request["worker"])}
    if not all(one.is_dir() for one in places):
        return False
    for one in places:
        os.utime(str(one))
    return True


def _kept(folder: Path, request: Request) -> dict[str, Any]:
    """How the worker ended, in its turn and within its time."""
    with (FOLDER / "turn.lock").open("a+b") as turn:
        kind = fcntl.LOCK_EX if request["alone"] else fcntl.LOCK_SH
        if not _locked(turn.fileno(), kind, request["turn_s"]):
            return {"problem": "busy"}
        kernel_kills = _kernel_kills()
        worker = FOLDER / request["worker"] / "worker.py"
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
        _write(folder / "group.json", {"group": process.pid})
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
    packages = _read(FOLDER / MARK).get("packages")
    return {**kept, **given, **({"PYTHONPATH": str(FOLDER / packages)} if packages else {})}


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


def _jobs() -> list[Path]:
    return [one for one in (FOLDER / "jobs").glob("[!.]*") if one.is_dir()]


def _alive(folder: Path) -> bool:
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


def _end(folder: Path) -> None:
    """Kill the worker of the job, and wait a moment for the one that keeps it."""
    end = time.monotonic() + 5
    while _alive(folder) and time.monotonic() < end:
        group = _read(folder / "group.json").get("group")
        if group:
            _kill(group)
        time.sleep(_POLL_S)


def _kill(group: int) -> None:
    with contextlib.suppress(OSError):  # all gone
        os.killpg(group, signal.SIGKILL)


def _kernel_kills() -> int:
    """How many processes the kernel has killed for want of memory; 0 where it does not say."""
    words = _text(Path("/proc/vmstat"), 2**20, first=True).split()
    return int(words[words.index("oom_kill") + 1]) if "oom_kill" in words else 0


# ── files ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def _begin() -> None:
    """The folder, with its mark."""
    try:
        FOLDER.mkdir(mode=0o700, exist_ok=True)
        if not (FOLDER / MARK).exists():
            _write(FOLDER / MARK, {"made by": "edge-opt"})
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise _full(0) from error
        raise Refused("folder", f"'{FOLDER}' cannot be written: {error.strerror}") from error


def _inside(name: str) -> Path:
    return _within(FOLDER, name)


def _within(folder: Path, name: str) -> Path:
    """The path of ``name`` in ``folder``. Raises Refused where it leads out of it."""
    if not name or name.startswith("/") or ".." in name.split("/"):
        raise Refused("request", f"'{name}' is no name of a file that edge-opt keeps")
    return folder / name


def _part(place: Path) -> Path:
    return place.with_name("." + place.name)


def _receive(stdin: BinaryIO, path: Path, size: int, sha256: str) -> None:
    """The next ``size`` bytes as the file ``path``, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    digest, left = hashlib.sha256(), size
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


def _same(path: Path, member: Any) -> bool:
    """Whether the file is the member, as it was sent."""
    _, size, sha256 = member
    if not path.is_file() or path.stat().st_size != size:
        return False
    digest = hashlib.sha256()
    with path.open("rb") as file:
        for chunk in iter(lambda: file.read(_CHUNK_BYTES), b""):
            digest.update(chunk)
    return bool(digest.hexdigest() == sha256)


def _make_room(wanted: int, coming: Path) -> None:
    """Let go of the files that were used least recently until ``wanted`` bytes fit, and of what old jobs left.

    Raises Refused where they do not fit even so.
    """
    now = time.time()
    for one in _jobs():
        if not _alive(one) and abs(now - one.stat().st_mtime) > _KEPT_S:
            shutil.rmtree(str(one), ignore_errors=True)
    files = sorted((FOLDER / "files").glob("[!.]*"), key=lambda one: one.stat().st_mtime)
    taken = {one: _size(one) for one in files}
    for one in files[:-8]:  # the last ones may be those of the job that is about to start
        if sum(taken.values()) + wanted <= _MOST_FILES_BYTES and _free_bytes() >= wanted + _SPARE_BYTES:
            break
        shutil.rmtree(str(one), ignore_errors=True)
        taken.pop(one)
    if _free_bytes() < wanted + _SPARE_BYTES:
        raise _full(wanted)


def _full(wanted: int) -> Refused:
    needed = wanted + _SPARE_BYTES
    where = FOLDER.parent
    return Refused(
        "disk",
        f"its disk is full: {_free_bytes() / 1e6:.1f} MB are free in '{where}', and {needed / 1e6:.1f} MB are needed",
    )


def _free_bytes() -> int:
    free = shutil.disk_usage(str(FOLDER if FOLDER.exists() else FOLDER.parent)).free
    return int(free)


def _size(folder: Path) -> int:
    """Bytes of all files in the folder."""
    total = 0
    for where, _, names in os.walk(str(folder)):
        for name in names:
            try:
                total += os.lstat(os.path.join(where, name)).st_size
            except OSError:
                continue  # it went in the meantime
    return total


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _write(path: Path, content: Any) -> None:
    part = path.with_name(path.name + ".part")
    part.write_text(json.dumps(content), encoding="utf-8")
    os.replace(str(part), str(path))


def _text(path: Path, most: int, first: bool) -> str:
    """The first or the last bytes of a file as text."""
    try:
        with path.open("rb") as file:
            if not first:
                file.seek(max(0, path.stat().st_size - most))
            return file.read(most).decode(errors="replace")
    except OSError:
        return ""


def _system() -> str:
    for line in _text(Path("/etc/os-release"), 10000, first=True).splitlines():
        if line.startswith("PRETTY_NAME="):
            return line.partition("=")[2].strip().strip("\"'")
    return platform.system()


def _numpy() -> str:
    """The version of the board's own numpy, "" where it has none: 32-bit systems take theirs from the distribution."""
    try:
        import numpy
    except Exception:  # whatever is wrong with it, it is of no use
        return ""
    return str(numpy.__version__)


def main() -> NoReturn:
    """Answer the request on stdin, and leave."""
    stdin, out = sys.stdin.buffer, sys.stdout.buffer
    status = 0
    try:
        request = json.loads(stdin.readline())
        answer = VERBS[request["verb"]](request, stdin)
    except Refused as error:
        answer, status = {"error": error.answer}, 1
    except OSError as error:
        stage = "disk" if error.errno in (errno.ENOSPC, errno.EDQUOT) else "folder"
        answer, status = {"error": {"stage": stage, "message": str(error)}}, 1
    follows = answer.pop("follows", "")
    out.write(("\n" + ANSWER + json.dumps(answer) + "\n").encode())
    if follows:
        with open(follows, "rb") as file:
            shutil.copyfileobj(file, out, _CHUNK_BYTES)
    out.flush()
    os._exit(status)


if __name__ in ("__main__", "edge_opt_board"):
    main()
