"""Which inputs and outputs make a classifier that can run one sample at a time, and how they are described."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from edge_opt.errors import ModelError
from edge_opt.nets import describe, freeze
from edge_opt.types import TensorSpec

PATH = Path("models/net.keras")


def spec(*shape: int | None) -> TensorSpec:
    return describe.tensor("x", shape, "float32")


def test_a_classifier_keeps_its_own_input_and_output() -> None:
    assert freeze.specification(PATH, [spec(None, 28, 28, 1)], [spec(None, 10)]) == (
        spec(None, 28, 28, 1),
        spec(None, 10),
    )


@pytest.mark.parametrize(
    ("inputs", "outputs", "told"),
    [
        ([spec(None, 8), spec(None, 8)], [spec(None, 10)], "2 inputs and 1 outputs"),
        ([spec(None, 8)], [spec(None, 10), spec(None, 2)], "1 inputs and 2 outputs"),
        ([spec(None, None, None, 3)], [spec(None, 10)], "leaves the size of its input free: (batch, ?, ?, 3)"),
        ([spec(32, 28, 28, 1)], [spec(32, 10)], "(32, 28, 28, 1)"),
        ([spec(None, 28, 28, 1)], [spec(None, 7, 7, 10)], "answers with shape (batch, 7, 7, 10)"),
        ([spec(None, 28, 28, 1)], [spec(None, None)], "answers with shape (batch, ?)"),
        ([spec(None, 28, 28, 1)], [spec(None, 1)], "a single score"),
    ],
)
def test_anything_else_is_refused_with_its_shape(
    inputs: list[TensorSpec], outputs: list[TensorSpec], told: str
) -> None:
    with pytest.raises(ModelError) as caught:
        freeze.specification(PATH, inputs, outputs)
    assert told in caught.value.message
    assert "'net.keras'" in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize(
    ("shape", "layout"),
    [((None, 28, 28, 1), "NHWC"), ((None, 3, 224, 224), "NCHW"), ((None, 28, 28), ""), ((None, 64), "")],
)
def test_a_picture_is_told_by_its_channels(shape: tuple[int | None, ...], layout: str) -> None:
    assert spec(*shape).layout == layout


@pytest.mark.parametrize(
    ("name", "clean"),
    [("image", "image"), ("_picture", "picture"), ("input_1:0", "input_1"), ("2nd-view", "input"), ("a/b", "a_b")],
)
def test_a_name_becomes_one_that_every_format_takes(name: str, clean: str) -> None:
    assert freeze.identifier(name, "input") == clean


def test_a_full_disk_is_no_fault_of_the_model() -> None:
    with pytest.raises(OSError, match="No space") as caught, freeze.wrapped("it failed", "try again"):
        raise RuntimeError("variables.data-00000: No space left on device")
    assert caught.value.errno == errno.ENOSPC


def test_an_error_of_a_framework_becomes_one_sentence() -> None:
    with pytest.raises(ModelError, match=r"^it failed: first$"), freeze.wrapped("it failed", "try again"):
        raise RuntimeError("\nfirst\nsecond")


def test_the_hash_of_a_folder_is_that_of_its_names_and_contents(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name / "variables").mkdir(parents=True)
        (tmp_path / name / "saved_model.pb").write_bytes(b"graph")
        (tmp_path / name / "variables" / "data").write_bytes(b"weights")
    assert describe.digest(tmp_path / "one") == describe.digest(tmp_path / "two")
    (tmp_path / "two" / "variables" / "data").rename(tmp_path / "two" / "data")
    assert describe.digest(tmp_path / "one")[0] != describe.digest(tmp_path / "two")[0]
    assert describe.digest(tmp_path / "one")[1] == len(b"graph") + len(b"weights")
