"""ARM's kernels, emulated by QEMU for a real model: the answers of this machine, and never a latency.

The emulated systems are made once, in the folder ``emulated`` of ``$EDGE_OPT_DEVICE_CACHE``, which without it is
``~/.cache/edge-opt-tests``, and checked before each use.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from edge_opt import registry
from edge_opt.devices import emulator as emulated
from edge_opt.devices.emulator import EmulatorDevice
from edge_opt.flows import api
from edge_opt.flows.given import environment_of
from edge_opt.inputs import targets
from edge_opt.inputs.embedded import DEMO_DATA, DEMO_MODEL, shared_path
from edge_opt.stages.evaluate import evaluate
from edge_opt.types import Entry
from tests.device.at_length import at_length

pytestmark = [
    pytest.mark.device,
    pytest.mark.skipif(
        shutil.which("mmdebstrap") is None, reason="'mmdebstrap' is not installed: apt install mmdebstrap"
    ),
]

IMAGES = 500
FEW = 100  # where a float32 network, which takes QEMU ten times as long, shows the same
NEEDS_VNNI = "x86 without VNNI saturates in this file, so it answers otherwise than ARM: use a processor that has it"


@pytest.fixture(scope="module", autouse=True)
def cache() -> Iterator[Path]:
    """The cache folder in which the emulated systems stand."""
    named = os.environ.get("EDGE_OPT_DEVICE_CACHE")
    folder = (Path(named) if named else Path.home() / ".cache/edge-opt-tests") / "emulated"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder))
        yield folder


def edge_opt(*words: str, cache: Path | None = None) -> subprocess.CompletedProcess[str]:
    variables = {**os.environ, **({"XDG_CACHE_HOME": str(cache)} if cache else {})}
    return subprocess.run([sys.executable, "-m", "edge_opt", *words], capture_output=True, text=True, env=variables)


def set_up(arch: str) -> str:
    done = edge_opt("emulator", "setup", "--arch", arch)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def arm64(cache: Path) -> str:
    """What setting up 64-bit ARM says."""
    return set_up("arm64")


@pytest.fixture(scope="module")
def armhf(cache: Path) -> str:
    """What setting up 32-bit ARM says."""
    return set_up("armhf")


@pytest.fixture(scope="module")
def artifacts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The embedded model as float32 and static int8 in every format, by the names that their files end with."""
    model = shared_path(DEMO_MODEL)
    recipes, formats = ("float32", "static_int8"), ("tflite", "onnx", "openvino")
    out = tmp_path_factory.mktemp("artifacts")
    api.convert(model, to=formats, recipes=recipes, data=shared_path(DEMO_DATA), output=out)
    for path in [*out.glob("*int8*.tflite"), *out.glob("*int8*.onnx")]:
        cut = tflite_logits if path.suffix == ".tflite" else onnx_logits
        cut(path, path.with_suffix(f".logits{path.suffix}"))
    return {path.name.removeprefix(f"{model.stem}."): path for path in out.iterdir()}


def tflite_logits(path: Path, out: Path) -> None:
    """Write the network at ``path`` without its last layer: what it computes in integers."""
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT.InitFromPackedBuf(path.read_bytes(), 0)
    (graph,) = model.subgraphs
    codes = [model.operatorCodes[one.opcodeIndex].builtinCode for one in graph.operators]
    end = codes.index(schema.BuiltinOperator.SOFTMAX)
    graph.outputs = [graph.operators[end].inputs[0]]
    graph.operators = graph.operators[:end]
    for signature in model.signatureDefs:
        signature.outputs[0].tensorIndex = graph.outputs[0]
    builder = flatbuffers.Builder()
    builder.Finish(model.Pack(builder), b"TFL3")
    out.write_bytes(builder.Output())


def onnx_logits(path: Path, out: Path) -> None:
    """The same of an ONNX file, whose last layer takes the integers scaled back to floats."""
    import onnx

    model = onnx.load(path)
    assert model.graph.node[-1].op_type == "Softmax"
    model.graph.output[0].name = model.graph.node.pop().input[0]
    onnx.save(model, out)


def first_images(count: int, folder: Path) -> Path:
    """The first test images, as the model takes them."""
    with np.load(shared_path(DEMO_DATA)) as data:
        pixels = data["x_test"][:count, ..., None]
    np.save(folder / "x.npy", pixels.astype(np.float32) / np.float32(255))
    return folder / "x.npy"


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return first_images(IMAGES, tmp_path_factory.mktemp("images"))


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return first_images(FEW, tmp_path_factory.mktemp("few"))


