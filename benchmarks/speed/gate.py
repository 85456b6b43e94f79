"""Is this checkout slower than the commit in the file ``baseline``? The speed suite against both, by turns.

::

    python benchmarks/speed/gate.py              # under two minutes; exit code 1 is a regression, as of `edge-opt gate`

Both source trees are copied into one folder, so that they differ by their content only, and the suite of this checkout
is run against each in a process of its own, once in every pair. What cannot be told passes: a build fails on what is
known.

Where the baseline cannot be had (a shallow clone, or no checkout of git at all), a sentence says that nothing was
compared, and the exit code is 0: CI services clone like that. A whole clone must have it; else the exit code is 2.
"""

from __future__ import annotations

import argparse
import compileall
import io
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
SUITE = CHECKOUT / "benchmarks" / "speed"
BASELINE = SUITE / "baseline"
PARTS = (
    "edge_opt",
    "tests",
    "targets",
    "calibration_data",
    "examples/web_app",
)  # of a source tree, as far as it is run
SIDES = ("baseline", "candidate")
PAIRS = 5
LIMIT = "25%"
_TIMEOUT_S = 300
_MEMORY = Path("/dev/shm")  # where it is there: a disk is as fast as whoever else writes to it lets it be
_ROOM_BYTES = 512 * 2**20


class Impossible(Exception):
    """Why nothing can be compared."""


def git(*words: str) -> bytes:
    """What git answers in this checkout. Raises Impossible with its own words."""
    ended = subprocess.run(["git", *words], cwd=CHECKOUT, capture_output=True, check=False)
    if ended.returncode:
        raise Impossible(ended.stderr.decode(errors="replace").strip())
    return ended.stdout


def unavailable(commit: str) -> str:
    """Why ``commit`` cannot be had although nobody did anything wrong; "" where it is there.

    Raises Impossible where it should be there.
    """
    try:
        top, shallow = git("rev-parse", "--show-toplevel", "--is-shallow-repository").decode().splitlines()
    except (Impossible, OSError) as error:
        return f"this folder is no checkout of git ({error})"
    if Path(top).resolve() != CHECKOUT:
        return "this folder is no checkout of git"
    try:
        git("cat-file", "-e", f"{commit}^{{commit}}")
    except Impossible as error:
        if shallow == "true":
            return f"this clone is shallow and lacks {commit[:12]} (git fetch --depth=1 origin {commit} would bring it)"
        raise Impossible(f"'{BASELINE.name}' names {commit[:12]}, which is no commit of this repository") from error
    return ""


def baseline_tree(commit: str, out: Path) -> Path:
    """The source tree of ``commit``, in the new folder ``out``."""
    with tarfile.open(fileobj=io.BytesIO(git("archive", "--format=tar", commit, *PARTS))) as archive:
        archive.extractall(out, filter="data")
    return out


def candidate_tree(out: Path) -> Path:
    """The source tree of this checkout as it is, also what is not committed, in the new folder ``out``."""
    listed = git("ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *PARTS).decode().split("\0")
    for name in filter(None, listed):
        if (CHECKOUT / name).is_file():  # not where it was removed
            (out / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(CHECKOUT / name, out / name)
    return out


def room_in() -> Path | None:
    """Where the trees are copied and the suite writes: memory where there is enough, else the usual place."""
    there = _MEMORY.is_dir() and os.access(_MEMORY, os.W_OK) and shutil.disk_usage(_MEMORY).free > _ROOM_BYTES
    return _MEMORY if there else None


def run_suite(side: str, tree: Path, result: Path) -> None:
    """Write what the suite measures of ``tree``, beside which it works. Raises Impossible where it does not run."""
    command = [sys.executable, "-m", "pytest", "-c", str(SUITE / "pytest.ini"), str(SUITE), "-q"]
    command += ["--basetemp", str(tree.parent / "tmp")]
    environment = {
        **os.environ,
        "PYTHONPATH": str(tree),
        "EDGE_OPT_SPEED_TREE": str(tree),
        "PYTEST_ADDOPTS": "",
        "PYTHONDONTWRITEBYTECODE": "1",  # compiled already, in both
    }
    ended = subprocess.run(
        [*command, f"--benchmark-json={result}"],
        cwd=tree,
        env=environment,
        capture_output=True,
        text=True,
        timeout=_TIMEOUT_S,
        check=False,
    )
    if ended.returncode:
        raise Impossible(f"the suite does not run against the {side}:\n{ended.stdout[-4000:]}{ended.stderr[-2000:]}")


def emptied(folder: Path) -> None:
    """Make ``folder``, without results of an earlier call: the gate would take them for more of this one."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.json"):
        old.unlink()


def compare(commit: str, pairs: int, limit: str, keep: Path) -> int:
    """The exit code of ``edge-opt gate`` on the results of both, which are left in ``keep``."""
    with tempfile.TemporaryDirectory(prefix="edge-opt-speed-", dir=room_in()) as room:
        # names of equal length: a path is part of what a process starts with
        trees = {"baseline": baseline_tree(commit, Path(room) / "old"), "candidate": candidate_tree(Path(room) / "new")}
        for tree in trees.values():
            compileall.compile_dir(tree, quiet=2)
        for side in SIDES:
            emptied(keep / side)
        for index in range(pairs):
            for side in SIDES if index % 2 == 0 else SIDES[::-1]:
                run_suite(side, trees[side], keep / side / f"{index}.json")
            print(f"speed: {index + 1} of {pairs} pairs", file=sys.stderr, flush=True)
    ours, theirs = keep / "candidate", keep / "baseline"
    command = [sys.executable, "-m", "edge_opt", "gate", "check", str(ours), "--baseline", str(theirs)]
    return subprocess.run([*command, "--latency", limit, "--unclear", "pass"], cwd=CHECKOUT, check=False).returncode


def main() -> int:
    """Compare, and the exit code: 0, 1 where something is slower, 2 where it could not be compared but should be."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--pairs", type=int, default=PAIRS)
    parser.add_argument("--limit", default=LIMIT)
    parser.add_argument("--baseline", default="", help="another commit than the one in the file, as HEAD")
    parser.add_argument("--keep", type=Path, help="a folder that keeps the results of pytest-benchmark")
    given = parser.parse_args()
    try:
        commit = given.baseline or BASELINE.read_text(encoding="utf-8").split()[0]
        if why := unavailable(commit):
            print(f"speed: nothing was compared: {why}", file=sys.stderr)
            return 0
        with tempfile.TemporaryDirectory(prefix="edge-opt-speed-") as scratch:
            return compare(commit, given.pairs, given.limit, given.keep or Path(scratch))
    except (Impossible, OSError, IndexError, subprocess.TimeoutExpired) as error:
        print(f"speed: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
