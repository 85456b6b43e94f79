"""Data sets in .npz files: what is read, what is converted and said, and what is refused in one sentence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_opt.errors import DataError
from edge_opt.inputs import dataset

RNG = np.random.default_rng(5)
X = RNG.integers(0, 256, (12, 6, 5), dtype=np.uint8)
Y = np.arange(12) % 3


def stored(folder: Path, **arrays: Any) -> Path:
    np.savez(folder / "data.npz", **arrays)
    return folder / "data.npz"


@pytest.mark.parametrize(
    ("names", "splits"),
    [
        (("x_train", "y_train", "x_test", "y_test"), {"train", "test"}),
        (("X_train", "Y_train", "X_val", "Y_val"), {"train", "validation"}),
        (("train_images", "train_labels", "valid_images", "valid_labels"), {"train", "validation"}),
        (("x_validation", "y_validation", "x_test", "y_test"), {"validation", "test"}),
        (("xtrain", "ytrain", "xtest", "ytest"), {"train", "test"}),
        (("images", "labels"), {"train"}),
        (("X", "y"), {"train"}),
    ],
)
def test_the_usual_names_of_arrays_are_known(tmp_path: Path, names: tuple[str, ...], splits: set[str]) -> None:
    given = {name: X if i % 2 == 0 else Y for i, name in enumerate(names)}
    data = dataset.read(stored(tmp_path, **given))
    assert set(data.splits) == splits
    for samples in data.splits.values():
        assert len(samples) == 12
        assert samples.image(3).shape == (6, 5, 1)
        np.testing.assert_array_equal(samples.image(3)[..., 0], X[3])
        np.testing.assert_array_equal(samples.labels, Y)
        assert samples.labels.dtype == np.int64


@pytest.mark.parametrize(
    "labels", [Y[:, None], np.eye(3)[Y], np.eye(3, dtype=bool)[Y], Y.astype(np.float32), Y.astype(np.uint8)]
)
def test_labels_may_be_a_column_one_hot_or_floats(tmp_path: Path, labels: Any) -> None:
    data = dataset.read(stored(tmp_path, x=X, y=labels))
    assert data.train is not None
    np.testing.assert_array_equal(data.train.labels, Y)
    assert data.classes == ("0", "1", "2")


@pytest.mark.parametrize("kind", ["U", "S"])
def test_labels_of_text_become_classes_in_the_order_of_text(tmp_path: Path, kind: str) -> None:
    data = dataset.read(stored(tmp_path, x=X, y=np.array(["owl", "cat", "dog"])[Y].astype(kind)))
    assert data.classes == ("cat", "dog", "owl")
    assert data.train is not None
    np.testing.assert_array_equal(data.train.labels, np.array([2, 0, 1])[Y])


def test_class_names_come_from_the_file_or_from_one_beside_it(tmp_path: Path) -> None:
    assert dataset.read(stored(tmp_path, x=X, y=Y, classes=np.array(["a", "b", "c"]))).classes == ("a", "b", "c")
    path = stored(tmp_path, x=X, y=Y)
    (tmp_path / "manifest.json").write_text('{"classes": ["p", "q", "r"], "files": ["other.npz"]}')
    assert dataset.read(path).classes == ("0", "1", "2")
    (tmp_path / "manifest.json").write_text('{"classes": ["p", "q", "r"], "files": ["data.npz"]}')
    assert dataset.read(path).classes == ("p", "q", "r")
    (tmp_path / "data.classes.txt").write_text("one\ntwo\nthree\n")
    assert dataset.read(path).classes == ("one", "two", "three")


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_floats_in_0_to_1_are_the_same_pictures_as_their_bytes(tmp_path: Path, dtype: Any) -> None:
    data = dataset.read(stored(tmp_path, x=(X / 255).astype(dtype), y=Y))
    assert data.train is not None
    assert [finding.code for finding in data.findings] == ["EO105"]
    if dtype is not np.float16:  # too coarse to give every byte back exactly
        assert data.train.image(0).dtype == np.uint8
        np.testing.assert_array_equal(data.train.image(7)[..., 0], X[7])
    np.testing.assert_allclose(data.train.image(7)[..., 0].astype(float), X[7], atol=0.1)


def test_floats_between_whole_pixels_stay_floats_in_0_to_255(tmp_path: Path) -> None:
    pixels = RNG.random((12, 4, 4, 3)) * 254 + 0.5
    data = dataset.read(stored(tmp_path, x=pixels, y=Y))
    assert data.train is not None
    assert data.train.image(0).dtype == np.float32
    np.testing.assert_allclose(data.train.image(0), pixels[0], rtol=1e-6)
    assert not data.findings


def test_one_range_serves_all_splits(tmp_path: Path) -> None:
    dark = np.zeros((12, 6, 5)) + 1 / 255
    data = dataset.read(stored(tmp_path, x_train=X / 255, y_train=Y, x_test=dark, y_test=Y))
    assert data.test is not None
    assert data.test.image(0).max() == 1


def test_channels_first_sixteen_bits_and_alpha_are_brought_into_form(tmp_path: Path) -> None:
    color = RNG.integers(0, 256, (12, 6, 5, 3), dtype=np.uint8)
    first = dataset.read(stored(tmp_path, x=np.moveaxis(color, -1, 1), y=Y))
    assert first.train is not None
    np.testing.assert_array_equal(first.train.image(2), color[2])
    assert first.findings[0].code == "EO105"

    deep = dataset.read(stored(tmp_path, x=color.astype(np.uint16) * 257, y=Y))
    assert deep.train is not None
    np.testing.assert_array_equal(deep.train.image(2), color[2])

    clear = np.concatenate([color, np.full((12, 6, 5, 1), 0, np.uint8)], axis=-1)
    white = dataset.read(stored(tmp_path, x=clear, y=Y))
    assert white.train is not None
    assert (white.train.image(2) == 255).all()


BAD_LABELS = np.where(np.arange(12) == 4, -1, Y)
NAN = np.where(np.arange(12)[:, None, None] == 7, np.nan, X / 255)


@pytest.mark.parametrize(
    ("arrays", "says"),
    [
        ({"pictures_of_cats": X, "z": Y}, "it holds 'pictures_of_cats', 'z'"),
        ({"x_train": X, "x_test": X, "y_test": Y}, "no labels to go with 'x_train'"),
        ({"x": X, "y": Y[:11]}, "'x' has 12 pictures, but 'y' has 11 labels"),
        ({"x": X, "y": np.zeros(12, int)}, "one class only: '0'"),
        ({"x": X, "y": BAD_LABELS}, "the label '-1' at 4"),
        ({"x": X, "y": Y + 0.5}, "the label '0.5' at 0"),
        ({"x": X, "y": np.ones((12, 3))}, "not one-hot in row 0"),
        ({"x": X, "y": np.array([None, 1, 2] * 4, object)}, "'y' holds pickled Python objects"),
        ({"x": X, "y": Y, "classes": np.array(["a", "b"])}, "label 2, but names 2 classes only"),
        ({"x": NAN, "y": Y}, "NaN or infinite pixels in 1 of 12 pictures, the first is number 7"),
        ({"x": X / 127.5 - 1, "y": Y}, "float pixels from -1 to"),
        ({"x": X * 3.0, "y": Y}, "outside of 0..1 and 0..255"),
        ({"x": X.astype(int) - 300, "y": Y}, "outside of 0..255"),
        ({"x": X.reshape(12, 30)[:, 0], "y": Y}, "the shape (12,), which is no list of samples"),
        ({"x": NAN.reshape(12, 30), "y": Y}, "NaN or infinite values in 1 of 12 samples, first at x[7, 0]"),
        (
            {"x_train": X.reshape(12, 30), "y_train": Y, "x_test": X.reshape(12, 30)[:, :9], "y_test": Y},
            "the samples of 'x_test' have the shape (9,), those before (30,)",
        ),
        (
            {"x_train": X / 255, "y_train": Y, "x_test": X, "y_test": Y},
            "'x_train' holds floats and 'x_test' whole numbers",
        ),
        (
            {"x_train": X / 255, "y_train": Y, "x_test": X * 1.0, "y_test": Y},
            "0..1 in one split and in 0..255 in another",
        ),
        ({"x": X, "X": X, "y": Y}, "'x' and 'X', which mean the same"),
    ],
)
def test_what_cannot_be_a_data_set_is_refused_in_one_sentence(
    tmp_path: Path, arrays: dict[str, Any], says: str
) -> None:
    with pytest.raises(DataError) as caught:
        dataset.read(stored(tmp_path, **arrays))
    assert says in caught.value.message
    assert caught.value.hint
    assert "\n" not in caught.value.message


def test_a_text_file_is_no_npz_and_no_data_set(tmp_path: Path) -> None:
    for name, says in (("a.npz", "is not an .npz file"), ("a.txt", "is not a data set"), ("b.zip", "is an archive")):
        (tmp_path / name).write_text("not pictures")
        with pytest.raises(DataError, match=says):
            dataset.read(tmp_path / name)
    with pytest.raises(DataError, match="there is no data set"):
        dataset.read(tmp_path / "absent.npz")


def test_a_cut_off_npz_is_refused(tmp_path: Path) -> None:
    path = stored(tmp_path, x=X, y=Y)
    content = bytearray(path.read_bytes())
    content[200:240] = bytes(40)
    path.write_bytes(content)
    with pytest.raises(DataError, match="cannot be read as"):
        dataset.read(path)
    path.write_bytes(content[:300])
    with pytest.raises(DataError, match=r"not an \.npz file"):
        dataset.read(path)


def test_the_hash_covers_pixels_labels_and_splits_but_not_the_place(tmp_path: Path) -> None:
    def hashed(folder: str, **arrays: Any) -> str:
        (tmp_path / folder).mkdir()
        return dataset.read(stored(tmp_path / folder, **arrays)).sha256

    same = hashed("a", x_train=X, y_train=Y)
    assert hashed("b", x_train=X, y_train=Y) == same
    assert hashed("c", x_test=X, y_test=Y) != same
    assert hashed("d", x_train=X, y_train=Y[::-1]) != same
    assert hashed("e", x_train=X ^ np.uint8(1), y_train=Y) != same


def test_labels_that_cannot_mean_the_outputs_are_refused(tmp_path: Path) -> None:
    numbered = dataset.read(stored(tmp_path, x=X, y=Y))
    assert dataset.check_outputs(numbered, 3) == ()
    assert [finding.code for finding in dataset.check_outputs(numbered, 10)] == ["EO108"]
    with pytest.raises(DataError, match="has 3 classes, but the model has 2 outputs"):
        dataset.check_outputs(numbered, 2)
    named = dataset.read(stored(tmp_path, x=X, y=Y, classes=np.array(["a", "b", "c"])))
    with pytest.raises(DataError, match="the model has 10 outputs"):
        dataset.check_outputs(named, 10)


def test_the_shipped_data_set_is_read_as_its_manifest_says(checkout: Path) -> None:
    data = dataset.read(checkout / "calibration_data" / "fashion_mnist.npz")
    assert {name: len(samples) for name, samples in data.splits.items()} == {
        "train": 10_000,
        "validation": 2_000,
        "test": 10_000,
    }
    assert data.classes[9] == "Ankle boot"
    assert not data.findings


SIGNED = RNG.normal(size=(12, 6, 5)).astype(np.float32)


@pytest.mark.parametrize(
    ("x", "taken", "kind"),
    [
        (SIGNED, (6, 5), "array"),
        (SIGNED, (6, 5, 1), "array"),
        (np.abs(SIGNED) % 1, (6, 5, 1), "array"),  # a spectrogram in 0..1
        (SIGNED.reshape(12, 30), None, "array"),
        (X.reshape(12, 30), (30,), "array"),
        (X.astype(np.int16) - 99, (6, 5), "array"),
        (np.zeros((12, 6, 5, 2)), (6, 5, 2), "array"),
        (X, (6, 5), "picture"),
        (X, (6, 5, 1), "picture"),
        (X / 255, (6, 5, 1), "picture"),
        (X * 1.0, None, "picture"),
        ((np.abs(SIGNED) % 1)[..., None], (6, 5, 1), "picture"),  # resized and scaled by the user
        (X, (8, 8, 3), "picture"),
    ],
)
def test_the_input_of_the_model_decides_where_arrays_could_be_pictures(
    tmp_path: Path, x: Any, taken: tuple[int, ...] | None, kind: str
) -> None:
    data = dataset.read(stored(tmp_path, x=x, y=Y), taken=taken)
    assert data.kind == kind
    if kind == "array":
        assert data.train is not None
        np.testing.assert_array_equal(data.train.image(3), x[3])


def test_a_contract_decides_against_the_looks_of_the_numbers(tmp_path: Path) -> None:
    data = dataset.read(stored(tmp_path, x=X, y=Y), kind="array")
    assert (data.kind, data.noun) == ("array", "sample")
    with pytest.raises(DataError, match="no list of pictures"):
        dataset.read(stored(tmp_path, x=X.reshape(12, 30), y=Y), kind="picture")


def test_without_any_labels_a_data_set_is_unlabelled_and_with_some_it_is_refused(tmp_path: Path) -> None:
    data = dataset.read(stored(tmp_path, x_train=X, x_test=X[:5]))
    assert (data.labelled, data.classes, list(data.splits)) == (False, (), ["train", "test"])
    assert not dataset.check_outputs(data, 10)
    named = dataset.read(stored(tmp_path, x=X, classes=np.array(["a", "b"])))
    assert not dataset.check_outputs(named, 2)
    with pytest.raises(DataError, match="has 2 classes, but the model has 3 outputs"):
        dataset.check_outputs(named, 3)
