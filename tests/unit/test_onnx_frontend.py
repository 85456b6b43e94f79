"""ONNX files as people bring them: described, brought to batch 1, or refused in one sentence."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from edge_opt import registry
from edge_opt.errors import ModelError
from edge_opt.types import Model, Source
from tests.fixtures import tiny

onnx = pytest.importorskip("onnx", reason="onnx is not installed: pip install 'edge-opt[onnx]'")
runtime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed: pip install 'edge-opt[onnx]'")
FLOAT, HALF, DOUBLE, UINT8 = (getattr(onnx.TensorProto, name) for name in ("FLOAT", "FLOAT16", "DOUBLE", "UINT8"))
node = onnx.helper.make_node
DRAW = np.random.default_rng(2)
DENSE = DRAW.standard_normal((12, 5)).astype(np.float32)


def write(
    path: Path,
    nodes: Sequence[Any],
    given: Any = ("x", FLOAT, ["batch", 3, 2, 2]),
    answered: Any = ("y", FLOAT, ["batch", 5]),
    stored: dict[str, NDArray[Any]] | None = None,
    opset: int = 18,
    ir: int = 9,
) -> Path:
    """A model of ``nodes`` from ``x`` to ``y``; ``given`` and ``answered`` may be lists of several."""
    several = [one if isinstance(one, list) else [one] for one in (given, answered)]
    inputs, outputs = ([onnx.helper.make_tensor_value_info(*one) for one in ports] for ports in several)
    weights = {"dense": DENSE, **(stored or {})}
    graph = onnx.helper.make_graph(
        nodes, "made", inputs, outputs, [onnx.numpy_helper.from_array(array, name) for name, array in weights.items()]
    )
    sets = [onnx.helper.make_opsetid("", opset), onnx.helper.make_opsetid("com.microsoft", 1)]
    path.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(onnx.helper.make_model(graph, opset_imports=sets, ir_version=ir), path)
    return path


def flat(name: str = "x") -> list[Any]:
    return [node("Flatten", [name], ["row"]), node("MatMul", ["row", "dense"], ["y"])]


def prepare(path: Path) -> tuple[Model, Source]:
    found: tuple[Model, Source] = registry.load("frontends", "onnx").prepare(path, path.parent / "out", False)
    return found


def answers(path: Path, inputs: NDArray[Any]) -> NDArray[Any]:
    session = runtime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    (port,) = session.get_inputs()
    return np.concatenate([session.run(None, {port.name: one[None]})[0] for one in inputs])


def refused(path: Path) -> ModelError:
    with pytest.raises(ModelError) as caught:
        prepare(path)
    assert caught.value.hint
    assert "\n" not in caught.value.message
    assert not (path.parent / "out").exists() or not list((path.parent / "out").iterdir())
    return caught.value


# ── what is read ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_tiny_classifier_is_described_and_answers_as_by_hand(tmp_path: Path) -> None:
    frontend = registry.load("frontends", "onnx")
    model, source = frontend.prepare(tiny.FILES["onnx"], tmp_path, False)
    assert (model.framework, source.kind, source.path) == ("onnx", "onnx", tmp_path / "model.onnx")
    assert (model.inputs[0].shape, model.inputs[0].layout, model.outputs[0].shape) == ((1, 8, 8, 1), "NHWC", (1, 3))
    assert model.parameters == 3 * 3 * 4 + 4 + 256 * 3 + 3
    assert model.macs == 8 * 8 * 4 * 9 + 256 * 3
    np.testing.assert_allclose(answers(source.path, tiny.pictures()), tiny.answers(tiny.pictures()), atol=1e-6)
    found = frontend.predict(tiny.FILES["onnx"], tiny.pictures(), False)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, tiny.answers(tiny.pictures()), atol=1e-6)


@pytest.mark.parametrize("batch", ["batch", None, 1])
def test_a_free_batch_becomes_one_and_a_picture_is_told_by_its_channels(tmp_path: Path, batch: Any) -> None:
    path = write(tmp_path / "m.onnx", flat(), given=("x", FLOAT, [batch, 3, 2, 2]), answered=("y", FLOAT, [batch, 5]))
    model, source = prepare(path)
    free = 1 if batch == 1 else None
    assert (model.inputs[0].shape, model.inputs[0].layout) == ((free, 3, 2, 2), "NCHW")
    assert model.outputs[0].shape == (free, 5)
    written = onnx.load(source.path)
    assert [size.dim_value for size in written.graph.input[0].type.tensor_type.shape.dim] == [1, 3, 2, 2]
    assert [size.dim_value for size in written.graph.output[0].type.tensor_type.shape.dim] == [1, 5]
    inputs = DRAW.random((4, 3, 2, 2), np.float32)
    np.testing.assert_allclose(answers(source.path, inputs), inputs.reshape(4, -1) @ DENSE, atol=1e-5)


def test_a_number_of_classes_that_is_not_written_down_is_inferred(tmp_path: Path) -> None:
    model, _ = prepare(write(tmp_path / "m.onnx", flat(), answered=("y", FLOAT, ["batch", None])))
    assert model.outputs[0].shape == (None, 5)


@pytest.mark.parametrize("kind", [HALF, DOUBLE, UINT8])
def test_inputs_and_outputs_of_another_type_are_cast(tmp_path: Path, kind: int) -> None:
    nodes = [node("Cast", ["x"], ["float"], to=FLOAT), node("Flatten", ["float"], ["row"])]
    nodes += [node("MatMul", ["row", "dense"], ["sum"]), node("Cast", ["sum"], ["y"], to=DOUBLE)]
    path = write(tmp_path / "m.onnx", nodes, given=("x", kind, ["n", 3, 2, 2]), answered=("y", DOUBLE, ["n", 5]))
    model, source = prepare(path)
    assert model.inputs[0].dtype == {HALF: "float16", DOUBLE: "float64", UINT8: "uint8"}[kind]
    inputs = DRAW.integers(0, 256, (3, 3, 2, 2)).astype(np.float32)
    expected = inputs.reshape(3, -1) @ DENSE
    for found in (answers(source.path, inputs), registry.load("frontends", "onnx").predict(path, inputs, False)):
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-3)


def test_an_old_file_is_brought_to_an_operator_set_that_can_be_quantized(tmp_path: Path) -> None:
    # as PyTorch 1.x wrote them: weights among the inputs, Squeeze with its axes as an attribute
    nodes = [node("Squeeze", ["x"], ["row"], axes=[2, 3]), node("MatMul", ["row", "dense"], ["y"])]
    weights = [("x", FLOAT, [1, 12, 1, 1]), ("dense", FLOAT, [12, 5])]
    model, source = prepare(write(tmp_path / "m.onnx", nodes, weights, ("y", FLOAT, [1, 5]), opset=9, ir=3))
    written = onnx.load(source.path)
    assert ([port.name for port in written.graph.input], model.inputs[0].shape) == (["x"], (1, 12, 1, 1))
    assert [one.version for one in written.opset_import if one.domain == ""] == [13]
    inputs = DRAW.random((2, 12, 1, 1), np.float32)
    np.testing.assert_allclose(answers(source.path, inputs), inputs[:, :, 0, 0] @ DENSE, atol=1e-5)


def test_multiply_accumulates_are_those_by_hand(tmp_path: Path) -> None:
    stored = {
        "plain": np.ones((4, 3, 3, 3), np.float32),
        "depth": np.ones((4, 1, 3, 3), np.float32),
        "grouped": np.ones((6, 2, 1, 1), np.float32),
        "spread": np.ones((6, 2, 2, 2), np.float32),
        "end": np.ones((5, 2 * 8 * 8), np.float32),
    }
    nodes = [
        node("Conv", ["x", "plain"], ["a"], strides=[2, 2], pads=[1] * 4),  # (4, 4, 4)
        node("Conv", ["a", "depth"], ["b"], group=4, pads=[1] * 4),
        node("Conv", ["b", "grouped"], ["c"], group=2),  # (6, 4, 4)
        node("ConvTranspose", ["c", "spread"], ["d"], strides=[2, 2]),  # (2, 8, 8)
        node("Flatten", ["d"], ["e"]),
        node("Gemm", ["e", "end"], ["y"], transB=1),
    ]
    model, _ = prepare(write(tmp_path / "m.onnx", nodes, given=("x", FLOAT, ["n", 3, 8, 8]), stored=stored))
    assert model.macs == sum((4 * 16 * 27, 4 * 16 * 9, 6 * 16 * 2, 6 * 16 * 8, 128 * 5))
    assert model.parameters == sum(one.size for one in stored.values())
    assert [layer.kind for layer in model.layers] == ["Conv", "Conv", "Conv", "ConvTranspose", "Gemm"]


def test_tensorflow_is_not_needed(tmp_path: Path) -> None:
    code = f"""
