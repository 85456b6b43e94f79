"""The bundle for Python: what lies in it, and that it runs on its own and sees pictures as edge-opt itself does."""

from __future__ import annotations

import ast
import hashlib
import json
import os
import runpy
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from string import Template
from typing import Any

import numpy as np
import pytest

from edge_opt import registry, store, types
from edge_opt.errors import RunError
from edge_opt.inputs import preprocess
from edge_opt.inputs.dataset import pictures
from edge_opt.results.export import python, record
from edge_opt.types import Preprocessing
from tests.samples import a_certificate, a_report, a_trial, some_trials

FIXTURES = Path(__file__).parent.parent / "fixtures"
MODELS = {
    "litert": ("tflite", ("tiny.tflite",)),
    "onnxruntime": ("onnx", ("tiny.onnx",)),
    "openvino": ("openvino", ("tiny_openvino/model.xml", "tiny_openvino/model.bin")),
}
CONTRACT = Preprocessing(color="gray", height=8, width=8, scale=(1 / 255,))


def a_run(folder: Path, runtime: str = "litert", contract: Preprocessing = CONTRACT) -> types.Report:
    """A run folder whose best artifact is the tiny model, and its report."""
    format, names = MODELS[runtime]
    built = folder / "built"
    built.mkdir(parents=True)
    for name in names:
        shutil.copyfile(FIXTURES / name, built / Path(name).name)
    stored = store.Run.start(folder / "run", {}).adopt(built)
    trial = a_trial("static_int8", format, runtime)
    version = registry.load("runtimes", runtime).open(
        str(folder / "run" / stored.folder / Path(names[0]).name), 1, {}
    ).version  # fmt: skip
    assert isinstance(trial.measured, types.Measured)
    trial = replace(
        trial,
        artifact=replace(trial.artifact, path=stored.folder / Path(names[0]).name, sha256=stored.sha256),
        measured=replace(trial.measured, runtime_version=version),
    )
    report = a_report([some_trials()[0], trial], best=trial.id, certificate=a_certificate(trial=trial.id))
    data = replace(report.data, classes=("été", "two words", "ankle boot"))
    return replace(report, data=data, preprocessing=contract)


def answered(folder: Path, report: types.Report, inputs: Any) -> Any:
    """What the artifact of the run answers, by the runtime of edge-opt itself."""
    trial = next(one for one in report.trials if one.id == report.best)
    session = registry.load("runtimes", trial.runtime).open(str(folder / "run" / trial.artifact.path), 1, {})
    return np.stack([session.run([one[None]])[0][0] for one in inputs])


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    pytest.importorskip("ai_edge_litert", reason="the tiny model needs: pip install 'edge-opt[litert]'")
    report = a_run(tmp_path)
    inputs = np.random.default_rng(3).random((10, 8, 8, 1), np.float32)
    return python.export(
        tmp_path / "run", report, tmp_path / "out" / "bundle", inputs, answered(tmp_path, report, inputs)
    )


