from __future__ import annotations

import io
import math
from pathlib import Path

import numpy as np
import pytest
import scipy.ndimage
from numpy.typing import NDArray
from PIL import Image

from edge_opt.inputs import corruptions, preprocess
from edge_opt.inputs.dataset.samples import ArraySamples
from edge_opt.types import Preprocessing

GRAY = Preprocessing(color="gray", height=28, width=28)
RGB = Preprocessing(color="rgb", height=24, width=32)
Pictures = NDArray[np.uint8]


def pictures(contract: Preprocessing = GRAY, count: int = 40, width: float = 3) -> Pictures:
    """Smooth blobs of some ``width`` on black: what moves in them can be told, and interpolation changes little."""
    rng = np.random.default_rng(5)
    channels = 1 if contract.color == "gray" else 3
    rough = rng.random((count, contract.height, contract.width, channels)) ** 3
    smooth = scipy.ndimage.gaussian_filter(rough, (0, width, width, 0))
    smooth -= smooth.min(axis=(1, 2, 3), keepdims=True)
    return np.rint(smooth / smooth.max(axis=(1, 2, 3), keepdims=True) * 255).astype(np.uint8)


def samples(contract: Preprocessing = GRAY, count: int = 40) -> ArraySamples:
    given = pictures(contract, count)
    return ArraySamples(given, np.arange(count) % 3, "x_test", np.arange(count))


def disturbed(kind: str, strength: int, given: Pictures, contract: Preprocessing = GRAY, seed: int = 0) -> Pictures:
    return corruptions.disturbed(contract, given, f"{kind}@{strength}", seed)


def parameter(kind: str, strength: int) -> float:
    return corruptions.KINDS[kind].parameters[strength - 1]


def closest(found: Pictures, candidates: list[NDArray[np.float64]]) -> NDArray[np.float64]:
    """How far each picture is from the nearest candidate for it: the mean over its pixels."""
    apart = [np.abs(found - one).mean(axis=(1, 2, 3)) for one in candidates]
    return np.asarray(np.min(apart, axis=0))


# ── each kind does what it says ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("strength", corruptions.STRENGTHS)
def test_a_rotation_is_that_of_scipy_in_either_direction(strength: int) -> None:
    given = pictures()
    degrees = parameter("rotation", strength)
    expected = [
        scipy.ndimage.rotate(given.astype(float), turn, (1, 2), reshape=False, order=1, mode="nearest")
        for turn in (-degrees, degrees)
    ]
    found = disturbed("rotation", strength, given)
    assert closest(found, expected).max() < 1.5
    sides = [np.abs(found - one).mean(axis=(1, 2, 3)) for one in expected]
    assert 0 < (sides[0] < sides[1]).sum() < len(given)


@pytest.mark.parametrize("strength", corruptions.STRENGTHS)
def test_a_zoom_is_that_of_scipy_larger_or_smaller(strength: int) -> None:
    given = pictures()
    expected = []
    for factor in (1 + parameter("zoom", strength), 1 / (1 + parameter("zoom", strength))):
        scale = np.array([1, 1 / factor, 1 / factor, 1])
        offset = np.array([0, 13.5 - 13.5 / factor, 13.5 - 13.5 / factor, 0])
        expected.append(scipy.ndimage.affine_transform(given.astype(float), scale, offset, order=1, mode="nearest"))
    assert closest(disturbed("zoom", strength, given), expected).max() < 1


