"""Poolings leave, and the convolutions before them answer at the places that are left, with the kernels they had."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from edge_opt.errors import InputError
from edge_opt.nets import train
from edge_opt.passes.strided import strided
from edge_opt.types import Context, Lesson, Trained

pytestmark = pytest.mark.slow
keras: Any = pytest.importorskip("keras", reason="pip install 'edge-opt[keras]' to change Keras models")
L = keras.layers


def stripes(count: int, seed: int, size: int = 12) -> tuple[NDArray[Any], NDArray[Any]]:
    """Pictures of stripes that lie (0) or stand (1), under noise."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, count)
    waves = np.sin(np.arange(size) * 2.1 + rng.uniform(0, 6, (count, 1)))
    pictures = np.where(labels[:, None, None] == 0, waves[:, :, None], waves[:, None, :])
    return (pictures + rng.normal(0, 0.5, pictures.shape)).astype(np.float32)[..., None], labels


def context_in(folder: Path) -> Context:
    for name, count, seed in (("train", 320, 0), ("selection", 160, 1)):
        inputs, labels = stripes(count, seed)
        np.save(folder / f"{name}.npy", inputs)
        np.save(folder / f"{name}-labels.npy", labels)
    lesson = Lesson(
        inputs=folder / "train.npy",
        labels=folder / "train-labels.npy",
        selection=folder / "selection.npy",
        selection_labels=folder / "selection-labels.npy",
    )
    return Context(
        lesson=lesson,
        costs=None,
        multiple=8,
        seed=3,
        seconds=None,
        checkpoints=folder / "checkpoints",
        progress=folder / "progress.json",
    )


@pytest.fixture
def context(tmp_path: Path) -> Context:
    return context_in(tmp_path)


@pytest.fixture
def untrained(monkeypatch: pytest.MonkeyPatch) -> None:
    """Networks come back as they were given to be trained."""
    how = Trained(epochs=0, best_epoch=0, steps=0, samples=0, seconds=0.0, accuracy=0.0, teacher_accuracy=0.0)
    monkeypatch.setattr(train, "recover", lambda student, *_, **__: (student, how))


def randomised(model: Any) -> Any:
    rng = np.random.default_rng(7)
    for variable in model.weights:
        low = 0.5 if variable.name == "moving_variance" else -1.0
        variable.assign(rng.uniform(low, 1.0, tuple(variable.shape)))
    return model


def classifier(*layers: Any, shape: tuple[int, ...] = (12, 12, 1)) -> Any:
    return randomised(keras.Sequential([keras.Input(shape), *layers, L.Flatten(), L.Dense(2, activation="softmax")]))


