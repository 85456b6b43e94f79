"""The contract's arithmetic against references of its own: resampling, colour, crop, scale, and the prepared file."""

from __future__ import annotations

import errno
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from PIL import Image

from edge_opt.errors import DataError, RunError
from edge_opt.inputs import dataset, preprocess
from edge_opt.inputs.dataset.samples import ArraySamples
from edge_opt.inputs.preprocess.picture import resized, window
from edge_opt.types import Finding, Preprocessing, TensorSpec

RNG = np.random.default_rng(9)
RGB = RNG.integers(0, 256, (37, 23, 3), dtype=np.uint8)
SAME = Preprocessing(color="rgb", height=37, width=23)


def cubic(x: float) -> float:
    x = abs(x)
    if x < 1:
        return (1.5 * x - 2.5) * x * x + 1
    return ((-0.5 * x + 2.5) * x - 4) * x + 2 if x < 2 else 0.0


KERNELS: dict[str, tuple[float, Callable[[float], float]]] = {
    "bilinear": (1.0, lambda x: max(0.0, 1 - abs(x))),
    "bicubic": (2.0, cubic),
    "area": (0.5, lambda x: 1.0 if -0.5 < x <= 0.5 else 0.0),
}


def reference_axis(image: np.ndarray, size: int, method: str) -> np.ndarray:
    """The first axis resampled as the module's docstring says, in whole numbers, one pixel at a time."""
    count = len(image)
    step = count / size
    if method == "nearest":
        return image[[int((i + 0.5) * step) for i in range(size)]]
    radius, kernel = KERNELS[method]
    wide = max(step, 1.0)
    rows = []
    for i in range(size):
        middle = (i + 0.5) * step
        start = max(0, int(middle - radius * wide + 0.5))
        stop = min(count, int(middle + radius * wide + 0.5))
        weights = [kernel((j - middle + 0.5) / wide) for j in range(start, stop)]
        fixed = [weight / sum(weights) * 2**22 for weight in weights]
        whole = np.array([math.floor(w + 0.5) if w >= 0 else math.ceil(w - 0.5) for w in fixed], np.int64)
        total = np.tensordot(whole, image[start:stop].astype(np.int64), axes=1)
        rows.append(np.clip((total + 2**21) >> 22, 0, 255))
    return np.array(rows).astype(np.uint8)


@pytest.mark.parametrize("method", ["nearest", "bilinear", "bicubic", "area"])
@pytest.mark.parametrize("size", [(16, 16), (37, 40), (80, 51), (5, 23), (1, 1), (36, 24)])
@pytest.mark.parametrize("channels", [1, 3])
def test_resampling_is_exactly_what_the_docstring_says(method: Any, size: tuple[int, int], channels: int) -> None:
    image = RGB[..., :channels]
    rows_first = reference_axis(image.swapaxes(0, 1), size[1], method).swapaxes(0, 1)
    expected = reference_axis(rows_first, size[0], method)
    contract = Preprocessing(color="rgb", height=size[0], width=size[1], resize=method)
    np.testing.assert_array_equal(resized(contract, image), expected)


@pytest.mark.parametrize("method", ["bilinear", "area"])
def test_floats_are_resampled_like_bytes_but_not_rounded(method: Any) -> None:
    contract = Preprocessing(color="rgb", height=20, width=30, resize=method)
    floats = resized(contract, RGB.astype(np.float32))
    assert floats.dtype == np.float32
    assert floats.shape == (20, 30, 3)
    difference = np.abs(np.clip(floats, 0, 255) - resized(contract, RGB))
    assert difference.max() <= 1.1  # each of the two passes rounds


@pytest.mark.parametrize(
    ("height", "width", "expected"),
    [
        (100, 200, (0, 50, 100, 100)),
        (200, 100, (50, 0, 100, 100)),
        (100, 100, (0, 0, 100, 100)),
        (101, 200, (0, 49, 101, 101)),
        (1, 999, (0, 499, 1, 1)),
    ],
)
def test_the_centre_crop_is_the_largest_centred_window(
    height: int, width: int, expected: tuple[int, int, int, int]
) -> None:
    assert window(Preprocessing(color="rgb", height=64, width=64), height, width) == expected


def test_the_window_keeps_the_aspect_of_the_model() -> None:
    assert window(Preprocessing(color="rgb", height=96, width=128), 1000, 1000) == (125, 0, 750, 1000)


def test_a_crop_of_the_same_size_cuts_pixels_without_resampling() -> None:
    contract = Preprocessing(color="rgb", height=23, width=23, crop="center")
    np.testing.assert_array_equal(preprocess.apply(contract, RGB), RGB[7:30].astype(np.float32))


def test_grey_is_what_pillow_makes_of_colour() -> None:
    contract = replace(SAME, color="gray", dtype="uint8")
    expected = np.asarray(Image.fromarray(RGB).convert("L"))
    np.testing.assert_array_equal(preprocess.apply(contract, RGB)[..., 0], expected)


