"""What holds for every device: it answers the worker protocol, and says in one sentence what went wrong."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_opt import registry
from edge_opt.errors import InputError, StepFailed
from edge_opt.store import parse
from edge_opt.types import Environment, TensorSpec, Window
from tests.fakes import FakeArtifact, FakeDevice
from tests.fixtures import tiny

Case = tuple[registry.Device, Callable[[Path], Path]]

# devices that need an address or a page: their own tests hold them to this
_NEEDS_MORE: dict[str, str] = {
    "ssh": "a board: tests/device/test_ssh.py has one",
    "emulator": "needs an ARM system, which tests/device/test_emulator.py makes: pytest -m device",
}
_NEEDS_PROGRAM = {"callgrind": "valgrind"}
_SLOW = ("callgrind",)  # half a minute for all of its modes


def _parameter(name: str) -> Any:
    program = _NEEDS_PROGRAM.get(name)
    missing = program is not None and shutil.which(program) is None
    absent = pytest.mark.skipif(missing, reason=f"'{program}' is not installed: apt install {program}")
    return pytest.param(name, marks=(absent, *([pytest.mark.slow] if name in _SLOW else [])))


@pytest.fixture(params=[*map(_parameter, registry.names("devices")), "fake"])
def case(request: pytest.FixtureRequest, tmp_path: Path) -> Case:
    """A device, and what writes an artifact for it."""
    if request.param == "fake":
        return FakeDevice(), lambda folder: FakeArtifact().write(folder / "model.tflite")
    if request.param in _NEEDS_MORE:
        pytest.skip(_NEEDS_MORE[request.param])
    return registry.load("devices", request.param)(), lambda folder: tiny.FILES["tflite"]


def job(mode: str, *artifacts: Path, **more: Any) -> dict[str, Any]:
    listed = [{"path": str(one), "runtime": "litert", "options": {}} for one in artifacts]
    return {"protocol": 1, "mode": mode, "artifacts": listed, "threads": 1, "seed": 5, **more}


def refuses(device: registry.Device, mode: str) -> bool:
    """Whether ``device`` does without ``mode``: then it must say so, and what to do instead."""
    if mode in getattr(device, "MODES", (mode,)):
        return False
    with pytest.raises(InputError, match=f"no mode '{mode}'") as caught:
        device.run(job(mode, *[tiny.FILES["tflite"]] * 2))
    return bool(caught.value.hint)


@pytest.fixture
def inputs(tmp_path: Path) -> Path:
    np.save(tmp_path / "x.npy", tiny.pictures())
    return tmp_path / "x.npy"


def test_a_timing_job_gives_raw_latencies_and_all_that_a_round_is_made_of(
    case: Case, inputs: Path, tmp_path: Path
) -> None:
    device, write = case
    if refuses(device, "time"):
        return
    limits = {"warmup": 2, "warmup_seconds": 0, "min_runs": 7, "max_runs": 7, "min_seconds": 0}
    answer = device.run(job("time", write(tmp_path), inputs=str(inputs), **limits))
    assert answer["protocol"] == 1
    assert len(answer["samples_ns"]) == 7
    assert all(isinstance(one, int) and one > 0 for one in answer["samples_ns"])
    assert answer["load_ns"] > 0
    assert answer["peak_rss_bytes"] > answer["baseline_rss_bytes"] > 0
    assert answer["runtime"] == "litert"
    assert answer["runtime_version"]
    assert parse(Environment, answer["environment"]).cores >= 1


def test_a_sustain_job_gives_windows_without_a_pause(case: Case, inputs: Path, tmp_path: Path) -> None:
    device, write = case
    if refuses(device, "sustain"):
        return
    answer = device.run(job("sustain", write(tmp_path), inputs=str(inputs), seconds=0.3, window_seconds=0.1))
    windows = [parse(Window, one) for one in answer["windows"]]
    assert len(windows) >= 2
    assert all(one.runs > 0 and one.p90_ns >= one.median_ns > 0 for one in windows)
    assert [one.start_s for one in windows] == sorted(one.start_s for one in windows)


def test_a_pair_job_gives_as_many_blocks_of_each_artifact(case: Case, inputs: Path, tmp_path: Path) -> None:
    device, write = case
    if refuses(device, "pair"):
        return
    artifact = write(tmp_path)
    answer = device.run(job("pair", artifact, artifact, inputs=str(inputs), blocks=4, block_runs=3, min_seconds=0))
    order = [block["artifact"] for block in answer["blocks"]]
    assert (order.count(0), order.count(1)) == (4, 4)
    assert {len(block["samples_ns"]) for block in answer["blocks"]} == {3}
    assert len(answer["artifacts"]) == 2


def test_a_job_of_several_gives_one_median_of_each_artifact(case: Case, tmp_path: Path) -> None:
    device, write = case
    if refuses(device, "several"):
        return
    artifact = write(tmp_path)
    answer = device.run(job("several", artifact, artifact, artifact, rounds=2, round_runs=2, round_seconds=0))
    assert len(answer["artifacts"]) == 3
    assert all(one["median_ns"] > 0 and one["runtime_version"] for one in answer["artifacts"])


def test_a_count_job_says_what_each_marked_region_ran_and_counts_where_it_can(case: Case, tmp_path: Path) -> None:
    device, write = case
    artifact = write(tmp_path)
    answer = device.run(job("count", artifact, artifact, warmup=2, runs=3))
    assert answer["regions"] == [None] * 4 + [0, 1] * 3
    assert len(answer["artifacts"]) == 2
    counted = [one["instructions"] for one in answer["artifacts"] if "instructions" in one]
    assert not counted or answer["emulator"]
    assert [len(one) for one in counted] in ([], [3, 3])
    assert all(isinstance(count, int) and count > 0 for one in counted for count in one)


def test_a_predict_job_writes_one_row_of_float32_a_sample(case: Case, inputs: Path, tmp_path: Path) -> None:
    device, write = case
    out = tmp_path / "y.npy"
    answer = device.run(job("predict", write(tmp_path), inputs=str(inputs), outputs=str(out)))
    found = np.load(answer["outputs"])
    assert (found.shape, found.dtype) == ((12, 3), np.float32)
    (given,) = parse(tuple[TensorSpec, ...], answer["inputs"])
    assert given.shape == (1, 8, 8, 1)
    (answered,) = parse(tuple[TensorSpec, ...], answer["outputs_spec"])
    assert answered.shape == (1, 3)


def test_it_describes_its_machine_without_any_artifact(case: Case) -> None:
    answer = case[0].run({"protocol": 1, "mode": "environment"})
    assert parse(Environment, answer["environment"]).ram_bytes > 0


def test_an_artifact_that_does_not_load_is_one_sentence(case: Case, inputs: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.tflite"
    broken.write_text("this is no model")
    with pytest.raises(StepFailed, match=r"^could not be loaded: .+") as caught:
        case[0].run(job(getattr(case[0], "MODES", ("time",))[0], broken, inputs=str(inputs)))
    assert "\n" not in caught.value.message
