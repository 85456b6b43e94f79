"""Which channels `slim` takes: those that the answers can do without, with labels and without."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_opt.nets.graph import importance, read
from edge_opt.passes import slim
from edge_opt.types import Context, Lesson

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


@pytest.mark.parametrize("labelled", [True, False])
def test_channels_that_the_answers_need_are_worth_more_even_to_the_original_itself(
    labelled: bool, tmp_path: Path
) -> None:
    from edge_opt.nets import frameworks

    keras = frameworks.keras()
    keras.utils.set_random_seed(1)
    model, rng = half_used(keras), np.random.default_rng(2)
    np.save(tmp_path / "inputs.npy", rng.normal(size=(300, 6)).astype(np.float32))
    np.save(tmp_path / "labels.npy", rng.integers(0, 3, 300))
    lesson = Lesson(
        inputs=tmp_path / "inputs.npy",
        labels=tmp_path / "labels.npy" if labelled else None,
        selection=tmp_path / "inputs.npy",
        selection_labels=tmp_path / "labels.npy",
    )
    context = Context(
        lesson=lesson, costs=None, multiple=8, seed=0, seconds=None, checkpoints=tmp_path, progress=tmp_path / "p.json"
    )
    lost = importance.taylor(read(model), *slim._question(model, context))["hidden"]
    used, spared = lost[::2], lost[1::2]
    assert used.max() > 1e-4  # no rounding noise
    assert np.median(used) > 1e4 * np.median(spared)
