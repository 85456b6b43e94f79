"""How much memory this process holds, and the most it has held."""

from __future__ import annotations

import contextlib
import resource
import sys
from pathlib import Path

_STATUS = Path("/proc/self/status")


def forget_peak() -> None:
    """Let the peak start anew from what is held now. Where the system cannot, it counts from the process's start."""
    with contextlib.suppress(OSError):  # not Linux, or a container that forbids it
        Path("/proc/self/clear_refs").write_text("5")


def resident_bytes() -> int:
    """Resident memory now; where the system does not tell (macOS), the peak so far, which is never less."""
    return _linux("VmRSS") or peak_bytes()


def peak_bytes() -> int:
    """The most resident memory since :func:`forget_peak`.

    Linux: ``VmHWM``, which belongs to this program alone. ``ru_maxrss`` would not do there: it outlives exec, so a
    small process started by a large one reports the large one's memory.
    """
    found = _linux("VmHWM")
    if found:
        return found
    unit = 1 if sys.platform == "darwin" else 1024  # getrusage counts in bytes on macOS and in KiB elsewhere
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def _linux(field: str) -> int:
    """A field of ``/proc/self/status`` in bytes, 0 where there is none."""
    try:
        lines = _STATUS.read_text().splitlines()
    except OSError:
        return 0
    for line in lines:
        if line.startswith(field + ":"):
            return int(line.split()[1]) * 1024
    return 0
