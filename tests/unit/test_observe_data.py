"""What is seen in a data set: from pictures in memory, from files, and from samples that are no pictures."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edge_opt.inputs import dataset, preprocess
from edge_opt.inputs.dataset import Dataset
from edge_opt.inputs.dataset.samples import ArraySamples
from edge_opt.stages.observe import looks, measures
from edge_opt.stages.observe.answers import Answers
from edge_opt.stages.observe.data import input_range, of_data
from edge_opt.types import ArrayPreprocessing, Contract, DataEvidence, Preprocessing

RNG = np.random.default_rng(0)
GRAY = Preprocessing(color="gray", height=12, width=12, scale=(1 / 255,))


def blobs(count: int, seed: int, classes: int = 2, size: int = 12) -> ArraySamples:
    """Soft random pictures, so that a copy is told from another one."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (count, 4, 4)).repeat(size // 4, 1).repeat(size // 4, 2)
    pixels = np.clip(coarse + rng.integers(-9, 10, (count, size, size)), 0, 255).astype(np.uint8)
    return ArraySamples(pixels[..., None], np.arange(count) % classes, f"x_{seed}", np.arange(count))


def rows(count: int, seed: int, columns: int = 6) -> ArraySamples:
    values = np.random.default_rng(seed).normal(size=(count, columns)).astype(np.float32)
    return ArraySamples(values, np.arange(count) % 2, f"x_{seed}", np.arange(count))