def test_colour_orders_and_grey_pictures() -> None:
    np.testing.assert_array_equal(preprocess.apply(replace(SAME, color="bgr"), RGB)[..., 0], RGB[..., 2])
    grey = preprocess.apply(SAME, RGB[..., :1])
    assert grey.shape == (37, 23, 3)
    assert (grey == RGB[..., :1]).all()


def test_imagenet_normalisation_is_torchvisions() -> None:
    mean, std = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    contract = replace(SAME, scale=tuple(1 / (255 * std)), offset=tuple(-mean / std), layout="NCHW")
    expected = np.moveaxis((RGB / 255 - mean) / std, -1, 0)
    found = preprocess.apply(contract, RGB)
    assert found.shape == preprocess.shape(contract) == (3, 37, 23)
    assert found.flags.c_contiguous
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_scales_of_bgr_count_from_blue() -> None:
    contract = replace(SAME, color="bgr", offset=(-103.939, -116.779, -123.68))
    np.testing.assert_allclose(preprocess.apply(contract, RGB)[..., 2], RGB[..., 0] - 123.68, atol=1e-5)


def test_whole_numbers_are_rounded_half_up_and_cut() -> None:
    ramp = np.arange(256, dtype=np.uint8).reshape(1, 256, 1)
    contract = Preprocessing(
        color="gray", height=1, width=256, scale=(2.5,), offset=(-5.0,), dtype="uint8", layout="NHW"
    )
    found = preprocess.apply(contract, ramp)
    assert found.shape == (1, 256)
    assert found.dtype == np.uint8
    assert found[0, :6].tolist() == [0, 0, 0, 3, 5, 8]
    assert found[0, -1] == 255


def samples_of(pixels: np.ndarray) -> ArraySamples:
    numbers = np.arange(len(pixels), dtype=np.int64)
    return ArraySamples(pixels, numbers % 2, "x_test", numbers)


@pytest.mark.parametrize("layout", ["NHWC", "NCHW", "NHW"])
@pytest.mark.parametrize("dtype", ["float32", "uint8"])
def test_the_prepared_file_holds_what_apply_gives(tmp_path: Path, layout: Any, dtype: Any) -> None:
    samples = samples_of(RNG.integers(0, 256, (150, 9, 8, 3), dtype=np.uint8))
    contract = Preprocessing(color="gray", height=6, width=7, scale=(0.5,), layout=layout, dtype=dtype)
    seen: list[int] = []
    path = preprocess.prepare(contract, samples, tmp_path / "x.npy", lambda done, total: seen.append(done))
    found = np.load(path, mmap_mode="r")
    assert found.dtype == np.float32
    assert found.shape == (150, *preprocess.shape(contract))
    for i in (0, 63, 64, 149):
        np.testing.assert_array_equal(found[i], preprocess.apply(contract, samples.image(i)))
    assert seen == [64, 128, 150]
    assert list(tmp_path.iterdir()) == [path]


def test_nan_is_refused_by_the_name_of_its_sample(tmp_path: Path) -> None:
    pixels = np.ones((5, 2, 2, 1), np.float32)
    pixels[3, 0, 0, 0] = np.nan
    contract = Preprocessing(color="gray", height=2, width=2)
    with pytest.raises(DataError, match=r"'x_test\[3\]' holds NaN"):
        preprocess.prepare(contract, samples_of(pixels), tmp_path / "x.npy")
    assert not list(tmp_path.iterdir())


def pictures_on_disk(folder: Path) -> dataset.Samples:
    for name in ("cat", "dog"):
        (folder / name).mkdir(parents=True)
        for i in range(60):
            Image.fromarray(RNG.integers(0, 256, (8, 8, 3), dtype=np.uint8)).save(folder / name / f"{i:02}.png")
    samples = dataset.read(folder).train
    assert samples is not None
    return samples


def test_a_picture_that_breaks_later_is_a_finding_and_does_not_end_the_run(tmp_path: Path) -> None:
    samples = pictures_on_disk(tmp_path / "data")
    (tmp_path / "data" / "dog" / "07.png").unlink()
    contract = Preprocessing(color="rgb", height=8, width=8, offset=(1.0,))
    said: list[Finding] = []
    found = np.load(preprocess.prepare(contract, samples, tmp_path / "x.npy", warn=said.append))
    assert [finding.code for finding in said] == ["EO114"]
    assert "'dog/07.png'" in said[0].message
    assert len(found) == 120
    assert [i for i in range(120) if not found[i].any()] == [67]
    with pytest.raises(DataError, match=r"07\.png' cannot be decoded"):
        preprocess.prepare(contract, samples, tmp_path / "y.npy")


def test_many_pictures_that_break_later_do(tmp_path: Path) -> None:
    samples = pictures_on_disk(tmp_path / "data")
    for i in range(30):
        (tmp_path / "data" / "cat" / f"{i:02}.png").write_bytes(b"")
    with pytest.raises(DataError, match="cannot be decoded: the file is empty"):
        preprocess.prepare(
            Preprocessing(color="rgb", height=8, width=8), samples, tmp_path / "x.npy", warn=lambda _: None
        )


def spec(*sizes: int | None, dtype: str = "float32", layout: str = "") -> TensorSpec:
    return TensorSpec(name="image", shape=(1, *sizes), dtype=dtype, layout=layout)


