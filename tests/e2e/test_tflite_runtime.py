"""tflite-runtime in an environment of its own, really set up, beside LiteRT."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from edge_opt import registry
from edge_opt.errors import StepFailed
from edge_opt.stages.evaluate import evaluate
from edge_opt.types import Entry
from tests.fixtures import tiny

pytestmark = pytest.mark.slow
NAME = "tflite-runtime"


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder in which the runtime is set up."""
    folder = tmp_path_factory.mktemp("data")
    done = edge_opt(folder, "runtime", "add", NAME)
    if done.returncode:
        pytest.skip(f"this needs Python 3.11, Linux and a package index that can be reached: {done.stderr[-300:]}")
    return folder


@pytest.fixture
def here(data: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_DATA_HOME", str(data))
    return data


def edge_opt(data: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "edge_opt", *arguments],
        env={**os.environ, "XDG_DATA_HOME": str(data)}, capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip


@pytest.mark.parametrize("model", [tiny.FILES["tflite"], tiny.INT8], ids=lambda path: path.stem)
def test_it_answers_what_the_definition_of_the_model_says(here: Path, model: Path, tmp_path: Path) -> None:
    inputs = tiny.pictures()
    np.save(tmp_path / "x.npy", inputs)
    entry = Entry(path=model, runtime=NAME)
    found = evaluate(entry, tmp_path / "x.npy", tmp_path / "y.npy", registry.load("devices", "local")())
    np.testing.assert_allclose(found, tiny.answers(inputs), atol=0.03 if model == tiny.INT8 else 1e-5)


def test_both_are_measured_on_the_same_artifact(data: Path) -> None:
    file = str(tiny.FILES["tflite"])
    done = edge_opt(data, "bench", file, "--runtime", f"litert,{NAME}", "--rounds", "2", "--format", "json")
    assert done.returncode == 0, done.stderr
    rows = json.loads(done.stdout)
    assert [row["measured"]["runtime"] for row in rows] == ["litert", NAME]
    assert rows[1]["measured"]["runtime_version"].startswith("tflite-runtime 2.14")
    assert rows[1]["measured"]["executed"]["delegate"] == "XNNPACK"
    assert {row["artifact"] for row in rows} == {file}
    assert rows[1]["measured"]["speed_up"]


def test_the_two_do_not_share_a_process(here: Path) -> None:
    both = [Entry(path=tiny.FILES["tflite"], runtime=name).job() for name in ("litert", NAME)]
    with pytest.raises(StepFailed, match="have environments of their own"):
        registry.load("devices", "local")().run({"protocol": 1, "mode": "pair", "artifacts": both})


def test_a_second_setting_up_changes_nothing_and_what_is_removed_is_gone(data: Path) -> None:
    before = (data / "edge-opt/runtimes" / NAME).stat().st_ino
    assert edge_opt(data, "runtime", "add", NAME).returncode == 0
    assert (data / "edge-opt/runtimes" / NAME).stat().st_ino == before
    assert edge_opt(data, "runtime", "remove", NAME).returncode == 0
    assert not (data / "edge-opt/runtimes" / NAME).exists()
    done = edge_opt(data, "bench", str(tiny.FILES["tflite"]), "--runtime", NAME)
    assert done.returncode == 2
    assert done.stderr.endswith("is not set up\n  hint: edge-opt runtime add tflite-runtime\n")
