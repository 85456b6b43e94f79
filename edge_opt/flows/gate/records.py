"""A history as a file: one JSON line a record, appended as it is taken, and read with a sentence for what is wrong."""

from __future__ import annotations

import json
import math
import shlex
from pathlib import Path

from edge_opt.errors import RunError
from edge_opt.store import dump, parse
from edge_opt.store.lines import append_line, read_lines
from edge_opt.types import GATE_SCHEMA, Finding, Fingerprint, Record

_RESTORE = "remove that line, or restore the file from a copy"


def append(path: Path, taken: Record) -> None:
    """``taken`` as one more line of the file at ``path``, which is made where there is none.

    Raises RunError, which holds the line, so that nothing need be measured again.
    """
    try:
        append_line(path, dump(taken))
    except RunError as error:
        line = json.dumps(dump(taken), separators=(",", ":"))
        raise RunError(error.message, f"{error.hint}; record again, or add the line yourself: {line}") from error


def read(path: Path) -> tuple[tuple[Record, ...], tuple[Finding, ...]]:
    """The records in the file at ``path``, the oldest first, and what is to be said of the file.

    A last line that was cut short is left out. Raises RunError where there is no such file, or it holds no record, is
    damaged, is something else, or was written by a newer edge-opt.
    """
    begin = f"begin one: edge-opt gate record ARTIFACT {shlex.quote(str(path))} --label COMMIT"
    try:
        lines, rest = read_lines(path)
    except FileNotFoundError:
        raise RunError(f"there is no history at '{path}'", begin) from None
    records = [_parsed(path, number, line) for number, line in enumerate(lines, start=1) if line.strip()]
    findings: tuple[Finding, ...] = ()
    if _is_json(rest):
        records.append(_parsed(path, len(lines) + 1, rest))  # whole: an editor left out the end of the line
    elif rest.strip():
        if not records:
            raise _foreign(path)
        findings = (_cut_short(path),)
    if not records:
        raise RunError(f"the history '{path}' is empty", begin)
    return tuple(records), findings


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def _cut_short(path: Path) -> Finding:
    return Finding(
        code="EO924",
        level="warning",
        message=f"the last line of '{path}' was cut short and is left out",
        hint="a job was killed while writing; the next record takes its place",
    )


def _parsed(path: Path, number: int, line: str) -> Record:
    try:
        content = json.loads(line)
    except ValueError as error:
        if number == 1:
            raise _foreign(path) from error
        raise RunError(f"line {number} of the history '{path}' is damaged: it is not JSON", _RESTORE) from error
    version = content.get("schema_version") if isinstance(content, dict) else None
    if not isinstance(version, int) or "fingerprint" not in content:
        if number == 1:
            raise _foreign(path)
        raise RunError(f"line {number} of the history '{path}' is not a record", _RESTORE)
    if version != GATE_SCHEMA:
        age = "a newer" if version > GATE_SCHEMA else "an older"
        raise RunError(
            f"line {number} of the history '{path}' was written by {age} edge-opt: its format is {version}, "
            f"this one reads {GATE_SCHEMA}",
            "install the version of edge-opt that wrote it, or begin another history",
        )
    try:
        found: Record = parse(Record, content)
        _check(found)
    except RunError as error:
        raise RunError(f"line {number} of the history '{path}' is damaged: {error.message}", _RESTORE) from error
    except (TypeError, ValueError, OverflowError, AttributeError, StopIteration) as error:
        raise RunError(
            f"line {number} of the history '{path}' is damaged: a value has another form", _RESTORE
        ) from error
    return found


def _check(found: Record) -> None:
    """Nothing; raises RunError where a value cannot have been measured, TypeError where it is no value."""
    texts = (found.label, found.taken, found.sha256, found.system)
    if not all(isinstance(one, str) for one in texts) or not isinstance(found.fingerprint, Fingerprint):
        raise TypeError("a text field is missing")
    if not found.medians_ns:
        raise RunError("it has no rounds")
    positive = (*found.medians_ns, found.p90_ns, found.size_bytes, found.compressed_bytes)
    untold = (found.load_ns, found.memory_bytes)  # 0 where a worker does not tell them
    if not all(math.isfinite(one) for one in (*positive, *untold)) or min(positive) <= 0 or min(untold) < 0:
        raise RunError("it holds an impossible number")


def _foreign(path: Path) -> RunError:
    return RunError(f"'{path}' is not an edge-opt history", "give a file that 'edge-opt gate record' wrote")
