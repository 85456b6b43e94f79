"""One Gate where CI looks for it: a terminal, a job summary, JUnit XML, annotations, a code-quality report, JSON."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

from edge_opt import store
from edge_opt.errors import UnknownName
from edge_opt.results.gate import github, gitlab, junit, markdown, text
from edge_opt.results.gate.words import headline, outcome
from edge_opt.types import Gate

__all__ = ["FORMATS", "headline", "outcome", "render"]


def _json(gate: Gate) -> str:
    return json.dumps(store.dump(gate), separators=(",", ":"), ensure_ascii=False) + "\n"


_WRITERS: Mapping[str, Callable[[Gate], str]] = {
    "text": text.text,
    "md": markdown.markdown,
    "json": _json,
    "junit": junit.junit,
    "github": github.github,
    "gitlab": gitlab.gitlab,
}
FORMATS = tuple(_WRITERS)


def render(gate: Gate, format: str) -> str:
    """``gate`` in one of :data:`FORMATS`, ending in a line break. Raises UnknownName."""
    if format not in _WRITERS:
        raise UnknownName.among("format", format, FORMATS)
    return _WRITERS[format](gate)
