"""A board behind SSH: what it is and holds, files that are sent once, and jobs that outlive a broken connection."""

from __future__ import annotations

import hashlib
import json
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import edge_opt.runtimes
from edge_opt.errors import DeviceBusy, DeviceError, DeviceLost, MissingPackage, OutOfMemory, StepFailed, TimedOut
from edge_opt.limits import Completed, crash
from edge_opt.remote.connection import Address, Connection

_SOURCE = Path(edge_opt.runtimes.__path__[0]) / "board.py"
# The only words that the login shell of a board ever reads. What is asked travels on stdin, where no shell looks.
_COMMAND = (
    'exec python3 -c "import sys;n=int(sys.stdin.buffer.readline());'
    "exec(compile(sys.stdin.buffer.read(n),'board.py','exec'),{'__name__':'edge_opt_board'})\""
)
_MARK = b"\nedge-opt-board "
_NO_PYTHON = 127  # of a shell that does not find a command
_ASK_S = 60.0
_WAIT_S = 15.0  # one look at a job: short enough for what lies between us to keep the connection open
_PATIENCE_S = 90.0  # until a device that vanished is given up
_BATCH_BYTES = 16 * 2**20
_SLOWEST_BYTES_PER_S = 50_000  # of a bad wireless connection
_CHUNK_BYTES = 2**20

Told = Callable[[int, int], None]  # bytes that arrived, of how many


@dataclass(frozen=True, kw_only=True)
class Member:
    """One file of a parcel, and where it is here."""

    name: str
    path: Path
    size_bytes: int
    sha256: str

    @classmethod
    def of(cls, name: str, path: Path) -> Member:
        """The member ``name`` with what is in ``path``. Raises OSError."""
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        return cls(name=name, path=path, size_bytes=path.stat().st_size, sha256=digest)


@dataclass(frozen=True, kw_only=True)
class Parcel:
    """Files that belong together, as one folder of the board that bears their hash: sent once, changed never."""

    kind: str  # "files", "worker" or "packages"
    members: tuple[Member, ...]

    @property
    def name(self) -> str:
        """Its folder on the board."""
        whole = hashlib.sha256()
        for one in sorted(self.members, key=lambda one: one.name):
            whole.update(f"{one.name}\0{one.sha256}\n".encode())
        digest = whole.hexdigest()[:24]
        return f"files/{digest}" if self.kind == "files" else f"{self.kind}-{digest}"


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

    def __post_init__(self) -> None:
        self.connection = Connection(self.address)

    def describe(self) -> dict[str, Any]:
        """What the board says of itself, and of what edge-opt keeps on it (``runtimes/board.py``)."""
        return self._ask("describe")[0]

    def send(self, parcel: Parcel, told: Told | None = None) -> str:
        """The name of the parcel's folder on the board, which holds it now; only what is missing there is sent.

        Raises DeviceError where the disk is full, and what every request raises.
        """
        name, members = parcel.name, parcel.members
        if name in self._there:
            return name
        listed = [_listed(one) for one in members]
        found, _ = self._ask("lacking", name=name, members=listed)
        if found["whole"]:
            self._there.add(name)
            return name
        missing = [members[index] for index in found["lacking"]]
        total = sum(one.size_bytes for one in missing)
        arrived = 0
        batches = list(_batches(missing)) or [[]]
        for batch in batches:
            size = sum(one.size_bytes for one in batch)
            last = batch is batches[-1]
            limit_s = _ASK_S + size / _SLOWEST_BYTES_PER_S
            self._ask(
                "put", files=batch, limit_s=limit_s, name=name, members=[_listed(one) for one in batch], last=last
            )
            arrived += size
            if told:
                told(arrived, total)
        self._there.add(name)
        return name

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
            for one in (worker, *parcels):
                self.send(one)
            try:
                answer = self._until_ended(id, request)
            except BaseException:  # Ctrl-C too: nothing goes on there that nobody waits for
                self.forget(id)
                raise
            if answer["state"] == "unprepared":
                raise MissingPackage(
                    f"'{self.address.named}' is not set up yet: it has no runtime of edge-opt's",
                    f"edge-opt device setup {self.address.url}",
                )
            if answer["state"] == "ended":
                return Ended(id=id, completed=_completed(answer, timeout_s, turn_s, self.address))
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
        end = time.monotonic() + self.patience_s
        pause_s = 0.5
        first = True
        while True:
            try:
                return self._once(verb, files, limit_s, request)
            except DeviceLost:
                if time.monotonic() > end or (first and not self.connection.worked):
                    raise
            first = False
            time.sleep(pause_s)
            pause_s = min(2 * pause_s, 5.0)

    def _once(
        self, verb: str, files: Sequence[Member], limit_s: float, request: Mapping[str, Any]
    ) -> tuple[dict[str, Any], bytes]:
        source = _SOURCE.read_bytes()
        with tempfile.TemporaryFile() as stdin:
            stdin.write(f"{len(source)}\n".encode() + source)
            stdin.write(json.dumps({"verb": verb, **request}).encode() + b"\n")
            for one in files:
                _append(stdin, one)
            stdin.seek(0)
            ended = self.connection.run(_COMMAND, stdin, limit_s)
        return _answer(ended, self.address)


