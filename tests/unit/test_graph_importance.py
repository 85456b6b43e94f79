"""What a channel is worth, against the same by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from edge_opt.nets.graph import importance, masked, read

pytestmark = pytest.mark.slow
keras: Any = pytest.importorskip("keras", reason="pip install 'edge-opt[keras]' to look into Keras models")
L = keras.layers
DRAW = np.random.default_rng(0)


def residual() -> Any:
    entry = keras.Input((6, 6, 3))
    x = L.Conv2D(4, 3, padding="same", name="a")(entry)
    y = L.ReLU()(L.BatchNormalization(name="scale")(x))
    y = L.Conv2D(4, 3, padding="same", name="b")(y)
    x = L.Add()([x, y])
    model = keras.Model(entry, L.Dense(3, name="last")(L.GlobalAveragePooling2D()(x)))
    model.get_layer("scale").gamma.assign([0.5, -2.0, 1.0, 0.0])
    return model


def test_magnitude_is_the_mean_of_the_weights_of_the_layers_that_make_a_channel_times_their_scale() -> None:
    model = residual()
    sizes = [np.abs(model.get_layer(name).get_weights()[0]).sum((0, 1, 2)) for name in ("a", "b")]
    expected = (sizes[0] * [0.5, 2.0, 1.0, 0.0] + sizes[1]) / 2
    np.testing.assert_allclose(importance.magnitude(read(model))["a"], expected, rtol=1e-6)


def test_taylor_is_the_squared_slope_of_the_loss_as_all_readers_of_a_channel_lose_it() -> None:
    model, inputs = residual(), DRAW.normal(size=(5, 6, 6, 3)).astype(np.float32)
    targets = DRAW.normal(size=(5, 3)).astype(np.float32)
    found = importance.taylor(
        read(model), [(inputs[:2], targets[:2]), (inputs[2:], targets[2:])], keras.losses.mean_squared_error
    )["a"]
    # by differences: every reader of the channel is given a little less of it
    kernels = {name: model.get_layer(name).get_weights() for name in ("b", "last")}
    for channel in range(4):
        losses = []
        for factor in (1 - 1e-2, 1 + 1e-2):
            for name, (kernel, bias) in kernels.items():
                less = kernel.copy()
                less[..., channel, :] *= factor
                model.get_layer(name).set_weights([less, bias])
            losses.append(np.asarray(keras.losses.mean_squared_error(targets, model(inputs)), np.float64))
        slope = (losses[1] - losses[0]) / 2e-2
        np.testing.assert_allclose(found[channel], np.mean(slope**2), rtol=2e-3, atol=1e-7)


def test_a_channel_that_changes_nothing_is_worth_nothing() -> None:
    model = residual()
    kernel, bias = model.get_layer("last").get_weights()
    kernel[2] = 0
    model.get_layer("last").set_weights([kernel, bias])
    kernel, bias = model.get_layer("b").get_weights()
    kernel[:, :, 2] = 0
    model.get_layer("b").set_weights([kernel, bias])
    inputs = DRAW.normal(size=(4, 6, 6, 3)).astype(np.float32)
    graph = read(model)
    found = importance.taylor(graph, [(inputs, np.zeros((4, 3)))], keras.losses.mean_squared_error)["a"]
    assert found[2] == 0
    assert (np.delete(found, 2) > 0).all()
    np.testing.assert_allclose(masked(graph, inputs, {"a": np.array([1, 1, 0, 1], bool)}), model(inputs), atol=1e-6)
