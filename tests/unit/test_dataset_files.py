"""Folders and tables of picture files: what is decoded and how, what is left out and said, what is refused."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from edge_opt.errors import DataError
from edge_opt.inputs import dataset
from edge_opt.inputs.dataset import pictures
from edge_opt.types import Unreadable

RNG = np.random.default_rng(6)


def drawn(path: Path, mode: str = "RGB", size: tuple[int, int] = (12, 9), **options: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    channels = len(mode) if mode != "L" else 1
    pixels = RNG.integers(0, 256, (size[1], size[0], channels), dtype=np.uint8)
    Image.fromarray(pixels.squeeze(-1) if channels == 1 else pixels).save(path, **options)
    return path


def cats_and_dogs(folder: Path, each: int = 4, ending: str = "png") -> Path:
    for name in ("cat", "dog"):
        for i in range(each):
            drawn(folder / name / f"{i}.{ending}")
    return folder


@pytest.mark.parametrize("classes", [(), ("cat", "dog")])
def test_a_folder_that_is_no_data_set_is_refused_before_a_picture_is_decoded(
    tmp_path: Path, classes: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pictures, "inspect", lambda *_: pytest.fail("a picture was decoded"))
    for name in classes:
        (tmp_path / name).mkdir()
    if classes:
        drawn(tmp_path / "cat" / "0.png")
    with pytest.raises(DataError, match="'dog' has no picture" if classes else "there is no picture"):
        dataset.find(tmp_path)


def codes(data: dataset.Dataset) -> list[str]:
    return [finding.code for finding in data.findings]


@pytest.mark.parametrize("ending", ["jpg", "JPEG", "png", "bmp", "WebP", "gif"])
def test_every_kind_of_picture_is_read(tmp_path: Path, ending: str) -> None:
    data = dataset.read(cats_and_dogs(tmp_path, ending=ending))
    assert data.classes == ("cat", "dog")
    assert data.train is not None
    assert len(data.train) == 8
    assert data.train.image(0).shape == (9, 12, 3)
    assert data.train.name(0) == f"cat/0.{ending}"
    assert not data.findings


@pytest.mark.parametrize(
    "names", [("train", "val", "test"), ("Training", "validation", "testing"), ("train", "valid", "Test")]
)
def test_split_folders_are_known_by_their_usual_names(tmp_path: Path, names: tuple[str, ...]) -> None:
    for name in names:
        cats_and_dogs(tmp_path / name)
    assert list(dataset.read(tmp_path).splits) == ["train", "validation", "test"]


def test_classes_that_are_called_like_splits_stay_classes(tmp_path: Path) -> None:
    for name in ("train", "bus", "test"):
        drawn(tmp_path / name / "0.png")
    assert dataset.read(tmp_path).classes == ("bus", "test", "train")


def test_the_picture_is_upright_after_its_exif_orientation(tmp_path: Path) -> None:
    pixels = RNG.integers(0, 256, (4, 6, 3), dtype=np.uint8)
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise by 90 degrees to be looked at
    Image.fromarray(pixels).save(tmp_path / "turned.png", exif=exif)
    np.testing.assert_array_equal(pictures.read(tmp_path / "turned.png"), np.rot90(pixels, -1))


def test_alpha_is_composed_onto_white(tmp_path: Path) -> None:
    pixels = np.array([[[10, 20, 30, 255], [10, 20, 30, 0], [0, 100, 200, 51]]], np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    expected = [[[10, 20, 30], [255, 255, 255], [204, 224, 244]]]  # 0.2 · colour + 0.8 · 255
    np.testing.assert_array_equal(pictures.read(tmp_path / "a.png"), expected)


def test_a_transparent_palette_and_grey_with_alpha_are_composed_too(tmp_path: Path) -> None:
    palette = Image.new("P", (2, 1))
    palette.putpalette([0, 0, 0, 200, 100, 50])
    palette.putdata([0, 1])
    palette.save(tmp_path / "p.png", transparency=0)
    np.testing.assert_array_equal(pictures.read(tmp_path / "p.png"), [[[255] * 3, [200, 100, 50]]])
    Image.fromarray(np.array([[[10, 255], [10, 0]]], np.uint8), "LA").save(tmp_path / "la.png")
    np.testing.assert_array_equal(pictures.read(tmp_path / "la.png"), [[[10], [255]]])


def test_grey_keeps_one_channel_and_sixteen_bits_keep_their_high_byte(tmp_path: Path) -> None:
    assert pictures.read(drawn(tmp_path / "g.png", "L")).shape == (9, 12, 1)
    deep = np.array([[0, 255, 256, 32768, 65535]], np.uint16)
    Image.fromarray(deep).save(tmp_path / "deep.png")
    np.testing.assert_array_equal(pictures.read(tmp_path / "deep.png")[..., 0], [[0, 0, 1, 128, 255]])


def test_cmyk_and_black_and_white_are_read(tmp_path: Path) -> None:
    Image.new("CMYK", (3, 2), (0, 255, 255, 0)).save(tmp_path / "c.jpg", quality=100)
    red = pictures.read(tmp_path / "c.jpg")[0, 0]
    assert red[0] > 240
    assert red[1:].max() < 15
    Image.new("1", (3, 2), 1).save(tmp_path / "b.png")
    np.testing.assert_array_equal(pictures.read(tmp_path / "b.png"), np.full((2, 3, 1), 255))


@pytest.mark.parametrize("ending", ["jpg", "png", "webp", "gif", "bmp"])
@pytest.mark.parametrize("damage", ["cut", "empty", "text"])
def test_a_corrupt_picture_is_named_skipped_and_counted(tmp_path: Path, ending: str, damage: str) -> None:
    cats_and_dogs(tmp_path)
    broken = drawn(tmp_path / "cat" / f"broken.{ending}", size=(64, 48))
    content = broken.read_bytes()
    broken.write_bytes(
        {"cut": content[: len(content) // 2], "empty": b"", "text": b"hello, this is no picture"}[damage]
    )
    data = dataset.read(tmp_path)
    assert codes(data) == ["EO101"]
    assert data.findings[0].message.startswith(
        f"1 of 9 pictures cannot be decoded and is left out: 'cat/broken.{ending}'"
    )
    assert data.unreadable == Unreadable(total=9, corrupt=1, missing=0, examples=(f"cat/broken.{ending}",))
    assert data.train is not None
    assert len(data.train) == 8


def test_other_files_are_a_finding_and_hidden_ones_are_not(tmp_path: Path) -> None:
    cats_and_dogs(tmp_path)
    for name in ("cat/notes.txt", "cat/._0.png", "dog/.DS_Store", "dog/Thumbs.db", "preprocessing.toml"):
        (tmp_path / name).write_text("x")
    data = dataset.read(tmp_path)
    assert codes(data) == ["EO106"]
    assert data.findings[0].message.endswith("'cat/notes.txt'")


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="there is no picture in the folder"):
        dataset.read(tmp_path)
    (tmp_path / "cat").mkdir()
    with pytest.raises(DataError, match="there is no picture in the folder"):
        dataset.read(tmp_path)


def test_a_class_without_a_picture_is_refused_by_name(tmp_path: Path) -> None:
    cats_and_dogs(tmp_path / "train")
    cats_and_dogs(tmp_path / "test")
    shutil.rmtree(tmp_path / "test" / "dog")
    (tmp_path / "test" / "dog").mkdir()
    with pytest.raises(DataError, match=r"class 'dog' has no picture in the folder '.*test'"):
        dataset.read(tmp_path)


def test_a_class_of_nothing_but_corrupt_pictures_is_refused_by_name(tmp_path: Path) -> None:
    cats_and_dogs(tmp_path)
    (tmp_path / "eel").mkdir()
    (tmp_path / "eel" / "0.png").write_bytes(b"")
    with pytest.raises(DataError, match=r"class 'eel' has no picture .* of 1 file none can be decoded"):
        dataset.read(tmp_path)


def test_one_class_is_refused(tmp_path: Path) -> None:
    drawn(tmp_path / "data" / "0.png")
    with pytest.raises(DataError, match="holds one class only: 'data'"):
        dataset.read(tmp_path)


def test_pictures_without_any_sub_folder_have_no_labels(tmp_path: Path) -> None:
    for i in range(3):
        drawn(tmp_path / "all" / f"{i}.png")
        drawn(tmp_path / "split" / "train" / f"{i}.png")
        drawn(tmp_path / "split" / "test" / f"{i}.png")
    data = dataset.read(tmp_path / "all")
    assert (data.labelled, data.classes, list(data.splits)) == (False, (), ["train"])
    assert data.train is not None
    assert [data.train.name(i) for i in range(3)] == ["0.png", "1.png", "2.png"]
    split = dataset.read(tmp_path / "split")
    assert (split.labelled, list(split.splits)) == (False, ["train", "test"])
    (tmp_path / "all" / "classes.txt").write_text("cat\ndog\n")
    assert dataset.read(tmp_path / "all").classes == ("cat", "dog")


def test_pictures_without_labels_that_cannot_be_decoded_are_refused(tmp_path: Path) -> None:
    (tmp_path / "0.png").write_bytes(b"")
    with pytest.raises(DataError, match="none of the 1 file of"):
        dataset.read(tmp_path)


def test_a_class_that_was_not_trained_is_refused(tmp_path: Path) -> None:
    cats_and_dogs(tmp_path / "train")
    cats_and_dogs(tmp_path / "test")
    drawn(tmp_path / "test" / "eel" / "0.png")
    with pytest.raises(DataError, match=r"class 'eel' is in the test split"):
        dataset.read(tmp_path)


def test_numbered_classes_keep_the_order_of_text_with_a_finding(tmp_path: Path) -> None:
    for i in range(11):
        drawn(tmp_path / str(i) / "0.png")
    data = dataset.read(tmp_path)
    assert data.classes[:3] == ("0", "1", "10")
    assert codes(data) == ["EO107"]
    (tmp_path / "classes.txt").write_text("\n".join(str(i) for i in range(11)))
    data = dataset.read(tmp_path)
    assert data.classes[:3] == ("0", "1", "2")
    assert data.train is not None
    assert sorted(data.train.labels.tolist()) == list(range(11))


def test_the_hash_does_not_depend_on_the_place_but_on_every_picture(tmp_path: Path) -> None:
    first = dataset.read(cats_and_dogs(tmp_path / "a"))
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    assert dataset.read(tmp_path / "b").sha256 == first.sha256
    drawn(tmp_path / "b" / "cat" / "0.png")
    assert dataset.read(tmp_path / "b").sha256 != first.sha256


def test_a_table_names_paths_labels_and_splits(tmp_path: Path) -> None:
    cats_and_dogs(tmp_path / "pictures")
    lines = [f"pictures\\{name}\\{i}.png;{name};{'val' if i else 'Test'}" for name in ("cat", "dog") for i in range(4)]
    (tmp_path / "list.csv").write_text("﻿Filename;Class Name;Subset\n" + "\n".join(lines))
    data = dataset.read(tmp_path / "list.csv")
    assert data.classes == ("cat", "dog")
    assert {name: len(samples) for name, samples in data.splits.items()} == {"validation": 6, "test": 2}
    assert data.test is not None
    assert data.test.name(0) == "pictures/cat/0.png"


def test_numbers_in_a_table_are_indices(tmp_path: Path) -> None:
    cats_and_dogs(tmp_path)
    (tmp_path / "list.csv").write_text("path,label\ncat/0.png,10\ncat/1.png,2\n")
    data = dataset.read(tmp_path / "list.csv")
    assert data.train is not None
    assert data.train.labels.tolist() == [10, 2]
    assert len(data.classes) == 11


def test_missing_files_of_a_table_are_named_and_counted(tmp_path: Path) -> None:
    cats_and_dogs(tmp_path)
    (tmp_path / "list.csv").write_text("path,label\ncat/0.png,cat\ncat/99.png,cat\ndog/0.png,dog\n\n")
    data = dataset.read(tmp_path / "list.csv")
    assert codes(data) == ["EO102"]
    assert data.findings[0].message == "1 of 3 files does not exist and is left out: 'cat/99.png'"
    assert data.unreadable == Unreadable(total=3, corrupt=0, missing=1, examples=("cat/99.png",))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a,b\n1,2\n", "has no column 'path': its first line says 'a,b'"),
        ("path,colour\ncat/0.png,red\n", "has no column 'label'"),
        ("path,label\ncat/0.png,\n", "line 2: the label is empty"),
        ("path,label,split\ncat/0.png,cat,holdout\n", "line 2: there is no split 'holdout'"),
        ("path,label\nnowhere/0.png,cat\n", "names no picture: no file of it exists, as 'nowhere/0.png'"),
        ("path,label\n", "names no picture: it has no rows"),
        ("", "has no column 'path'"),
    ],
)
def test_a_table_that_says_too_little_is_refused(tmp_path: Path, text: str, says: str) -> None:
    cats_and_dogs(tmp_path)
    (tmp_path / "list.csv").write_text(text)
    with pytest.raises(DataError) as caught:
        dataset.read(tmp_path / "list.csv")
    assert says in caught.value.message
    assert caught.value.hint


def test_nothing_is_decoded_twice_or_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cats_and_dogs(tmp_path)
    monkeypatch.setattr(pictures, "read", lambda path: pytest.fail(f"decoded {path}"))
    seen: list[tuple[int, int]] = []
    data = dataset.read(tmp_path, lambda done, total: seen.append((done, total)))
    assert seen[-1] == (8, 8)
    assert data.train is not None
    assert data.train.take([1, 2]).take([1]).name(0) == "cat/2.png"


def test_a_class_that_only_classes_txt_names_is_a_finding_said_once(tmp_path: Path) -> None:
    cats_and_dogs(tmp_path, each=40)
    (tmp_path / "classes.txt").write_text("ant\ncat\ndog\neel\n")
    data = dataset.read(tmp_path)
    assert data.classes == ("ant", "cat", "dog", "eel")
    assert codes(data) == ["EO110"]
    assert "no picture of 'ant', 'eel', 2 of the 4 classes" in data.findings[0].message
    assert not dataset.check_outputs(data, 4)
    assert "EO110" not in {finding.code for finding in dataset.split(data, 0).findings}


def test_the_preview_that_init_draws_is_no_stray_picture(tmp_path: Path) -> None:
    cats_and_dogs(tmp_path)
    drawn(tmp_path / "preprocessing.png")
    assert not dataset.read(tmp_path).findings
