"""What the exporters share, and the graphs that the ONNX exporter writes by its own hand."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pytest

from edge_opt.errors import DataError, InputError, ModelError, StepFailed, UnknownName
from edge_opt.exporters.onnx.stored import in_8_bits, in_16_bits
from edge_opt.nets import conversion, onnx_graph
from edge_opt.nets.canonical import canonical
from edge_opt.types import Quantization
from tests.fixtures import tiny

# ── one sentence ───────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("quantization", "words"),
    [
        (Quantization(), "float32"),
        (Quantization(mode="float16", weight_bits=16), "float16"),
        (Quantization(mode="weight_only"), "weight-only, 8-bit weights, per channel"),
        (Quantization(mode="static", activation_bits=16), "static, 8-bit weights, 16-bit activations, per channel"),
        (Quantization(mode="dynamic", granularity="per_tensor"), "dynamic, 8-bit weights, per tensor"),
    ],
)
def test_a_quantization_is_said_in_words(quantization: Quantization, words: str) -> None:
    assert conversion.phrase(quantization) == words


def test_what_a_format_lacks_is_an_error_of_the_user_and_a_wrong_variant_names_the_right_ones() -> None:
    with pytest.raises(InputError, match="'toy' has no 'dynamic, 8-bit weights, per channel'"):
        conversion.require("toy", Quantization(mode="dynamic"), "", ())
    with pytest.raises(UnknownName) as caught:
        conversion.require("toy", Quantization(mode="static"), "u8s9", ("u8s8", "s8s8"))
    assert caught.value.hint == "did you mean 'u8s8'?"
    conversion.require("toy", Quantization(mode="static"), "s8s8", ("u8s8", "s8s8"))


@pytest.mark.parametrize(
    ("printed", "told"),
    [
        # TensorFlow Lite, OpenVINO, ONNX: shortened, as they come
        (
            "Could not translate MLIR.<unknown>:0: error: loc(x)\n<unknown>:0: note: loc(y): called from\n"
            "Some ops are custom ops, See instructions: https://example.org\nCustom ops: Betainc\nDetails:\n"
            '\n<unknown>:0: note: see current operation:\n"func.func"() <{}>\n  %0 = "tfl.abs"(%arg0)\n}) {a = 1}',
            "Custom ops: Betainc",
        ),
        (
            "Check 'false' failed at a.cpp:151:\nSummary:\n-- No conversion rule found for operations: Betainc\n"
            "Refer to https://example.org",
            "No conversion rule found for operations: Betainc",
        ),
        (
            "No Op registered for Betainc with domain_version of 18\n\n==> Context: Bad node spec for node.",
            "No Op registered for Betainc with domain_version of 18",
        ),
        ("first\nsecond\n\n", "second"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("", "ValueError"),
    ],
)
def test_of_a_long_error_the_line_that_says_why_is_told(printed: str, told: str) -> None:
    assert conversion.reason(ValueError(printed)) == told


def test_a_very_long_line_is_cut() -> None:
    assert len(conversion.reason(ValueError("x" * 1000))) == 240


# ── quiet ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_whatever_a_library_prints_stays_off_stdout(capfd: pytest.CaptureFixture[str]) -> None:
    with conversion.converting("a library", "a format"):
        print("from Python")
        os.write(1, b"from C++\n")
        os.system("echo from a child")
    print("after")
    captured = capfd.readouterr()
    assert captured.out == "after\n"
    assert {"from Python", "from C++", "from a child"} <= {*captured.err.splitlines()}


def test_an_error_of_a_library_becomes_one_of_ours_and_ours_stay() -> None:
    with (
        pytest.raises(StepFailed, match=r"^a library cannot turn this model into a format: no such thing$"),
        conversion.converting("a library", "a format"),
    ):
        raise RuntimeError("at first\nno such thing")
    with pytest.raises(ModelError, match=r"^two inputs$"), conversion.converting("a library", "a format"):
        raise ModelError("two inputs")


def test_a_library_that_fails_leaves_the_log_as_it_was() -> None:
    root = logging.getLogger()
    before = root.level, [*root.filters], [*root.handlers]

    def failing() -> NoReturn:
        root.setLevel(logging.CRITICAL)
        root.addFilter(lambda _: False)
        root.addHandler(logging.NullHandler())
        raise RuntimeError("no such thing")

    with pytest.raises(StepFailed), conversion.converting("a library", "a format"):
        failing()
    assert (root.level, root.filters, root.handlers) == before


# ── calibration ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_calibration_samples_become_batches_of_one() -> None:
    samples = np.arange(12, dtype=np.float64).reshape(3, 2, 2)
    batches = conversion.calibration(samples)
    assert [(batch.shape, batch.dtype) for batch in batches] == [((1, 2, 2), np.dtype(np.float32))] * 3
    np.testing.assert_array_equal(np.concatenate(batches), samples)


def test_calibration_without_numbers_is_an_error_of_the_data() -> None:
    with pytest.raises(DataError, match="there are none"):
        conversion.calibration(np.zeros((0, 2)))
    with pytest.raises(DataError, match="calibration sample 1"):
        conversion.calibration(np.array([[0.0], [np.inf]]))


# ── the float32 file that is kept ──────────────────────────────────────────────────────────────────────────────────


def test_the_kept_file_is_made_once_and_anew_when_the_model_changes(tmp_path: Path) -> None:
    model, made = tmp_path / "model", []
    model.mkdir()
    (model / "saved_model.pb").write_bytes(b"first")

    def make(path: Path) -> None:
        made.append(path)
        path.write_text((model / "saved_model.pb").read_text())

    first = conversion.kept(model, "float32.toy", make)
    assert conversion.kept(model, "float32.toy", make) == first
    assert (len(made), first.read_text(), first.parent) == (1, "first", tmp_path)
    (model / "saved_model.pb").write_bytes(b"second")
    assert conversion.kept(model, "float32.toy", make).read_text() == "second"
    assert len(made) == 2


def test_a_conversion_that_breaks_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()

    def make(path: Path) -> None:
        path.write_text("half")
        raise StepFailed("broke")

    with pytest.raises(StepFailed):
        conversion.kept(tmp_path / "model", "float32.toy", make)
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


# ── ONNX by hand ───────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def model() -> Any:
    onnx = pytest.importorskip("onnx", reason="onnx is not installed: pip install 'edge-opt[onnx]'")
    return onnx.load(str(tiny.FILES["onnx"]))


def run(model: Any, folder: Path) -> Any:
    runtime = pytest.importorskip("onnxruntime", reason="not installed: pip install 'edge-opt[onnx]'")
    onnx_graph.save(model, folder / "model.onnx")
    session = runtime.InferenceSession(str(folder / "model.onnx"), providers=["CPUExecutionProvider"])
    (port,) = session.get_inputs()
    return np.concatenate([session.run(None, {port.name: one[None]})[0] for one in tiny.pictures()])


def test_canonical_changes_names_and_order_and_no_answer(model: Any, tmp_path: Path) -> None:
    (given,), (answered,) = model.graph.input, model.graph.output
    ports = {given.name: "picture_in", answered.name: "scores_out"}
    canonical(model, ports)
    assert (model.graph.input[0].name, model.graph.output[0].name) == ("picture_in", "scores_out")
    np.testing.assert_allclose(run(model, tmp_path), tiny.answers(tiny.pictures()), atol=1e-5)


def test_canonical_makes_one_graph_of_two_that_differ_in_counters_and_order(model: Any) -> None:
    other = type(model)()
    other.CopyFrom(model)
    for count, one in enumerate((model, other)):
        renamed = {weight.name: f"const__{index + 40 * count}" for index, weight in enumerate(one.graph.initializer)}
        for weight in one.graph.initializer:
            weight.name = renamed[weight.name]
        for node in one.graph.node:
            node.name = f"{node.op_type}__{7 + count}"
            node.input[:] = [renamed.get(name, name) for name in node.input]
    reversed_weights = [weight.SerializeToString() for weight in reversed(other.graph.initializer)]
    for weight, content in zip(other.graph.initializer, reversed_weights, strict=True):
        weight.ParseFromString(content)
    assert model != other
    canonical(model, {})
    canonical(other, {})
    assert model.SerializeToString(deterministic=True) == other.SerializeToString(deterministic=True)
    again = type(model)()
    again.CopyFrom(model)
    canonical(again, {})
    assert again == model


@pytest.mark.parametrize("per_channel", [True, False])
def test_weights_in_8_bits_are_within_half_a_step_of_the_float_ones(
    model: Any, per_channel: bool, tmp_path: Path
) -> None:
    import onnx

    before = {weight.name: onnx.numpy_helper.to_array(weight) for weight in model.graph.initializer}
    stored = in_8_bits(model, per_channel)
    after = {weight.name: onnx.numpy_helper.to_array(weight) for weight in stored.graph.initializer}
    quantized = [name for name in before if f"{name}_int8" in after]
    assert len(quantized) == 2  # the convolution and the dense layer, not their biases
    for name in quantized:
        scale = after[f"{name}_scale"]
        assert after[f"{name}_int8"].dtype == np.int8
        assert scale.size == (max(scale.shape) if per_channel else 1)
        error = np.abs(after[f"{name}_int8"].astype(np.float32) * scale - before[name])
        assert (error <= scale / 2 * 1.0001).all()
    np.testing.assert_allclose(run(stored, tmp_path), tiny.answers(tiny.pictures()), atol=0.05)


def test_weights_in_16_bits_compute_in_float32(model: Any, tmp_path: Path) -> None:
    stored = in_16_bits(model)
    found = run(stored, tmp_path)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, tiny.answers(tiny.pictures()), atol=1e-3)
