"""What a training left behind → its learning curves, whoever wrote them down: CSV, JSON or TensorBoard."""

from __future__ import annotations

from pathlib import Path

from edge_opt.errors import InputError
from edge_opt.inputs.history import columns, events, files
from edge_opt.types import History

_READABLE = "a CSVLogger file (.csv), history.history as .json, or the folder that keras.callbacks.TensorBoard wrote"
_MOST_BYTES = 64 * 2**20  # a million epochs fit in


def read(path: Path) -> History:
    """The curves in ``path``: a CSV or JSON file, a TensorBoard event file, or a folder with such files.

    Raises InputError where there is no history in it, or no loss in the history.
    """
    if not path.exists():
        raise InputError(f"there is no history at '{path}'", f"give {_READABLE}")
    if path.is_dir() or "tfevents" in path.name:
        return columns.history(path, events.read(path))
    if path.stat().st_size > _MOST_BYTES:
        raise InputError(
            f"'{path}' is too large for a history: {path.stat().st_size / 2**20:.0f} MB", f"give {_READABLE}"
        )
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"'{path}' is no text in UTF-8", f"give {_READABLE}") from error
    except OSError as error:
        raise InputError(f"'{path}' cannot be read: {error.strerror}", "look at its permissions") from error
    if not text.strip():
        raise InputError(f"'{path}' is empty", "give the file that the training wrote to its end")
    as_json = path.suffix.lower() == ".json" or text.lstrip()[0] in "{["
    return columns.history(path, files.from_json(path, text) if as_json else files.from_csv(path, text))


def find(model_path: Path) -> Path | None:
    """The history that lies beside the model, if one does: first by the name of the model, then by the usual ones.

    Looked for are ``MODEL.history.json``, ``MODEL.csv``, ``history.json``, ``history.csv`` and ``training.csv``, where
    MODEL is the name of the model without its ending.
    """
    names = (f"{model_path.stem}.history.json", f"{model_path.stem}.csv", "history.json", "history.csv", "training.csv")
    # a model that was itself given as a CSV file is none of ours, but let it not be its own history
    beside = (model_path.parent / name for name in names)
    return next((path for path in beside if path.is_file() and path != model_path), None)
