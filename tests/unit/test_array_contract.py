"""The contract of samples that are no pictures: its file, its arithmetic, the likely ones, and parts of a split."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edge_opt.errors import DataError, InputError
from edge_opt.inputs import preprocess
from edge_opt.inputs.dataset.samples import ArraySamples
from edge_opt.types import ArrayPreprocessing, Preprocessing, TensorSpec

RNG = np.random.default_rng(8)
X = (RNG.normal(size=(400, 49, 3)) * [1.0, 20.0, 0.1] + [0.0, -5.0, 3.0]).astype(np.float32)
SPEC = TensorSpec(name="x", shape=(None, 49, 3, 1), dtype="float32")


def samples_of(x: object) -> ArraySamples:
    values = np.asarray(x)
    return ArraySamples(values, np.zeros(len(values), np.int64), "x", np.arange(len(values), dtype=np.int64))


@pytest.mark.parametrize(
    "contract",
    [
        ArrayPreprocessing(shape=(49, 10)),
        ArrayPreprocessing(shape=(30,), scale=(0.25,), offset=(-1.5,)),
        ArrayPreprocessing(shape=(9, 2), scale=(0.1, 1 / 3), offset=(1.0, -2.0)),
    ],
)
def test_a_contract_is_read_as_it_was_written(tmp_path: Path, contract: ArrayPreprocessing) -> None:
    path = preprocess.write(contract, tmp_path / "x.npz")
    assert preprocess.read(tmp_path / "x.npz") == contract
    assert max(map(len, path.read_text().splitlines())) <= 120


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('kind = "sound"', "'kind' is 'sound'"),
        ('kind = "array"', "'shape' is missing"),
        ('kind = "array"\nshape = [4, 0]', "'shape' is '[4, 0]'"),
        ('kind = "array"\nshape = [4, 2]\nscale = [1, 2, 3]', "'scale' is"),
        ('kind = "array"\nshape = [4]\ncolor = "rgb"', "there is no key 'color'"),
    ],
)
def test_a_contract_that_is_not_valid_is_refused(tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "preprocessing.toml").write_text(text)
    with pytest.raises(InputError) as caught:
        preprocess.read(tmp_path)
    assert says in caught.value.message


def test_values_are_scaled_by_the_last_axis_in_the_shape_of_the_contract() -> None:
    contract = ArrayPreprocessing(shape=(49, 3), scale=(1.0, 0.5, 2.0), offset=(0.0, 1.0, -1.0))
    expected = np.stack([X[0][:, 0], X[0][:, 1] * 0.5 + 1, X[0][:, 2] * 2 - 1], axis=-1)
    found = preprocess.apply(contract, X[0])
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    assert preprocess.apply(ArrayPreprocessing(shape=(49, 3, 1)), X[0]).shape == (49, 3, 1)
    with pytest.raises(DataError, match="shape"):
        preprocess.apply(ArrayPreprocessing(shape=(49, 4)), X[0])


def test_values_as_they_are_come_first_and_standardised_ones_are_tried() -> None:
    likely = preprocess.likely_arrays(TensorSpec(name="x", shape=(None, 49, 3), dtype="float32"), samples_of(X))
    assert likely[0] == ArrayPreprocessing(shape=(49, 3))
    columns = np.stack([preprocess.apply(likely[1], one) for one in X]).reshape(-1, 3)
    np.testing.assert_allclose(columns.mean(axis=0), 0, atol=1e-4)
    np.testing.assert_allclose(columns.std(axis=0), 1, atol=1e-4)
    whole = np.stack([preprocess.apply(likely[2], one) for one in X])
    assert (whole.mean(), whole.std()) == (pytest.approx(0, abs=1e-4), pytest.approx(1, abs=1e-4))
    ranges = [np.stack([preprocess.apply(one, x) for x in X]) for one in likely[3:]]
    assert [(round(float(each.min()), 4), round(float(each.max()), 4)) for each in ranges] == [(0, 1), (-1, 1)]


def test_standardised_samples_are_not_standardised_again() -> None:
    plain = RNG.normal(size=(2000, 30)).astype(np.float32)
    plain = (plain - plain.mean(axis=0)) / plain.std(axis=0)
    likely = preprocess.likely_arrays(TensorSpec(name="x", shape=(None, 30), dtype="float32"), samples_of(plain))
    assert len(likely) == 3  # as they are, 0..1, -1..1


def test_samples_of_another_size_than_the_input_are_refused() -> None:
    with pytest.raises(DataError, match="the samples have the shape 49 x 3, but the input 'x' takes 40 x 3"):
        preprocess.likely_arrays(TensorSpec(name="x", shape=(None, 40, 3), dtype="float32"), samples_of(X))
    preprocess.check(ArrayPreprocessing(shape=(49, 3, 1)), SPEC)
    with pytest.raises(DataError, match="makes samples of 49 x 3, but the model takes 49 x 3 x 1"):
        preprocess.check(ArrayPreprocessing(shape=(49, 3)), SPEC)
    with pytest.raises(DataError, match="was written for another model: it makes samples") as seen:
        preprocess.check(ArrayPreprocessing(shape=(49, 3)), SPEC, Path("x.preprocessing.toml"))
    assert seen.value.hint == "delete it, or give the data that this model was trained on"


def test_the_parts_of_a_split_are_its_whole_and_only_one_lies_on_the_disk(tmp_path: Path) -> None:
    contract = ArrayPreprocessing(shape=(49, 3))
    whole = np.load(preprocess.prepare(contract, samples_of(X), tmp_path / "whole.npy"))
    (tmp_path / "parts").mkdir()
    found = np.full_like(whole, np.nan)
    told: list[tuple[int, int]] = []
    for places, path in preprocess.parts(
        contract, samples_of(X), tmp_path / "parts" / "x", lambda *seen: told.append(seen), most_bytes=90 * 49 * 3 * 4
    ):
        assert list((tmp_path / "parts").iterdir()) == [path]
        found[places] = np.load(path)
    np.testing.assert_array_equal(found, whole)
    assert not list((tmp_path / "parts").iterdir())
    assert told[-1] == (400, 400)
    assert [done for done, _ in told] == sorted(done for done, _ in told)


def test_what_fits_in_one_part_is_kept_for_the_next_time(tmp_path: Path) -> None:
    contract = ArrayPreprocessing(shape=(49, 3))
    for _ in range(2):
        ((places, path),) = preprocess.parts(contract, samples_of(X), tmp_path / "x")
        assert (places, path) == (slice(0, 400), tmp_path / "x.npy")
        stamp = path.stat().st_mtime_ns
    assert path.stat().st_mtime_ns == stamp


def test_a_contract_is_described_in_a_few_words() -> None:
    assert preprocess.describe(ArrayPreprocessing(shape=(49, 10))) == "49 x 10, values as they are"
    many = ArrayPreprocessing(shape=(9,), scale=(0.5,) * 9, offset=(1.0,))
    assert preprocess.describe(many) == "9, value * (0.5, 0.5, 0.5, 0.5, … 9 in all) + (1)"
    assert "rgb" in preprocess.describe(Preprocessing(color="rgb", height=2, width=2))
