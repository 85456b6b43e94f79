"""What this machine is, as it is recorded with every measurement."""

from __future__ import annotations

import os
import platform
import subprocess
from pathlib import Path
from typing import Any

_GOVERNOR = Path("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")
_BOARD = Path("/proc/device-tree/model")


def environment() -> dict[str, Any]:
    """The fields of ``types.Environment``: ``""`` or ``[]`` stands for what this system does not tell."""
    described = _cpuinfo()
    return {
        "cpu": _cpu(described),
        "machine": platform.machine(),
        "isa": described.get("flags", described.get("Features", "")).split(),
        "cores": _cores(),
        "ram_bytes": os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"),
        "governor": _read(_GOVERNOR),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "load_average": os.getloadavg()[0],
    }


def _cores() -> int:
    """The cores this process may use, not those the machine has."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _cpu(described: dict[str, str]) -> str:
    """The processor's name: x86 says it in cpuinfo, a board in its device tree, macOS by ``sysctl``."""
    if "model name" in described:
        return described["model name"]
    if _BOARD.exists():
        return _read(_BOARD).rstrip("\0")
    if platform.system() == "Darwin":
        command = ["sysctl", "-n", "machdep.cpu.brand_string"]
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
    return described.get("Model", described.get("Hardware", platform.processor()))


def _cpuinfo() -> dict[str, str]:
    """The fields of the first processor, and those that stand below them all (``Model`` of a Raspberry Pi)."""
    fields: dict[str, str] = {}
    for line in _read(Path("/proc/cpuinfo")).splitlines():
        name, separator, value = line.partition(":")
        if separator:
            fields.setdefault(name.strip(), value.strip())
    return fields


def _read(path: Path) -> str:
    try:
        return path.read_text(errors="replace").strip()
    except OSError:
        return ""