def run(bundle: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """``predict.py`` as a user starts it: from elsewhere, and with nothing of this checkout to import."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.run(
        [sys.executable, str(bundle / "predict.py"), *arguments],
        cwd=bundle.parent, env=environment, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


def test_the_bundle_holds_everything_and_nothing_else(bundle: Path) -> None:
    assert {path.name for path in bundle.iterdir()} == {
        "README.md", "bundle.json", "classes.txt", "golden.npz", "predict.py", "preprocessing.toml", "requirements.txt",
        "runtime.py", "tiny.tflite",
    }  # fmt: skip
    assert [path.name for path in bundle.parent.iterdir()] == ["bundle"]


def test_the_hashes_in_the_bundle_are_those_of_its_files(bundle: Path) -> None:
    said = json.loads((bundle / "bundle.json").read_text(encoding="utf-8"))["files"]
    found = {path.name: path.read_bytes() for path in bundle.iterdir() if path.name != "bundle.json"}
    assert {name: one["sha256"] for name, one in said.items()} == {
        name: hashlib.sha256(content).hexdigest() for name, content in found.items()
    }
    assert {name: one["size_bytes"] for name, one in said.items()} == {name: len(one) for name, one in found.items()}


def test_the_bundle_says_what_was_measured_and_certified(bundle: Path) -> None:
    said = json.loads((bundle / "bundle.json").read_text(encoding="utf-8"))
    assert said["schema_version"] == 1
    assert said["timing"]["kind"] == "measured"
    assert said["timing"]["median_ns"] == pytest.approx(37_000, rel=1e-4)
    assert (said["timing"]["rounds"], said["timing"]["samples"]) == (3, 24)
    assert said["timing"]["environment"]["cpu"] == "Example 7000 2.6 GHz"
    assert said["certificate"]["status"] == "pass"
    (look,) = said["certificate"]["ledger"]
    assert look == {"trial": said["model"]["trial"], "status": "pass", "purpose": "certificate"}
    assert "scores" not in said["certificate"]["accuracy"]
    assert store.parse(Preprocessing, said["preprocessing"]) == CONTRACT
    assert preprocess.read(bundle / "preprocessing.toml") == CONTRACT


def test_the_requirements_pin_the_runtime_that_was_measured(bundle: Path) -> None:
    from importlib.metadata import version

    runtime, *rest = (bundle / "requirements.txt").read_text(encoding="utf-8").splitlines()
    assert runtime == f"ai-edge-litert=={version('ai-edge-litert')}"
    assert rest == [f"numpy=={version('numpy')}", f"pillow=={version('pillow')}"]


def test_the_readme_says_what_it_is_and_holds_no_open_placeholder(bundle: Path) -> None:
    text = (bundle / "README.md").read_text(encoding="utf-8")
    assert "certified at 1.00 pp on 10,000 test images: a drop of 0.10 points (90% interval -0.05 … 0.26)" in text
    assert "The certification split was looked at once" in text
    assert "Apache License 2.0" in text
    assert "$" not in text


@pytest.mark.slow
@pytest.mark.parametrize("runtime", MODELS)
def test_the_bundle_answers_like_edge_opt_for_a_real_picture(tmp_path: Path, runtime: str) -> None:
    for package in registry.load("runtimes", runtime).PACKAGES[:1]:
        pytest.importorskip(package, reason=f"this runtime needs: pip install 'edge-opt[{runtime}]'")
    image = pytest.importorskip("PIL.Image", reason="pictures need: pip install 'edge-opt[images]'")
    report = a_run(tmp_path, runtime)
    inputs = np.random.default_rng(3).random((10, 8, 8, 1), np.float32)
    bundle = python.export(tmp_path / "run", report, tmp_path / "bundle", inputs, answered(tmp_path, report, inputs))
    picture = tmp_path / "a picture.png"
    image.fromarray(np.random.default_rng(4).integers(0, 256, (31, 20, 3), np.uint8)).save(picture)

    seen = preprocess.apply(CONTRACT, pictures.read(picture))
    expected = answered(tmp_path, report, [seen])[0]
    order = np.argsort(-expected, kind="stable")[:3]
    done = run(bundle, str(picture))
    assert done.stdout.splitlines() == [f"{expected[i]:.4f}  {report.data.classes[i]}" for i in order]
    assert done.returncode == 0

    checked = run(bundle, "--check")
    assert checked.stdout == "10 of 10 answers are the same; the outputs differ by at most 0\n"
    assert checked.returncode == 0


@pytest.mark.slow
def test_a_file_that_is_no_picture_is_one_sentence(bundle: Path) -> None:
    done = run(bundle, str(bundle / "README.md"))
    assert done.returncode == 2
    assert done.stdout == ""
    assert "README.md' is not a picture that can be read" in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_the_check_fails_where_the_answers_are_others(bundle: Path) -> None:
    golden = dict(np.load(bundle / "golden.npz"))
    np.savez(bundle / "golden.npz", inputs=golden["inputs"], outputs=golden["outputs"][:, ::-1] * 2)
    done = run(bundle, "--check")
    assert done.returncode == 1


# ── its preprocessing is that of edge_opt.inputs.preprocess ────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def predict(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The names of ``predict.py``, loaded beside an empty ``runtime.py``."""
    folder = tmp_path_factory.mktemp("predict")
    (folder / "predict.py").write_text(python.template("predict.py"), encoding="utf-8")
    (folder / "runtime.py").write_text("", encoding="utf-8")
    sys.path.insert(0, str(folder))
    try:
        return runpy.run_path(str(folder / "predict.py"))
    finally:
        sys.path.remove(str(folder))
        sys.modules.pop("runtime", None)


CONTRACTS = [
    CONTRACT,
    Preprocessing(color="gray", height=28, width=28, layout="NHW", scale=(1 / 127.5,), offset=(-1.0,)),
    Preprocessing(color="rgb", height=24, width=32, resize="bicubic", crop="center", layout="NCHW"),
    Preprocessing(color="bgr", height=32, width=24, resize="area", scale=(1.0,), offset=(-103.939, -116.779, -123.68)),
    Preprocessing(color="rgb", height=17, width=13, resize="nearest", scale=(1 / 58.395, 1 / 57.12, 1 / 57.375)),
    Preprocessing(color="rgb", height=16, width=16, crop="center", dtype="uint8", scale=(1.5,), offset=(-20.25,)),
]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("t.txt", "'t.txt' is no .npy or .npz file"),
        ("none.npy", "there is no file 'none.npy'"),
        ("objects.npy", "'objects.npy' is no sample that can be read: it is damaged, or holds Python objects"),
        ("bad.npz", "'bad.npz' is no sample that can be read: it is damaged, or holds Python objects"),
    ],
)
def test_what_holds_no_sample_is_one_sentence_without_numpys_advice(name: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "predict.py").write_text(python.template("predict_array.py"), encoding="utf-8")
    (tmp_path / "runtime.py").write_text("def open(*_): pass\n", encoding="utf-8")
    bundle = {"model": {"file": "m", "threads": 1, "options": {}}, "preprocessing": {"shape": [2]}}
    (tmp_path / "bundle.json").write_text(json.dumps(bundle), encoding="utf-8")
    (tmp_path / "classes.txt").write_text("a\n", encoding="utf-8")
    (tmp_path / "t.txt").write_text("text", encoding="utf-8")
    (tmp_path / "bad.npz").write_bytes(b"PK\x03\x04 damaged")
    np.save(tmp_path / "objects.npy", np.array([{}], object))
    done = subprocess.run(
        [sys.executable, "predict.py", name], cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False
    )
    assert (done.returncode, done.stderr.strip(), done.stdout) == (2, said, "")


