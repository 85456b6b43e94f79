"""The check finds exactly the layers whose 8-bit products saturate, shown by arithmetic and by real AVX2 kernels."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from numpy.typing import NDArray

from edge_opt import registry
from edge_opt.nets import saturation
from edge_opt.types import Quantization
from tests.fixtures import networks

pytest.importorskip("onnxruntime", reason="onnxruntime is not installed: pip install 'edge-opt[onnx]'")

STATIC = Quantization(mode="static")
VARIANTS = registry.load("exporters", "onnx").variants(STATIC, "onnx")


# ── by arithmetic ──────────────────────────────────────────────────────────────────────────────────────────────────


def paired(activations: NDArray[Any], weights: NDArray[Any], first: int) -> int:
    """The dot product as ``vpmaddubsw`` computes it: products added in pairs, each sum held in 16 bits."""
    products = np.pad(activations.astype(np.int64) * weights.astype(np.int64), (first, 1))
    sums = products[: len(products) // 2 * 2].reshape(-1, 2).sum(axis=1)
    return int(np.clip(sums, -(2**15), 2**15 - 1).sum())


def saturates(row: NDArray[np.int8]) -> bool:
    """Whether some activations, wherever the pairs begin, give another sum than plain arithmetic."""
    # the worst there are: all that push up, or all that push down
    worst = [np.where(row > 0, 255, 0), np.where(row < 0, 255, 0)]
    return any(paired(one, row, first) != int(one @ row.astype(np.int64)) for one in worst for first in (0, 1))


ROWS = npst.arrays(np.int8, st.integers(1, 12), elements=st.integers(-128, 127))


@given(ROWS | npst.arrays(np.int8, st.integers(2, 12), elements=st.integers(-66, 66)))
def test_a_row_of_weights_is_unsafe_exactly_where_the_pairs_saturate(row: NDArray[np.int8]) -> None:
    low, high = saturation.pair_sums(row[None])
    assert (low < -(2**15) or high > 2**15 - 1) == saturates(row)


@pytest.mark.parametrize(
    ("row", "sums"),
    [
        ([64, 64], (0, 32640)),  # the largest of 7 bits
        ([65, 64], (0, 32895)),
        ([-64, -64], (-32640, 0)),
        ([-65, -64], (-32895, 0)),
        ([127, -127, 127], (-32385, 32385)),  # opposite signs never add up: one activation may be zero
        ([127, 0, 127], (0, 32385)),
        ([-128], (-32640, 0)),
    ],
)
def test_the_sums_are_those_by_hand(row: list[int], sums: tuple[int, int]) -> None:
    assert saturation.pair_sums(np.array([row], np.int8)) == sums


# ── of files ───────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def quantized(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], Path]:
    """Both networks in every variant, and the samples of each."""
    folder, written = tmp_path_factory.mktemp("quantized"), {}
    for name in ("saturating", "safe"):
        network = getattr(networks, name)(folder / name)
        np.save(folder / f"{name}.npy", network.samples)
        for variant in VARIANTS:
            (folder / f"{name}-{variant}").mkdir()
            written[name, variant] = registry.load("exporters", "onnx").export(
                network.source, STATIC, variant, network.samples, folder / f"{name}-{variant}"
            )
    return written


@pytest.mark.parametrize("variant", ["u8s8", "s8s8"])
def test_the_layers_that_saturate_are_named_with_their_worst_sum(
    quantized: dict[tuple[str, str], Path], variant: str
) -> None:
    found = saturation.check(quantized["saturating", variant])
    assert [one.layer for one in found] == ["filters", "scores"]
    assert all(2**15 < one.worst_pair_sum <= 255 * 254 for one in found)
    assert saturation.check(quantized["safe", variant]) == ()


@pytest.mark.parametrize("name", ["saturating", "safe"])
def test_7_bit_weights_are_safe_whatever_the_network(quantized: dict[tuple[str, str], Path], name: str) -> None:
    import onnx

    path = quantized[name, "u8s7"]
    assert saturation.check(path) == ()
    weights = [onnx.numpy_helper.to_array(one) for one in onnx.load(path).graph.initializer if one.data_type == 3]
    assert max(np.abs(one.astype(np.int64)).max() for one in weights if one.ndim > 1) == 64


def test_both_orders_of_a_convolutions_reduction_are_looked_at(tmp_path: Path) -> None:
    # large weights meet only where the channels of one place stand side by side
    by_channel = np.zeros((1, 2, 3, 3), np.int8)
    by_channel[0, :, 1, 1] = 100
    # … and only where the places of one channel do
    by_place = np.zeros((1, 2, 3, 3), np.int8)
    by_place[0, 0, 1, :2] = 100
    for kernel in (by_channel, by_place):
        (found,) = saturation.check(integer_convolution(tmp_path / "model.onnx", kernel))
        assert (found.layer, found.worst_pair_sum) == ("only", 255 * 200)
    far = np.zeros((1, 2, 3, 3), np.int8)
    far[0, 0, 0, 0] = far[0, 1, 2, 2] = 127
    assert saturation.check(integer_convolution(tmp_path / "model.onnx", far)) == ()


def test_unsigned_weights_do_not_saturate(tmp_path: Path) -> None:
    kernel = np.full((1, 2, 3, 3), 255, np.uint8)
    assert saturation.check(integer_convolution(tmp_path / "model.onnx", kernel)) == ()


def test_16_bit_activations_are_computed_in_float_and_safe(
    quantized: dict[tuple[str, str], Path], tmp_path: Path
) -> None:
    network = networks.saturating(tmp_path / "network")
    wide = Quantization(mode="static", activation_bits=16)
    path = registry.load("exporters", "onnx").export(network.source, wide, "", network.samples, tmp_path)
    assert saturation.check(path) == ()


def integer_convolution(path: Path, kernel: NDArray[Any]) -> Path:
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    graph = helper.make_graph(
        [helper.make_node("ConvInteger", ["x", "kernel"], ["y"], "only")],
        "one",
        [helper.make_tensor_value_info("x", TensorProto.UINT8, (1, 2, 5, 5))],
        [helper.make_tensor_value_info("y", TensorProto.INT32, (1, 1, 3, 3))],
        [numpy_helper.from_array(kernel, "kernel")],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9), path)
    return path


# ── by the kernels themselves ──────────────────────────────────────────────────────────────────────────────────────

ASK = """
import json, sys
import numpy, onnxruntime
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 1
options.log_severity_level = 4
answers = {}
for path, samples in json.load(open(sys.argv[1])):
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    answers[path] = [session.run(None, {"picture": one[None]})[0].tolist() for one in numpy.load(samples)[:4]]
json.dump(answers, open(sys.argv[2], "w"))
"""


@pytest.mark.slow
@pytest.mark.skipif(
    shutil.which("valgrind") is None or not Path("/proc/cpuinfo").read_text().count(" avx2 "),
    reason="needs an x86 machine with AVX2, and valgrind, which shows programs no VNNI: apt install valgrind",
)
def test_on_a_processor_without_vnni_the_unsafe_ones_differ_and_the_safe_ones_do_not(
    quantized: dict[tuple[str, str], Path], tmp_path: Path
) -> None:
    asked = [(str(path), str(path.parent.parent / f"{name}.npy")) for (name, _), path in quantized.items()]
    (tmp_path / "asked.json").write_text(json.dumps(asked))
    answers = {}
    for name, command in {"here": [], "without": ["valgrind", "-q", "--tool=none"]}.items():
        answered = tmp_path / f"{name}.json"
        subprocess.run([*command, sys.executable, "-c", ASK, str(tmp_path / "asked.json"), str(answered)], check=True)
        answers[name] = json.loads(answered.read_text())
    exact = "vnni" in Path("/proc/cpuinfo").read_text()
    for key, path in quantized.items():
        safe = not saturation.check(path)
        if exact or safe:
            assert (answers["here"][str(path)] == answers["without"][str(path)]) == safe, key
