"""Symptoms of the data."""

from __future__ import annotations

from collections.abc import Iterator

from edge_opt.types import DataEvidence, Symptom


def symptoms(seen: DataEvidence) -> Iterator[Symptom]:
    """Every symptom of the data."""
    yield from ()
