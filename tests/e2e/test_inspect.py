"""``edge-opt inspect`` in a process of its own: real runtimes, broken files, nothing heavy in the command."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests import beside
from tests.fixtures import tiny

pytestmark = pytest.mark.slow

HEAVY = ("tensorflow", "keras", "onnx", "onnxruntime", "openvino", "nncf", "PIL", "ai_edge_litert", "ai_edge_quantizer")


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """The command, in a process that can import none of the heavy packages: only its worker may."""
    code = f"import sys; sys.modules.update(dict.fromkeys({HEAVY})); from edge_opt.cli.main import main; main()"
    return subprocess.run(
        [sys.executable, "-c", code, "inspect", *arguments], capture_output=True, text=True, check=False
    )


def test_a_tflite_file_is_inspected_with_its_runtime_alone() -> None:
    pytest.importorskip("ai_edge_litert", reason="LiteRT is not installed: pip install 'edge-opt[litert]'")
    done = run(str(tiny.INT8), "--format", "json")
    assert done.returncode == 0, done.stderr
    (found,) = json.loads(done.stdout)
    assert found["profile"]["executed"]["delegate"] == "XNNPACK"
    assert {one["precision"] for one in found["profile"]["operators"] if one["kind"] == "CONV_2D"} == {"int8"}


@pytest.mark.parametrize("name", ["broken.tflite", "broken.onnx", "broken.xml"])
def test_a_broken_artifact_ends_with_one_sentence_and_exit_code_2(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(b"this is no model")
    done = run(str(path), "-q")
    assert (done.returncode, done.stdout) == (2, "")
    assert beside.told(done.stderr)[0].startswith(f"error: '{path}' cannot be inspected: ")
    assert "Traceback" not in done.stderr
    assert [file.name for file in tmp_path.iterdir()] == [name]
