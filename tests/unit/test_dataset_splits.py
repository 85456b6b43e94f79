"""What calibrates, selects and certifies: the roles, the strata, the seed, and no picture on both sides."""

from __future__ import annotations

import gzip
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from edge_opt.errors import DataError
from edge_opt.inputs import dataset
from edge_opt.inputs.dataset import Dataset, Samples, Splits, split
from edge_opt.inputs.dataset.samples import ArraySamples
from edge_opt.inputs.dataset.splits import stratified

FASHION = Path("/usr/share/datasets/fashion-mnist")


def part(name: str, count: int, classes: int = 5) -> ArraySamples:
    """Pictures that are all different, in every part: the name and the number are drawn into them."""
    pixels = np.zeros((count, 4, 4, 1), np.uint8)
    pixels[:, 0, 0, 0] = sum(map(ord, name)) % 256
    pixels[:, 0, 1, 0], pixels[:, 0, 2, 0] = np.arange(count) // 256, np.arange(count) % 256
    labels = np.arange(count, dtype=np.int64) % classes
    return ArraySamples(pixels, labels, f"x_{name}", np.arange(count, dtype=np.int64))


def a_dataset(train: int = 0, validation: int = 0, test: int = 0) -> Dataset:
    sizes = {"train": train, "validation": validation, "test": test}
    return Dataset(
        path=Path("data.npz"),
        classes=tuple("abcde"),
        findings=(),
        sha256="",
        **{name: part(name, count) if count else None for name, count in sizes.items()},  # type: ignore[arg-type]
    )


def names(samples: Samples) -> set[str]:
    return {samples.name(i) for i in range(len(samples))}


def sizes(splits: Splits) -> tuple[int, int, int]:
    return len(splits.calibration), len(splits.selection), len(splits.certification)


def codes(splits: Splits) -> list[str]:
    return [finding.code for finding in splits.findings]


def origins(samples: Samples) -> set[str]:
    return {name.partition("[")[0] for name in names(samples)}


@pytest.mark.parametrize(
    ("given_sizes", "expected", "expected_codes"),
    [
        ({"train": 900, "validation": 2000, "test": 700}, (500, 1500, 700), []),
        ({"train": 900, "validation": 9000, "test": 700}, (500, 2000, 700), []),
        ({"validation": 400, "test": 700}, (100, 300, 700), []),
        ({"train": 900, "test": 900}, (500, 300, 600), ["EO104"]),
        ({"train": 900, "test": 9000}, (500, 2000, 7000), ["EO104"]),
        ({"test": 8000}, (500, 2000, 5500), ["EO104"]),
        ({"train": 900, "validation": 900}, (500, 300, 600), ["EO109"]),
        ({"validation": 1600}, (200, 466, 934), ["EO109"]),
        ({"train": 1600}, (200, 466, 934), ["EO109"]),
    ],
)
def test_every_role_has_its_split(
    given_sizes: dict[str, int], expected: tuple[int, int, int], expected_codes: list[str]
) -> None:
    splits = split(a_dataset(**given_sizes), seed=0)
    assert sizes(splits) == expected
    assert codes(splits) == expected_codes
    calibration, selection, certification = (
        names(splits.calibration),
        names(splits.selection),
        names(splits.certification),
    )
    assert not calibration & (selection | certification)
    assert not selection & certification


def test_with_validation_the_whole_test_split_certifies_in_its_own_order() -> None:
    splits = split(a_dataset(train=900, validation=2000, test=700), seed=0)
    assert [splits.certification.name(i) for i in range(700)] == [f"x_test[{i}]" for i in range(700)]
    assert origins(splits.calibration) == origins(splits.selection) == {"x_validation"}


def test_without_validation_calibration_comes_from_training_and_a_third_of_test_selects() -> None:
    splits = split(a_dataset(train=900, test=900), seed=0)
    assert origins(splits.calibration) == {"x_train"}
    assert origins(splits.selection) == {"x_test"}


@settings(max_examples=20)
@given(st.integers(0, 2**32 - 1))
def test_the_seed_alone_decides(seed: int) -> None:
    data = a_dataset(train=60, validation=80, test=40)
    first, again = split(data, seed), split(data, seed)
    for role in ("calibration", "selection", "certification"):
        one, other = getattr(first, role), getattr(again, role)
        assert [one.name(i) for i in range(len(one))] == [other.name(i) for i in range(len(other))]


def test_another_seed_draws_other_pictures() -> None:
    data = a_dataset(train=900, test=900)
    assert names(split(data, 1).selection) != names(split(data, 2).selection)


@given(st.lists(st.integers(0, 6), min_size=1, max_size=300), st.floats(0, 1), st.integers(0, 100))
def test_every_class_keeps_its_share_to_less_than_one_sample(labels: list[int], fraction: float, seed: int) -> None:
    array = np.asarray(labels, np.int64)
    count = int(fraction * len(array))
    chosen = stratified(array, count, np.random.default_rng(seed))
    assert len(chosen) == len(set(chosen.tolist())) == count
    for name in set(labels):
        assert abs((array[chosen] == name).sum() - count * (array == name).mean()) < 1


