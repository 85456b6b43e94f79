"""A board as a device: its worker is the one of this machine, sent there once, and so are artifacts and inputs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import edge_opt.runtimes
from edge_opt import workers
from edge_opt.errors import InputError, MissingPackage, RunError
from edge_opt.limits import ALONE, limit_s
from edge_opt.nets.artifact_files import files_of
from edge_opt.remote import EXAMPLE, Board, Member, Parcel, address_of, refused
from edge_opt.turns import WAIT_S

_RUNTIMES = Path(edge_opt.runtimes.__path__[0])
_OUTPUTS = "outputs.npy"


def worker() -> Parcel:
    """The files of the worker, as they are on a board."""
    return Parcel(kind="worker", members=tuple(Member.of(one.name, one) for one in sorted(_RUNTIMES.glob("*.py"))))


class SshDevice:
    """Runs worker jobs on the machine at ``address``, as ``ssh://pi@raspberrypi.local``, each held to ``timeout_s``.

    What is sent is named by its hash and sent once. A job goes on when the connection breaks, and its answer is fetched
    when it stands again. Timing jobs on the board wait for each other, ``wait_s`` at most, whoever asked for them.
    Raises InputError for what is no address.
    """

    ADDRESS = EXAMPLE

    def __init__(self, address: str, timeout_s: float | None = 600.0, wait_s: float = WAIT_S) -> None:
        self._board = Board(address_of(address))
        self._timeout_s = timeout_s
        self._wait_s = wait_s
        self._worker = worker()

    def run(self, job: Mapping[str, Any]) -> dict[str, Any]:
        """The worker's answer to ``job`` (docs/worker-protocol.md).

        Raises Crashed, TimedOut, OutOfMemory and StepFailed for what went wrong with the job; DeviceError, DeviceLost
        and DeviceBusy for the board; MissingPackage where it was not set up for the runtime.
        """
        parcels: list[Parcel] = []
        there = {**job, "artifacts": [_artifact(one, parcels) for one in job.get("artifacts", ())]}
        if job.get("inputs"):
            there["inputs"] = _file("inputs.npy", Path(job["inputs"]), parcels)
        ended = self._board.work(
            there,
            worker=self._worker,
            parcels=parcels,
            variables=workers.settings(job.get("threads", 1)),
            timeout_s=limit_s(job, self._timeout_s),
            alone=job["mode"] in ALONE,
            turn_s=self._wait_s,
        )
        try:
            answer = workers.answer(ended.completed)
            if "outputs" in job:
                self._board.fetch(ended.id, _OUTPUTS, Path(job["outputs"]))
                answer["outputs"] = job["outputs"]
        except MissingPackage as error:
            address = self._board.address
            raise MissingPackage(
                f"on '{address.named}' {error.message}", f"edge-opt device setup {address.url}"
            ) from error
        except RunError as error:  # the worker's own words for a disk that is full
            raise refused({"stage": "disk", "message": error.message}, self._board.address) from error
        finally:
            self._board.forget(ended.id)
        return answer


def _artifact(artifact: Mapping[str, Any], parcels: list[Parcel]) -> dict[str, Any]:
    """The artifact as the board knows it; what has to be there is added to ``parcels``."""
    located = workers.located(artifact)
    opened = Path(artifact["path"])
    if not opened.exists():
        raise InputError(f"there is no artifact at '{opened}'", "give the path of one")
    members = tuple(Member.of(name, path) for name, path in files_of(opened).items())
    parcel = Parcel(kind="files", members=members)
    parcels.append(parcel)
    there = {**located, "path": f"{parcel.name}/model{opened.suffix}"}
    if "module" in located:
        there["module"] = _file(Path(located["module"]).name, Path(located["module"]), parcels)
    return there


def _file(name: str, path: Path, parcels: list[Parcel]) -> str:
    """A file's name on the board; that it has to be there is added to ``parcels``."""
    parcel = Parcel(kind="files", members=(Member.of(name, path),))
    parcels.append(parcel)
    return f"{parcel.name}/{name}"
