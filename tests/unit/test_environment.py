"""What a machine says of itself, from the files that Linux shows on each kind of board."""

from __future__ import annotations

import platform
import sys
from pathlib import Path

import pytest

from edge_opt.runtimes import environment

# as shown by the boards themselves, shortened to the fields of one core
PI4 = """processor\t: {0}
BogoMIPS\t: 108.00
Features\t: fp asimd evtstrm crc32 cpuid
CPU implementer\t: 0x41
CPU architecture: 8
CPU variant\t: 0x0
CPU part\t: 0xd08
CPU revision\t: 3
"""
PI4_32 = """processor\t: {0}
model name\t: ARMv7 Processor rev 3 (v7l)
BogoMIPS\t: 108.00
Features\t: half thumb fastmult vfp edsp neon vfpv3 tls vfpv4 idiva idivt vfpd32 lpae evtstrm crc32
CPU implementer\t: 0x41
CPU architecture: 7
CPU variant\t: 0x0
CPU part\t: 0xd08
CPU revision\t: 3
"""
BELOW = "\nHardware\t: BCM2835\nRevision\t: c03115\nModel\t\t: Raspberry Pi 4 Model B Rev 1.5\n"
X86 = """processor\t: {0}
vendor_id\t: AuthenticAMD
model name\t: AMD EPYC 7R13 Processor
flags\t\t: fpu sse4_2 avx2
"""


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder whose files are all that is known: ``cpuinfo`` and the model of the board."""
    monkeypatch.setattr(environment, "_CPUINFO", tmp_path / "cpuinfo")
    monkeypatch.setattr(environment, "_BOARDS", (tmp_path / "sys-model", tmp_path / "proc-model"))
    return tmp_path


def blocks(text: str, count: int = 4, first: int = 0) -> str:
    return "\n".join(text.format(first + index) for index in range(count)) + "\n"


def kernel(monkeypatch: pytest.MonkeyPatch, machine: str, bits: int) -> None:
    monkeypatch.setattr(platform, "machine", lambda: machine)
    monkeypatch.setattr(sys, "maxsize", 2 ** (bits - 1) - 1)


def test_a_raspberry_pi_says_its_cores_and_its_name(told: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kernel(monkeypatch, "aarch64", 64)
    (told / "cpuinfo").write_text(blocks(PI4) + BELOW)
    (told / "sys-model").write_bytes(b"Raspberry Pi 4 Model B Rev 1.5\0")
    found = environment.environment()
    assert found["cpu"] == "4x Cortex-A72"
    assert found["board"] == "Raspberry Pi 4 Model B Rev 1.5"
    assert found["machine"] == "aarch64"
    assert found["isa"] == ["fp", "asimd", "evtstrm", "crc32", "cpuid"]


def test_the_older_place_of_the_boards_name_is_read_as_well(told: Path) -> None:
    (told / "proc-model").write_bytes(b"Radxa ROCK 5B\0")
    assert environment.environment()["board"] == "Radxa ROCK 5B"


def test_two_kinds_of_cores_are_both_named_in_their_order(told: Path) -> None:
    little, big = PI4.replace("0xd08", "0xd05"), PI4.replace("0xd08", "0xd0b")
    (told / "cpuinfo").write_text(blocks(little) + "\n" + blocks(big, first=4))
    assert environment.environment()["cpu"] == "4x Cortex-A55 + 4x Cortex-A76"


def test_the_architecture_that_a_32_bit_kernel_calls_a_model_is_no_name_of_a_core(told: Path) -> None:
    (told / "cpuinfo").write_text(blocks(PI4_32) + BELOW)
    found = environment.environment()
    assert found["cpu"] == "4x Cortex-A72"
    assert "neon" in found["isa"]


def test_an_unknown_core_is_told_by_what_cpuinfo_says(told: Path) -> None:
    (told / "cpuinfo").write_text(blocks(PI4.replace("0xd08", "0xfff"), 1) + blocks(PI4.replace("0x41", "0x51"), 2))
    assert environment.environment()["cpu"] == (
        "1x CPU part 0xfff of implementer 0x41 + 2x CPU part 0xd08 of implementer 0x51"
    )


@pytest.mark.parametrize("machine", ["aarch64", "armv8l"])
def test_a_32_bit_process_under_a_64_bit_kernel_claims_no_64_bit_instructions(
    told: Path, monkeypatch: pytest.MonkeyPatch, machine: str
) -> None:
    kernel(monkeypatch, machine, 32)
    (told / "cpuinfo").write_text(blocks(PI4 if machine == "aarch64" else PI4_32))
    found = environment.environment()
    assert found["machine"] == {"aarch64": "armv7l", "armv8l": "armv8l"}[machine]
    assert {"neon", "evtstrm", "crc32"} <= set(found["isa"])
    assert not {"fp", "asimd", "cpuid"} & set(found["isa"])


def test_an_x86_processor_keeps_the_name_that_it_gives_itself(told: Path) -> None:
    (told / "cpuinfo").write_text(blocks(X86))
    found = environment.environment()
    assert (found["cpu"], found["board"]) == ("AMD EPYC 7R13 Processor", "")
    assert found["isa"] == ["fpu", "sse4_2", "avx2"]


def test_where_nothing_is_told_nothing_is_raised(told: Path) -> None:
    found = environment.environment()
    assert (found["isa"], found["board"]) == ([], "")
    assert found["cores"] >= 1
