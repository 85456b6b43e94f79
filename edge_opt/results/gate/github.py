"""The Gate as annotations of GitHub Actions, which it reads from a job's log.

Source: "Workflow commands for GitHub Actions" in GitHub's documentation, and for the escapes the runner's own reading
of them. Of each kind GitHub shows the first ten of a step, so that the last one says what it had no room for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from edge_opt import units
from edge_opt.results.gate import words
from edge_opt.types import Gate, Outcome
from edge_opt.types.finding import Level

Kind = Literal["error", "warning", "notice"]

SHOWN = 10  # annotations of a kind and step
_KINDS: dict[Outcome, Kind] = {"regressed": "error", "unclear": "warning", "improved": "notice", "ok": "notice"}
_LEVELS: dict[Level, Kind] = {"error": "error", "warning": "warning", "info": "notice"}


@dataclass(frozen=True)
class _Annotation:
    kind: Kind
    title: str
    message: str

    def __str__(self) -> str:
        return f"::{self.kind} title={_property(self.title)}::{_data(self.message)}"


def github(gate: Gate, strict: bool) -> str:
    """A line an annotation: of each decision that is not ok, of each finding; one where everything is ok.

    ``strict`` makes an error of what cannot be told.
    """
    kinds: dict[Outcome, Kind] = {**_KINDS, "unclear": "error"} if strict else _KINDS
    found = [*_annotations(gate, kinds)]
    lines: list[str] = []
    for kind in ("error", "warning", "notice"):
        lines += map(str, _fitting([one for one in found if one.kind == kind]))
    return "\n".join(lines) + "\n"


def _annotations(gate: Gate, kinds: Mapping[Outcome, Kind]) -> Iterator[_Annotation]:
    which = f"{words.candidate(gate)} against {words.against(gate)}"
    for one in words.worst_first(gate):
        hint = f"\n{words.clean(one.hint)}" if one.hint else ""
        yield _Annotation(kinds[one.outcome], words.happened(one), f"{which}: {words.why(one)}{hint}")
    if words.outcome(gate) == "ok" or not gate.decisions:
        yield _Annotation(kinds[words.outcome(gate)], "edge-opt gate", words.headline(gate))
    for finding in gate.findings:
        hint = f"\n{words.clean(finding.hint)}" if finding.hint else ""
        yield _Annotation(_LEVELS[finding.level], finding.code, f"{words.clean(finding.message)}{hint}")


def _fitting(annotations: Sequence[_Annotation]) -> Iterator[_Annotation]:
    """Those that GitHub shows; where they are more, the last names how many others there are."""
    if len(annotations) <= SHOWN:
        yield from annotations
        return
    yield from annotations[: SHOWN - 1]
    left = annotations[SHOWN - 1 :]
    more = f"and {units.format_count(len(left))} more"
    yield _Annotation(left[0].kind, more, "\n".join(one.title for one in left) + "\nthe job summary has them all")


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
