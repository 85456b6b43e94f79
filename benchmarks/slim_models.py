"""Three small networks to slim, trained on the embedded data and kept outside of the repository, and their lesson.

``clothes`` is the embedded classifier, ``mobile`` a chain of depthwise separable convolutions, ``residual`` one of
convolutions with shortcuts; the latter two with batch normalisation. They are kept in ``EDGE_OPT_BENCH_CACHE``, else in
the user's cache folder, under the hash of this file.

::

    python benchmarks/slim_models.py    # trains what is not there yet, and prints what each is worth
"""

from __future__ import annotations

import functools
import hashlib
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_opt.inputs.embedded import DEMO_DATA, DEMO_MODEL, shared_path
from edge_opt.nets.frameworks import keras
from edge_opt.types import Lesson

SEED, EPOCHS, BATCH, RATE = 7, 8, 64, 2e-3
NAMES = ("clothes", "mobile", "residual")


def cache() -> Path:
    """The folder of all that these benchmarks keep; it is made where it is not there."""
    named = os.environ.get("EDGE_OPT_BENCH_CACHE")
    root = Path(named) if named else Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "edge-opt-bench"
    folder = root / f"slim-{hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:12]}"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@functools.cache
def data() -> Mapping[str, NDArray[Any]]:
    """``x_<split>`` ``(n, 28, 28, 1)`` float32 in 0..1 and ``y_<split>`` ``(n,)`` int64 of train, val and test."""
    with np.load(shared_path(DEMO_DATA), allow_pickle=False) as arrays:
        found = {name: arrays[name] for name in arrays.files if name[:2] in ("x_", "y_")}
    return {
        name: (array.astype(np.float32) / 255)[..., None] if name[0] == "x" else array.astype(np.int64)
        for name, array in found.items()
    }


def lesson() -> Lesson:
    """The 10,000 training samples, stopped by the 2,000 of the validation split; the test split is in none of it."""
    files = {name: cache() / f"{name}.npy" for name in ("x_train", "y_train", "x_val", "y_val")}
    for name, path in files.items():
        if not path.exists():
            part = path.with_name(f"{path.stem}-{os.getpid()}.npy")
            np.save(part, data()[name])
            os.replace(part, path)
    return Lesson(
        inputs=files["x_train"],
        labels=files["y_train"],
        selection=files["x_val"],
        selection_labels=files["y_val"],
        picture=(1, 2),
    )


def load(name: str) -> Any:
    """One of :data:`NAMES`, at least 85 % right on the test split; trained where it is not kept."""
    if name == "clothes":
        return keras().models.load_model(shared_path(DEMO_MODEL), compile=False)
    path = cache() / f"{name}.keras"
    if not path.exists():
        part = path.with_name(f"{name}-{os.getpid()}.keras")
        _trained({"mobile": mobile, "residual": residual}[name]).save(part)
        os.replace(part, path)
    return keras().models.load_model(path, compile=False)


def accuracy(model: Any, split: str = "test") -> float:
    """The share of ``split`` that ``model`` names rightly."""
    answers = np.asarray(model.predict(data()[f"x_{split}"], batch_size=500, verbose=0))
    return float(np.mean(answers.argmax(1) == data()[f"y_{split}"]))


def mobile() -> Any:
    """An untrained chain of depthwise separable convolutions, as MobileNet: 3.7 M multiply-accumulates."""
    layers = keras().layers
    inputs = keras().Input((28, 28, 1), name="image")
    x = _normalised(layers.Conv2D(32, 3, padding="same", use_bias=False, name="stem")(inputs), "stem")
    for index, (width, stride) in enumerate(((64, 2), (64, 1), (128, 2), (128, 1), (128, 1)), start=1):
        depthwise = layers.DepthwiseConv2D(3, stride, padding="same", use_bias=False, name=f"depthwise{index}")
        x = _normalised(depthwise(x), f"depthwise{index}")
        x = _normalised(layers.Conv2D(width, 1, use_bias=False, name=f"pointwise{index}")(x), f"pointwise{index}")
    return _answering(inputs, x, "mobile")


def residual() -> Any:
    """An untrained small ResNet, a shortcut around each block of two convolutions: 10 M multiply-accumulates."""
    layers = keras().layers
    inputs = keras().Input((28, 28, 1), name="image")
    x = _normalised(layers.Conv2D(32, 3, padding="same", use_bias=False, name="stem")(inputs), "stem")
    x = layers.MaxPooling2D(2, name="pool")(x)
    for index, (width, stride) in enumerate(((32, 1), (64, 2), (128, 2)), start=1):
        start = x
        x = layers.Conv2D(width, 3, stride, padding="same", use_bias=False, name=f"block{index}_a")(x)
        x = layers.Conv2D(width, 3, padding="same", use_bias=False, name=f"block{index}_b")(
            _normalised(x, f"block{index}_a")
        )
        x = layers.BatchNormalization(name=f"block{index}_b_bn")(x)
        if stride > 1:
            start = layers.Conv2D(width, 1, stride, use_bias=False, name=f"block{index}_short")(start)
            start = layers.BatchNormalization(name=f"block{index}_short_bn")(start)
        x = layers.ReLU(name=f"block{index}_out")(layers.Add(name=f"block{index}_add")([x, start]))
    return _answering(inputs, x, "residual")


def _normalised(x: Any, name: str) -> Any:
    layers = keras().layers
    return layers.ReLU(name=f"{name}_relu")(layers.BatchNormalization(name=f"{name}_bn")(x))


def _answering(inputs: Any, x: Any, name: str) -> Any:
    layers = keras().layers
    x = layers.GlobalAveragePooling2D(name="average")(x)
    return keras().Model(inputs, layers.Dense(10, activation="softmax", name="probabilities")(x), name=name)


def _trained(network: Callable[[], Any]) -> Any:
    """``network`` trained on the pictures and on their mirror images, the rate falling along a cosine."""
    keras().utils.set_random_seed(SEED)
    model, images, labels = network(), data()["x_train"], data()["y_train"]
    for layer in model.layers:
        if isinstance(layer, keras().layers.BatchNormalization):
            layer.momentum = 0.9  # of 0.99, the statistics of so few steps lag behind
    steps = EPOCHS * 2 * len(images) // BATCH
    rate = keras().optimizers.schedules.CosineDecay(RATE, steps)
    model.compile(keras().optimizers.Adam(rate), "sparse_categorical_crossentropy", metrics=["accuracy"])
    mirrored = np.concatenate([images, images[:, :, ::-1]])
    model.fit(mirrored, np.concatenate([labels, labels]), batch_size=BATCH, epochs=EPOCHS, verbose=2)
    return model


def main() -> None:
    """Print the parameters and the accuracy of each network."""
    for name in NAMES:
        start = time.monotonic()
        model = load(name)
        took = time.monotonic() - start
        print(
            f"{name}: {model.count_params():,} parameters, top-1 {accuracy(model):.4f}, ready in {took:.0f} s",
            flush=True,
        )


if __name__ == "__main__":
    main()
