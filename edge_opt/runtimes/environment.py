"""What this machine is, as it is recorded with every measurement."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

_GOVERNOR = Path("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")
_BOARDS = (Path("/sys/firmware/devicetree/base/model"), Path("/proc/device-tree/model"))
_CPUINFO = Path("/proc/cpuinfo")
_ARM = 0x41  # the implementer; others build cores of their own, whose parts have numbers of their own
_CORES = {
    0xC07: "Cortex-A7",
    0xC08: "Cortex-A8",
    0xC09: "Cortex-A9",
    0xC0D: "Cortex-A12",
    0xC0E: "Cortex-A17",
    0xC0F: "Cortex-A15",
    0xB76: "ARM1176",
    0xD01: "Cortex-A32",
    0xD02: "Cortex-A34",
    0xD03: "Cortex-A53",
    0xD04: "Cortex-A35",
    0xD05: "Cortex-A55",
    0xD07: "Cortex-A57",
    0xD08: "Cortex-A72",
    0xD09: "Cortex-A73",
    0xD0A: "Cortex-A75",
    0xD0B: "Cortex-A76",
    0xD0C: "Neoverse-N1",
    0xD0D: "Cortex-A77",
    0xD0E: "Cortex-A76AE",
    0xD40: "Neoverse-V1",
    0xD41: "Cortex-A78",
    0xD42: "Cortex-A78AE",
    0xD44: "Cortex-X1",
    0xD46: "Cortex-A510",
    0xD47: "Cortex-A710",
    0xD48: "Cortex-X2",
    0xD49: "Neoverse-N2",
    0xD4B: "Cortex-A78C",
    0xD4D: "Cortex-A715",
    0xD4E: "Cortex-X3",
    0xD4F: "Neoverse-V2",
    0xD80: "Cortex-A520",
    0xD81: "Cortex-A720",
    0xD82: "Cortex-X4",
}
# what both say of a processor, a 64-bit kernel of itself and a 32-bit process of its own kind
_ALSO_32_BIT = {"evtstrm", "aes", "pmull", "sha1", "sha2", "crc32"}


def environment() -> dict[str, Any]:
    """The fields of ``types.Environment``: ``""`` or ``[]`` stands for what this system does not tell."""
    processors = _processors()
    described = processors[0]
    isa = described.get("flags", described.get("Features", "")).split()
    machine = platform.machine()
    if machine == "aarch64" and sys.maxsize < 2**32:
        machine, isa = "armv7l", _of_32_bit(isa)
    return {
        "cpu": _cpu(processors),
        "machine": machine,
        "isa": isa,
        "cores": _cores(),
        "ram_bytes": os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"),
        "governor": _read(_GOVERNOR),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "load_average": os.getloadavg()[0],
        "board": _board(),
    }


def _of_32_bit(isa: list[str]) -> list[str]:
    """What a 32-bit process has of the instruction sets that a 64-bit ARM kernel lists."""
    if "asimd" not in isa:  # it is listed for such a process already
        return isa
    return ["neon", *(name for name in isa if name in _ALSO_32_BIT)]


def _cores() -> int:
    """The cores this process may use, not those the machine has."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _cpu(processors: list[dict[str, str]]) -> str:
    """The processor's name: x86 says it in cpuinfo, ARM the numbers of its cores, macOS by ``sysctl``."""
    described = processors[0]
    if "CPU part" in described:
        return _arm(processors)
    if "model name" in described:
        return described["model name"]
    if board := _board():
        return board
    if platform.system() == "Darwin":
        command = ["sysctl", "-n", "machdep.cpu.brand_string"]
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
    return described.get("Model", described.get("Hardware", platform.processor()))


def _arm(processors: list[dict[str, str]]) -> str:
    """``4x Cortex-A55 + 4x Cortex-A76``: a "model name" that an ARM kernel gives is the architecture's."""
    counts: dict[str, int] = {}
    for one in processors:
        if "CPU part" in one:
            name = _core(one.get("CPU implementer", ""), one["CPU part"])
            counts[name] = counts.get(name, 0) + 1
    return " + ".join(f"{count}x {name}" for name, count in counts.items())


def _core(implementer: str, part: str) -> str:
    try:
        known = _CORES.get(int(part, 16)) if int(implementer, 16) == _ARM else None
    except ValueError:
        known = None
    return known or f"CPU part {part} of implementer {implementer}"


def _board() -> str:
    """What a board calls itself in its device tree."""
    return next(filter(None, (_read(path).strip("\0 \n") for path in _BOARDS)), "")


def _processors() -> list[dict[str, str]]:
    """The fields of each processor, at least one; those that stand below them all are the first's as well."""
    found: list[dict[str, str]] = [{}]
    for line in _read(_CPUINFO).splitlines():
        name, separator, value = (part.strip() for part in line.partition(":"))
        if not separator:
            continue
        if name == "processor" and name in found[-1]:
            found.append({})
        for fields in (found[0], found[-1]):
            fields.setdefault(name, value)
    return found


def _read(path: Path) -> str:
    try:
        return path.read_text(errors="replace").strip()
    except OSError:
        return ""
