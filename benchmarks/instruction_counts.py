"""Do instruction counts tell a change of one percent from none, every time?

Equals of the embedded model's artifacts (a copy, and the same network written anew) and an artifact that really
executes one percent more are held against it, as ``edge-opt gate --instructions 0.5%`` does, in a drawn order,
each pair by a process of its own under callgrind, whatever else the machine does. The limit is half of the regression
that is to be caught, as no limit catches a change of its own size every time.

The artifact that executes more has units more in a dense layer; they weigh nothing, so that it answers the same. How
many, is found by counting: of those that make at least one percent, the number that makes least.

::

    python benchmarks/instruction_counts.py                    # about half an hour; goes on where it was stopped
    python benchmarks/instruction_counts.py --again rebuilt    # that kind only; the result keeps the others

Rows of other code are refused: after a change of what is studied, give another ``--folder``.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

import edge_opt
from edge_opt import __version__, convert, stats, store
from edge_opt.devices.callgrind import CallgrindDevice
from edge_opt.devices.local import LocalDevice
from edge_opt.exporters.tflite import exporter
from edge_opt.inputs.embedded import DEMO_DATA, DEMO_MODEL, shared_path
from edge_opt.stages.gate.counting import count, decide
from edge_opt.store import Run
from edge_opt.types import Entry

HERE = Path(__file__).parent
RESULT = HERE / "results" / "instruction_counts.json"
LIMIT = 0.005
MORE = 0.01  # what the artifact that executes more must execute more, at least
RECIPES = ("float32", "static_int8")
COUNTS = {"copy": 50, "rebuilt": 20, "more": 30}
TRIED = range(32, 104, 8)  # units more
_SAMPLES = 64


@dataclass(frozen=True, kw_only=True)
class Compared:
    """One comparison as it came out, with the count of every inference."""

    kind: str
    recipe: str
    outcome: str
    change: float
    low: float
    high: float
    baseline: tuple[int, ...]
    candidate: tuple[int, ...]
    seconds: float
    load_average: float


@dataclass(frozen=True, kw_only=True)
class Wider:
    """An artifact that executes more: by how many units, and how much more that is."""

    units: int
    more: float
    largest_difference: float  # between its answers and the baseline's, which are probabilities
    tried: Mapping[str, float]  # units → how much more


# ── what is compared ───────────────────────────────────────────────────────────────────────────────────────────────


def converted(model: Path, recipe: str, folder: Path) -> Path:
    """The TFLite artifact of ``model`` by ``recipe``, made once."""
    name = f"{model.stem}.{recipe}.tflite"
    if not (folder / name).exists():
        convert(model, to=("tflite",), recipes=(recipe,), data=shared_path(DEMO_DATA), output=folder, jobs=1)
    return folder / name


def widened(units: int, recipe: str, folder: Path) -> Path:
    """The embedded model with ``units`` more in its dense layer, as an artifact."""
    model = folder / f"wider{units}.keras"
    if not model.exists():
        quiet = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
        subprocess.run([sys.executable, HERE / "gate.py", "--widen", str(units), model], check=True, env=quiet)
    return converted(model, recipe, folder)


def more_by(units: int, recipe: str, baseline: Path, folder: Path) -> float:
    """How much more the artifact with ``units`` more executes, as a share of the baseline's instructions."""
    before, after = count(_entry(baseline), _entry(widened(units, recipe, folder)), CallgrindDevice())
    return stats.median(after.instructions) / stats.median(before.instructions) - 1


def nearest(recipe: str, baseline: Path, folder: Path) -> Wider:
    """The artifact that executes :data:`MORE` more, and least beyond it.

    All are counted: a last half-filled step of a kernel costs more than a full one, so more units may execute less.
    """
    seen = {units: more_by(units, recipe, baseline, folder) for units in TRIED}
    units = min((one for one in TRIED if seen[one] >= MORE), key=seen.__getitem__)
    answers = [_answers(path) for path in (baseline, widened(units, recipe, folder))]
    return Wider(
        units=units,
        more=round(seen[units], 6),
        largest_difference=float(np.abs(answers[0] - answers[1]).max()),
        tried={str(units): round(more, 6) for units, more in seen.items()},
    )


