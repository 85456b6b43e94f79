"""Copies across splits are told from what is merely alike, on the embedded pictures."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edge_opt.inputs import dataset, preprocess
from edge_opt.inputs.dataset.samples import ArraySamples
from edge_opt.stages.observe import looks, overlap
from edge_opt.types import ArrayPreprocessing, Contract, Overlap


@pytest.fixture(scope="module")
def clothes(checkout: Path) -> tuple[ArraySamples, ArraySamples, Contract]:
    """1,500 training and 800 test pictures."""
    path = checkout / "calibration_data" / "fashion_mnist.npz"
    data, contract = dataset.read(path), preprocess.read(path)
    assert isinstance(data.train, ArraySamples)
    assert isinstance(data.test, ArraySamples)
    assert contract is not None
    return data.train.take(range(1500)), data.test.take(range(800)), contract


def look(samples: ArraySamples, contract: Contract) -> looks.Looks:
    found = looks.look(samples, contract, looks.usual(samples, contract), lambda done, total: None)
    assert found is not None
    return found


def between(test: ArraySamples, train: ArraySamples, contract: Contract) -> Overlap:
    pictures = not isinstance(contract, ArrayPreprocessing)
    looked = look(test, contract), look(train, contract)
    return overlap.between(*looked, train, ("test", "train"), 0, pictures=pictures)


def saved_again(image: np.ndarray, quality: int) -> np.ndarray:
    stored = io.BytesIO()
    Image.fromarray(image[..., 0]).save(stored, "JPEG", quality=quality)
    return np.asarray(Image.open(stored))[..., None]


CHANGES = {
    "as it is": lambda image: image,
    "JPEG 90": lambda image: saved_again(image, 90),
    "JPEG 75": lambda image: saved_again(image, 75),
    "two grey levels": lambda image: np.clip(
        image.astype(int) + np.random.default_rng(int(image.sum())).integers(-2, 3, image.shape), 0, 255
    ),
    "brighter": lambda image: np.clip(image * 1.1 + 5, 0, 255),
    "mirrored": lambda image: image[:, ::-1],
}


def planted(test: ArraySamples, train: ArraySamples, change: str, count: int) -> ArraySamples:
    pixels = test.pixels.copy()
    pixels[::10][:count] = [CHANGES[change](image) for image in train.pixels[:count]]
    return replace(test, pixels=pixels)


def test_clothes_that_are_merely_alike_are_no_copies(clothes: tuple[ArraySamples, ArraySamples, Contract]) -> None:
    train, test, contract = clothes
    found = between(test, train, contract)
    assert found.exact == 0
    assert found.near <= 2


@pytest.mark.parametrize("change", CHANGES)
def test_planted_copies_are_counted(clothes: tuple[ArraySamples, ArraySamples, Contract], change: str) -> None:
    train, test, contract = clothes
    found = between(planted(test, train, change, 60), train, contract)
    assert found.exact == (60 if change == "as it is" else 0)
    assert 55 <= found.exact + found.near <= 62
    assert found.expected <= 2
    assert "x_test[0]" in found.examples


def test_pictures_that_training_repeats_on_purpose_do_not_pass_for_chance(
    clothes: tuple[ArraySamples, ArraySamples, Contract],
) -> None:
    train, test, contract = clothes
    twice = train.take([*range(800), *range(800)])
    found = between(planted(test, train, "JPEG 90", 40), twice, contract)
    assert found.near >= 38
    assert found.expected <= 2


def test_frames_of_one_film_on_both_sides_are_expected_to_be_near(
    clothes: tuple[ArraySamples, ArraySamples, Contract],
) -> None:
    train, _, contract = clothes
    rng = np.random.default_rng(0)
    frames = train.take(np.repeat(np.arange(300), 3))
    noisy = np.clip(frames.pixels + rng.integers(-2, 3, frames.pixels.shape), 0, 255).astype(np.uint8)
    film = replace(frames, pixels=noisy)
    order = rng.permutation(900)
    found = between(film.take(order[:200]), film.take(order[200:]), contract)
    assert found.near > 0.8 * 200
    assert found.expected == pytest.approx(found.near, rel=0.2)


def test_nearest_neighbours_agree_with_scikit_learn() -> None:
    from sklearn.neighbors import NearestNeighbors

    rng = np.random.default_rng(1)
    others = rng.normal(size=(300, 3)).astype(np.float32)
    marks = np.concatenate([rng.normal(size=(200, 3)), others[:50] + 0.001]).astype(np.float32)
    distances, _ = NearestNeighbors(n_neighbors=5).fit(others).kneighbors(marks)
    expected = distances[:, 0] < overlap.NEAR_SHARE * distances[:, 4]
    np.testing.assert_array_equal(overlap._near(marks, others, pictures=False), expected)


def test_rows_that_come_up_twice_by_chance_are_expected() -> None:
    rng = np.random.default_rng(2)

    def dice(count: int, name: str) -> ArraySamples:
        values = rng.integers(0, 6, (count, 2)).astype(np.float32)
        return ArraySamples(values, np.zeros(count, np.int64), name, np.arange(count))

    found = between(dice(200, "x_test"), dice(400, "x_train"), ArrayPreprocessing(shape=(2,)))
    assert found.exact > 190
    assert found.expected > 0.85 * found.exact


def test_copies_are_found_in_the_whole_earlier_split_also_where_a_part_of_it_is_looked_at(
    clothes: tuple[ArraySamples, ArraySamples, Contract],
) -> None:
    train, test, contract = clothes
    copied = look(planted(test, train, "as it is", 40), contract)
    found = overlap.between(copied, look(train.take(range(500, 800)), contract), train, ("", ""), 0, pictures=True)
    assert found.exact == 40


@pytest.mark.parametrize("counts", [(1, 1), (1, 3), (4, 2), (6, 12)])
def test_a_handful_of_pictures_is_compared_too(
    clothes: tuple[ArraySamples, ArraySamples, Contract], counts: tuple[int, int]
) -> None:
    train, test, contract = clothes
    found = between(test.take(range(counts[0])), train.take(range(counts[1])), contract)
    assert (found.samples, found.exact) == (counts[0], 0)
