"""Whatever the network: what is sliced answers as the original does with those channels at zero."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge_opt.nets.graph import masked, read, rebuilt, sliced
from tests.unit.test_graph import difference, inputs_of, randomised, some, widths

pytestmark = pytest.mark.slow
keras: Any = pytest.importorskip("keras", reason="pip install 'edge-opt[keras]' to look into Keras models")
L = keras.layers
ACTIVATIONS = ("relu", "sigmoid", "tanh", "linear", "hard_sigmoid", "gelu")
Draw = Callable[..., Any]


def conv(draw: Draw, tensors: list[Any]) -> Any:
    x = one(draw, tensors)
    width = draw(st.integers(2, 9))
    options = {"padding": "same", "activation": draw(st.sampled_from(ACTIVATIONS)), "use_bias": draw(st.booleans())}
    return L.Conv2D(width, draw(st.sampled_from((1, 3))), **options)(x)


def grouped(draw: Draw, tensors: list[Any]) -> Any:
    x = L.Conv2D(12, 1)(one(draw, tensors))
    groups = draw(st.sampled_from((2, 3, 12)))
    return L.Conv2D(groups * draw(st.integers(1, 4)), 3, groups=groups, padding="same")(x)


def depthwise(draw: Draw, tensors: list[Any]) -> Any:
    x = one(draw, tensors)
    return L.DepthwiseConv2D(3, padding="same", depth_multiplier=draw(st.integers(1, 2)), activation="relu")(x)


def separable(draw: Draw, tensors: list[Any]) -> Any:
    x = one(draw, tensors)
    return L.SeparableConv2D(draw(st.integers(2, 6)), 3, padding="same", depth_multiplier=draw(st.integers(1, 2)))(x)


def transposed(draw: Draw, tensors: list[Any]) -> Any:
    return L.Conv2DTranspose(draw(st.integers(2, 6)), 3, padding="same")(one(draw, tensors))


def passing(draw: Draw, tensors: list[Any]) -> Any:
    x = one(draw, tensors)
    makers = (
        lambda: L.BatchNormalization(scale=draw(st.booleans())),
        lambda: L.PReLU(shared_axes=draw(st.sampled_from(([1, 2], None)))),
        lambda: L.Activation(draw(st.sampled_from(ACTIVATIONS))),
        lambda: L.MaxPooling2D(3, strides=1, padding="same"),
        lambda: L.AveragePooling2D(2, strides=1, padding="same"),
        lambda: L.Dropout(0.5),
        lambda: L.Cropping2D(1),
    )
    made = draw(st.sampled_from(makers))()
    return L.ZeroPadding2D(1)(made(x)) if isinstance(made, L.Cropping2D) else made(x)


def operation(draw: Draw, tensors: list[Any]) -> Any:
    x = one(draw, tensors)
    return draw(
        st.sampled_from((lambda: x * 0.5 + 1.0, lambda: keras.ops.relu6(x + 3.0), lambda: x * keras.ops.sigmoid(x)))
    )()


def merged(draw: Draw, tensors: list[Any]) -> Any:
    x, y = one(draw, tensors), one(draw, tensors)
    if x.shape != y.shape:
        y = L.Conv2D(x.shape[-1], 1)(y)
    kind = draw(st.sampled_from((L.Add, L.Multiply, L.Subtract, L.Maximum, L.Average)))
    return kind()([x, y])


def concatenated(draw: Draw, tensors: list[Any]) -> Any:
    return L.Concatenate()([one(draw, tensors) for _ in range(draw(st.integers(2, 3)))])


def excited(draw: Draw, tensors: list[Any]) -> Any:
    x = one(draw, tensors)
    gate = L.GlobalAveragePooling2D(keepdims=draw(st.booleans()))(x)
    gate = L.Dense(draw(st.integers(1, 4)), activation="relu")(L.Reshape((1, 1, -1))(gate))
    return L.Multiply()([x, L.Dense(x.shape[-1], activation="sigmoid")(gate)])


def gated(draw: Draw, tensors: list[Any]) -> Any:
    return L.Multiply()([one(draw, tensors), L.Conv2D(1, 1, activation="sigmoid")(one(draw, tensors))])


def shuffled(draw: Draw, tensors: list[Any]) -> Any:
    x = L.Reshape((6, 6, 2, 4))(L.Conv2D(8, 1)(one(draw, tensors)))
    return L.Reshape((6, 6, 8))(L.Permute((1, 2, 4, 3))(x))


def nested(draw: Draw, tensors: list[Any]) -> Any:
    x = one(draw, tensors)
    block = keras.Sequential([keras.Input(x.shape[1:]), L.Conv2D(x.shape[-1], 3, padding="same", name="c"), L.ReLU()])
    for _ in range(draw(st.integers(1, 2))):
        x = block(x)
    return x


def normalised(draw: Draw, tensors: list[Any]) -> Any:
    return L.LayerNormalization()(one(draw, tensors))


STEPS = (
    *(conv, conv, conv, grouped, depthwise, separable, transposed, passing, passing, operation, merged, merged),
    *(concatenated, excited, gated, shuffled, nested, normalised),
)


def one(draw: Draw, tensors: list[Any]) -> Any:
    """One of the last few, so that networks are deep and have branches."""
    return tensors[-1 - draw(st.integers(0, min(2, len(tensors) - 1)))]


def head(draw: Draw, tensors: list[Any]) -> Any:
    x = one(draw, tensors)
    kind = draw(st.sampled_from(("flatten", "average", "dense", "map")))
    if kind == "map":
        return x
    x = L.Flatten()(L.MaxPooling2D(2)(x)) if kind != "average" else L.GlobalAveragePooling2D()(x)
    return L.Dense(3, activation="softmax")(L.Dense(7, activation="relu")(x) if kind == "dense" else x)


def network(draw: Draw) -> Any:
    """A model of 6 x 6 pixels; no strategy, as Keras draws random numbers while it builds."""
    entry = keras.Input((6, 6, 3))
    tensors = [entry, L.Conv2D(8, 3, padding="same", name="stem")(entry)]
    for step in draw(st.lists(st.sampled_from(STEPS), min_size=1, max_size=9)):
        tensors.append(step(draw, tensors))
    answers = [head(draw, tensors) for _ in range(draw(st.integers(1, 2)))]
    return keras.Model(entry, answers if len(answers) > 1 else answers[0])


@given(st.data(), st.integers(0, 2**16))
@settings(max_examples=60, suppress_health_check=list(HealthCheck))
def test_what_is_sliced_is_what_was_masked(data: st.DataObject, seed: int) -> None:
    model = network(data.draw)
    graph = read(randomised(model, seed))
    inputs = inputs_of(model, seed=seed)
    assert difference(rebuilt(graph, lambda call: None)(inputs), model(inputs)) < 1e-6
    keep = some(graph, seed)
    small = sliced(graph, keep)
    assert difference(small(inputs), masked(graph, inputs, keep)) < 1e-4
    again = read(small)
    # the works say what the smaller model computes without making it
    for name, channels in graph.layers.items():
        layer = small.get_layer(name)
        assert channels(widths(graph, keep)) == getattr(layer, "filters", getattr(layer, "units", None))
    assert sum(work(widths(graph, keep)) for work in graph.works) == sum(work(again.widths) for work in again.works)


@given(st.data())
@settings(max_examples=15, suppress_health_check=list(HealthCheck))
def test_a_group_that_keeps_its_width_does_so_for_a_reason_that_holds_it(data: st.DataObject) -> None:
    graph = read(network(data.draw))
    producers = {layer for group in graph.groups for layer in group.layers}
    assert producers == set(graph.layers)
    for group in graph.groups:
        assert group.width > 0
        assert group.fixed or group.width > 1
    assert all(not work.inputs.counts or work(graph.widths) > 0 for work in graph.works)
