"""Channels that are coupled leave together, and what is left answers as if they had been zero."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from edge_opt.errors import ModelError
from edge_opt.nets import describe, freeze
from edge_opt.nets.graph import Graph, Replacement, masked, read, rebuilt, sliced

pytestmark = pytest.mark.slow
keras: Any = pytest.importorskip("keras", reason="pip install 'edge-opt[keras]' to look into Keras models")
L = keras.layers


def randomised(model: Any, seed: int = 0) -> Any:
    """``model`` with no weight at its initial value: statistics, scales and biases that let mistakes show."""
    draw = np.random.default_rng(seed)
    for variable in model.weights:
        shape = tuple(variable.shape)
        if variable.name == "moving_variance":
            variable.assign(draw.uniform(0.5, 2, shape))
        elif "kernel" in variable.name:
            variable.assign(draw.normal(0, 1.4 / np.sqrt(max(1, np.prod(shape[:-1]))), shape))
        else:
            variable.assign(draw.choice([-1, 1], shape) * draw.uniform(0.3, 1.2, shape))
    return model


def inputs_of(model: Any, count: int = 3, seed: int = 0) -> Any:
    draw = np.random.default_rng(seed)
    found = []
    for tensor in model.inputs:
        far = 1 if tensor.dtype == "float32" else 50
        found.append(draw.uniform(-far, far, (count, *tensor.shape[1:])).astype(tensor.dtype))
    return found if len(found) > 1 else found[0]


def some(graph: Graph, seed: int = 0) -> dict[str, NDArray[np.bool_]]:
    """Masks that keep about half of each group, two channels at least: one for each group would be depthwise."""
    draw = np.random.default_rng(seed)
    keep = {}
    for group in graph.groups:
        if not group.fixed:
            mask = draw.random(group.width) < 0.5
            mask[draw.permutation(group.width)[:2]] = True
            keep[group.name] = mask
    return keep


def widths(graph: Graph, keep: Mapping[str, NDArray[np.bool_]]) -> dict[str, int]:
    return {**graph.widths, **{name: int(mask.sum()) for name, mask in keep.items()}}


def difference(found: Any, expected: Any) -> float:
    """Of the largest output, where that is no zero."""
    pairs = zip(keras.tree.flatten(found), keras.tree.flatten(expected), strict=True)
    arrays = [(np.asarray(a), np.asarray(b)) for a, b in pairs]
    return max(float(np.abs(a - b).max() / max(1e-6, np.abs(b).max())) for a, b in arrays)


def groups(graph: Graph) -> dict[str, tuple[tuple[str, ...], int]]:
    """Those that can shrink."""
    return {group.name: (group.layers, group.width) for group in graph.groups if not group.fixed}


def check(model: Any) -> tuple[Graph, Any]:
    """Its graph, and a slice of it that was seen to be exact, and to be what the graph says of it."""
    graph = read(randomised(model))
    keep = some(graph)
    small = sliced(graph, keep)
    inputs = inputs_of(model)
    assert difference(small(inputs), masked(graph, inputs, keep)) < 1e-5
    again = read(small)
    assert again.widths == widths(graph, keep)
    for name, channels in graph.layers.items():
        assert channels(widths(graph, keep)) == again.layers[name](again.widths)
    return graph, small


def chain(*layers: Any, shape: tuple[int, ...] = (8, 8, 3), name: str | None = None) -> Any:
    return keras.Sequential([keras.Input(shape), *layers], name=name)


def test_a_channel_that_leaves_takes_its_part_of_normalisation_and_of_what_reads_it_flattened() -> None:
    model = chain(
        L.Conv2D(4, 3, name="a"),
        L.BatchNormalization(name="b"),
        L.ReLU(),
        L.MaxPooling2D(),
        L.Flatten(),
        L.Dense(5, name="last"),
    )
    graph = read(randomised(model))
    small = sliced(graph, {"a": np.array([True, False, True, False])})
    kernel, bias = model.get_layer("a").get_weights()
    np.testing.assert_array_equal(small.get_layer("a").get_weights()[0], kernel[..., [0, 2]])
    np.testing.assert_array_equal(small.get_layer("a").get_weights()[1], bias[[0, 2]])
    for mine, whole in zip(small.get_layer("b").get_weights(), model.get_layer("b").get_weights(), strict=True):
        np.testing.assert_array_equal(mine, whole[[0, 2]])
    kernel, bias = model.get_layer("last").get_weights()
    rows = kernel.reshape(3, 3, 4, 5)[:, :, [0, 2]].reshape(18, 5)
    np.testing.assert_array_equal(small.get_layer("last").get_weights()[0], rows)
    np.testing.assert_array_equal(small.get_layer("last").get_weights()[1], bias)


def test_the_masked_original_is_the_original_with_the_rows_of_removed_channels_at_zero() -> None:
    model = randomised(
        chain(
            L.Conv2D(6, 3, activation="sigmoid", name="a"),
            L.DepthwiseConv2D(3, activation="sigmoid"),
            L.Conv2D(5, 1, activation="tanh", name="b"),
            L.GlobalAveragePooling2D(),
            L.Dense(4, name="c"),
        )
    )
    keep = {"a": np.array([1, 0, 0, 1, 1, 0], bool), "b": np.array([0, 1, 1, 0, 1], bool)}
    inputs = inputs_of(model)
    found = masked(read(model), inputs, keep)
    for name, mask in (("b", keep["a"]), ("c", keep["b"])):
        kernel, bias = model.get_layer(name).get_weights()
        model.get_layer(name).set_weights([kernel * mask[:, None], bias])
    np.testing.assert_allclose(found, model(inputs), rtol=1e-5, atol=1e-6)


def test_what_is_added_multiplied_or_gated_is_one_group() -> None:
    entry = keras.Input((8, 8, 3))
    x = L.Conv2D(8, 3, padding="same", name="stem")(entry)
    y = L.Conv2D(8, 3, padding="same", name="inner")(L.Conv2D(6, 1, activation="relu", name="narrow")(x))
    x = L.Add()([x, y])
    gate = L.Reshape((1, 1, 8))(L.GlobalAveragePooling2D()(x))
    gate = L.Conv2D(4, 1, activation="relu", name="squeeze")(gate)
    x = L.Multiply()([x, L.Conv2D(8, 1, activation="sigmoid", name="excite")(gate)])
    graph, _ = check(keras.Model(entry, L.Dense(3)(L.GlobalMaxPooling2D()(x))))
    assert groups(graph) == {
        "stem": (("stem", "inner", "excite"), 8),
        "narrow": (("narrow",), 6),
        "squeeze": (("squeeze",), 4),
    }


def test_concatenated_layers_stay_groups_of_their_own_and_what_is_added_to_them_is_cut_in_two() -> None:
    entry = keras.Input((8, 8, 3))
    left, right = L.Conv2D(4, 1, name="left")(entry), L.Conv2D(6, 3, padding="same", name="right")(entry)
    x = L.BatchNormalization()(L.Concatenate()([left, right]))
    x = L.Add()([x, L.Conv2D(10, 1, name="both")(x)])
    graph, _ = check(keras.Model(entry, L.Dense(3)(L.Flatten()(x))))
    assert groups(graph) == {"left": (("left", "both"), 4), "right": (("right", "both"), 6)}
    assert graph.layers["both"].counts == {"left": 1, "right": 1}


def test_grouped_convolutions_keep_groups_of_one_size_and_depthwise_ones_repeat_channels() -> None:
    model = chain(
        L.Conv2D(8, 1, name="a"),
        L.Conv2D(12, 3, groups=4, name="grouped"),
        L.DepthwiseConv2D(3, depth_multiplier=2, name="deep"),
        L.Conv2D(48, 1, groups=24, name="depthwise"),
        L.SeparableConv2D(6, 2, depth_multiplier=2, name="separable"),
        L.Flatten(),
        L.Dense(3),
    )
    graph, small = check(model)
    assert groups(graph) == {"a": (("a",), 2), "grouped": (("grouped",), 3), "separable": (("separable",), 6)}
    assert graph.layers["grouped"].counts == {"grouped": 4}
    assert small.get_layer("depthwise").groups == small.get_layer("depthwise").filters // 2


def test_shuffled_channels_leave_by_whole_slices() -> None:
    model = chain(
        L.Conv2D(12, 1, name="a"),
        L.Reshape((8, 8, 3, 4)),
        L.Permute((1, 2, 4, 3)),
        L.Reshape((8, 8, 12)),
        L.Conv2D(5, 3, name="b"),
        L.GlobalAveragePooling2D(),
        L.Dense(3),
    )
    graph, _ = check(model)
    assert groups(graph) == {"a": (("a",), 4), "b": (("b",), 5)}


def test_operations_without_layers_pass_channels_on() -> None:
    entry = keras.Input((8, 8, 3))
    x = L.Conv2D(8, 3, padding="same", name="a")(entry)
    x = x * keras.ops.relu6(x + 3.0) * (1 / 6)
    x = keras.ops.concatenate([x, L.Conv2D(4, 1, name="b")(x)], axis=-1)
    x = keras.ops.reshape(keras.ops.mean(x, axis=(1, 2)), (-1, 1, 1, 12))
    graph, _ = check(keras.Model(entry, L.Flatten()(L.Conv2D(3, 1)(x))))
    assert groups(graph) == {"a": (("a",), 8), "b": (("b",), 4)}


def test_layers_that_mix_channels_keep_them_and_a_finding_names_them() -> None:
    entry = keras.Input((8, 8, 3))
    x = L.LayerNormalization()(L.Conv2D(8, 2, strides=2, name="stem")(entry))
    x = L.Dense(16, activation="gelu", name="hidden")(x)
    x = L.Dense(8, name="back")(x)
    gate = L.Conv2D(1, 1, activation="sigmoid", name="gate")(x)
    x = L.Multiply()([L.Conv2D(6, 1, name="gated")(x), gate])
    graph, _ = check(keras.Model(entry, L.Activation("softmax")(L.Dense(3)(L.Flatten()(x)))))
    assert groups(graph) == {"hidden": (("hidden",), 16), "back": (("back",), 8), "gated": (("gated",), 6)}
    (finding,) = graph.findings()
    assert finding.code == "EO420"
    assert "LayerNormalization mixes channels ('stem')" in finding.message
    assert "('gate')" in finding.message


def test_only_what_the_model_answers_with_is_held_in_a_plain_network_and_that_is_no_finding() -> None:
    graph = read(chain(L.Flatten(), L.Dense(8), L.Dense(3), L.Softmax()))
    assert [bool(group.fixed) for group in graph.groups] == [False, True]
    assert graph.findings() == ()


def test_models_inside_are_opened_and_layers_called_twice_are_one() -> None:
    block = keras.Sequential([keras.Input((8, 8, 6)), L.Conv2D(6, 3, padding="same", name="a"), L.ReLU()], name="block")
    entry = keras.Input((8, 8, 3))
    x = L.Conv2D(6, 1, name="a")(entry)
    x = block(block(x), training=False)
    tail = keras.Input((8, 8, 6))
    head = keras.Model(tail, L.Dense(3, name="scores")(L.Flatten()(tail)), name="head")
    model = keras.Model(entry, head(x))
    graph, small = check(model)
    assert groups(graph) == {"a": (("a", "block_a"), 6)}
    assert [layer.name for layer in small.layers].count("block_a") == 1
    assert small.output_names == model.output_names == ["head"]
    (shared,) = (work for work in graph.works if work.layer == "block_a")
    assert shared(graph.widths) == 2 * 8 * 8 * 9 * 6 * 6


def test_a_model_inside_that_makes_another_type_of_its_inputs_stays_closed() -> None:
    inner = chain(L.Conv2D(4, 3), L.Flatten(), name="inner")
    entry = keras.Input((8, 8, 3), dtype="int32")
    model = keras.Model(entry, L.Dense(3, name="last")(L.Dense(6, name="a")(inner(entry))))
    graph, _ = check(model)
    assert [call.name for call in graph.calls] == ["inner", "a", "last"]
    assert groups(graph) == {"a": (("a",), 6)}


def test_several_inputs_and_named_outputs_stay_what_they_were() -> None:
    first, second = keras.Input((8, 8, 3), name="picture"), keras.Input((5,), name="numbers")
    x = L.Flatten()(L.Conv2D(4, 3, name="_hidden")(first))
    x = L.Concatenate()([x, L.Dense(6, name="b", activation="relu")(second)])
    model = keras.Model([first, second], {"kind": L.Dense(3, name="one")(x), "size": L.Dense(1, name="two")(x)})
    graph, small = check(model)
    assert set(groups(graph)) == {"hidden", "b"}
    assert [tensor.name for tensor in small.inputs] == ["picture", "numbers"]
    assert set(small(inputs_of(model))) == {"kind", "size"}


def test_slopes_of_prelu_are_cut_where_they_are_one_for_a_channel() -> None:
    model = chain(
        L.Conv1D(6, 3, name="a"),
        L.PReLU(shared_axes=[1]),
        L.Conv1DTranspose(4, 2, strides=2, name="b"),
        L.PReLU(),
        L.BatchNormalization(scale=False),
        L.Flatten(),
        L.Dense(3),
        shape=(9, 2),
    )
    graph, _ = check(model)
    assert groups(graph) == {"a": (("a",), 6), "b": (("b",), 4)}


@keras.saving.register_keras_serializable("tests")
class Doubled(L.Layer):  # type: ignore[misc]
    """A layer of one's own."""

    def call(self, x: Any) -> Any:
        """Twice as much."""
        return 2 * x


