"""From the command line: a model that static_int8 destroys, and one whose 8-bit products overflow without VNNI."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_opt.inputs.embedded import DEMO_DATA, DEMO_MODEL, shared_path
from tests import stack
from tests.architecture.source import CHECKOUT

pytestmark = pytest.mark.slow

SPREAD = 4  # orders of magnitude between the units of the hidden layer
_WIDE = """
import sys
import keras
import numpy as np

net = keras.models.load_model(sys.argv[1])
hidden, last = net.layers[-2:]
(weights, bias), (answers, offset) = hidden.get_weights(), last.get_weights()
spread = np.random.default_rng(0).permutation(np.logspace(0, float(sys.argv[3]), weights.shape[1])).astype(np.float32)
hidden.set_weights([weights * spread, bias * spread])  # relu passes a positive factor on, and the last layer undoes it
last.set_weights([answers / spread[:, None], offset])
net.save(sys.argv[2])
"""


def optimized(folder: Path, *arguments: str) -> tuple[str, dict[str, Any]]:
    """What `edge-opt optimize` printed, and the report it wrote."""
    run = folder / "run"
    fast = ("--rounds", "4", "--no-cache", "--no-diagnosis")
    command = [sys.executable, "-m", "edge_opt", "optimize", *arguments, "-o", str(run), *fast]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout, json.loads((run / "report.json").read_text())


def test_a_model_that_collapses_under_static_int8_ends_certified_and_faster_without_training(tmp_path: Path) -> None:
    model, target = tmp_path / "wide.keras", tmp_path / "tflite.toml"
    made = subprocess.run(
        [sys.executable, "-c", _WIDE, str(shared_path(DEMO_MODEL)), str(model), str(SPREAD)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert made.returncode == 0, made.stderr
    host = (CHECKOUT / "targets" / "host.toml").read_text(encoding="utf-8")
    only = host.replace('formats = ["tflite", "onnx", "openvino"]', 'formats = ["tflite"]')
    target.write_text(only.replace('runtimes = ["litert", "onnxruntime", "openvino"]', 'runtimes = ["litert"]'))
    data = tmp_path / "held.npz"  # with samples to train on, smaller networks would be tried first
    with np.load(shared_path(DEMO_DATA)) as whole:
        np.savez(data, **{name: whole[name] for name in whole.files if not name.endswith("_train")})
    contract = shared_path(DEMO_DATA).with_suffix(".preprocessing.toml")
    data.with_suffix(".preprocessing.toml").write_bytes(contract.read_bytes())
    arguments = (str(model), "-d", str(data), "-t", str(target), "--goal", "latency")
    text, report = optimized(tmp_path, *arguments)
    trials = {trial["id"]: trial for trial in report["trials"]}
    plain = trials["static_int8/tflite/litert"]
    assert plain["verdict"]["drop"]["low"] > 0.05, "it should have collapsed"
    rungs = [trial for trial in report["trials"] if trial["recipe"]["follows"]]
    assert rungs
    assert all(rung["recipe"]["follows"] in trials and rung["recipe"]["reason"] for rung in rungs)
    best = trials[report["best"]]
    assert best in rungs
    assert report["certificate"]["status"] == "pass"
    assert report["certificate"]["verdict"]["drop"]["high"] <= 0.01
    assert report["retimed"]["speed_up"]["low"] > 1
    assert best["recipe"]["passes"] == []
    assert "the ladder of static_int8/tflite/litert:" in text
    assert all(rung["recipe"]["reason"] in text for rung in rungs)
    assert "## The ladder" in (tmp_path / "run" / "report.md").read_text(encoding="utf-8")


def saturating(path: Path) -> Path:
    """An ONNX model that adds up the pixels of each third: equal weights side by side, whose products overflow."""
    onnx = pytest.importorskip("onnx", reason="install the extra 'onnx'")
    weights = np.zeros((stack.SIDE**2, stack.CLASSES), np.float32)
    for place, part in enumerate(np.array_split(np.arange(stack.SIDE**2), stack.CLASSES)):
        weights[part, place] = 1 / len(part)
    tensor, make = onnx.TensorProto.FLOAT, onnx.helper
    graph = make.make_graph(
        [
            make.make_node("Flatten", ["x"], ["flat"], name="flatten"),
            make.make_node("MatMul", ["flat", "weights"], ["y"], name="thirds"),
        ],
        "sums",
        [make.make_tensor_value_info("x", tensor, ["n", stack.SIDE, stack.SIDE, 1])],
        [make.make_tensor_value_info("y", tensor, ["n", stack.CLASSES])],
        [onnx.numpy_helper.from_array(weights, "weights")],
    )
    onnx.save(make.make_model(graph, opset_imports=[make.make_opsetid("", 18)], ir_version=9), str(path))
    return path


@pytest.mark.parametrize(("target", "refused"), [("x86-avx2", True), ("x86-vnni", False)])
def test_a_saturating_onnx_model_is_refused_without_vnni_with_its_layer_and_accepted_with_it(
    tmp_path: Path, target: str, refused: bool
) -> None:
    profile = tmp_path / f"{target}.toml"
    text = (CHECKOUT / "targets" / profile.name).read_text(encoding="utf-8")
    profile.write_text(text.replace('formats = ["tflite", "onnx", "openvino"]', 'formats = ["onnx"]'))
    model, data = saturating(tmp_path / "sums.onnx"), stack.data_set(tmp_path)
    _, report = optimized(tmp_path, str(model), "-d", str(data), "-t", str(profile), "-r", "static_int8")
    u8s8 = "static_int8/onnx/onnxruntime/u8s8"
    failures = {one["id"]: one for one in report["failures"]}
    tried = {one["id"] for one in report["trials"]}
    assert (u8s8 in failures) == refused
    assert (u8s8 in tried) == (not refused)
    assert ("static_int8/onnx/onnxruntime/u8s7" in tried) == refused  # the answer to it
    if refused:
        assert failures[u8s8]["stage"] == "check"
        assert "'thirds'" in failures[u8s8]["message"]
