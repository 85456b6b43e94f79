"""A Keras file, opened but not loaded: its configuration as data, and which Keras saved it."""

from __future__ import annotations

import contextlib
import io
import json
import lzma
import struct
import sys
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from edge_opt.errors import ModelError, StepFailed
from edge_opt.limits import run_limited
from edge_opt.nets import contents

_ZIP = b"PK\x03\x04"
_HDF5 = b"\x89HDF\r\n\x1a\n"
_GIT_LFS = b"version https://git-lfs"
_SAVE_WHOLE = "save the whole model: model.save('model.keras')"
_COPY_AGAIN = "copy or download it again"
_DEEPEST = 200  # a model in a model takes five

# A file of 1,000 layers takes a tenth of a second.
_LONGEST_S = 30.0
_LOOK = """import sys, h5py
with h5py.File(sys.argv[1], "r") as file:
    for name in ("model_config", "keras_version"):
        file.attrs.get(name)
    file.visititems(lambda *_: None)
"""

# What zipfile, its decompressors and h5py raise at something that they cannot make sense of.
_BROKEN = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    EOFError,
    NotImplementedError,
    RuntimeError,
    KeyError,
    ValueError,
    TypeError,
    AttributeError,
)


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
    with _told_as_damage(path), zipfile.ZipFile(path) as archive:
        contents.check_zip(path, archive)
        names = set(archive.namelist())
        if "config.json" not in names:
            raise ModelError(f"'{path.name}' is a zip archive without a Keras model (no config.json)", _SAVE_WHOLE)
        config = _parsed(path, "config.json", _text(path, archive, "config.json"))
        metadata = (
            _parsed(path, "metadata.json", _text(path, archive, "metadata.json")) if "metadata.json" in names else {}
        )
        for name in names:
            if name.endswith(".h5"):
                # all of it is read, and so checked against its sum
                with h5_file(io.BytesIO(archive.read(name))) as file:
                    contents.check_h5(path, file, archive.getinfo(name).file_size)
    return Archive(container="keras", config=config, version=str(metadata.get("keras_version", "")))


def _text(path: Path, archive: zipfile.ZipFile, name: str) -> bytes:
    size = archive.getinfo(name).file_size
    if size > contents.MOST_TEXT_BYTES:
        raise ModelError(
            f"'{path.name}' is damaged: its {name} would hold {size / 2**20:.0f} MiB, which no architecture does",
            _COPY_AGAIN,
        )
    return archive.read(name)


def _read_h5(path: Path) -> Archive:
    _check_that_reading_ends(path)
    with _told_as_damage(path), h5_file(path) as file:
        contents.check_h5(path, file, path.stat().st_size)
        text, version = file.attrs.get("model_config"), file.attrs.get("keras_version", "")
        if text is None:
            raise ModelError(f"'{path.name}' holds weights only, and no architecture", _SAVE_WHOLE)
        config = _parsed(path, "model_config", text)
    return Archive(
        container="h5", config=config, version=version.decode() if isinstance(version, bytes) else str(version)
    )


def _check_that_reading_ends(path: Path) -> None:
    """Raise ModelError where the HDF5 library crashes on the file, or goes round in it for ever, in C.

    Nothing in this process could end it then: so it is tried in another.
    """
    try:
        run_limited([sys.executable, "-c", _LOOK, str(path.resolve())], timeout_s=_LONGEST_S)
    except StepFailed as error:
        raise ModelError(f"'{path.name}' is damaged: HDF5 cannot read it ({error.message})", _COPY_AGAIN) from error


def h5_file(source: Any) -> Any:
    """The HDF5 file at a path or in a stream, open to be read."""
    import h5py

    return h5py.File(source, "r")


def _parsed(path: Path, name: str, text: Any) -> dict[str, Any]:
    """The object that ``text`` is as JSON, nested no deeper than a model can be. Raises ModelError."""
    try:
        found = json.loads(text)
    except (ValueError, TypeError, RecursionError) as error:
        raise ModelError(f"'{path.name}' is damaged: its {name} is no JSON ({error})", "save it again") from error
    if not isinstance(found, dict):
        raise ModelError(f"'{path.name}' is damaged: its {name} is no object", "save it again")
    level: list[Any] = [found]
    depth = 0
    while level:
        depth += 1
        if depth > _DEEPEST:
            raise ModelError(f"'{path.name}' is damaged: its {name} is nested too deep for a model", "save it again")
        boxes = [one.values() if isinstance(one, dict) else one for one in level]
        level = [inner for box in boxes for inner in box if isinstance(inner, dict | list)]
    return found


@contextlib.contextmanager
def _told_as_damage(path: Path) -> Iterator[None]:
    """Turn what the readers of archives raise at a broken one into a ModelError."""
    try:
        yield
    except OSError as error:  # a place in the file that is not there; HDF5 says which
        told = str(error) if error.errno is None else "its parts are not where it says they are"
        raise ModelError(f"'{path.name}' is damaged: {told}", _COPY_AGAIN) from error
    except _BROKEN as error:
        raise ModelError(f"'{path.name}' is damaged: {str(error) or type(error).__name__}", _COPY_AGAIN) from error
