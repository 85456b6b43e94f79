"""What holds for every contract: the file round-trips, shapes and types are as promised, the linear part is exact."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from edge_opt.inputs import preprocess
from edge_opt.inputs.preprocess.picture import resized, window
from edge_opt.types import Preprocessing

finite = st.floats(-1e6, 1e6, allow_nan=False)
sizes = st.integers(1, 12)


@st.composite
def contracts(draw: st.DrawFn) -> Preprocessing:
    color = draw(st.sampled_from(["rgb", "bgr", "gray"]))
    counts = st.just(1) if color == "gray" else st.sampled_from([1, 3])
    scales, offsets = draw(counts), draw(counts)
    return Preprocessing(
        color=color,  # type: ignore[arg-type]
        height=draw(sizes),
        width=draw(sizes),
        resize=draw(st.sampled_from(["nearest", "bilinear", "bicubic", "area"])),
        crop=draw(st.sampled_from(["none", "center"])),
        scale=tuple(draw(st.lists(finite.filter(bool), min_size=scales, max_size=scales))),
        offset=tuple(draw(st.lists(finite, min_size=offsets, max_size=offsets))),
        dtype=draw(st.sampled_from(["float32", "uint8"])),
        layout=draw(st.sampled_from(["NHWC", "NCHW", *(["NHW"] if color == "gray" else [])])),
    )


@st.composite
def images(draw: st.DrawFn) -> np.ndarray[Any, Any]:
    shape = (draw(sizes), draw(sizes), draw(st.sampled_from([1, 3])))
    return draw(arrays.arrays(np.uint8, shape))


@given(contracts())
def test_what_is_written_is_read_back(contract: Preprocessing) -> None:
    with tempfile.TemporaryDirectory() as folder:
        preprocess.write(contract, Path(folder))
        assert preprocess.read(Path(folder)) == contract


@given(contracts(), images())
def test_the_model_sees_the_promised_shape_and_type(contract: Preprocessing, image: np.ndarray[Any, Any]) -> None:
    found = preprocess.apply(contract, image)
    assert found.shape == preprocess.shape(contract)
    assert found.dtype == contract.dtype
    assert np.isfinite(found).all()


@given(contracts(), images())
def test_the_linear_part_is_exact_for_bytes_and_floats_alike(
    contract: Preprocessing, image: np.ndarray[Any, Any]
) -> None:
    same = Preprocessing(
        color="rgb" if image.shape[-1] == 3 else "gray",
        height=image.shape[0],
        width=image.shape[1],
        scale=contract.scale if image.shape[-1] == 3 else contract.scale[:1],
        offset=contract.offset if image.shape[-1] == 3 else contract.offset[:1],
    )
    expected = np.empty(image.shape, np.float32)
    for c in range(image.shape[-1]):
        scale, offset = same.scale[c % len(same.scale)], same.offset[c % len(same.offset)]
        for place in np.ndindex(image.shape[:2]):
            expected[(*place, c)] = np.float32(float(image[(*place, c)]) * scale + offset)
    np.testing.assert_array_equal(preprocess.apply(same, image), expected)
    np.testing.assert_array_equal(preprocess.apply(same, image.astype(np.float32)), expected)


@given(contracts(), st.integers(0, 255), sizes, sizes)
def test_a_picture_of_one_colour_stays_so_whatever_its_size(
    contract: Preprocessing, value: int, height: int, width: int
) -> None:
    flat = np.full((height, width, 3), value, np.uint8)
    assert (resized(contract, flat) == value).all()


@given(sizes, sizes, st.integers(1, 4000), st.integers(1, 4000))
def test_the_window_lies_centred_in_the_picture_and_touches_two_borders(
    wanted_height: int, wanted_width: int, height: int, width: int
) -> None:
    contract = Preprocessing(color="rgb", height=wanted_height, width=wanted_width)
    top, left, kept_height, kept_width = window(contract, height, width)
    assert kept_height == height or kept_width == width
    assert 1 <= kept_height <= height
    assert 1 <= kept_width <= width
    assert 0 <= (height - kept_height) - 2 * top <= 1
    assert 0 <= (width - kept_width) - 2 * left <= 1
