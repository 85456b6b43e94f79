"""Data files that are damaged or made to harm: each is read, or refused in one sentence."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from random import Random

import numpy as np
import pytest

from benchmarks.hostile.damage import damaged
from edge_opt.errors import DataError
from edge_opt.inputs import dataset

X = np.random.default_rng(5).integers(0, 256, (30, 6, 5), dtype=np.uint8)


def stored(path: Path) -> Path:
    np.savez_compressed(path, x=X, y=np.arange(30) % 3)
    return path


def entry_of(data: bytearray) -> int:
    """Where the last entry of the archive's table of contents begins."""
    return data.rfind(b"PK\x01\x02")


@pytest.mark.parametrize("part", ["archive", "arrays"])
def test_a_damaged_npz_is_read_or_refused_in_one_sentence(tmp_path: Path, part: str) -> None:
    path = stored(tmp_path / "data.npz")
    sound, refused = path.read_bytes(), 0
    with zipfile.ZipFile(path) as archive:
        arrays = {name: archive.read(name) for name in archive.namelist()}
    for number in range(300):
        draw = Random(number)
        if part == "archive":
            path.write_bytes(damaged(draw, sound)[1])
        else:
            with zipfile.ZipFile(path, "w") as archive:
                for name, content in arrays.items():
                    # mostly what stands at the beginning: the shape and the type
                    archive.writestr(name, damaged(draw, content[:128])[1] + content[128:])
        error = fault_of(path)
        if error is not None:
            refused += 1
            assert "\n" not in error.message
            assert error.hint
    assert refused > 100


def test_an_npz_that_declares_more_than_the_memory_is_refused_before_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge_opt.inputs.dataset.arrays.most_memory_bytes", lambda: 2**30)
    path = stored(tmp_path / "data.npz")
    data = bytearray(path.read_bytes())
    data[entry_of(data) + 24 : entry_of(data) + 28] = (2**32 - 2).to_bytes(4, "little")
    path.write_bytes(data)
    with pytest.raises(DataError, match=r"would take 4\.\d* GiB of memory, and this machine has 1\.\d* GiB"):
        dataset.read(path)


def test_an_array_of_terabytes_in_a_small_file_is_refused(tmp_path: Path) -> None:
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f8", "fortran_order": False, "shape": (2**45,)})
    with zipfile.ZipFile(tmp_path / "data.npz", "w") as archive:
        archive.writestr("x.npy", header.getvalue())
    with pytest.raises(DataError, match="cannot be read"):
        dataset.read(tmp_path / "data.npz")


@pytest.mark.parametrize(("place", "value"), [(8, 1), (10, 99)], ids=["encrypted", "unknown compression"])
def test_an_npz_that_cannot_be_unpacked_is_refused(tmp_path: Path, place: int, value: int) -> None:
    path = stored(tmp_path / "data.npz")
    data = bytearray(path.read_bytes())
    data[entry_of(data) + place] = value
    path.write_bytes(data)
    with pytest.raises(DataError, match="cannot be read"):
        dataset.read(path)


def test_a_name_that_leads_out_of_the_archive_writes_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "inner"
    folder.mkdir()
    stored(folder / "data.npz")
    with zipfile.ZipFile(folder / "data.npz", "a") as archive:
        archive.writestr("../../escaped.npy", b"x")
    fault_of(folder / "data.npz")
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["data.npz", "inner"]


def fault_of(path: Path) -> DataError | None:
    """Why the data set is refused; None where it is read. Whatever else is raised is not caught."""
    try:
        dataset.read(path)
    except DataError as error:
        return error
    return None
