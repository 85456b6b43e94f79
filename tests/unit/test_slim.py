"""Which channels `slim` takes, with labels and without, and what it says where there are too few of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_opt.errors import InputError
from edge_opt.nets import train
from edge_opt.nets.graph import importance, read
from edge_opt.passes.slim import slim
from edge_opt.types import Context, Lesson, Trained

pytestmark = pytest.mark.slow


def half_used(keras: Any) -> Any:
    """A network of which every second hidden unit is read with a weight of nearly nothing."""
    given = keras.Input((6,))
    hidden = keras.layers.Dense(16, activation="relu", name="hidden")(given)
    model = keras.Model(given, keras.layers.Dense(3, activation="softmax", name="classes")(hidden))
    kernel, bias = model.get_layer("classes").get_weights()
    kernel[1::2] *= 1e-4
    model.get_layer("classes").set_weights([kernel, bias])
    return model


@pytest.fixture
def keras() -> Any:
    from edge_opt.nets import frameworks

    found = frameworks.keras()
    found.utils.set_random_seed(1)
    return found


def context_in(folder: Path, shape: tuple[int, ...] = (6,), *, labelled: bool = True) -> Context:
    rng = np.random.default_rng(2)
    np.save(folder / "inputs.npy", rng.normal(size=(300, *shape)).astype(np.float32))
    np.save(folder / "labels.npy", rng.integers(0, 3, 300))
    lesson = Lesson(
        inputs=folder / "inputs.npy",
        labels=folder / "labels.npy" if labelled else None,
        selection=folder / "inputs.npy",
        selection_labels=folder / "labels.npy",
    )
    return Context(
        lesson=lesson, costs=None, multiple=8, seed=0, seconds=None, checkpoints=folder, progress=folder / "p.json"
    )


@pytest.fixture
def untrained(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What would have been trained; networks come back as they were given."""
    how = Trained(epochs=0, best_epoch=0, steps=0, samples=0, seconds=0.0, accuracy=0.0, teacher_accuracy=0.0)
    told: list[str] = []

    def recover(student: Any, *_: Any, what: str, **__: Any) -> tuple[Any, Trained]:
        told.append(what)
        return student, how

    monkeypatch.setattr(train, "recover", recover)
    return told


@pytest.mark.parametrize("labelled", [True, False])
def test_channels_that_the_answers_need_are_worth_more_even_to_the_original_itself(
    labelled: bool, keras: Any, tmp_path: Path
) -> None:
    model, context = half_used(keras), context_in(tmp_path, labelled=labelled)
    lost = importance.taylor(read(model), *train.question(model, context))["hidden"]
    used, spared = lost[::2], lost[1::2]
    assert used.max() > 1e-4  # no rounding noise
    assert np.median(used) > 1e4 * np.median(spared)


def two_layers(keras: Any, first: int = 64, second: int = 40) -> Any:
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((6,)),
            layers.Dense(first, "relu", name="first"),
            layers.Dense(second, "relu", name="second"),
            layers.Dense(3, "softmax", name="classes"),
        ]
    )


# with 8 channels each: 88 of 104 have left, and 136 of 3064 multiply-accumulates are still done
@pytest.mark.parametrize(("word", "most"), [("slim88", "84 %"), ("slim95", "84 %"), ("slim@30x", "22.52x")])
def test_what_is_out_of_reach_is_said_before_any_training_in_the_words_of_who_asked(
    word: str, most: str, keras: Any, untrained: list[str], tmp_path: Path
) -> None:
    model = two_layers(keras)
    with pytest.raises(InputError, match=f"'{word}' is out of reach: .*at most {most}$"):
        slim.apply(word, model, model, context_in(tmp_path))
    assert untrained == []


@pytest.mark.parametrize("word", ["slim84", "slim@22.52x"])
def test_what_is_said_to_be_in_reach_is_reached_in_as_many_steps_as_it_takes(
    word: str, keras: Any, untrained: list[str], tmp_path: Path
) -> None:
    model = two_layers(keras)
    net, change = slim.apply(word, model, model, context_in(tmp_path))
    assert [layer.units for layer in net.layers if hasattr(layer, "units")] == [8, 8, 3]
    assert [(one.before, one.after) for one in change.widths] == [(64, 8), (40, 8)]
    assert len(untrained) > 1
    assert untrained[0] == f"{word}, step 1 of {len(untrained)}"


@pytest.mark.parametrize(("share", "least"), [(80, 0.2), (94, 0.06)])
def test_steps_together_take_what_was_asked_for_and_no_more(
    share: int, least: float, keras: Any, untrained: list[str], tmp_path: Path
) -> None:
    model = two_layers(keras, 200, 200)
    net, _ = slim.apply(f"slim{share}", model, model, context_in(tmp_path))
    left = sum(layer.units for layer in net.layers[-3:-1])
    assert least * 400 - 8 < left <= least * 400


def test_a_network_that_takes_one_picture_of_bytes_at_a_time_becomes_one_that_takes_many(
    keras: Any, untrained: list[str], tmp_path: Path
) -> None:
    layers = keras.layers
    given = keras.Input((6, 6, 1), batch_size=1, dtype="uint8")
    x = layers.Conv2D(16, 3, activation="relu", name="first")(layers.Rescaling(1 / 255)(given))
    x = layers.Dense(3, "softmax")(keras.ops.reshape(x, (1, 256)))
    model = keras.Model(given, x)
    context = context_in(tmp_path, (6, 6, 1))
    pictures = np.random.default_rng(0).integers(0, 256, (300, 6, 6, 1))
    np.save(context.lesson.inputs, pictures.astype(np.float32))
    net, _ = slim.apply("slim50", model, model, context)
    assert net.get_layer("first").filters == 8
    assert net.input_shape == (None, 6, 6, 1)
    assert net(pictures[:5].astype(np.uint8)).shape == (5, 3)