@pytest.mark.parametrize("contract", CONTRACTS, ids=lambda one: f"{one.color}-{one.resize}-{one.crop}-{one.layout}")
@pytest.mark.parametrize("shape", [(28, 28, 1), (31, 20, 1), (61, 9, 3), (20, 45, 3), (9, 61, 1), (5, 7, 3), (8, 8, 3)])
def test_the_bundle_prepares_arrays_as_they_were_measured(
    predict: dict[str, Any], contract: Preprocessing, shape: tuple[int, int, int]
) -> None:
    picture = np.random.default_rng(sum(shape)).integers(0, 256, shape, np.uint8)
    found = predict["preprocess"](store.dump(contract), picture)
    expected = preprocess.apply(contract, picture).astype(np.float32)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16", "I", "P with transparency"])
def test_the_bundle_reads_files_as_edge_opt_does(predict: dict[str, Any], mode: str, tmp_path: Path) -> None:
    image_module = pytest.importorskip("PIL.Image", reason="pictures need: pip install 'edge-opt[images]'")
    values = np.random.default_rng(5).integers(0, 256, (9, 12, 4), np.uint8)
    path = tmp_path / f"picture.{ {'CMYK': 'jpg', 'I': 'tif'}.get(mode, 'png') }"
    if mode in ("I;16", "I"):
        deep = np.random.default_rng(6).integers(0, 65536, (9, 12), np.uint16)
        image_module.fromarray(deep.astype(np.uint16 if mode == "I;16" else np.int32)).save(path)
    else:
        image = image_module.fromarray(values, "RGBA").convert(mode.split()[0])
        image.save(path, **({"transparency": 3} if "with" in mode else {}))
    np.testing.assert_array_equal(predict["pixels"](path), pictures.read(path))


def test_a_picture_that_was_taken_sideways_is_set_upright(predict: dict[str, Any], tmp_path: Path) -> None:
    image_module = pytest.importorskip("PIL.Image", reason="pictures need: pip install 'edge-opt[images]'")
    image = image_module.fromarray(np.arange(12, dtype=np.uint8).reshape(3, 4) * 20)
    exif = image.getexif()
    exif[0x0112] = 6
    path = tmp_path / "turned.png"
    image.save(path, exif=exif)
    assert predict["pixels"](path).shape == (4, 3, 1)
    np.testing.assert_array_equal(predict["pixels"](path), pictures.read(path))


