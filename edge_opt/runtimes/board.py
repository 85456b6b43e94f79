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
"""

from __future__ import annotations

import errno
import json
import os
import platform
import shutil
import struct
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, NoReturn

if TYPE_CHECKING or __package__:
    from . import keeper, shelf
else:
    import keeper
    import shelf

ANSWER = "edge-opt-board "  # begins the line of the answer: a login script may have printed others before it
_MOST_ANSWER_BYTES = 64 * 2**20
_FULL = (errno.ENOSPC, errno.EDQUOT)
_CHUNK_BYTES = 2**20

Request = Any  # a JSON object: what each verb takes stands in its docstring


def describe(request: Request, stdin: BinaryIO) -> dict[str, Any]:
    """What this board is, and what edge-opt keeps on it."""
    kept = shelf.read(shelf.FOLDER / shelf.MARK)
    return {
        "python": platform.python_version(),
        "executable": sys.executable,
        "machine": platform.machine(),
        "bits": 8 * struct.calcsize("P"),
        "libc": list(platform.libc_ver()),
        "system": _system(),
        "numpy": _numpy(),
        "folder": str(shelf.FOLDER),
        "free_bytes": shelf.free_bytes(),
        "taken_bytes": shelf.size_of(shelf.FOLDER),
        "packages": kept.get("packages", ""),
        "runtimes": kept.get("runtimes", {}),
        "running": [one.name for one in keeper.jobs() if keeper.alive(one)],
    }


def lacking(request: Request, stdin: BinaryIO) -> dict[str, Any]:
    """Which members of the folder ``name`` are missing: ``members`` are ``[path, bytes, sha256]``.

    What came whole before a connection broke is not asked for again, and what is there counts as used. With ``verify``
    every file is read, and what is damaged is missing. There is room for all of it, where this answers; files named in
    ``keep`` do not have to leave for it.
    """
    place = shelf.inside(request["name"])
    part = shelf.part_of(place)
    if place.is_dir() and not request["verify"]:
        shelf.used(place)
        return {"whole": True, "lacking": []}
    folder = place if place.is_dir() else part
    absent = [index for index, one in enumerate(request["members"]) if not shelf.same(folder / one[0], one)]
    if folder == place and not absent:
        return {"whole": True, "lacking": []}
    if folder == place:
        os.rename(str(place), str(part))
    shelf.begin()
    shelf.make_room(sum(int(request["members"][index][1]) for index in absent), {*request["keep"], *keeper.in_use()})
    return {"whole": False, "lacking": absent}


def put(request: Request, stdin: BinaryIO) -> dict[str, Any]:
    """Keep ``members`` of the folder ``name``, whose bytes follow one after the other; ``last`` makes it whole.

    Another connection may send the same: then the one that is done first has done it for both.
    """
    place = shelf.inside(request["name"])
    part = shelf.part_of(place)
    shelf.begin()
    try:
        for path, size, sha256 in request["members"]:
            if not place.is_dir():
                shelf.receive(stdin, shelf.within(part, path), size, sha256)
        if request["last"] and not place.is_dir():
            os.sync()  # a name that stands for whole files must not reach the disk before them
            os.rename(str(part), str(place))
            shelf.used(place)
            _leave_only(place)
    except OSError as error:
        if error.errno in _FULL:
            shutil.rmtree(str(part), ignore_errors=True)  # else nothing else could be written either
            raise shelf.full(sum(int(one[1]) for one in request["members"])) from error
        if not place.is_dir():
            raise
    if place.is_dir():
        shutil.rmtree(str(part), ignore_errors=True)
    return {}


def use(request: Request, stdin: BinaryIO) -> dict[str, Any]:
    """Let workers see the folder ``packages``, which has these ``runtimes``; what earlier ones needed is removed."""
    shelf.begin()
    wanted = request["packages"]
    shelf.write(
        shelf.FOLDER / shelf.MARK,
        {**shelf.read(shelf.FOLDER / shelf.MARK), "packages": wanted, "runtimes": request["runtimes"]},
    )
    _leave_only(shelf.inside(wanted))
    return {}


def _leave_only(place: Path) -> None:
    """Remove earlier packages, or earlier workers, unless some job runs: it may still import from them."""
    kind = place.name.partition("-")[0]
    if place.parent == shelf.FOLDER and kind in ("packages", "worker") and not any(map(keeper.alive, keeper.jobs())):
        for one in (*shelf.FOLDER.glob(kind + "-*"), *shelf.FOLDER.glob("." + kind + "-*")):
            if one.name != place.name:
                shutil.rmtree(str(one), ignore_errors=True)


def run(request: Request, stdin: BinaryIO) -> dict[str, Any]:
    """How the job ``id`` is: ``running``, ``ended`` with what it wrote, or ``gone`` where its keeper was killed.

    One that is not known yet is begun where all that it names is here: with ``job``, ``worker``, ``variables``,
    ``timeout_s``, ``alone`` and ``turn_s``. It goes on whether or not anybody asks; this waits for it for ``wait_s``
    at most.
    """
    folder = shelf.inside("jobs/" + request["id"])
    if not folder.is_dir():
        if not shelf.read(shelf.FOLDER / shelf.MARK).get("packages"):
            return {"state": "unprepared"}
        if not keeper.there(request):
            return {"state": "gone"}
        keeper.start(folder, request)
    keeper.wait(folder, request["wait_s"])
    running = keeper.alive(folder)
    if not (folder / "ended.json").exists():
        return {"state": "running" if running else "gone"}
    return {
        "state": "ended",
        **shelf.read(folder / "ended.json"),
        "stdout": shelf.text(folder / "stdout", _MOST_ANSWER_BYTES, first=True),
        "stderr": shelf.text(folder / "stderr", 4000, first=False),
    }


def get(request: Request, stdin: BinaryIO) -> dict[str, Any]:
    """The file ``name``, whose bytes follow the answer."""
    path = shelf.inside(request["name"])
    return {"bytes": path.stat().st_size, "follows": str(path)}


def forget(request: Request, stdin: BinaryIO) -> dict[str, Any]:
    """End the job ``id`` where it still runs, and remove what it left."""
    folder = shelf.inside("jobs/" + request["id"])
    if folder.is_dir():
        keeper.end(folder)
        shutil.rmtree(str(folder), ignore_errors=True)
    return {}


def clean(request: Request, stdin: BinaryIO) -> dict[str, Any]:
    """Remove the folder, with all that runs in it. Raises Refused where edge-opt did not make it."""
    if not shelf.FOLDER.exists():
        return {"removed_bytes": 0, "folder": str(shelf.FOLDER)}
    if not (shelf.FOLDER / shelf.MARK).exists():
        raise shelf.Refused("folder", f"'{shelf.FOLDER}' was not made by edge-opt: it holds no '{shelf.MARK}'")
    for one in keeper.jobs():
        keeper.end(one)
    size = shelf.size_of(shelf.FOLDER)
    shutil.rmtree(str(shelf.FOLDER))
    return {"removed_bytes": size, "folder": str(shelf.FOLDER)}


VERBS = {one.__name__: one for one in (describe, lacking, put, use, run, get, forget, clean)}


def _system() -> str:
    for line in shelf.text(Path("/etc/os-release"), 10000, first=True).splitlines():
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
    except shelf.Refused as error:
        answer, status = {"error": error.answer}, 1
    except OSError as error:
        full = error.errno in _FULL
        said = {"stage": "folder", "message": f"'{error.filename}': {error.strerror}"}
        answer, status = {"error": shelf.full(0).answer if full else said}, 1
    except Exception as error:  # a fault of ours, which must not be taken for one of the board
        answer, status = {"error": {"stage": "fault", "message": f"{type(error).__name__}: {error}"}}, 1
    follows = answer.pop("follows", "")
    out.write(("\n" + ANSWER + json.dumps(answer) + "\n").encode())
    if follows:
        with open(follows, "rb") as file:
            shutil.copyfileobj(file, out, _CHUNK_BYTES)
    out.flush()
    os._exit(status)
