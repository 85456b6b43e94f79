"""What a board wrote → its answer, or the error that it stands for."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from edge_opt.errors import DeviceBusy, DeviceError, DeviceLost, OutOfMemory, TimedOut
from edge_opt.limits import Completed, crash
from edge_opt.remote.connection import Address
from edge_opt.runtimes.board import ANSWER

_MARK = f"\n{ANSWER}".encode()
_NO_PYTHON = 127  # of a shell that does not find a command


def answer_in(ended: Completed, address: Address) -> tuple[dict[str, Any], bytes]:
    """What the board answered, and the bytes behind it."""
    begin = ended.stdout.find(_MARK) + len(_MARK)
    end = ended.stdout.find(b"\n", begin)
    try:
        answer = json.loads(ended.stdout[begin:end]) if begin >= len(_MARK) else None
    except ValueError:
        answer = None
    if not isinstance(answer, dict):
        raise _no_answer(ended, address)
    if "error" in answer:
        raise refused(answer["error"], address)
    content = ended.stdout[end + 1 : end + 1 + answer.get("bytes", 0)]  # what a logout prints may follow
    if len(content) < answer.get("bytes", 0):
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


def refused(error: Mapping[str, str], address: Address) -> DeviceError:
    """The error for a request that the board did not carry out: ``stage`` and ``message`` are its own."""
    if error["stage"] == "python":
        return DeviceError(
            f"the Python of '{address.named}' is {error['message']}, and edge-opt needs 3.9 or newer there",
            "install Raspberry Pi OS Bookworm or a newer one on it",
        )
    if error["stage"] == "fault":
        return DeviceError(
            f"edge-opt itself failed on '{address.named}': {error['message']}", "report this, with the command"
        )
    if error["stage"] == "disk":
        return DeviceError(
            f"the disk of '{address.named}' is full: {error['message']}",
            f"free some there, or remove what edge-opt keeps: edge-opt device clean {address.url}",
        )
    return DeviceError(f"'{address.named}' refuses: {error['message']}", f"log in and look: {address.command}")


def completed(answer: Mapping[str, Any], timeout_s: float | None, turn_s: float, address: Address) -> Completed:
    """How the worker ended. Raises what its ending stands for where it wrote nothing of its own."""
    problem = answer.get("problem")
    if problem == "busy":
        raise DeviceBusy(
            f"another edge-opt has been measuring on '{address.named}' for over {turn_s:g} s",
            "wait for it to end, or end it",
        )
    if problem == "disk":
        raise refused({"stage": "disk", "message": "no room is left for the answer of a job"}, address)
    if problem:
        raise DeviceError(f"'{address.named}' could not run the job: {problem}", f"log in and look: {address.command}")
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