def both(
    artifact: Path, runtime: str, images: Path, folder: Path, address: str = "emulator://arm64"
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """What this machine answers, and what the emulated one does."""
    entry = Entry(path=artifact, runtime=runtime)
    here = evaluate(entry, images, folder / "here.npy", registry.load("devices", "local")())
    return here, evaluate(entry, images, folder / "there.npy", EmulatorDevice(address))


@pytest.mark.parametrize(
    ("name", "runtime"),
    [
        ("static_int8.logits.tflite", "litert"),
        ("static_int8.s8s8.logits.onnx", "onnxruntime"),
        ("static_int8.u8s7.logits.onnx", "onnxruntime"),
        ("static_int8.u8s8.logits.onnx", "onnxruntime"),
    ],
)
def test_what_arm64_computes_in_int8_is_the_same_to_the_bit(
    arm64: str, artifacts: dict[str, Path], images: Path, tmp_path: Path, name: str, runtime: str
) -> None:
    isa = environment_of(registry.load("devices", "local")()).isa
    if "u8s8" in name and not {"avx512_vnni", "avx_vnni"} & set(isa):
        pytest.skip(NEEDS_VNNI)
    here, there = both(artifacts[name], runtime, images, tmp_path)
    assert here.shape == (IMAGES, 10)
    np.testing.assert_array_equal(there, here)


def test_the_softmax_of_onnxruntime_is_float32_and_as_close_as_that(
    arm64: str, artifacts: dict[str, Path], images: Path, tmp_path: Path
) -> None:
    here, there = both(artifacts["static_int8.s8s8.onnx"], "onnxruntime", images, tmp_path)
    np.testing.assert_allclose(there, here, rtol=0, atol=1e-6)


def test_the_int8_softmax_of_litert_rounds_otherwise_in_single_cases(
    arm64: str, artifacts: dict[str, Path], images: Path, tmp_path: Path
) -> None:
    # LiteRT has a kernel of its own for it on 64-bit ARM, by tables; XNNPACK leaves an int8 softmax to it
    here, there = both(artifacts["static_int8.tflite"], "litert", images, tmp_path)
    steps = np.rint(np.abs(there - here) * 256)
    assert steps.max() <= 1
    assert np.count_nonzero(steps) <= 0.002 * steps.size
    np.testing.assert_array_equal(there.argmax(axis=1), here.argmax(axis=1))


@pytest.mark.parametrize(
    ("name", "runtime"),
    [("float32.tflite", "litert"), ("float32.onnx", "onnxruntime"), ("float32.xml", "openvino")],
)
def test_float32_answers_of_arm64_are_close_to_those_of_this_machine(
    arm64: str, artifacts: dict[str, Path], few: Path, tmp_path: Path, name: str, runtime: str
) -> None:
    here, there = both(artifacts[name], runtime, few, tmp_path)
    np.testing.assert_allclose(there, here, rtol=0, atol=1e-4)


@at_length
def test_a_newer_processor_with_other_kernels_answers_the_same(
    arm64: str, artifacts: dict[str, Path], images: Path, tmp_path: Path
) -> None:
    device = EmulatorDevice("emulator://arm64/cortex-a76")
    assert "asimddp" in environment_of(device).isa  # dot products, which int8 kernels are chosen by
    assert "asimddp" not in environment_of(EmulatorDevice()).isa
    artifact = artifacts["static_int8.logits.tflite"]
    here, there = both(artifact, "litert", images, tmp_path, "emulator://arm64/cortex-a76")
    np.testing.assert_array_equal(there, here)


def without_xnnpack(artifact: Path, images: Path) -> NDArray[np.float32]:
    """What LiteRT's own kernels answer here, asked without any part of edge-opt."""
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    plain = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    interpreter = Interpreter(str(artifact), experimental_op_resolver_type=plain)
    interpreter.allocate_tensors()
    (given,), (answered,) = interpreter.get_input_details(), interpreter.get_output_details()
    rows = []
    for image in np.load(images):
        interpreter.set_tensor(given["index"], image[None])
        interpreter.invoke()
        rows.append(interpreter.get_tensor(answered["index"])[0])
    return np.stack(rows)


def test_int8_answers_of_armhf_are_those_of_the_kernels_without_xnnpack(
    armhf: str, artifacts: dict[str, Path], images: Path, tmp_path: Path
) -> None:
    entry = Entry(path=artifacts["static_int8.tflite"], runtime="tflite-runtime")
    there = evaluate(entry, images, tmp_path / "y.npy", EmulatorDevice("emulator://armhf"))
    here = without_xnnpack(entry.path, images)
    np.testing.assert_array_equal(np.rint(there * 256), np.rint(here * 256))  # an int8 probability is one of 256


def test_float32_answers_of_armhf_are_close_to_those_of_this_machine(
    armhf: str, artifacts: dict[str, Path], few: Path, tmp_path: Path
) -> None:
    entry = Entry(path=artifacts["float32.tflite"], runtime="tflite-runtime")
    there = evaluate(entry, few, tmp_path / "y.npy", EmulatorDevice("emulator://armhf"))
    litert = Entry(path=entry.path, runtime="litert")
    here = evaluate(litert, few, tmp_path / "here.npy", registry.load("devices", "local")())
    np.testing.assert_allclose(there, here, rtol=0, atol=1e-4)


@pytest.mark.parametrize(("target", "arch"), [("arm64-emulated", "arm64"), ("armhf-emulated", "armhf")])
def test_the_accuracy_on_a_sample_is_measured_with_the_kernels_of_arm(
    request: pytest.FixtureRequest, artifacts: dict[str, Path], tmp_path: Path, target: str, arch: str
) -> None:
    request.getfixturevalue(arch)
    with np.load(shared_path(DEMO_DATA)) as data:
        np.savez(
            tmp_path / "few.npz", x_test=data["x_test"][:FEW], y_test=data["y_test"][:FEW], classes=data["classes"]
        )
    contract = shared_path(DEMO_DATA).with_suffix(".preprocessing.toml")
    shutil.copy(contract, tmp_path / "few.preprocessing.toml")
    files = [str(artifacts[name]) for name in ("float32.tflite", "static_int8.tflite")]

    def top1(*more: str) -> list[float]:
        words = ["evaluate", *files, "-d", str(tmp_path / "few.npz"), "--format", "json", *more]
        done = edge_opt(*words)
        assert done.returncode == 0, done.stderr
        return [sum(row["accuracy"]["scores"]) / FEW for row in json.loads(done.stdout)]

    there, here = top1("-t", target), top1()
    assert there[0] == here[0]
    assert there[1] == pytest.approx(here[1], abs=0 if arch == "arm64" else 0.01)


@pytest.mark.parametrize("target", ["arm64-emulated", "armhf-emulated"])
def test_an_emulated_processor_has_the_instruction_sets_of_its_target(
    request: pytest.FixtureRequest, target: str
) -> None:
    request.getfixturevalue(target.partition("-")[0])
    profile = targets.load(target)
    assert not targets.mismatch(profile, environment_of(EmulatorDevice(profile.address)))


def test_no_latency_is_taken(arm64: str, artifacts: dict[str, Path]) -> None:
    done = edge_opt("bench", str(artifacts["float32.tflite"]), "-t", "arm64-emulated")
    assert done.returncode == 2
    assert "the device of 'arm64-emulated' is emulated, so no time on it is a latency" in done.stderr
    assert not done.stdout


def test_the_answer_holds_which_processor_and_which_qemu(arm64: str) -> None:
    found = environment_of(EmulatorDevice())
    assert found.cpu.startswith("cortex-a72, emulated by QEMU 1")
    assert (found.machine, found.isa[:2]) == ("aarch64", ("fp", "asimd"))


def test_setting_up_again_leaves_what_works_as_it_is(arm64: str) -> None:
    record = emulated.folder_of("arm64") / "root"
    before = record.stat().st_ino
    assert set_up("arm64").count("identical") >= 2
    assert record.stat().st_ino == before


@pytest.fixture
def old_qemu(tmp_path: Path) -> Path:
    """QEMU 7.2, as Debian 12 has it."""
    if shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
        pytest.skip("QEMU 7.2 is taken from a package of Debian 12: run this there")
    subprocess.run(["apt-get", "download", "qemu-user-static"], cwd=tmp_path, capture_output=True)
    for package in tmp_path.glob("qemu-user-static_*.deb"):
        subprocess.run(["dpkg-deb", "-x", package, tmp_path / "old"], check=True)
    program = tmp_path / "old/usr/bin/qemu-aarch64-static"
    if not program.exists() or not emulated.version_of(program).startswith("7.2."):
        pytest.skip("there is no QEMU 7.2 to be had here: run this on Debian 12, with a mirror that can be reached")
    return program


@at_length
def test_the_check_catches_qemu_that_computes_wrong_and_passes_it_where_it_does_not(arm64: str, old_qemu: Path) -> None:
    wrong = edge_opt("emulator", "check", "--qemu", str(old_qemu), "--cpu", "max")
    assert wrong.returncode == 2
    assert "'max', emulated by QEMU 7.2." in wrong.stderr
    assert "computes incorrectly: int8 answers of litert lie 0." in wrong.stderr
    right = edge_opt("emulator", "check", "--qemu", str(old_qemu))
    assert right.returncode == 0, right.stderr


@at_length
def test_an_interrupted_setup_leaves_nothing_and_cleaning_removes_all(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "edge_opt", "emulator", "setup", "--arch", "armhf"],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "XDG_CACHE_HOME": str(tmp_path)},
        start_new_session=True,
        # a shell that starts the tests in the background lets them, and so their children, ignore Ctrl-C
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    folder = tmp_path / "edge-opt/emulator"
    end = time.monotonic() + 120
    while not (folder / ".armhf.partial/root").exists():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end, "nothing is fetched within two minutes"
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    assert "interrupted" in process.communicate()[1]
    assert [path.name for path in folder.iterdir()] == [".lock"]

    done = edge_opt("emulator", "setup", "--arch", "armhf", cache=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (folder / "armhf/emulator.json").exists()
    done = edge_opt("emulator", "clean", cache=tmp_path)
    assert done.stdout == f"removed: {folder / 'armhf'}\n"
    assert [path.name for path in folder.iterdir()] == [".lock"]
