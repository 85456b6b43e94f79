"""Does measuring cost latency? The median that a worker reports, over that of a bare loop with the same calls.

Pairs of fresh processes in random order, under the same conditions: the device starts both, with the same variables,
limits and lock. One runs the worker's mode ``time``, as ``edge-opt bench`` does; the other is :func:`bare`, the loop
that anybody would write. The figure is the median of the ratios pair by pair; it must lie within 3 % of 1.

::

    python benchmarks/measuring_overhead.py --pairs 60
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import time
from collections.abc import Callable
from importlib import import_module
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np

RESULT = Path(__file__).parent / "results" / "measuring_overhead.json"
CASES = (
    ("float32/tflite/litert", "float32", "tflite", "", "litert"),
    ("static_int8/tflite/litert", "static_int8", "tflite", "", "litert"),
    ("float32/onnx/onnxruntime", "float32", "onnx", "", "onnxruntime"),
    ("static_int8/onnx/onnxruntime/u8s8", "static_int8", "onnx", "u8s8", "onnxruntime"),
    ("float32/openvino/openvino", "float32", "openvino", "", "openvino"),
    ("static_int8/openvino/openvino", "static_int8", "openvino", "", "openvino"),
)
LIMITS = {"warmup": 10, "warmup_seconds": 0.05, "min_runs": 20, "max_runs": 4000, "min_seconds": 0.15}


# ── the bare loop: a process of its own, which imports nothing of edge-opt ─────────────────────────────────────────


def litert(path: str) -> Callable[[Any], Any]:
    """One inference by LiteRT's own calls."""
    interpreter = import_module("ai_edge_litert.interpreter").Interpreter(path, num_threads=1)
    interpreter.allocate_tensors()
    given = interpreter.get_input_details()[0]["index"]
    answered = interpreter.get_output_details()[0]["index"]

    def infer(x: Any) -> Any:
        interpreter.set_tensor(given, x)
        interpreter.invoke()
        return interpreter.get_tensor(answered)

    return infer


def onnxruntime(path: str) -> Callable[[Any], Any]:
    """One inference by ONNX Runtime's own call."""
    package = import_module("onnxruntime")
    options = package.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = package.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return lambda x: session.run(None, {name: x})


def openvino(path: str) -> Callable[[Any], Any]:
    """One inference by OpenVINO's own calls, in their fastest form."""
    settings = {"INFERENCE_NUM_THREADS": 1, "PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"}
    request = import_module("openvino").Core().compile_model(path, "CPU", settings).create_infer_request()
    given, answered = request.get_input_tensor().data, request.get_output_tensor().data

    def infer(x: Any) -> Any:
        given[...] = x
        request.infer()
        return answered.copy()

    return infer


def bare() -> None:
    """Read a job like the worker's, and print the latencies that a plain loop sees."""
    job = json.load(sys.stdin)
    artifact = job["artifacts"][0]
    infer = {"litert": litert, "onnxruntime": onnxruntime, "openvino": openvino}[artifact["runtime"]](artifact["path"])
    samples = np.load(job["inputs"])
    inputs = cycle([samples[index : index + 1] for index in range(min(8, len(samples)))])
    warm, runs = time.monotonic() + job["warmup_seconds"], 0
    while runs < job["warmup"] or time.monotonic() < warm:
        infer(next(inputs))
        runs += 1
    taken: list[int] = []
    end = time.monotonic() + job["min_seconds"]
    while len(taken) < job["max_runs"] and (len(taken) < job["min_runs"] or time.monotonic() < end):
        x = next(inputs)
        start = time.perf_counter_ns()
        infer(x)
        taken.append(time.perf_counter_ns() - start)
    print(json.dumps({"samples_ns": taken}))


# ── the comparison ─────────────────────────────────────────────────────────────────────────────────────────────────


def artifacts(folder: Path) -> dict[str, tuple[Path, str]]:
    """The file and the runtime of each case: the embedded model, exported as ``optimize`` does."""
    from edge_opt import registry
    from edge_opt.executors.process import ProcessExecutor
    from edge_opt.inputs import recipes
    from edge_opt.inputs.embedded import DEMO_MODEL, shared_path

    saved, found = folder / "saved_model", {}
    calibration = np.random.default_rng(0).random((100, 28, 28, 1), np.float32)  # speed does not depend on the ranges
    with ProcessExecutor() as executor:
        frontend = registry.load("frontends", "keras")
        executor.submit(frontend.prepare, shared_path(DEMO_MODEL), saved, False).result()
        for name, recipe, form, variant, runtime in CASES:
            out = folder / name.replace("/", "-")
            out.mkdir()
            export = registry.load("exporters", form).export
            how = recipes.load(recipe).quantization
            found[name] = (executor.submit(export, saved, how, variant, calibration, out).result(), runtime)
    return found


def compare(path: Path, runtime: str, inputs: Path, pairs: int, seed: int) -> dict[str, Any]:
    """The ratio of the medians, worker over bare loop, with its 95 % interval over ``pairs`` pairs of processes."""
    from edge_opt import stats
    from edge_opt.devices.local import LocalDevice

    job = {
        "protocol": 1,
        "mode": "time",
        "artifacts": [{"path": str(path), "runtime": runtime, "options": {}}],
        "threads": 1,
        "inputs": str(inputs),
        **LIMITS,
    }
    devices = {"worker": LocalDevice(), "bare": LocalDevice(command=(sys.executable, __file__, "--bare"))}
    medians: dict[str, list[float]] = {"worker": [], "bare": []}
    draw = random.Random(seed)
    for _ in range(pairs):
        for name in draw.sample(sorted(devices), 2):
            medians[name].append(stats.median(devices[name].run(job)["samples_ns"]))
    ratio = stats.ratio_interval(medians["worker"], medians["bare"], confidence=0.95, seed=seed)
    return {
        "worker_over_bare": round(ratio.estimate, 4),
        "interval_95": [round(ratio.low, 4), round(ratio.high, 4)],
        "worker_median_ns": medians["worker"],
        "bare_median_ns": medians["bare"],
    }


def main() -> None:
    """Print and write the ratio of every case."""
    from edge_opt import __version__
    from edge_opt.devices.local import LocalDevice

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=60)
    arguments = parser.parse_args()
    result: dict[str, Any] = {
        "edge_opt": __version__,
        "command": f"python benchmarks/measuring_overhead.py --pairs {arguments.pairs}",
        "environment": LocalDevice().run({"protocol": 1, "mode": "environment"})["environment"],
        "limits": LIMITS,
        "pairs": arguments.pairs,
        "cases": {},
    }
    with tempfile.TemporaryDirectory() as scratch:
        inputs = Path(scratch) / "x.npy"
        np.save(inputs, np.random.default_rng(1).random((16, 28, 28, 1), np.float32))
        for seed, (name, (path, runtime)) in enumerate(artifacts(Path(scratch)).items()):
            case = result["cases"][name] = compare(path, runtime, inputs, arguments.pairs, seed)
            low, high = case["interval_95"]
            print(f"{name}: {case['worker_over_bare']:.3f} ({low:.3f} to {high:.3f})", flush=True)
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    bare() if "--bare" in sys.argv else main()
