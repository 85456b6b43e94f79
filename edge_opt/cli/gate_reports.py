"""``--report`` of ``edge-opt gate``: what it may not overwrite, and every file that can be written."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import click

from edge_opt.errors import EdgeOptError, InputError, RunError
from edge_opt.flows.gate import runner
from edge_opt.flows.gate.size import is_network
from edge_opt.nets.artifact_files import files_of
from edge_opt.results.gate import FORMATS, Unclear, render
from edge_opt.types import Gate

Reports = Sequence[tuple[str, Path]]  # the format and the file of each

_READ = {
    "candidate": "the candidate",
    "baseline": "the baseline",
    "against": "the history",
    "calibration": "the calibration",
    "data": "the data",
}
_ANOTHER = "give another file to --report"
# of artifacts, models, data and histories; an .xml may be a report of JUnit, and is looked into
_NO_REPORT = {".tflite", ".onnx", ".bin", ".keras", ".h5", ".hdf5", ".npz", ".pb", ".pt", ".jsonl", ".csv"}


def parse(ctx: click.Context, param: click.Parameter, values: tuple[str, ...]) -> Reports:
    """The format and the file of each ``--report``; what cannot be written is refused before anything is measured."""
    found: list[tuple[str, Path]] = []
    for text in values:
        name, separator, file = text.partition("=")
        if not separator or name not in FORMATS or not file:
            raise click.BadParameter(f"'{text}' is not FORMAT=FILE, with one of {', '.join(FORMATS)}")
        path = Path(file)
        _require_place(path)
        if any(_same(path, other) for _, other in found):
            raise click.BadParameter(f"'{path}' is given twice: each report needs a file of its own")
        found.append((name, path))
    return found


def _require_place(path: Path) -> None:
    """Nothing; raises BadParameter where no file can be written at ``path``."""
    if path.is_dir():
        raise click.BadParameter(f"'{path}' is a folder: give the path of a file")
    if not path.parent.is_dir():
        raise click.BadParameter(f"there is no folder '{path.parent}' to write '{path}' to")
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        raise click.BadParameter(f"you may not write to '{path}'")


def require_apart(reports: Reports, given: Mapping[str, Any]) -> None:
    """Nothing; raises InputError where a report is what the gate reads, lies in it, or is a file that is no report.

    ``given`` holds the paths by the names of their parameters; a link counts as what it leads to.
    """
    for name, what in _READ.items() if reports else ():
        path: Path | None = given[name]
        if name == "calibration" and path is None and given["baseline"]:
            path = runner.place(given["baseline"])
        if path is None:
            continue
        for _, report in reports:
            if any(_same(report, one) for one in _files(path)):
                raise InputError(f"--report would overwrite {what}, '{report}'", _ANOTHER)
            if any(_same(folder, path) for folder in report.resolve().parents):
                raise InputError(f"--report would write '{report}' into {what}, '{path}'", _ANOTHER)
    samples: Path | None = given["output"]  # a report may lie in that folder, and cannot be the folder
    for _, report in reports:
        if _is_no_report(report):
            raise InputError(f"'{report}' exists and is not a report: --report would overwrite it", _ANOTHER)
        if samples and _same(report, samples):
            raise InputError(f"'{report}' cannot be both a report and the folder of the samples", _ANOTHER)


def _is_no_report(path: Path) -> bool:
    """Whether the file that would be replaced is none of the gate's."""
    whole = path.resolve()
    if not whole.is_file():
        return False
    suffix = whole.suffix.lower()
    return suffix in _NO_REPORT or (suffix == ".xml" and os.access(whole, os.R_OK) and is_network(whole))


def _files(path: Path) -> Iterator[Path]:
    """What must stay as it is: the path, and the weights beside an artifact."""
    yield path
    if path.is_file():
        with suppress(EdgeOptError):  # an artifact without its weights: the gate will say so
            yield from files_of(path).values()


def _same(one: Path, other: Path) -> bool:
    """Whether two paths lead to one file or folder, which need not be there yet."""
    with suppress(OSError):
        return os.path.samefile(one, other)
    return one.resolve() == other.resolve()


def write(reports: Reports, found: Gate, unclear: Unclear) -> None:
    """Write every report that can be written, then raise RunError with those that could not."""
    failed = []
    for name, path in reports:
        try:
            _put(path, render(found, name, unclear))
        except OSError as error:
            failed.append((path, error))
    if failed:
        said = "; ".join(f"'{path}' cannot be written: {error.strerror}" for path, error in failed)
        raise RunError(said, f"free some space, or {_ANOTHER}") from failed[0][1]


def _put(path: Path, text: str) -> None:
    """Make ``path`` a file of that text: whole, or as it was before. Raises OSError."""
    place = path.resolve()  # where it is a link, what that leads to is replaced
    if path.exists() and not (path.is_file() and os.access(place.parent, os.W_OK)):
        path.write_text(text, encoding="utf-8")  # a pipe, or a file in a folder that takes no other
        return
    partial = place.with_name(f"{place.name}.partial")
    try:
        partial.write_text(text, encoding="utf-8")
        os.replace(partial, place)
    finally:
        with suppress(OSError):
            partial.unlink()
