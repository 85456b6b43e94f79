"""Each layer of a network alone, at the widths that it could have, in files that a runtime opens."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_opt import registry
from edge_opt.nets import single_layers
from edge_opt.nets.graph import read

pytestmark = pytest.mark.slow
keras = pytest.importorskip("keras", reason="pip install 'edge-opt[keras]' to take a Keras model apart")


class Notes:
    """An exporter that only writes down the shapes of what it is given."""

    format = "notes"

    def export_function(self, frozen: Any, out: Path) -> Path:
        (given,), (answer,) = ([list(one.shape) for one in side] for side in (frozen.inputs, frozen.outputs))
        (out / "shapes.json").write_text(json.dumps([given, answer]))
        return out / "shapes.json"


def shapes(layer: single_layers.SingleLayer) -> list[tuple[list[int], list[int]]]:
    return [tuple(json.loads(point.path.read_text())) for point in layer.points if point.path]


def taken_apart(model: Any, folder: Path, multiple: int = 8) -> dict[str, single_layers.SingleLayer]:
    found = single_layers.write(read(model), Notes(), multiple, folder)  # type: ignore[arg-type]
    return {name: layer for layer in found.layers for name in layer.names}


def network(build: Callable[[Any], Any], shape: tuple[int, ...] = (8, 8, 3)) -> Any:
    inputs = keras.Input(shape)
    return keras.Model(inputs, build(inputs))


def chain(x: Any) -> Any:
    layers = keras.layers
    x = layers.Conv2D(32, 3, padding="same", activation="relu", name="a")(x)
    x = layers.MaxPooling2D(2, name="pool")(x)
    x = layers.DepthwiseConv2D(3, strides=2, padding="same", name="deep")(x)
    x = layers.Conv2D(16, 1, name="b")(x)
    return layers.Dense(5, name="out")(layers.Flatten()(x))


def test_every_layer_that_computes_is_there_at_full_half_quarter_and_least_width(tmp_path: Path) -> None:
    found = taken_apart(network(chain), tmp_path)
    assert shapes(found["a/conv"]) == [([1, 8, 8, 3], [1, 8, 8, width]) for width in (8, 16, 32)]
    assert shapes(found["pool/pool"]) == [([1, 8, 8, width], [1, 4, 4, width]) for width in (8, 16, 32)]
    assert shapes(found["deep/depthwise"]) == [([1, 4, 4, width], [1, 2, 2, width]) for width in (8, 16, 32)]
    assert shapes(found["b/conv"]) == [([1, 2, 2, a], [1, 2, 2, b]) for a, b in ((8, 8), (16, 8), (32, 16))]
    assert shapes(found["out/dense"]) == [([1, 4 * width], [1, 5]) for width in (8, 16)]
    assert [point.values for point in found["b/conv"].points] == [4 * 16, 4 * 24, 4 * 48]


def test_a_separable_convolution_is_two_layers_and_a_grouped_one_stays_grouped(tmp_path: Path) -> None:
    def build(x: Any) -> Any:
        layers = keras.layers
        x = layers.Conv2D(32, 1, name="first")(x)
        x = layers.SeparableConv2D(24, 3, padding="same", depth_multiplier=2, name="two")(x)
        x = layers.Conv2D(24, 3, groups=24, name="own")(x)
        x = layers.Conv2D(16, 1, groups=2, name="halves")(x)
        return layers.Dense(3)(layers.GlobalAveragePooling2D()(x))

    found = taken_apart(network(build), tmp_path)
    assert shapes(found["two/depthwise"])[-1] == ([1, 8, 8, 32], [1, 8, 8, 64])
    assert shapes(found["two/conv"])[-1] == ([1, 8, 8, 64], [1, 8, 8, 24])
    assert shapes(found["own/depthwise"])[-1] == ([1, 8, 8, 24], [1, 6, 6, 24])
    assert all(given[-1] == answer[-1] for given, answer in shapes(found["own/depthwise"]))
    assert shapes(found["halves/conv"])[-1] == ([1, 6, 6, 24], [1, 6, 6, 16])


def test_layers_that_are_alike_are_written_once_and_shared_ones_are_called_twice(tmp_path: Path) -> None:
    def build(x: Any) -> Any:
        layers = keras.layers
        again = layers.Conv2D(16, 3, padding="same", name="again")
        x = layers.Conv2D(16, 3, padding="same", name="first")(x)
        x = again(again(x))
        x = layers.Conv2D(16, 3, padding="same", name="twin1")(x)
        x = layers.Conv2D(16, 3, padding="same", name="twin2")(x)
        x = layers.Conv2D(16, 3, padding="same", activation="relu", name="other")(x)
        return layers.Dense(3)(layers.GlobalAveragePooling2D()(x))

    found = taken_apart(network(build), tmp_path)
    assert found["twin1/conv"] is found["twin2/conv"]
    assert len({id(found[name]) for name in ("twin1/conv", "other/conv", "again/conv", "first/conv")}) == 4
    assert (found["again/conv"].calls, found["twin1/conv"].calls) == (2, 1)
    assert found["again/conv"].scale == 2 * found["twin1/conv"].scale


def test_of_many_layers_the_largest_are_written_and_all_are_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(single_layers, "MOST_LAYERS", 2)
    found = taken_apart(network(chain), tmp_path)
    assert {name for name, layer in found.items() if layer.points[-1].path} == {"a/conv", "pool/pool"}
    assert set(found) == {"a/conv", "pool/pool", "deep/depthwise", "b/conv", "out/dense"}


def test_of_a_layer_with_very_many_weights_only_the_narrow_widths_are_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(single_layers, "_MOST_WEIGHTS", 500)
    points = taken_apart(network(chain), tmp_path)["a/conv"].points
    assert [(point.outputs, point.path is None) for point in points] == [(8, False), (16, False), (32, True)]


def test_there_is_a_probe_of_each_kind_at_every_width_until_the_steps_of_kernels_repeat(tmp_path: Path) -> None:
    found = single_layers.write(read(network(chain)), Notes(), 16, tmp_path)  # type: ignore[arg-type]
    assert {probe.kind for probe in found.probes} == {"conv", "depthwise", "pool", "dense"}
    for probe in found.probes:
        assert [point.outputs for point in probe.points] == [16, 32, 48, 64]
        assert [answer[-1] for _, answer in shapes(probe)] == [16, 32, 48, 64]


@pytest.mark.parametrize(("form", "runtime"), [("tflite", "litert"), ("onnx", "onnxruntime")])
def test_the_files_are_what_a_runtime_opens_with_random_weights_in_float32(
    form: str, runtime: str, tmp_path: Path
) -> None:
    model = network(lambda x: keras.layers.Dense(4, name="out")(keras.layers.Flatten()(x)), (4, 4, 2))
    found = single_layers.write(read(model), registry.load("exporters", form), 64, tmp_path)
    (layer,), module = found.layers, registry.load("runtimes", runtime)
    session = module.open(str(layer.points[0].path), 1, {})
    given = np.random.default_rng(0).random((1, 32), np.float32)
    (answer,) = session.run([given])
    assert (answer.shape, answer.dtype) == ((1, 4), np.float32)
    assert np.unique(answer).size == 4
    copying = module.open(str(found.copying), 1, {})
    values = np.full((1, found.copied), 3.0, np.float32)
    assert copying.run([values])[0].ravel().tolist() == [3.0]
    assert module.open(str(found.empty), 1, {}).run([values[:, :1]])[0].ravel().tolist() == [3.0]
