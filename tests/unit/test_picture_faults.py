"""Pictures that are of little use are told from dark backgrounds, white paper and soft lenses of a whole set."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from edge_opt.inputs import dataset, preprocess
from edge_opt.inputs.dataset.samples import ArraySamples
from edge_opt.stages.observe import looks, pictures
from edge_opt.types import PictureFaults

Change = Callable[[NDArray[np.float64]], NDArray[np.float64]]


@pytest.fixture(scope="module")
def clothes(checkout: Path) -> ArraySamples:
    """1,000 pictures on black."""
    train = dataset.read(checkout / "calibration_data" / "fashion_mnist.npz").train
    assert isinstance(train, ArraySamples)
    return train.take(range(1000))


def faults(checkout: Path, samples: ArraySamples) -> PictureFaults:
    contract = preprocess.read(checkout / "calibration_data" / "fashion_mnist.npz")
    assert contract is not None
    found = looks.look(samples, contract, looks.usual(samples, contract), lambda done, total: None)
    assert found is not None
    return pictures.of_pictures([found], labelled=True)


def counts(found: PictureFaults) -> dict[str, int]:
    return {name: getattr(found, name) for name in ("dark", "bright", "blurred", "flat", "odd_sized")}


def blurred(image: NDArray[np.float64]) -> NDArray[np.float64]:
    from scipy.ndimage import gaussian_filter

    return np.asarray(gaussian_filter(image, (1.5, 1.5, 0)))


CHANGES: dict[str, Change] = {
    "dark": lambda image: image * 0.06,
    "bright": lambda image: image / 5 + 204,
    "blurred": blurred,
    "flat": lambda image: np.full(image.shape, 90.0),
}


def test_clothes_on_black_have_next_to_no_fault(checkout: Path, clothes: ArraySamples) -> None:
    assert sum(counts(faults(checkout, clothes)).values()) <= 1


def test_nor_have_all_of_them_on_white_or_out_of_focus(checkout: Path, clothes: ArraySamples) -> None:
    white = ArraySamples(255 - clothes.pixels, clothes.labels, "x", clothes.numbers)
    assert sum(counts(faults(checkout, white)).values()) <= 5
    soft = np.stack([blurred(image.astype(np.float64)) for image in clothes.pixels]).astype(np.uint8)
    assert counts(faults(checkout, ArraySamples(soft, clothes.labels, "x", clothes.numbers)))["blurred"] <= 5


@pytest.mark.parametrize("kind", CHANGES)
def test_planted_faults_are_counted_once_each(checkout: Path, clothes: ArraySamples, kind: str) -> None:
    pixels = clothes.pixels.copy()
    pixels[::10] = [CHANGES[kind](image.astype(np.float64)).clip(0, 255) for image in pixels[::10]]
    found = faults(checkout, ArraySamples(pixels, clothes.labels, "x", clothes.numbers))
    assert counts(found)[kind] == pytest.approx(100, abs=8)
    assert sum(counts(found).values()) <= 102
    assert found.examples[kind][:2] == ("x[0]", "x[10]")


def test_overexposed_photographs_are_bright_even_where_shadows_stay_dark() -> None:
    def seen(burnt: list[float], darkest: list[float]) -> dict[str, NDArray[np.float32]]:
        columns = {"burnt": burnt, "darkest": darkest, "brightest": [255.0] * 5, "sharpness": [1.0] * 5}
        return {name: np.asarray(values, np.float32) for name, values in columns.items()}

    sizes, labels = np.full((5, 2), 100), np.zeros(5, np.int64)
    assert pictures.faults(seen([0.01, 0.02, 0.7, 0, 0], [0, 0, 30, 0, 0]), sizes, labels)["bright"].tolist() == [
        False,
        False,
        True,
        False,
        False,
    ]
    scans = pictures.faults(seen([0.9, 0.8, 0.7, 0.9, 0.9], [0, 0, 30, 0, 0]), sizes, labels)
    assert not scans["bright"].any()


@pytest.mark.parametrize(("size", "odd"), [((80, 60), False), ((60, 150), True), ((200, 40), True), ((20, 18), True)])
def test_a_size_is_odd_beside_the_usual_ones(size: tuple[int, int], odd: bool) -> None:
    sizes = np.array([(100, 90), (90, 100), (95, 95), (120, 100), size])
    assert pictures.odd_sized(sizes).tolist() == [False] * 4 + [odd]
