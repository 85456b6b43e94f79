"""A checkpoint says everything again, is whole at any time, and is nothing where a power cut took half of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edge_opt.nets.train.keeping import State, keep, kept
from edge_opt.nets.train.schedule import Pace, Way


def state() -> State:
    way = Way.of(100)
    for _ in range(7):
        way.advance()
    many = [np.arange(12, dtype=np.float32).reshape(3, 4) + place for place in range(12)]
    return State(
        way=way,
        pace=Pace(step=0.1, teaching=0.2, looking=0.3),
        student=[*many, np.array([3, 4], np.uint32)],
        memory=[np.ones(5, np.float32), np.zeros(5, np.float32), np.array(7.0, np.float32)],
        best=many,
        best_epoch=2,
        accuracy=0.75,
        augmentation=("shift",),
        first=(0.5, 1.5),
        loss=1.25,
    )


def test_a_checkpoint_says_everything_again_to_the_last_bit(tmp_path: Path) -> None:
    before = state()
    keep(before, tmp_path / "new" / "one.npz")
    after = kept(tmp_path / "new" / "one.npz")
    assert after is not None
    for name in ("student", "memory", "best"):
        for one, other in zip(getattr(before, name), getattr(after, name), strict=True):
            assert one.dtype == other.dtype
            np.testing.assert_array_equal(one, other)
    assert (after.way, after.pace, after.first) == (before.way, before.pace, before.first)
    assert after.augmentation == before.augmentation
    assert (after.best_epoch, after.accuracy, after.loss, after.finished) == (2, 0.75, 1.25, False)


def test_a_write_that_fails_leaves_the_checkpoint_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "one.npz"
    keep(state(), path)
    before = path.read_bytes()

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(OSError, match="No space"):
        keep(state(), path)
    assert path.read_bytes() == before


@pytest.mark.parametrize("length", [0, 10, 400, -30])
def test_half_a_checkpoint_is_none(tmp_path: Path, length: int) -> None:
    path = tmp_path / "one.npz"
    keep(state(), path)
    path.write_bytes(path.read_bytes()[:length])
    assert kept(path) is None


def test_no_checkpoint_is_none(tmp_path: Path) -> None:
    assert kept(tmp_path / "one.npz") is None


def test_a_checkpoint_of_another_version_is_none(tmp_path: Path) -> None:
    path = tmp_path / "one.npz"
    keep(state(), path)
    with np.load(path) as arrays:
        found = dict(arrays)
    np.savez(path, **{**found, "words": np.array(str(found["words"]).replace('"stale"', '"bored"'))})
    assert kept(path) is None
