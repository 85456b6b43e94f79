"""``edge-opt gate`` from the command line, with the real LiteRT: what it lets through, and what it does not.

Nothing here depends on how long anything takes: what is compared is a copy, or several times as fast.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from edge_opt.flows import api
from edge_opt.inputs.embedded import DEMO_DATA, DEMO_MODEL, shared_path
from tests.fixtures import tiny
from tests.fixtures.bundles import a_bundle

pytestmark = pytest.mark.slow
pytest.importorskip("ai_edge_litert", reason="LiteRT is not installed: pip install 'edge-opt[litert]'")

_KEPT = """
name = "last_in_float"
description = "static_int8, but for the last and smallest layer"

[quantization]
mode = "static"
keep_float = ["clothes_classifier_1/probabilities_1"]
"""
# copies are equally fast, which a busy machine may need a while to tell: it may say so late, but not be wrong
_ROOM = ("--latency", "30%")


def gate(*arguments: str | Path) -> tuple[int, dict[str, Any]]:
    """The exit code, and the decisions by measure."""
    done = subprocess.run(
        [sys.executable, "-m", "edge_opt", "gate", *map(str, arguments), "--format", "json", "-q"],
        capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip
    assert done.returncode in (0, 1, 3), done.stderr
    return done.returncode, {one["measure"]: one for one in json.loads(done.stdout)["decisions"]}


@pytest.fixture(scope="module")
def artifacts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The embedded clothes classifier as ``.tflite``, by recipe."""
    folder = tmp_path_factory.mktemp("gate")
    (folder / "kept.toml").write_text(_KEPT)
    recipes = ("float32", "static_int8", str(folder / "kept.toml"))
    model, data = shared_path(DEMO_MODEL), shared_path(DEMO_DATA)
    made = api.convert(model, to=("tflite",), recipes=recipes, data=data, output=folder, use_cache=False)
    assert not made.failures
    files = {name: next(folder.glob(f"*.{name}.tflite")) for name in ("float32", "static_int8", "last_in_float")}
    assert len(files) == 3
    return files


def test_a_layer_that_fell_back_to_float_is_caught_though_its_time_is_within_the_limit(
    artifacts: dict[str, Path],
) -> None:
    code, said = gate(artifacts["last_in_float"], "--baseline", artifacts["static_int8"], "--latency", "150%",
                      "--size", "5%", "--compressed", "5%")  # fmt: skip
    assert code == 1
    assert {name for name, one in said.items() if one["outcome"] == "regressed"} == {"placement"}
    assert said["latency"]["outcome"] == "ok"
    assert (said["placement"]["candidate"], said["placement"]["baseline"]) == (1, 0)
    assert "probabilities" in said["placement"]["message"]
    assert said["placement"]["message"].endswith("computed in float32")


def test_a_copy_passes(artifacts: dict[str, Path], tmp_path: Path) -> None:
    copy = Path(shutil.copyfile(artifacts["float32"], tmp_path / "copy.tflite"))
    code, said = gate(copy, "--baseline", artifacts["float32"], *_ROOM)
    assert (code, {one["outcome"] for one in said.values()}) == (0, {"ok"})
    assert set(said) == {"latency", "size", "compressed", "placement"}


def test_float_in_place_of_int8_does_not_pass_and_the_other_way_round_improves(artifacts: dict[str, Path]) -> None:
    code, said = gate(artifacts["float32"], "--baseline", artifacts["static_int8"], *_ROOM)
    assert (code, {one["outcome"] for one in said.values()}) == (1, {"regressed"})
    code, said = gate(artifacts["static_int8"], "--baseline", artifacts["float32"], *_ROOM)
    assert (code, {one["outcome"] for one in said.values()}) == (0, {"improved"})


def test_memory_and_load_are_measured_of_real_processes(artifacts: dict[str, Path]) -> None:
    code, said = gate(artifacts["float32"], "--baseline", artifacts["float32"], "--memory", "100%", "--load", "100%",
                      "--latency", "off", "--p90", "off")  # fmt: skip
    assert code == 0
    assert (said["memory"]["basis"], said["load"]["basis"]) == ("rounds", "rounds")
    assert said["memory"]["baseline"] > 100_000  # the weights alone are more
    assert "latency" not in said


def refused(*arguments: str | Path) -> str:
    """What is said where the gate ends with 2."""
    command = [sys.executable, "-m", "edge_opt", "gate", *map(str, arguments), "-q"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert "Traceback" not in done.stderr
    return done.stderr


def test_a_bundle_is_a_baseline_where_its_version_of_the_runtime_is_or_any_may_be(tmp_path: Path) -> None:
    model, bundle = tiny.FILES["tflite"], a_bundle(tmp_path, runtime_version="ai-edge-litert 0.1")
    assert "was measured with ai-edge-litert 0.1" in refused(model, "--baseline", bundle)
    code, said = gate(model, "--baseline", bundle, "--any-version", "--latency", "100%")
    assert (code, {one["outcome"] for one in said.values()}) == (0, {"ok"})


def test_a_bundle_with_a_changed_byte_is_no_baseline(tmp_path: Path) -> None:
    bundle = a_bundle(tmp_path)
    model = bundle / "tiny.tflite"
    content = bytearray(model.read_bytes())
    content[len(content) // 2] ^= 1
    model.write_bytes(content)
    assert "'tiny.tflite' has changed" in refused(tiny.FILES["tflite"], "--baseline", bundle, "--any-version")
