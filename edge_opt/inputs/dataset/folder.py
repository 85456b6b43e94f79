"""A folder with one sub-folder for each class, below ``train``, ``val`` and ``test`` or without them.

Pictures that lie there without any sub-folders have no labels.
"""

from __future__ import annotations

import os
from pathlib import Path

from edge_opt.errors import DataError
from edge_opt.inputs.dataset import files
from edge_opt.inputs.dataset.names import SPLITS, Split, counted, few
from edge_opt.inputs.dataset.pictures import ENDINGS
from edge_opt.inputs.dataset.samples import Dataset, short_name
from edge_opt.types import Finding

PREVIEW = "preprocessing.png"  # what 'edge-opt init' draws beside the contract
_SHAPE = "a data set is a folder of sub-folders, one for each class, with pictures in them"


def read(path: Path, progress: files.Progress | None = None) -> Dataset:
    """The data set in the folder ``path``; classes in the order of text, as Keras and PyTorch take them.

    Raises DataError as :func:`rows` does, and where pictures cannot be decoded.
    """
    found, ignored = rows(path)
    return files.dataset(path, path, found, _ignored(path, ignored), progress)


def rows(path: Path) -> tuple[list[files.Row], list[Path]]:
    """The pictures in the folder ``path`` with their splits and labels, none of them read, and what else lies there.

    Raises DataError where there is no picture, a class without any, or a class that training does not have.
    """
    tops = _folders(path)
    split_tops = {top: SPLITS[top.name.lower()] for top in tops if top.name.lower() in SPLITS}
    ignored: list[Path] = []
    found: list[files.Row] = []
    if _unlabelled(path, tops, split_tops):
        _refuse_twice(path, split_tops)
        for top, split in split_tops.items() or ((path, "train"),):
            found += [files.Row(split, str(picture), "") for picture in sorted(_loose(top))]
    elif any(split in ("train", "test") and _folders(top) for top, split in split_tops.items()):
        _refuse_twice(path, split_tops)
        ignored += [top for top in tops if top not in split_tops]
        for top, split in split_tops.items():
            found += _classes(path, top, split, ignored)
        _same_classes(path, found)
    else:
        found = _classes(path, path, "train", ignored)
    if not found:
        raise DataError(f"there is no picture in the folder '{path}'", f"{_SHAPE} ({' '.join(ENDINGS)})")
    return found, ignored


def _unlabelled(path: Path, tops: list[Path], split_tops: dict[Path, Split]) -> bool:
    """Whether pictures lie in ``path``, or in every one of its split folders, and nowhere a folder for a class."""
    if not tops:
        return bool(_loose(path))
    whole = len(split_tops) == len(tops) and any(split in ("train", "test") for split in split_tops.values())
    return whole and all(_loose(top) and not _folders(top) for top in tops)


def _loose(top: Path) -> list[Path]:
    """The pictures in ``top`` itself."""
    return [
        entry
        for entry in top.iterdir()
        if entry.suffix.lower() in ENDINGS and not entry.name.startswith(".") and entry.name != PREVIEW
    ]


def _folders(path: Path) -> list[Path]:
    return sorted(entry for entry in path.iterdir() if entry.is_dir() and not entry.name.startswith((".", "__")))


def _refuse_twice(path: Path, tops: dict[Path, Split]) -> None:
    for split in set(tops.values()):
        same = sorted(top.name for top, found in tops.items() if found == split)
        if len(same) > 1:
            raise DataError(f"'{path}' has '{same[0]}' and '{same[1]}', which mean the same split", "merge them")


def _classes(root: Path, top: Path, split: Split, ignored: list[Path]) -> list[files.Row]:
    rows: list[files.Row] = []
    empty = []
    for folder in _folders(top):
        pictures, others = _pictures(folder)
        ignored += others
        rows += [files.Row(split, picture, folder.name) for picture in pictures]
        if not pictures:
            empty.append(folder.name)
    if empty and rows:
        raise DataError(
            f"class '{empty[0]}' has no picture in the folder '{top}'",
            f"add pictures ({' '.join(ENDINGS)}) to '{top / empty[0]}', or remove that folder",
        )
    loose = _loose(top)
    if loose and not rows:
        raise DataError(
            f"'{top}' has {counted(len(loose), 'picture')}, but no sub-folders that say their class",
            f"{_SHAPE}; or give a .csv with the columns path and label",
        )
    ignored += loose
    return rows


def _pictures(folder: Path) -> tuple[list[str], list[Path]]:
    pictures: list[str] = []
    others: list[Path] = []
    for where, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            if not name.startswith(".") and name.lower() not in ("thumbs.db", "desktop.ini"):
                if name.lower().endswith(ENDINGS):
                    pictures.append(os.path.join(where, name))
                else:
                    others.append(Path(where, name))
    return pictures, others


def _same_classes(path: Path, rows: list[files.Row]) -> None:
    trained = {row.label for row in rows if row.split == "train"}
    for row in rows:
        if trained and row.label not in trained:
            raise DataError(
                f"class '{row.label}' is in the {row.split} split of '{path}', but not in its train split",
                "the classes of the splits must agree: the model has no output for one that it was not trained on",
            )


def _ignored(root: Path, ignored: list[Path]) -> list[Finding]:
    if not ignored:
        return []
    names = few([short_name(root, path) for path in ignored])
    return [
        Finding(
            code="EO106",
            level="warning",
            message=f"neither picture nor class, and left out: {names}",
            hint=f"pictures end in {' '.join(ENDINGS)}, in a sub-folder for their class; convert or move the others",
        )
    ]
