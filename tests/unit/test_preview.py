"""The sheet of ten pictures: that it shows what the model sees, of as many classes as there are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edge_opt.inputs import preprocess
from edge_opt.inputs.dataset.samples import ArraySamples
from edge_opt.results import preview
from edge_opt.types import Preprocessing

CELL, GAP, HEADER = preview._CELL, preview._GAP, preview._HEADER
COLORS = np.array([[255, 0, 0], [0, 255, 0], [0, 0, 255], [128, 64, 32]], np.uint8)


def flat(labels: list[int], size: tuple[int, int] = (20, 20)) -> ArraySamples:
    """Pictures of one colour each, the colour of their class."""
    pixels = np.repeat(COLORS[labels][:, None, None], size[0], axis=1).repeat(size[1], axis=2)
    return ArraySamples(pixels, np.asarray(labels, np.int64), "x", np.arange(len(labels), dtype=np.int64))


def seen(path: Path, place: int) -> list[int]:
    """The colour in the middle of a picture on the sheet."""
    x = GAP + place % 5 * (CELL + GAP) + CELL // 2
    y = HEADER + place // 5 * (CELL + preview._CAPTION + GAP) + CELL // 2
    return np.asarray(Image.open(path).convert("RGB"))[y, x].tolist()


CONTRACTS = {
    "raw": Preprocessing(color="rgb", height=8, width=8),
    "signed": Preprocessing(color="rgb", height=8, width=8, scale=(1 / 127.5,), offset=(-1.0,)),
    "imagenet, channels first": Preprocessing(
        color="rgb", height=8, width=8, scale=(0.0171, 0.0175, 0.0174), offset=(-2.1, -2.0, -1.8), layout="NCHW"
    ),
    "caffe": Preprocessing(color="bgr", height=8, width=8, scale=(1.0,), offset=(-103.9, -116.8, -123.7)),
    "inverted": Preprocessing(color="rgb", height=8, width=8, scale=(-1 / 255,), offset=(1.0,)),
}


@pytest.mark.parametrize("name", CONTRACTS)
def test_the_range_of_the_contract_is_shown_from_black_to_white(tmp_path: Path, name: str) -> None:
    path = preview.sheet(CONTRACTS[name], flat([0, 1, 2, 3]), ["red", "green", "blue", "brown"], tmp_path / "s.png")
    expected = 255 - COLORS if name == "inverted" else COLORS
    for place in range(4):
        np.testing.assert_allclose(seen(path, place), expected[place], atol=1)


def test_every_class_is_shown_before_any_is_shown_twice(tmp_path: Path) -> None:
    path = preview.sheet(CONTRACTS["raw"], flat([0] * 30 + [1] * 30 + [2, 3]), list("abcd"), tmp_path / "s.png")
    shown = [seen(path, place) for place in range(10)]
    assert shown == [COLORS[i].tolist() for i in [0, 0, 0, 0, 1, 1, 1, 1, 2, 3]]


def test_grey_without_a_channel_axis_and_a_single_picture_fit(tmp_path: Path) -> None:
    contract = Preprocessing(color="gray", height=8, width=8, layout="NHW")
    path = preview.sheet(contract, flat([1]), ["", "green"], tmp_path / "s.png")
    assert seen(path, 0) == [150] * 3  # the luminance of green
    assert Image.open(path).format == "PNG"


def test_wide_inputs_keep_their_shape_and_long_names_are_cut(tmp_path: Path) -> None:
    contract = Preprocessing(color="rgb", height=8, width=16)
    path = preview.sheet(
        contract, flat([0, 1]), ["a name that is far too long for the place " * 3, "b"], tmp_path / "s.png"
    )
    page = np.asarray(Image.open(path))
    assert page[HEADER + CELL // 2, GAP + 3].tolist() == [255, 0, 0]
    assert page[HEADER + 3, GAP + 3].tolist() == list(preview._PAPER)
    caption = page[HEADER + CELL : HEADER + CELL + preview._CAPTION, GAP + CELL : GAP + CELL + GAP]
    assert (caption == preview._PAPER).all()


def test_the_shipped_pictures_are_drawn(tmp_path: Path, checkout: Path) -> None:
    from edge_opt.inputs import dataset

    data = dataset.read(checkout / "calibration_data" / "fashion_mnist.npz")
    contract = preprocess.read(data.path)
    assert contract is not None
    assert data.test is not None
    with Image.open(preview.sheet(contract, data.test, data.classes, tmp_path / "s.png")) as page:
        assert page.size == (GAP + 5 * (CELL + GAP), HEADER + 2 * (CELL + preview._CAPTION + GAP))
