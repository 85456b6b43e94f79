"""An artifact → all of its files: the one that its runtime opens, and the weights beside it."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from edge_opt.errors import InputError
from edge_opt.nets import onnx_data


def size_of(path: Path) -> int:
    """Bytes of an artifact: the file, and the weights beside it. Raises ModelError where they cannot be had."""
    return sum(one.stat().st_size for one in {path, *_beside(path).values()})


def files_of(path: Path) -> dict[str, Path]:
    """The files of an artifact under the names that they have in a run, so that their hash is the run's.

    A copy of all of them under these names loads: external data of ONNX keep the name that the graph has for them.
    Raises ModelError where they lie outside its folder or are missing, InputError where the graph takes their name.
    """
    name, beside = f"model{path.suffix}", _beside(path)
    if beside.get(name, path) != path:
        raise InputError(
            f"'{path.name}' has its weights in '{name}', which is what the graph itself is called in a copy",
            "save it again with its weights in a file of another name",
        )
    files = {**beside, name: path}
    return {one: files[one] for one in sorted(files, key=PurePosixPath)}  # the order in which a folder is hashed


def _beside(path: Path) -> dict[str, Path]:
    """The weights beside the file, by their names in a copy: OpenVINO's, or external data of ONNX."""
    if path.suffix == ".onnx":
        try:
            return onnx_data.data_files(path)
        except ValueError:  # no model: its runtime will say so
            return {}
    weights = path.with_suffix(".bin")
    return {"model.bin": weights} if path.suffix == ".xml" and weights.exists() else {}
