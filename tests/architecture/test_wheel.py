"""What is installed is whole: code, target profiles, the embedded data set and the example model."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.architecture.source import CHECKOUT, modules

SHARE = {"targets": "targets", "calibration_data": "calibration_data", "examples/web_app": "examples/web_app"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """The names in the wheel that is built from this checkout."""
    out = tmp_path_factory.mktemp("dist with a space")
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(out)]
    done = subprocess.run(build, cwd=CHECKOUT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (built,) = out.glob("*.whl")
    return set(zipfile.ZipFile(built).namelist())


@pytest.mark.slow
def test_a_wheel_holds_every_module(wheel: set[str]) -> None:
    assert {module.relative for module in modules()} <= wheel


@pytest.mark.slow
@pytest.mark.parametrize("folder", SHARE)
def test_a_wheel_holds_what_stands_at_the_top_of_the_checkout(wheel: set[str], folder: str) -> None:
    files = [path for path in (CHECKOUT / folder).rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    assert files
    assert {f"edge_opt/share/{path.relative_to(CHECKOUT).as_posix()}" for path in files} <= wheel


@pytest.mark.slow
def test_a_wheel_holds_the_licences_and_the_command(wheel: set[str]) -> None:
    names = {Path(name).name for name in wheel}
    assert {"LICENSE", "entry_points.txt"} <= names
    assert "edge_opt/share/calibration_data/LICENSE" in wheel


@pytest.mark.slow
def test_a_wheel_holds_nothing_else(wheel: set[str]) -> None:
    assert {name.split("/")[0] for name in wheel if ".dist-info/" not in name} == {"edge_opt"}
    assert not [name for name in wheel if "__pycache__" in name]
