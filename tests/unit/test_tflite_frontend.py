"""TFLite files as models: described from the file, run by LiteRT, and refused in one sentence; without TensorFlow."""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_opt import registry
from edge_opt.errors import ModelError
from edge_opt.nets import tflite
from tests.fixtures import tiny

schema = pytest.importorskip(
    "ai_edge_litert.schema_py_generated", reason="LiteRT is not installed: pip install 'edge-opt[litert]'"
)
FRONTEND: Any = registry.load("frontends", "tflite")
PICTURES = tiny.pictures(4)


def rewritten(change: Callable[[Any], None], path: Path) -> Path:
    """The tiny model with something changed in its flatbuffer."""
    model = tflite.load(tiny.FILES["tflite"])
    change(model)
    path.write_bytes(tflite.packed(model))
    return path


def free_the_batch(model: Any) -> None:
    for tensor in model.subgraphs[0].tensors:
        if tensor.shape is not None and len(tensor.shape) == 4 and tensor.shape[0] == 1:
            tensor.shapeSignature = np.array([-1, *tensor.shape[1:]], np.int32)
    main = model.subgraphs[0]
    answer = main.tensors[main.outputs[0]]
    answer.shapeSignature = np.array([-1, *answer.shape[1:]], np.int32)


def name_all_alike(model: Any) -> None:
    for tensor in model.subgraphs[0].tensors:
        tensor.name = b"same"


def answer_twice(model: Any) -> None:
    main = model.subgraphs[0]
    main.outputs = np.array([main.outputs[0], main.operators[0].outputs[0]], np.int32)


def call_it(name: bytes) -> Callable[[Any], None]:
    def change(model: Any) -> None:
        code = model.operatorCodes[-1]
        code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.CUSTOM
        code.customCode = name

    return change


def shrink(model: Any) -> None:
    for buffer in model.buffers:
        if buffer.data is not None and len(buffer.data) > 64:
            buffer.data = buffer.data[:8]


def point_nowhere(model: Any) -> None:
    model.subgraphs[0].operators[0].inputs = np.array([999, 1, 2], np.int32)


def take_bytes(model: Any) -> None:
    main = model.subgraphs[0]
    main.tensors[main.inputs[0]].type = schema.TensorType.UINT8


# ── what it consists of ────────────────────────────────────────────────────────────────────────────────────────────


def test_a_file_is_described_as_counted_by_hand(tmp_path: Path) -> None:
    model, source = FRONTEND.prepare(tiny.FILES["tflite"], tmp_path / "out", False)
    kernel, dense = 3 * 3 * 1 * 4, 8 * 8 * 4 * 3
    assert (model.framework, model.parameters, model.macs) == ("tflite", kernel + 4 + dense + 3, 8 * 8 * kernel + dense)
    assert [(layer.kind, layer.parameters, layer.output_shape) for layer in model.layers] == [
        ("CONV_2D", kernel + 4, (1, 8, 8, 4)),
        ("FULLY_CONNECTED", dense + 3, (1, 3)),
    ]
    assert (model.inputs[0].shape, model.inputs[0].layout, model.outputs[0].shape) == ((1, 8, 8, 1), "NHWC", (1, 3))
    assert (source.kind, source.path.parent) == ("tflite", tmp_path / "out")
    # what is at batch 1 already is handed on as it is
    assert source.path.read_bytes() == tiny.FILES["tflite"].read_bytes()


def test_its_answers_are_those_of_the_definition() -> None:
    found = FRONTEND.predict(tiny.FILES["tflite"], PICTURES, False)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, tiny.answers(PICTURES), atol=1e-6)


@pytest.mark.parametrize("change", [free_the_batch, name_all_alike])
def test_a_file_with_a_free_batch_or_without_names_is_written_anew_and_answers_the_same(
    change: Callable[[Any], None], tmp_path: Path
) -> None:
    path = rewritten(change, tmp_path / "changed.tflite")
    model, source = FRONTEND.prepare(path, tmp_path / "out", False)
    assert model.inputs[0].shape == ((None if change is free_the_batch else 1), 8, 8, 1)
    graph = tflite.read(source.path)
    assert not any(None in tensor.shape for tensor in graph.tensors)
    assert len({tensor.name for tensor in graph.tensors}) == len(graph.tensors)
    for file in (path, source.path):
        np.testing.assert_allclose(FRONTEND.predict(file, PICTURES, False), tiny.answers(PICTURES), atol=1e-6)


