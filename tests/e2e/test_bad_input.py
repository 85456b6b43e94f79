"""What a user may give by mistake, from the command line: one sentence, what to do, exit code 2."""

from __future__ import annotations

import subprocess
import sys
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_opt.inputs.embedded import DEMO_DATA, DEMO_MODEL, shared_path

MODEL, DATA = shared_path(DEMO_MODEL), shared_path(DEMO_DATA)


def edge_opt(*words: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "edge_opt", *map(str, words)], capture_output=True, text=True, check=False
    )


def refused(done: subprocess.CompletedProcess[str], *words: str) -> None:
    """Exit 2, nothing on stdout, one error with a hint and the words, and no traceback."""
    assert done.returncode == 2, done.stderr
    assert not done.stdout
    assert done.stderr.count("error: ") == 1, done.stderr
    assert "Traceback" not in done.stderr
    assert "hint: " in done.stderr
    for word in words:
        assert word in done.stderr, done.stderr


def optimize(folder: Path, model: Path = MODEL, data: Path = DATA, *more: str) -> subprocess.CompletedProcess[str]:
    return edge_opt("optimize", model, "-d", data, "-o", folder / "run", "-r", "float32", "--rounds", "1", *more)


def pictures(folder: Path, *classes: str, count: int = 12) -> Path:
    """A folder of PNG pictures, one sub-folder a class."""
    image = pytest.importorskip("PIL.Image", reason="needs pillow: pip install 'edge-opt[images]'")
    rng = np.random.default_rng(zlib.crc32(folder.name.encode()))  # splits that share no picture
    for name in classes:
        (folder / name).mkdir(parents=True)
        for i in range(count):
            image.fromarray(rng.integers(0, 255, (28, 28), dtype=np.uint8)).save(folder / name / f"{i}.png")
    return folder


def test_an_unknown_target_has_its_nearest_named(tmp_path: Path) -> None:
    refused(
        optimize(tmp_path, MODEL, DATA, "-t", "x86-vni"), "there is no target 'x86-vni'", "did you mean 'x86-vnni'?"
    )


def test_an_unknown_recipe_has_its_nearest_named(tmp_path: Path) -> None:
    refused(optimize(tmp_path, MODEL, DATA, "-r", "static_int4"), "there is no recipe 'static_int4'", "did you mean")


def test_a_limit_without_a_unit_is_refused_with_examples(tmp_path: Path) -> None:
    refused(optimize(tmp_path, MODEL, DATA, "--max-latency", "40"), "'40'", "ms")


def test_a_model_that_is_not_there_is_named(tmp_path: Path) -> None:
    refused(optimize(tmp_path, tmp_path / "absent.keras"), "there is no model at", "absent.keras")
    assert not (tmp_path / "run").exists()


def test_a_data_set_that_is_not_there_is_named(tmp_path: Path) -> None:
    refused(optimize(tmp_path, MODEL, tmp_path / "absent.npz"), "absent.npz")


def test_an_empty_folder_is_no_data_set(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    refused(optimize(tmp_path, MODEL, tmp_path / "data"), "data")


def test_a_class_without_a_picture_is_named(tmp_path: Path) -> None:
    data = pictures(tmp_path / "data", "coat", "dress")
    (data / "shirt").mkdir()
    refused(optimize(tmp_path, MODEL, data), "'shirt'")


def test_a_run_folder_without_a_report_is_named(tmp_path: Path) -> None:
    refused(edge_opt("report", tmp_path / "absent"), "absent")


def test_a_text_file_is_no_artifact(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("hello")
    refused(edge_opt("bench", tmp_path / "notes.txt"), "notes.txt", ".tflite")


def test_a_broken_artifact_is_named_with_the_words_of_its_runtime(tmp_path: Path) -> None:
    (tmp_path / "model.tflite").write_bytes(b"no flatbuffer at all")
    refused(edge_opt("bench", tmp_path / "model.tflite", "--rounds", "1"), "model.tflite", "could not be loaded")


# ── what needs TensorFlow to be found out ──────────────────────────────────────────────────────────────────────────


def keras_model(path: Path, *layers: Any, classes: int = 10) -> Path:
    """A small Keras model of ``layers``, saved to ``path``."""
    keras = pytest.importorskip("keras", reason="needs Keras: pip install 'edge-opt[keras]'")
    model = keras.Sequential(
        [keras.Input((28, 28, 1)), *layers, keras.layers.Flatten(), keras.layers.Dense(classes, "softmax")]
    )
    model.save(path)
    return path


@pytest.mark.slow
def test_a_text_file_named_keras_is_no_model(tmp_path: Path) -> None:
    (tmp_path / "model.keras").write_text("this is no model")
    refused(optimize(tmp_path, tmp_path / "model.keras"), "model.keras")


@pytest.mark.slow
def test_an_h5_with_a_lambda_is_refused_and_the_way_to_allow_it_said(tmp_path: Path) -> None:
    import keras

    path = keras_model(tmp_path / "model.h5", keras.layers.Lambda(lambda x: x * 2.0))
    refused(optimize(tmp_path, path), "model.h5", "Lambda", "--allow-code")


@pytest.mark.slow
def test_labels_that_do_not_match_the_outputs_are_one_sentence(tmp_path: Path) -> None:
    path = keras_model(tmp_path / "model.keras", classes=4)
    refused(optimize(tmp_path, path), "10 classes", "4 outputs")


@pytest.mark.slow
def test_a_model_that_answers_nan_is_one_sentence(tmp_path: Path) -> None:
    import keras

    path = keras_model(tmp_path / "model.keras")
    model = keras.saving.load_model(path)
    model.set_weights([np.full_like(weights, np.nan) for weights in model.get_weights()])
    model.save(path)
    refused(optimize(tmp_path, path), "NaN")


@pytest.mark.slow
def test_a_corrupt_picture_is_named_skipped_and_counted(tmp_path: Path) -> None:
    path = keras_model(tmp_path / "model.keras", classes=2)
    for split in ("train", "val", "test"):
        pictures(tmp_path / "data" / split, "coat", "dress", count=40)
    broken = tmp_path / "data" / "test" / "coat" / "0.png"
    broken.write_bytes(broken.read_bytes()[:60])
    (tmp_path / "data" / "preprocessing.toml").write_text(
        'color = "gray"\nheight = 28\nwidth = 28\nscale = 0.00392156862745098\noffset = 0.0\n'
    )
    done = optimize(tmp_path, path, tmp_path / "data", "--max-drop", "50%", "--no-diagnosis")
    assert done.returncode == 0, done.stderr
    assert "0.png" in done.stdout
    assert "1 of" in done.stdout or "1 picture" in done.stdout
