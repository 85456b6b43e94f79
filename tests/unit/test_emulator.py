"""The emulated processor, with a program in the place of QEMU that runs the worker by this Python."""

from __future__ import annotations

import json
import platform
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from edge_opt import limits
from edge_opt.cli.main import cli
from edge_opt.devices import emulator as emulated
from edge_opt.devices.emulator import EmulatorDevice, Record
from edge_opt.errors import DeviceError, EdgeOptError, InputError, MissingPackage, RunError, StepFailed
from edge_opt.flows.asked import silent
from edge_opt.flows.machines import arm_system, emulator, wheels
from edge_opt.flows.machines.availability import answers
from edge_opt.inputs import parity
from edge_opt.registry import load
from edge_opt.store import parse, undisturbed
from edge_opt.types import Environment
from tests.fixtures import tiny

VERSION = "10.0.13"
PROGRAM = """#!{python}
import json, os, subprocess, sys
if sys.argv[1] == "--version":
    print("qemu-aarch64 version {version} (Debian)")
    raise SystemExit
with open({seen!r}, "w") as file:
    json.dump({{"command": sys.argv, "variables": dict(os.environ)}}, file)
job = sys.stdin.read()
{meddle}
ended = subprocess.run([{python!r}, sys.argv[6]], input=job, text=True, capture_output=True)
answer = json.loads(ended.stdout)
{after}
print(json.dumps(answer))
sys.exit(ended.returncode)
"""
ADD_ONE = """
import numpy
if "outputs" in answer:
    numpy.save(answer["outputs"], numpy.load(answer["outputs"]) + {least})
"""

Qemu = Callable[..., Path]


@pytest.fixture
def qemu(tmp_path: Path) -> Qemu:
    """What writes a program that stands for QEMU; ``seen.json`` says how it was called."""

    def write(name: str = "qemu", version: str = VERSION, meddle: str = "", after: str = "") -> Path:
        path = tmp_path / name
        text = PROGRAM.format(
            python=sys.executable, version=version, seen=str(tmp_path / "seen.json"), meddle=meddle, after=after
        )
        path.write_text(text, encoding="utf-8")
        path.chmod(0o755)
        return path

    return write


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The cache folder of a user for whom nothing is set up."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder))
    return folder


def set_up(folder: Path, program: Path, checked: dict[str, str] | None = None) -> Path:
    """``folder``, now an emulated system with LiteRT."""
    (folder / "root/usr/bin").mkdir(parents=True, exist_ok=True)
    (folder / "root/usr/bin/python3").touch()
    (folder / "packages").mkdir(exist_ok=True)
    record = {"qemu": str(program), "packages": {"litert": "1"}, "checked": checked or {}}
    (folder / emulated.RECORD).write_text(json.dumps(record), encoding="utf-8")
    return folder


@pytest.fixture
def system(cache: Path, qemu: Qemu) -> Path:
    """An emulated system that is set up for the user."""
    return set_up(emulated.folder_of("arm64"), qemu())


def predict(tmp_path: Path, runtime: str = "litert") -> dict[str, Any]:
    np.save(tmp_path / "x.npy", tiny.pictures())
    artifact = {"path": str(tiny.FILES["tflite"]), "runtime": runtime, "options": {}}
    files = {"inputs": str(tmp_path / "x.npy"), "outputs": str(tmp_path / "y.npy")}
    return {"protocol": 1, "mode": "predict", "artifacts": [artifact], "threads": 2, **files}


ENVIRONMENT = {"protocol": 1, "mode": "environment"}


@pytest.mark.parametrize(
    ("address", "arch", "cpu"),
    [
        ("emulator://arm64", "arm64", "cortex-a72"),
        ("emulator://arm64/cortex-a76", "arm64", "cortex-a76"),
        ("emulator://arm64/max", "arm64", "max"),
        ("emulator://armhf", "armhf", "cortex-a15"),
        ("emulator://armhf/cortex-a7", "armhf", "cortex-a7"),
    ],
)
def test_an_address_names_an_architecture_and_a_processor(address: str, arch: str, cpu: str) -> None:
    device = EmulatorDevice(address)
    assert (device.architecture.name, device.cpu) == (arch, cpu)


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("ssh://arm64", "'ssh://arm64' is not an emulated processor"),
        ("emulator://", "'emulator://' is not an emulated processor"),
        ("emulator://arm64/", "is not an emulated processor"),
        ("emulator://arm64/cortex-a72/2", "is not an emulated processor"),
        ("emulator://arm46", "no emulated architecture 'arm46'"),
        ("emulator://arm64/cortex-a77", "no emulated processor of arm64 'cortex-a77'"),
        ("emulator://armhf/cortex-a72", "no emulated processor of armhf 'cortex-a72'"),
    ],
)
def test_an_address_that_is_none_is_refused_with_what_to_write(address: str, said: str) -> None:
    with pytest.raises(InputError, match=said) as caught:
        EmulatorDevice(address)
    assert caught.value.hint