def test_layers_of_a_fused_operator_are_named_by_what_its_parts_share() -> None:
    def tensor(name: str, constant: bool = False) -> tflite.Tensor:
        return tflite.Tensor(name=name, shape=(1, 4), dtype="float32", constant=constant, quantized=False, buffer=0)

    def node(kind: str, *places: int) -> tflite.Node:
        return tflite.Node(kind=kind, inputs=places[:-1], outputs=places[-1:])

    names = ("x", "m/conv/Relu;m/conv/BiasAdd", "m/end/MatMul", "StatefulPartitionedCall:0", "m/a/Add;m/b/Relu")
    graph = tflite.Graph(
        tensors=tuple(tensor(name, name == "m/end/MatMul") for name in names),
        nodes=(node("CONV_2D", 0, 1), node("ADD", 1, 0, 4), node("FULLY_CONNECTED", 4, 2, 3)),
        inputs=(0,),
        outputs=(3,),
    )
    assert list(graph.layer_names()) == ["m/conv", "m/a/Add;m/b/Relu", "m/end"]


def test_tensorflow_is_never_imported(tmp_path: Path) -> None:
    code = (
        "import sys; import numpy as np; from pathlib import Path; from edge_opt import registry\n"
        "frontend, path = registry.load('frontends', 'tflite'), Path(sys.argv[1])\n"
        "frontend.prepare(path, Path(sys.argv[2]), False); frontend.predict(path, np.zeros((1, 8, 8, 1)), False)\n"
        "print(*{'tensorflow', 'keras', 'tf_keras', 'ai_edge_quantizer', 'scipy'} & {*sys.modules})"
    )
    command = [sys.executable, "-c", code, str(tiny.FILES["tflite"]), str(tmp_path / "out")]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.split() == []


# ── what is refused ────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (answer_twice, "1 inputs and 2 outputs"),
        (call_it(b"FlexErf"), "uses the TensorFlow operator 'Erf'"),
        (call_it(b"MyOwn"), "uses the operator 'MyOwn'"),
        (shrink, "does not hold together"),
        (point_nowhere, "does not hold together"),
        (take_bytes, "takes uint8"),
    ],
)
def test_what_cannot_be_a_source_is_refused_in_one_sentence(
    change: Callable[[Any], None], told: str, tmp_path: Path
) -> None:
    path = rewritten(change, tmp_path / "changed.tflite")
    for use in (
        lambda: FRONTEND.prepare(path, tmp_path / "out", False),
        lambda: FRONTEND.predict(path, PICTURES, False),
    ):
        with pytest.raises(ModelError, match=told) as caught:
            use()
        assert caught.value.hint
        assert "\n" not in caught.value.message


def test_a_quantized_model_is_asked_for_as_float(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"'tiny_int8\.tflite' is quantized already") as caught:
        FRONTEND.prepare(tiny.INT8, tmp_path / "out", False)
    assert "float32 model" in caught.value.hint
    assert "edge-opt bench" in caught.value.hint


def test_what_is_no_such_file_is_refused(tmp_path: Path) -> None:
    whole = tiny.FILES["tflite"].read_bytes()
    for name, content, told in (
        ("empty", b"", "is an empty file"),
        ("text", b"hello, I am text", "is not a TFLite model"),
        ("half", whole[: len(whole) // 2], "is damaged"),
        ("start", whole[:8], "is damaged"),
    ):
        path = tmp_path / f"{name}.tflite"
        path.write_bytes(content)
        assert FRONTEND.accepts(path)
        with pytest.raises(ModelError, match=told):
            FRONTEND.prepare(path, tmp_path / "out", False)
    with pytest.raises(ModelError, match="there is no file"):
        FRONTEND.prepare(tmp_path / "absent.tflite", tmp_path / "out", False)
    assert not FRONTEND.accepts(tmp_path)
    assert not FRONTEND.accepts(tiny.FILES["onnx"])


def test_damaged_files_are_described_or_refused_and_nothing_else(tmp_path: Path) -> None:
    whole, refused = tiny.FILES["tflite"].read_bytes(), []
    for seed in range(150):
        draw, content = random.Random(seed), bytearray(whole)
        if draw.random() < 0.2:
            del content[draw.randrange(len(content)) :]
        for _ in range(draw.choice((1, 2, 8)) if content else 0):
            content[draw.randrange(len(content))] = draw.randrange(256)
        path = tmp_path / "damaged.tflite"
        path.write_bytes(content)
        try:
            FRONTEND.prepare(path, tmp_path / "out", False)
        except ModelError as error:
            refused.append(error.message)
    assert 50 <= len(refused) < 150
    assert not [message for message in refused if "\n" in message]


def test_a_system_that_tells_no_affinity_runs_it_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr("os.sched_getaffinity", raising=False)
    assert FRONTEND.predict(tiny.FILES["tflite"], PICTURES, False).shape[0] == len(PICTURES)
