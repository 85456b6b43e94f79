"""What the texts of one symptom are made of."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Words:
    """Templates of one symptom in one language, over its facts; ``{names:names}`` lists its names."""

    title: str  # what it is, in a few words, without a full stop
    seen: str  # the evidence, a whole sentence with its numbers
    fix: str  # what to do, a whole sentence in the imperative
