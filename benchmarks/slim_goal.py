"""How fast and how small `optimize` makes the embedded model with smaller networks, in how much time.

Runs it twice, as a user would: with the standard effort, and thoroughly with a limit of 20 minutes, one thread, nothing
taken from the cache. Writes what was certified, what it gains over the float32 TFLite baseline of the same run, and how
long it took; then every network with its best trial.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from edge_opt.inputs.embedded import DEMO_DATA, DEMO_MODEL, shared_path
from edge_opt.store import parse, read_json
from edge_opt.types import Measured, Report, Trial

RESULT = Path(__file__).parent / "results" / "slim_goal.json"
# effort → its arguments, the seconds it may take, and how many times faster and smaller what is certified has to be
ASKED: dict[str, tuple[tuple[str, ...], float, float, float]] = {
    "standard": ((), 480.0, 10.0, 25.0),
    "thorough": (("--time-limit", "20m"), 1200.0, 12.5, 40.0),
}


def main() -> None:
    """Run, print and write."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("efforts", nargs="*", default=list(ASKED), help="which of: standard, thorough")
    asked.add_argument("--output", type=Path, default=RESULT)
    given = asked.parse_args()
    found = json.loads(given.output.read_text()) if given.output.exists() else {}
    for effort in given.efforts:
        with tempfile.TemporaryDirectory() as folder:
            found[effort] = measured(effort, Path(folder) / "run")
        print(json.dumps({key: value for key, value in found[effort].items() if key != "trials"}, indent=2))
    found["machine"] = {"system": platform.platform(), "cores": os.cpu_count(), "python": platform.python_version()}
    given.output.write_text(json.dumps(found, indent=1) + "\n")


def measured(effort: str, run: Path) -> dict[str, Any]:
    """What one run comes to."""
    arguments, limit_s, faster, smaller = ASKED[effort]
    model, data = shared_path(DEMO_MODEL), shared_path(DEMO_DATA)
    command = [sys.executable, "-m", "edge_opt", "optimize", str(model), "-d", str(data), "-o", str(run), "--no-cache"]
    started = time.monotonic()
    subprocess.run([*command, "--effort", effort, *arguments, "-q"], check=True, stdout=subprocess.DEVNULL)
    seconds = time.monotonic() - started
    report: Report = parse(Report, read_json(run / "report.json"))
    best = next(one for one in report.trials if one.id == report.best)
    size = report.trials[0].artifact.size_bytes / best.artifact.size_bytes
    speed_up = report.retimed.speed_up if report.retimed else None
    return {
        "command": " ".join(["edge-opt optimize MODEL -d DATA --effort", effort, *arguments]),
        "seconds": round(seconds, 1),
        "best": report.best,
        "certificate": report.certificate.status,
        "drop": [getattr(report.certificate.verdict.drop, name) for name in ("low", "estimate", "high")],
        "faster": [getattr(speed_up, name) for name in ("low", "estimate", "high")] if speed_up else None,
        "smaller": round(size, 2),
        "reached": bool(
            report.certificate.status == "pass"
            and speed_up
            and speed_up.estimate >= faster
            and size >= smaller
            and seconds <= limit_s
        ),
        "asked": {"faster": faster, "smaller": smaller, "seconds": limit_s},
        "versions": dict(report.versions),
        "trials": [_row(one, report) for one in report.trials if one.recipe.passes],
    }


def _row(trial: Trial, report: Report) -> dict[str, Any]:
    timed = trial.measured
    return {
        "id": trial.id,
        "faster": timed.speed_up.estimate if isinstance(timed, Measured) and timed.speed_up else None,
        "smaller": round(report.trials[0].artifact.size_bytes / trial.artifact.size_bytes, 2),
        "drop on selection": trial.verdict.drop.estimate,
        "verdict": trial.verdict.status,
    }


if __name__ == "__main__":
    main()
