"""The single steps as commands, on the fake device: what breaks is said, and the rest goes on."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from edge_opt.cli.run import exit_code
from edge_opt.errors import InputError, MissingPackage, StepFailed
from edge_opt.flows import api, evaluate
from edge_opt.flows.bench import Benchmarks, time_artifacts
from edge_opt.flows.contract import contract_of
from edge_opt.flows.convert import make_artifacts
from edge_opt.flows.given import temporary
from edge_opt.flows.prepare import prepare
from edge_opt.inputs import dataset, preprocess, recipes, targets
from edge_opt.stages.benchmark import Protocol
from edge_opt.types import Finding, Step, TensorSpec
from tests import stack
from tests.fakes import FakeArtifact, FakeDevice, FakeExecutor
from tests.samples import a_report

HOST = targets.load("host")


def bench(paths: Sequence[Path], device: FakeDevice | None = None) -> Benchmarks:
    with temporary() as run:
        return time_artifacts(
            paths,
            HOST,
            threads=1,
            runtimes=(),
            protocol=Protocol(rounds=3),
            seed=0,
            run=run,
            device=device or FakeDevice(),
            watch=lambda _: None,
        )


def test_a_broken_artifact_is_found_before_anything_is_measured_and_the_others_are_kept(tmp_path: Path) -> None:
    good = FakeArtifact().write(tmp_path / "good.tflite")
    broken = FakeArtifact(error="no flatbuffer").write(tmp_path / "broken.tflite")
    device = FakeDevice()
    found = bench([broken, good], device)
    assert [row.artifact for row in found.rows] == [good]
    assert [(one.artifact, one.message) for one in found.failures] == [(broken, "could not be loaded: no flatbuffer")]
    assert found.failures[0].hint
    assert [job["mode"] for job in device.jobs] == ["environment"] + ["describe"] * 2 + ["time"] * 3
    assert "EO305" in {finding.code for finding in found.findings}  # few rounds


def test_where_no_artifact_can_be_loaded_that_is_the_error(tmp_path: Path) -> None:
    with pytest.raises(StepFailed, match=r"broken\.tflite' cannot be measured: could not be loaded: no flatbuffer"):
        bench([FakeArtifact(error="no flatbuffer").write(tmp_path / "broken.tflite")])


def convert(folder: Path, **changes: Any) -> Any:
    (folder / "model.fake").write_bytes(b"weights")
    with temporary() as run:
        return make_artifacts(
            **{
                "model_path": folder / "model.fake",
                "recipes": [recipes.load("static_int8")],
                "target": replace(HOST, formats=("tflite",)),
                "output": folder / "out",
                "data_path": stack.data_set(folder),
                "seed": 0,
                "allow_code": False,
                "run": run,
                "device": FakeDevice(),
                "executor": FakeExecutor(),
                "watch": lambda _: None,
                **changes,
            }
        )


def test_a_runtime_that_is_not_installed_is_not_mistaken_for_a_recipe_that_does_not_exist(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack.installed(monkeypatch)
    monkeypatch.setattr("edge_opt.stages.plan.existing.installed", lambda name: False)
    with pytest.raises(MissingPackage, match="no runtime of 'host' that loads tflite is installed"):
        convert(tmp_path)


def test_convert_says_what_is_wrong_with_the_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stack.installed(monkeypatch)
    monkeypatch.setattr(stack, "OUTPUT", replace(stack.OUTPUT, shape=(None, stack.CLASSES + 1)))
    made = convert(tmp_path)
    assert len(made.artifacts) == 1
    assert "EO108" in {finding.code for finding in made.findings}


def photos(folder: Path, each: int) -> Path:
    """Pictures of two aspects and two classes, dark and bright; the last of them is lost when it is looked for."""
    for name, level in (("bright", 200), ("dark", 20)):
        (folder / name).mkdir(parents=True)
        for i in range(each):
            size = (20, 16) if i % 2 else (16, 16)
            pixels = np.random.default_rng(i).integers(level, level + 50, (*size, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{i:03}.png")
    return folder


def test_all_contracts_are_tried_on_few_pictures_and_the_finalists_on_more(tmp_path: Path) -> None:
    data = dataset.read(photos(tmp_path / "data", 200))
    assert data.train is not None
    asked: list[list[tuple[int, ...]]] = []

    def predict(inputs: Sequence[Path]) -> list[Any]:
        arrays = [np.load(path, mmap_mode="r") for path in inputs]
        asked.append([array.shape for array in arrays])
        # a model that takes pixels in -1..1, in either order of the colours
        return [np.stack([array.mean((1, 2, 3)), -array.mean((1, 2, 3))], axis=1) for array in arrays]

    spec = TensorSpec(name="x", shape=(None, 8, 8, 3), dtype="float32", layout="NHWC")
    with temporary() as run:
        contract, found = contract_of(data, spec, data.train, predict, run, lambda _: None)
        assert not list((run.folder / "scratch").iterdir())
    assert contract.offset[0] < 0
    assert [finding.code for finding in found] == ["EO112", "EO113"]
    assert len(asked) == 2
    assert asked[0] == [(150, 8, 8, 3)] * 20
    assert 1 < len(asked[1]) < 20
    assert set(asked[1]) == {(400, 8, 8, 3)}


def test_one_picture_lost_before_certification_is_a_finding_and_no_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack.installed(monkeypatch)
    (tmp_path / "model.fake").write_bytes(b"weights")
    monkeypatch.setattr(
        stack.FakeFrontend, "predict", lambda self, path, inputs, code: np.eye(3)[np.zeros(len(inputs), int)]
    )
    data = photos(tmp_path / "data", 150)
    preprocess.write(preprocess.likely(stack.INPUT, dataset.read(data).train)[0], data)  # type: ignore[arg-type]
    monkeypatch.setattr(stack, "OUTPUT", replace(stack.OUTPUT, shape=(None, 2)))
    steps: list[Any] = []
    with temporary() as run:
        given = prepare(
            tmp_path / "model.fake", data, run, FakeExecutor(), seed=0, allow_code=False, watch=steps.append
        )
        lost = data / given.splits.certification.name(3)
        lost.write_bytes(b"")
        parts = [np.load(path, mmap_mode="r").shape[0] for _, path in given.inputs("certification", run)]
        assert parts == [given.summary.certification]
    assert "EO114" in {finding.code for finding in given.findings(run)}
    read = [step for step in steps if isinstance(step, Step) and step.stage == "read"]
    assert read[-1].done == read[-1].total == 300
    assert len(read) <= 23


def test_the_exit_code_tells_a_broken_limit_from_one_that_cannot_be_told() -> None:
    report = a_report()
    finding = Finding(code="EO210", level="error", message="x")
    assert exit_code(replace(report, findings=())) == 0
    assert exit_code(replace(report, findings=(finding,))) == 1
    assert exit_code(replace(report, findings=(replace(finding, level="warning"),))) == 3


def test_a_measurement_is_kept_where_it_was_asked_to_be(tmp_path: Path) -> None:
    from edge_opt.store import Run

    path = FakeArtifact().write(tmp_path / "good.tflite")
    with Run.start(tmp_path / "kept", {"command": "bench"}) as run:
        time_artifacts(
            [path], HOST, threads=1, runtimes=(), protocol=Protocol(rounds=2), seed=0, run=run,
            device=FakeDevice(), watch=lambda _: None,
        )  # fmt: skip
    lines = [json.loads(line) for line in (tmp_path / "kept" / "jobs.jsonl").read_text().splitlines()]
    assert len([line for line in lines if line.get("key", "").startswith("wave 0")]) == 2


@pytest.mark.parametrize("interrupt", [KeyboardInterrupt, StepFailed])
def test_an_interrupted_conversion_ends_its_processes_before_their_folder_goes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, interrupt: type[BaseException]
) -> None:
    folders: list[Path] = []
    there: list[bool] = []

    class Workers(FakeExecutor):
        def close(self) -> None:
            there.append(folders[0].exists())

    def interrupted(*_: Any, run: Any, **rest: Any) -> None:
        folders.append(run.folder)
        raise interrupt("stop")

    monkeypatch.setattr(api, "executor", lambda jobs: Workers())
    monkeypatch.setattr(api, "make_artifacts", interrupted)
    with pytest.raises(interrupt):
        api.convert(tmp_path / "model.keras")
    assert there == [True]
    assert not folders[0].exists()


def test_an_integer_input_without_a_scale_gets_whole_pixels(tmp_path: Path) -> None:
    path = tmp_path / "inputs.npy"
    np.save(path, np.full((3, 2, 2), 200, np.float32))
    with temporary() as run:
        whole = TensorSpec(name="x", shape=(1, 2, 2), dtype="uint8")
        assert np.load(evaluate._as_taken(path, whole, run)).dtype == np.uint8
        for taken in (replace(whole, scale=1 / 255, zero_point=0), replace(whole, dtype="float32")):
            assert evaluate._as_taken(path, taken, run) == path


def test_a_machine_that_does_not_match_the_target_measures_nothing_for_it(tmp_path: Path) -> None:
    artifact = FakeArtifact().write(tmp_path / "a.tflite")
    with temporary() as run, pytest.raises(InputError, match="has avx512f, which 'x86-avx2' lacks"):
        time_artifacts(
            [artifact],
            targets.load("x86-avx2"),
            threads=1,
            runtimes=(),
            protocol=Protocol(rounds=1),
            seed=0,
            run=run,
            device=FakeDevice(isa=("avx2", "avx512f")),
            watch=lambda _: None,
        )


def test_a_contract_that_gives_chance_is_an_error_in_the_report_before_the_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack.installed(monkeypatch)
    data = stack.data_set(tmp_path)
    arrays = dict(np.load(data))
    rng = np.random.default_rng(1)
    shuffled = {name: rng.permutation(values) if name.startswith("y_") else values for name, values in arrays.items()}
    np.savez(data, **shuffled)
    (tmp_path / "model.fake").write_bytes(b"weights")
    told: list[Any] = []
    with temporary() as run:
        given = prepare(tmp_path / "model.fake", data, run, FakeExecutor(), seed=0, allow_code=False, watch=told.append)
    assert "EO115" in {finding.code for finding in given.findings(run)}
    assert "EO115" in {event.code for event in told if isinstance(event, Finding)}
