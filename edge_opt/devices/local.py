"""This machine as a device: each job in a fresh worker process with a fixed environment, one timing at a time."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from typing import Any

from edge_opt import workers
from edge_opt.limits import ALONE, limit_s, most_memory_bytes, run_limited
from edge_opt.turns import WAIT_S, turn


class LocalDevice:
    """Runs worker jobs here, each held to ``timeout_s`` and ``memory_bytes`` (nine tenths of the machine's by default).

    A job that answers many samples may take ``timeout_s`` for each thousand of them, one that says how many seconds it
    lasts so much longer.

    A runtime with an environment of its own is run by the interpreter of that; ``command`` starts another worker for
    all. Timing jobs of all edge-opt processes on this machine wait for each other, and jobs that only compute wait for
    them: ``wait_s`` says how long, a warning is logged when it takes over two seconds.
    """

    def __init__(
        self,
        timeout_s: float | None = 600.0,
        memory_bytes: int | None = None,
        command: Sequence[str] | None = None,
        wait_s: float = WAIT_S,
    ) -> None:
        self._timeout_s = timeout_s
        self._memory_bytes = memory_bytes or most_memory_bytes()
        self._command = command
        self._wait_s = wait_s

    def run(self, job: Mapping[str, Any]) -> dict[str, Any]:
        """The worker's answer to ``job`` (docs/worker-protocol.md).

        Raises Crashed, TimedOut, OutOfMemory, MissingPackage where the runtime is not installed, RunError where the
        disk is full, DeviceBusy where others measure for too long, StepFailed with the runtime's own words for the
        rest, and for a pair of runtimes that cannot share a process. What the worker printed is a note of it.
        """
        asked = workers.call(job, self._command)
        with _turn(job["mode"], self._wait_s):
            ended = run_limited(
                asked.command,
                stdin=asked.stdin,
                env=asked.variables,
                timeout_s=limit_s(job, self._timeout_s),
                memory_bytes=self._memory_bytes,
            )
        return workers.answer(ended)


def _turn(mode: str, wait_s: float) -> contextlib.AbstractContextManager[None]:
    """The turn that a job of ``mode`` needs: none to look at the machine, else one alone where it is timed."""
    if mode == "environment":
        return contextlib.nullcontext()
    return turn("alone" if mode in ALONE else "shared", wait_s=wait_s)
