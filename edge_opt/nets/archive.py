"""A Keras file, opened but not loaded: its configuration as data, and which Keras saved it."""

from __future__ import annotations

import json
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from edge_opt.errors import ModelError

_ZIP = b"PK\x03\x04"
_HDF5 = b"\x89HDF\r\n\x1a\n"
_GIT_LFS = b"version https://git-lfs"
_SAVE_WHOLE = "save the whole model: model.save('model.keras')"


@dataclass(frozen=True, kw_only=True)
class Archive:
    """What a Keras file says about itself; ``version`` is empty where the file does not tell."""

    container: Literal["keras", "h5"]
    config: dict[str, Any]
    version: str

    @property
    def is_keras_2(self) -> bool:
        """Whether Keras 2 saved it, or something older; a ``.keras`` file that does not tell is Keras 3's."""
        return self.version.split(".")[0] in ({"1", "2"} if self.container == "keras" else {"", "0", "1", "2"})


def read(path: Path) -> Archive:
    """The archive at ``path``, told by its first bytes, not by its name; nothing in it is executed.

    Raises ModelError where there is no file, or it is no Keras model, broken, or without an architecture.
    """
    if not path.is_file():
        raise ModelError(f"there is no file '{path}'", "give the path of a .keras or .h5 file")
    with path.open("rb") as file:
        start = file.read(len(_GIT_LFS))
    if start.startswith(_HDF5):
        return _read_h5(path)
    if start.startswith(_ZIP):
        return _read_zip(path)
    if start.startswith(_GIT_LFS):
        raise ModelError(f"'{path.name}' is a pointer of Git LFS, not the model itself", "fetch it with: git lfs pull")
    told = "is empty" if not start else "is not a Keras model: it is neither a zip archive nor an HDF5 file"
    raise ModelError(f"'{path.name}' {told}", "give a file that model.save('model.keras') wrote")


def _read_zip(path: Path) -> Archive:
    try:
        with zipfile.ZipFile(path) as archive:
            names = set(archive.namelist())
            if "config.json" not in names:
                raise ModelError(f"'{path.name}' is a zip archive without a Keras model (no config.json)", _SAVE_WHOLE)
            config = json.loads(archive.read("config.json"))
            metadata = json.loads(archive.read("metadata.json")) if "metadata.json" in names else {}
            if not isinstance(config, dict) or not isinstance(metadata, dict):
                raise ValueError("its configuration is no object")
    except (zipfile.BadZipFile, OSError, EOFError, ValueError, RecursionError) as error:
        raise ModelError(f"'{path.name}' is damaged: {error}", "copy or download it again") from error
    return Archive(container="keras", config=config, version=str(metadata.get("keras_version", "")))


def _read_h5(path: Path) -> Archive:
    import h5py

    try:
        with h5py.File(path, "r") as file:
            text, version = file.attrs.get("model_config"), file.attrs.get("keras_version", "")
    except OSError as error:
        raise ModelError(f"'{path.name}' is damaged: {error}", "copy or download it again") from error
    if text is None:
        raise ModelError(f"'{path.name}' holds weights only, and no architecture", _SAVE_WHOLE)
    try:
        config = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ModelError(f"'{path.name}' is damaged: its model_config is no JSON ({error})", "save it again") from error
    if not isinstance(config, dict):
        raise ModelError(f"'{path.name}' is damaged: its model_config is no object", "save it again")
    return Archive(
        container="h5", config=config, version=version.decode() if isinstance(version, bytes) else str(version)
    )
