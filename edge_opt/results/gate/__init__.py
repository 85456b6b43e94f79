"""One Gate where CI looks for it: a terminal, a job summary, JUnit XML, annotations, a code-quality report, JSON."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Literal

from edge_opt import store
from edge_opt.errors import UnknownName
from edge_opt.results.gate import github, gitlab, junit, markdown, text
from edge_opt.results.gate.words import headline, outcome
from edge_opt.types import Gate

__all__ = ["FORMATS", "Unclear", "headline", "outcome", "render"]

Unclear = Literal["exit", "pass", "fail"]  # what a command makes of a gate that cannot tell


def _json(gate: Gate) -> str:
    return json.dumps(store.dump(gate), separators=(",", ":"), ensure_ascii=False) + "\n"


_WRITERS: Mapping[str, Callable[[Gate], str]] = {
    "text": text.text,
    "md": markdown.markdown,
    "json": _json,
}
# those that a CI counts failures in: whether what cannot be told is one is theirs to know
_COUNTED: Mapping[str, Callable[[Gate, bool], str]] = {
    "junit": junit.junit,
    "github": github.github,
    "gitlab": gitlab.gitlab,
}
FORMATS = (*_WRITERS, *_COUNTED)


def render(gate: Gate, format: str, unclear: Unclear = "exit") -> str:
    """``gate`` in one of :data:`FORMATS`, ending in a line break. Raises UnknownName.

    Where ``unclear`` is ``fail``, what cannot be told is as much a failure as a regression.
    """
    if format in _COUNTED:
        return _COUNTED[format](gate, unclear == "fail")
    if format not in _WRITERS:
        raise UnknownName.among("format", format, FORMATS)
    return _WRITERS[format](gate)
