"""Prepared cases of the workshop, made and diagnosed: what was planted comes first, and a control has no problem.

All of them are in ``benchmarks/diagnosis.py``; these are the ones that are made fast.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

import edge_opt

pytestmark = pytest.mark.slow

CHECKOUT = Path(__file__).resolve().parents[2]
CASES = CHECKOUT / "examples" / "workshop" / "cases.py"
MADE = ("underfitting", "corrupt-files", "wrong-contract", "control-1")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the cases; three of them share one training."""
    folder = tmp_path_factory.mktemp("cases")
    command = [sys.executable, str(CASES), str(folder), "--only", ",".join(MADE)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [str(folder / name) for name in MADE]
    return folder


@pytest.mark.parametrize("name", MADE)
def test_what_is_planted_comes_first_and_a_control_has_no_problem(name: str, folder: Path) -> None:
    facts = json.loads((folder / name / "case.json").read_text(encoding="utf-8"))
    found = edge_opt.diagnose(folder / name / "model.keras", folder / name / facts["data"], samples=200)
    assert found.training.history is not None  # found beside the model
    if facts["planted"]:
        assert found.symptoms[0].code == facts["planted"], [one.code for one in found.symptoms]
    else:
        assert not [one.code for one in found.symptoms if one.severity == "problem"]


def test_a_case_is_not_made_twice(folder: Path) -> None:
    model = folder / "underfitting" / "model.keras"
    before = model.stat().st_mtime_ns
    subprocess.run([sys.executable, str(CASES), str(folder), "--only", "underfitting"], check=True, capture_output=True)
    assert model.stat().st_mtime_ns == before
