"""Symptoms of the structure."""

from __future__ import annotations

from collections.abc import Iterator

from edge_opt.types import Structure, Symptom


def symptoms(made: Structure) -> Iterator[Symptom]:
    """Every symptom of the structure."""
    yield from ()