class Silent(L.Layer):  # type: ignore[misc]
    """A layer that does not tell what it was made of."""

    def __init__(self, factor: Any, **options: Any) -> None:
        super().__init__(**options)
        self.factor = factor

    def call(self, x: Any) -> Any:
        """Some more."""
        return x * self.factor(2)


def test_a_layer_of_ones_own_is_copied_and_keeps_what_it_reads() -> None:
    graph, small = check(chain(L.Conv2D(8, 3, name="a"), Doubled(), L.Lambda(lambda x: x + 1), L.Flatten(), L.Dense(3)))
    assert groups(graph) == {}
    assert "Doubled mixes channels ('a')" in graph.findings()[0].message
    assert isinstance(small.layers[2], Doubled)


def test_a_layer_that_cannot_be_copied_is_named() -> None:
    graph = read(chain(L.Conv2D(8, 3), Silent(float, name="mine"), L.Flatten(), L.Dense(3)))
    with pytest.raises(ModelError, match=r"the layer 'mine' .Silent. cannot be made again"):
        rebuilt(graph, lambda call: None)


def test_a_model_with_a_call_of_its_own_is_refused() -> None:
    class Own(keras.Model):  # type: ignore[misc]
        def call(self, x: Any) -> Any:
            return x

    with pytest.raises(ModelError, match="a class of its own"):
        read(Own())


