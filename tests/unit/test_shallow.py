"""Layers leave whole, the layer behind answers as nearly as it can, and the one that gives least for its time goes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from edge_opt.errors import InputError
from edge_opt.nets import train
from edge_opt.nets.blocks import blocks, without
from edge_opt.nets.graph import read
from edge_opt.nets.refit import refit
from edge_opt.passes.shallow import shallow
from edge_opt.types import Context, LayerCost, Lesson, OperatorCosts, Trained

pytestmark = pytest.mark.slow
keras: Any = pytest.importorskip("keras", reason="pip install 'edge-opt[keras]' to change Keras models")
L = keras.layers


def context_in(folder: Path, inputs: NDArray[Any], labels: NDArray[Any], costs: OperatorCosts | None = None) -> Context:
    """Three quarters to learn from, the rest to select by."""
    count = len(inputs) * 3 // 4
    for name, part in (("train", slice(count)), ("selection", slice(count, None))):
        np.save(folder / f"{name}.npy", inputs[part])
        np.save(folder / f"{name}-labels.npy", labels[part])
    return Context(
        lesson=Lesson(
            inputs=folder / "train.npy",
            labels=folder / "train-labels.npy",
            selection=folder / "selection.npy",
            selection_labels=folder / "selection-labels.npy",
        ),
        costs=costs,
        multiple=8,
        seed=3,
        seconds=None,
        checkpoints=folder / "checkpoints",
        progress=folder / "progress.json",
    )


@pytest.fixture
def untrained(monkeypatch: pytest.MonkeyPatch) -> None:
    """Networks come back as they were given to be trained."""
    how = Trained(epochs=0, best_epoch=0, steps=0, samples=0, seconds=0.0, accuracy=0.0, teacher_accuracy=0.0)
    monkeypatch.setattr(train, "recover", lambda student, *_, **__: (student, how))


def randomised(model: Any, seed: int = 7) -> Any:
    rng = np.random.default_rng(seed)
    for variable in model.weights:
        low = 0.5 if variable.name == "moving_variance" else -1.0
        variable.assign(rng.uniform(low, 1.0, tuple(variable.shape)))
    return model


def pictures(count: int, size: int = 8, seed: int = 0) -> NDArray[Any]:
    return np.random.default_rng(seed).normal(0, 1, (count, size, size, 2)).astype(np.float32)


def chain(*layers: Any, shape: tuple[int, ...] = (8, 8, 2)) -> Any:
    return randomised(keras.Sequential([keras.Input(shape), *layers]))


def residual() -> Any:
    """Two blocks around which a shortcut goes, one of them gated, and one around which none does."""
    given = keras.Input((8, 8, 2))
    start = L.Conv2D(4, 3, strides=2, padding="same", activation="relu", name="stem")(given)
    x = L.Conv2D(4, 3, padding="same", use_bias=False, name="plain")(start)
    x = L.BatchNormalization(name="normal")(x)
    start = x = L.Add(name="first")([x, start])
    x = L.Conv2D(4, 1, activation="relu", name="gated")(x)
    gate = L.Dense(4, activation="sigmoid", name="gate")(L.GlobalAveragePooling2D(name="mean", keepdims=True)(x))
    x = L.Add(name="second")([start, L.Multiply(name="times")([x, gate])])
    side = L.Conv2D(4, 3, padding="same", name="side")(x)
    x = L.Add(name="third")([L.Conv2D(4, 1, name="projection")(x), side])
    return randomised(keras.Model(given, L.Dense(3, activation="softmax")(L.Flatten()(x))))


# ── what can leave ─────────────────────────────────────────────────────────────────────────────────────────────────


def found(net: Any) -> dict[str, tuple[tuple[str, ...], str | None]]:
    return {block.name: (block.layers, block.reader.name if block.reader else None) for block in blocks(read(net))}


def test_layers_that_keep_the_size_can_leave_with_what_belongs_to_them_and_the_last_cannot() -> None:
    net = chain(
        L.Conv2D(4, 3, padding="same", name="first"),
        L.BatchNormalization(name="normal"),
        L.ReLU(name="relu"),
        L.MaxPool2D(name="pool"),
        L.Conv2D(4, 3, name="shrinks"),
        L.Flatten(),
        L.Dense(5, name="hidden"),
        L.Dropout(0.5, name="drop"),
        L.Dense(3, name="last"),
    )
    assert found(net) == {
        "first": (("first", "normal", "relu"), "shrinks"),
        "hidden": (("hidden", "drop"), "last"),
    }


def test_what_a_shortcut_goes_around_leaves_whole_and_only_where_nothing_else_is_made_of_it() -> None:
    known = found(residual())
    assert known["first"] == (("plain", "normal", "first"), None)
    assert set(known["second"][0]) == {"gated", "mean", "gate", "times", "second"}
    assert "third" not in known  # both of its inputs are computed


def test_what_is_left_of_residual_blocks_is_the_shortcut() -> None:
    net = residual()
    for name, keep in (("first", "stem"), ("second", "first")):
        graph = read(net)
        left = without(graph, next(one for one in blocks(graph) if one.name == name))
        given = pictures(3)
        shortcut = np.asarray(keras.Model(net.inputs[0], net.get_layer(keep).output)(given))
        head = keras.Model(net.get_layer(name).output, net.outputs[0])
        np.testing.assert_allclose(np.asarray(left(given)), np.asarray(head(shortcut)), atol=1e-5)


def test_a_layer_that_is_called_twice_or_answers_stays() -> None:
    given, twice = keras.Input((6,)), L.Dense(6, name="twice")
    middle = L.Dense(6, name="answers")(twice(twice(given)))
    net = keras.Model(given, [middle, L.Dense(2, name="last")(L.Dense(4, name="free")(middle))])
    assert found(net) == {"free": (("free",), "last")}


# ── the layer behind ───────────────────────────────────────────────────────────────────────────────────────────────


def left_of(net: Any, name: str) -> Any:
    graph = read(net)
    return without(graph, next(one for one in blocks(graph) if one.name == name))


def test_behind_a_layer_that_only_turned_its_channels_nothing_is_lost() -> None:
    net = chain(
        L.Conv2D(5, 1, use_bias=True, name="turns"),
        L.Conv2D(3, 3, strides=2, dilation_rate=1, activation="tanh", name="reads"),
        L.Flatten(),
        L.Dense(4),
    )
    after = left_of(net, "turns")
    refit(net, after, "reads", pictures(2000))
    np.testing.assert_allclose(np.asarray(after(pictures(5, seed=9))), np.asarray(net(pictures(5, seed=9))), atol=0.02)


@pytest.mark.parametrize(("padding", "stride"), [("same", 1), ("same", 2), ("valid", 1)])
@pytest.mark.parametrize("bias", [True, False])
def test_the_kernel_is_that_of_least_squares_as_numpy_finds_it(padding: str, stride: int, bias: bool) -> None:
    net = chain(
        L.Conv2D(3, 3, padding="same", activation="relu", name="leaves"),
        L.Conv2D(4, 3, padding=padding, strides=stride, use_bias=bias, activation="relu", name="reads"),
        L.Flatten(),
        L.Dense(2),
    )
    given = pictures(256)
    after = left_of(net, "leaves")
    refit(net, after, "reads", given)
    inner = np.asarray(keras.Model(net.inputs[0], net.get_layer("leaves").output)(given), np.float64)
    weights = [one.astype(np.float64) for one in net.get_layer("reads").get_weights()]
    wanted = windows(inner, padding, stride) @ weights[0].reshape(27, 4) + (weights[1] if bias else 0)
    seen = windows(given.astype(np.float64), padding, stride)
    columns = np.c_[seen, np.ones(len(seen))] if bias else seen
    expected = np.linalg.lstsq(columns, wanted, rcond=None)[0]
    solved = after.get_layer("reads").get_weights()
    np.testing.assert_allclose(solved[0].reshape(18, 4), expected[:18], atol=0.01)
    if bias:
        np.testing.assert_allclose(solved[1], expected[18], atol=0.01)


def windows(values: NDArray[Any], padding: str, stride: int) -> NDArray[Any]:
    """Every 3 by 3 of pictures ``(n, 8, 8, c)``, row by row; edges are filled up as TensorFlow does."""
    fill = {("same", 1): (1, 1), ("same", 2): (0, 1)}.get((padding, stride), (0, 0))
    padded = np.pad(values, ((0, 0), fill, fill, (0, 0)))
    each = sliding_window_view(padded, (3, 3), axis=(1, 2))[:, ::stride, ::stride]
    return np.moveaxis(each, 3, -1).reshape(-1, 9 * values.shape[-1])


# ── which of them leaves ───────────────────────────────────────────────────────────────────────────────────────────


def deep() -> Any:
    """``vain`` only turns what it reads; ``busy`` folds it where it is zero."""
    rng = np.random.default_rng(1)
    net = chain(
        L.Dense(16, activation="relu", name="vain"),
        L.Dense(16, activation="relu", name="busy"),
        L.Dense(3, activation="softmax", name="last"),
        shape=(8,),
    )
    turn, fold = np.linalg.qr(rng.normal(size=(16, 16)))[0][:8], rng.normal(size=(16, 16))
    for name, kernel, bias in (
        ("vain", turn, np.full(16, 6.0)),  # never below zero
        ("busy", fold, -6 * fold.sum(0)),
        ("last", rng.normal(size=(16, 3)), np.zeros(3)),
    ):
        net.get_layer(name).set_weights([kernel, bias])
    return net


def points(net: Any, count: int = 1200) -> tuple[NDArray[Any], NDArray[Any]]:
    inputs = np.random.default_rng(4).normal(0, 1, (count, 8)).astype(np.float32)
    return inputs, np.asarray(net(inputs)).argmax(1)


def priced(**ns: float) -> OperatorCosts:
    """Every layer takes its time whatever its work is."""
    layers = tuple(
        LayerCost(layer=f"{name}/dense", points=((1.0, value), (1000.0, value + 1e-3))) for name, value in ns.items()
    )
    return OperatorCosts(runtime="litert", runtime_version="1", threads=1, layers=layers)


def test_the_layer_that_gives_nothing_leaves_first(tmp_path: Path, untrained: None) -> None:
    net = deep()
    left, change = shallow.apply("shallow1", net, net, context_in(tmp_path, *points(net)))
    assert change.removed == ("vain",)
    inputs = points(net)[0][-200:]
    np.testing.assert_allclose(np.asarray(left(inputs)), np.asarray(net(inputs)), atol=0.1)
    assert change.predicted_speed_up is None


def test_a_layer_that_takes_far_more_time_leaves_before_one_that_gives_less(tmp_path: Path, untrained: None) -> None:
    net = deep()
    costs = priced(vain=1.0, busy=1e6, last=1.0)
    _, change = shallow.apply("shallow1", net, net, context_in(tmp_path, *points(net), costs))
    assert change.removed == ("busy",)
    assert change.predicted_speed_up == pytest.approx((1e6 + 2) / 2, rel=0.01)


def test_as_many_leave_as_were_asked_for_and_the_answers_keep_their_form(tmp_path: Path, untrained: None) -> None:
    net = deep()
    left, change = shallow.apply("shallow2", net, net, context_in(tmp_path, *points(net)))
    assert sorted(change.removed) == ["busy", "vain"]
    assert [layer.name for layer in left.layers[1:]] == ["last"]
    np.testing.assert_allclose(np.asarray(left(points(net)[0][:9])).sum(1), 1, atol=1e-5)
    with pytest.raises(InputError, match="'shallow3' finds no more than 2"):
        shallow.apply("shallow3", net, net, context_in(tmp_path, *points(net)))


def test_what_left_before_a_kill_leaves_again_whatever_is_lost(tmp_path: Path, untrained: None) -> None:
    net, other = deep(), deep()
    context = context_in(tmp_path, *points(net))
    shallow.apply("shallow1", net, net, context)
    written = context.checkpoints / "shallow1.json"
    written.write_text(written.read_text().replace("vain", "busy"))
    assert shallow.apply("shallow1", other, other, context)[1].removed == ("busy",)


def test_a_network_of_which_nothing_can_leave_says_so(tmp_path: Path) -> None:
    net = chain(L.Conv2D(4, 3, strides=2), L.Flatten(), L.Dense(3))
    with pytest.raises(InputError, match="'shallow1' finds no layer and no block"):
        shallow.apply("shallow1", net, net, context_in(tmp_path, pictures(40), np.arange(40) % 3))


def test_models_inside_the_model_are_opened(tmp_path: Path, untrained: None) -> None:
    inner = deep()
    given = keras.Input((8,))
    net = keras.Model(given, inner(given))
    left, change = shallow.apply("shallow1", net, net, context_in(tmp_path, *points(net)))
    assert change.removed == ("vain",)
    assert left.count_params() == inner.count_params() - (8 * 16 + 16) - 8 * 16


def test_the_network_is_taught_and_neither_it_nor_its_teacher_is_changed(tmp_path: Path) -> None:
    net = deep()
    inputs, labels = points(net)
    before = net.get_weights()
    left, change = shallow.apply("shallow2", net, net, context_in(tmp_path, inputs, labels))
    for one, other in zip(before, net.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    assert change.trained[0].steps > 0
    most = np.bincount(labels).max() / len(labels)
    assert np.mean(np.asarray(left(inputs)).argmax(1) == labels) > most


def test_words_are_taken_and_said() -> None:
    assert all(map(shallow.accepts, shallow.EXAMPLES))
    assert not any(map(shallow.accepts, ("shallow", "shallow0", "shallow100", "shallow1x", "slim50")))
    assert shallow.says("shallow1") == "a layer or block removed, the one that takes the most time for what it gives"
    assert shallow.says("shallow3") == "3 layers or blocks removed that take the most time for what they give"
