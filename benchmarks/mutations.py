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
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any
from unittest import mock

from benchmarks.hostile import kinds
from edge_opt.errors import Crashed, EdgeOptError, OutOfMemory, TimedOut

RESULTS = Path(__file__).parent / "results"
SOUND = Path("runs/mutations")
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


def give(way: str, kind: str, number: int) -> tuple[str, str, str]:
    """What was done to the mutant, its outcome, and the words it ended with."""
    with tempfile.TemporaryDirectory(prefix="mutant-") as scratch:
        given, out, rest = (Path(scratch) / name for name in ("given", "out", "rest"))
        for folder in (given, out, rest):
            folder.mkdir()
        one = kinds.mutant(kind, number, SOUND)
        path = one.write(given)
        before = set(given.iterdir())
        outcome, words = _ended(way, path, out, rest)
        left = [*rest.rglob("*"), *(set(given.iterdir()) - before), *(out.iterdir() if outcome != "kept" else ())]
        return one.change, "stray" if left else outcome, f"{words} {left or ''}".strip()


def _ended(way: str, path: Path, out: Path, rest: Path) -> tuple[str, str]:
    from edge_opt.flows import api

    old, tempfile.tempdir = tempfile.tempdir, str(rest)
    here = Path.cwd()
    os.chdir(rest)
    try:
        if way == "convert":
            failures: Any = api.convert(path, to=("tflite",), output=out).failures
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


def _kind_of(error: EdgeOptError) -> str:
    cause = error.__cause__ if isinstance(error.__cause__, EdgeOptError) else error
    for kind, name in ((Crashed, "crash, contained"), (TimedOut, "time limit"), (OutOfMemory, "memory limit")):
        if isinstance(cause, kind):
            return name
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


def through_cli(way: str, kind: str, number: int) -> tuple[str, str, str]:
    """The same by the command line, in a home, a current and a temporary folder of its own."""
    with tempfile.TemporaryDirectory(prefix="mutant-") as scratch:
        places = {name: Path(scratch) / name for name in ("given", "HOME", "TMPDIR", "here")}
        for folder in places.values():
            folder.mkdir()
        one = kinds.mutant(kind, number, SOUND.resolve())
        path = one.write(places["given"])
        more = ("--to", "tflite") if way == "convert" else ("--rounds", "1")
        env = {**os.environ, "HOME": str(places["HOME"]), "TMPDIR": str(places["TMPDIR"])}
        try:
            done = subprocess.run(
                [sys.executable, "-m", "edge_opt", way, str(path), *more],
                cwd=places["here"], env=env, capture_output=True, text=True, timeout=600, check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            return one.change, "broken", "it took longer than 600 s"
        left = [left for name in ("HOME", "TMPDIR", "here") for left in places[name].rglob("*")]
        said = [line for line in done.stderr.splitlines() if re.match(r"(error|failed)(\[EO\d+\])?: \S", line)]
        if "Traceback" in done.stderr or done.returncode not in (0, 2) or (done.returncode == 2 and not said):
            return one.change, "broken", f"exit {done.returncode}: {done.stderr[-500:]}"
        if left and (done.returncode or way == "bench"):
            return one.change, "stray", str(left)
        return one.change, "refused" if done.returncode else "kept", " ".join(said)


# ── the study ──────────────────────────────────────────────────────────────────────────────────────────────────────


def study(way: str, kind: str, numbers: range, cli: bool, again: bool) -> Iterator[tuple[int, str, str, str, float]]:
    """Each mutant that the journal does not have: its number, what was done, the outcome, the words, the seconds."""
    journal = RESULTS / "mutations.jsonl"
    done = (
        {tuple(row[:4]): row for row in map(json.loads, journal.read_text().splitlines())} if journal.exists() else {}
    )
    run = through_cli if cli else give
    by = "cli" if cli else "fork"
    for number in numbers:
        before = done.get((by, way, kind, number))
        if before and not (again and before[5] in BAD):
            continue
        start = time.monotonic()
        change, outcome, words = run(way, kind, number)
        seconds = time.monotonic() - start
        with journal.open("a", encoding="utf-8") as file:
            file.write(json.dumps([by, way, kind, number, change, outcome, round(seconds, 1)]) + "\n")
        yield number, change, outcome, words, seconds


def summary() -> dict[str, dict[str, int]]:
    """How many mutants of each way and kind had which outcome; of a repeated one, the last counts."""
    rows = {tuple(row[:4]): row for row in map(json.loads, (RESULTS / "mutations.jsonl").read_text().splitlines())}
    found: dict[str, Counter[str]] = {}
    for by, way, kind, _, _, outcome, _ in rows.values():
        found.setdefault(f"{by} {way} {kind}", Counter())[outcome] += 1
    return {name: {"mutants": sum(counts.values()), **dict(sorted(counts.items()))} for name, counts in found.items()}


def main() -> None:
    """Go on with the study, and write the table of outcomes."""
    from edge_opt import __version__
    from edge_opt.flows import api

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=1000, help="of each kind")
    parser.add_argument("--start", type=int, default=0, help="the first one, to share the study out")
    parser.add_argument("--kinds", default=",".join(kinds.KINDS))
    parser.add_argument("--ways", default="convert,bench")
    parser.add_argument("--through-cli", action="store_true")
    parser.add_argument("--again", action="store_true", help="repeat what was bad")
    arguments = parser.parse_args()
    if not (SOUND / "two.h5").exists():  # in a process of its own: TensorFlow must not have run where it is forked
        code = "import pathlib, sys; from benchmarks.hostile import kinds; kinds.build(pathlib.Path(sys.argv[1]))"
        subprocess.run([sys.executable, "-c", code, str(SOUND)], check=True)
    RESULTS.mkdir(exist_ok=True)
    numbers = range(arguments.start, arguments.count)
    for kind in arguments.kinds.split(","):
        if not arguments.through_cli:
            os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
            for package in NEEDS[kind]:
                import_module(package)
        from benchmarks.hostile.fork import ForkDevice, ForkExecutor

        with (
            mock.patch.object(api, "executor", side_effect=lambda *_, **__: ForkExecutor(TIMEOUT_S, MEMORY_BYTES)),
            mock.patch.object(api, "device", side_effect=lambda *_: ForkDevice(TIMEOUT_S, MEMORY_BYTES)),
        ):
            for way in set(WAYS[kind]) & set(arguments.ways.split(",")):
                for row in study(way, kind, numbers, arguments.through_cli, arguments.again):
                    print(way, kind, *row, flush=True)
    result = {
        "edge_opt": __version__,
        "command": f"python benchmarks/mutations.py --count {arguments.count}",
        "outcomes": summary(),
    }
    (RESULTS / "mutations.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(result["outcomes"], indent=1))


if __name__ == "__main__":
    main()