def _answer(ended: Completed, address: Address) -> tuple[dict[str, Any], bytes]:
    """What the board answered, and the bytes behind it."""
    _, mark, rest = ended.stdout.partition(_MARK)
    line, _, content = rest.partition(b"\n")
    try:
        answer = json.loads(line) if mark else None
    except ValueError:
        answer = None
    if not isinstance(answer, dict):
        raise _no_answer(ended, address)
    if "error" in answer:
        raise _refused(answer["error"], address)
    if len(content) != answer.get("bytes", 0):
        raise DeviceLost(f"the connection to '{address.named}' broke in the middle of a file")
    return answer, content


def _no_answer(ended: Completed, address: Address) -> DeviceError:
    last = next((line.strip() for line in reversed(ended.stderr.splitlines()) if line.strip()), "it gives no reason")
    if ended.returncode == _NO_PYTHON or "python3" in last:
        return DeviceError(
            f"'{address.named}' has no Python that works: {last}", f"{address.command} sudo apt install python3"
        )
    error = DeviceError(
        f"'{address.named}' gives no answer that edge-opt understands: {last}",
        f"see that this prints its version and nothing else: {address.command} python3 --version",
    )
    error.add_note(f"stdout: {ended.stdout[:1000]!r}\nstderr: {ended.stderr}")
    return error


def _refused(error: Mapping[str, str], address: Address) -> DeviceError:
    if error["stage"] == "disk":
        said = error["message"].removeprefix("its disk is full: ")
        return DeviceError(
            f"the disk of '{address.named}' is full: {said}",
            f"free some there, or remove what edge-opt keeps: edge-opt device clean {address.url}",
        )
    return DeviceError(f"'{address.named}' refuses: {error['message']}", f"look there by hand: {address.command}")


def _completed(answer: Mapping[str, Any], timeout_s: float | None, turn_s: float, address: Address) -> Completed:
    """How the worker ended. Raises what its ending stands for where it wrote nothing of its own."""
    problem = answer.get("problem")
    if problem == "busy":
        raise DeviceBusy(
            f"another edge-opt has been measuring on '{address.named}' for over {turn_s:g} s",
            "wait for it to end, or end it",
        )
    if problem == "disk":
        raise _refused({"stage": "disk", "message": "no room is left for the answer of a job"}, address)
    if problem:
        raise DeviceError(
            f"'{address.named}' could not run the job: {problem}", f"look there by hand: {address.command}"
        )
    if answer["timed_out"]:
        raise TimedOut(f"its process took longer than its limit of {timeout_s:g} s on '{address.named}'")
    if answer["out_of_memory"]:
        raise OutOfMemory(f"'{address.named}' killed its process because the memory ran out (SIGKILL)")
    if answer["returncode"] < 0:
        raise crash(-answer["returncode"], by_kernel=False)
    return Completed(
        returncode=answer["returncode"],
        stdout=answer["stdout"].encode(),
        stderr=answer["stderr"],
        peak_rss_bytes=0,
    )


def _listed(one: Member) -> list[Any]:
    return [one.name, one.size_bytes, one.sha256]


def _batches(members: Sequence[Member]) -> Iterator[list[Member]]:
    """The members in batches, so that a connection that breaks costs one of them."""
    batch: list[Member] = []
    for one in members:
        if batch and sum(each.size_bytes for each in batch) + one.size_bytes > _BATCH_BYTES:
            yield batch
            batch = []
        batch.append(one)
    if batch:
        yield batch


def _append(stdin: BinaryIO, one: Member) -> None:
    with one.path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            stdin.write(chunk)