def _answers(artifact: Path) -> Any:
    """The probabilities for some pictures, by the runtime that is counted."""
    with tempfile.TemporaryDirectory() as scratch:
        inputs, outputs = Path(scratch) / "x.npy", Path(scratch) / "y.npy"
        np.save(inputs, np.random.default_rng(0).random((_SAMPLES, 28, 28, 1), dtype=np.float32))
        job = {"protocol": 1, "mode": "predict", "artifacts": [_entry(artifact).job()]}
        LocalDevice().run({**job, "inputs": str(inputs), "outputs": str(outputs)})
        return np.load(outputs)


def _entry(path: Path) -> Entry:
    return Entry(path=path, runtime="litert")


# ── comparing ──────────────────────────────────────────────────────────────────────────────────────────────────────


def compare(kind: str, recipe: str, baseline: Path, candidate: Path) -> Compared:
    """One comparison, of a file that was copied or written just now where ``kind`` is an equal."""
    load, start = os.getloadavg()[0], time.monotonic()
    with tempfile.TemporaryDirectory() as scratch:
        held = candidate
        if kind == "copy":
            held = Path(shutil.copy(baseline, Path(scratch) / "copy.tflite"))
        elif kind == "rebuilt":
            held = exporter.rewritten(baseline, Path(scratch))
        before, after = count(_entry(baseline), _entry(held), CallgrindDevice())
    decision = decide(before, after, LIMIT)
    assert decision.change is not None
    return Compared(
        kind=kind,
        recipe=recipe,
        outcome=decision.outcome,
        change=round(decision.change.estimate, 7),
        low=round(decision.change.low, 7),
        high=round(decision.change.high, 7),
        baseline=before.instructions,
        candidate=after.instructions,
        seconds=round(time.monotonic() - start, 2),
        load_average=round(load, 2),
    )


def request() -> dict[str, Any]:
    """What a row in the journal depends on, the code among it: rows of another gate are no answer."""
    parts = store.code("devices", "exporters/tflite", "runtimes", "stages/gate")
    modules = {path.name: store.content(path) for path in sorted(Path(edge_opt.__file__).parent.glob("*.py"))}
    return {"counts": COUNTS, "limit": LIMIT, "code": parts | modules}


def study(folder: Path) -> tuple[list[Compared], dict[str, Wider]]:
    """Every comparison, in the order in which it was made, and the artifacts that execute more."""
    folder.mkdir(parents=True, exist_ok=True)
    plan = [(kind, RECIPES[index % 2]) for kind, number in COUNTS.items() for index in range(number)]
    random.Random(0).shuffle(plan)
    rows: list[Compared] = []
    with Run.start(folder / "journal", request(), resume=True) as run:
        baselines = {recipe: converted(shared_path(DEMO_MODEL), recipe, folder) for recipe in RECIPES}
        wider = {
            recipe: run.once(f"wider {recipe}", Wider, lambda: nearest(recipe, path, folder))  # noqa: B023 - now
            for recipe, path in baselines.items()
        }
        print(f"executes more: {wider}", flush=True)
        more = {recipe: widened(one.units, recipe, folder) for recipe, one in wider.items()}
        for index, (kind, recipe) in enumerate(plan):
            one = run.once(
                f"comparison {index}",
                Compared,
                lambda: compare(kind, recipe, baselines[recipe], more[recipe]),  # noqa: B023 - now
            )
            rows.append(one)
            print(
                f"{index + 1} of {len(plan)}: {one.kind} of {one.recipe}: {one.outcome}, {one.change:+.4%}", flush=True
            )
    return rows, wider