def test_the_placeholders_of_the_readme_are_those_that_are_filled_in(tmp_path: Path) -> None:
    placeholders = set(Template(python.template("README.md")).get_identifiers())
    for files in ((), ("golden.npz",)):
        assert set(record.readme_values(a_run(tmp_path / f"run{len(files)}"), "model.tflite", files)) == placeholders


def test_every_template_is_read_before_it_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(python, "files", None)
    for path in (Path(python.__file__).parent / "templates").glob("*.txt"):
        assert python.template(path.stem) == path.read_text(encoding="utf-8")


def test_predict_is_code_that_older_boards_understand() -> None:
    ast.parse(python.template("predict.py"), feature_version=(3, 9))


def test_predict_keeps_the_rules_of_the_house(tmp_path: Path, checkout: Path) -> None:
    ruff = pytest.importorskip("ruff", reason="the linter needs: pip install 'edge-opt[dev]'")
    (tmp_path / "predict.py").write_text(python.template("predict.py"), encoding="utf-8")
    (tmp_path / "runtime.py").write_text("", encoding="utf-8")
    check = [sys.executable, "-m", ruff.__name__, "check", "--no-cache", "--config", str(checkout / "pyproject.toml")]
    done = subprocess.run([*check, str(tmp_path / "predict.py")], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


# ── whole, or not at all ───────────────────────────────────────────────────────────────────────────────────────────


def test_an_earlier_bundle_is_replaced_as_a_whole(bundle: Path, tmp_path: Path) -> None:
    (bundle / "left over.txt").write_text("old", encoding="utf-8")
    report = a_run(tmp_path / "second")
    python.export(tmp_path / "second" / "run", report, bundle)
    assert not (bundle / "left over.txt").exists()
    assert not (bundle / "golden.npz").exists()
    assert [path.name for path in bundle.parent.iterdir()] == ["bundle"]


def test_a_folder_with_something_else_in_it_is_left_alone(tmp_path: Path) -> None:
    report = a_run(tmp_path)
    out = tmp_path / "documents"
    out.mkdir()
    (out / "thesis.txt").write_text("years of work", encoding="utf-8")
    with pytest.raises(RunError, match="is no bundle"):
        python.export(tmp_path / "run", report, out)
    assert [path.name for path in out.iterdir()] == ["thesis.txt"]


def test_an_artifact_that_was_changed_after_the_run_is_refused(tmp_path: Path) -> None:
    report = a_run(tmp_path)
    trial = next(one for one in report.trials if one.id == report.best)
    with (tmp_path / "run" / trial.artifact.path).open("ab") as file:
        file.write(b"!")
    with pytest.raises(RunError, match="is not the artifact that was measured"):
        python.export(tmp_path / "run", report, tmp_path / "bundle")
    assert not (tmp_path / "bundle").exists()
    assert {path.name for path in tmp_path.iterdir()} == {"run"}


def test_a_write_that_fails_half_way_leaves_the_earlier_bundle(
    bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = store.measure(bundle)
    report = a_run(tmp_path / "second")

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("edge_opt.results.export.python.preprocess.write", full)
    with pytest.raises(RunError, match="no room is left"):
        python.export(tmp_path / "second" / "run", report, bundle)
    assert store.measure(bundle) == before
    assert [path.name for path in bundle.parent.iterdir()] == ["bundle"]


def test_outputs_without_a_label_have_a_name_in_the_bundle(tmp_path: Path) -> None:
    report = a_run(tmp_path)
    outputs = tuple(replace(one, shape=(1, 5)) for one in report.trials[1].artifact.outputs)
    wide = replace(report.trials[1], artifact=replace(report.trials[1].artifact, outputs=outputs))
    report = replace(report, trials=(report.trials[0], wide))
    folder = python.export(tmp_path / "run", report, tmp_path / "bundle")
    names = (folder / "classes.txt").read_text(encoding="utf-8").splitlines()
    assert names == ["été", "two words", "ankle boot", "class 3", "class 4"]
