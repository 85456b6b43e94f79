"""Targets that are remote devices: where they are, which board they must be, and where accuracy is counted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from edge_opt import limits, registry, units
from edge_opt.cli.main import cli
from edge_opt.errors import InputError, MissingPackage, RunError, StepFailed, UnknownName
from edge_opt.flows import answering
from edge_opt.flows.addresses import each_target, target_of
from edge_opt.flows.asked import device
from edge_opt.flows.given import temporary
from edge_opt.flows.machines import arm_system, boards, wheels
from edge_opt.inputs import targets
from edge_opt.types import Entry, Environment, Target
from tests.fakes import FakeArtifact, FakeDevice
from tests.fixtures import tiny
from tests.samples import a_trial

PI = Environment(
    cpu="4x Cortex-A72",
    machine="aarch64",
    isa=("fp", "asimd", "evtstrm", "crc32", "cpuid"),
    cores=4,
    ram_bytes=4 * 2**30,
    governor="ondemand",
    system="Linux 6.12",
    python="3.13.5",
    load_average=0.1,
    board="Raspberry Pi 4 Model B Rev 1.5",
)
BOARDS = ("rpi-zero2w", "rpi3", "rpi3-32bit", "rpi4", "rpi5")


# ── where it is ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_board_needs_an_address_and_this_machine_has_none() -> None:
    with pytest.raises(InputError, match="target 'rpi4' is a remote device, and no address was given") as caught:
        target_of("rpi4")
    assert "--device ssh://pi@raspberrypi.local" in caught.value.hint
    with pytest.raises(InputError, match="the target 'host' is this machine, and 'ssh://pi@a' is another") as caught:
        target_of("host", ["ssh://pi@a"])
    assert "-t ssh" in caught.value.hint
    assert target_of("host") == targets.load("host")


def test_an_address_is_the_one_given_before_the_one_in_the_profile(tmp_path: Path) -> None:
    profile = tmp_path / "mine.toml"
    profile.write_text(
        'description = "x"\ndevice = "ssh"\naddress = "ssh://me@kitchen"\nformats = ["tflite"]\nruntimes = ["litert"]\n'
    )
    assert target_of(str(profile)).address == "ssh://me@kitchen"
    assert target_of(str(profile), ["ssh://me@attic"]).address == "ssh://me@attic"
    assert target_of("arm64-emulated").address == "emulator://arm64"


def test_an_address_of_another_kind_is_refused() -> None:
    with pytest.raises(InputError, match="the device 'emulator://arm64' cannot be used for the target 'rpi4'"):
        target_of("rpi4", ["emulator://arm64"])


def test_each_target_finds_the_address_that_bears_its_name() -> None:
    asked = ["rpi4=ssh://pi@four", "rpi5=ssh://pi@five"]
    found = each_target(["host", "rpi4", "rpi5"], asked)
    assert [one.address for one in found.values()] == ["", "ssh://pi@four", "ssh://pi@five"]
    assert each_target(["host", "rpi4"], ["ssh://pi@four"])["rpi4"].address == "ssh://pi@four"


def test_two_addresses_without_a_name_or_one_of_a_target_not_asked_for_are_refused() -> None:
    with pytest.raises(InputError, match="two devices are given, 'ssh://a' and 'ssh://b'"):
        target_of("rpi4", ["ssh://a", "ssh://b"])
    with pytest.raises(UnknownName, match="'rpi5=ssh://a' is for the target 'rpi5', which is not asked for") as caught:
        each_target(["rpi4"], ["rpi5=ssh://a"])
    assert caught.value.hint == "give -t rpi5, or name a target that is asked for: rpi4"


def test_this_machine_never_stands_for_a_board_whose_target_was_forgotten() -> None:
    with pytest.raises(UnknownName, match="'rpi4=ssh://pi@a' is for the target 'rpi4', which is not asked for"):
        target_of("host", ["rpi4=ssh://pi@a"])
    ended = CliRunner().invoke(cli, ["bench", str(tiny.FILES["tflite"]), "--device", "rpi4=ssh://pi@a"])
    assert isinstance(ended.exception, UnknownName)


def test_one_device_may_be_a_plain_word() -> None:
    assert target_of("rpi4", "rpi4=ssh://pi@a") == target_of("rpi4", ["ssh://pi@a"])
    assert each_target("rpi4", "rpi4=ssh://pi@a") == {"rpi4": target_of("rpi4", "ssh://pi@a")}


@pytest.mark.parametrize("name", BOARDS)
def test_every_board_is_reached_by_the_device_that_its_profile_names(name: str) -> None:
    assert isinstance(device(target_of(name, ["ssh://pi@board"])), registry.load("devices", "ssh"))


# ── which board it is ───────────────────────────────────────────────────────────────────────────────────────────────


def test_a_board_stands_for_its_own_profile_only() -> None:
    fits = {name: targets.mismatch(targets.load(name), PI) for name in (*BOARDS, "ssh")}
    assert [name for name, why in fits.items() if not why] == ["rpi4", "ssh"]
    assert fits["rpi5"] == (
        "'rpi5' means a Raspberry Pi 5 or Raspberry Pi 500 or Raspberry Pi Compute Module 5, "
        "but the device calls itself 'Raspberry Pi 4 Model B Rev 1.5'"
    )
    assert "does not say which board it is" in targets.mismatch(targets.load("rpi4"), replace(PI, board=""))


def test_a_32_bit_system_is_told_from_a_64_bit_one_on_the_same_board() -> None:
    whole = replace(PI, board="Raspberry Pi 3 Model B Plus Rev 1.3")
    half = replace(whole, machine="armv8l", isa=("half", "thumb", "neon", "vfpv4", "crc32"))
    assert [targets.mismatch(targets.load("rpi3"), one) == "" for one in (whole, half)] == [True, False]
    assert [targets.mismatch(targets.load("rpi3-32bit"), one) == "" for one in (whole, half)] == [False, True]


@pytest.mark.parametrize("name", BOARDS)
def test_a_profile_asks_only_for_what_the_system_of_its_board_reports(name: str) -> None:
    target: Target = targets.load(name)
    assert target.board
    assert set(target.runtimes) <= {"litert", "onnxruntime", "openvino", "tflite-runtime"}
    assert target.ram_bytes is None or target.ram_bytes >= 512_000_000


# ── where accuracy is counted ───────────────────────────────────────────────────────────────────────────────────────


def test_the_same_bits_agree_and_so_does_another_order_of_adding() -> None:
    here = np.array([[0.1, 0.9], [0.6, 0.4]], np.float32)
    same = answering.compare(here, here.copy())
    assert (same.samples, same.identical, same.largest, same.agrees) == (2, 2, 0.0, True)
    near = answering.compare(here, here + np.float32([[1e-6, 0], [0, 0]]))
    assert (near.identical, near.agrees) == (1, True)


def test_a_step_of_an_integer_output_does_not_agree_and_large_logits_are_measured_by_their_size() -> None:
    here = np.array([[0.1, 0.9], [0.6, 0.4]], np.float32)
    step = answering.compare(here, here + np.float32([[1 / 256, 0], [0, 0]]))
    assert (step.identical, step.agrees) == (1, False)
    assert step.largest == pytest.approx(1 / 256, rel=1e-5)
    logits = np.array([[1000.0, -3.0]], np.float32)
    assert answering.compare(logits, logits + np.float32(0.05)).agrees


def test_outputs_that_are_no_numbers_do_not_agree() -> None:
    here = np.array([[0.1, 0.9]], np.float32)
    assert not answering.compare(here, np.array([[np.nan, 0.9]], np.float32)).agrees


class Other(FakeDevice):
    """A device with another version of the runtime."""

    def run(self, job: Mapping[str, Any]) -> dict[str, Any]:
        return {**super().run(job), "runtime_version": "litert 0.9"}


@pytest.mark.parametrize(("there", "codes"), [(Other(), ["EO431", "EO432"]), (FakeDevice(), ["EO431"])])
def test_two_versions_of_a_runtime_are_told_where_both_answered(
    tmp_path: Path, there: FakeDevice, codes: list[str]
) -> None:
    np.save(tmp_path / "selection.npy", np.random.default_rng(0).random((30, 8, 8, 1), np.float32))
    entry = Entry(path=FakeArtifact().write(tmp_path / "model.tflite"), runtime="litert")
    with temporary() as run:
        given = SimpleNamespace(selection=tmp_path / "selection.npy")
        bench: Any = SimpleNamespace(run=run, host=FakeDevice(), device=there, given=given)
        assert answering.answering(bench, "one", entry) is bench.host
        found = answering.findings([replace(a_trial(), runtime="litert", parity=answering.parity_of(bench, "one"))])
    assert [one.code for one in found] == codes
    if len(found) == 2:
        assert found[1].message == "the runtime 'litert' is litert 0.9 on the device and litert 1.0 on this machine"


# ── which wheels fit ────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("name", "bits", "architecture", "runtimes"),
    [
        ("aarch64", 64, "aarch64", ("litert", "onnxruntime", "openvino")),
        ("aarch64", 32, "armv7l", ("tflite-runtime",)),  # the 32-bit Raspberry Pi OS with its 64-bit kernel
        ("armv7l", 32, "armv7l", ("tflite-runtime",)),
        ("x86_64", 64, "x86_64", ("litert", "onnxruntime", "openvino")),
    ],
)
def test_the_wheels_of_a_machine_follow_its_programs_and_not_its_kernel(
    name: str, bits: int, architecture: str, runtimes: tuple[str, ...]
) -> None:
    machine = wheels.machine_of(name, bits, ["glibc", "2.36"], "3.11.2")
    assert (machine.architecture, machine.runtimes) == (architecture, runtimes)
    assert (machine.glibc_minor, machine.python) == (36, "3.11")


@pytest.mark.parametrize(
    ("name", "bits", "libc", "words"),
    [
        ("armv6l", 32, ["glibc", "2.36"], "'armv6l' with a 32-bit system"),
        ("riscv64", 64, ["glibc", "2.36"], "'riscv64'"),
        ("aarch64", 64, ["", ""], "its C library is 'unknown'"),
    ],
)
def test_a_machine_that_no_wheel_fits_is_refused(name: str, bits: int, libc: list[str], words: str) -> None:
    with pytest.raises(InputError, match=words):
        wheels.machine_of(name, bits, libc, "3.11.2")


def test_a_board_whose_python_is_too_old_for_the_worker_is_told_which_one_it_needs() -> None:
    board = boards.Board(boards.address_of("ssh://pi@old"))
    said = {"machine": "aarch64", "bits": 64, "libc": ["glibc", "2.28"], "python": "3.7.3", "numpy": "1.16"}
    with pytest.raises(InputError, match=r"'pi@old' has Python 3\.7\.3, and the worker needs 3\.9 or newer") as caught:
        boards._machine_of(said, board)
    assert caught.value.hint == "install Raspberry Pi OS Bookworm or newer"
    assert boards._machine_of({**said, "python": "3.10.1"}, board).python == "3.10"


def test_pip_is_asked_for_every_glibc_that_the_machine_has_and_none_beyond() -> None:
    machine = wheels.machine_of("aarch64", 64, ["glibc", "2.31"], "3.9.2")
    tags = wheels._platforms(machine)[1::2]
    assert tags[0] == "manylinux_2_31_aarch64"
    assert tags[-1] == "manylinux2014_aarch64"
    assert not [tag for tag in tags if "2_35" in tag]


@dataclass
class Pip:
    """What stands in for pip: fails where it is asked for ``without``, in those words; ``asked`` keeps each call."""

    without: str = "nothing"
    stderr: str = "ERROR: Could not find a version\nERROR: No matching distribution"
    asked: list[Sequence[str]] = field(default_factory=list)
    environments: list[Mapping[str, str]] = field(default_factory=list)

    def __call__(self, command: Sequence[str], *, env: Mapping[str, str], timeout_s: float) -> limits.Completed:
        self.asked.append(command)
        self.environments.append(env)
        failed = any(word.startswith(self.without) for word in command)
        return limits.Completed(
            returncode=int(failed), stdout=b"", stderr=self.stderr if failed else "", peak_rss_bytes=0
        )


@pytest.fixture
def pip(monkeypatch: pytest.MonkeyPatch) -> Pip:
    one = Pip()
    monkeypatch.setattr(wheels, "run_limited", one)
    return one


PI_64 = wheels.Machine(architecture="aarch64", glibc_minor=36, python="3.11")
PI_32 = wheels.Machine(architecture="armv7l", glibc_minor=36, python="3.11")


def test_the_emulated_systems_are_machines_like_boards_and_ask_pip_for_the_newest_wheels_first() -> None:
    assert arm_system.MACHINES == {"arm64": PI_64, "armhf": PI_32}
    tags = wheels._platforms(PI_64)[1::2]
    assert tags == [*(f"manylinux_2_{minor}_aarch64" for minor in range(36, 16, -1)), "manylinux2014_aarch64"]


def test_a_32_bit_board_gets_the_versions_that_its_runtime_can_be_and_no_numpy(pip: Pip, tmp_path: Path) -> None:
    wheels.install(("tflite-runtime",), PI_32, tmp_path / "packages")
    (command,) = pip.asked
    assert command[-2:] == ("--no-deps", "tflite-runtime>=2.14,<3")


def test_a_64_bit_board_gets_the_versions_that_are_installed_here(pip: Pip, tmp_path: Path) -> None:
    wheels.install(("litert",), PI_64, tmp_path / "packages")
    assert pip.asked[0][-1] == f"ai-edge-litert=={version('ai-edge-litert')}"
    assert "--no-deps" not in pip.asked[0]


def test_pip_sees_nothing_that_belongs_to_this_python_alone(
    pip: Pip, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV"):
        monkeypatch.setenv(name, "ours")
    monkeypatch.setenv("PIP_INDEX_URL", "theirs")
    wheels.install(("litert",), PI_64, tmp_path / "packages")
    assert pip.environments[0]["PIP_INDEX_URL"] == "theirs"
    assert not {"PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV"} & set(pip.environments[0])


def test_where_this_environment_has_no_pip_uv_brings_it_and_without_both_it_is_missing(
    pip: Pip, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wheels, "find_spec", lambda name: None)
    monkeypatch.setattr(wheels.shutil, "which", {"uv": "/usr/bin/uv"}.get)
    wheels.install(("litert",), PI_64, tmp_path / "packages")
    assert pip.asked[0][:6] == ("/usr/bin/uv", "--quiet", "tool", "run", "pip", "install")
    monkeypatch.setattr(wheels.shutil, "which", {}.get)
    with pytest.raises(MissingPackage, match="needs 'pip'"):
        wheels.install(("litert",), PI_64, tmp_path / "packages")


def test_a_runtime_without_a_wheel_is_skipped_and_the_others_are_there(pip: Pip, tmp_path: Path) -> None:
    pip.without = "openvino"
    skipped = wheels.install_fitting(("litert", "openvino"), PI_64, tmp_path / "packages")
    assert skipped == {"openvino": "No matching distribution"}
    assert [word.split("==")[0] for word in pip.asked[-1] if "==" in word] == ["ai-edge-litert"]
    with pytest.raises(StepFailed, match=r"^openvino could not be downloaded for Python 3\.11 on aarch64: No matching"):
        wheels.install_fitting(("openvino",), PI_64, tmp_path / "packages")


def test_a_full_disk_of_this_machine_is_not_taken_for_a_missing_wheel(pip: Pip, tmp_path: Path) -> None:
    pip.without, pip.stderr = "openvino", "ERROR: Could not install: [Errno 28] No space left on device"
    with pytest.raises(RunError, match="no room is left on the disk") as caught:
        wheels.install_fitting(("litert", "openvino"), PI_64, tmp_path / "packages")
    assert "TMPDIR" in caught.value.hint
    assert len(pip.asked) == 1


def test_the_versions_in_a_folder_are_those_of_its_packages(tmp_path: Path) -> None:
    folder = tmp_path / "tflite_runtime-2.14.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: tflite-runtime\nVersion: 2.14.0\n")
    assert wheels.versions(("tflite-runtime", "litert"), tmp_path) == {"tflite-runtime": "tflite-runtime 2.14.0"}


@pytest.mark.parametrize(
    ("bits", "python", "words"),
    [(64, "3.9.2", "Python 3.10 or newer"), (32, "3.13.5", "take the 64-bit system"), (64, "3.11.2", "the network")],
)
def test_where_no_wheel_could_be_had_the_hint_looks_at_the_boards_python(bits: int, python: str, words: str) -> None:
    assert words in wheels._hint(wheels.machine_of("aarch64", bits, ["glibc", "2.36"], python))


def test_a_name_that_is_nearly_a_target_and_a_forgotten_scheme_are_recognised() -> None:
    with pytest.raises(UnknownName) as caught:
        target_of("ssh", ["shs=ssh://pi@a"])
    assert caught.value.hint == "did you mean 'ssh'?"
    with pytest.raises(InputError) as missing:
        target_of("ssh", ["pi@a"])
    assert missing.value.hint == "did you mean ssh://pi@a?"
    assert target_of("ssh", ["ssh://a=b"]).address == "ssh://a=b"  # that is no name of a target


def test_the_profile_that_a_board_stands_for_is_found() -> None:
    assert [name for name in targets.names() if targets.stands_for(name, PI)] == ["rpi4"]


def test_the_cores_of_a_processor_are_counted_once() -> None:
    assert units.format_processor(2, "AMD EPYC") == "2x AMD EPYC"
    assert units.format_processor(4, "4x Cortex-A72") == "4x Cortex-A72"
    assert units.format_processor(8, "4x Cortex-A55 + 4x Cortex-A76") == "4x Cortex-A55 + 4x Cortex-A76"
