"""A model that is made again takes any number of samples, whatever kind of numbers it takes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from edge_opt.nets.graph import importance, masked, read, rebuilt, sliced

pytestmark = pytest.mark.slow
keras: Any = pytest.importorskip("keras", reason="pip install 'edge-opt[keras]' to look into Keras models")
L = keras.layers
KEEP = np.arange(8) % 2 == 0


def singly(shape: tuple[int, ...] = (8, 8, 3)) -> Any:
    """A model that takes one sample at a time, and has it reshaped in every way."""
    entry = keras.Input(shape, batch_size=1, name="image")
    x = L.Conv2D(8, 3, activation="relu", name="a")(entry)
    x = L.Reshape((36, 8))(x)
    x = keras.ops.reshape(x, (1, 6, 6, -1))
    x = L.Reshape((3, 12, -1))(x)
    x = L.Flatten()(L.MaxPooling2D()(x))
    x = keras.ops.reshape(x, (1, 48))
    return keras.Model(entry, L.Dense(3, name="last")(x))


def one_by_one(model: Any, inputs: Any) -> Any:
    return np.concatenate([np.asarray(model(inputs[place : place + 1])) for place in range(len(inputs))])


def test_a_model_of_one_sample_at_a_time_takes_several_when_made_again() -> None:
    model, inputs = singly(), np.random.default_rng(0).normal(size=(5, 8, 8, 3)).astype(np.float32)
    again = rebuilt(read(model), lambda call: None)
    assert again.input_shape == (None, 8, 8, 3)
    assert again.output_shape == (None, 3)
    np.testing.assert_allclose(again(inputs), one_by_one(model, inputs), atol=1e-5)


def test_so_does_one_with_fewer_channels() -> None:
    model, inputs = singly(), np.random.default_rng(0).normal(size=(5, 8, 8, 3)).astype(np.float32)
    graph = read(model)
    small = sliced(graph, {"a": KEEP})
    assert small.get_layer("a").filters == 4
    expected = np.concatenate([masked(graph, inputs[place : place + 1], {"a": KEEP}) for place in range(5)])
    np.testing.assert_allclose(small(inputs), expected, atol=1e-5)


def test_a_layer_that_remembers_each_sample_keeps_their_number() -> None:
    entry = keras.Input((4, 3), batch_size=2)
    model = keras.Model(entry, L.Dense(3)(L.GRU(5, stateful=True)(entry)))
    again = rebuilt(read(model), lambda call: None)
    inputs = np.random.default_rng(0).normal(size=(2, 4, 3)).astype(np.float32)
    assert again.input_shape == (2, 4, 3)
    np.testing.assert_allclose(again(inputs), model(inputs), atol=1e-5)


@pytest.mark.parametrize("dtype", ["uint8", "float16", "int32"])
def test_samples_are_given_as_the_numbers_that_the_model_takes(dtype: str) -> None:
    entry = keras.Input((6, 6, 3), dtype=dtype)
    x = L.Conv2D(8, 3, activation="relu", name="a")(L.Rescaling(1 / 255)(entry))
    model = keras.Model(entry, L.Dense(3)(L.GlobalAveragePooling2D()(x)))
    graph = read(model)
    inputs = np.random.default_rng(0).integers(0, 255, (4, 6, 6, 3)).astype(np.float32)
    found = importance.taylor(graph, [(inputs, np.zeros((4, 3)))], keras.losses.mean_squared_error)["a"]
    assert (found > 0).any()
    small = sliced(graph, {"a": KEEP})
    np.testing.assert_allclose(small(inputs.astype(dtype)), masked(graph, inputs, {"a": KEEP}), atol=1e-3)
