"""What the tests of the gate share: artifacts that behave as they are told, and what came of a gate."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from edge_opt.types import Gate
from tests.fakes import FakeArtifact

MILD = FakeArtifact(noise=0.001)


def written(folder: Path, name: str = "new.tflite", **behaviour: Any) -> Path:
    """An artifact in ``folder`` with hardly any noise."""
    return FakeArtifact(**{"noise": 0.001, **behaviour}).write(folder / name)


def outcomes(found: Gate) -> dict[str, str]:
    """The outcome of every measure."""
    return {one.measure: one.outcome for one in found.decisions}


def codes(found: Gate) -> set[str]:
    """The codes of its findings."""
    return {one.code for one in found.findings}
