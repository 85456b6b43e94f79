"""Channels that never answer are counted, wherever in a Keras model they are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from edge_opt.errors import EdgeOptError
from edge_opt.frontends.keras import frontend
from edge_opt.types import Activity

pytestmark = pytest.mark.slow
DRAW = np.random.default_rng(0)


@pytest.fixture(params=["keras", "tf_keras"])
def keras(request: pytest.FixtureRequest) -> Any:
    return pytest.importorskip(request.param, reason="pip install 'edge-opt[keras]' to look into Keras models")


def counts(found: tuple[Activity, ...]) -> dict[str, tuple[int, int]]:
    return {one.layer: (one.dead, one.channels) for one in found}


def killed(layer: Any, channels: list[int], bias: float = -100.0) -> None:
    kernel, offsets = layer.get_weights()
    kernel[..., channels] = 0
    offsets[channels] = bias
    layer.set_weights([kernel, offsets])


def pictures(count: int = 70) -> NDArray[Any]:
    return DRAW.random((count, 8, 8, 1), np.float32)


def saved(keras: Any, model: Any, folder: Path) -> Path:
    path = folder / ("model.h5" if keras.__version__.startswith("2") else "model.keras")
    model.save(path)
    return path


def test_dead_channels_of_convolutions_and_dense_layers_are_counted_but_not_those_of_the_last(
    keras: Any, tmp_path: Path
) -> None:
    model = keras.Sequential(
        [
            keras.layers.InputLayer((8, 8, 1)),
            keras.layers.Conv2D(6, 3, activation="relu", name="first"),
            keras.layers.Flatten(),
            keras.layers.Dense(5, activation="relu", name="second", bias_initializer="ones"),
            keras.layers.Dense(3, activation="softmax", name="last"),
        ]
    )
    kernel, bias = model.get_layer("first").get_weights()
    model.get_layer("first").set_weights([np.abs(kernel), bias])
    kernel, bias = model.get_layer("second").get_weights()
    model.get_layer("second").set_weights([np.abs(kernel), bias])
    killed(model.get_layer("first"), [1, 4])
    killed(model.get_layer("second"), [0])
    killed(model.get_layer("last"), [2])
    found = frontend.activity(saved(keras, model, tmp_path), pictures(), False)
    assert counts(found) == {"first": (2, 6), "second": (1, 5)}
    assert [one.kind for one in found] == ["Conv2D", "Dense"]


def test_a_channel_is_judged_behind_the_activation_also_where_that_is_a_layer(keras: Any, tmp_path: Path) -> None:
    given = x = keras.Input((8, 8, 1))
    x = keras.layers.Conv2D(4, 3, name="convolution")(x)
    x = keras.layers.BatchNormalization(name="normal")(x)
    x = keras.layers.ReLU()(x)
    x = keras.layers.GlobalAveragePooling2D()(x)
    model = keras.Model(given, keras.layers.Dense(3)(x))
    gamma, beta, mean, variance = model.get_layer("normal").get_weights()
    beta[:] = (-100, 100, 100, 100)  # the convolution moves in all channels; behind the ReLU the first does not
    model.get_layer("normal").set_weights([gamma, beta, mean, variance])
    found = frontend.activity(saved(keras, model, tmp_path), pictures(), False)
    assert counts(found) == {"convolution": (1, 4)}


def test_models_inside_a_model_are_looked_into_under_their_names(keras: Any, tmp_path: Path) -> None:
    inside = keras.Sequential(
        [keras.layers.InputLayer((8, 8, 1)), keras.layers.Conv2D(3, 3, activation="relu", name="deep")], name="inner"
    )
    killed(inside.get_layer("deep"), [0, 1, 2], bias=5.0)  # always the same is as dead as always zero
    given = keras.Input((8, 8, 1))
    x = keras.layers.Flatten()(inside(given))
    model = keras.Model(given, keras.layers.Dense(3)(x))
    found = frontend.activity(saved(keras, model, tmp_path), pictures(), False)
    assert counts(found) == {"inner/deep": (3, 3)}


def test_one_sample_that_moves_a_channel_is_enough(keras: Any, tmp_path: Path) -> None:
    model = keras.Sequential(
        [
            keras.layers.InputLayer((4,)),
            keras.layers.Dense(2, activation="relu", name="units"),
            keras.layers.Dense(3),
        ]
    )
    model.get_layer("units").set_weights([np.eye(4, 2, dtype=np.float32), np.zeros(2, np.float32)])
    inputs = np.zeros((200, 4), np.float32)
    inputs[170, 0] = 1
    assert counts(frontend.activity(saved(keras, model, tmp_path), inputs, False)) == {"units": (1, 2)}


def test_inputs_of_another_shape_are_refused_with_a_sentence(keras: Any, tmp_path: Path) -> None:
    model = keras.Sequential([keras.layers.InputLayer((4,)), keras.layers.Dense(2), keras.layers.Dense(3)])
    with pytest.raises(EdgeOptError):
        frontend.activity(saved(keras, model, tmp_path), pictures(), False)
