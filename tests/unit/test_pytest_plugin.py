"""The fixture ``edge_benchmark`` in another project's pytest: what pytest-benchmark keeps of it, and when it skips."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from edge_opt.flows.gate import benchmarks
from edge_opt.inputs import pytest_json
from tests.fakes import FakeArtifact

CHECKOUT = Path(__file__).resolve().parents[2]
# the device of that project, which answers at once
CONFTEST = """
from edge_opt import registry
from tests.fakes import FakeDevice
real = registry.load
registry.load = lambda kind, name: FakeDevice if kind == "devices" else real(kind, name)
"""
TEST = """
def test_speed(edge_benchmark):
    measured = edge_benchmark("model.tflite", rounds=3)
    assert measured.threads == 1
"""


def project(folder: Path, test: str = TEST, artifact: FakeArtifact | None = None) -> Path:
    (artifact or FakeArtifact()).write(folder / "model.tflite")
    (folder / "conftest.py").write_text(CONFTEST)
    (folder / "test_it.py").write_text(test)
    return folder


def run(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    quiet = ("-q", "-rs", "-p", "no:cacheprovider", "-c", os.devnull, "--rootdir", str(folder))
    return subprocess.run(
        [sys.executable, "-m", "pytest", *quiet, *options],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(CHECKOUT), "PYTEST_ADDOPTS": ""},
        capture_output=True,
        text=True,
        check=False,
    )


def test_pytest_benchmark_keeps_every_latency_in_seconds_and_what_it_was_measured_by(tmp_path: Path) -> None:
    ended = run(project(tmp_path), "--benchmark-json=out.json")
    assert ended.returncode == 0, ended.stdout
    (kept,) = json.loads((tmp_path / "out.json").read_text())["benchmarks"]
    assert kept["stats"]["rounds"] == len(kept["stats"]["data"]) == 3 * 20
    assert kept["stats"]["median"] == pytest.approx(100e-6, rel=0.05)
    assert kept["extra_info"]["runtime_version"] == "litert 1.0"
    assert kept["extra_info"]["memory_bytes"] == 4 * 2**20
    assert kept["extra_info"]["load_ns"] == 5_000_000
    assert len(kept["extra_info"]["round_medians_ns"]) == 3


def test_two_such_files_are_compared_by_the_gate(tmp_path: Path) -> None:
    for name, latency_ns in (("base", 100_000), ("now", 200_000)):
        run(project(tmp_path, artifact=FakeArtifact(latency_ns=latency_ns)), f"--benchmark-json={name}.json")
    (decision,) = benchmarks.gate(tmp_path / "now.json", tmp_path / "base.json", 0.1).decisions
    assert (decision.measure, decision.outcome) == ("test_it.py::test_speed", "regressed")
    assert decision.change is not None
    assert decision.change.estimate == pytest.approx(1.0, abs=0.1)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--benchmark-disable"], "benchmarks are disabled, so no artifact is timed"),
        (["-p", "no:benchmark"], "edge_benchmark needs pytest-benchmark"),
        (["--benchmark-skip"], "--benchmark-skip"),
    ],
)
def test_without_benchmarks_a_test_skips_with_a_sentence(tmp_path: Path, options: list[str], said: str) -> None:
    ended = run(project(tmp_path), *options)
    assert ended.returncode == 0, ended.stdout
    assert said in ended.stdout
    assert "1 skipped" in ended.stdout
    assert "warning" not in ended.stdout


@pytest.mark.parametrize(
    ("test", "said"),
    [
        (TEST.replace("model.tflite", "none.tflite"), "there is no artifact at 'none.tflite' (give a .tflite"),
        (TEST.replace("rounds=3", "target='phone'"), "there is no target 'phone'"),
        (TEST.replace("rounds=3", "runtime='tensorrt'"), "there is no runtime 'tensorrt'"),
    ],
)
def test_what_cannot_be_timed_fails_with_a_sentence(tmp_path: Path, test: str, said: str) -> None:
    ended = run(project(tmp_path, test))
    assert ended.returncode == 1
    assert said in ended.stdout
    assert "Traceback" not in ended.stdout
    assert "During handling" not in ended.stdout


def test_the_plugin_loads_nothing_heavy_and_nothing_of_edge_opt_that_was_not_asked_for() -> None:
    script = "import sys, edge_opt.pytest_plugin; print(*sorted(sys.modules))"
    loaded = subprocess.run(
        [sys.executable, "-c", script], cwd=CHECKOUT, capture_output=True, text=True, check=True
    ).stdout.split()
    assert {name for name in loaded if name.startswith("edge_opt")} == {"edge_opt", "edge_opt.pytest_plugin"}
    assert not {"numpy", "click", "pytest_benchmark", "tensorflow"} & set(loaded)


@pytest.mark.slow
def test_a_real_artifact_is_timed_by_its_runtime(tmp_path: Path) -> None:
    model = CHECKOUT / "tests" / "fixtures" / "tiny.tflite"
    (tmp_path / "test_it.py").write_text(f"def test_tiny(edge_benchmark):\n    edge_benchmark({str(model)!r})\n")
    assert run(tmp_path, "--benchmark-json=out.json").returncode == 0
    (found,) = pytest_json.read(tmp_path / "out.json")
    assert found.results["test_it.py::test_tiny"].median_ns < 1e6
