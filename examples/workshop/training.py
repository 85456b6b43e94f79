"""Small networks and their training: how the models of the prepared cases came to be."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from drawing import Part, Parts

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

BATCH_SIZE = 64
Linear = tuple[float, float]
UNIT: Linear = (1 / 255, 0.0)  # 0..1
RAW: Linear = (1.0, 0.0)  # 0..255
SIGNED: Linear = (2 / 255, -1.0)  # -1..1


@dataclass(frozen=True, kw_only=True)
class Trained:
    """A model that has been trained, and its ``history``: what Keras returned, and nothing else."""

    model: Any
    history: dict[str, list[float]]


def begin(seed: int) -> Any:
    """Keras, with every source of chance set to ``seed``."""
    import keras
    import tensorflow as tf

    keras.utils.set_random_seed(seed)
    tf.config.experimental.enable_op_determinism()
    return keras


def network(
    seed: int,
    channels: Sequence[int] = (16, 32, 64),
    *,
    dense: int = 0,
    normalised: bool = True,
    dropout: float = 0.3,
    born_dead: float = 0.0,
) -> Any:
    """An untrained classifier of 28×28 pictures: a convolution and a pooling for each of ``channels``.

    ``dense`` channels follow where there are any; ``born_dead`` of the channels of the last convolution begin with a
    bias so low that they never answer, and that no gradient reaches.
    """
    keras = begin(seed)
    layers = keras.layers
    inputs = keras.Input((28, 28, 1), name="image")
    x = inputs
    for block, width in enumerate(channels, start=1):
        x = layers.Conv2D(
            width,
            3,
            padding="same",
            use_bias=not normalised,
            activation=None if normalised else "relu",
            name=f"conv{block}",
        )(x)
        if normalised:
            x = layers.BatchNormalization(momentum=0.9, name=f"norm{block}")(x)
            x = layers.ReLU(name=f"relu{block}")(x)
        x = layers.MaxPooling2D(2, name=f"pool{block}")(x)
    x = layers.Flatten(name="flatten")(x)
    if dropout:
        x = layers.Dropout(dropout, name="dropout")(x)
    if dense:
        x = layers.Dense(dense, activation="relu", name="dense")(x)
    outputs = layers.Dense(10, activation="softmax", name="probabilities")(x)
    model = keras.Model(inputs, outputs, name="clothes")
    if born_dead:
        last = model.get_layer(f"conv{len(channels)}")
        kernel, bias = last.get_weights()
        bias[: round(born_dead * len(bias))] = -20.0
        last.set_weights([kernel, bias])
    return model


def too_small(seed: int) -> Any:
    """An untrained classifier without the capacity for ten classes: two channels, and their averages."""
    keras = begin(seed)
    inputs = keras.Input((28, 28, 1), name="image")
    x = keras.layers.Conv2D(2, 3, padding="same", use_bias=False, name="conv1")(inputs)
    x = keras.layers.BatchNormalization(momentum=0.9, name="norm1")(x)
    x = keras.layers.ReLU(name="relu1")(x)
    x = keras.layers.GlobalAveragePooling2D(name="average")(x)
    outputs = keras.layers.Dense(10, activation="softmax", name="probabilities")(x)
    return keras.Model(inputs, outputs, name="clothes")


def fit(
    model: Any,
    parts: Parts,
    *,
    epochs: int,
    optimizer: Any,
    linear: Linear = UNIT,
    batch: int = BATCH_SIZE,
    patience: int = 0,
    keep_best: bool = False,
) -> Trained:
    """``model`` trained on the training split, with the validation split for its curves.

    ``patience`` stops early and takes the best epoch back; ``keep_best`` takes it back too, and ends the training only
    where the loss is no number.
    """
    import keras

    told: list[Any] = []
    if patience:
        told.append(keras.callbacks.EarlyStopping("val_loss", patience=patience, restore_best_weights=True))
    if keep_best:
        told += [best_of(model), keras.callbacks.TerminateOnNaN()]
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    fitted = model.fit(
        seen(parts["train"], linear),
        parts["train"].y,
        validation_data=(seen(parts["validation"], linear), parts["validation"].y),
        epochs=epochs,
        batch_size=batch,
        callbacks=told,
        verbose=0,
    )
    if keep_best:
        next(one for one in told if hasattr(one, "back")).back()
    return Trained(model=model, history={name: [float(v) for v in curve] for name, curve in fitted.history.items()})


def best_of(model: Any) -> Any:
    """A callback that keeps the weights of the epoch with the highest validation accuracy; ``back()`` restores them."""
    import keras

    class Best(keras.callbacks.Callback):  # type: ignore[misc]
        """The weights of the epoch with the highest validation accuracy."""

        best, weights = -1.0, model.get_weights()

        def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> None:
            """Keep the weights where they are the best so far."""
            if np.isfinite(logs["loss"]) and logs["val_accuracy"] > self.best:
                self.best, self.weights = logs["val_accuracy"], model.get_weights()

        def back(self) -> None:
            """Give the model the best weights."""
            model.set_weights(self.weights)

    return Best()


def seen(part: Part, linear: Linear = UNIT) -> Any:
    """The pictures of ``part`` as a model takes them: ``(n, 28, 28, 1)`` float32."""
    scale, offset = linear
    return (part.x.astype(np.float32) * np.float32(scale) + np.float32(offset))[..., None]
