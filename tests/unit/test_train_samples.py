"""Training samples are given out as they are, or moved by whole pixels; lessons that teach nothing are refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from edge_opt.errors import DataError
from edge_opt.nets.train.looking import tolerated
from edge_opt.nets.train.samples import lit, moved, opened
from edge_opt.types import Lesson

DRAW = np.random.default_rng(0)


def lesson(folder: Path, **changed: Any) -> Lesson:
    arrays: dict[str, Any] = {
        "inputs": DRAW.random((12, 20, 18, 1), np.float32),
        "labels": np.arange(12) % 3,
        "selection": DRAW.random((6, 20, 18, 1), np.float32),
        "selection_labels": np.arange(6) % 3,
        **changed,
    }
    for name, array in arrays.items():
        if array is not None:
            np.save(folder / f"{name}.npy", array)
    files = {name: None if array is None else folder / f"{name}.npy" for name, array in arrays.items()}
    return Lesson(**files, picture=(1, 2))  # type: ignore[arg-type]


def by_hand(picture: NDArray[Any], down: int, right: int, mirror: bool) -> NDArray[Any]:
    """Padded with its own edges, mirrored, cut out."""
    height, width = picture.shape[:2]
    padded = np.pad(picture, ((9, 9), (9, 9), (0, 0)), mode="edge")
    cut = padded[9 - down : 9 - down + height, 9 - right : 9 - right + width]
    return cut[:, ::-1] if mirror else cut


def mirrored_first(picture: NDArray[Any], down: int, right: int, mirror: bool) -> NDArray[Any]:
    return by_hand(picture[:, ::-1] if mirror else picture, down, right, False)


def test_pictures_are_shifted_and_mirrored_and_edges_repeated() -> None:
    pictures = DRAW.random((40, 11, 7, 3), np.float32)
    moves = np.stack([DRAW.integers(-4, 5, 40), DRAW.integers(-4, 5, 40), DRAW.integers(0, 2, 40)], 1).astype(np.int16)
    found = moved(pictures, (1, 2), moves)
    expected = [mirrored_first(picture, *move) for picture, move in zip(pictures, moves.tolist(), strict=True)]
    np.testing.assert_array_equal(found, np.stack(expected))
    assert found.dtype == np.float32


def test_pictures_with_channels_first_are_moved_alike() -> None:
    pictures = DRAW.random((8, 3, 11, 7), np.float32)
    moves = np.array([[2, -1, 1], [-3, 0, 0]] * 4, np.int16)
    last = moved(np.moveaxis(pictures, 1, -1), (1, 2), moves)
    np.testing.assert_array_equal(moved(pictures, (2, 3), moves), np.moveaxis(last, -1, 1))


def test_shifts_are_at_most_a_fourteenth_of_the_size_and_as_often_in_any_direction(tmp_path: Path) -> None:
    given = lesson(tmp_path, inputs=np.zeros((4000, 28, 42, 1), np.float32), labels=np.arange(4000) % 3,
                   selection=np.zeros((6, 28, 42, 1), np.float32))  # fmt: skip
    moves = opened(given, 3).moves(("shift", "flip"), np.random.default_rng(1))
    assert set(moves[:, 0].tolist()) == {-2, -1, 0, 1, 2}
    assert set(moves[:, 1].tolist()) == {-3, -2, -1, 0, 1, 2, 3}
    assert np.abs(moves[:, :2].mean(0)).max() < 0.15
    assert moves[:, 2].mean() == pytest.approx(0.5, abs=0.03)


def test_without_augmentation_nothing_moves(tmp_path: Path) -> None:
    given = lesson(tmp_path)
    samples = opened(given, 3)
    moves = samples.moves((), np.random.default_rng(0))
    assert not moves.any()
    places = np.array([3, 1, 11])
    np.testing.assert_array_equal(samples.batch(places, moves[places]), np.load(given.inputs)[places])


def test_inputs_stay_on_the_disk(tmp_path: Path) -> None:
    assert isinstance(opened(lesson(tmp_path), 3).inputs, np.memmap)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"inputs": np.zeros((0, 20, 18, 1)), "labels": np.zeros(0)}, "no samples in 'inputs.npy'"),
        ({"selection": np.zeros((0, 20, 18, 1)), "selection_labels": np.zeros(0)}, "no samples in 'selection.npy'"),
        ({"labels": np.full(12, 2)}, "all 12 training samples are of class '2'"),
        ({"labels": np.arange(12)}, "label '11', and the network answers with 3 classes"),
        ({"labels": np.arange(12) % 3 - 1}, "label '-1'"),
        ({"labels": np.arange(11) % 3}, r"labels of shape \(11,\) for 12 samples"),
        ({"selection": np.zeros((6, 20, 20, 1), np.float32)}, r"\(20, 18, 1\), those of the selection"),
    ],
)  # fmt: skip
def test_a_lesson_that_teaches_nothing_is_refused(tmp_path: Path, changed: dict[str, Any], said: str) -> None:
    with pytest.raises(DataError, match=said):
        opened(lesson(tmp_path, **changed), 3)


def test_a_selection_split_of_one_class_is_taken(tmp_path: Path) -> None:
    assert opened(lesson(tmp_path, selection_labels=np.ones(6)), 3).selection_labels.tolist() == [1] * 6


def test_no_labels_are_no_labels(tmp_path: Path) -> None:
    assert opened(lesson(tmp_path, labels=None), 3).labels is None


# ── another light ──────────────────────────────────────────────────────────────────────────────────────────────────


def light(contrast: int = 0, brightness: int = 0, noise: int = 0, drawn: int = 0) -> list[int]:
    return [0, 0, 0, contrast, brightness, noise, drawn]


def test_contrast_is_about_the_mean_of_each_channel_and_brightness_a_part_of_the_span() -> None:
    pictures = DRAW.random((3, 11, 7, 3), np.float32)
    found = lit(pictures, (1, 2), np.array([light(), light(-40), light(0, 50)], np.int16), (-5.0, 5.0))
    np.testing.assert_array_equal(found[0], pictures[0])
    for channel in range(3):
        plane = pictures[1, ..., channel].astype(np.float64)
        np.testing.assert_allclose(found[1, ..., channel], plane.mean() + 0.6 * (plane - plane.mean()), atol=1e-6)
    np.testing.assert_allclose(found[2], pictures[2] + 0.05 * 10, atol=1e-6)


def test_noise_has_the_strength_that_was_drawn_and_is_the_same_every_time() -> None:
    pictures = np.zeros((2, 64, 64, 1), np.float32)
    moves = np.array([light(noise=100, drawn=7), light(noise=100, drawn=8)], np.int16)
    first, again = (lit(pictures, (1, 2), moves, (-1.0, 1.0)) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    assert first.std(axis=(1, 2, 3)) == pytest.approx([0.2, 0.2], rel=0.1)
    assert not np.array_equal(first[0], first[1])


def test_no_picture_leaves_the_span_of_the_inputs() -> None:
    pictures = DRAW.random((20, 8, 8, 1), np.float32)
    moves = np.array([light(10, 100, 100, place) for place in range(20)], np.int16)
    found = lit(pictures, (1, 2), moves, (0.0, 1.0))
    assert found.min() >= 0
    assert found.max() <= 1


def test_a_quarter_of_the_pictures_are_seen_in_another_light(tmp_path: Path) -> None:
    given = lesson(tmp_path, inputs=np.zeros((4000, 20, 18, 1), np.float32), labels=np.arange(4000) % 3)
    moves = opened(given, 3).moves(("light",), np.random.default_rng(1))
    assert moves[:, 3:].any(axis=1).mean() == pytest.approx(0.25, abs=0.03)
    assert not moves[:, :3].any()
    assert moves[:, 3].min() >= -70
    assert moves[:, 3].max() <= 10


@pytest.mark.parametrize(("by_light", "expected"), [(False, True), (True, False)])
def test_light_changes_only_where_the_teacher_does_not_go_by_it(by_light: bool, expected: bool) -> None:
    labels = np.arange(60) % 2
    pictures = DRAW.random((60, 16, 16, 1), np.float32) * 0.1
    pictures[labels == 1, :8] += 0.6

    def asked(given: NDArray[np.float32]) -> NDArray[np.float32]:
        # by how much brighter the upper half is: as a size, or only as a sign
        gap = given[:, :8].mean(axis=(1, 2, 3)) - given[:, 8:].mean(axis=(1, 2, 3))
        bright = gap > (0.5 if by_light else 0.05)
        return np.stack([~bright, bright], 1).astype(np.float32)

    assert ("light" in tolerated(asked, pictures, labels, (1, 2))) is expected
