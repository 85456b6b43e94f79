"""The notebooks of the workshop run from top to bottom, each in one of its languages.

Its twin is the same code, which tests/unit/test_workshop.py shows.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

CHECKOUT = Path(__file__).resolve().parents[2]
WORKSHOP = CHECKOUT / "examples" / "workshop"
NOTEBOOKS = sorted(path.relative_to(WORKSHOP).as_posix() for path in WORKSHOP.glob("*/*.ipynb"))
RUN = ("fr/1-diagnostic-des-modeles.ipynb", "en/2-improving-for-a-web-app.ipynb")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the notebooks put what they make."""
    return tmp_path_factory.mktemp("workshop")


@pytest.fixture
def kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a kernel that is this interpreter, whatever kernels are installed for others."""
    spec = tmp_path / "kernels" / "here"
    spec.mkdir(parents=True)
    command = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    content = {"argv": command, "display_name": "here", "language": "python"}
    (spec / "kernel.json").write_text(json.dumps(content), encoding="utf-8")
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))
    return "here"


def test_there_are_two_notebooks_in_each_language() -> None:
    assert [name.partition("/")[0] for name in NOTEBOOKS] == ["en", "en", "fr", "fr"]
    assert set(RUN) < set(NOTEBOOKS)


@pytest.mark.parametrize("name", RUN)
def test_a_notebook_runs_from_top_to_bottom(
    name: str, folder: Path, kernel: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    nbclient = pytest.importorskip("nbclient", reason="needs nbclient: make, which installs the extra dev")
    nbformat = pytest.importorskip("nbformat")
    monkeypatch.setenv("WORKSHOP_FOLDER", str(folder))
    path = WORKSHOP / name
    notebook = nbformat.read(path, as_version=4)
    nbclient.NotebookClient(
        notebook, timeout=600, kernel_name=kernel, resources={"metadata": {"path": str(path.parent)}}
    ).execute()  # raises where a cell does
    ran = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert all(cell.execution_count for cell in ran)
    assert not [output for cell in ran for output in cell.outputs if output.output_type == "error"]
    shown = [kind for cell in ran for output in cell.outputs for kind in output.get("data", {})]
    assert shown.count("text/html") >= 2  # the diagnosis, and another document
    assert "image/png" in shown