def colored(height: int = 8, width: int = 8, channels: int = 3) -> ArraySamples:
    return samples_of(RNG.integers(0, 256, (4, height, width, channels), dtype=np.uint8))


def test_likely_contracts_of_a_colour_model_have_both_orders_and_are_all_different() -> None:
    found = preprocess.likely(spec(8, 8, 3), colored())
    assert len(set(found)) == len(found) == 10
    assert {contract.color for contract in found} == {"rgb", "bgr"}
    assert found[0] == Preprocessing(color="rgb", height=8, width=8, scale=(1 / 255,), offset=(0.0,))
    assert len({preprocess.describe(contract) for contract in found}) == 10
    for contract in found:
        preprocess.check(contract, spec(8, 8, 3))


def test_crops_are_tried_only_where_they_make_a_difference() -> None:
    assert {contract.crop for contract in preprocess.likely(spec(8, 8, 3), colored(16, 16))} == {"none"}
    assert {contract.crop for contract in preprocess.likely(spec(8, 8, 3), colored(16, 20))} == {"none", "center"}


def test_grey_pictures_have_no_order_of_colours() -> None:
    found = preprocess.likely(spec(8, 8, 3), colored(channels=1))
    made = {preprocess.apply(contract, colored(channels=1).image(0)).tobytes() for contract in found}
    assert len(found) == 6
    assert [contract.color for contract in found] == ["rgb"] * 5 + ["bgr"]
    assert made


@pytest.mark.parametrize(
    ("given", "layout", "color"),
    [
        (spec(28, 28, 1), "NHWC", "gray"),
        (spec(28, 28), "NHW", "gray"),
        (spec(1, 28, 28), "NCHW", "gray"),
        (spec(3, 28, 28), "NCHW", "rgb"),
        (spec(3, 28, 28, layout="NCHW"), "NCHW", "rgb"),
        (spec(3, 3, 3, layout="NHWC"), "NHWC", "rgb"),
    ],
)
def test_the_layout_follows_the_input(given: TensorSpec, layout: Literal["NHWC"], color: str) -> None:
    for contract in preprocess.likely(given, colored()):
        assert contract.layout == layout
        preprocess.check(contract, given)
    assert preprocess.likely(given, colored())[0].color == color


def test_a_model_of_whole_pixels_takes_them_as_they_are() -> None:
    found = preprocess.likely(spec(8, 8, 3, dtype="uint8"), colored())
    assert [(contract.color, contract.dtype, contract.scale) for contract in found] == [
        ("rgb", "uint8", (1.0,)),
        ("bgr", "uint8", (1.0,)),
    ]


def test_a_free_size_is_that_of_the_pictures() -> None:
    found = preprocess.likely(spec(None, None, 3), colored(16, 20))
    assert {(contract.height, contract.width) for contract in found} == {(16, 20)}


@pytest.mark.parametrize("given", [spec(784), spec(8, 8, 5), spec(2, 8, 8, 3)])
def test_an_input_that_is_no_picture_is_refused(given: TensorSpec) -> None:
    with pytest.raises(DataError, match="is not a picture of 1 or 3 channels"):
        preprocess.likely(given, colored())


def test_a_contract_for_another_model_is_refused() -> None:
    contract = Preprocessing(color="gray", height=28, width=28)
    preprocess.check(contract, spec(28, None, 1))
    with pytest.raises(DataError, match="makes pictures of 28 x 28 x 1, but the model takes 32 x 32 x 3"):
        preprocess.check(contract, spec(32, 32, 3))


def test_a_full_disk_is_one_sentence_and_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(np.lib.format, "write_array_header_1_0", full)
    with pytest.raises(RunError, match="no room is left on the disk"):
        preprocess.prepare(Preprocessing(color="rgb", height=8, width=8), colored(), tmp_path / "x.npy")
    assert not list(tmp_path.iterdir())


def test_an_integer_input_with_a_scale_takes_the_floats_of_the_training() -> None:
    quantized = replace(spec(8, 8, 3, dtype="uint8"), scale=1 / 255, zero_point=0)
    assert preprocess.likely(quantized, colored()) == preprocess.likely(spec(8, 8, 3), colored())


def test_several_contracts_are_prepared_from_one_decoding_and_give_what_each_gives_alone(tmp_path: Path) -> None:
    samples = colored(16, 20)
    decoded: list[int] = []

    class Counted(type(samples)):  # type: ignore[misc]
        def image(self, i: int) -> Any:
            decoded.append(i)
            return super().image(i)

    counted = Counted(samples.pixels, samples.labels, samples.origin, samples.numbers)
    files = {tmp_path / f"{i}.npy": one for i, one in enumerate(preprocess.likely(spec(8, 8, 3), samples))}
    assert len(files) == 20
    preprocess.prepare_each(files, counted)
    assert sorted(decoded) == list(range(len(samples)))
    for path, contract in files.items():
        alone = preprocess.prepare(contract, samples, tmp_path / "alone.npy")
        assert path.read_bytes() == alone.read_bytes()
