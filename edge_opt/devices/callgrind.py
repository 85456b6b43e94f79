"""An emulated processor as a device: valgrind's callgrind runs the worker, and counts the instructions of inferences.

Counts do not depend on what else the machine does. But valgrind shows programs a processor of its own, without AVX-512
and VNNI, so runtimes may take other kernels than on the real one.
"""

from __future__ import annotations

import platform
import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edge_opt import workers
from edge_opt.errors import Crashed, InputError, MissingPackage, StepFailed
from edge_opt.limits import Completed, most_memory_bytes, run_limited
from edge_opt.turns import WAIT_S, turn

MARK = "getpriority"  # docs/worker-protocol.md, "count"
_MACHINES = ("x86_64", "amd64", "i686", "i386")
# What valgrind's own processor has, where the real one has it: as the C library's
# own look at the processor says under valgrind 3.19.
_SHOWN = (
    *("sse", "sse2", "pni", "ssse3", "sse4_1", "sse4_2", "avx", "avx2", "fma", "f16c", "bmi1", "bmi2", "abm"),
    *("popcnt", "movbe", "aes", "pclmulqdq", "rdrand", "rdseed", "cx16", "xsave"),
)
_OTHERWISE = "leave the instructions out, and decide by the latency"


class CallgrindDevice:
    """Runs worker jobs under callgrind, each held to ``timeout_s`` and ``memory_bytes``; it measures no latency.

    In the answer to the mode ``count`` each artifact has ``instructions``, one count for each inference. The
    ``environment`` of every answer lists the instruction sets that valgrind shows, not those of the real processor.
    """

    MODES = ("count", "predict", "describe", "environment")

    def __init__(
        self,
        timeout_s: float | None = 1800.0,
        memory_bytes: int | None = None,
        wait_s: float = WAIT_S,
        valgrind: str = "valgrind",
    ) -> None:
        self._timeout_s = timeout_s
        self._memory_bytes = memory_bytes or most_memory_bytes()
        self._wait_s = wait_s
        self._valgrind = valgrind

    def run(self, job: Mapping[str, Any]) -> dict[str, Any]:
        """The worker's answer to ``job`` (docs/worker-protocol.md).

        Raises what the device ``local`` raises; MissingPackage where valgrind is not installed too, Crashed where it
        does not know an instruction, and InputError on another machine than x86, for other modes, and for threads.
        """
        _check(job)
        emulator = self._emulator()
        asked = workers.call(job)
        with tempfile.TemporaryDirectory(prefix="edge-opt-counts-") as folder:
            valgrind = (
                self._valgrind,
                "--tool=callgrind",
                "--vgdb=no",  # a debugger's door, which would be left behind in /tmp by a kill
                f"--callgrind-out-file={folder}/%p",
                f"--dump-before={MARK}*",
            )
            with turn("shared", wait_s=self._wait_s):
                ended = self._ended(valgrind, asked, emulator)
            answer = workers.answer(ended)
            if job["mode"] == "count":
                answer["artifacts"] = counted(answer, Path(folder))
        environment = answer["environment"]
        shown = [one for one in environment["isa"] if one in _SHOWN]
        return {**answer, "emulator": emulator, "environment": {**environment, "isa": shown}}

    def _emulator(self) -> str:
        """``valgrind 3.19.0``. Raises MissingPackage."""
        found = shutil.which(self._valgrind)
        if found is None:
            raise MissingPackage(
                "counting instructions needs 'valgrind', which is not installed", "apt install valgrind"
            )
        said = subprocess.run([found, "--version"], capture_output=True, text=True, check=False).stdout
        return said.strip().replace("-", " ", 1)

    def _ended(self, valgrind: tuple[str, ...], asked: workers.Call, emulator: str) -> Completed:
        try:
            return run_limited(
                (*valgrind, *asked.command),
                stdin=asked.stdin,
                env=asked.variables,
                timeout_s=self._timeout_s,
                memory_bytes=self._memory_bytes,
            )
        except Crashed as error:
            if "SIGILL" not in error.message:
                raise
            raise Crashed(f"{emulator} does not know an instruction of its runtime (SIGILL)", _OTHERWISE) from error


def _check(job: Mapping[str, Any]) -> None:
    if platform.machine().lower() not in _MACHINES:
        raise InputError(
            f"instructions are counted on x86 only, and this machine is '{platform.machine()}'", _OTHERWISE
        )
    if job["mode"] not in CallgrindDevice.MODES:
        raise InputError(
            f"the device 'callgrind' counts instructions, so it has no mode '{job['mode']}'",
            "times are taken by the device 'local'",
        )
    if job.get("threads", 1) != 1:
        raise InputError(
            f"instructions are counted with one thread, not with '{job['threads']}': waiting threads execute some too",
            f"use one thread, or {_OTHERWISE}",
        )


def counted(answer: Mapping[str, Any], folder: Path) -> list[dict[str, Any]]:
    """The artifacts of ``answer``, each with the ``instructions`` of every inference that was to be counted.

    Raises StepFailed where the counts in ``folder`` do not fit the regions: then one of them is nobody knows which.
    """
    between, regions = counts(folder), answer["regions"]
    if len(between) != 2 * len(regions):
        raise StepFailed(
            f"callgrind saw {len(between)} marks where the worker made {2 * len(regions)}, so its counts mean nothing",
            _OTHERWISE,
        )
    inside = between[1::2]  # the others are what lies between two inferences, and before the first
    return [
        {**one, "instructions": [count for count, which in zip(inside, regions, strict=True) if which == index]}
        for index, one in enumerate(answer["artifacts"])
    ]


def counts(folder: Path) -> list[int]:
    """The instructions before each mark since the mark before it, of the dumps that callgrind wrote to ``folder``.

    A dump is a text file ``PID.PART`` (Valgrind manual, "Callgrind Format Specification"): ``desc: Trigger:`` says why
    it was written, ``totals:`` how much was counted since the dump before. Child processes have their own: the marks
    are those of the process that made the most.
    """
    by_process: dict[str, dict[int, int]] = {}
    for path in folder.glob("*.*"):
        process, _, part = path.name.partition(".")
        header = path.read_text(errors="replace")
        trigger = re.search(rf"(?m)^desc: Trigger: .*{MARK}", header)
        total = re.search(r"(?m)^totals: (\d+)", header)
        if trigger and total and part.isdecimal():
            by_process.setdefault(process, {})[int(part)] = int(total[1])
    most = max(by_process.values(), key=len, default={})
    return [most[part] for part in sorted(most)]