def test_a_processor_that_does_not_exist_is_answered_with_the_nearest() -> None:
    with pytest.raises(InputError) as caught:
        EmulatorDevice("emulator://arm64/cortex-a67")
    assert caught.value.hint == "did you mean 'cortex-a76'?"


@pytest.mark.parametrize("mode", ["time", "pair", "several", "profile", "count"])
def test_an_emulated_processor_has_no_latency(mode: str) -> None:
    with pytest.raises(InputError, match=f"has no latency.*no mode '{mode}'") as caught:
        EmulatorDevice().run({"protocol": 1, "mode": mode, "artifacts": []})
    assert "ssh://" in caught.value.hint


@pytest.mark.parametrize(
    ("address", "command"),
    [("emulator://arm64", "edge-opt emulator setup"), ("emulator://armhf", "edge-opt emulator setup --arch armhf")],
)
def test_what_is_not_set_up_is_missing_with_the_command_that_makes_it(cache: Path, address: str, command: str) -> None:
    with pytest.raises(MissingPackage) as caught:
        EmulatorDevice(address).run(ENVIRONMENT)
    assert caught.value.hint == command


def test_a_system_that_lost_a_file_is_missing_too(system: Path) -> None:
    (system / "root/usr/bin/python3").unlink()
    with pytest.raises(MissingPackage, match=r"is damaged: there is no '.*python3'"):
        EmulatorDevice().run(ENVIRONMENT)


def test_it_answers_what_the_definition_of_the_model_says(system: Path, tmp_path: Path) -> None:
    answer = EmulatorDevice().run(predict(tmp_path))
    np.testing.assert_allclose(np.load(answer["outputs"]), tiny.answers(tiny.pictures()), atol=1e-5)
    assert answer["runtime"] == "litert"
    assert answer["emulator"] == f"QEMU {VERSION}"


def test_qemu_is_told_the_processor_and_the_root(system: Path, tmp_path: Path) -> None:
    EmulatorDevice("emulator://arm64/cortex-a53").run(ENVIRONMENT)
    root = system / "root"
    command = json.loads((tmp_path / "seen.json").read_text())["command"]
    assert command[:6] == [str(tmp_path / "qemu"), "-cpu", "cortex-a53", "-L", str(root), str(root / "usr/bin/python3")]
    assert command[6].endswith("edge_opt/runtimes/worker.py")