@pytest.mark.parametrize("size", [12, 7])
def test_what_is_left_are_the_answers_that_the_convolution_gave_at_every_second_place(
    context: Context, untrained: None, size: int
) -> None:
    net = classifier(
        L.Conv2D(5, 3, padding="same", name="wide"),
        L.BatchNormalization(),
        L.ReLU(name="before"),
        L.MaxPool2D(name="pool"),
        shape=(size, size, 1),
    )
    found, change = strided.apply("strided", net, net, context)
    pictures = stripes(4, 5, size)[0]
    every = np.asarray(keras.Model(net.inputs[0], net.get_layer("before").output)(pictures))
    left = np.asarray(keras.Model(found.inputs[0], found.get_layer("before").output)(pictures))
    # a kernel of 3 without padding before it stands on the second place first
    np.testing.assert_allclose(left, every[:, 1::2, 1::2][:, : size // 2, : size // 2], atol=1e-5)
    assert change.removed == ("pool",)
    assert [type(layer).__name__ for layer in found.layers].count("MaxPooling2D") == 0
    assert [tuple(w.shape) for w in found.weights] == [tuple(w.shape) for w in net.weights]


@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize("kernel", [1, 2, 3, 5])
@pytest.mark.parametrize("window", [2, 3])
def test_the_next_layer_reads_as_much_as_before_or_the_pooling_stays(
    context: Context, untrained: None, padding: str, kernel: int, window: int
) -> None:
    for size in (11, 12, 13, 14):
        net = classifier(
            L.Conv2D(3, kernel, padding=padding), L.AveragePooling2D(window, name="pool"), shape=(size, size, 1)
        )
        try:
            found, _ = strided.apply("strided", net, net, context)
        except InputError:
            possible = {-(-size // window), (size - kernel) // window + 1}
            assert net.get_layer("pool").output.shape[1] not in possible
        else:
            assert found.layers[-3].output.shape == net.get_layer("pool").output.shape
            assert [layer.name for layer in found.layers[1:]] == [
                layer.name for layer in net.layers if layer.name != "pool"
            ]


def test_each_kind_of_convolution_takes_the_stride_of_its_pooling(context: Context, untrained: None) -> None:
    line = classifier(L.Conv1D(4, 3, padding="causal", name="line"), L.MaxPool1D(4), shape=(32, 2))
    found, _ = strided.apply("strided", line, line, context)
    assert found.get_layer("line").strides == (4,)
    for layer in (L.SeparableConv2D(4, 3, padding="same"), L.DepthwiseConv2D(3, padding="same")):
        net = classifier(layer, L.Activation("relu"), L.Dropout(0.1), L.MaxPool2D(name="pool"))
        found, change = strided.apply("strided", net, net, context)
        assert change.removed == ("pool",)
        assert found.get_layer(net.layers[0].name).strides == (2, 2)


def branched() -> Any:
    given = keras.Input((12, 12, 1))
    x = L.Conv2D(4, 3, padding="same")(given)
    both = L.Concatenate()([L.Flatten()(L.MaxPool2D()(x)), L.Flatten()(x)])
    return keras.Model(given, L.Dense(2, activation="softmax")(both))


def shared() -> Any:
    given, twice = keras.Input((12, 12, 1)), L.Conv2D(1, 3, padding="same")
    x = L.MaxPool2D()(twice(twice(given)))
    return keras.Model(given, L.Dense(2, activation="softmax")(L.Flatten()(x)))


@pytest.mark.parametrize(
    "net",
    [
        pytest.param(lambda: classifier(L.Conv2D(4, 3, strides=2), L.MaxPool2D()), id="strided already"),
        pytest.param(lambda: classifier(L.Conv2D(4, 3, dilation_rate=2), L.MaxPool2D()), id="dilated"),
        pytest.param(lambda: classifier(L.Conv2D(4, 3), L.MaxPool2D(3, strides=2)), id="windows that overlap"),
        pytest.param(lambda: classifier(L.Conv2D(4, 3), L.UpSampling2D(), L.MaxPool2D()), id="not directly"),
        pytest.param(lambda: classifier(L.Conv2D(4, 3), L.BatchNormalization(axis=1), L.MaxPool2D()), id="other axis"),
        pytest.param(lambda: classifier(L.Conv2D(4, 3)), id="no pooling"),
        pytest.param(branched, id="read twice"),
        pytest.param(shared, id="called twice"),
    ],
)
def test_a_pooling_that_no_stride_can_replace_stays(context: Context, untrained: None, net: Any) -> None:
    built = net()
    with pytest.raises(InputError, match="'strided' finds no pooling") as caught:
        strided.apply("strided", built, built, context)
    assert "whose strides are its window" in caught.value.hint


def test_the_network_is_taught_and_neither_it_nor_its_teacher_is_changed(context: Context) -> None:
    keras.utils.set_random_seed(1)
    teacher = keras.Sequential(
        [
            keras.Input((12, 12, 1)),
            L.Conv2D(8, 3, padding="same", activation="relu"),
            L.MaxPool2D(name="pool"),
            L.Flatten(),
            L.Dense(2, activation="softmax"),
        ]
    )
    teacher.compile(keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy")
    teacher.fit(*stripes(320, 0), epochs=6, verbose=0)
    pictures, labels = stripes(400, 2)
    before = teacher.get_weights()
    found, change = strided.apply("strided", teacher, teacher, context)
    for one, other in zip(before, teacher.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    accuracy = np.mean(np.asarray(found(pictures)).argmax(1) == labels)
    assert accuracy >= np.mean(np.asarray(teacher(pictures)).argmax(1) == labels) - 0.03
    assert change.removed == ("pool",)
    assert change.trained[0].steps > 0
    assert change.trained[0].accuracy > 0.9


def test_the_word_is_taken_and_no_other() -> None:
    assert all(map(strided.accepts, strided.EXAMPLES))
    assert not any(map(strided.accepts, ("strided2", "slim50", "shallow1", "")))
    assert strided.says("strided").startswith("poolings replaced")