def again(kind: str, folder: Path) -> tuple[list[Compared], dict[str, Wider]]:
    """The comparisons of one kind, made again; the others as the result holds them, since counts do not vary."""
    held = json.loads(RESULT.read_text(encoding="utf-8"))
    kept = [Compared(**one) for one in held["comparisons"] if one["kind"] != kind]
    wider = {recipe: Wider(**one) for recipe, one in held["executes_more"].items()}
    folder.mkdir(parents=True, exist_ok=True)
    baselines = {recipe: converted(shared_path(DEMO_MODEL), recipe, folder) for recipe in RECIPES}
    more = {recipe: widened(one.units, recipe, folder) for recipe, one in wider.items()}
    made = []
    for index in range(COUNTS[kind]):
        recipe = RECIPES[index % 2]
        made.append(compare(kind, recipe, baselines[recipe], more[recipe]))
        print(f"{index + 1} of {COUNTS[kind]}: {made[-1].outcome}, {made[-1].change:+.4%}", flush=True)
    return [*kept, *made], wider


# ── what came of it ────────────────────────────────────────────────────────────────────────────────────────────────


def summary(rows: Sequence[Compared]) -> dict[str, Any]:
    """What the question asks for: equals that were called worse, and worse ones that were caught."""
    by_kind = {kind: [row for row in rows if row.kind == kind] for kind in COUNTS}
    more = by_kind["more"]
    return {
        "aa": _equals(by_kind["copy"]),
        "rebuilt": _equals(by_kind["rebuilt"]),
        "more": {
            "n": len(more),
            "caught": sum(row.outcome == "regressed" for row in more),
            "unclear": sum(row.outcome == "unclear" for row in more),
            "seen": [min(row.low for row in more), max(row.high for row in more)],
        },
        "spread": {recipe: _spread([row for row in rows if row.recipe == recipe]) for recipe in RECIPES},
        "median_s": round(stats.median([row.seconds for row in rows]), 1),
        "load_average": [min(row.load_average for row in rows), max(row.load_average for row in rows)],
    }


def _equals(rows: Sequence[Compared]) -> dict[str, Any]:
    return {
        "n": len(rows),
        "false_alarms": sum(row.outcome == "regressed" for row in rows),
        "unclear": sum(row.outcome == "unclear" for row in rows),
        "improved": sum(row.outcome == "improved" for row in rows),
        "largest_change": max(max(abs(row.low), abs(row.high)) for row in rows),
    }


def _spread(rows: Sequence[Compared]) -> dict[str, Any]:
    """How far the counts of one and the same baseline lie apart, as shares of their median."""
    medians = [stats.median(row.baseline) for row in rows]
    within = [(max(row.baseline) - min(row.baseline)) / stats.median(row.baseline) for row in rows]
    middle = stats.median(medians)
    return {
        "instructions": middle,
        "within_a_process": round(max(within), 7),
        "between_processes": round((max(medians) - min(medians)) / middle, 7),
    }


def reached(found: Mapping[str, Any]) -> bool:
    """Whether what was asked holds: none of the equals is an alarm, and all that execute more are caught."""
    return bool(
        found["aa"]["n"] >= 50
        and found["aa"]["false_alarms"] == found["rebuilt"]["false_alarms"] == 0
        and found["more"]["caught"] == found["more"]["n"] >= 20
    )


def main() -> None:
    """Compare, print the counts, and write the result; an error where something asked is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=Path("runs/instruction-counts"))
    parser.add_argument("--again", choices=COUNTS, help="make the comparisons of that kind only, and keep the others")
    given = parser.parse_args()
    rows, wider = again(given.again, given.folder) if given.again else study(given.folder)
    found = summary(rows)
    machine = CallgrindDevice().run({"protocol": 1, "mode": "environment"})
    result = {
        "edge_opt": __version__,
        "command": "python benchmarks/instruction_counts.py",
        "limit": LIMIT,
        **found,
        "executes_more": {recipe: asdict(one) for recipe, one in wider.items()},
        "reached": reached(found),
        "emulator": machine["emulator"],
        "environment": machine["environment"],
        "comparisons": [asdict(row) for row in rows],
    }
    RESULT.write_text(json.dumps(result, separators=(",", ":")) + "\n", encoding="utf-8")
    print(json.dumps(found, indent=1))
    if not reached(found):
        raise SystemExit("what was asked is not reached")


if __name__ == "__main__":
    main()
