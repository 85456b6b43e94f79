"""A data set, from an ``.npz`` file, an image folder or a CSV table, and its splits for calibrating and judging."""

from __future__ import annotations

from pathlib import Path

from edge_opt.errors import DataError
from edge_opt.inputs.dataset import arrays, files, folder, kinds, table
from edge_opt.inputs.dataset.samples import Dataset, Samples
from edge_opt.inputs.dataset.splits import Splits, copies, split, stratified
from edge_opt.types import Finding

__all__ = ["Dataset", "Samples", "Splits", "check_outputs", "copies", "find", "read", "split", "stratified"]


def read(
    path: Path,
    progress: files.Progress | None = None,
    taken: kinds.Shape | None = None,
    kind: kinds.Kind | None = None,
) -> Dataset:
    """The data set at ``path``; picture files are looked at once, and ``progress(done, total)`` is told.

    ``taken`` is the shape of one sample as the model takes it, ``kind`` what a contract says of the samples: both
    decide whether arrays are pictures. Raises DataError, in one sentence, for anything that is no data set.
    """
    path = Path(path)
    find(path)
    if path.is_dir():
        return folder.read(path, progress)
    return arrays.read(path, taken, kind) if path.suffix.lower() == ".npz" else table.read(path, progress)


def find(path: Path) -> None:
    """Nothing; raises DataError where what is at ``path`` is plainly no data set, before a sample is read."""
    ending = path.suffix.lower()
    if not path.exists():
        raise DataError(f"there is no data set '{path}'", "check the path")
    if path.is_dir():
        try:
            folder.rows(path)
        except PermissionError as fault:
            raise DataError(
                f"'{fault.filename}' cannot be read: {fault.strerror}", "give the right to read it"
            ) from fault
    elif ending in (".zip", ".tar", ".gz", ".tgz", ".7z"):
        raise DataError(f"'{path}' is an archive", "unpack it, and give the folder")
    elif ending not in (".npz", ".csv", ".tsv"):
        raise DataError(
            f"'{path}' is not a data set",
            "give an .npz with x_train and y_train, a folder with one sub-folder a class, or a .csv with path and "
            "label",
        )


def check_outputs(dataset: Dataset, outputs: int) -> tuple[Finding, ...]:
    """What is to be said about labels that reach a model with that many outputs.

    Raises DataError where the labels cannot mean the outputs: more classes, or fewer by name.
    """
    count = len(dataset.classes)
    if count == outputs or not (count or dataset.labelled):
        return ()
    numbered = dataset.labelled and dataset.classes == tuple(str(number) for number in range(count))
    if count > outputs or not numbered:
        raise DataError(
            f"'{dataset.path}' has {count} classes, but the model has {outputs} outputs",
            "give the data that this model was trained for; classes.txt names all of them, in the order of the outputs",
        )
    return (
        Finding(
            code="EO108",
            level="warning",
            message=f"the labels go from 0 to {count - 1}, but the model has {outputs} outputs",
            hint="check that the labels are those that the model was trained with",
        ),
    )
