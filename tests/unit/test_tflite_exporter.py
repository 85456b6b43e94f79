"""What AI Edge Quantizer makes of a float ``.tflite`` file: every recipe, single layers, and no TensorFlow."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest

from edge_opt import registry
from edge_opt.errors import InputError, UnknownName
from edge_opt.inputs.recipes import RECIPES
from edge_opt.nets import tflite
from edge_opt.types import Quantization, RangeMethod, Source
from tests.fixtures import tiny

pytest.importorskip("ai_edge_quantizer", reason="AI Edge Quantizer is not installed: pip install 'edge-opt[quantize]'")

EXPORTER: Any = registry.load("exporters", "tflite")
SOURCE = Source(kind="tflite", path=tiny.FILES["tflite"])
STATIC = Quantization(mode="static")
PICTURES = tiny.pictures(40)
QUANTIZATIONS = {
    **{recipe.name: recipe.quantization for recipe in RECIPES},
    **{f"static_{method}": replace(STATIC, range_method=method) for method in get_args(RangeMethod)},
    "per_tensor": replace(STATIC, granularity="per_tensor"),
}


def export(quantization: Quantization, out: Path) -> Path:
    out.mkdir(exist_ok=True)
    path: Path = EXPORTER.export(SOURCE, quantization, "", PICTURES, out)
    return path


def answers(path: Path) -> Any:
    session = registry.load("runtimes", "litert").open(str(path), 1, {})
    assert [one["dtype"] for one in (*session.inputs, *session.outputs)] == ["float32", "float32"]
    return np.concatenate([session.run([picture[None]])[0] for picture in PICTURES])


def layers() -> dict[str, str]:
    """The names of the layers of the tiny model, by their kinds."""
    return {node.kind: name for name, node in tflite.read(SOURCE.path).layer_names().items()}


def computed_in(path: Path) -> dict[str, str]:
    """In what each kind of operator of a file computes: the type of what it reads first."""
    graph = tflite.read(path)
    return {node.kind: graph.tensors[node.inputs[0]].dtype for node in graph.nodes if "QUANTIZE" not in node.kind}


@pytest.mark.parametrize("name", QUANTIZATIONS)
def test_every_recipe_answers_like_the_model_and_comes_out_the_same_twice(name: str, tmp_path: Path) -> None:
    first = export(QUANTIZATIONS[name], tmp_path / "first")
    assert first.read_bytes() == export(QUANTIZATIONS[name], tmp_path / "second").read_bytes()
    expected, found = tiny.answers(PICTURES), answers(first)
    assert np.abs(found - expected).max() < (1e-5 if name == "float32" else 0.05)
    if name == "float32":
        assert first.read_bytes() == SOURCE.path.read_bytes()
    elif name != "dynamic_int8":  # weights as few as these are not worth what it takes to quantize activations
        assert not np.array_equal(found, answers(SOURCE.path))


def test_what_the_recipe_says_is_what_the_operators_compute_in(tmp_path: Path) -> None:
    expected = {"float16": "float32", "static_int8": "int8", "static_int16x8": "int16"}
    for name, dtype in expected.items():
        found = computed_in(export(QUANTIZATIONS[name], tmp_path / name))
        assert found == dict.fromkeys(("CONV_2D", "RESHAPE", "FULLY_CONNECTED", "SOFTMAX"), dtype)


@pytest.mark.parametrize(
    ("granularity", "mode", "scales"),
    [("per_channel", "static", (4, 3)), ("per_tensor", "static", (1, 1)), ("per_channel", "dynamic", (0, 0))],
)
def test_weights_have_as_many_scales_as_the_recipe_says(
    granularity: Any, mode: Any, scales: tuple[int, int], tmp_path: Path
) -> None:
    path = export(Quantization(mode=mode, granularity=granularity), tmp_path / "out")
    main = tflite.load(path).subgraphs[0]
    graph = tflite.read(path)
    found = []
    for node in graph.nodes:
        if node.kind in ("CONV_2D", "FULLY_CONNECTED"):
            quantized = main.tensors[node.inputs[1]].quantization
            found.append(len(quantized.scale) if quantized is not None and quantized.scale is not None else 0)
    assert tuple(found) == scales


def test_a_layer_kept_in_float_takes_what_follows_it_along(tmp_path: Path) -> None:
    dense = layers()["FULLY_CONNECTED"]
    found = computed_in(export(replace(STATIC, keep_float=(dense,)), tmp_path / "last"))
    assert found == {"CONV_2D": "int8", "RESHAPE": "int8", "FULLY_CONNECTED": "float32", "SOFTMAX": "float32"}
    found = computed_in(export(replace(STATIC, keep_float=(layers()["CONV_2D"],)), tmp_path / "first"))
    assert found == {"CONV_2D": "float32", "RESHAPE": "float32", "FULLY_CONNECTED": "int8", "SOFTMAX": "int8"}


def test_a_wide_layer_computes_with_16_bits_among_others_with_8(tmp_path: Path) -> None:
    path = export(replace(STATIC, wide=(layers()["FULLY_CONNECTED"],)), tmp_path / "out")
    found = computed_in(path)
    assert found == {"CONV_2D": "int8", "RESHAPE": "int8", "FULLY_CONNECTED": "int16", "SOFTMAX": "int16"}
    assert np.abs(answers(path) - tiny.answers(PICTURES)).max() < 0.05


def test_errors_are_named_as_keep_float_takes_them_and_come_worst_first(tmp_path: Path) -> None:
    found = EXPORTER.layer_errors(SOURCE, STATIC, "", PICTURES, tmp_path)
    assert {one.name for one in found} == {layers()["CONV_2D"], layers()["FULLY_CONNECTED"]}
    assert [one.error for one in found] == sorted((one.error for one in found), reverse=True)
    assert all(0 < one.error < 0.05 for one in found)
    everything = replace(STATIC, keep_float=tuple(one.name for one in found))
    assert set(computed_in(export(everything, tmp_path / "out")).values()) == {"float32"}


def test_a_file_of_an_old_converter_without_signatures_is_quantized_too(tmp_path: Path) -> None:
    model = tflite.load(SOURCE.path)
    model.signatureDefs = None
    (tmp_path / "old.tflite").write_bytes(tflite.packed(model))
    old = Source(kind="tflite", path=tmp_path / "old.tflite")
    path = EXPORTER.export(old, STATIC, "", PICTURES, tmp_path)
    np.testing.assert_array_equal(answers(path), answers(export(STATIC, tmp_path / "out")))


def test_a_layer_that_does_not_exist_is_an_unknown_name(tmp_path: Path) -> None:
    for quantization in (replace(STATIC, keep_float=("conv9",)), replace(STATIC, wide=("conv9",))):
        with pytest.raises(UnknownName, match="there is no layer 'conv9'"):
            export(quantization, tmp_path / "out")


def test_nothing_leads_from_onnx_to_tflite(tmp_path: Path) -> None:
    assert EXPORTER.variants(Quantization(), "onnx") == ()
    with pytest.raises(InputError, match="'tflite' has no 'float32'"):
        EXPORTER.export(Source(kind="onnx", path=tiny.FILES["onnx"]), Quantization(), "", PICTURES, tmp_path)


def test_tensorflow_is_never_imported(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; import numpy as np; from edge_opt import registry\n"
        "from edge_opt.types import Quantization, Source\n"
        "exporter, out = registry.load('exporters', 'tflite'), Path(sys.argv[2])\n"
        "source, samples = Source(kind='tflite', path=Path(sys.argv[1])), np.ones((2, 8, 8, 1), np.float32)\n"
        "for mode in ('none', 'float16', 'dynamic', 'weight_only', 'static'):\n"
        "    exporter.export(source, Quantization(mode=mode), '', samples, out)\n"
        "exporter.layer_errors(source, Quantization(mode='static'), '', samples, out)\n"
        "print(*{'tensorflow', 'keras', 'tf_keras'} & {*sys.modules})"
    )
    command = [sys.executable, "-c", code, str(SOURCE.path), str(tmp_path)]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.split() == []
