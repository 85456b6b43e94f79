"""A model of sensor readings, and data without labels, through every command: no picture anywhere, and no accuracy."""

from __future__ import annotations

import csv
import json
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from numpy.typing import NDArray

from edge_opt.cli.main import cli
from edge_opt.errors import DataError
from edge_opt.flows import api

pytestmark = pytest.mark.slow

STEPS, CHANNELS, CLASSES = 64, 3, ("rest", "walk", "run")
SCALE = 12.5  # the network is trained on standardised readings; they are stored as the sensor gives them


def readings(count: int, seed: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Swings of three frequencies under noise, ``(n, steps, channels)``, and which one."""
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % len(CLASSES)
    time = np.linspace(0, 2 * np.pi, STEPS)[None, :, None]
    phase = rng.uniform(0, 2 * np.pi, (count, 1, CHANNELS))
    swings = np.sin(time * (1 + 3 * labels)[:, None, None] + phase) + rng.normal(0, 0.9, (count, STEPS, CHANNELS))
    return (SCALE * swings + 40).astype(np.float32), labels


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Path]:
    """The model, its labelled data, and the same data without labels."""
    import keras

    folder = tmp_path_factory.mktemp("sensors")
    keras.utils.set_random_seed(0)
    x, y = readings(900, 1)
    model = keras.Sequential(
        [
            keras.Input((STEPS, CHANNELS), name="readings"),
            keras.layers.Conv1D(12, 7, activation="relu"),
            keras.layers.MaxPooling1D(2),
            keras.layers.Conv1D(16, 5, activation="relu"),
            keras.layers.GlobalAveragePooling1D(),
            keras.layers.Dense(len(CLASSES), activation="softmax", name="scores"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit((x - 40) / SCALE, y, epochs=12, batch_size=32, verbose=0)
    model.save(folder / "sensors.keras")
    x_test, y_test = readings(1200, 2)
    names = {"classes": np.array(CLASSES)}
    np.savez(folder / "readings.npz", x_train=x, y_train=y, x_test=x_test, y_test=y_test, **names)
    np.savez(folder / "unlabelled.npz", x=x_test)
    return folder / "sensors.keras", folder / "readings.npz", folder / "unlabelled.npz"


def called(*arguments: str | Path) -> Any:
    result = CliRunner().invoke(cli, [str(one) for one in arguments])
    assert result.exit_code == 0, result.output
    return result


def optimized(model: Path, data: Path, out: Path) -> tuple[str, Mapping[str, Any]]:
    """The text and the report of one run of two recipes on two formats."""
    recipes = ("-r", "float32", "-r", "static_int8")
    # a wide limit: what is tested here is the way, and a small test split certifies no narrow one
    found = called("optimize", model, "-d", data, "-o", out, *recipes, "--rounds", "2", "--max-drop", "5pp", "-q")
    report: Mapping[str, Any] = json.loads((out / "report.json").read_text())
    return found.stdout, report


def test_a_sensor_model_goes_all_the_way(given: tuple[Path, Path, Path], tmp_path: Path) -> None:
    model, data, _ = given
    made = called("init", data, model)
    contract = data.with_name("readings.preprocessing.toml")
    assert 'kind = "array"' in contract.read_text()
    assert "shape = [64, 3]" in contract.read_text()
    assert "EO112" in made.stderr  # standardised, as the accuracy supports
    assert "EO124" in made.stderr
    assert contract.with_suffix(".png").exists()

    text, report = optimized(model, data, tmp_path / "run")
    assert report["preprocessing"]["shape"] == [64, 3]
    assert report["original"]["accuracy"]["value"] > 0.9
    assert report["preprocessing"]["scale"][0] == pytest.approx(1 / SCALE, rel=0.6)
    assert {trial["artifact"]["format"] for trial in report["trials"]} == {"tflite", "onnx", "openvino"}
    assert "samples" in text
    assert "image" not in text

    bundle = tmp_path / "run" / "bundle"
    x, y = readings(30, 3)
    np.save(tmp_path / "one.npy", x[4])
    np.savez(tmp_path / "all.npz", x=x)
    answered = _predicted(bundle, tmp_path / "one.npy")
    assert answered.splitlines()[0].endswith(CLASSES[y[4]])
    best = _predicted(bundle, tmp_path / "all.npz").splitlines()[::3]
    assert np.mean([line.endswith(CLASSES[label]) for line, label in zip(best, y, strict=True)]) > 0.8
    assert "10 of 10 answers are the same" in _predicted(bundle, "--check")
    assert "pillow" not in (bundle / "requirements.txt").read_text()
    assert "picture" not in (bundle / "README.md").read_text()


def _predicted(bundle: Path, argument: str | Path) -> str:
    command = [sys.executable, "predict.py", str(argument)]
    return subprocess.run(command, cwd=bundle, check=True, capture_output=True, text=True).stdout


def test_without_labels_agreement_is_counted_and_called_that(given: tuple[Path, Path, Path], tmp_path: Path) -> None:
    model, _, data = given
    with pytest.raises(DataError, match="has neither labels nor a preprocessing contract"):
        api.optimize(model, data, output=tmp_path / "refused")
    contract = data.with_name("unlabelled.preprocessing.toml")
    made = called("init", data, model)
    assert "EO120" in made.stderr
    contract.write_text(contract.read_text().replace("scale = [1.0]", f"scale = [{1 / SCALE}]"))
    contract.write_text(contract.read_text().replace("offset = [0.0]", f"offset = [{-40 / SCALE}]"))

    text, report = optimized(model, data, tmp_path / "run")
    assert report["data"]["labelled"] is False
    assert {trial["accuracy"]["metric"] for trial in report["trials"]} == {"agreement"}
    assert report["original"]["accuracy"]["value"] == 1
    baseline = next(trial for trial in report["trials"] if trial["id"] == report["baseline"])
    assert baseline["accuracy"]["value"] > 0.99
    assert "EO122" in {finding["code"] for finding in report["findings"]}
    document = (tmp_path / "run" / "report.md").read_text()
    readme = (tmp_path / "run" / "bundle" / "README.md").read_text()
    for written in (text, document, readme):
        assert "greement" in written
        said = written.replace("agreement with the float model (keras), never accuracy", "")
        said = re.sub("`[^`]*`", "", said)  # paths in report.json bear the names of its fields
        assert not [line for line in said.splitlines() if "top1" in line.lower() or "accurac" in line.lower()]

    files = sorted((tmp_path / "run" / "artifacts").glob("*/*.tflite"))
    shown = called("evaluate", *files, "-d", data, "--format", "csv")
    first, *_ = csv.DictReader(shown.stdout.splitlines())
    assert (first["metric"], first["accuracy_fraction"]) == ("agreement", "1.0")
    assert str(files[0]) in shown.stderr


def test_artifacts_of_arrays_are_converted_timed_and_evaluated(given: tuple[Path, Path, Path], tmp_path: Path) -> None:
    model, data, _ = given
    called("convert", model, "--to", "tflite", "-r", "static_int8", "-d", data, "-o", tmp_path, "-q")
    (artifact,) = tmp_path.glob("*.tflite")
    timed = json.loads(called("bench", artifact, "--rounds", "1", "--format", "json", "-q").stdout)
    assert timed[0]["measured"]["median_ns"] > 0
    (row,) = json.loads(called("evaluate", artifact, "-d", data, "--format", "json", "-q").stdout)
    assert row["accuracy"]["metric"] == "top1"
    assert row["accuracy"]["value"] > 0.85
