"""What does edge-opt make of damaged model files?

Mutant number ``n`` of each kind (``.keras .h5 .onnx .tflite`` and OpenVINO's IR) is written to an empty folder and
given to ``convert`` as a model, or to ``bench`` as an artifact, by the functions that the command line calls. Each must
end as a result or as one sentence of an EdgeOptError, in time, and leave no file behind. The heavy work runs in forked
children, which saves importing TensorFlow each time; ``--through-cli`` takes the real command line, which is slow.

Mutants are the same on every machine. The journal keeps the outcome of each, so the study goes on where it was stopped.

::

    python benchmarks/mutations.py --count 1000
    python benchmarks/mutations.py --count 25 --through-cli
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any
from unittest import mock

from benchmarks.hostile import kinds
from benchmarks.hostile.kinds import Mutant
from edge_opt import __version__
from edge_opt.errors import Crashed, EdgeOptError, InputError, OutOfMemory, TimedOut

RESULTS = Path(__file__).parent / "results"
WAYS = {
    "keras": ("convert",),
    "h5": ("convert",),
    "onnx": ("bench", "convert"),
    "tflite": ("bench", "convert"),
    "openvino": ("bench",),
}
NEEDS = {
    "keras": ("keras", "tf_keras", "h5py", "ai_edge_litert.interpreter"),
    "h5": ("keras", "tf_keras", "h5py", "ai_edge_litert.interpreter"),
    "onnx": ("onnx", "onnxruntime"),
    "tflite": ("ai_edge_litert.interpreter",),
    "openvino": ("openvino",),
}
TIMEOUT_S = 60.0
MEMORY_BYTES = 4 * 2**30
BAD = ("broken", "clumsy", "stray")


# ── one mutant ─────────────────────────────────────────────────────────────────────────────────────────────────────


def give(way: str, one: Mutant) -> tuple[str, str]:
    """The outcome of a mutant given to the functions of edge-opt, and the words it ended with."""
    with tempfile.TemporaryDirectory(prefix="mutant-") as scratch:
        given, out, rest = (Path(scratch) / name for name in ("given", "out", "rest"))
        for folder in (given, out, rest):
            folder.mkdir()
        path = one.write(given)
        before = set(given.iterdir())
        outcome, words = _ended(way, path, out, rest)
        left = [*rest.rglob("*"), *(set(given.iterdir()) - before), *(out.iterdir() if outcome != "kept" else ())]
        return "stray" if left else outcome, f"{words} {left or ''}".strip()


def _ended(way: str, path: Path, out: Path, rest: Path) -> tuple[str, str]:
    from edge_opt.flows import api

    old, tempfile.tempdir = tempfile.tempdir, str(rest)
    here = Path.cwd()
    os.chdir(rest)
    try:
        if way == "convert":
            failures: Any = api.convert(path, to=(_made_of(path),), output=out, use_cache=False).failures
        else:
            failures = api.bench([path], rounds=1).failures
    except EdgeOptError as error:
        return _kind_of(error), _shown(error.message, error.hint)
    except Exception as error:
        return "broken", f"{type(error).__name__}: {error}"
    finally:
        os.chdir(here)
        tempfile.tempdir = old
    if failures:
        return _told(failures[0].message), _shown(failures[0].message, failures[0].hint)
    return "kept", ""


def _made_of(path: Path) -> str:
    return "onnx" if path.suffix == ".onnx" else "tflite"


def _kind_of(error: EdgeOptError) -> str:
    cause = error.__cause__ if isinstance(error.__cause__, EdgeOptError) else error
    for kind, name in ((Crashed, "crash, contained"), (TimedOut, "time limit"), (OutOfMemory, "memory limit")):
        if isinstance(cause, kind):
            return name
    if isinstance(error, InputError):
        return "clumsy" if _told(error.message) == "clumsy" else "refused"
    return _told(error.message)


def _told(message: str) -> str:
    """Which outcome the sentence is: whether it is one, and whether a limit or a crash stands behind it."""
    if not re.fullmatch(r"[^\n]{10,600}", message) or "Traceback" in message or "and no answer" in message:
        return "clumsy"
    for word, name in (("died from", "crash, contained"), ("took longer", "time limit"), ("memory", "memory limit")):
        if f"its process {word}" in message or (name == "memory limit" and "more memory than its limit" in message):
            return name
    return "refused"


def _shown(message: str, hint: str) -> str:
    return f"{message} | {hint}"


def _usual(path: Path) -> bool:
    """Whether that is the settings of Keras or the font list of matplotlib, which both write to any new home."""
    return path.name in (".keras", ".config", ".cache") or bool({".keras", "matplotlib"} & {*path.parts})


def through_cli(way: str, one: Mutant) -> tuple[str, str]:
    """The same by the command line, in a home, a current and a temporary folder of its own."""
    with tempfile.TemporaryDirectory(prefix="mutant-") as scratch:
        places = {name: Path(scratch) / name for name in ("given", "HOME", "TMPDIR", "here")}
        for folder in places.values():
            folder.mkdir()
        path = one.write(places["given"])
        more = ("--to", _made_of(path), "--no-cache") if way == "convert" else ("--rounds", "1")
        env = {**os.environ, "HOME": str(places["HOME"]), "TMPDIR": str(places["TMPDIR"])}
        try:
            done = subprocess.run(
                [sys.executable, "-m", "edge_opt", way, str(path), *more],
                cwd=places["here"], env=env, capture_output=True, text=True, timeout=600, check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            return "broken", "it took longer than 600 s"
        left = [left for name in ("TMPDIR", "here") for left in places[name].rglob("*")]
        left += [left for left in places["HOME"].rglob("*") if not _usual(left)]
        said = [line for line in done.stderr.splitlines() if re.match(r"(error|failed)(\[EO\d+\])?: \S", line)]
        if "Traceback" in done.stderr or done.returncode not in (0, 2) or (done.returncode == 2 and not said):
            return "broken", f"exit {done.returncode}: {done.stderr[-500:]}"
        if left and (done.returncode or way == "bench"):
            return "stray", str(left)
        return "refused" if done.returncode else "kept", " ".join(said)


# ── the study ──────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, kw_only=True)
class Study:
    """Where the outcomes are kept, where the sound files are, and how mutants are given."""

    results: Path
    sound: Path
    cli: bool
    again: bool

    @property
    def journal(self) -> Path:
        """One line a mutant: by, way, kind, number, what was done, the outcome, seconds. Of two, the last counts."""
        return self.results / "mutations.jsonl"

    def rows(self) -> dict[tuple[Any, ...], list[Any]]:
        """The journal by mutant."""
        lines = self.journal.read_text(encoding="utf-8").splitlines() if self.journal.exists() else []
        return {tuple(row[:4]): row for row in map(json.loads, lines)}

    def go_on(self, way: str, kind: str, numbers: range) -> Iterator[tuple[Any, ...]]:
        """Each mutant that the journal does not have: number, what was done, outcome, words, seconds."""
        done, by = self.rows(), "cli" if self.cli else "fork"
        for number in numbers:
            before = done.get((by, way, kind, number))
            if before and not (self.again and before[5] in BAD):
                continue
            one = kinds.mutant(kind, number, self.sound)
            start = time.monotonic()
            outcome, words = (through_cli if self.cli else give)(way, one)
            seconds = round(time.monotonic() - start, 1)
            with self.journal.open("a", encoding="utf-8") as file:
                file.write(json.dumps([by, way, kind, number, one.change, outcome, seconds]) + "\n")
            yield number, one.change, outcome, words, seconds

    def outcomes(self) -> dict[str, dict[str, int]]:
        """How many mutants of each way and kind had which outcome."""
        found: dict[str, Counter[str]] = {}
        for by, way, kind, _, _, outcome, _ in self.rows().values():
            found.setdefault(f"{kind}: {way}{' by the command line' if by == 'cli' else ''}", Counter())[outcome] += 1
        return {
            name: {"mutants": sum(counts.values()), **dict(sorted(counts.items()))}
            for name, counts in sorted(found.items())
        }


def main() -> None:
    """Go on with the study, and write the table of outcomes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=1000, help="of each kind")
    parser.add_argument("--start", type=int, default=0, help="number of the first one, to share the study out")
    parser.add_argument("--kinds", default=",".join(kinds.KINDS))
    parser.add_argument("--ways", default="convert,bench")
    parser.add_argument("--through-cli", action="store_true")
    parser.add_argument("--again", action="store_true", help="repeat what was bad")
    parser.add_argument("--results", type=Path, default=RESULTS, help="the folder of the journal")
    parser.add_argument("--sound", type=Path, default=Path("runs/mutations"), help="the folder of sound Keras files")
    given = parser.parse_args()
    if not (given.sound / "two.h5").exists():  # in a process of its own: TensorFlow must not run where it is forked
        code = "import pathlib, sys; from benchmarks.hostile import kinds; kinds.build(pathlib.Path(sys.argv[1]))"
        subprocess.run([sys.executable, "-c", code, str(given.sound)], check=True)
    given.results.mkdir(exist_ok=True)
    study = Study(results=given.results, sound=given.sound, cli=given.through_cli, again=given.again)
    for kind in given.kinds.split(","):
        with contextlib.nullcontext() if given.through_cli else forking(kind):
            for way in (way for way in WAYS[kind] if way in given.ways.split(",")):
                for row in study.go_on(way, kind, range(given.start, given.start + given.count)):
                    print(way, kind, *row, flush=True)
    result = {
        "edge_opt": __version__,
        "command": "python benchmarks/mutations.py, and a sample with --through-cli",
        "outcomes": study.outcomes(),
    }
    (given.results / "mutations.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(result["outcomes"], indent=1))


@contextlib.contextmanager
def forking(kind: str) -> Iterator[None]:
    """While it lasts, edge-opt forks its children from this process, in which what ``kind`` needs is imported."""
    from benchmarks.hostile.fork import ForkDevice, ForkExecutor
    from edge_opt.flows import api

    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    for package in NEEDS[kind]:
        import_module(package)
    with (
        mock.patch.object(api, "executor", side_effect=lambda *_, **__: ForkExecutor(TIMEOUT_S, MEMORY_BYTES)),
        mock.patch.object(api, "device", side_effect=lambda *_: ForkDevice(TIMEOUT_S, MEMORY_BYTES)),
    ):
        yield


if __name__ == "__main__":
    main()
