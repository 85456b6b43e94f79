"""``edge-opt verify`` on a real bundle, with the real runtime, by its exit codes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from edge_opt import registry
from tests.fixtures.bundles import a_bundle

pytestmark = pytest.mark.slow


def verify(bundle: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "edge_opt", "verify", str(bundle), "--rounds", "2", *arguments],
        capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny classifier, whose golden outputs are computed by hand; it was measured here, at a second a sample."""
    here = registry.load("devices", "local")().run({"protocol": 1, "mode": "environment"})["environment"]["cpu"]
    return a_bundle(tmp_path_factory.mktemp("verify"), cpu=here, latency_ns=1_000_000_000, memory_bytes=2**30)


def test_a_bundle_that_keeps_its_promises_ends_with_0(bundle: Path) -> None:
    done = verify(bundle)
    assert done.returncode == 0, done.stderr
    kept = [line.split()[1] for line in done.stdout.splitlines() if line.startswith("  kept")]
    assert kept == ["files", "answers", "latency", "memory"]


def test_a_bundle_that_was_measured_elsewhere_is_judged_by_its_files_and_answers(tmp_path: Path) -> None:
    done = verify(a_bundle(tmp_path, latency_ns=10), "--format", "json")
    assert done.returncode == 0, done.stderr
    status = {check["name"]: check["status"] for check in json.loads(done.stdout)["checks"]}
    assert status["answers"] == "kept"
    assert status["latency"] == "noted"
    assert "EO514" in done.stderr


def test_a_changed_model_ends_with_1_and_no_bundle_with_2(bundle: Path, tmp_path: Path) -> None:
    changed = tmp_path / "bundle"
    changed.mkdir()
    for path in bundle.iterdir():
        (changed / path.name).write_bytes(path.read_bytes())
    content = bytearray((changed / "tiny.tflite").read_bytes())
    content[len(content) // 2] ^= 1
    (changed / "tiny.tflite").write_bytes(bytes(content))
    done = verify(changed)
    assert done.returncode == 1
    assert "error[EO510] files: 'tiny.tflite' has changed" in done.stderr
    done = verify(tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
