"""Symptoms of the training."""

from __future__ import annotations

from collections.abc import Iterator

from edge_opt.types import Symptom, TrainingEvidence


def symptoms(trained: TrainingEvidence) -> Iterator[Symptom]:
    """Every symptom of the training."""
    yield from ()
