"""What tells a program that it runs on a Raspberry Pi 4: its files in /sys, as plain files, and ``vcgencmd``."""

from __future__ import annotations

from pathlib import Path

CPUS = 4
TEMPERATURE = "sys/class/thermal/thermal_zone0/temp"
THROTTLED = "sys/devices/platform/soc/soc:firmware/get_throttled"
_CPU = "sys/devices/system/cpu"
_VCGENCMD = f"""\
#!/bin/sh
case "$1" in
get_throttled) echo "throttled=0x$(cat /{THROTTLED})" ;;
measure_temp) awk '{{printf "temp=%.1f\\047C\\n", $1 / 1000}}' /{TEMPERATURE} ;;
*) echo 'error=1 error_msg="Command not registered"' ;;
esac
"""
_LINE = {"coherency_line_size": 64, "ways_of_associativity": 2}
_CACHES = (
    {"level": 1, "type": "Data", "size": "32K", "number_of_sets": 256, **_LINE},
    {"level": 1, "type": "Instruction", "size": "48K", "number_of_sets": 256, **_LINE},
    {"level": 2, "type": "Unified", "size": "1024K", "number_of_sets": 1024, **_LINE},
)
FILES = {
    "sys/firmware/devicetree/base/model": "Raspberry Pi 4 Model B Rev 1.5\0",
    "sys/class/thermal/thermal_zone0/type": "cpu-thermal\n",
    TEMPERATURE: "48312\n",
    THROTTLED: "0\n",
    **{f"{_CPU}/{name}": f"0-{CPUS - 1}\n" for name in ("online", "present", "possible")},
    **{
        f"{_CPU}/cpu{number}/cpufreq/{name}": f"{value}\n"
        for number in range(CPUS)
        for name, value in {
            "scaling_governor": "ondemand",
            "scaling_cur_freq": "1800000",
            "scaling_min_freq": "600000",
            "scaling_max_freq": "1800000",
            "cpuinfo_min_freq": "600000",
            "cpuinfo_max_freq": "1800000",
        }.items()
    },
    **{
        f"{_CPU}/cpu{number}/topology/{name}": f"{value}\n"
        for number in range(CPUS)
        for name, value in {"core_id": number, "physical_package_id": 0}.items()
    },
    # OpenVINO asks for them; that it crashes all the same, when it computes, is known of emulated boards only
    **{
        f"{_CPU}/cpu{number}/cache/index{index}/{name}": f"{value}\n"
        for number in range(CPUS)
        for index, cache in enumerate(_CACHES)
        for name, value in {**cache, "shared_cpu_list": f"0-{CPUS - 1}" if cache["level"] == 2 else number}.items()
    },
    "usr/bin/vcgencmd": _VCGENCMD,
}


def pretend(root: Path) -> None:
    """Write the files of a Raspberry Pi into ``root``."""
    for name, text in FILES.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    (root / "usr/bin/vcgencmd").chmod(0o755)
