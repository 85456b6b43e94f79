"""Symptoms of the behaviour."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from edge_opt.types import Behaviour, Symptom


def symptoms(behaved: Behaviour, classes: Sequence[str]) -> Iterator[Symptom]:
    """Every symptom of the behaviour."""
    yield from ()
