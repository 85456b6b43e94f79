"""OpenVINO from every source: the same answers, stable names, ranges, layers kept in float, and who is to blame."""

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
from edge_opt.runtimes import ov
from edge_opt.types import Quantization, RangeMethod, Source
from tests.fixtures import networks, tiny

pytestmark = pytest.mark.slow

pytest.importorskip("nncf", reason="nncf is not installed: pip install 'edge-opt[openvino]'")
onnx = pytest.importorskip("onnx", reason="onnx is not installed: pip install 'edge-opt[onnx]'")

EXPORTER = registry.load("exporters", "openvino")
STATIC = Quantization(mode="static")
CLASSES, WIDTH = 5, 16


def answers(path: Path, samples: NDArray[Any]) -> NDArray[Any]:
    session = ov.open(str(path), 1, {})
    return np.concatenate([session.run([one[None]])[0] for one in samples])


def exported(source: Source, quantization: Quantization, samples: NDArray[Any], out: Path) -> Path:
    out.mkdir(parents=True)
    path: Path = EXPORTER.export(source, quantization, "", samples, out)
    assert {file.name for file in out.iterdir()} == {"model.xml", "model.bin"}
    return path


@pytest.fixture(scope="module")
def collapsing(tmp_path_factory: pytest.TempPathFactory) -> networks.Network:
    """A classifier whose layer ``second`` takes one value that is thousands of times larger than the others.

    In 8 bits, one step of its range is larger than all of them, and they become zeros.
    """
    draw = np.random.default_rng(4)
    stored = {name: draw.standard_normal((WIDTH, WIDTH)) / 4 for name in ("first", "second")}
    stored["first"][:, -1], stored["first"][-1] = 0, 0
    stored["first"][-1, -1] = 3000
    stored["second"][-1], stored["second"][:, -1] = 0, 0
    stored["second"][-1, -1] = 1 / 3000
    stored["scores"] = draw.standard_normal((WIDTH, CLASSES))
    source = networks.onnx_chain(stored, tmp_path_factory.mktemp("collapsing") / "model.onnx")
    samples = draw.standard_normal((100, WIDTH)).astype(np.float32) * 2
    samples[:, -1] = np.arange(100) % 10 == 7
    expected = samples
    for weight in stored.values():
        expected = np.maximum(expected @ weight, 0)
    return networks.Network(source, samples, expected)


@pytest.mark.parametrize("kind", ["onnx", "tflite"])
def test_float_artifacts_of_every_source_answer_as_its_definition(kind: Any, tmp_path: Path) -> None:
    samples = tiny.pictures()
    path = exported(Source(kind=kind, path=tiny.FILES[kind]), Quantization(), samples, tmp_path / "out")
    session = ov.open(str(path), 1, {})
    assert [(one["shape"], one["dtype"]) for one in session.inputs] == [([1, 8, 8, 1], "float32")]
    assert [(one["shape"], one["dtype"]) for one in session.outputs] == [([1, 3], "float32")]
    assert np.abs(answers(path, samples) - tiny.answers(samples)).max() < 1e-5


@pytest.mark.parametrize("kind", ["onnx", "tflite"])
def test_an_int8_artifact_of_every_source_computes_in_int8_and_answers_nearly_so(kind: Any, tmp_path: Path) -> None:
    samples = tiny.pictures()
    path = exported(Source(kind=kind, path=tiny.FILES[kind]), STATIC, samples, tmp_path / "out")
    assert "u8" in ov.open(str(path), 1, {}).executed["operators"]
    assert np.abs(answers(path, samples) - tiny.answers(samples)).max() < 0.05


def test_the_layer_that_collapses_is_ranked_first_and_kept_in_float_restores_the_answers(
    collapsing: networks.Network, tmp_path: Path
) -> None:
    def agreement(*kept: str) -> float:
        quantization = replace(STATIC, keep_float=kept)
        path = exported(collapsing.source, quantization, collapsing.samples, tmp_path / f"kept{''.join(kept)}")
        found = answers(path, collapsing.samples)
        return float(np.mean(found.argmax(axis=1) == collapsing.answers.argmax(axis=1)))

    plain = agreement()
    (tmp_path / "scratch").mkdir()
    errors = EXPORTER.layer_errors(collapsing.source, STATIC, "", collapsing.samples, tmp_path / "scratch")
    assert {one.name for one in errors} == {"first", "second", "scores"}
    assert errors[0].name == "second"
    assert errors[0].error > 3 * errors[1].error > 0
    kept, other = agreement("second"), agreement("scores")
    assert kept > plain + 0.2
    assert other < plain + 0.1, "it is that layer: keeping another one does not help"


