"""What the speed suite counts on: that it times the source tree it was told to, no cache, no disk, and no waiting."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import edge_opt
from edge_opt import turns

TREE = "EDGE_OPT_SPEED_TREE"  # the source tree under test, where it is not this checkout
os.environ["EDGE_OPT_CACHE"] = "off"
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")


def pytest_configure() -> None:
    """End at once where another tree than the one named would be timed: every result would be an A/A."""
    wanted = os.environ.get(TREE)
    found = Path(edge_opt.__file__).resolve().parents[1]
    if wanted and found != Path(wanted).resolve():
        raise pytest.UsageError(f"this would time '{found}' and not '{wanted}'")


@pytest.fixture(autouse=True)
def without_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing waits for the disk, which is as fast as whoever else uses it lets it be."""
    monkeypatch.setattr(os, "fsync", lambda _: None)


@pytest.fixture(autouse=True)
def to_ourselves(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No inference waits for another edge-opt here: pairs of runs bear its noise, but a build cannot wait."""
    monkeypatch.setattr(turns, "_ROOM", tmp_path / "lock")
