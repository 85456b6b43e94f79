"""How long edge-opt itself takes: to start, to run its pipeline without any framework, and around each inference.

Written for pytest-benchmark; ``gate.py`` runs it against two commits by turns.

::

    python -m pytest -c benchmarks/speed/pytest.ini benchmarks/speed
"""

from __future__ import annotations

import subprocess
import sys
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_opt import stats
from edge_opt.devices.local import LocalDevice
from edge_opt.flows import pipeline
from edge_opt.flows.workbench import Request
from edge_opt.inputs import recipes, targets
from edge_opt.pytest_plugin import EdgeBenchmark
from edge_opt.stages.benchmark import Protocol
from tests import stack
from tests.fakes import FakeDevice, FakeExecutor

CHECKOUT = Path(__file__).resolve().parents[2]
TINY = CHECKOUT / "tests" / "fixtures" / "tiny.tflite"
BARE = CHECKOUT / "benchmarks" / "measuring_overhead.py"
RECIPES = ("float32", "float16", "dynamic_int8", "static_int8")


def test_start_up(benchmark: Any) -> None:
    """``edge-opt --help``, as a shell starts it."""
    command = [sys.executable, "-m", "edge_opt", "--help"]
    benchmark.pedantic(
        subprocess.run, args=(command,), kwargs={"check": True, "capture_output": True}, rounds=15, warmup_rounds=1
    )


def test_start_of_a_worker(benchmark: Any) -> None:
    """What every timing job pays before it loads a runtime: a fresh process that says on what machine it is."""
    device = LocalDevice()
    job = {"protocol": 1, "mode": "environment"}
    benchmark.pedantic(device.run, args=(job,), rounds=10, warmup_rounds=1)


def test_pipeline(benchmark: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All of ``optimize`` but the frameworks and the inferences: plan, journal, statistics, choice, report, bundle."""
    stack.installed(monkeypatch)
    (tmp_path / "model.fake").write_bytes(b"weights")
    data, number = stack.data_set(tmp_path), count()

    def optimize() -> None:
        request = Request(
            model=tmp_path / "model.fake",
            data=data,
            output=tmp_path / f"run{next(number)}",
            target=targets.load("host"),
            recipes=tuple(recipes.load(name) for name in RECIPES),
            protocol=Protocol(rounds=6),
        )
        pipeline.optimize(request, device=FakeDevice(), executor=FakeExecutor(), watch=lambda _: None)

    benchmark.pedantic(optimize, rounds=10, warmup_rounds=1)


def test_measuring(edge_benchmark: EdgeBenchmark, benchmark: Any, tmp_path: Path) -> None:
    """One inference of next to nothing by the worker: what is left is what measuring adds to each."""
    edge_benchmark(TINY)
    benchmark.extra_info["bare_median_ns"] = _bare_median_ns(tmp_path / "x.npy")


def _bare_median_ns(inputs: Path) -> float:
    """The same inference in the loop that anybody would write, to be read beside it."""
    np.save(inputs, np.random.default_rng(0).random((8, 8, 8, 1), np.float32))
    job = {
        "protocol": 1,
        "mode": "time",
        "artifacts": [{"path": str(TINY), "runtime": "litert", "options": {}}],
        "threads": 1,
        "inputs": str(inputs),
        "warmup": 10,
        "warmup_seconds": 0.05,
        "min_runs": 20,
        "max_runs": 4000,
        "min_seconds": 0.1,
    }
    device = LocalDevice(command=(sys.executable, str(BARE), "--bare"))
    return stats.median([stats.median(device.run(job)["samples_ns"]) for _ in range(3)])
