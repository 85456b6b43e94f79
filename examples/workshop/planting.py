"""The prepared cases: what is planted in each, on purpose and alone, and clean controls to compare with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
from drawing import Parts, blurred, darker, draw, mislabelled, saved_again, some, touched
from training import BATCH_SIZE, RAW, SIGNED, UNIT, Linear, Trained, fit, network, too_small


@dataclass(frozen=True, kw_only=True)
class Made:
    """What one case consists of: the data, the trained model, and the contract that lies beside the data."""

    parts: Parts
    trained: Trained
    linear: Linear = UNIT
    as_files: bool = False  # pictures in folders, some of them broken


@dataclass(frozen=True, kw_only=True)
class Case:
    """A prepared case: the code of what is planted ("" in a control), what was done, and how it is made of a seed."""

    name: str
    planted: str
    what: str
    quoi: str
    make: Callable[[int], Made]


def adam(rate: float, steps: int = 0) -> Any:
    """The Adam optimizer at ``rate``, which falls to zero along a cosine over ``steps`` where they are given."""
    import keras

    return keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(rate, steps) if steps else rate)


def sgd(rate: Any) -> Any:
    """Gradient descent with momentum at ``rate``."""
    import keras

    return keras.optimizers.SGD(rate, momentum=0.9)


def falling(rate: float, parts: Parts, epochs: int, batch: int = BATCH_SIZE) -> Any:
    """Adam whose rate reaches zero with the last of ``epochs``."""
    return adam(rate, epochs * -(-len(parts["train"]) // batch))


def trained_well(parts: Parts, seed: int, epochs: int = 8) -> Trained:
    """A small network with normalisation and dropout, and a rate that falls to zero."""
    model = network(seed, dropout=0.5)
    return fit(model, parts, epochs=epochs, optimizer=falling(2e-3, parts, epochs), patience=3)


@cache
def sound(seed: int) -> Made:
    """A well-trained small network on clean, stratified data: what the controls are, and where most cases start."""
    parts = draw(seed, 1000, 200, 200)
    return Made(parts=parts, trained=trained_well(parts, seed))


# ── the training ───────────────────────────────────────────────────────────────────────────────────────────────────


def overfitting(seed: int) -> Made:
    """Few pictures, many weights, no dropout, many epochs."""
    parts = draw(seed, 100, 100, 200)
    model = network(seed, dense=128, normalised=False, dropout=0)
    return Made(parts=parts, trained=fit(model, parts, epochs=30, optimizer=adam(2e-3)))


def underfitting(seed: int) -> Made:
    """A network that is too small, trained until nothing moves."""
    parts = draw(seed, 300, 100, 200)
    optimizer = falling(0.1, parts, epochs=16, batch=32)
    return Made(parts=parts, trained=fit(too_small(seed), parts, epochs=16, optimizer=optimizer, batch=32))


def rate_too_high(seed: int) -> Made:
    """A learning rate fifty times the usual one: after a few steps the network answers always the same."""
    parts = draw(seed, 200, 100, 200)
    return Made(
        parts=parts,
        trained=fit(network(seed, normalised=False, dropout=0), parts, epochs=10, optimizer=adam(0.05)),
    )


def diverged(seed: int) -> Made:
    """A learning rate that a schedule raises to a million: NaN in the fourth epoch, the best weights before it kept."""
    import keras

    parts, model = draw(seed, 300, 100, 200), network(seed, normalised=False, dropout=0)
    steps = 3 * -(-len(parts["train"]) // BATCH_SIZE)
    rate = keras.optimizers.schedules.PiecewiseConstantDecay([steps], [0.02, 1e6])
    return Made(parts=parts, trained=fit(model, parts, epochs=8, optimizer=sgd(rate), keep_best=True))


def cut_short(seed: int) -> Made:
    """Three epochs at a small learning rate, stopped while the loss falls."""
    parts = draw(seed, 300, 100, 200)
    return Made(parts=parts, trained=fit(network(seed, normalised=False), parts, epochs=3, optimizer=adam(2e-4)))


def too_long(seed: int) -> Made:
    """Twelve epochs after the best one, in many small steps."""
    parts, model = draw(seed, 400, 200, 200), network(seed, normalised=False, dropout=0)
    return Made(parts=parts, trained=fit(model, parts, epochs=16, optimizer=adam(2e-3), batch=16))


def dead_channels(seed: int) -> Made:
    """Most channels of the last convolution never answer."""
    parts, epochs = draw(seed, 300, 100, 200), 8
    model = network(seed, normalised=False, born_dead=0.7)
    return Made(parts=parts, trained=fit(model, parts, epochs=epochs, optimizer=falling(2e-3, parts, epochs)))


# ── the data and its contract ──────────────────────────────────────────────────────────────────────────────────────


def not_normalised(seed: int) -> Made:
    """Pixels of 0..255, as they are, into a network without a layer that would normalise them."""
    parts = draw(seed, 400, 100, 200)
    model = network(seed, normalised=False, dropout=0.5)
    return Made(
        parts=parts, trained=fit(model, parts, epochs=6, optimizer=falling(1e-3, parts, 6), linear=RAW), linear=RAW
    )


def wrong_contract(seed: int) -> Made:
    """A contract of -1..1 beside the data of a model that was trained on 0..1."""
    return replace(sound(seed), linear=SIGNED)


def imbalance(seed: int) -> Made:
    """Three classes with a twentieth of the pictures, in every split."""
    shares = np.array([1, 1, 0.05, 1, 1, 1, 0.05, 1, 0.05, 1])
    parts = draw(seed, *([max(1, round(n * share)) for share in shares] for n in (1000, 100, 300)))
    return Made(parts=parts, trained=trained_well(parts, seed))


def few_samples(seed: int) -> Made:
    """Fifteen pictures of each class to learn from."""
    parts = draw(seed, 15, 50, 200)
    return Made(parts=parts, trained=fit(network(seed, dropout=0.5), parts, epochs=40, optimizer=adam(1e-3)))


def bad_split(seed: int) -> Made:
    """A split in the order of the files: the last classes are hardly trained on, and most of the test."""
    parts = draw(seed, [900] * 7 + [300] * 3, [100] * 7 + [30] * 3, [50] * 7 + [500] * 3)
    return Made(parts=parts, trained=trained_well(parts, seed))


def leakage(seed: int) -> Made:
    """A fifth of the test pictures are training pictures, half of them saved again as JPEG."""
    made = sound(seed)
    train, test = made.parts["train"], made.parts["test"]
    there, here = some(seed, len(train), 0.2 * len(test) / len(train)), some(seed + 1, len(test), 0.2)
    copies = train.x[there].copy()
    copies[::2] = saved_again(copies[::2], 92)
    y = test.y.copy()
    y[here] = train.y[there]
    return replace(made, parts={**made.parts, "test": replace(touched(test, here, copies), y=y)})


def shift(seed: int) -> Made:
    """Test pictures from another camera: less light, and slightly out of focus."""
    made = sound(seed)
    test = made.parts["test"]
    return replace(made, parts={**made.parts, "test": replace(test, x=darker(blurred(test.x, 0.7), 0.6))})


def label_errors(seed: int) -> Made:
    """One label in ten is wrong, in every split."""
    drawn = draw(seed, 700, 100, 200)
    parts = {name: mislabelled(part, some(seed, len(part), 0.1), seed) for name, part in drawn.items()}
    return Made(parts=parts, trained=trained_well(parts, seed))


def corrupt_files(seed: int) -> Made:
    """Pictures in folders, where one file in twenty was cut off, is empty, or is text."""
    made = sound(seed)
    counts = {"train": 1500, "validation": 300, "test": 1000}
    parts = {
        name: replace(part, x=part.x[: counts[name]], y=part.y[: counts[name]]) for name, part in made.parts.items()
    }
    return replace(made, parts=parts, as_files=True)


def dark(seed: int) -> Made:
    """One picture in five is nearly black, in every split."""
    drawn = draw(seed, 700, 100, 200)
    parts = {}
    for name, part in drawn.items():
        which = some(seed, len(part), 0.2)
        parts[name] = touched(part, which, darker(part.x[which], 0.06))
    return Made(parts=parts, trained=trained_well(parts, seed))


def out_of_focus(seed: int) -> Made:
    """One picture in five is blurred beyond recognition, in every split."""
    drawn = draw(seed, 700, 100, 200)
    parts = {}
    for name, part in drawn.items():
        which = some(seed, len(part), 0.2)
        parts[name] = touched(part, which, blurred(part.x[which], 4.0))
    return Made(parts=parts, trained=trained_well(parts, seed))
