"""Trains the classifier of the clothes-recognition web app: the plain CNN of a textbook, 241,546 parameters.

    python examples/web_app/train.py

It sees the first 9,000 of the 10,000 shipped training images; the last 1,000 give the validation curve in
``history.json``. The 2,000 validation images and the test set of ``calibration_data`` are never trained on, so that
they stay fit for calibration, selection and certification.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
from pathlib import Path
from typing import Any

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf

HERE = Path(__file__).resolve().parent
DATA = HERE.parents[1] / "calibration_data" / "fashion_mnist.npz"
SEED = 7
EPOCHS = 10
BATCH_SIZE = 64
LEARNING_RATE = 1e-3  # falls to zero along a cosine
CURVE_SAMPLES = 1_000  # the tail of x_train, for the validation curve only


def network() -> keras.Model:
    """The untrained classifier: pixels / 255 as ``(n, 28, 28, 1)`` float32 → ten probabilities."""
    inputs = keras.Input((28, 28, 1), name="image")
    x = inputs
    for block, channels in enumerate((32, 64, 128), start=1):
        x = keras.layers.Conv2D(channels, 3, padding="same", activation="relu", name=f"conv{block}")(x)
        x = keras.layers.MaxPooling2D(2, name=f"pool{block}")(x)
    x = keras.layers.Flatten(name="flatten")(x)
    x = keras.layers.Dense(128, activation="relu", name="dense")(x)
    outputs = keras.layers.Dense(10, activation="softmax", name="probabilities")(x)
    return keras.Model(inputs, outputs, name="clothes_classifier")


def pictures(images: Any) -> Any:
    """``(n, 28, 28)`` uint8 → ``(n, 28, 28, 1)`` float32, 0..1."""
    return (images.astype(np.float32) / 255)[..., None]


def train(data: Path, out: Path) -> None:
    """Write ``clothes_classifier.keras`` and ``history.json`` to ``out``."""
    keras.utils.set_random_seed(SEED)
    tf.config.experimental.enable_op_determinism()
    with np.load(data, allow_pickle=False) as arrays:
        images, labels = pictures(arrays["x_train"]), arrays["y_train"]
        test, test_labels = pictures(arrays["x_test"]), arrays["y_test"]
    model = network()
    steps = EPOCHS * math.ceil((len(images) - CURVE_SAMPLES) / BATCH_SIZE)
    rate = keras.optimizers.schedules.CosineDecay(LEARNING_RATE, steps)
    model.compile(keras.optimizers.Adam(rate), "sparse_categorical_crossentropy", metrics=["accuracy"])
    fitted = model.fit(
        images[:-CURVE_SAMPLES],
        labels[:-CURVE_SAMPLES],
        validation_data=(images[-CURVE_SAMPLES:], labels[-CURVE_SAMPLES:]),
        epochs=EPOCHS,
        batch_size=BATCH_SIZE,
        verbose=0,
    )
    accuracy = float(np.mean(model.predict(test, batch_size=500, verbose=0).argmax(1) == test_labels))
    history = {
        "data": "calibration_data/fashion_mnist.npz",
        "trained_on": f"x_train[:-{CURVE_SAMPLES}]",
        "validated_on": f"x_train[-{CURVE_SAMPLES}:]",
        "seed": SEED,
        "epochs": EPOCHS,
        "batch_size": BATCH_SIZE,
        "optimizer": f"adam, learning rate {LEARNING_RATE} falling to 0 along a cosine",
        "parameters": model.count_params(),
        "history": {name: [round(float(value), 6) for value in curve] for name, curve in fitted.history.items()},
        "test": {"samples": len(test_labels), "top1": accuracy},
        "versions": {"keras": keras.__version__, "tensorflow": tf.__version__},
    }
    # a model without its optimizer: a third of the size, and nothing but the weights that run
    frozen = network()
    frozen.set_weights(model.get_weights())
    frozen.save(out / "clothes_classifier.keras")
    (out / "history.json").write_text(json.dumps(history, indent=2) + "\n", encoding="utf-8")
    sys.stderr.write(f"{model.count_params()} parameters, top-1 {accuracy:.4f} on {len(test_labels)} test images\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=DATA, help="the embedded data set")
    parser.add_argument("--output", type=Path, default=HERE, help="where to write the model and its history")
    options = parser.parse_args()
    train(options.data, options.output)
