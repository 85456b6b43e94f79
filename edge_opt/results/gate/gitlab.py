"""The Gate as GitLab's code-quality report, which a merge request shows beside the changes.

Source: "Code Quality report format" in GitLab's documentation.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from edge_opt.results.gate import words
from edge_opt.types import Decision, Gate, Outcome
from edge_opt.types.finding import Level

_SEVERITIES: dict[Outcome, str] = {"regressed": "major", "unclear": "minor"}
# what is merely worth knowing is no issue of the merge request
_LEVELS: dict[Level, str] = {"error": "major", "warning": "minor"}


def gitlab(gate: Gate, strict: bool) -> str:
    """A JSON list of what is not ok, and of the warnings; an empty one where there is neither.

    ``strict`` makes what cannot be told as severe as a regression.
    """
    severities: dict[Outcome, str] = {**_SEVERITIES, "unclear": "major"} if strict else _SEVERITIES
    seen: dict[str, int] = {}
    found = [_decided(gate, one, severities[one.outcome]) for one in gate.decisions if one.outcome in severities]
    for one in (one for one in gate.findings if one.level in _LEVELS):
        seen[one.code] = seen.get(one.code, 0) + 1
        said = " — ".join(filter(None, (words.clean(one.message), words.clean(one.hint))))
        found.append(_entry(gate, one.code, said, _LEVELS[one.level], f"{one.code} {seen[one.code]}"))
    return json.dumps(found, indent=2, ensure_ascii=False) + "\n"


def _decided(gate: Gate, decision: Decision, severity: str) -> dict[str, Any]:
    said = " — ".join(filter(None, (words.why(decision), words.clean(decision.hint))))
    name = words.clean(decision.measure)
    said = f"{words.happened(decision)} against {words.against(gate)}: {said}"
    return _entry(gate, f"edge-opt-gate-{name}", said, severity, name)


def _entry(gate: Gate, check: str, said: str, severity: str, key: str) -> dict[str, Any]:
    """One entry. Its fingerprint is the same in every run: by it GitLab tells what is new and what is resolved."""
    place = _place(gate)
    return {
        "description": said,
        "check_name": check,
        "fingerprint": hashlib.sha256(f"edge-opt gate\0{place}\0{key}".encode()).hexdigest()[:32],
        "severity": severity,
        "location": {"path": place, "lines": {"begin": 1}},
    }


def _place(gate: Gate) -> str:
    """The path of what stood at the gate, as it was given, from the folder of the job where it lies in it."""
    path = Path(words.candidate(gate) if gate.candidate or gate.judged else words.against(gate))
    if path.is_absolute() and path.is_relative_to(Path.cwd()):
        path = path.relative_to(Path.cwd())
    return path.as_posix()
