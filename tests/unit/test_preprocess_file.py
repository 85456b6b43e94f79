"""The contract's TOML: what is understood, what is refused and how it is said."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_opt.errors import InputError
from edge_opt.inputs import preprocess
from edge_opt.types import Preprocessing

LEAST = 'color = "rgb"\nheight = 4\nwidth = 4\n'


def written(folder: Path, text: str) -> Path:
    (folder / "preprocessing.toml").write_text(text)
    return folder


def test_the_contract_stands_in_the_folder_or_beside_the_file(tmp_path: Path) -> None:
    assert preprocess.contract_path(tmp_path) == tmp_path / "preprocessing.toml"
    assert preprocess.contract_path(tmp_path / "x.npz") == tmp_path / "x.preprocessing.toml"
    assert preprocess.read(tmp_path) is None
    path = preprocess.write(Preprocessing(color="rgb", height=4, width=4), tmp_path / "x.npz")
    assert path == tmp_path / "x.preprocessing.toml"
    assert preprocess.read(tmp_path / "x.npz") == preprocess.read(path) == Preprocessing(color="rgb", height=4, width=4)


def test_the_written_file_explains_every_key(tmp_path: Path) -> None:
    lines = preprocess.write(Preprocessing(color="rgb", height=4, width=4), tmp_path).read_text().splitlines()
    for key in ("color", "height", "resize", "crop", "scale", "dtype", "layout"):
        place = next(i for i, line in enumerate(lines) if line.startswith(f"{key} = "))
        assert lines[place - 1].startswith("#"), key
    assert max(map(len, lines)) <= 120


@pytest.mark.parametrize(
    ("text", "scale", "offset"),
    [
        ('mean = [0.5]\nstd = [0.5]\nunits = "0..1"', (1 / 127.5,), (-1.0,)),
        ('mean = 127\nstd = 128\nunits = "0..255"', (1 / 128,), (-127 / 128,)),
        ('mean = [1, 2, 3]\nunits = "0..255"', (1.0, 1.0, 1.0), (-1.0, -2.0, -3.0)),
        ('mean = [0.1, 0.2, 0.3]\nstd = 0.5\nunits = "0..1"', (1 / 127.5,) * 3, (-0.2, -0.4, -0.6)),
        ('std = [0.5, 1, 2]\nunits = "0..1"', (1 / 127.5, 1 / 255, 1 / 510), (0.0, 0.0, 0.0)),
        ("scale = 0.5", (0.5,), (0.0,)),
        ("offset = [1, 2, 3]", (1.0,), (1.0, 2.0, 3.0)),
    ],
)
def test_mean_and_deviation_become_scale_and_offset(
    tmp_path: Path, text: str, scale: tuple[float, ...], offset: tuple[float, ...]
) -> None:
    contract = preprocess.read(written(tmp_path, LEAST + text))
    assert contract is not None
    assert contract.scale == pytest.approx(scale, rel=1e-12)
    assert contract.offset == pytest.approx(offset, rel=1e-12)


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ('color = "rgb"\nheight = 4', "'width' is missing", "whole number from 1"),
        ('color = "rbg"\nheight = 4\nwidth = 4', "'color' is 'rbg'", "did you mean 'rgb'?"),
        (LEAST + "scael = 1", "there is no key 'scael'", "did you mean 'scale'?"),
        (LEAST + "scale = [1, 2]", "'scale' is '[1, 2]'", "one number, or 3"),
        (LEAST + "scale = 0", "'scale' is '0'", "other than zero"),
        (LEAST + 'scale = "1/255"', "'scale' is '1/255'", "a number"),
        (LEAST + "scale = nan", "'scale' is 'nan'", "a number"),
        (LEAST + "scale = true", "'scale' is 'True'", "a number"),
        (LEAST + "mean = 0.5", "'units' is missing", "0..1, 0..255"),
        (LEAST + 'mean = 0.5\nunits = "0-1"', "'units' is '0-1'", "0..1, 0..255"),
        (LEAST + 'std = 0\nunits = "0..1"', "'std' is '0'", "above zero"),
        (LEAST + "scale = 1\nmean = 3", "both 'scale' and 'mean'", "write scale and offset, or mean, std and units"),
        (LEAST + 'layout = "NHW"', "'layout' is 'NHW'", "no room for colour"),
        (LEAST + 'resize = "lanczos"', "'resize' is 'lanczos'", "nearest, bilinear, bicubic, area"),
        (LEAST + 'dtype = "int8"', "'dtype' is 'int8'", "did you mean 'uint8'?"),
        ('color = "rgb"\nheight = 4.5\nwidth = 4', "'height' is '4.5'", "whole number"),
        ('color = "rgb"\nheight = 0\nwidth = 4', "'height' is '0'", "from 1"),
        ("color = rgb", "is not valid TOML", "quotes"),
    ],
)
def test_an_error_says_the_file_the_key_and_the_value(tmp_path: Path, text: str, message: str, hint: str) -> None:
    with pytest.raises(InputError) as caught:
        preprocess.read(written(tmp_path, text))
    assert str(tmp_path / "preprocessing.toml") in caught.value.message
    assert message in caught.value.message
    assert hint in caught.value.hint


def test_the_shipped_contract_divides_by_255(checkout: Path) -> None:
    contract = preprocess.read(checkout / "calibration_data" / "fashion_mnist.npz")
    assert contract is not None
    assert preprocess.describe(contract) == "gray 28 x 28, pixel / 255"
