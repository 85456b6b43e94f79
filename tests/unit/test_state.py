"""What the board is doing, read from a tree of files such as Linux shows on a Raspberry Pi."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_opt.runtimes import state

FIRMWARE = """echo "$@" >> "$0.log"
case "$1" in
  get_throttled) echo throttled=0x50005 ;;
  measure_clock) echo 'frequency(48)=1200126000' ;;
esac"""


@pytest.fixture
def sys_tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(state, "SYS", tmp_path / "sys")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    (tmp_path / "bin").mkdir()
    return tmp_path / "sys"


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def raspberry_pi(tree: Path, khz: int = 1_800_000, millidegrees: int = 61_342) -> None:
    for core in range(4):
        write(tree / f"devices/system/cpu/cpu{core}/cpufreq/scaling_cur_freq", f"{khz}\n")
    write(tree / "devices/system/cpu/cpu0/cpufreq/scaling_governor", "ondemand\n")
    write(tree / "devices/system/cpu/cpufreq/boost", "0\n")
    write(tree / "class/thermal/thermal_zone0/type", "cpu-thermal\n")
    write(tree / "class/thermal/thermal_zone0/temp", f"{millidegrees}\n")


def vcgencmd(tree: Path, script: str) -> None:
    program = tree.parent / "bin/vcgencmd"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)


def test_a_raspberry_pi_tells_clock_heat_and_governor(sys_tree: Path) -> None:
    raspberry_pi(sys_tree)
    found = state.look()
    assert found["frequencies_hz"] == [1_800_000_000] * 4
    assert found["temperature_c"] == 61.342
    assert found["governor"] == "ondemand"
    assert found["load_average"] >= 0
    assert state.told(found)


@pytest.mark.parametrize("node", ["soc/soc:firmware", "soc@107c000000/soc@107c000000:firmware"])
def test_the_bits_of_the_firmware_are_read_from_its_file_without_a_process(sys_tree: Path, node: str) -> None:
    write(sys_tree / "devices/platform" / node / "get_throttled", "50005\n")
    assert state.look()["throttled"] == 0x50005
    assert state.told(state.look())


def test_the_firmware_is_asked_by_its_program_only_where_the_look_is_whole(sys_tree: Path) -> None:
    raspberry_pi(sys_tree)
    vcgencmd(sys_tree, FIRMWARE)
    assert state.look()["throttled"] is None
    assert not (sys_tree.parent / "bin/vcgencmd.log").exists()
    assert state.look(whole=True)["throttled"] == 0x50005
    assert (sys_tree.parent / "bin/vcgencmd.log").read_text() == "measure_clock arm\nget_throttled\n"


def test_the_clock_that_the_firmware_measures_counts_before_the_one_that_the_kernel_asked_for(sys_tree: Path) -> None:
    raspberry_pi(sys_tree, khz=1_800_000)
    vcgencmd(sys_tree, FIRMWARE)
    assert state.look()["frequencies_hz"] == [1_800_000_000] * 4
    assert state.look(whole=True)["frequencies_hz"] == [1_200_126_000] * 4


@pytest.mark.parametrize("script", ["echo 'VCHI initialization failed'; exit 255", "kill -9 $$", "printf '\\377'"])
def test_a_program_that_fails_tells_nothing(sys_tree: Path, script: str) -> None:
    vcgencmd(sys_tree, script)
    assert state.look(whole=True)["throttled"] is None


def test_of_several_zones_the_hottest_of_the_processor_counts(sys_tree: Path) -> None:
    for number, (kind, text) in enumerate(
        [
            ("soc-thermal", "48500"),
            ("bigcore0-thermal", "71200"),
            ("PMIC-Die", "100000"),  # a Jetson's regulator always says so
            ("gpu_thermal", "79000"),
            ("cpu-thermal", "-274000"),  # switched off
        ]
    ):
        write(sys_tree / f"class/thermal/thermal_zone{number}/type", kind)
        write(sys_tree / f"class/thermal/thermal_zone{number}/temp", text)
    assert state.look()["temperature_c"] == 71.2


def test_the_cores_stand_in_their_order_and_those_switched_off_are_left_out(sys_tree: Path) -> None:
    for core in (0, 2, 10):
        write(sys_tree / f"devices/system/cpu/cpu{core}/cpufreq/scaling_cur_freq", str(1000 + core))
    write(sys_tree / "devices/system/cpu/cpu1/cpufreq/scaling_cur_freq", "<unknown>")
    assert state.look()["frequencies_hz"] == [1_000_000, 1_002_000, 1_010_000]


def test_a_system_that_tells_nothing_gives_neutral_values(sys_tree: Path) -> None:
    found = state.look(whole=True)
    load_average = found.pop("load_average")
    assert found == {"frequencies_hz": [], "temperature_c": None, "throttled": None, "governor": ""}
    assert load_average >= 0
    assert not state.told({**found, "load_average": load_average})


def test_a_watch_of_a_board_begins_with_a_look_and_counts_the_time_from_there(sys_tree: Path) -> None:
    raspberry_pi(sys_tree)
    watch = state.Watch()
    raspberry_pi(sys_tree, khz=1_000_000)
    watch.look(whole=True)
    assert [one["frequencies_hz"][0] for one in watch.states] == [1_800_000_000, 1_000_000_000]
    assert 0 <= watch.states[0]["elapsed_s"] <= watch.states[1]["elapsed_s"] < 60


def test_a_machine_that_tells_nothing_is_looked_at_once_and_has_no_states(
    sys_tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch = state.Watch()
    monkeypatch.setattr(state, "look", lambda whole: pytest.fail("it was looked at again"))
    watch.look(whole=True)
    assert watch.glance() is None
    assert watch.states == []


def test_a_board_of_which_only_the_firmware_tells_is_asked_again_at_the_end(sys_tree: Path) -> None:
    vcgencmd(sys_tree, "echo throttled=0x4")
    watch = state.Watch()
    assert watch.glance() is None
    watch.look(whole=True)
    assert [one["throttled"] for one in watch.states] == [4, 4]