@pytest.mark.parametrize("strength", corruptions.STRENGTHS)
def test_a_translation_goes_that_far_in_some_direction_and_repeats_the_border(strength: int) -> None:
    given = pictures(RGB)
    found = disturbed("translation", strength, given, RGB)
    reach_y, reach_x = (math.ceil(parameter("translation", strength) * side) for side in (24, 32))
    padded = np.pad(given, ((0, 0), (reach_y, reach_y), (reach_x, reach_x), (0, 0)), mode="edge")
    shifts = []
    for before, after in zip(padded, found, strict=True):
        fitting = [
            (reach_y - y, reach_x - x)
            for y in range(2 * reach_y + 1)
            for x in range(2 * reach_x + 1)
            if np.array_equal(before[y : y + 24, x : x + 32], after)
        ]
        assert fitting
        shifts.append(fitting[0])
    lengths = [math.hypot(y / 24, x / 32) for y, x in shifts]
    assert lengths == pytest.approx([parameter("translation", strength)] * len(given), abs=0.03)
    assert len({(y > 0, x > 0) for y, x in shifts}) == 4


def test_brightness_adds_a_share_of_the_range_lighter_or_darker() -> None:
    given = pictures()
    for strength in corruptions.STRENGTHS:
        step = 255 * parameter("brightness", strength)
        expected = [np.clip(given + sign * step, 0, 255) for sign in (-1, 1)]
        assert closest(disturbed("brightness", strength, given), expected).max() <= 0.5


def test_contrast_keeps_the_mean_and_shrinks_the_distances_from_it() -> None:
    given = pictures(RGB)
    for strength in corruptions.STRENGTHS:
        found = disturbed("contrast", strength, given, RGB)
        means = given.mean(axis=(1, 2))
        assert np.abs(found.mean(axis=(1, 2)) - means).max() < 0.5
        ratio = found.std(axis=(1, 2)) / given.std(axis=(1, 2))
        assert ratio == pytest.approx(parameter("contrast", strength), abs=0.02)


def test_blur_is_about_that_of_a_gaussian() -> None:
    given = (np.random.default_rng(0).random((6, 100, 100, 1)) * 255).astype(np.uint8)
    contract = Preprocessing(color="gray", height=100, width=100)
    for strength in corruptions.STRENGTHS:
        sigma = 100 * parameter("blur", strength)
        expected = scipy.ndimage.gaussian_filter(given.astype(float), (0, sigma, sigma, 0), mode="nearest")
        found = disturbed("blur", strength, given, contract)
        assert np.abs(found - expected).mean() < 0.1 * np.abs(given - expected).mean()


def test_noise_has_the_deviation_that_is_said_and_no_direction() -> None:
    given = np.full((50, 28, 28, 1), 128, np.uint8)
    for strength in (1, 2):  # the stronger ones are cut off at black and white
        noise = disturbed("noise", strength, given) - 128.0
        assert noise.std() == pytest.approx(255 * parameter("noise", strength), rel=0.02)
        assert noise.mean() == pytest.approx(0, abs=0.3)
    assert not np.array_equal(disturbed("noise", 1, given)[0], disturbed("noise", 1, given)[1])


@pytest.mark.parametrize("color", ["gray", "rgb", "bgr"])
def test_jpeg_is_that_of_pillow_at_the_quality_that_is_said_with_its_colours_in_order(color: str) -> None:
    contract = Preprocessing(color=color, height=24, width=32)  # type: ignore[arg-type]
    given = pictures(contract, 3)
    order = slice(None, None, -1 if color == "bgr" else 1)
    for strength in corruptions.STRENGTHS:
        for before, after in zip(given, disturbed("jpeg", strength, given, contract), strict=True):
            file = io.BytesIO()
            shown = Image.fromarray(np.ascontiguousarray(before[..., order]).squeeze())
            shown.save(file, "JPEG", quality=int(parameter("jpeg", strength)))
            assert np.array_equal(np.asarray(Image.open(file)).reshape(before.shape)[..., order], after)


# ── what holds for all ─────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("kind", corruptions.KINDS)
@pytest.mark.parametrize("contract", [GRAY, RGB], ids=["gray", "rgb"])
def test_the_strongest_disturbs_more_than_the_weakest(kind: str, contract: Preprocessing) -> None:
    given = pictures(contract, width=1)
    weak, strong = (np.abs(disturbed(kind, s, given, contract) - given.astype(float)).mean() for s in (1, 5))
    assert 0 < weak < strong


