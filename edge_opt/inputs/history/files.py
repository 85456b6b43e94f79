"""A CSV or JSON file → its columns, one value an epoch."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from edge_opt.errors import InputError
from edge_opt.inputs.history.columns import Column, is_curve, no_loss

_MISSING = {"", "na", "n/a", "none", "null"}
_NOT_A_HISTORY = "a history holds a list of numbers for 'loss', one an epoch: json.dump(history.history, file)"


# ── CSV ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def from_csv(path: Path, text: str) -> dict[str, Column]:
    """The columns under the names of the first line; rows that follow each other with one epoch are one.

    So writes PyTorch Lightning: what was trained in one row, what was validated in the next.
    """
    lines = text.splitlines()
    first = next(line for line in lines if line.strip())
    delimiter = max(",;\t", key=first.count)
    try:
        rows = [row for row in csv.reader(lines, delimiter=delimiter) if any(cell.strip() for cell in row)]
    except csv.Error as error:
        raise InputError(
            f"'{path}' is no CSV file: {error}", "give the file that keras.callbacks.CSVLogger wrote"
        ) from error
    header = [name.strip() for name in rows[0]] if rows else []  # nothing but delimiters
    if any(_looks_like_a_number(name) for name in header if name):
        raise InputError(f"'{path}' begins with numbers", "its first line must name the columns: epoch,loss,val_loss")
    merged: list[dict[str, str]] = []
    for number, row in enumerate(rows[1:], start=2):
        if [cell.strip() for cell in row] == header:  # the training was started again, into the same file
            continue
        if len(row) != len(header):
            raise InputError(
                f"row {number} of '{path}' has {len(row)} fields, and its first line {len(header)}",
                "every row must have a field for each column; an empty one where nothing was measured",
            )
        filled = {
            name: cell.strip() for name, cell in zip(header, row, strict=True) if cell.strip().lower() not in _MISSING
        }
        if merged and "epoch" in filled and merged[-1].get("epoch") == filled["epoch"]:
            merged[-1].update(filled)
        else:
            merged.append(filled)
    decimal = "," if delimiter == ";" else "."
    return {
        name: [_cell(path, name, row.get(name), decimal) for row in merged]
        for name in _needed(path, [name for name in header if name])
    }


def _cell(path: Path, name: str, cell: str | None, decimal: str) -> float | None:
    if cell is None:
        return None
    try:
        return float(cell.replace(decimal, "."))
    except ValueError as error:
        raise _no_number(path, name, cell) from error


def _needed(path: Path, names: Sequence[str]) -> Sequence[str]:
    if not (needed := [name for name in names if is_curve(name)]):
        raise no_loss(path, names)
    return needed


def _looks_like_a_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


# ── JSON ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def from_json(path: Path, text: str) -> dict[str, Column]:
    """The columns of ``history.history``, bare or under the name "history", or of a list with one entry an epoch."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"'{path}' is no JSON: {_first_line(error)}", _NOT_A_HISTORY) from error
    while isinstance(document, dict) and isinstance(document.get("history"), (dict, list)):
        document = document["history"]
    if isinstance(document, list) and document and all(isinstance(epoch, dict) for epoch in document):
        names = dict.fromkeys(name for epoch in document for name in epoch)
        lists = {name: [epoch.get(name) for epoch in document] for name in names}
    elif isinstance(document, dict):
        lists = {name: listed for name, value in document.items() if (listed := _as_list(value)) is not None}
    else:
        lists = {}
    if not lists:
        raise InputError(f"'{path}' holds no history", _NOT_A_HISTORY)
    lists = {name: lists[name] for name in _needed(path, list(lists))}
    lengths = {name: len(values) for name, values in lists.items()}
    if len(set(lengths.values())) > 1:
        told = ", ".join(f"'{name}' {length}" for name, length in list(lengths.items())[:6])
        raise InputError(
            f"the curves in '{path}' have unequal lengths: {told}",
            "every curve needs one value an epoch: null where nothing was measured, as with validation_freq=2",
        )
    return {name: [_number(path, name, value) for value in values] for name, values in lists.items()}


def _as_list(value: Any) -> list[Any] | None:
    """The values of one curve; ``DataFrame.to_json`` writes them under their numbers."""
    if isinstance(value, list):
        return value
    if isinstance(value, dict) and value and all(str(key).isdecimal() for key in value):
        return [value[key] for key in sorted(value, key=int)]
    return None


def _number(path: Path, name: str, value: Any) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise _no_number(path, name, value)
    try:
        return float(value)  # NaN may be written as text: JSON knows none
    except (ValueError, OverflowError) as error:
        raise _no_number(path, name, value) from error


def _no_number(path: Path, name: str, value: object) -> InputError:
    shown = str(value)
    shown = shown if len(shown) <= 40 else shown[:39] + "…"
    return InputError(f"'{name}' in '{path}' has the value '{shown}', which is no number", _NOT_A_HISTORY)


def _first_line(error: BaseException) -> str:
    return str(error).splitlines()[0]
