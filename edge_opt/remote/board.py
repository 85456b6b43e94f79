"""A board behind SSH: what it is and holds, files that are sent once, and jobs that outlive a broken connection."""

from __future__ import annotations

import json
import logging
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import edge_opt.runtimes
from edge_opt.errors import DeviceError, DeviceLost, MissingPackage, StepFailed
from edge_opt.limits import Completed
from edge_opt.remote.connection import Address, Connection
from edge_opt.remote.parcels import Member, Parcel, batches
from edge_opt.remote.said import answer_in, completed
from edge_opt.runtimes.board import ANSWER

_RUNTIMES = Path(edge_opt.runtimes.__path__[0])
_MODULES = ("shelf", "keeper", "board")  # of edge_opt/runtimes: each imports those before it
# The only words that the login shell of a board ever reads. What is asked travels on stdin, where no shell looks.
_COMMAND = 'exec python3 -I -c "import sys;exec(sys.stdin.buffer.read(int(sys.stdin.buffer.readline())))"'
_LOADER = f"""
import sys, types
if sys.version_info < (3, 9):
    print('\\n{ANSWER}{{"error": {{"stage": "python", "message": "%d.%d"}}}}' % sys.version_info[:2])
    sys.exit(1)
for line in sys.stdin.buffer:
    name, size = line.decode().split()
    module = sys.modules[name] = types.ModuleType(name)
    exec(compile(sys.stdin.buffer.read(int(size)), name + ".py", "exec"), module.__dict__)
    if name == "board":
        module.main()
""".encode()
_ASK_S = 60.0
_WAIT_S = 900.0  # one look at a job: each starts a Python there, which had better not be while something is timed
_PATIENCE_S = 90.0  # until a device that vanished is given up
_STOOD_S = 30.0  # more than it takes to find out that there is no connection
_MOST_BREAKS = 10  # of one request
_FIRST_PAUSE_S = 0.5
_SLOWEST_BYTES_PER_S = 50_000  # of a bad wireless connection
_CHUNK_BYTES = 2**20

_log = logging.getLogger(__name__)
Told = Callable[[int, int], None]  # bytes that arrived, of how many


@dataclass(frozen=True, kw_only=True)
class Ended:
    """What a worker on the board wrote, and the name under which its job is still kept there."""

    id: str
    completed: Completed