def test_there_are_forty_conditions_each_of_a_kind_and_a_strength() -> None:
    assert len(set(corruptions.conditions())) == 40
    assert corruptions.conditions()[0] == "rotation@1"
    assert corruptions.conditions()[-1] == "jpeg@5"


@pytest.mark.parametrize("kind", corruptions.KINDS)
def test_the_same_seed_gives_the_same_pictures_whichever_are_asked_for_together(kind: str) -> None:
    given = pictures()
    whole = disturbed(kind, 3, given)
    assert np.array_equal(whole, disturbed(kind, 3, given))
    assert np.array_equal(whole[25:], corruptions.disturbed(GRAY, given[25:], f"{kind}@3", 0, first=25))
    assert np.array_equal(whole[:10], disturbed(kind, 3, given[:10]))


@pytest.mark.parametrize("kind", ["rotation", "translation", "zoom", "brightness", "noise"])
def test_another_seed_gives_other_pictures(kind: str) -> None:
    assert not np.array_equal(disturbed(kind, 3, pictures()), disturbed(kind, 3, pictures(), seed=1))


@pytest.mark.parametrize("kind", ["rotation", "translation", "zoom", "blur"])
def test_a_black_border_stays_black(kind: str) -> None:
    given = pictures()
    given[:, :4] = given[:, -4:] = given[:, :, :4] = given[:, :, -4:] = 0
    corners = disturbed(kind, 2, given)[:, [0, 0, -1, -1], [0, -1, 0, -1]]
    assert corners.max() == 0


@pytest.mark.parametrize(
    "contract",
    [
        GRAY,
        Preprocessing(color="gray", height=20, width=24, layout="NHW", scale=(1 / 255,), crop="center"),
        Preprocessing(color="rgb", height=24, width=32, layout="NCHW", scale=(0.01, 0.02, 0.03), offset=(1, 2, 3)),
        Preprocessing(color="bgr", height=16, width=16, scale=(2.0,), offset=(-1.0,)),
    ],
    ids=["gray", "flat", "channels first", "bgr"],
)
def test_undisturbed_pictures_are_what_preprocessing_makes_of_them(contract: Preprocessing, tmp_path: Path) -> None:
    given = samples(RGB)
    expected = np.load(preprocess.prepare(contract, given, tmp_path / "clean.npy"))
    found = np.load(corruptions.prepare(contract, given, "clean", tmp_path / "found.npy", 0))
    assert found.dtype == np.float32
    assert np.array_equal(found, expected)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["clean.npy", "found.npy"]


def test_a_file_of_some_places_holds_these_of_the_whole(tmp_path: Path) -> None:
    sized = corruptions.sized(GRAY, samples(), tmp_path / "sized.npy")
    whole = np.load(corruptions.write(GRAY, sized, "noise@2", tmp_path / "whole.npy", 3))
    some = np.load(corruptions.write(GRAY, sized, "noise@2", tmp_path / "some.npy", 3, slice(10, 25)))
    assert np.array_equal(some, whole[10:25])


def test_pictures_of_floats_are_rounded_before_they_are_disturbed(tmp_path: Path) -> None:
    floats = pictures().astype(np.float32) + np.float32(0.3)
    given = ArraySamples(floats.clip(0, 255), np.zeros(40, np.int64), "x_test", np.arange(40))
    found = np.load(corruptions.prepare(GRAY, given, "contrast@1", tmp_path / "found.npy", 0))
    assert np.array_equal(found, disturbed("contrast", 1, pictures()))


def test_the_documented_strengths_are_those_of_the_code() -> None:
    page = (Path(__file__).parents[2] / "docs" / "measuring.md").read_text(encoding="utf-8")
    for name, kind in corruptions.KINDS.items():
        assert f"| {name} | {' | '.join(f'{one:g}' for one in kind.parameters)} | {kind.meaning} |" in page
