"""ONNX from each kind of source, with real TensorFlow, and ONNX models through the whole program."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from edge_opt import registry
from edge_opt.errors import MissingPackage
from edge_opt.executors.process import ProcessExecutor
from edge_opt.inputs.recipes import RECIPES
from edge_opt.types import Quantization, Source
from tests.fixtures import networks, tiny

pytestmark = pytest.mark.slow

EXPORTER = registry.load("exporters", "onnx")
STATIC = Quantization(mode="static")


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> networks.Network:
    """The small network of the conformance suite as a float ``.tflite`` file."""
    folder = tmp_path_factory.mktemp("network")
    saved = networks.small(folder)
    path = registry.load("exporters", "tflite").export(saved.source, Quantization(), "", saved.samples, folder)
    return replace(saved, source=Source(kind="tflite", path=path))


def export(source: Source, quantization: Quantization, variant: str, samples: NDArray[Any], out: Path) -> Path:
    out.mkdir(parents=True)
    path: Path = EXPORTER.export(source, quantization, variant, samples, out)
    return path


def answers(path: Path, samples: NDArray[Any]) -> NDArray[Any]:
    session = registry.load("runtimes", "onnxruntime").open(str(path), 1, {})
    return np.concatenate([session.run([one[None]])[0] for one in samples])


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.name)
def test_a_tflite_model_becomes_onnx_that_answers_like_it(
    recipe: Any, network: networks.Network, tmp_path: Path
) -> None:
    for variant in EXPORTER.variants(recipe.quantization, "tflite"):
        path = export(network.source, recipe.quantization, variant, network.samples, tmp_path / f"out{variant}")
        found = answers(path, network.samples)
        assert np.abs(found - network.answers).max() < (1e-5 if recipe.name == "float32" else 0.1)


def test_onnx_from_tflite_is_the_same_bytes_in_another_process_and_place(
    network: networks.Network, tmp_path: Path
) -> None:
    written = []
    with ProcessExecutor(timeout_s=300) as executor:
        for place in ("here", "there"):
            (tmp_path / place).mkdir()
            copied = tmp_path / place / "model.tflite"
            copied.write_bytes(network.source.path.read_bytes())
            source = Source(kind="tflite", path=copied)
            path = executor.submit(export, source, STATIC, "u8s8", network.samples, tmp_path / place / "out").result()
            written.append(path.read_bytes())
    assert written[0] == written[1]
    assert str(tmp_path).encode() not in written[0]


def test_without_tensorflow_a_tflite_model_names_what_is_missing(
    network: networks.Network, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge_opt.exporters.onnx.sources.find_spec", lambda name: None)
    alone = tmp_path / "model.tflite"
    alone.write_bytes(network.source.path.read_bytes())
    with pytest.raises(MissingPackage, match="'tensorflow'"):
        export(Source(kind="tflite", path=alone), Quantization(), "", network.samples, tmp_path / "out")


def test_an_onnx_model_is_converted_by_the_program(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "edge_opt", "convert", str(tiny.FILES["onnx"]), "--to", "onnx,openvino"]
    done = subprocess.run(
        [*command, "-r", "float32", "-r", "weight_only_int8", "-o", str(tmp_path), "--format", "json", "-q"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)
    names = {file.name for file in tmp_path.iterdir()}
    assert {"tiny.float32.onnx", "tiny.weight_only_int8.onnx", "tiny.float32.xml"} <= names
    found = answers(tmp_path / "tiny.float32.onnx", tiny.pictures())
    np.testing.assert_allclose(found, tiny.answers(tiny.pictures()), atol=1e-6)


def test_a_format_that_onnx_does_not_reach_is_refused_in_one_sentence(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "edge_opt", "convert", str(tiny.FILES["onnx"]), "--to", "tflite", "-o", str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert "tflite" in done.stderr