@dataclass
class Board:
    """The board at ``address``. What it is asked is asked again where the connection broke, for ``patience_s``."""

    address: Address
    patience_s: float = _PATIENCE_S
    connection: Connection = field(init=False)
    _there: set[str] = field(default_factory=set)  # the parcels that were seen on the board
    _sending: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.connection = Connection(self.address)

    def describe(self) -> dict[str, Any]:
        """What the board says of itself, and of what edge-opt keeps on it (``runtimes/board.py``)."""
        return self._ask("describe")[0]

    def send(self, parcel: Parcel, told: Told | None = None, *, keep: Sequence[str] = (), verify: bool = False) -> str:
        """The name of the parcel's folder on the board, which holds it now; only what is missing there is sent.

        With ``verify`` the board reads what it has, and what is damaged is sent again. The parcels named in ``keep`` do
        not leave to make room for this one. Raises DeviceError where the disk is full, and what every request raises.
        """
        with self._sending:  # a second thread with the same parcel finds it there
            if verify or parcel.name not in self._there:
                self._send(parcel, told, keep, verify)
                self._there.add(parcel.name)
        return parcel.name

    def _send(self, parcel: Parcel, told: Told | None, keep: Sequence[str], verify: bool) -> None:
        name, listed = parcel.name, [_listed(one) for one in parcel.members]
        # to read all of the runtimes takes a slow card some seconds
        found, _ = self._ask("lacking", limit_s=600.0, name=name, members=listed, keep=[*keep], verify=verify)
        if found["whole"]:
            return
        missing = [parcel.members[index] for index in found["lacking"]]
        waiting = batches(missing)
        total, arrived = sum(one.size_bytes for one in missing), 0
        for number, batch in enumerate(waiting, start=1):
            size = sum(one.size_bytes for one in batch)
            self._ask(
                "put",
                files=batch,
                limit_s=_ASK_S + size / _SLOWEST_BYTES_PER_S,
                name=name,
                members=[_listed(one) for one in batch],
                last=number == len(waiting),
            )
            arrived += size
            if told:
                told(arrived, total)

    def use(self, packages: str, runtimes: Mapping[str, str]) -> None:
        """Let workers see the folder ``packages``, which holds these versions of ``runtimes``."""
        self._ask("use", packages=packages, runtimes=dict(runtimes))

    def work(
        self,
        job: Mapping[str, Any],
        *,
        worker: Parcel,
        parcels: Sequence[Parcel],
        variables: Mapping[str, str],
        timeout_s: float | None,
        alone: bool,
        turn_s: float,
    ) -> Ended:
        """How ``worker`` ended with ``job``, which names ``parcels``; a connection that breaks does not disturb it.

        One that vanished with the board, as by a cut of the power, is begun once more. Raises TimedOut, OutOfMemory,
        DeviceBusy, DeviceLost.
        """
        request: dict[str, Any] = {"job": dict(job), "worker": worker.name, "variables": dict(variables)}
        request |= {"timeout_s": timeout_s, "alone": alone, "turn_s": turn_s}
        for _ in range(2):
            id = uuid.uuid4().hex
            names = [one.name for one in parcels]
            self.send(worker, verify=worker.name not in self._there)  # a damaged one would be blamed on the artifact
            for one in parcels:
                self.send(one, keep=names)
            try:
                answer = self._until_ended(id, request)
                if answer["state"] == "unprepared":
                    raise MissingPackage(
                        f"'{self.address.named}' is not set up yet: it has no runtime of edge-opt's",
                        f"edge-opt device setup {self.address.url}",
                    )
                if answer["state"] == "ended":
                    return Ended(id=id, completed=completed(answer, timeout_s, turn_s, self.address))
            except BaseException:  # Ctrl-C too: nothing goes on there that nobody waits for
                self.forget(id)
                raise
            self.forget(id)
            self._there.clear()  # it may have been switched off, or what was sent had to leave for other files
        raise DeviceLost(
            f"'{self.address.named}' lost the job twice: it was switched off, or somebody ended what runs there",
            "look at its power supply, then give the same command again",
        )

    def fetch(self, id: str, name: str, path: Path) -> None:
        """The file ``name`` of the job ``id``, written to ``path``."""
        _, content = self._ask("get", name=f"jobs/{id}/{name}", limit_s=3600.0)
        part = path.with_name(path.name + ".part")
        part.write_bytes(content)
        part.replace(path)

    def forget(self, id: str) -> None:
        """End the job where it still runs, and remove it; on a board out of reach it ends by its time limit."""
        try:
            self._once("forget", (), 10.0, {"id": id})
        except (DeviceError, StepFailed):
            return

    def clean(self) -> dict[str, Any]:
        """How much was removed, and from where: everything of edge-opt is gone from the board."""
        return self._ask("clean", limit_s=600.0)[0]

    def _until_ended(self, id: str, request: Mapping[str, Any]) -> dict[str, Any]:
        while True:
            answer, _ = self._ask("run", id=id, wait_s=_WAIT_S, limit_s=_ASK_S + _WAIT_S, **request)
            if answer["state"] != "running":
                return answer

    def _ask(
        self, verb: str, *, files: Sequence[Member] = (), limit_s: float = _ASK_S, **request: Any
    ) -> tuple[dict[str, Any], bytes]:
        """The answer to a request, and the bytes behind it. Every one may be asked twice without harm."""
        end, breaks, pause_s = 0.0, 0, _FIRST_PAUSE_S
        while True:
            begun = time.monotonic()
            try:
                return self._once(verb, files, limit_s, request)
            except DeviceLost:
                now = time.monotonic()
                if not breaks or now - begun > _STOOD_S:  # it stood for a while: a new break, with new patience
                    end, breaks, pause_s = now + self.patience_s, breaks + 1, _FIRST_PAUSE_S
                if breaks == 1 and end == now + self.patience_s and self.connection.worked:
                    _log.warning("'%s' does not answer; trying again for %.0f s", self.address.named, self.patience_s)
                if now > end or breaks > _MOST_BREAKS or not self.connection.worked:
                    raise
            time.sleep(pause_s)
            pause_s = min(2 * pause_s, 5.0)

    def _once(
        self, verb: str, files: Sequence[Member], limit_s: float, request: Mapping[str, Any]
    ) -> tuple[dict[str, Any], bytes]:
        with tempfile.TemporaryFile() as stdin:
            stdin.write(f"{len(_LOADER)}\n".encode() + _LOADER)
            for name in _MODULES:
                source = (_RUNTIMES / f"{name}.py").read_bytes()
                stdin.write(f"{name} {len(source)}\n".encode() + source)
            stdin.write(json.dumps({"verb": verb, **request}).encode() + b"\n")
            for one in files:
                _append(stdin, one)
            stdin.seek(0)
            ended = self.connection.run(_COMMAND, stdin, limit_s)
        return answer_in(ended, self.address)


def _listed(one: Member) -> list[Any]:
    return [one.name, one.size_bytes, one.sha256]


def _append(stdin: BinaryIO, one: Member) -> None:
    with one.path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            stdin.write(chunk)
