"""Does distillation beat plain fine-tuning? The accuracy of both after the same channels left.

Three networks lose the same share of the channels of every layer, those of the smallest importance (L1 of the kernel),
and are trained again: by labels alone, and by labels and the original's answers. The start, the samples, their order,
their augmentation, and the number of steps are the same. As the original has to be asked, distillation takes longer, so
labels alone are also given twice the epochs. Accuracies are of the 10,000 test samples, which nothing else saw.

::

    python -m benchmarks.distillation --seeds 3 --epochs 12
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import slim_models
from edge_opt import __version__
from edge_opt.devices.local import LocalDevice
from edge_opt.nets import allocation, train
from edge_opt.nets.graph import importance, read, sliced
from edge_opt.types import Trained

RESULT = Path(__file__).parent / "results" / "distillation.json"
LOOKED_AT = 2048  # samples of the re-estimated statistics
# the share of the original's answers, and how many times the epochs
WAYS = {"labels": (0.0, 1), "labels, twice as long": (0.0, 2), "distillation": (train.Schedule.soft, 1)}


def smaller(teacher: Any, share: float) -> Any:
    """``teacher`` without ``share`` of the channels of every layer, not trained yet."""
    graph = read(teacher)
    widths, worth = allocation.uniform(graph.groups, share), importance.magnitude(graph)
    keep = {}
    for group in graph.groups:
        mask = np.zeros(group.width, bool)
        mask[np.argsort(-worth[group.name], kind="stable")[: widths[group.name]]] = True
        keep[group.name] = mask
    student = sliced(graph, keep)
    train.reestimate(student, slim_models.data()["x_train"][:LOOKED_AT])
    return student


def trained(teacher: Any, share: float, soft: float, seed: int, epochs: int) -> tuple[Any, Trained]:
    """The smaller network after all ``epochs``, and how it was trained."""
    with tempfile.TemporaryDirectory() as folder:
        return train.fit(
            smaller(teacher, share),
            teacher,
            slim_models.lesson(),
            train.Schedule(epochs=epochs, patience=epochs, soft=soft),
            seed=seed,
            checkpoints=Path(folder) / "checkpoints",
            progress=Path(folder) / "progress.json",
            what="benchmark",
        )


def compare(name: str, share: float, seeds: int, epochs: int, tell: Callable[[str], None]) -> dict[str, Any]:
    """Both ways to train one network, for each seed."""
    teacher = slim_models.load(name)
    rows = []
    for seed in range(seeds):
        for way, (soft, times) in WAYS.items():
            student, how = trained(teacher, share, soft, seed, times * epochs)
            rows.append(
                {
                    "seed": seed,
                    "way": way,
                    "top1": slim_models.accuracy(student),
                    "selection_top1": how.accuracy,
                    "best_epoch": how.best_epoch,
                    "seconds": round(how.seconds, 1),
                    "augmentation": how.augmentation,
                    "parameters": student.count_params(),
                }
            )
            tell(f"{name} {seed} {way}: {rows[-1]['top1']:.4f} in {rows[-1]['seconds']:.0f} s")
    return {"top1": slim_models.accuracy(teacher), "parameters": teacher.count_params(), "rows": rows}


def table(models: Mapping[str, Any]) -> str:
    """What came of it, as Markdown: means over the seeds, and what distillation gains on both, in points, by seeds."""
    lines = [
        "| network | original | labels | twice as long | distillation | gain | gain on twice as long | seconds |",
        "|---|--:|--:|--:|--:|--:|--:|--:|",
    ]
    every: list[list[float]] = [[], []]
    for name, found in models.items():
        ways = [[row for row in found["rows"] if row["way"] == way] for way in WAYS]
        right = [[row["top1"] for row in rows] for rows in ways]
        gains = [[100 * (ours - one) for ours, one in zip(right[-1], other, strict=True)] for other in right[:-1]]
        for known, gained in zip(every, gains, strict=True):
            known += gained
        cells = [
            name,
            f"{found['top1']:.4f}",
            *(f"{statistics.mean(one):.4f}" for one in right),
            *(f"{statistics.mean(one):+.2f} ({min(one):+.2f} to {max(one):+.2f})" for one in gains),
            " / ".join(f"{statistics.median(row['seconds'] for row in rows):.0f}" for rows in ways),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    if len(every[0]) > 1:
        means = [f"{statistics.mean(one):+.2f} ± {statistics.stdev(one) / math.sqrt(len(one)):.2f}" for one in every]
        lines.append(f"\nAll together: {means[0]} points, and {means[1]} on twice as long (standard errors).")
    return "\n".join(lines)


def main() -> None:
    """Print and write the comparison."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--share", type=float, default=0.75, help="of the channels, removed")
    parser.add_argument("--models", nargs="+", default=slim_models.NAMES)
    parser.add_argument("--output", type=Path, default=RESULT)
    asked = parser.parse_args()
    result: dict[str, Any] = {
        "edge_opt": __version__,
        "command": f"python -m benchmarks.distillation --seeds {asked.seeds} --epochs {asked.epochs}",
        "environment": LocalDevice().run({"protocol": 1, "mode": "environment"})["environment"],
        "removed": asked.share,
        "schedule": asdict(train.Schedule(epochs=asked.epochs, patience=asked.epochs)),
        "models": {},
    }
    for name in asked.models:
        found = compare(name, asked.share, asked.seeds, asked.epochs, lambda line: print(line, flush=True))
        result["models"][name] = found
        asked.output.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(table(result["models"]))


if __name__ == "__main__":
    main()
