"""Do widths chosen by what channels cost beat uniform ones? The accuracy of both at the same speed-up.

Three networks lose the same share of the channels of every layer, or as many as :mod:`edge_opt.nets.allocation` chooses
by the measured costs of their layers. Asked for ``2x``, uniform widths are the widest that are twice as fast by those
costs; asked for ``75%``, they are a quarter, and the others have to be as fast as that. Everything else is the same:
the channels that stay are those of the greatest importance (Taylor), the training is one and the same distillation, and
speed-ups are measured again on the finished networks. Accuracies are of the 10,000 test samples, unseen by all else.

::

    python benchmarks/latency_aware.py
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks import slim_models
from edge_opt import __version__, registry
from edge_opt.devices.local import LocalDevice
from edge_opt.nets import allocation, single_layers, train
from edge_opt.nets.frameworks import tensorflow
from edge_opt.nets.graph import Graph, importance, read, sliced
from edge_opt.stages import costs as pricing
from edge_opt.types import OperatorCosts

RESULT = Path(__file__).parent / "results" / "latency_aware.json"
ASKED = ("2x", "75%")
RUNTIME, FORMAT, MULTIPLE = "litert", "tflite", 8
JUDGED, BATCH = 1024, 64  # samples by which channels are judged
Widths = Mapping[str, int]


def choices(graph: Graph, lost: Mapping[str, NDArray[Any]], costs: OperatorCosts, asked: str) -> dict[str, Widths]:
    """The uniform widths that give what is asked for, and those by the costs of the layers that are as fast."""
    if asked.endswith("%"):
        uniform = allocation.uniform(graph.groups, float(asked[:-1]) / 100, MULTIPLE)
        factor = speed_up(graph, costs, uniform) * (1 - 1e-6)
    else:
        factor = float(asked[:-1])
        uniform = allocation.uniform_for(graph.groups, graph.works, costs, factor, MULTIPLE)
    aware = allocation.allocate(graph.groups, graph.works, lost, costs, allocation.SpeedUp(factor), MULTIPLE)
    return {"uniform": uniform, "by costs": aware}


def speed_up(graph: Graph, costs: OperatorCosts, widths: Widths) -> float:
    """How many times faster the network is by its costs."""
    before, after = (allocation.predicted_ns(graph.works, costs, one) for one in (graph.widths, widths))
    return before / after


def judged(graph: Graph, seed: int) -> dict[str, NDArray[Any]]:
    """What is lost with each channel, by the labels of some training samples."""
    tf, data = tensorflow(), slim_models.data()
    places = np.random.default_rng(seed).permutation(len(data["x_train"]))[:JUDGED]
    batches = [
        (data["x_train"][some], data["y_train"][some]) for some in np.array_split(places, math.ceil(JUDGED / BATCH))
    ]

    def loss(labels: Any, answers: Any) -> Any:
        return -tf.math.log(tf.gather(answers, labels, axis=1, batch_dims=1) + 1e-20)

    return dict(importance.taylor(graph, batches, loss))


def shrunk(graph: Graph, lost: Mapping[str, NDArray[Any]], widths: Widths) -> Any:
    """The network at ``widths`` with the channels of the greatest importance, not trained yet."""
    keep = {}
    for group in graph.groups:
        mask = np.zeros(group.width, bool)
        mask[np.argsort(-lost[group.name], kind="stable")[: widths[group.name]]] = True
        keep[group.name] = mask
    return sliced(graph, keep)


def taught(net: Any, teacher: Any, seed: int, epochs: int, scratch: Path) -> Any:
    """``net`` after the same training for all, or as it is where that is of no epochs."""
    if not epochs:
        return net
    lesson = slim_models.lesson()
    train.reestimate(net, slim_models.data()["x_train"][:JUDGED])
    checkpoints = Path(tempfile.mkdtemp(dir=scratch))
    schedule = train.Schedule(epochs=epochs, patience=epochs)
    progress = checkpoints / "progress.json"
    return train.fit(net, teacher, lesson, schedule, seed=seed, checkpoints=checkpoints, progress=progress, what="net")[
        0
    ]


def exported(net: Any, folder: Path) -> Path:
    """The file of ``net`` that the runtime opens."""
    return single_layers.exported(
        lambda x: net(x, training=False), tuple(net.inputs[0].shape[1:]), registry.load("exporters", FORMAT), folder
    )


def timed(paths: Sequence[Path]) -> list[float]:
    """The median latency of each file, all in one process by turns."""
    job = {
        "protocol": 1,
        "mode": "several",
        "artifacts": [{"path": str(path), "runtime": RUNTIME, "options": {}} for path in paths],
        "rounds": 25,
    }
    return [one["median_ns"] for one in LocalDevice().run(job)["artifacts"]]


def compare(name: str, seeds: int, epochs: int, every: Sequence[str], tell: Callable[[str], None]) -> dict[str, Any]:
    """Both ways to choose widths for one network, for all that is asked of it and each seed."""
    teacher = slim_models.load(name)
    graph = read(teacher)
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        singles = single_layers.write(graph, registry.load("exporters", FORMAT), MULTIPLE, scratch / "layers")
        costs = pricing.measure(singles, RUNTIME, {}, LocalDevice(), 1, 0)
        paths = [exported(teacher, scratch / "original")]
        for asked in every:
            for seed in range(seeds):
                lost = judged(graph, seed)
                for way, widths in choices(graph, lost, costs, asked).items():
                    same = [row for row in rows if (row["seed"], row["of"]) == (seed, widths)]
                    net = taught(shrunk(graph, lost, widths), teacher, seed, 0 if same else epochs, scratch)
                    paths.append(exported(net, scratch / f"{asked}-{seed}-{way}"))
                    row = {
                        "asked": asked,
                        "seed": seed,
                        "widths": way,
                        "of": dict(widths),
                        "predicted_speed_up": round(speed_up(graph, costs, widths), 3),
                        "parameters": net.count_params(),
                        "top1": same[0]["top1"] if same else slim_models.accuracy(net),  # the same training
                    }
                    rows.append(row)
                    tell(f"{name} {asked} {seed} {way}: {row['predicted_speed_up']}x {row['top1']:.4f} {row['of']}")
        original, *taken = timed(paths)
        for row, one in zip(rows, taken, strict=True):
            row["measured_speed_up"] = round(original / one, 3)
    whole = allocation.predicted_ns(graph.works, costs, graph.widths)
    return {
        "top1": slim_models.accuracy(teacher),
        "original_ns": original,
        "predicted_over_measured": round(whole / original, 3),
        "rows": rows,
    }


def table(models: Mapping[str, Any]) -> str:
    """What came of it, as Markdown: means over the seeds, and the difference seed by seed."""
    lines = [
        "| network | asked for | speed-up, uniform | by costs | top-1, uniform | by costs | difference in points |",
        "|---|--:|--:|--:|--:|--:|--:|",
    ]
    for name, found in models.items():
        for asked in dict.fromkeys(row["asked"] for row in found["rows"]):
            ways = [
                [row for row in found["rows"] if (row["asked"], row["widths"]) == (asked, way)]
                for way in ("uniform", "by costs")
            ]
            fast = [statistics.mean(row["measured_speed_up"] for row in rows) for rows in ways]
            right = [statistics.mean(row["top1"] for row in rows) for rows in ways]
            apart = [100 * (two["top1"] - one["top1"]) for one, two in zip(*ways, strict=True)]
            lines.append(
                f"| {name} | {asked} | {fast[0]:.2f} | {fast[1]:.2f} | {right[0]:.4f} | {right[1]:.4f} "
                f"| {statistics.mean(apart):+.2f} ({min(apart):+.2f} to {max(apart):+.2f}) |"
            )
    return "\n".join(lines)


def main() -> None:
    """Print and write the comparison."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--asked", nargs="+", default=ASKED)
    parser.add_argument("--models", nargs="+", default=slim_models.NAMES)
    parser.add_argument("--output", type=Path, default=RESULT)
    asked = parser.parse_args()
    result: dict[str, Any] = {
        "edge_opt": __version__,
        "command": f"python benchmarks/latency_aware.py --seeds {asked.seeds} --epochs {asked.epochs} "
        f"--asked {' '.join(asked.asked)} --models {' '.join(asked.models)}",
        "environment": LocalDevice().run({"protocol": 1, "mode": "environment"})["environment"],
        "models": {},
    }
    for name in asked.models:
        found = compare(name, asked.seeds, asked.epochs, asked.asked, lambda line: print(line, flush=True))
        result["models"][name] = found
        asked.output.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(table(result["models"]))


if __name__ == "__main__":
    main()
