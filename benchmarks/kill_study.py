"""What does kill -9 cost? ``optimize`` is killed at random moments, then resumed, and compared with a run left alone.

Each resumed run must end with the same trials, artifact hashes and scores, every job in its journal once, and may have
started exactly one process for each job that was not finished: processes are counted by a ``sitecustomize`` that every
Python of the run reads. Moments that are finished are not repeated, so this study can be killed as well.

::

    python benchmarks/kill_study.py --moments 20
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge_opt import __version__
from edge_opt.inputs.embedded import DEMO_DATA, DEMO_MODEL, shared_path

RESULT = Path(__file__).parent / "results" / "kill_study.json"
TARGET = """\
description = "This machine, with two of its formats, so that a run is short."
device = "local"
formats = ["tflite", "openvino"]
runtimes = ["litert", "openvino"]
threads = [1]
"""
ASKED = ("-r", "float32", "-r", "static_int8", "--rounds", "4", "--seed", "0")
# A worker reads its job from a file on stdin, which can be looked at without taking it.
COUNTING = """\
import json, os, sys
log = os.environ.get("PYTHON_EDGE_OPT_STARTS")
if log:
    words = " ".join(sys.orig_argv)
    kind = "call" if "edge_opt.executors.process" in words else ""
    if words.endswith("worker.py"):
        kind = json.loads(os.pread(0, 1 << 20, 0))["mode"]
    if kind:
        with open(log, "a") as file:
            file.write(kind + "\\n")
"""
# Which processes a finished job of the journal took, by the first word of its key.
PROCESSES = {
    "export": "call",
    "load": "predict",
    "evaluate": "predict",
    "wave": "time",
    "pair": "pair",
    "profile": "profile",
    "activity": "call",
    "contracts": "call",
}
CLOCK = "seconds"  # no job: how long the sessions took, written anew after every wave


@dataclass(frozen=True)
class Bench:
    """Where a study works: its target, and the file that every Python of a run reads when it starts."""

    folder: Path

    @classmethod
    def at(cls, folder: Path) -> Bench:
        """The bench in ``folder``, which is made."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "target.toml").write_text(TARGET)
        (folder / "counting").mkdir(exist_ok=True)
        (folder / "counting" / "sitecustomize.py").write_text(COUNTING)
        return cls(folder)

    def start(self, run: Path, log: Path, *more: str) -> subprocess.Popen[bytes]:
        """``optimize`` into the folder ``run``, its starts written to ``log``, without what other runs have made."""
        reach = os.pathsep.join(filter(None, (str(self.folder / "counting"), os.environ.get("PYTHONPATH"))))
        return subprocess.Popen(
            [sys.executable, "-m", "edge_opt", "optimize", str(shared_path(DEMO_MODEL)), "-d",
             str(shared_path(DEMO_DATA)), "-t", str(self.folder / "target.toml"), *ASKED, "-o", str(run), *more],
            env={**os.environ, "PYTHONPATH": reach, "PYTHON_EDGE_OPT_STARTS": str(log), "EDGE_OPT_CACHE": "off"},
            stdout=subprocess.DEVNULL,
            stderr=(run.parent / f"{run.name}.stderr").open("ab"),
            start_new_session=True,
        )  # fmt: skip


def keys(run: Path) -> list[str]:
    """The finished jobs in the journal of ``run``, in the order in which they ended."""
    journal = run / "jobs.jsonl"
    lines = journal.read_bytes().splitlines(keepends=True) if journal.exists() else []
    found = [json.loads(line)["key"] for line in lines[1:] if line.endswith(b"\n")]
    return [key for key in found if key != CLOCK]


def outcome(run: Path) -> dict[str, Any]:
    """What a run must come to however often it is killed: trials with hashes and scores, and those of the test set."""
    report = json.loads((run / "report.json").read_text())
    trials = {
        one["id"]: [one["artifact"]["sha256"], one["accuracy"]["scores"], one["accuracy"]["predictions"]]
        for one in report["trials"]
    }
    certificate = report["certificate"]
    return {
        "trials": trials,
        "failures": report["failures"],
        "baseline": [report["baseline"], certificate["baseline"]["scores"]],
        "original": report["original"]["accuracy"]["scores"],
    }


