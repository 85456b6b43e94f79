"""A float ``.tflite`` file on the whole way, and networks made to collapse in 8 bits, rescued layer by layer."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_opt import registry
from edge_opt.types import LayerError, Quantization, RangeMethod
from tests.fixtures import networks

pytestmark = pytest.mark.slow

STATIC = Quantization(mode="static")
EXPORTER: Any = registry.load("exporters", "tflite")
CLASSES = 5


def answers(network: networks.Network, quantization: Quantization, out: Path) -> Any:
    out.mkdir(exist_ok=True)
    path = EXPORTER.export(network.source, quantization, "", network.samples[:100], out)
    session = registry.load("runtimes", "litert").open(str(path), 1, {})
    return np.concatenate([session.run([sample[None]])[0] for sample in network.samples])


def agreement(network: networks.Network, quantization: Quantization, out: Path) -> float:
    return float(np.mean(answers(network, quantization, out).argmax(1) == network.answers.argmax(1)))


def collapsing(where: str, folder: Path) -> networks.Network:
    """A network that 8 bits ruin, its answers behind a ReLU: one channel, or one answer, is a thousand times larger."""
    import keras

    keras.utils.set_random_seed(1)
    layers = keras.layers
    given = x = keras.Input((16, 16, 3))
    x = layers.Conv2D(16, 3, activation="relu", padding="same", name="first")(x)
    x = layers.MaxPooling2D()(x)
    x = layers.Conv2D(16, 3, activation="relu", padding="same", name="second")(x)
    x = layers.Conv2D(16, 3, activation="relu", padding="same", name="third")(x)
    x = layers.GlobalAveragePooling2D()(x)
    x = layers.Dense(16, activation="relu", name="dense")(x)
    model = keras.Model(given, layers.Dense(CLASSES, activation="relu", name="logits")(x))
    samples = networks.pictures(200, 16, 3)
    if where == "second":  # the channel is there, and hardly anybody listens to it
        scale(model.get_layer("second"), (..., 0), 3000)
        scale(model.get_layer("third"), (slice(None), slice(None), 0), 1e-6)
    networks.spread(model, samples)
    kernel, bias = model.layers[-1].get_weights()
    bias += 3
    if where == "logits":  # a class that is loud where it is meant, in one sample of ten
        before = keras.Model(given, model.layers[-1].input).predict(samples, verbose=0)
        kernel[:, 4] *= 1000
        bias[4] = -np.quantile(before @ kernel[:, 4], 0.9)
    model.layers[-1].set_weights([kernel, bias])
    return networks.exported(model, samples, folder)


def scale(layer: Any, part: Any, factor: float) -> None:
    kernel, bias = layer.get_weights()
    kernel[part] *= factor
    layer.set_weights([kernel, bias])


@pytest.mark.parametrize(("where", "worst"), [("second", {"second", "third"}), ("logits", {"logits"})])
def test_the_planted_layer_is_ranked_first_and_in_float_it_rescues_the_model(
    where: str, worst: set[str], tmp_path: Path
) -> None:
    network = collapsing(where, tmp_path)
    plain = agreement(network, STATIC, tmp_path / "plain")
    methods: tuple[RangeMethod, ...] = ("percentile", "mse", "octav")
    ranges = max(agreement(network, replace(STATIC, range_method=one), tmp_path / one) for one in methods)
    assert max(plain, ranges) < 0.7

    found: tuple[LayerError, ...] = EXPORTER.layer_errors(
        network.source, STATIC, "", network.samples[:100], tmp_path / "plain"
    )
    assert {one.name.split("/")[-1].removesuffix("_1") for one in found[: len(worst)]} == worst
    assert found[len(worst) - 1].error > 10 * found[len(worst)].error

    kept = [
        agreement(network, replace(STATIC, keep_float=tuple(one.name for one in found[:count])), tmp_path / str(count))
        for count in (1, 2, 4)
    ]
    assert kept == sorted(kept)
    assert kept[1] > plain + 0.2
    assert kept[2] > 0.95
    wide = replace(STATIC, wide=tuple(one.name for one in found[: len(worst)]))
    assert agreement(network, wide, tmp_path / "wide") > plain + 0.15


def test_the_web_app_classifier_as_tflite_is_as_good_as_its_keras_original(checkout: Path, tmp_path: Path) -> None:
    keras, frontend = registry.load("frontends", "keras"), registry.load("frontends", "tflite")
    original = checkout / "examples" / "web_app" / "clothes_classifier.keras"
    described, saved_model = keras.prepare(original, tmp_path / "saved_model", False)
    path = EXPORTER.export(saved_model, Quantization(), "", np.zeros((0, 28, 28, 1)), tmp_path)
    model, source = frontend.prepare(path, tmp_path / "source", False)
    assert (model.parameters, model.macs) == (described.parameters, described.macs)

    with np.load(checkout / "calibration_data" / "fashion_mnist.npz") as data:
        pixels = np.concatenate([data["x_val"][:100], data["x_test"][:3000]])[..., None]
    samples = pixels.astype(np.float32) / 255
    expected = keras.predict(original, samples, False)
    found = frontend.predict(path, samples, False)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    network = networks.Network(source, samples, expected)
    for mode, least in (("float16", 0.999), ("weight_only", 0.99), ("dynamic", 0.985), ("static", 0.98)):
        assert agreement(network, Quantization(mode=mode), tmp_path / mode) >= least  # type: ignore[arg-type]