def test_training_a_copy_leaves_the_original_as_it_was() -> None:
    model = randomised(chain(L.Conv2D(4, 3), L.BatchNormalization(), L.Flatten(), L.Dense(3, activation="softmax")))
    before, inputs = model.get_weights(), inputs_of(model, 16)
    copy = rebuilt(read(model), lambda call: None)
    assert difference(copy(inputs), model(inputs)) == 0
    copy.compile("sgd", "sparse_categorical_crossentropy")
    copy.train_on_batch(inputs, np.zeros(16))
    for mine, whole in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(mine, whole)
    assert difference(copy(inputs), model(inputs)) > 0


def test_a_call_is_answered_by_another_layer_or_left_out() -> None:
    model = randomised(chain(L.Conv2D(4, 3, name="a"), L.MaxPooling2D(2, name="b"), L.Flatten(), L.Dense(3)))
    conv = model.get_layer("a")

    def replace(call: Any) -> Replacement | None:
        if call.name == "b":
            return Replacement()
        if call.name == "a":
            return Replacement(L.Conv2D(4, 3, strides=2, name="other"), conv.get_weights())
        return None

    changed, inputs = rebuilt(read(model), replace), inputs_of(model)
    assert [layer.name for layer in changed.layers[1:]] == ["a", *(layer.name for layer in model.layers[2:])]
    expected = model.layers[-1](keras.ops.reshape(conv(inputs)[:, ::2, ::2], (3, -1)))
    assert difference(changed(inputs), expected) < 1e-5


