"""What lies in an archive, an HDF5 file or a folder that somebody else made, looked at before anything unpacks it.

Refused is what leads out of the file (``../``, links, data kept elsewhere) and what expands to far more than it is.
Source: https://cwe.mitre.org/data/definitions/22.html (paths), /59.html (links), /409.html (bombs).
"""

from __future__ import annotations

import re
import stat
import zipfile
from pathlib import Path
from typing import Any

from edge_opt.errors import ModelError

# Weights hardly shrink: what is larger than this, and so many times its file, was made to fill memory or disk.
MOST_BYTES = 2**30
MOST_TIMES = 20
MOST_TEXT_BYTES = 2**26  # of an architecture as JSON; that of a network of 1,000 layers takes one megabyte

_HOSTILE = "do not use it, unless you know who made it and why"
_SAVE_AGAIN = "save it again where it was made: model.save('model.keras')"
_COPY_AGAIN = "copy or download it again"


def check_zip(path: Path, archive: zipfile.ZipFile) -> None:
    """Raise ModelError where a member leads out of the archive, is a link or encrypted, or all expand too far."""
    size, seen = path.stat().st_size, set[str]()
    members = archive.infolist()
    for member in members:
        name = member.orig_filename
        if _leads_out(name):
            raise ModelError(f"'{path.name}' holds '{shown(name)}', which leads out of the archive", _HOSTILE)
        if stat.S_ISLNK(member.external_attr >> 16):
            raise ModelError(f"'{path.name}' holds '{shown(name)}', which is a link and no file", _HOSTILE)
        if member.flag_bits & 1:
            raise ModelError(f"'{path.name}' is encrypted", "give it without a password")
        if name in seen:
            raise ModelError(f"'{path.name}' is damaged: it holds '{shown(name)}' twice", _SAVE_AGAIN)
        seen.add(name)
    if sum(member.compress_size for member in members) > size:
        raise ModelError(f"'{path.name}' is damaged: its members are longer than the file", _COPY_AGAIN)
    check_expanded(path, sum(member.file_size for member in members), size)


def check_expanded(path: Path, expanded: int, size: int) -> None:
    """Raise ModelError where a file of ``size`` bytes declares so many that it was made to exhaust this machine."""
    if expanded > max(MOST_BYTES, MOST_TIMES * size):
        raise ModelError(
            f"'{path.name}' would expand from {size / 2**20:.1f} MiB to {expanded / 2**30:.1f} GiB", _HOSTILE
        )


def check_h5(path: Path, file: Any, size: int) -> None:
    """Raise ModelError where an open HDF5 file of ``size`` bytes leads to other files, or declares far more than it is.

    ``path`` is what the user gave. No link is followed but those that the file itself is made of.
    """
    import h5py

    expanded, seen, waiting = 0, set[int](), [file]
    while waiting:
        group = waiting.pop()
        for name in group:
            if isinstance(group.get(name, getlink=True), h5py.ExternalLink):
                raise ModelError(f"'{path.name}' links to another file at '{shown(name)}'", _HOSTILE)
            if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                continue  # leads to a place in this file, which is looked at anyway
            one = group[name]
            address = h5py.h5o.get_info(one.id).addr
            if address in seen:
                continue
            seen.add(address)
            if isinstance(one, h5py.Dataset):
                if one.external or one.is_virtual:
                    raise ModelError(f"'{path.name}' keeps '{shown(name)}' in another file", _HOSTILE)
                expanded += one.nbytes
            elif isinstance(one, h5py.Group):
                waiting.append(one)
    check_expanded(path, expanded, size)


def check_folder(path: Path) -> None:
    """Raise ModelError where something in the folder leads out of it, or is neither a file nor a folder."""
    inside = path.resolve()
    for one in sorted(path.rglob("*")):
        name = one.relative_to(path)
        try:
            real = one.resolve(strict=True)
        except (OSError, RuntimeError) as error:
            raise ModelError(f"'{path.name}' holds the link '{name}', which leads nowhere", _COPY_AGAIN) from error
        if not real.is_relative_to(inside):
            raise ModelError(
                f"'{path.name}' holds the link '{name}', which leads out of the folder",
                "put the file itself there, if you know where the folder comes from",
            )
        if not (real.is_file() or real.is_dir()):
            raise ModelError(f"'{path.name}' holds '{name}', which is no file", "export the model again")


def shown(name: str) -> str:
    """A name from a file that nobody vouches for: one line, short, and nothing that a terminal would obey."""
    plain = re.sub(r"[^\x20-\x7e\xa1-\U0010ffff]", "?", name.encode(errors="replace").decode())
    return plain if len(plain) <= 60 else f"{plain[:59]}…"


def _leads_out(name: str) -> bool:
    return name.startswith("/") or bool(re.match(r"[A-Za-z]:|.*[\\\x00]", name)) or ".." in name.split("/")