def test_calibration_is_in_random_order_so_that_its_beginning_is_a_sample_too() -> None:
    calibration = split(a_dataset(validation=2000, test=100), 0).calibration
    assert calibration.labels[:100].tolist() != sorted(calibration.labels[:100].tolist())
    assert min(np.bincount(calibration.labels[:100])) >= 5


def with_copies(into: str, copied: ArraySamples, count: int) -> Dataset:
    data = a_dataset(train=400, validation=400, test=400)
    samples = getattr(data, into)
    pixels = samples.pixels.copy()
    pixels[:count] = copied.pixels[:count]
    return replace(data, **{into: replace(samples, pixels=pixels)})


def test_copies_of_training_pictures_in_validation_neither_select_nor_calibrate() -> None:
    splits = split(with_copies("validation", part("train", 400), 7), 0)
    assert codes(splits) == ["EO103"]
    assert splits.findings[0].message.startswith(
        "7 pictures of validation are also in train, as 'x_validation[0]' is 'x_train[0]'"
    )
    held = names(splits.selection) | names(splits.calibration)
    assert len(held) >= 400 - 7
    assert not names(splits.selection) & {f"x_validation[{i}]" for i in range(7)}


def test_copies_of_validation_pictures_in_test_certify_and_do_not_select() -> None:
    splits = split(with_copies("test", part("validation", 400), 9), 0)
    assert codes(splits)[0] == "EO103"
    assert len(splits.certification) == 400
    assert not (names(splits.selection) | names(splits.calibration)) & {f"x_validation[{i}]" for i in range(9)}


def test_copies_of_training_pictures_in_test_are_counted_and_stay() -> None:
    splits = split(with_copies("test", part("train", 400), 1), 0)
    assert splits.findings[0].message.startswith("1 picture of test is also in train")
    assert sizes(splits) == (100, 300, 400)


def test_a_validation_split_that_is_the_test_split_is_refused() -> None:
    data = a_dataset(train=400, validation=400)
    with pytest.raises(DataError, match="pictures to hold out are in another split too"):
        split(replace(data, test=data.validation), 0)


def test_too_few_pictures_and_missing_classes_are_said() -> None:
    with pytest.raises(DataError, match="too few pictures: nothing of its 3 is left for calibration"):
        split(a_dataset(test=3), 0)
    few = a_dataset(validation=80, test=3)
    splits = split(few, 0)
    assert codes(splits) == ["EO111", "EO110"]
    assert "only 20 pictures" in splits.findings[0].message
    assert "certification split has no picture of 'd', 'e', 2 of 5 classes" in splits.findings[1].message


def test_a_file_with_other_metadata_is_the_same_picture_and_a_similar_one_is_not(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for name in ("train", "val", "test"):
        for kind in ("cat", "dog"):
            (tmp_path / name / kind).mkdir(parents=True)
            for i in range(20):
                Image.fromarray(rng.integers(0, 256, (24, 24, 3), dtype=np.uint8)).save(
                    tmp_path / name / kind / f"{i}.jpg"
                )
    shutil.copy(tmp_path / "train/cat/3.jpg", tmp_path / "val/cat/3.jpg")
    jpeg = (tmp_path / "train/dog/5.jpg").read_bytes()
    (tmp_path / "val/dog/5.jpg").write_bytes(jpeg[:2] + b"\xff\xfe\x00\x07hello" + jpeg[2:])
    # the same at an eighth of the size, another at full size: one high frequency apart
    flat = np.full((24, 24, 3), 128, np.uint8)
    Image.fromarray(flat).save(tmp_path / "train/cat/0.jpg", quality=95)
    flat[::2, ::2] += 9
    flat[1::2, 1::2] += 9
    flat[::2, 1::2] -= 9
    flat[1::2, ::2] -= 9
    Image.fromarray(flat).save(tmp_path / "val/cat/0.jpg", quality=95)
    splits = split(dataset.read(tmp_path), 0)
    copies = [finding for finding in splits.findings if finding.code == "EO103"]
    assert [finding.message for finding in copies] == [
        "2 pictures of validation are also in train, as 'val/cat/3.jpg' is 'train/cat/3.jpg'"
    ]


@pytest.mark.slow
@pytest.mark.skipif(not FASHION.is_dir(), reason="needs Fashion-MNIST: apt-get install dataset-fashion-mnist")
def test_all_of_fashion_mnist_is_split_without_a_picture_on_both_sides(tmp_path: Path) -> None:
    def idx(name: str) -> np.ndarray:
        content = gzip.decompress((FASHION / name).read_bytes())
        shape = [int.from_bytes(content[4 + 4 * i : 8 + 4 * i], "big") for i in range(content[3])]
        return np.frombuffer(content, np.uint8, offset=4 + 4 * len(shape)).reshape(shape)

    np.savez(
        tmp_path / "fashion.npz",
        x_train=idx("train-images-idx3-ubyte.gz"),
        y_train=idx("train-labels-idx1-ubyte.gz"),
        x_test=idx("t10k-images-idx3-ubyte.gz"),
        y_test=idx("t10k-labels-idx1-ubyte.gz"),
    )
    splits = split(dataset.read(tmp_path / "fashion.npz"), 0)
    assert sizes(splits) == (500, 2000, 8000)
    assert np.bincount(splits.selection.labels).tolist() == [200] * 10
    assert codes(splits) == ["EO104"]
