"""What the board is doing just now: its clock, its heat, and whether its firmware holds it back."""

from __future__ import annotations

import math
import os
import re
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

SYS = Path("/sys")
_CORE = re.compile(r"cpu(\d+)")
_OF_CPU = re.compile(r"cpu|soc|core|pkg", re.IGNORECASE)  # of zones: others are the battery, the radio, the regulator
_THROTTLED = re.compile(r"(?:throttled=)?(?:0x)?([0-9a-fA-F]+)")
_CLOCK = re.compile(r"frequency\(\d+\)=([1-9]\d*)")
_COLDEST_C, _HOTTEST_C = -60.0, 200.0  # beyond it a sensor that is switched off has answered
_VCGENCMD = "vcgencmd"  # of the Raspberry Pi's firmware
_VCGENCMD_S = 2.0
_PAUSE_S = 1.0


class Watch:
    """What the board was doing from now on, as ``states`` of an answer: begins with a whole look.

    A board that tells nothing then is not looked at again, and has no states: they would only make reports longer.
    """

    def __init__(self) -> None:
        self._ready_s = time.monotonic()
        self.states: list[dict[str, Any]] = []
        self.next_s = 0.0  # of the monotonic clock: no look is due before
        self.look(whole=True)

    def look(self, whole: bool = False) -> None:
        """Nothing; the state of the board now is one of ``states`` from here on."""
        found = self.glance(whole)
        if found is not None:
            self.states.append(found)
        elif not self.states:
            self.next_s = math.inf

    def glance(self, whole: bool = False) -> dict[str, Any] | None:
        """The state of the board now, for who asks to keep; None where it tells nothing."""
        if self.next_s == math.inf:
            return None
        elapsed_s = self.elapsed_s()
        found = look(whole)
        self.next_s = time.monotonic() + _PAUSE_S
        return {"elapsed_s": elapsed_s, **found} if told(found) else None

    def elapsed_s(self) -> float:
        """How long ago the artifact was ready."""
        return round(time.monotonic() - self._ready_s, 3)


def look(whole: bool = False) -> dict[str, Any]:
    """The fields of ``types.DeviceState`` but the time; ``[]``, None or "" stands for what this system does not tell.

    Only where it is ``whole`` a process may be started to ask the firmware. Nothing is raised.
    """
    return {
        "frequencies_hz": _frequencies_hz(whole),
        "temperature_c": _temperature_c(),
        "throttled": _throttled(whole),
        "governor": _read(SYS / "devices/system/cpu/cpu0/cpufreq/scaling_governor"),
        "load_average": _load_average(),
    }


def told(state: dict[str, Any]) -> bool:
    """Whether a look says anything of the board: a virtual machine has neither clock nor heat."""
    return bool(state["frequencies_hz"]) or state["temperature_c"] is not None or state["throttled"] is not None


def _frequencies_hz(whole: bool) -> list[int]:
    """The clock of each core in their order; cores that are switched off have none.

    A Raspberry Pi's kernel tells the clock that it asked for, and only the firmware the one that there is.
    """
    cores = {}
    for folder in _listed(SYS / "devices/system/cpu", "cpu*"):
        match = _CORE.fullmatch(folder.name)
        khz = _read(folder / "cpufreq/scaling_cur_freq") if match else ""
        if match and khz.isdigit():
            cores[int(match.group(1))] = int(khz) * 1000
    match = _CLOCK.fullmatch(_asked("measure_clock", "arm")) if whole else None
    if match:
        return [int(match.group(1))] * max(1, len(cores))
    return [cores[number] for number in sorted(cores)]


def _temperature_c() -> float | None:
    """The hottest place of the processor."""
    found = []
    for zone in _listed(SYS / "class/thermal", "thermal_zone*"):
        if not _OF_CPU.search(_read(zone / "type")):
            continue
        try:
            celsius = int(_read(zone / "temp")) / 1000
        except ValueError:
            continue
        if celsius and _COLDEST_C < celsius < _HOTTEST_C:  # nought is what a zone without a sensor says
            found.append(celsius)
    return max(found, default=None)


def _throttled(whole: bool) -> int | None:
    """The bits of a Raspberry Pi's firmware."""
    # the names of the nodes hold their address on some boards
    for path in _listed(SYS / "devices/platform", "soc*/soc*firmware/get_throttled"):
        if match := _THROTTLED.fullmatch(_read(path)):
            return int(match.group(1), 16)
    match = _THROTTLED.fullmatch(_asked("get_throttled")) if whole else None
    return int(match.group(1), 16) if match else None


def _asked(*words: str) -> str:
    """What a Raspberry Pi's firmware answers; "" elsewhere."""
    program = shutil.which(_VCGENCMD)
    if program is None:
        return ""
    try:
        done = subprocess.run(
            [program, *words],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_VCGENCMD_S,
            check=False,
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()


def _load_average() -> float:
    try:
        return os.getloadavg()[0]
    except OSError:
        return 0.0


def _listed(folder: Path, pattern: str) -> list[Path]:
    try:
        return sorted(folder.glob(pattern))
    except OSError:
        return []


def _read(path: Path) -> str:
    try:
        return path.read_text(errors="replace").strip()
    except OSError:
        return ""
