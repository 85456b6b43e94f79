"""What was executed: the runtimes' own profiles, their shares, and what is said about them."""

from __future__ import annotations

from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from edge_opt.devices.local import LocalDevice
from edge_opt.errors import StepFailed
from edge_opt.runtimes import ort, worker
from edge_opt.stages.profile import findings, per_precision, profile, short_names
from edge_opt.types import Entry, Operator, OperatorProfile
from tests.fakes import FakeArtifact, FakeDevice
from tests.fixtures import tiny


def operator(kind: str, precision: str = "int8", share: float | None = None, placement: str = "XNNPACK") -> Operator:
    time_ns = None if share is None else 1000 * share
    return Operator(
        name=f"net/{kind}", kind=kind, precision=precision, placement=placement, median_ns=time_ns, time_share=share
    )


def seen(*operators: Operator, **more: Any) -> OperatorProfile:
    fields = {"runtime": "r", "runtime_version": "r 1", "options": {}, "threads": 1, "executed": {}, **more}
    return OperatorProfile(operators=operators, **fields)


def codes(found: OperatorProfile) -> list[str]:
    return [one.code for one in findings(found)]


# ── the stage ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_heaviest_operator_stands_first_and_the_shares_sum_to_one(tmp_path: Path) -> None:
    device = FakeDevice()
    entry = Entry(path=FakeArtifact(latency_ns=1000).write(tmp_path / "x.onnx"), runtime="onnxruntime")
    found = profile(entry, None, device, 2)
    assert [(one.name, one.time_share) for one in found.operators] == [("conv", 0.9), ("scores", 0.1)]
    assert sum(one.time_share or 0 for one in found.operators) == pytest.approx(1)
    assert (found.threads, found.inference_ns, device.jobs[0]["mode"]) == (2, 1000, "profile")


def test_without_times_operators_stay_in_order_and_shares_are_of_their_number() -> None:
    found = seen(operator("A"), operator("B", "float32"), operator("C"), operator("D"))
    assert per_precision(found) == {"int8": 0.75, "float32": 0.25}


def test_the_share_of_a_precision_is_that_of_its_time() -> None:
    found = seen(operator("A", "int8", 0.2), operator("B", "float32", 0.7), operator("C", "", 0.1))
    assert per_precision(found) == {"float32": 0.7, "int8": 0.2, "unknown": 0.1}


def test_a_name_is_cut_to_the_end_that_tells_it_apart() -> None:
    names = ["net/conv1/Add;net/conv1/Conv", "net/a/MatMul/Scale", "net/b/MatMul/Scale", "x", "y" * 90]
    short = short_names([replace(operator("K"), name=name) for name in names])
    assert [*short.values()][:4] == ["conv1/Add", "a/MatMul/Scale", "b/MatMul/Scale", "x"]
    assert len(short["y" * 90]) == 40


@pytest.mark.parametrize(
    ("kinds", "multiply"),
    [
        ("CONV_2D DEPTHWISE_CONV_2D FULLY_CONNECTED BATCH_MATMUL Convolution MatMul FusedConv QLinearConv Gemm", True),
        ("DynamicQuantizeMatMul DynamicQuantizeLSTM", True),
        ("Convert ConvertLike QuantizeLinear DEQUANTIZE Softmax ADD", False),
    ],
)
def test_what_multiplies_is_known_by_its_kind_in_the_spelling_of_any_runtime(kinds: str, multiply: bool) -> None:
    assert {kind: operator(kind).multiplies for kind in kinds.split()} == dict.fromkeys(kinds.split(), multiply)


# ── what is said ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_floats_in_a_quantized_artifact_are_said_from_a_tenth_of_the_time_on() -> None:
    assert codes(seen(operator("Conv", share=0.9), operator("Gemm", "float32", 0.1))) == ["EO402"]
    assert codes(seen(operator("Conv", share=0.91), operator("Gemm", "float32", 0.09))) == []
    (finding,) = findings(seen(operator("Conv", share=0.6), operator("Gemm", "float32", 0.4)))
    assert "Gemm 'net/Gemm' in float, 40% of the time" in finding.message