import sys
sys.modules.update(dict.fromkeys(("tensorflow", "keras", "tf_keras", "tf2onnx")))  # importing one is an error now
from pathlib import Path
import numpy as np
from edge_opt import registry
from edge_opt.types import Quantization
frontend, exporter = registry.load("frontends", "onnx"), registry.load("exporters", "onnx")
_, source = frontend.prepare(Path({str(tiny.FILES["onnx"])!r}), Path({str(tmp_path / "source")!r}), False)
samples = np.random.default_rng(1).random((8, 8, 8, 1), np.float32)
for mode in ("none", "float16", "dynamic", "weight_only", "static"):
    out = Path({str(tmp_path)!r}) / mode
    out.mkdir()
    quantization = Quantization(mode=mode)
    for variant in exporter.variants(quantization, source.kind):
        exporter.export(source, quantization, variant, samples, out)
"""
    subprocess.run([sys.executable, "-c", code], check=True)
    assert len(list(tmp_path.glob("*/model.onnx"))) == 6


# ── data beside the file ───────────────────────────────────────────────────────────────────────────────────────────


def with_data(path: Path, location: str, content: bytes | None = None) -> Path:
    """A model whose weights lie in the file ``location``, which is written where ``content`` is given."""
    write(path, flat())
    model = onnx.load(path)
    (weight,) = model.graph.initializer
    weight.ClearField("raw_data")
    weight.data_location = onnx.TensorProto.EXTERNAL
    weight.external_data.add(key="location", value=location)
    path.write_bytes(model.SerializeToString())
    if content is not None:
        (path.parent / location).write_bytes(content)
    return path


def test_weights_beside_the_file_are_read_counted_and_hashed(tmp_path: Path) -> None:
    path = with_data(tmp_path / "m.onnx", "m.onnx.data", DENSE.tobytes())
    model, source = prepare(path)
    assert model.size_bytes == path.stat().st_size + DENSE.nbytes
    inputs = DRAW.random((2, 3, 2, 2), np.float32)
    np.testing.assert_allclose(answers(source.path, inputs), inputs.reshape(2, -1) @ DENSE, atol=1e-5)
    (tmp_path / "m.onnx.data").write_bytes((DENSE + 1).astype(np.float32).tobytes())
    assert prepare(path)[0].sha256 != model.sha256


@pytest.mark.parametrize("location", ["../secret", "../../../../etc/passwd", "/etc/passwd", "C:\\secret", "", "a\0b"])
def test_weights_outside_the_folder_of_the_file_are_not_read(tmp_path: Path, location: str) -> None:
    (tmp_path / "secret").write_bytes(DENSE.tobytes())
    error = refused(with_data(tmp_path / "inner" / "m.onnx", location))
    assert "outside its own folder" in error.message


def test_a_link_to_weights_outside_the_folder_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(DENSE.tobytes())
    path = with_data(tmp_path / "inner" / "m.onnx", "weights")
    (path.parent / "weights").symlink_to(tmp_path / "secret")
    assert "outside its own folder" in refused(path).message


def test_weights_that_are_not_there_or_too_short_are_said(tmp_path: Path) -> None:
    assert "'gone', which is not there" in refused(with_data(tmp_path / "m.onnx", "gone")).message
    refused(with_data(tmp_path / "m.onnx", "short", DENSE.tobytes()[:-8]))


# ── what is refused ────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "is empty"),
        (b"version https://git-lfs.github.com/spec/v1\n", "pointer of Git LFS"),
        (b"\xff" * 100, "is not an ONNX model"),
        (b"PK\x03\x04 a zip", "is not an ONNX model"),
        (tiny.FILES["onnx"].read_bytes()[:-200], ""),
    ],
)
def test_a_file_that_is_no_model_is_refused(tmp_path: Path, content: bytes, told: str) -> None:
    path = tmp_path / "m.onnx"
    path.write_bytes(content)
    assert told in refused(path).message


@pytest.mark.parametrize(
    ("nodes", "ports", "told"),
    [
        ([node("Gelu", ["x"], ["y"], domain="com.microsoft")], {}, "operator 'Gelu' of 'com.microsoft'"),
        ([node("NoSuchThing", ["x"], ["y"])], {}, "NoSuchThing"),
        (flat(), {"given": ("x", FLOAT, ["n", 3, "h", "w"])}, "size of its input free: (batch, 3, ?, ?)"),
        (flat(), {"given": ("x", FLOAT, [8, 3, 2, 2]), "answered": ("y", FLOAT, [8, 5])}, "(8, 3, 2, 2)"),
        (flat(), {"given": [("x", FLOAT, ["n", 3, 2, 2]), ("z", FLOAT, [1])]}, "2 inputs and 1 outputs"),
        (flat(), {"answered": [("y", FLOAT, ["n", 5]), ("row", FLOAT, ["n", 12])]}, "1 inputs and 2 outputs"),
        (
            [*flat()[:1], node("MatMul", ["row", "dense"], ["s"]), node("Unsqueeze", ["s", "ends"], ["y"])],
            {"answered": ("y", FLOAT, ["n", 5, 1, 1]), "stored": {"ends": np.array([2, 3])}},
            "(batch, 5, 1, 1)",
        ),
        (
            [*flat()[:1], node("MatMul", ["row", "one"], ["y"])],
            {"answered": ("y", FLOAT, ["n", 1]), "stored": {"one": DENSE[:, :1]}},
            "a single score",
        ),
        (
            [*flat()[:1], node("MatMul", ["row", "dense"], ["s"]), node("Log", ["s"], ["y"])],
            {"stored": {"dense": -np.abs(DENSE)}},
            "NaN or infinite",
        ),
        ([node("RandomUniformLike", ["x"], ["n"]), *flat("n")], {}, "draws random numbers"),
        (
            [node("GlobalAveragePool", ["x"], ["p"]), node("Flatten", ["p"], ["y"])],
            {"given": ("x", FLOAT, ["n", 5, 20000, 20000])},
            "more than fit in 1 GiB",
        ),
    ],
)
def test_what_is_no_classifier_of_one_float_input_is_refused_with_the_reason(
    tmp_path: Path, nodes: Sequence[Any], ports: dict[str, Any], told: str
) -> None:
    assert told in refused(write(tmp_path / "m.onnx", nodes, **ports)).message


@pytest.mark.parametrize("variant", ["u8s8", "s8s8"])
def test_a_model_that_is_quantized_already_is_sent_back(tmp_path: Path, variant: str) -> None:
    from edge_opt.types import Quantization

    _, source = registry.load("frontends", "onnx").prepare(tiny.FILES["onnx"], tmp_path / "source", False)
    path = registry.load("exporters", "onnx").export(
        source, Quantization(mode="static"), variant, tiny.pictures(), tmp_path
    )
    error = refused(path)
    assert "quantized already" in error.message
    assert "float model" in error.hint
