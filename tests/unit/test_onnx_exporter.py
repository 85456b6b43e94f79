"""Quantized ONNX from an ONNX source: layers that are kept in float or wide, ranges, and who is to blame."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from edge_opt import registry
from edge_opt.errors import UnknownName
from edge_opt.nets.ranges import Ranges
from edge_opt.types import Quantization, RangeMethod
from tests.fixtures import networks, tiny

onnx = pytest.importorskip("onnx", reason="onnx is not installed: pip install 'edge-opt[onnx]'")
runtime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed: pip install 'edge-opt[onnx]'")

EXPORTER = registry.load("exporters", "onnx")
STATIC = Quantization(mode="static")
CLASSES, WIDTH = 6, 16


@pytest.fixture(scope="module")
def collapsing(tmp_path_factory: pytest.TempPathFactory) -> networks.Network:
    """A classifier whose last layer, ``scores``, answers some samples a thousand times larger than the others.

    Its scores end in a ReLU. In 8 bits, one step is larger than nearly all of them: they become zeros, and a draw.
    """
    draw = np.random.default_rng(4)
    stored = {name: draw.standard_normal((WIDTH, WIDTH)) / 4 for name in ("first", "second")}
    for weight in stored.values():
        weight[-1], weight[:, -1] = 0, 0
        weight[-1, -1] = 1  # the last value passes through, and is zero but for a few samples
    stored["scores"] = draw.standard_normal((WIDTH, CLASSES))
    stored["scores"][:, -1], stored["scores"][-1] = 0, 0
    stored["scores"][-1, -1] = 3000  # of a class of their own: one scale a channel spares the other weights
    source = networks.onnx_chain(stored, tmp_path_factory.mktemp("collapsing") / "model.onnx")
    samples = draw.standard_normal((300, WIDTH)).astype(np.float32) * 2
    samples[:, -1] = np.arange(300) % 50 == 7
    return networks.Network(source, samples, answers(source.path, samples))


def answers(path: Path, samples: NDArray[Any]) -> NDArray[Any]:
    options = runtime.SessionOptions()
    options.log_severity_level = 3
    session = runtime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    (port,) = session.get_inputs()
    return np.concatenate([session.run(None, {port.name: one[None]})[0] for one in samples])


def agreement(network: networks.Network, quantization: Quantization, out: Path, variant: str = "u8s8") -> float:
    out.mkdir()
    path = EXPORTER.export(network.source, quantization, variant, network.samples[:100], out)
    assert [file.name for file in out.iterdir()] == ["model.onnx"]
    found = answers(path, network.samples)
    return float(np.mean(found.argmax(axis=1) == network.answers.argmax(axis=1)))


# ── layers ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_layer_that_collapses_is_ranked_first_and_kept_in_float_restores_the_answers(
    collapsing: networks.Network, tmp_path: Path
) -> None:
    assert agreement(collapsing, STATIC, tmp_path / "plain") < 0.7
    (tmp_path / "scratch").mkdir()
    errors = EXPORTER.layer_errors(collapsing.source, STATIC, "u8s8", collapsing.samples[:100], tmp_path / "scratch")
    assert errors[0].name == "scores"
    assert {one.name for one in errors} == {"first", "second", "scores"}
    assert errors[0].error > 3 * errors[1].error > 0
    assert agreement(collapsing, replace(STATIC, keep_float=("scores",)), tmp_path / "kept") > 0.95
    # and it is that layer: keeping another one does not help
    assert agreement(collapsing, replace(STATIC, keep_float=("first",)), tmp_path / "other") < 0.7


@pytest.mark.parametrize("variant", ["u8s8", "u8s7", "s8s8"])
def test_a_layer_with_16_bit_activations_restores_the_answers_too(
    collapsing: networks.Network, variant: str, tmp_path: Path
) -> None:
    assert agreement(collapsing, replace(STATIC, wide=("scores",)), tmp_path / "out", variant) > 0.9
    model = onnx.load(tmp_path / "out" / "model.onnx")
    kinds = {one.data_type for one in model.graph.initializer}
    wide = {onnx.TensorProto.UINT16, onnx.TensorProto.INT16}
    assert kinds & wide
    assert kinds & {onnx.TensorProto.UINT8, onnx.TensorProto.INT8}


def test_what_is_kept_in_float_keeps_its_weights(collapsing: networks.Network, tmp_path: Path) -> None:
    for mode in ("static", "dynamic", "weight_only"):
        out = tmp_path / mode
        out.mkdir()
        kept = Quantization(mode=mode, keep_float=("second",))  # type: ignore[arg-type]
        variant = EXPORTER.variants(kept, "onnx")[0]
        path = EXPORTER.export(collapsing.source, kept, variant, collapsing.samples[:10], out)
        floats = [one for one in onnx.load(path).graph.initializer if one.data_type == onnx.TensorProto.FLOAT]
        assert [tuple(one.dims) for one in floats if len(one.dims) == 2 and 1 not in one.dims] == [(WIDTH, WIDTH)]


@pytest.mark.parametrize("mode", ["static", "dynamic"])
def test_no_file_is_written_beside_the_source_where_another_conversion_would_remove_it(
    mode: Any, collapsing: networks.Network, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[Path] = []
    infer = onnx.shape_inference.infer_shapes_path

    def noted(given: str, to: str, *more: Any) -> None:
        written.append(Path(to))
        infer(given, to, *more)

    monkeypatch.setattr(onnx.shape_inference, "infer_shapes_path", noted)
    quantization = Quantization(mode=mode)
    variant = EXPORTER.variants(quantization, "onnx")[0]
    EXPORTER.export(collapsing.source, quantization, variant, collapsing.samples[:10], tmp_path)
    assert written
    assert collapsing.source.path.parent not in {one.parent for one in written}


@pytest.mark.parametrize("mode", ["static", "dynamic", "weight_only"])
def test_a_layer_that_does_not_exist_is_an_unknown_name(
    mode: Any, collapsing: networks.Network, tmp_path: Path
) -> None:
    wrong = Quantization(mode=mode, keep_float=("score",))
    with pytest.raises(UnknownName, match="'score'") as caught:
        EXPORTER.export(collapsing.source, wrong, EXPORTER.variants(wrong, "onnx")[0], collapsing.samples[:4], tmp_path)
    assert caught.value.hint == "did you mean 'scores'?"
    assert not list(tmp_path.iterdir())


# ── ranges ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("method", ["min_max", "percentile", "mse", "octav"])
def test_the_scale_of_the_input_is_that_of_its_own_values(method: RangeMethod, tmp_path: Path) -> None:
    draw = np.random.default_rng(6)
    samples = draw.standard_normal((400, 8, 8, 1)).astype(np.float32)
    samples[3, 2, 1, 0] = 40  # once
    _, source = registry.load("frontends", "onnx").prepare(tiny.FILES["onnx"], tmp_path / "source", False)
    path = EXPORTER.export(source, replace(STATIC, range_method=method), "u8s8", samples, tmp_path)
    graph = onnx.load(path).graph
    # the picture, which has been transposed: its values are the same
    first = next(one for one in graph.node if one.op_type == "QuantizeLinear")
    (scale,) = (onnx.numpy_helper.to_array(one) for one in graph.initializer if one.name == first.input[1])
    seen = Ranges()
    seen.add("picture", samples)
    low, high = seen.of("picture", method, 8, symmetric=False)
    np.testing.assert_allclose(scale, (high - low) / 255, rtol=1e-5)
    if method == "min_max":
        np.testing.assert_allclose(scale, (samples.max() - samples.min()) / 255, rtol=1e-5)
    else:
        assert scale < (samples.max() - samples.min()) / 255


def test_activations_are_the_same_however_many_are_taken_out_at_a_time(
    collapsing: networks.Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    from edge_opt.exporters.onnx import calibrate

    batches = [one[None] for one in collapsing.samples[:3]]
    at_once = sorted(
        (name, values.tobytes()) for name, values in calibrate.activations(collapsing.source.path, batches)
    )
    monkeypatch.setattr(calibrate, "_CHUNK_BYTES", 1)
    one_by_one = sorted(
        (name, values.tobytes()) for name, values in calibrate.activations(collapsing.source.path, batches)
    )
    assert at_once == one_by_one
    assert len(at_once) == 3 * 7  # the input and six activations


# ── the same again ─────────────────────────────────────────────────────────────────────────────────────────────────

TWICE = """
import sys
from dataclasses import replace
from pathlib import Path
import numpy as np
from edge_opt import registry
from edge_opt.types import Quantization
from tests.fixtures import tiny
_, source = registry.load("frontends", "onnx").prepare(tiny.FILES["onnx"], Path(sys.argv[1]) / "source", False)
exporter, static = registry.load("exporters", "onnx"), Quantization(mode="static")
every = [Quantization(mode=mode) for mode in ("none", "float16", "dynamic", "weight_only", "static")]
every += [replace(static, range_method=method) for method in ("percentile", "mse", "octav")]
every += [replace(static, activation_bits=16)]
every += [replace(static, keep_float=("Conv_1",)), replace(static, wide=("Conv_1",))]
for place, quantization in enumerate(every):
    for variant in exporter.variants(quantization, "onnx"):
        out = Path(sys.argv[1]) / f"{place}{variant}"
        out.mkdir()
        exporter.export(source, quantization, variant, tiny.pictures(), out)
"""


@pytest.mark.slow
def test_every_file_is_the_same_bytes_in_another_process_and_place(tmp_path: Path, checkout: Path) -> None:
    written = []
    for seed in ("1", "2"):
        folder = tmp_path / seed
        folder.mkdir()
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        subprocess.run([sys.executable, "-c", TWICE, str(folder)], check=True, cwd=checkout, env=environment)
        written.append({file.relative_to(folder): file.read_bytes() for file in folder.glob("*/model.onnx")})
    assert written[0] == written[1]
    assert len(written[0]) > 15
    assert not [name for name, content in written[0].items() if str(tmp_path).encode() in content]
