"""Does ``optimize`` choose the same every time?

Runs the main job several times, each with another seed, then measures all chosen artifacts together in one go. The
figure is the slowest chosen latency over the fastest: 1.05 means that luck costs at most 5 %.

::

    python benchmarks/repeatability.py --repetitions 10
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from edge_opt import __version__, bench, load_report, optimize, stats
from edge_opt.inputs.embedded import DEMO_DATA, DEMO_MODEL, shared_path

RESULT = Path(__file__).parent / "results" / "repeatability.json"


def chosen(folder: Path, repetitions: int) -> list[tuple[str, Path]]:
    """The id and the file that each repetition chose; finished ones in ``folder`` are not repeated."""
    found = []
    for index in range(repetitions):
        run = folder / f"{index:02}"
        if (run / "report.json").exists():
            report = load_report(run)
        else:
            report = optimize(
                shared_path(DEMO_MODEL),
                shared_path(DEMO_DATA),
                output=run,
                seed=index,
                resume=(run / "jobs.jsonl").exists(),
            )
        best = next(trial for trial in report.trials if trial.id == report.best)
        found.append((best.id, run / best.artifact.path))
        print(f"{index}: {best.id}", flush=True)
    return found


def main() -> None:
    """Print and write the spread of the chosen latencies."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repetitions", type=int, default=10)
    parser.add_argument("--folder", type=Path, default=Path("runs/repeatability"))
    arguments = parser.parse_args()
    best = chosen(arguments.folder, arguments.repetitions)
    rows = bench([path for _, path in best], rounds=20).rows
    medians = [stats.median([stats.median(taken.samples_ns) for taken in row.measured.rounds]) for row in rows]
    result = {
        "edge_opt": __version__,
        "command": f"python benchmarks/repeatability.py --repetitions {arguments.repetitions}",
        "chosen": [name for name, _ in best],
        "median_ns": medians,
        "slowest_over_fastest": max(medians) / min(medians),
    }
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(f"slowest over fastest of {len(best)} choices: {result['slowest_over_fastest']:.3f}")


if __name__ == "__main__":
    main()
