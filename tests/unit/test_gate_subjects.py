"""What may stand at the gate: artifacts, bundles and runs, whole and unchanged; what is refused, in one sentence."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from edge_opt.errors import EdgeOptError, InputError, RunError
from edge_opt.flows import pipeline
from edge_opt.flows.gate import asked
from edge_opt.flows.workbench import Request
from edge_opt.inputs import recipes, targets
from edge_opt.stages.benchmark import Protocol
from tests import stack
from tests.fakes import FakeArtifact, FakeDevice, FakeExecutor
from tests.fixtures.bundles import a_bundle
from tests.gated import MILD, codes, outcomes, written


@pytest.fixture
def device(monkeypatch: pytest.MonkeyPatch) -> FakeDevice:
    """What every gate of the test runs on."""
    found = FakeDevice()
    monkeypatch.setattr(asked, "device", lambda target: found)
    return found


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return MILD.write(tmp_path / "base.tflite")


def a_run(folder: Path, monkeypatch: pytest.MonkeyPatch, *, seed: int = 0, **static: Any) -> Path:
    """A finished run whose best artifact is static_int8, which behaves as ``static`` says."""
    folder.mkdir()
    stack.installed(monkeypatch, {"static": FakeArtifact(**{"latency_ns": 30_000, "noise": 0.001, **static})})
    (folder / "model.fake").write_bytes(b"weights")
    data = folder.parent / "data.npz"
    request = Request(
        model=folder / "model.fake",
        data=data if data.exists() else stack.data_set(folder.parent),
        output=folder / "run",
        target=targets.load("host"),
        recipes=(recipes.load("float32"), recipes.load("static_int8")),
        protocol=Protocol(rounds=6),
        seed=seed,
    )
    report = pipeline.optimize(request, device=FakeDevice(), executor=FakeExecutor(), watch=lambda _: None)
    assert report.best.startswith("static_int8/")
    return folder / "run"


def fake_bundle(folder: Path, **changes: Any) -> Path:
    """A bundle of a model that FakeDevice runs, measured with the version that it runs."""
    folder.mkdir()
    model = MILD.write(folder / "model.tflite")
    return a_bundle(folder, model=model, **{"runtime_version": "litert 1.0", **changes})


def test_a_bundle_is_its_model_with_its_threads(tmp_path: Path, device: FakeDevice) -> None:
    bundle = fake_bundle(tmp_path / "b")
    found = asked.gate(written(tmp_path), bundle, threads=1)
    assert outcomes(found) == dict.fromkeys(("latency", "size", "compressed", "placement"), "ok")
    assert found.baseline is not None
    assert (found.baseline.kind, found.baseline.threads) == ("bundle", 1)


def with_threads(bundle: Path, threads: int) -> Path:
    document = json.loads((bundle / "bundle.json").read_text())
    document["model"]["threads"] = threads
    (bundle / "bundle.json").write_text(json.dumps(document))
    return bundle


def test_two_that_were_measured_with_other_numbers_of_threads_are_not_compared_until_one_is_given(
    tmp_path: Path, device: FakeDevice
) -> None:
    four, one = (with_threads(fake_bundle(tmp_path / str(count)), count) for count in (4, 1))
    with pytest.raises(InputError, match=r"was measured with 4 threads and .* with 1") as caught:
        asked.gate(one, four)
    assert caught.value.hint
    assert outcomes(asked.gate(one, four, threads=2))["latency"] == "ok"
    assert {job["threads"] for job in device.jobs if job["mode"] == "pair"} == {2}


@pytest.mark.parametrize("place", ["baseline", "candidate"])
def test_an_artifact_file_runs_with_the_threads_of_the_bundle_it_is_compared_with(
    tmp_path: Path, base: Path, device: FakeDevice, place: str
) -> None:
    bundle = with_threads(fake_bundle(tmp_path / "b"), 4)
    asked.gate(*((base, bundle) if place == "baseline" else (bundle, base)))
    assert {job["threads"] for job in device.jobs if job["mode"] == "pair"} == {4}


def test_a_model_of_other_classes_is_no_baseline_until_that_is_allowed(
    tmp_path: Path, base: Path, device: FakeDevice
) -> None:
    other = written(tmp_path, classes=1000)
    with pytest.raises(
        InputError, match=r"base.tflite' and '.*new.tflite' are different models: 3 classes against 1000"
    ) as caught:
        asked.gate(other, base)
    assert "--any-model" in caught.value.hint
    assert "pair" not in {job["mode"] for job in device.jobs}
    assert outcomes(asked.gate(other, base, any_model=True))["latency"] == "ok"


def test_a_model_of_other_inputs_is_no_baseline_either_but_another_layout_is(
    tmp_path: Path, base: Path, device: FakeDevice
) -> None:
    larger, turned, free = (
        written(tmp_path, f"{name}.tflite", input_shape=shape)
        for name, shape in (("larger", (1, 8, 8, 3)), ("turned", (1, 1, 4, 4)), ("free", (1, None, None, 1)))
    )
    square = written(tmp_path, "square.tflite", input_shape=(1, 4, 4, 1))
    with pytest.raises(InputError, match=r"are different models: 16 values a sample against 192"):
        asked.gate(larger, square)
    for other in (turned, free):
        assert outcomes(asked.gate(other, square))["latency"] == "ok"


def test_an_empty_file_or_a_pointer_of_git_lfs_is_called_what_it_is(
    tmp_path: Path, base: Path, device: FakeDevice
) -> None:
    pointer = tmp_path / "new.tflite"
    pointer.write_text(f"version https://git-lfs.github.com/spec/v1\noid sha256:{'ab' * 32}\nsize 970616\n")
    with pytest.raises(InputError, match="is a Git LFS pointer") as caught:
        asked.gate(pointer, base)
    assert "lfs: true" in caught.value.hint
    pointer.write_bytes(b"")
    with pytest.raises(InputError, match="is empty"):
        asked.gate(base, pointer)


def test_a_bundle_names_its_own_runtime(tmp_path: Path, base: Path, device: FakeDevice) -> None:
    bundle = fake_bundle(tmp_path / "b")
    with pytest.raises(InputError, match=r"is run by litert, and --runtime asks for onnxruntime"):
        asked.gate(base, bundle, runtime="onnxruntime")
    assert outcomes(asked.gate(base, bundle, runtime="litert"))["latency"] == "ok"


def test_an_artifact_that_is_compared_with_itself_is_reported(tmp_path: Path, base: Path, device: FakeDevice) -> None:
    same = Path(shutil.copy(base, tmp_path / "copy.tflite"))
    (said,) = (one for one in asked.gate(same, base).findings if one.code == "EO907")
    assert said.level == "warning"
    assert "EO907" not in codes(asked.gate(written(tmp_path, latency_ns=99_999), base))


def test_two_that_are_not_run_alike_are_reported(tmp_path: Path, base: Path, device: FakeDevice) -> None:
    (said,) = (one for one in asked.gate(written(tmp_path, "new.onnx"), base).findings if one.code == "EO906")
    assert said.message == "the baseline is run by litert and the candidate by onnxruntime"


@pytest.mark.parametrize("word", ["gate", "record", "against", "calibrate"])
def test_a_machine_that_cannot_stand_for_the_target_is_refused_by_every_word(
    tmp_path: Path, base: Path, monkeypatch: pytest.MonkeyPatch, word: str
) -> None:
    history = tmp_path / "h.jsonl"
    monkeypatch.setattr(asked, "device", lambda target: FakeDevice(isa=("sse2",)))
    asked.gate_record(base, history, label="a", rounds=2)
    with pytest.raises(InputError, match="x86-vnni"):
        {
            "gate": lambda: asked.gate(base, base, target="x86-vnni"),
            "record": lambda: asked.gate_record(base, history, label="b", target="x86-vnni"),
            "against": lambda: asked.gate(base, against=history, target="x86-vnni"),
            "calibrate": lambda: asked.gate_calibrate(base, target="x86-vnni"),
        }[word]()


def test_another_version_of_the_runtime_is_refused_until_it_is_allowed(
    tmp_path: Path, base: Path, device: FakeDevice
) -> None:
    bundle = fake_bundle(tmp_path / "b", runtime_version="litert 0.9")
    with pytest.raises(RunError, match=r"was measured with litert 0\.9, but litert 1\.0 is installed here") as caught:
        asked.gate(base, bundle)
    assert "--any-version" in caught.value.hint
    assert outcomes(asked.gate(base, bundle, any_version=True))["latency"] == "ok"


def test_two_runs_are_compared_by_the_answers_that_they_keep(
    tmp_path: Path, device: FakeDevice, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = a_run(tmp_path / "before", monkeypatch)
    after = a_run(tmp_path / "after", monkeypatch, latency_ns=33_000, wrong=0.002)
    found = asked.gate(after, before, limits={"size": "50%", "compressed": "off"})
    assert (outcomes(found)["latency"], outcomes(found)["accuracy"]) == ("regressed", "ok")
    assert codes(found) == set()
    assert not [job for job in device.jobs if job["mode"] == "predict"]  # nothing was answered anew
    assert found.candidate is not None
    assert (found.candidate.kind, found.candidate.name) == ("run", str(after))


def test_runs_on_other_samples_are_not_compared_in_accuracy(
    tmp_path: Path, device: FakeDevice, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, after = (a_run(tmp_path / str(seed), monkeypatch, seed=seed) for seed in (0, 1))
    found = asked.gate(after, before)
    assert "EO903" in codes(found)
    assert "accuracy" not in outcomes(found)


def test_a_run_of_another_version_of_the_runtime_is_refused(
    tmp_path: Path, device: FakeDevice, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = a_run(tmp_path / "r", monkeypatch)
    text = (run / "report.json").read_text()
    (run / "report.json").write_text(text.replace(" 1.0", " 0.9"))
    with pytest.raises(RunError, match=r"measured with \w+ 0\.9, but \w+ 1\.0 is installed"):
        asked.gate(run, run)
    assert outcomes(asked.gate(run, run, any_version=True))["accuracy"] == "ok"


def unlabelled(run: Path, model: str) -> Path:
    """The run as it would be without labels: its scores are agreement with the answers of its own model."""
    report = json.loads((run / "report.json").read_text())
    report["certificate"]["accuracy"]["metric"] = "agreement"
    report["model"]["sha256"] = model
    (run / "report.json").write_text(json.dumps(report))
    return run


def test_agreement_is_compared_only_where_both_agree_with_the_same_model(
    tmp_path: Path, device: FakeDevice, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, after = (a_run(tmp_path / name, monkeypatch) for name in ("before", "after"))
    same = asked.gate(unlabelled(after, "ab"), unlabelled(before, "ab"))
    assert outcomes(same)["agreement"] == "ok"
    other = asked.gate(unlabelled(after, "cd"), before)
    assert "agreement" not in outcomes(other)
    assert "EO903" in codes(other)


def _corrupt_bundle(folder: Path, base: Path) -> Path:
    bundle = fake_bundle(folder / "b")
    model = next(bundle.glob("*.tflite"))
    content = bytearray(model.read_bytes())
    content[10] ^= 1
    model.write_bytes(content)
    return bundle


def _foreign(folder: Path, base: Path) -> Path:
    (folder / "photos").mkdir()
    return folder / "photos"


def _diagnosis(folder: Path, base: Path) -> Path:
    (folder / "d").mkdir()
    for name in ("diagnosis.json", "jobs.jsonl"):
        (folder / "d" / name).write_text("{}")
    return folder / "d"


def _unfinished(folder: Path, base: Path) -> Path:
    (folder / "r").mkdir()
    (folder / "r" / "jobs.jsonl").write_text("")
    return folder / "r"


def _report(text: str) -> Callable[[Path, Path], Path]:
    def made(folder: Path, base: Path) -> Path:
        (folder / "r").mkdir()
        (folder / "r" / "report.json").write_text(text)
        return folder / "r"

    return made


def _file(name: str, text: str) -> Callable[[Path, Path], Path]:
    def made(folder: Path, base: Path) -> Path:
        (folder / name).write_text(text)
        return folder / name

    return made


def _bundle_json(text: str) -> Callable[[Path, Path], Path]:
    def made(folder: Path, base: Path) -> Path:
        (folder / "b").mkdir()
        (folder / "b" / "bundle.json").write_text(text)
        return folder / "b"

    return made


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (lambda folder, base: folder / "none.tflite", "there is nothing at"),
        (_corrupt_bundle, "the bundle .* is damaged: .* has changed"),
        (_bundle_json("{"), "bundle.json"),
        (_bundle_json("[]"), "bundle.json' is damaged"),
        (_bundle_json('{"schema_version": 99}'), "has the format 99"),
        (_report("{"), "report.json"),
        (_report("[]"), "is no report of edge-opt"),
        (_report('{"schema_version": 99}'), "written by another version"),
        (_report(json.dumps({"schema_version": 1})), "report.json"),
        (_foreign, "is neither a bundle nor a run"),
        (_diagnosis, "holds a diagnosis"),
        (_unfinished, "is not finished"),
        (_file("model.keras", ""), "is not an artifact that edge-opt can run"),
        (_file("notes.txt", "buy milk"), "is not an artifact that edge-opt can run"),
        (_file("half.tflite", "{"), "'.*half.tflite' cannot be run: could not be loaded"),
        (_file("empty.tflite", ""), "'.*empty.tflite' is empty"),
        (_file("bad.tflite", json.dumps(asdict(FakeArtifact(error="no such operator")))), "no such operator"),
        (_file("dies.tflite", json.dumps(asdict(FakeArtifact(crashes=True)))), "SIGSEGV"),
    ],
)
@pytest.mark.parametrize("place", ["baseline", "candidate"])
def test_what_is_no_subject_is_refused_in_one_sentence_before_anything_is_timed(
    tmp_path: Path, base: Path, device: FakeDevice, made: Callable[[Path, Path], Path], said: str, place: str
) -> None:
    bad = made(tmp_path, base)
    with pytest.raises(EdgeOptError, match=said) as caught:
        asked.gate(*((base, bad) if place == "baseline" else (bad, base)))
    assert "\n" not in caught.value.message
    assert caught.value.hint
    assert str(bad) in caught.value.message
    assert "pair" not in {job["mode"] for job in device.jobs}


@pytest.mark.parametrize("change", ["another", "missing"])
def test_a_run_whose_artifact_is_not_the_one_it_reports_is_refused(
    tmp_path: Path, base: Path, device: FakeDevice, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    run = a_run(tmp_path / "r", monkeypatch)
    report = json.loads((run / "report.json").read_text())
    best = next(one for one in report["trials"] if one["id"] == report["best"])
    path = run / best["artifact"]["path"]
    if change == "another":
        MILD.write(path)
    else:
        path.unlink()
    with pytest.raises(RunError, match="has changed" if change == "another" else "is missing"):
        asked.gate(base, run)
