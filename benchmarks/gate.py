"""How often does the gate cry wolf, and what does it catch, on a noisy machine?

Equals (a copy, and the same network written anew) and an artifact that was really made slower are held against the
embedded model's, as ``edge-opt gate --latency 2%`` does, one comparison after the other, in an order that was drawn.
During every other one a busy process runs on each core. Beside it, on the same figures, a gate that compares with a
stored number: the median of the candidate against that of the baseline in the comparison before, at the same limit.

The slower artifact has units more in a dense layer; they weigh nothing, so that it answers the same. How much slower it
is, is measured apart.

::

    python benchmarks/gate.py            # about three quarters of an hour; goes on where it was stopped

Rows of other code are refused: after a change of what is studied, give another ``--folder``.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import math
import os
import random
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import edge_opt
from edge_opt import __version__, convert, gate, stats, store
from edge_opt.devices.local import LocalDevice
from edge_opt.exporters.tflite import exporter
from edge_opt.flows.given import temporary
from edge_opt.inputs.embedded import DEMO_DATA, DEMO_MODEL, shared_path
from edge_opt.stages.gate import paired
from edge_opt.store import Run
from edge_opt.types import Entry

HERE = Path(__file__).parent
RESULT, PICTURE = HERE / "results" / "gate.json", HERE.parent / "docs" / "img" / "gate.svg"
LIMIT = 0.02
COUNTS = {"copy": 400, "rebuilt": 100, "slower": 120}
WIDER = {"float32": 56, "static_int8": 176}  # units more, which make about 5 %
ONLY_LATENCY = {"latency": "2%", "size": "off", "compressed": "off", "accuracy": "off"}
ASKED = {"false_alarms": 3, "unclear": 0.05, "caught": 0.95, "median_decision_s": 10.0}


@dataclass(frozen=True, kw_only=True)
class Compared:
    """One comparison as it came out."""

    kind: str
    artifact: str
    load: int  # busy processes beside it
    outcome: str
    change: float
    low: float
    high: float
    processes: int
    seconds: float
    baseline_ns: float
    candidate_ns: float


# ── what is compared ───────────────────────────────────────────────────────────────────────────────────────────────


def artifacts(folder: Path) -> dict[tuple[str, str], Path]:
    """The baseline of each recipe, its equals, and the slower one, by recipe and kind."""
    found: dict[tuple[str, str], Path] = {}
    for recipe, units in WIDER.items():
        wider = folder / f"wider{units}.keras"
        if not wider.exists():
            subprocess.run([sys.executable, __file__, "--widen", str(units), str(wider)], check=True)
        for kind, model in {"baseline": shared_path(DEMO_MODEL), "slower": wider}.items():
            made = convert(
                model,
                to=("tflite",),
                recipes=(recipe,),
                data=shared_path(DEMO_DATA),
                output=folder / recipe / kind,
                overwrite=True,
            )
            found[recipe, kind] = made.artifacts[0].path
        baseline = found[recipe, "baseline"]
        found[recipe, "copy"] = folder / recipe / "copy.tflite"
        found[recipe, "copy"].write_bytes(baseline.read_bytes())
        found[recipe, "rebuilt"] = exporter.rewritten(baseline, folder / recipe)
    return found


def widen(units: int, path: Path) -> None:
    """Write the embedded model with ``units`` more in its dense layer, whose weights are zero."""
    import keras

    model = keras.models.load_model(shared_path(DEMO_MODEL))
    layers = [one for one in model.layers if not isinstance(one, keras.layers.InputLayer)]
    wider = keras.Sequential([keras.Input(model.input_shape[1:])])
    for layer in layers:
        settings = layer.get_config()
        if layer.name == "dense":
            settings["units"] += units
        wider.add(type(layer).from_config(settings))
    for old, new in zip(layers, wider.layers, strict=True):
        given = zip(old.get_weights(), new.get_weights(), strict=True)
        new.set_weights([np.pad(w, np.subtract([like.shape], w.shape).T * [0, 1]) for w, like in given])
    x = np.random.default_rng(0).random((16, *model.input_shape[1:]), dtype=np.float32)
    np.testing.assert_allclose(wider.predict(x, verbose=0), model.predict(x, verbose=0), atol=1e-6)
    wider.save(path)


def really(found: Mapping[tuple[str, str], Path], recipe: str, processes: int = 48) -> list[float]:
    """How much slower the slower artifact is, with its 95 % interval, over ``processes`` on a machine without load."""
    both = [Entry(path=found[recipe, kind], runtime="litert") for kind in ("baseline", "slower")]
    with temporary() as run:
        logs = [
            paired.log_ratios(paired.alternate(both[0], both[1], LocalDevice(), run, index=index, threads=1, seed=1))[
                "latency"
            ]
            for index in range(processes)
        ]
    half = 2.01 * float(np.std(logs, ddof=1)) / math.sqrt(processes)
    return [round(math.expm1(float(np.mean(logs)) + shift), 4) for shift in (0, -half, half)]


# ── comparing ──────────────────────────────────────────────────────────────────────────────────────────────────────


@contextlib.contextmanager
def busy(processes: int) -> Iterator[None]:
    """A time in which so many processes keep a core busy each."""
    running = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(processes)]
    try:
        yield
    finally:
        for one in running:
            one.kill()
            one.wait()


def compare(found: Mapping[tuple[str, str], Path], kind: str, recipe: str, load: int, seed: int) -> Compared:
    """One comparison by the whole gate."""
    with busy(load):
        decided = gate(
            found[recipe, kind],
            found[recipe, "baseline"],
            limits=ONLY_LATENCY,
            placement=False,
            threads=1,
            seed=seed,
        )
    (latency,) = decided.decisions
    assert latency.change is not None
    return Compared(
        kind=kind,
        artifact=recipe,
        load=load,
        outcome=latency.outcome,
        change=round(latency.change.estimate, 6),
        low=round(latency.change.low, 6),
        high=round(latency.change.high, 6),
        processes=latency.evidence,
        seconds=round(decided.seconds, 3),
        baseline_ns=latency.baseline,
        candidate_ns=latency.candidate,
    )


def request(counts: Mapping[str, int]) -> dict[str, Any]:
    """What a row in the journal depends on, the code among it: rows of another gate are no answer."""
    parts = store.code("devices", "exporters/tflite", "flows/gate", "runtimes", "stages/gate")
    modules = {path.name: store.content(path) for path in sorted(Path(edge_opt.__file__).parent.glob("*.py"))}
    return {"counts": counts, "wider": WIDER, "limits": ONLY_LATENCY, "code": parts | modules}


def study(folder: Path, counts: Mapping[str, int]) -> tuple[list[Compared], dict[str, list[float]]]:
    """Every comparison, in the order in which it was made, and how much slower the slower artifacts are."""
    folder.mkdir(parents=True, exist_ok=True)
    found = artifacts(folder)
    plan = [(kind, recipe) for kind, count in counts.items() for index in range(count) for recipe in [_recipe(index)]]
    random.Random(0).shuffle(plan)
    cores = os.cpu_count() or 1
    with Run.start(folder / "journal", request(counts), resume=True) as run:
        slower = {
            recipe: run.once(f"slower {recipe}", tuple[float, ...], lambda: tuple(really(found, recipe)))  # noqa: B023
            for recipe in WIDER
        }
        print(f"really slower: {slower}", flush=True)
        rows = []
        for index, (kind, recipe) in enumerate(plan):
            load = cores * (index % 2)
            rows.append(
                run.once(
                    f"comparison {index}",
                    Compared,
                    lambda: compare(found, kind, recipe, load, index),  # noqa: B023 - called at once
                )
            )
            if index % 20 == 19:
                print(f"{index + 1} of {len(plan)}: {_tally(rows)}", flush=True)
    return rows, {recipe: list(figures) for recipe, figures in slower.items()}


def _recipe(index: int) -> str:
    return list(WIDER)[index % len(WIDER)]


def _tally(rows: Sequence[Compared]) -> dict[str, int]:
    told: dict[str, int] = {}
    for row in rows:
        told[f"{row.kind} {row.outcome}"] = told.get(f"{row.kind} {row.outcome}", 0) + 1
    return told


# ── what came of it ────────────────────────────────────────────────────────────────────────────────────────────────


def stored(rows: Sequence[Compared]) -> list[float | None]:
    """What a gate on stored numbers would have seen in each comparison: the change against the baseline before it."""
    last: dict[str, float] = {}
    found: list[float | None] = []
    for row in rows:
        before = last.get(row.artifact)
        found.append(None if before is None else row.candidate_ns / before - 1)
        last[row.artifact] = row.baseline_ns
    return found


def summary(rows: Sequence[Compared]) -> dict[str, Any]:
    """The counts that the question asks for, of the gate and of the one on stored numbers."""
    equals = [row for row in rows if row.kind == "copy"]
    slower = [row for row in rows if row.kind == "slower"]
    seen = list(zip(rows, stored(rows), strict=True))
    alarms = {kind: [one > LIMIT for row, one in seen if row.kind == kind and one is not None] for kind in COUNTS}
    return {
        "aa": _equals(equals),
        "slower": {
            "n": len(slower),
            "caught": sum(row.outcome == "regressed" for row in slower),
            "unclear": sum(row.outcome == "unclear" for row in slower),
        },
        "stored": {
            "aa": {"n": len(alarms["copy"]), "false_alarms": sum(alarms["copy"]), "unclear": 0},
            "slower": {"n": len(alarms["slower"]), "caught": sum(alarms["slower"]), "unclear": 0},
        },
        "median_decision_s": round(stats.median([row.seconds for row in rows]), 2),
        "rebuilt": _equals([row for row in rows if row.kind == "rebuilt"]),
        "by_load": {
            str(load): {
                "aa": _equals([row for row in equals if row.load == load]),
                "caught": sum(row.outcome == "regressed" for row in slower if row.load == load),
                "slower": sum(row.load == load for row in slower),
                "median_decision_s": round(stats.median([row.seconds for row in rows if row.load == load]), 2),
            }
            for load in sorted({row.load for row in rows})
        },
    }


def _equals(rows: Sequence[Compared]) -> dict[str, Any]:
    """Equals that were called worse are false alarms; called better, they fail no build, and are told apart."""
    alarms = sum(row.outcome == "regressed" for row in rows)
    rate = stats.wilson_interval(alarms, len(rows))
    return {
        "n": len(rows),
        "false_alarms": alarms,
        "false_alarm_rate_95": [round(rate.low, 4), round(rate.high, 4)],
        "unclear": sum(row.outcome == "unclear" for row in rows),
        "improved": sum(row.outcome == "improved" for row in rows),
    }


def reached(found: Mapping[str, Any]) -> bool:
    """Whether everything that was asked holds."""
    return bool(
        found["aa"]["false_alarms"] <= ASKED["false_alarms"]
        and found["aa"]["unclear"] <= ASKED["unclear"] * found["aa"]["n"]
        and found["slower"]["caught"] >= ASKED["caught"] * found["slower"]["n"]
        and found["median_decision_s"] <= ASKED["median_decision_s"]
    )


# ── the picture ────────────────────────────────────────────────────────────────────────────────────────────────────


def caught(rows: Sequence[Compared], limit: float, slow_down: float) -> float:
    """The share of ``rows`` of equals that would be called a regression without a further process, were it slower.

    That is the least: where it is not clear at once, the gate goes on.
    """
    return float(np.mean([(1 + row.low) * (1 + slow_down) - 1 > limit for row in rows]))


def draw(rows: Sequence[Compared], out: Path) -> None:
    """Left: how often a slow-down is caught at once, by the intervals of equals. Right: what both gates see of them."""
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams.update({"svg.hashsalt": "edge-opt", "font.size": 10, "axes.spines.top": False})
    mpl.rcParams.update({"axes.spines.right": False, "axes.titlesize": 11, "axes.titlelocation": "left"})
    import matplotlib.pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(10.4, 4.2), layout="constrained")
    slow = [step / 1000 for step in range(0, 111, 2)]
    for load, color in zip(sorted({row.load for row in rows}), ("#08306b", "#d95f02"), strict=True):
        equals = [row for row in rows if row.kind != "slower" and row.load == load]
        for limit, style in ((0.01, ":"), (0.02, "-"), (0.05, "--")):
            share = [100 * caught(equals, limit, one) for one in slow]
            name = f"limit {100 * limit:.0f}%, {f'{load} busy processes' if load else 'no load'}"
            left.plot([100 * one for one in slow], share, style, color=color, lw=1.8, label=name)
    left.set(xlim=(0, 11), ylim=(0, 101), xlabel="true slow-down, %", ylabel="called a regression at once, %")
    left.set_title("What the gate catches")
    left.legend(frameon=False, fontsize=8, loc="lower right")
    seen = list(zip(rows, stored(rows), strict=True))
    equal = [(100 * row.change, 100 * one) for row, one in seen if row.kind == "copy" and one is not None]
    for place, (name, color) in enumerate((("the gate", "#08306b"), ("stored numbers", "#d95f02"))):
        changes = np.clip([one[place] for one in equal], -15, 15)
        height = np.random.default_rng(place).uniform(-0.3, 0.3, len(changes)) + 1 - place
        right.plot(changes, height, ".", color=color, ms=4, alpha=0.5)
        right.text(-15, 1.42 - place, name, color=color)
    for edge in (-100 * LIMIT, 100 * LIMIT):
        right.axvline(edge, color="#888888", lw=1)
    right.set(xlim=(-15.5, 15.5), ylim=(-0.6, 1.7), yticks=[], xlabel="change that is seen of equals, % (limit 2%)")
    right.set_title(f"{len(equal)} comparisons of an artifact with its copy")
    out.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(out, metadata={"Date": None, "Title": "What the gate catches, and what it sees of equals"})
    plt.close(figure)


def main() -> None:
    """Compare, print the counts, and write the result and its picture; an error where something asked is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=Path("runs/gate-study"))
    parser.add_argument("--widen", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.widen:
        widen(int(arguments.widen[0]), Path(arguments.widen[1]))
        return
    rows, slower = study(arguments.folder, COUNTS)
    found = summary(rows)
    result = {
        "edge_opt": __version__,
        "command": "python benchmarks/gate.py",
        "limit": LIMIT,
        **found,
        "really_slower": slower,
        "asked": ASKED,
        "reached": reached(found),
        "environment": LocalDevice().run({"protocol": 1, "mode": "environment"})["environment"],
        "comparisons": [{**vars(row)} for row in rows],
    }
    RESULT.write_text(json.dumps(result, separators=(",", ":")) + "\n", encoding="utf-8")
    draw(rows, PICTURE)
    print(json.dumps(found, indent=1))
    if not reached(found):
        raise SystemExit("what was asked is not reached")


if __name__ == "__main__":
    main()