def test_a_layer_in_float_keeps_its_name_and_its_weights(collapsing: networks.Network, tmp_path: Path) -> None:
    openvino = pytest.importorskip("openvino")
    for mode in ("static", "weight_only"):
        quantization = Quantization(mode=mode, keep_float=("second",))  # type: ignore[arg-type]
        path = exported(collapsing.source, quantization, collapsing.samples, tmp_path / mode)
        nodes = {node.get_friendly_name(): node for node in openvino.Core().read_model(path).get_ordered_ops()}
        weights = {name: nodes[name].input_value(1).get_node().get_type_name() for name in ("first", "second")}
        assert weights["second"] == "Constant"
        assert weights["first"] != "Constant"  # scaled up from int8


def test_a_layer_that_does_not_exist_is_refused_with_the_nearest_that_does(
    collapsing: networks.Network, tmp_path: Path
) -> None:
    with pytest.raises(UnknownName, match="'secund'") as caught:
        exported(collapsing.source, replace(STATIC, keep_float=("secund",)), collapsing.samples, tmp_path / "out")
    assert caught.value.hint == "did you mean 'second'?"


def test_what_nncf_does_not_have_is_promised_to_nobody() -> None:
    for kind in ("saved_model", "onnx", "tflite"):
        methods: dict[RangeMethod, bool] = {"min_max": True, "percentile": True, "mse": True, "octav": False}
        for method, able in methods.items():
            assert bool(EXPORTER.variants(replace(STATIC, range_method=method), kind)) is able
        assert EXPORTER.variants(replace(STATIC, wide=("first",)), kind) == ()


def test_ranges_by_percentile_and_by_error_leave_out_what_is_rare(tmp_path: Path) -> None:
    """One pixel in a thousand is a hundred times brighter: the range of min-max must hold it, the others need not."""
    openvino = pytest.importorskip("openvino")
    samples = np.random.default_rng(2).random((40, 8, 8, 1)).astype(np.float32)
    samples[::20, 3, 3] = 100
    tops = {}
    for method in ("min_max", "percentile", "mse"):
        quantization = replace(STATIC, range_method=method)  # type: ignore[arg-type]
        source = Source(kind="onnx", path=tiny.FILES["onnx"])
        model = openvino.Core().read_model(exported(source, quantization, samples, tmp_path / method))
        first = next(node for node in model.get_ordered_ops() if node.get_type_name() == "FakeQuantize")
        tops[method] = float(np.max(first.input_value(2).get_node().get_data()))
    assert tops["min_max"] == pytest.approx(100, rel=0.01)
    assert 1 <= tops["percentile"] < 50
    assert 1 <= tops["mse"] <= 101


@pytest.mark.parametrize("kind", ["onnx", "tflite"])
def test_the_same_model_is_the_same_bytes_in_another_process(kind: str, tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from edge_opt import registry; from edge_opt.types import *\n"
        "from tests.fixtures import tiny\n"
        "quantization = Quantization(mode='static', range_method='percentile')\n"
        f"source = Source(kind={kind!r}, path=tiny.FILES[{kind!r}])\n"
        "registry.load('exporters', 'openvino').export(source, quantization, '', tiny.pictures(), Path(sys.argv[1]))\n"
        "print(*{'tensorflow', 'keras'} & {*sys.modules})\n"
    )
    written = []
    for place in ("here", "there"):
        (tmp_path / place).mkdir()
        variables = {**os.environ, "HOME": str(tmp_path / "home"), "PYTHONHASHSEED": str(len(written))}
        variables["PYTHONPATH"] = str(Path(__file__).parents[2])
        done = subprocess.run(
            [sys.executable, "-c", code, str(tmp_path / place)],
            env=variables,
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout.split() == []  # nothing of TensorFlow is loaded, and nothing printed
        written.append({file.name: file.read_bytes() for file in (tmp_path / place).iterdir()})
    assert written[0] == written[1]
    assert not (tmp_path / "home").exists()  # and no telemetry has left its folder there