def test_a_replacement_that_does_not_fit_is_refused_with_the_layer_that_it_does_not_fit() -> None:
    model = chain(L.Conv2D(4, 3, name="a"), L.MaxPooling2D(2, name="b"), L.Flatten(), L.Dense(3, name="last"))
    with pytest.raises(ModelError, match="'last' does not fit"):
        rebuilt(read(model), lambda call: Replacement() if call.name == "b" else None)


def test_masks_that_leave_nothing_or_touch_what_must_stay_are_refused() -> None:
    graph = read(chain(L.Flatten(), L.Dense(8, name="a"), L.Dense(3, name="last")))
    for keep in ({"a": np.zeros(8, bool)}, {"a": np.ones(7, bool)}, {"last": np.array([True, False, True])}):
        with pytest.raises(ValueError, match=r"'(a|last)'"):
            sliced(graph, keep)


def test_the_works_of_layers_are_the_multiply_accumulates_that_tensorflow_counts() -> None:
    entry = keras.Input((16, 16, 3))
    x = L.Conv2D(8, 3, strides=2, name="a")(entry)
    x = L.SeparableConv2D(12, 3, depth_multiplier=2)(x)
    x = L.DepthwiseConv2D(3, padding="same")(x)
    x = L.Conv2D(12, 3, groups=3, padding="same")(x)
    x = L.Conv2DTranspose(6, 3, strides=2)(L.MaxPooling2D()(x))
    model = keras.Model(entry, L.Dense(3)(L.Flatten()(x)))
    graph, small = check(model)
    for network, size in ((model, graph.widths), (small, read(small).widths)):
        source = describe.tensor("x", (1, *network.inputs[0].shape[1:]), "float32")
        frozen = freeze.freeze(lambda given, network=network: network(given), source)
        assert sum(work(size) for work in graph.works if work.kind != "pool") == describe.macs(frozen)
    (pool,) = (work for work in graph.works if work.kind == "pool")
    assert pool(graph.widths) == 5 * 5 * 12
    assert {work.shape for work in graph.works if work.layer == "a"} == {(16, 16, 3)}


def test_a_work_can_be_built_alone() -> None:
    model = chain(L.Conv2D(8, 3, strides=2), L.SeparableConv2D(12, 3, padding="same", depth_multiplier=2), L.Flatten())
    for work in read(model).works:
        layer = getattr(L, work.config["class_name"]).from_config(work.config["config"])
        assert layer(keras.Input(work.shape)).shape[-1] == work.outputs(read(model).widths)