def data_of(train: ArraySamples, test: ArraySamples | None = None, **changes: object) -> Dataset:
    made = Dataset(
        path=Path("data.npz"),
        classes=("a", "b"),
        train=train,
        validation=None,
        test=test,
        findings=(),
        sha256="",
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def seen_in(data: Dataset, contract: Contract = GRAY, answers: dict[str, Answers] | None = None) -> DataEvidence:
    return of_data(data, contract, answers or {}, (), False, seed=0, tell=lambda what, done, total: None)


def looked(samples: ArraySamples, contract: Contract = GRAY) -> looks.Looks:
    found = looks.look(samples, contract, looks.usual(samples, contract), lambda done, total: None)
    assert found is not None
    return found


def test_pictures_in_two_splits_are_seen_from_every_side() -> None:
    answers = {"test": Answers(samples=blobs(60, 2), probabilities=np.full((60, 2), 0.5, np.float32))}
    seen = seen_in(data_of(blobs(80, 1), blobs(60, 2)), answers=answers)
    assert [(split.name, split.samples, split.per_class) for split in seen.splits] == [
        ("train", 80, (40, 40)),
        ("test", 60, (30, 30)),
    ]
    assert (seen.kind, seen.labelled, seen.classes) == ("picture", True, ("a", "b"))
    assert [(one.later, one.earlier, one.exact, one.near) for one in seen.overlaps] == [("test", "train", 0, 0)]
    assert [(one.first, one.second) for one in seen.shifts] == [("train", "test")]
    assert [(one.split, one.samples) for one in seen.label_doubts] == [("test", 60)]
    assert seen.unreadable.total == 140
    assert seen.faults is not None
    assert seen.faults.looked_at == 140


def test_the_values_are_those_that_the_model_gets() -> None:
    samples = blobs(50, 1)
    values = samples.pixels.astype(np.float64) / 255
    inputs = input_range([looked(samples)], normalised_inside=False)
    assert inputs.low == pytest.approx(values.min())
    assert inputs.high == pytest.approx(values.max())
    assert inputs.mean == pytest.approx(values.mean(), abs=1e-6)
    assert inputs.deviation == pytest.approx(values.std(), abs=1e-6)


def test_each_channel_is_scaled_by_its_own_numbers() -> None:
    pixels = RNG.integers(0, 256, (9, 12, 12, 3), dtype=np.uint8)
    samples = ArraySamples(pixels, np.zeros(9, np.int64), "x", np.arange(9))
    contract = replace(GRAY, color="bgr", scale=(1.0, 2.0, 4.0), offset=(-100.0, 0.0, 100.0))
    expected = np.stack([preprocess.apply(contract, image) for image in pixels])
    inputs = input_range([looked(samples, contract)], normalised_inside=False)
    assert inputs.low == pytest.approx(expected.min())
    assert inputs.mean == pytest.approx(expected.mean(), rel=1e-5)
    assert inputs.deviation == pytest.approx(expected.std(), rel=1e-4)


def test_large_pictures_are_looked_at_a_few_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    samples = blobs(50, 1)
    whole = looked(samples)
    monkeypatch.setattr(looks, "_CHUNK_NUMBERS", 3 * 144)
    parts = looked(samples)
    np.testing.assert_array_equal(parts.marks, whole.marks)
    monkeypatch.setattr(looks, "_REFERENCE_NUMBERS", 9 * 144)
    few = samples.take([0, 6, 12, 18, 24, 30, 36, 42, 49])
    np.testing.assert_array_equal(looks.usual(samples, GRAY).medians, looks.usual(few, GRAY).medians)


def test_samples_with_extreme_values_are_counted_and_the_worst_is_named_first() -> None:
    samples = rows(200, 3)
    samples.pixels[17, 2], samples.pixels[40, 5] = 9999, -500
    inputs = input_range([looked(samples, ArrayPreprocessing(shape=(6,)))], normalised_inside=False)
    assert inputs.extreme == 2
    assert inputs.examples == ("x_3[17]", "x_3[40]")


def test_a_wide_but_usual_spread_and_a_rare_flag_are_not_extreme() -> None:
    values = np.exp(RNG.normal(size=(400, 30))).astype(np.float32)
    values[:, 0] = np.arange(400) % 100 == 0
    samples = ArraySamples(values, np.zeros(400, np.int64), "x", np.arange(400))
    assert input_range([looked(samples, ArrayPreprocessing(shape=(30,)))], normalised_inside=False).extreme == 0


def test_a_model_that_takes_whole_pixels_scales_them_itself() -> None:
    assert seen_in(data_of(blobs(40, 1)), replace(GRAY, scale=(1.0,), dtype="uint8")).inputs.normalised_inside


@pytest.mark.parametrize("shape", [(6,), (5, 3), (40, 16)])
def test_samples_that_are_no_pictures_have_no_faults_but_all_the_rest(shape: tuple[int, ...]) -> None:
    def drawn(seed: int) -> ArraySamples:
        flat = rows(60, seed, int(np.prod(shape)))
        return replace(flat, pixels=flat.pixels.reshape(60, *shape))

    seen = seen_in(data_of(drawn(1), drawn(2), kind="array"), ArrayPreprocessing(shape=shape))
    assert seen.faults is None
    assert len(seen.overlaps) == len(seen.shifts) == 1
    assert seen.inputs.samples == 120


def test_without_labels_what_needs_them_is_left_out() -> None:
    train, test = (replace(blobs(60, seed), labels=np.zeros(60, np.int64)) for seed in (1, 2))
    seen = seen_in(data_of(train, test, labelled=False, classes=()))
    assert not seen.label_doubts
    assert [split.per_class for split in seen.splits] == [(), ()]
    assert len(seen.shifts) == 1


def test_twelve_pictures_in_all_are_too_few_for_a_shift_and_enough_for_the_rest() -> None:
    seen = seen_in(data_of(blobs(8, 1), blobs(4, 2)))
    assert not seen.shifts
    assert seen.overlaps[0].samples == 4


def test_pictures_of_many_sizes_in_files_are_seen_and_what_broke_meanwhile_is_counted(tmp_path: Path) -> None:
    for split in ("train", "test"):
        for name in ("cat", "dog"):
            for i in range(6):
                (tmp_path / split / name).mkdir(parents=True, exist_ok=True)
                size = (20 + 3 * i, 40 - 2 * i, 3)
                Image.fromarray(RNG.integers(0, 256, size, np.uint8)).save(tmp_path / split / name / f"{i}.png")
    (tmp_path / "train" / "cat" / "bad.png").write_bytes(b"")
    data = dataset.read(tmp_path)
    (tmp_path / "test" / "dog" / "3.png").write_bytes(b"gone")
    seen = seen_in(data, replace(GRAY, color="rgb"))
    assert (seen.unreadable.total, seen.unreadable.corrupt) == (25, 2)
    assert seen.unreadable.examples == ("train/cat/bad.png", "test/dog/3.png")
    assert seen.faults is not None
    assert seen.faults.looked_at == 23


def test_labels_as_text_are_classes(tmp_path: Path) -> None:
    pixels = blobs(30, 1).pixels[..., 0]
    np.savez(tmp_path / "d.npz", x_train=pixels, y_train=np.array(["owl", "bat", "elk"] * 10))
    seen = seen_in(dataset.read(tmp_path / "d.npz"))
    assert seen.classes == ("bat", "elk", "owl")
    assert seen.splits[0].per_class == (10, 10, 10)


def test_large_splits_are_looked_at_in_part_with_each_class_in_its_share(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(looks, "_MOST", 40)
    monkeypatch.setattr(looks, "_LEAST", 10)
    chosen = looks.chosen(replace(blobs(200, 1), labels=np.arange(200) % 4 // 3), GRAY, seed=1)
    assert np.bincount(chosen.labels).tolist() == [30, 10]
    assert looks.chosen(chosen, GRAY, seed=1) is chosen


def test_progress_goes_up_to_its_total() -> None:
    told: list[tuple[str, int, int]] = []
    of_data(data_of(blobs(300, 1), blobs(260, 2)), GRAY, {}, (), False, seed=0, tell=lambda *step: told.append(step))
    first = [step for step in told if step[0] == told[0][0]]
    assert [done for _, done, _ in first] == [250, 300, 550, 560]
    assert all(total == 560 for _, _, total in first)
    assert told[-1][1] == told[-1][2]


def test_the_same_seed_sees_the_same() -> None:
    data = data_of(blobs(80, 1), blobs(60, 2))
    assert seen_in(data) == seen_in(data)


@pytest.mark.parametrize("size", [(28, 28), (7, 30), (100, 33)])
def test_a_thumbnail_keeps_the_mean_and_each_pixel_is_the_mean_of_its_area(size: tuple[int, int]) -> None:
    gray = RNG.random((2, *size), np.float32)
    small = measures.thumbnails(gray, 4)
    assert small.mean() == pytest.approx(gray.mean(), rel=1e-5)
    fine = gray.repeat(4, 1).repeat(4, 2)  # every edge of a thumbnail pixel falls between pixels here
    height, width = size
    expected = fine.reshape(2, 4, height, 4, width).mean(axis=(2, 4))
    np.testing.assert_allclose(small, expected, rtol=1e-5)


def test_sharpness_is_that_of_the_laplacian_beside_the_contrast() -> None:
    from scipy.ndimage import convolve

    gray = RNG.integers(0, 256, (12, 12)).astype(np.float32)
    kernel = np.array([[0, 1, 0], [1, -4, 1], [0, 1, 0]])
    expected = convolve(gray, kernel)[1:-1, 1:-1].var() / gray.var()
    nothing = measures.Usual(medians=np.zeros(1, np.float32), spreads=np.ones(1, np.float32))
    found = measures.of_pictures(gray[None, ..., None], GRAY, nothing)
    assert found["sharpness"][0] == pytest.approx(expected, rel=1e-4)
