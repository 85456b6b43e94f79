"""Symptoms → their order: the worst first, and what only follows from another one behind it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from edge_opt.types import Symptom

_SEVERITIES = {"problem": 0, "warning": 1, "hint": 2}

# A cause → what it brings about: mending the cause mends these, so they are told as its consequences.
# From the most to the least fundamental: of two causes of one symptom, the first one explains it.
_CONSEQUENCES: Mapping[str, tuple[str, ...]] = {
    "EO615": ("EO601", "EO608", "EO701", "EO702", "EO801", "EO802", "EO803", "EO804", "EO805"),
    "EO601": ("EO602", "EO603", "EO608", "EO701", "EO702", "EO801", "EO802", "EO803", "EO804", "EO805"),
    "EO602": ("EO603", "EO702", "EO703", "EO705", "EO706", "EO707", "EO801", "EO802", "EO803", "EO804", "EO806"),
    "EO606": ("EO607", "EO609", "EO610", "EO701", "EO801", "EO802", "EO803", "EO804"),
    "EO607": ("EO610", "EO802", "EO803", "EO804"),
    "EO610": ("EO701", "EO801", "EO802", "EO803", "EO804"),
    "EO609": ("EO611", "EO612", "EO614", "EO701", "EO801", "EO802", "EO803", "EO804"),
    "EO608": ("EO701", "EO702", "EO704", "EO801", "EO802", "EO803", "EO804"),
    "EO611": ("EO614", "EO702", "EO801", "EO802", "EO803", "EO804", "EO805"),
    "EO612": ("EO702", "EO801", "EO802", "EO803", "EO804", "EO805"),
    "EO614": ("EO702", "EO801", "EO802", "EO803", "EO804"),
    "EO603": ("EO702", "EO703", "EO707", "EO801", "EO802"),
    # the training: a rate that is too high leaves dead channels and learns little, whatever is seen of it then
    "EO707": ("EO705", "EO706", "EO702", "EO703", "EO704", "EO806", "EO801", "EO802", "EO803", "EO804", "EO805"),
    "EO705": ("EO601", "EO706", "EO702", "EO703", "EO704", "EO806", "EO801", "EO802", "EO803", "EO804", "EO805"),
    "EO806": ("EO702", "EO801", "EO802", "EO803"),
    "EO706": ("EO702", "EO801", "EO802", "EO803", "EO804", "EO805"),
    "EO702": ("EO801", "EO802", "EO803", "EO804", "EO805"),
    "EO701": ("EO704", "EO801", "EO802", "EO803", "EO804", "EO805"),
    "EO704": ("EO801", "EO802", "EO803", "EO804"),
    "EO703": ("EO702", "EO801", "EO802", "EO803"),
    "EO801": ("EO802", "EO803", "EO804", "EO805"),
    "EO802": ("EO803",),
}


def ranked(symptoms: Sequence[Symptom]) -> tuple[Symptom, ...]:
    """``symptoms`` by severity, then by size; a problem that another problem explains is no more than a warning."""
    problems = {one.code for one in symptoms if one.severity == "problem"}
    causes = {
        follows: cause
        for cause, brought in reversed(tuple(_CONSEQUENCES.items()))
        if cause in problems
        for follows in brought
        if follows != cause
    }
    told = [_explained(one, causes[one.code]) if one.code in causes else one for one in symptoms]
    return tuple(sorted(told, key=lambda one: (_SEVERITIES[one.severity], bool(one.explained_by), -one.size, one.code)))


def _explained(symptom: Symptom, cause: str) -> Symptom:
    severity = "warning" if symptom.severity == "problem" else symptom.severity
    return replace(symptom, severity=severity, explained_by=cause)
