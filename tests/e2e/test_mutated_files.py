"""Damaged model files of every kind: a result or a sentence, in time, and nothing left behind.

A sample of benchmarks/mutations.py, of other mutants than the committed study has.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.hostile import kinds
from tests.docs.pages import CHECKOUT

GOOD = {"mutants", "kept", "refused", "crash, contained", "memory limit"}
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of sound Keras files, made by a process of its own when the first study asks for them."""
    pytest.importorskip("tensorflow", reason="needs TensorFlow: pip install 'edge-opt[keras]'")
    return tmp_path_factory.mktemp("sound")


def study(sound: Path, results: Path, *words: str) -> dict[str, dict[str, int]]:
    """The outcomes of the sample."""
    script = CHECKOUT / "benchmarks" / "mutations.py"
    done = subprocess.run(
        [sys.executable, str(script), "--results", str(results), "--sound", str(sound), *words],
        env={**os.environ, "PYTHONPATH": str(CHECKOUT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    outcomes: dict[str, dict[str, int]] = json.loads((results / "mutations.json").read_text())["outcomes"]
    for name, counts in outcomes.items():
        assert set(counts) <= GOOD, f"{name}: {done.stdout[-3000:]}"
    return outcomes


@pytest.mark.parametrize(("kind", "count"), [("keras", 10), ("h5", 10), ("onnx", 20), ("tflite", 20), ("openvino", 20)])
def test_damaged_files_end_in_a_result_or_a_sentence(sound: Path, tmp_path: Path, kind: str, count: int) -> None:
    outcomes = study(sound, tmp_path, "--kinds", kind, "--start", "5000", "--count", str(count))
    assert {counts["mutants"] for counts in outcomes.values()} == {count}
    assert all(counts.get("refused") for counts in outcomes.values())


def test_the_command_line_says_the_same_and_leaves_nothing_behind(sound: Path, tmp_path: Path) -> None:
    outcomes = study(
        sound, tmp_path, "--through-cli", "--kinds", "onnx,tflite,openvino", "--start", "6000", "--count", "2"
    )
    assert sum(counts["mutants"] for counts in outcomes.values()) == 10


@pytest.mark.parametrize("kind", kinds.KINDS)
def test_a_mutant_is_the_same_every_time_and_another_for_every_number(sound: Path, kind: str) -> None:
    if kind in ("keras", "h5"):
        kinds.build(sound)
    made = [kinds.mutant(kind, number, sound).files for number in (*range(8), *range(8))]
    if kind not in ("keras", "h5"):  # HDF5 and zip archives write down when they were made
        assert made[:8] == made[8:]
    assert len({json.dumps({name: data.hex() for name, data in files.items()}) for files in made[:8]}) > 4
