"""What is committed works on any machine: no path and no host of the one it was written on."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.architecture.source import CHECKOUT

# written in pieces, so that this file does not contain what it looks for
HERE_ONLY = {
    "a path of one machine": re.compile(r"(?<![\w.])/(?:wo" + r"rk|ro" + r"ot|ho" + r"me/\w|Us" + r"ers/\w)[\w./-]*"),
    "a host of a package registry": re.compile(
        r"py" + r"pi\.org|python" + r"hosted\.org|npm" + r"js\.(?:org|com)|deb\.deb" + r"ian\.org|file:/" + r"//"
    ),
    "a folder outside the checkout": re.compile(r"\.\./sha" + r"red\b|\.\./\.lib" + r"rary\b|(?<!\w)sha" + r"red/"),
}
MAX_BYTES = 12 * 2**20


def tracked() -> list[Path]:
    """Every file that git knows of, of those that are still there."""
    if not shutil.which("git") or not (CHECKOUT / ".git").exists():
        pytest.skip("this folder is no git checkout; clone the repository to check its tracked files")
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=CHECKOUT, capture_output=True, text=True, check=True).stdout
    return [CHECKOUT / name for name in listed.split("\0") if name and (CHECKOUT / name).is_file()]


@pytest.mark.parametrize("what", HERE_ONLY)
def test_no_tracked_file_names(what: str) -> None:
    found = []
    for path in tracked():
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue  # a picture or a model
        for number, line in enumerate(text.splitlines(), start=1):
            if match := HERE_ONLY[what].search(line):
                found.append(f"{path.relative_to(CHECKOUT)}:{number} {match.group()}")
    assert not found


def test_no_tracked_file_is_larger_than_the_data_set_may_be() -> None:
    large = {str(path.relative_to(CHECKOUT)): path.stat().st_size for path in tracked()}
    assert not {name: size for name, size in large.items() if size > MAX_BYTES}


def test_the_locks_pin_and_hash_everything_and_name_no_index() -> None:
    for lock in (CHECKOUT / "requirements").glob("*.txt"):
        lines = [line for line in lock.read_text(encoding="utf-8").splitlines() if not line.lstrip().startswith("#")]
        requirements = [line for line in lines if line and not line.startswith(" ")]
        assert requirements
        assert all(re.match(r"[a-z0-9._-]+==\S+( ;.*)? \\$", line) for line in requirements), lock
        assert all(line.strip().startswith("--hash=sha256:") for line in lines if line.startswith(" ")), lock
        assert not [line for line in lines if line.startswith("--") or "http" in line], lock
