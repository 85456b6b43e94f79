"""A CSV file that names pictures, their labels and, where there are any, their splits."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

from edge_opt.errors import DataError
from edge_opt.inputs.dataset import files
from edge_opt.inputs.dataset.names import SPLITS, Split, few
from edge_opt.inputs.dataset.samples import Dataset
from edge_opt.types import Finding

_COLUMNS = {
    "path": ("path", "file", "filename", "file_name", "filepath", "file_path", "image", "image_path", "img", "picture"),
    "label": ("label", "class", "class_name", "category", "target", "y", "labels"),
    "split": ("split", "subset", "set", "partition", "usage"),
}


def read(path: Path, progress: files.Progress | None = None) -> Dataset:
    """The data set that the CSV file ``path`` lists; relative paths start at the folder of that file.

    Raises DataError where a column is missing, a row has no label or an unknown split, or no file exists.
    """
    rows: list[files.Row] = []
    missing: list[str] = []
    for line, record in _records(path):
        name = record.get("path") or ""
        if not name or not record.get("label"):
            raise DataError(
                f"'{path}', line {line}: the {'label' if name else 'path'} is empty", "fill it in, or remove the row"
            )
        file = _file(path.parent, name)
        if file.is_file():
            rows.append(files.Row(_split(path, line, record), str(file), str(record["label"])))
        else:
            missing.append(name)
    if not rows:
        detail = f"no file of it exists, as '{missing[0]}'" if missing else "it has no rows"
        raise DataError(f"'{path}' names no picture: {detail}", f"paths are relative to the folder '{path.parent}'")
    return files.dataset(path, path.parent, rows, _missing(missing, len(rows)), progress, missing)


def _records(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as fault:
        raise DataError(f"'{path}' is not text in UTF-8: {fault.reason}", "save the table as CSV in UTF-8") from fault
    header = text.partition("\n")[0]
    delimiter = max(",;\t", key=header.count)
    reader = csv.reader(text.splitlines(), delimiter=delimiter)
    columns = [name.strip().lower().replace(" ", "_") for name in next(reader, [])]
    places = {
        kind: next((columns.index(name) for name in known if name in columns), None) for kind, known in _COLUMNS.items()
    }
    for kind in ("path", "label"):
        if places[kind] is None:
            raise DataError(
                f"'{path}' has no column '{kind}': its first line says '{header.strip()[:80]}'",
                "the first line names the columns: path,label and, if you have them, split",
            )
    for record in reader:
        if any(cell.strip() for cell in record):
            yield (
                reader.line_num,
                {
                    kind: record[place].strip()
                    for kind, place in places.items()
                    if place is not None and place < len(record)
                },
            )


def _split(path: Path, line: int, record: dict[str, str]) -> Split:
    if "split" not in record:
        return "train"
    written = record["split"]
    if written.lower() not in SPLITS:
        raise DataError(f"'{path}', line {line}: there is no split '{written}'", "known: train, validation, test")
    return SPLITS[written.lower()]


def _file(folder: Path, name: str) -> Path:
    file = folder / name
    # tables written on Windows
    return file if "\\" not in name or file.is_file() else folder / name.replace("\\", "/")


def _missing(missing: list[str], present: int) -> list[Finding]:
    if not missing:
        return []
    does = "does not exist and is" if len(missing) == 1 else "do not exist and are"
    return [
        Finding(
            code="EO102",
            level="warning",
            message=f"{len(missing)} of {len(missing) + present} files {does} left out: {few(missing)}",
            hint="correct the paths (relative to the folder of the table), or remove the rows",
        )
    ]
