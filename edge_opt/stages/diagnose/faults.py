"""Symptoms of the pictures: what is too dark, too bright, blurred, flat or odd-sized to learn from."""

from __future__ import annotations

from collections.abc import Iterator

from edge_opt.types import DataEvidence, Symptom

_MANY, _MANY_BLURRED = 0.05, 0.10  # share of the pictures; softness is also a matter of style
_SOME, _LEAST = 0.005, 3


def dark_or_bright(seen: DataEvidence) -> Iterator[Symptom]:
    """Pictures on which nearly everything is black, or white."""
    if seen.faults:
        counts = {"dark": seen.faults.dark, "bright": seen.faults.bright}
        yield from _fault(seen, "EO611", counts, _MANY)


def blurred(seen: DataEvidence) -> Iterator[Symptom]:
    """Pictures that are far less sharp than others of their class."""
    if seen.faults:
        yield from _fault(seen, "EO612", {"blurred": seen.faults.blurred}, _MANY_BLURRED)


def odd_sized(seen: DataEvidence) -> Iterator[Symptom]:
    """Pictures of another shape, or far smaller than the others."""
    if seen.faults:
        yield from _fault(seen, "EO613", {"odd_sized": seen.faults.odd_sized}, _MANY)


def flat(seen: DataEvidence) -> Iterator[Symptom]:
    """Pictures of a single tone."""
    if seen.faults:
        yield from _fault(seen, "EO614", {"flat": seen.faults.flat}, _MANY)


def _fault(seen: DataEvidence, code: str, counts: dict[str, int], many: float) -> Iterator[Symptom]:
    assert seen.faults is not None
    count, looked_at = sum(counts.values()), seen.faults.looked_at
    if count < _LEAST or count < _SOME * looked_at:
        return
    share = count / looked_at
    yield Symptom(
        code=code,
        severity="problem" if share >= many else "warning",
        size=share,
        facts={"count": count, "samples": looked_at, "share": share, **counts},
        names=tuple(name for kind in counts for name in seen.faults.examples.get(kind, ())),
    )
