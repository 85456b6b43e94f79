"""The data set and the model that ship with edge-opt are what their papers say."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_opt.inputs import preprocess
from edge_opt.nets import archive, trust

LIMIT_BYTES = 12_000_000
SOURCE = Path("/usr/share/datasets/fashion-mnist")


@pytest.fixture(scope="module")
def folder(checkout: Path) -> Path:
    return checkout / "calibration_data"


@pytest.fixture(scope="module")
def arrays(folder: Path) -> dict[str, Any]:
    # a pickle inside would raise here
    with np.load(folder / "fashion_mnist.npz", allow_pickle=False) as file:
        return dict(file)


@pytest.fixture(scope="module")
def manifest(folder: Path) -> dict[str, Any]:
    return dict(json.loads((folder / "manifest.json").read_text(encoding="utf-8")))


def test_the_folder_is_small_enough_to_ship(folder: Path) -> None:
    assert sum(path.stat().st_size for path in folder.iterdir() if path.is_file()) <= LIMIT_BYTES


@pytest.mark.parametrize(("split", "samples"), [("train", 10_000), ("val", 2_000), ("test", 10_000)])
def test_every_split_holds_each_class_equally_often(arrays: dict[str, Any], split: str, samples: int) -> None:
    images, labels = arrays[f"x_{split}"], arrays[f"y_{split}"]
    assert images.shape == (samples, 28, 28)
    assert images.dtype == labels.dtype == np.uint8
    assert np.bincount(labels).tolist() == [samples // 10] * 10


def test_no_image_occurs_twice(arrays: dict[str, Any]) -> None:
    images = [image.tobytes() for split in ("train", "val", "test") for image in arrays[f"x_{split}"]]
    assert len(set(images)) == len(images)


def test_the_manifest_holds_the_hash_of_every_array(arrays: dict[str, Any], manifest: dict[str, Any]) -> None:
    found = {name: hashlib.sha256(array.tobytes()).hexdigest() for name, array in arrays.items()}
    assert found == {name: entry["sha256"] for name, entry in manifest["arrays"].items()}
    assert arrays["classes"].tolist() == manifest["classes"]


def test_the_manifest_holds_the_hash_and_the_size_of_every_file(folder: Path, manifest: dict[str, Any]) -> None:
    for name, entry in manifest["files"].items():
        data = (folder / name).read_bytes()
        assert (len(data), hashlib.sha256(data).hexdigest()) == (entry["size_bytes"], entry["sha256"])


def test_the_licence_lies_beside_the_data(folder: Path, manifest: dict[str, Any]) -> None:
    text = (folder / manifest["license_file"]).read_text(encoding="utf-8")
    assert "MIT" in text
    assert "2017 Zalando SE" in text


def test_the_contract_divides_grey_pixels_by_255(folder: Path, arrays: dict[str, Any]) -> None:
    contract = preprocess.read(folder / "fashion_mnist.npz")
    assert contract is not None
    image = arrays["x_test"][0][..., None]
    prepared = preprocess.apply(contract, image)
    assert prepared.dtype == np.float32
    np.testing.assert_allclose(prepared, image / 255, atol=1e-7)


@pytest.mark.slow
@pytest.mark.skipif(not SOURCE.is_dir(), reason="needs the source: apt-get install dataset-fashion-mnist")
def test_the_source_gives_the_same_arrays_again(folder: Path, manifest: dict[str, Any], tmp_path: Path) -> None:
    for name in ("LICENSE", "fashion_mnist.preprocessing.toml"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    subprocess.run([sys.executable, folder / "build.py", "--output", tmp_path], check=True, capture_output=True)
    rebuilt = json.loads((tmp_path / "manifest.json").read_text(encoding="utf-8"))
    assert rebuilt["arrays"] == manifest["arrays"]


def test_the_web_apps_model_is_the_plain_network_of_a_textbook(checkout: Path) -> None:
    saved = archive.read(checkout / "examples/web_app/clothes_classifier.keras")
    layers = [(layer["class_name"], layer["config"]) for layer in saved.config["config"]["layers"]]
    assert [config["filters"] for kind, config in layers if kind == "Conv2D"] == [32, 64, 128]
    assert [config["units"] for kind, config in layers if kind == "Dense"] == [128, 10]
    assert not tuple(trust.in_config(saved.config))


def test_the_history_tells_what_the_model_was_trained_on(checkout: Path) -> None:
    history = json.loads((checkout / "examples/web_app/history.json").read_text(encoding="utf-8"))
    assert history["parameters"] == 241_546
    assert history["trained_on"] == "x_train[:-1000]"
    assert {len(curve) for curve in history["history"].values()} == {history["epochs"]}
    assert history["test"]["top1"] == pytest.approx(0.88, abs=0.005)