def test_a_float_artifact_has_no_islands_and_a_conversion_is_none() -> None:
    assert codes(seen(operator("Conv", "float32", 1.0))) == []
    assert "EO402" not in codes(seen(operator("Conv", share=0.5), operator("QuantizeLinear", "float32", 0.5)))


def test_without_times_only_a_float_layer_that_multiplies_is_an_island() -> None:
    assert codes(seen(operator("CONV_2D"), operator("SOFTMAX", "float32"))) == []
    assert codes(seen(operator("CONV_2D"), operator("FULLY_CONNECTED", "float32"))) == ["EO402"]


CONVERSIONS = "QuantizeLinear DequantizeLinear DynamicQuantizeLinear FakeQuantize Reorder Convert Cast"


@pytest.mark.parametrize("kind", CONVERSIONS.split())
def test_time_for_conversions_is_said_from_a_tenth_on(kind: str) -> None:
    assert codes(seen(operator("Conv", share=0.9), operator(kind, "float32", 0.1))) == ["EO403"]
    assert codes(seen(operator("Conv", share=0.91), operator(kind, "float32", 0.09))) == []


def test_nothing_is_concluded_from_shares_that_are_mostly_the_profilers_own_time() -> None:
    operators = (operator("Conv", share=0.8), operator("Cast", "float32", 0.2))  # 1000 ns under the profiler
    assert codes(seen(*operators, inference_ns=700)) == ["EO403"]
    assert codes(seen(*operators, inference_ns=300)) == []


def test_a_product_that_quantizes_on_its_way_is_no_conversion() -> None:
    assert codes(seen(operator("DynamicQuantizeMatMul", share=1.0))) == []


def test_bf16_is_said_where_nobody_asked_for_it() -> None:
    operators = (operator("Convolution", "bf16", 0.8), operator("Softmax", "float32", 0.2))
    (finding,) = findings(seen(*operators))
    assert (finding.code, finding.level) == ("EO404", "warning")
    assert "80% of the time" in finding.message
    assert codes(seen(*operators, options={"precision": "bf16"})) == []


def test_operators_off_the_delegate_are_said_where_they_multiply_or_are_many() -> None:
    executed = {"delegate": "XNNPACK"}
    taken = [operator("MAX_POOL_2D")] * 11
    few = seen(*taken, operator("SOFTMAX", placement="LiteRT"), executed=executed)
    assert codes(few) == []
    (finding,) = findings(seen(*taken, operator("CONV_2D", "int16", placement="LiteRT"), executed=executed))
    assert (finding.code, finding.level) == ("EO405", "warning")
    (finding,) = findings(seen(*taken, *[operator("SOFTMAX", placement="LiteRT")] * 2, executed=executed))
    assert (finding.code, finding.level) == ("EO405", "info")


# ── what runtimes tell ─────────────────────────────────────────────────────────────────────────────────────────────


def entry(name: str, kind: str, dur: int, given: str = "float", answered: str = "float") -> dict[str, Any]:
    args = {
        "op_name": kind,
        "node_index": "7",
        "provider": "CPUExecutionProvider",
        "input_type_shape": [{given: [1, 4]}, {"int64": [4]}],
        "output_type_shape": [{answered: [1, 4]}],
    }
    return {"cat": "Node", "name": f"{name}_kernel_time", "dur": dur, "args": args}


def test_of_a_profile_of_onnx_runtime_the_median_without_the_first_runs_is_taken() -> None:
    session = {"cat": "Session", "name": "model_run", "dur": 99, "args": {}}
    warm = [entry("a", "QLinearConv", 5000, "uint8", "uint8") for _ in range(5)]
    rest = [entry("a", "QLinearConv", dur, "uint8", "uint8") for dur in (7, 9, 1000)]
    (found,) = ort.nodes([session, *warm, *rest])
    assert (found["name"], found["median_ns"], found["precision"]) == ("a", 9000, "int8")
    assert found["placement"] == "CPUExecutionProvider"