def count(log: Path) -> Counter[str]:
    """How many processes of each kind were started."""
    return Counter(log.read_text().split()) if log.exists() else Counter()


def _process(key: str) -> str:
    """The kind of process that the job ``key`` took; "none" for what is only noted, as what a wave holds."""
    if " on selection, " in key:  # the answers to one disturbance
        return "predict"
    if key.startswith("answers on "):  # of all splits in one call, of which the test split is noted last
        return "call" if key.startswith("answers on test ") else "none"
    return "none" if key.startswith("wave after ") else PROCESSES.get(key.split()[0], "none")


def killed(bench: Bench, run: Path, moment_s: float, left_alone: Mapping[str, Any]) -> dict[str, Any]:
    """What became of a run that was killed after ``moment_s`` and resumed."""
    shutil.rmtree(run, ignore_errors=True)
    logs = [run.parent / f"{run.name}.{part}.log" for part in ("first", "resumed")]
    for log in logs:
        log.unlink(missing_ok=True)
    process = bench.start(run, logs[0])
    try:
        code: int | None = process.wait(moment_s)
    except subprocess.TimeoutExpired:
        code = None
        os.kill(process.pid, signal.SIGKILL)  # the run alone: that its processes end with it is part of the promise
        process.wait()
    before = keys(run)
    resumed = bench.start(run, logs[1], "--resume").wait()
    after = keys(run)
    appended = Counter(_process(key) for key in after[len(before) :])
    started = count(logs[1])
    # besides: the two calls that prepare the model and ask it, and the ten golden answers of the bundle
    expected = appended + Counter({"call": 2, "predict": 1, "environment": 1})
    expected.pop("none", None)
    return {
        "moment_s": round(moment_s, 2),
        "ended_before": code is not None,
        "finished_jobs": len(before),
        "jobs": len(after),
        "exit_code": resumed,
        "same_outcome": resumed == 0 and outcome(run) == left_alone,
        "kept_what_was_finished": after[: len(before)] == before,
        "each_job_once": len(after) == len(set(after)),
        "started": dict(sorted(started.items())),
        "started_as_expected": started == expected,
    }


def good(found: Mapping[str, Any]) -> bool:
    """Whether nothing was lost and nothing repeated."""
    held = ("same_outcome", "kept_what_was_finished", "each_job_once", "started_as_expected")
    return found["exit_code"] == 0 and all(found[name] for name in held)


def undisturbed(bench: Bench) -> tuple[dict[str, Any], float]:
    """The outcome of a run left alone, and how long it took; kept in the bench's folder."""
    run, took = bench.folder / "undisturbed", bench.folder / "seconds"
    if not took.exists():
        shutil.rmtree(run, ignore_errors=True)
        began = time.monotonic()
        if code := bench.start(run, bench.folder / "undisturbed.log").wait():
            raise SystemExit(f"the run left alone ended with {code}: see {bench.folder / 'undisturbed.stderr'}")
        took.write_text(str(time.monotonic() - began))
    return outcome(run), float(took.read_text())


def main() -> None:
    """Print and write what became of every killed run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--moments", type=int, default=20)
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "edge-opt-kill-study")
    arguments = parser.parse_args()
    bench = Bench.at(arguments.folder.resolve())
    left_alone, seconds = undisturbed(bench)
    rng = random.Random(20261122)
    moments = [rng.uniform(0.02, 0.98) * seconds for _ in range(arguments.moments)]
    found: list[dict[str, Any]] = []
    for index, moment_s in enumerate(moments):
        done = bench.folder / f"{index:02}.json"
        if not done.exists():
            done.write_text(json.dumps(killed(bench, bench.folder / f"{index:02}", moment_s, left_alone)))
        found.append(json.loads(done.read_text()))
        print(f"{index}: {found[-1]}", flush=True)
        result = {
            "edge_opt": __version__,
            "command": f"python benchmarks/kill_study.py --moments {arguments.moments}",
            "undisturbed_s": round(seconds, 1),
            "trials": sorted(left_alone["trials"]),
            "moments_tried": len(found),
            "nothing_lost_and_nothing_repeated": sum(map(good, found)),
            "moments": found,
        }
        RESULT.parent.mkdir(exist_ok=True)
        RESULT.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(f"{sum(map(good, found))} of {len(found)} as the run left alone, nothing repeated")


if __name__ == "__main__":
    main()