def test_nothing_that_is_meant_for_this_machine_reaches_the_emulated_process(
    system: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = (
        "PYTHONHOME",
        "PYTHONSTARTUP",
        "VIRTUAL_ENV",
        "LD_PRELOAD",
        "QEMU_CPU",
        "QEMU_LD_PREFIX",
        "OPENBLAS_CORETYPE",
    )
    for name in ours:
        monkeypatch.setenv(name, "ours" if name != "LD_PRELOAD" else "")
    monkeypatch.setenv("PYTHONPATH", "ours")
    EmulatorDevice().run(predict(tmp_path))
    seen = json.loads((tmp_path / "seen.json").read_text())["variables"]
    assert not set(ours) & set(seen)
    assert seen["PYTHONPATH"] == str(system / "packages")
    assert seen["PYTHONNOUSERSITE"] == "1"
    assert seen["OMP_NUM_THREADS"] == "2"


def test_its_answers_say_what_is_emulated_and_nothing_of_this_machine_that_a_board_would_say(system: Path) -> None:
    found: Environment = parse(Environment, EmulatorDevice().run(ENVIRONMENT)["environment"])
    assert found.cpu == f"cortex-a72, emulated by QEMU {VERSION}"
    assert (found.load_average, found.governor, found.board, found.ram_bytes) == (0.0, "", "", 0)
    assert found.isa  # as the worker reads it in the /proc/cpuinfo that it is shown


def test_no_answer_of_it_holds_a_time_or_the_memory_of_the_emulator(system: Path, tmp_path: Path) -> None:
    job = predict(tmp_path)
    for mode in ("predict", "describe"):
        answer = EmulatorDevice().run({**job, "mode": mode})
        assert not {"load_ns", "peak_rss_bytes", "baseline_rss_bytes", "samples_ns"} & set(answer)
        assert answer["inputs"][0]["shape"] == [1, 8, 8, 1]


def test_an_old_qemu_is_refused_with_what_to_do(cache: Path, qemu: Qemu) -> None:
    set_up(emulated.folder_of("arm64"), qemu(version="7.2.22"))
    with pytest.raises(DeviceError, match=r"is QEMU 7\.2\.22, which computes incorrectly on some processors") as caught:
        EmulatorDevice().run(ENVIRONMENT)
    assert "edge-opt emulator check --arch arm64 --cpu cortex-a72" in caught.value.hint
    assert caught.value.exit_code == 2


def test_an_old_qemu_is_taken_with_a_processor_that_was_checked_with_it(cache: Path, qemu: Qemu) -> None:
    set_up(emulated.folder_of("arm64"), qemu(version="7.2.22"), {"cortex-a72": "7.2.22", "max": "7.2.21"})
    assert EmulatorDevice().run(ENVIRONMENT)["emulator"] == "QEMU 7.2.22"
    with pytest.raises(DeviceError, match="'max' is not checked"):  # it was, but with another version
        EmulatorDevice("emulator://arm64/max").run(ENVIRONMENT)


def test_a_processor_that_this_qemu_does_not_have_is_one_sentence(cache: Path, qemu: Qemu) -> None:
    fails = """print("qemu-aarch64: unable to find CPU model 'a64fx'", file=sys.stderr); sys.exit(1)"""
    set_up(emulated.folder_of("arm64"), qemu(meddle=fails))
    with pytest.raises(DeviceError, match=r"QEMU 10\.0\.13 does not know the processor 'a64fx'"):
        EmulatorDevice("emulator://arm64/a64fx").run(ENVIRONMENT)


@pytest.mark.parametrize("text", ["", "#!/bin/sh\necho something else\n"])
def test_a_file_that_is_no_qemu_is_named(system: Path, tmp_path: Path, text: str) -> None:
    other = tmp_path / "other"
    other.write_text(text)
    other.chmod(0o755)
    with pytest.raises(DeviceError, match=f"'{other}' (is not QEMU|cannot be run)"):
        EmulatorDevice(qemu=other).run(ENVIRONMENT)


def test_a_runtime_that_is_not_in_the_emulated_system_is_set_up_there_and_not_here(
    cache: Path, qemu: Qemu, tmp_path: Path
) -> None:
    lacks = """job = job.replace('"runtime": "litert"', '"runtime": "tflite-runtime"')"""
    set_up(emulated.folder_of("arm64"), qemu(meddle=lacks))  # this Python has no tflite_runtime
    with pytest.raises(MissingPackage, match=r"^in the emulated arm64 system, .*'tflite_runtime") as caught:
        EmulatorDevice().run(predict(tmp_path))
    assert caught.value.hint == "edge-opt emulator setup"


# ── the check ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_known_answers_are_those_of_the_network() -> None:
    found, known = answers("litert", load("devices", "local")()).outputs, parity.without_xnnpack()
    np.testing.assert_allclose(found["float32"], known["float32"], atol=1e-5)
    np.testing.assert_allclose(found["int8"], known["float32"], atol=0.05)
    np.testing.assert_allclose(known["int8"], known["float32"], atol=0.05)
    assert not np.array_equal(found["int8"], known["int8"])  # XNNPACK rounds otherwise, or they would be of no use


def test_a_processor_that_computes_the_same_passes_and_is_remembered(system: Path) -> None:
    found = emulator.check("arm64", silent, "cortex-a53")
    assert (found.cpu, found.qemu, found.path) == ("cortex-a53", f"QEMU {VERSION}", system)
    (litert,) = found.runtimes
    assert litert.differences == {"int8": 0.0, "float32": 0.0}
    record: Record = emulated.record_of(system, "arm64")
    assert record.checked == {"cortex-a53": VERSION}


@pytest.mark.parametrize(("least", "precision"), [(0.004, "int8"), (0.5, "int8")])
def test_a_processor_that_computes_wrong_fails_by_a_single_step_of_int8(
    system: Path, qemu: Qemu, least: float, precision: str
) -> None:
    qemu(after=ADD_ONE.format(least=least))
    said = f"'cortex-a72'.* computes incorrectly: {precision} answers of litert"
    with pytest.raises(DeviceError, match=said) as caught:
        emulator.check("arm64", silent)
    assert "QEMU 10 or newer" in caught.value.hint
    assert emulated.record_of(system, "arm64").checked == {}


def test_a_processor_that_crashes_fails_with_how_it_died(system: Path, qemu: Qemu) -> None:
    qemu(meddle="os.kill(os.getpid(), 11)")
    with pytest.raises(DeviceError, match="does not run litert: its process died from SIGSEGV"):
        emulator.check("arm64", silent)


def test_another_version_than_that_of_this_environment_is_no_comparison(system: Path, qemu: Qemu) -> None:
    qemu(after='answer["runtime_version"] = "ai-edge-litert 0.1"')
    with pytest.raises(DeviceError, match=r"has ai-edge-litert 0\.1, and this environment ai-edge-litert") as caught:
        emulator.check("arm64", silent)
    assert "edge-opt emulator setup" in caught.value.hint


def test_another_qemu_is_checked_without_being_remembered(system: Path, qemu: Qemu) -> None:
    old = qemu("old", version="7.2.22")
    assert emulator.check("arm64", silent, qemu=old).qemu == "QEMU 7.2.22"
    assert emulated.record_of(system, "arm64").checked == {}


def test_the_command_prints_a_line_for_each_runtime(system: Path) -> None:
    done = CliRunner().invoke(cli, ["emulator", "check", "-q"], catch_exceptions=False)
    assert done.exit_code == 0
    head, _, litert = done.stdout.splitlines()
    assert head == f"cortex-a72, emulated by QEMU {VERSION}: {system}"
    assert [cell.strip() for cell in litert.strip("|").split("|")][2:] == ["identical", "identical"]


# ── setting up and removing ────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def steps(cache: Path, qemu: Qemu, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was fetched, where fetching is replaced by writing the files that there would be."""
    done: list[str] = []

    def unpack_root(arch: str, folder: Path) -> None:
        done.append("root")
        set_up(folder, folder / "qemu")

    def find_qemu(architecture: emulated.Architecture, folder: Path) -> Path:
        done.append("qemu")
        qemu().rename(folder / "qemu")
        return Path("qemu")

    def install(*given: Any) -> None:
        done.append("packages")

    monkeypatch.setattr(arm_system, "unpack_root", unpack_root)
    monkeypatch.setattr(arm_system, "find_qemu", find_qemu)
    monkeypatch.setattr(wheels, "install", install)
    litert = emulator._wanted("arm64")["litert"]
    monkeypatch.setattr(wheels, "versions", lambda runtimes, folder: {"litert": litert.replace("==", " ")})
    monkeypatch.setattr(emulator, "_wanted", lambda arch: {"litert": litert})
    return done


def left(cache: Path) -> list[str]:
    """What stands in the emulator's folder, besides the lock."""
    return sorted(path.name for path in (cache / "edge-opt/emulator").iterdir() if path.name != ".lock")


def test_setting_up_fetches_checks_and_leaves_one_folder(steps: list[str], cache: Path) -> None:
    found = emulator.setup("arm64", silent)
    assert steps == ["root", "qemu", "packages"]
    assert left(cache) == ["arm64"]
    assert found.path == emulated.folder_of("arm64")
    assert EmulatorDevice().run(ENVIRONMENT)["emulator"] == f"QEMU {VERSION}"


def test_one_that_works_is_left_as_it_is(steps: list[str]) -> None:
    emulator.setup("arm64", silent)
    steps.clear()
    assert emulator.setup("arm64", silent).runtimes[0].differences["int8"] == 0
    assert not steps


def test_one_of_other_versions_is_made_anew(steps: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    folder = emulator.setup("arm64", silent).path
    record = json.loads((folder / emulated.RECORD).read_text())
    (folder / emulated.RECORD).write_text(json.dumps({**record, "packages": {"litert": "0.1"}}))
    steps.clear()
    emulator.setup("arm64", silent)
    assert steps == ["root", "qemu", "packages"]


@pytest.mark.parametrize(
    "error", [KeyboardInterrupt(), StepFailed("no network"), OSError(28, "No space left on device")]
)
def test_what_is_interrupted_leaves_nothing(
    steps: list[str], cache: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    def fail(*given: Any) -> None:
        raise error

    monkeypatch.setattr(wheels, "install", fail)
    with pytest.raises((KeyboardInterrupt, EdgeOptError)) as caught:
        emulator.setup("arm64", silent)
    assert left(cache) == []
    if isinstance(error, OSError):
        assert isinstance(caught.value, RunError)
        assert "no room is left" in caught.value.message


def test_one_that_fails_the_check_leaves_nothing(steps: list[str], cache: Path, qemu: Qemu, tmp_path: Path) -> None:
    wrong = qemu("wrong", version="7.2.22", after=ADD_ONE.format(least=0.5))
    with pytest.raises(DeviceError, match="computes incorrectly"):
        emulator.setup("arm64", silent, qemu=wrong)
    assert left(cache) == []


def test_a_named_qemu_of_any_version_is_used_after_it_passed(steps: list[str], qemu: Qemu) -> None:
    old = qemu("old", version="7.2.22")
    emulator.setup("arm64", silent, qemu=old)
    assert steps == ["root", "packages"]
    assert EmulatorDevice().run(ENVIRONMENT)["emulator"] == "QEMU 7.2.22"


def test_a_qemu_that_is_not_there_is_named(cache: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=f"no QEMU at '{tmp_path}/none'"):
        emulator.setup("arm64", silent, qemu=tmp_path / "none")


def test_without_mmdebstrap_it_says_what_to_install(
    cache: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingPackage, match="'mmdebstrap'") as caught:
        emulator.setup("arm64", silent)
    assert "apt install mmdebstrap" in caught.value.hint
    assert "a system without apt" in caught.value.hint
    assert left(cache) == []


@pytest.mark.parametrize(
    ("stderr", "kind", "said"),
    [
        (
            "I: going\nE: Failed to fetch x\nE: mmdebstrap failed to run",
            StepFailed,
            "could not be downloaded: Failed to fetch x",
        ),
        ("tar: write error: No space left on device", RunError, "no room is left on the disk"),
        ("", StepFailed, "it gives no reason"),
    ],
)
def test_a_program_that_fails_is_one_sentence_and_nothing_is_left(
    cache: Path, monkeypatch: pytest.MonkeyPatch, stderr: str, kind: type[EdgeOptError], said: str
) -> None:
    ended = limits.Completed(returncode=1, stdout=b"", stderr=stderr, peak_rss_bytes=0)
    monkeypatch.setattr(arm_system, "run_limited", lambda *given, **more: ended)
    monkeypatch.setattr(arm_system.shutil, "which", lambda name: f"/usr/bin/{name}")
    with pytest.raises(kind, match=said) as caught:
        emulator.setup("arm64", silent)
    assert "\n" not in caught.value.message
    assert caught.value.hint
    assert left(cache) == []


def test_wheels_that_find_no_room_are_one_sentence_and_nothing_is_left(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("unpack_root", "find_qemu"):
        monkeypatch.setattr(arm_system, name, lambda *given: Path("qemu"))
    ended = limits.Completed(returncode=1, stdout=b"", stderr="[Errno 28] No space left on device", peak_rss_bytes=0)
    monkeypatch.setattr(wheels, "run_limited", lambda *given, **more: ended)
    with pytest.raises(RunError, match="no room is left on the disk for the wheels of litert") as caught:
        emulator.setup("arm64", silent)
    assert "XDG_CACHE_HOME" in caught.value.hint
    assert left(cache) == []


@pytest.mark.parametrize(("machine", "system"), [("aarch64", "linux"), ("armv7l", "linux"), ("x86_64", "darwin")])
def test_a_machine_that_needs_none_or_can_have_none_is_told_so(
    cache: Path, monkeypatch: pytest.MonkeyPatch, machine: str, system: str
) -> None:
    monkeypatch.setattr(platform, "machine", lambda: machine)
    monkeypatch.setattr(sys, "platform", system)
    with pytest.raises(InputError) as caught:
        emulator.setup("arm64", silent)
    assert caught.value.hint


def test_two_do_not_set_up_at_once(steps: list[str], cache: Path) -> None:
    busy = undisturbed(emulated.folder_of("arm64"), "an emulator", "free some")
    with busy, pytest.raises(RunError, match="another edge-opt"):
        emulator.setup("arm64", silent)


def test_cleaning_removes_every_system_or_the_one_that_is_named(cache: Path, qemu: Qemu) -> None:
    program = qemu()
    for arch in ("arm64", "armhf"):
        set_up(emulated.folder_of(arch), program)
    assert emulator.clean("armhf") == (emulated.folder_of("armhf"),)
    assert left(cache) == ["arm64"]
    assert emulator.clean() == (emulated.folder_of("arm64"),)
    assert left(cache) == []
    assert emulator.clean() == ()


def test_cleaning_removes_what_a_killed_setup_left(cache: Path) -> None:
    left_over = emulated.folder_of("arm64").with_name(".arm64.partial")
    left_over.mkdir(parents=True)
    assert emulator.clean() == (emulated.folder_of("arm64"),)
    assert not left_over.exists()


def test_an_architecture_that_is_none_is_named(cache: Path) -> None:
    for ask in (emulator.setup, emulator.check):
        with pytest.raises(InputError, match="no emulated architecture 'x86'"):
            ask("x86", silent)
    with pytest.raises(InputError, match="no emulated architecture 'x86'"):
        emulator.clean("x86")