@pytest.mark.parametrize(
    ("kind", "given", "answered", "precision"),
    [
        ("Conv", "float", "float", "float32"),
        ("Conv", "float16", "float16", "float16"),
        ("QLinearConv", "uint8", "uint8", "int8"),
        ("QGemm", "int8", "float", "int8"),
        ("ConvInteger", "uint8", "int32", "int8"),
        ("DynamicQuantizeMatMul", "float", "float", "int8"),
        ("QuantizeLinear", "float", "uint8", "float32"),
        ("DequantizeLinear", "int8", "float", "float32"),
        ("NhwcMaxPool", "uint8", "uint8", "int8"),
    ],
)
def test_a_node_computes_in_the_type_of_its_data(kind: str, given: str, answered: str, precision: str) -> None:
    (found,) = ort.nodes([entry("a", kind, 1, given, answered)])
    assert found["precision"] == precision


@pytest.mark.parametrize(
    ("name", "format", "multiplying"),
    [("onnxruntime", "onnx", 2), ("openvino", "openvino", 2), ("litert", "tflite", 2)],
)
def test_each_runtime_tells_the_operators_of_the_tiny_classifier(name: str, format: str, multiplying: int) -> None:
    package = {"litert": "ai_edge_litert"}.get(name, name)
    if not find_spec(package):
        pytest.skip(f"{package} is not installed: pip install 'edge-opt[all]'")
    found = profile(Entry(path=tiny.FILES[format], runtime=name), None, LocalDevice(), 1)
    kinds = [one.kind.lower().replace("_", "") for one in found.operators]
    assert sum("conv" in one or "gemm" in one or "fullyconnected" in one for one in kinds) == multiplying
    assert "softmax" in kinds
    assert {one.precision for one in found.operators} == {"float32"}
    assert not {"EO402", "EO404", "EO405"} & {*codes(found)}  # EO403 depends on the clock
    assert found.inference_ns
    if name == "litert":
        assert {(one.time_share, one.placement) for one in found.operators} == {(None, "XNNPACK")}
    else:
        assert sum(one.time_share or 0 for one in found.operators) == pytest.approx(1)
        shares = [one.time_share or 0 for one in found.operators]
        assert shares == sorted(shares, reverse=True)


def test_what_openvino_is_told_to_compute_in_bf16_is_seen_to_be_bf16() -> None:
    pytest.importorskip("openvino", reason="openvino is not installed: pip install 'edge-opt[openvino]'")
    asked = Entry(path=tiny.FILES["openvino"], runtime="openvino", options={"precision": "bf16"})
    found = profile(asked, None, LocalDevice(), 1)
    if not any(one.precision == "bf16" for one in found.operators):
        pytest.skip("OpenVINO does not compute in bf16 on this processor: run it on one with AVX-512")
    assert "EO404" not in codes(found)
    assert "EO404" in codes(replace(found, options={}))


def test_the_int8_classifier_of_litert_computes_in_int8() -> None:
    pytest.importorskip("ai_edge_litert", reason="LiteRT is not installed: pip install 'edge-opt[litert]'")
    found = profile(Entry(path=tiny.INT8, runtime="litert"), None, LocalDevice(), 1)
    by_kind = {one.kind: one.precision for one in found.operators}
    assert by_kind["CONV_2D"] == by_kind["FULLY_CONNECTED"] == "int8"


def test_a_runtime_that_tells_nothing_is_an_error_that_says_so(tmp_path: Path) -> None:
    module = tmp_path / "silent.py"
    module.write_text(
        "class Session:\n"
        "    version, executed, outputs = 'silent 1', {}, []\n"
        "    inputs = [{'name': 'x', 'shape': [1, 2], 'dtype': 'float32', 'scale': None, 'zero_point': None}]\n"
        "    def run(self, arrays):\n"
        "        return arrays\n"
        "def open(path, threads, options):\n"
        "    return Session()\n"
    )
    job = {
        "protocol": 1,
        "mode": "profile",
        "artifacts": [{"path": str(module), "runtime": "litert", "module": str(module)}],
    }

    with pytest.raises(worker.JobError, match="offers no profile"):
        worker.answer_to(job)


def test_an_artifact_that_breaks_under_the_profiler_is_a_failed_step(tmp_path: Path) -> None:
    broken = Entry(path=FakeArtifact(error="no flatbuffer").write(tmp_path / "x.tflite"), runtime="litert")
    with pytest.raises(StepFailed, match="no flatbuffer"):
        profile(broken, None, FakeDevice(), 1)
