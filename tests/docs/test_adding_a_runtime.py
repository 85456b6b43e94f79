"""The page on adding a runtime is followed word by word: its files, its installation, its command, the suite."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.pages import CHECKOUT, page

PAGE = page("docs/adding-a-runtime.md")
FILES = dict(re.findall(r"(?ms)^<!-- file: (\S+) -->\n```\w+\n(.*?)^```$", PAGE.text))


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of a process that has the package of the page: beside this one, which stays as it is."""
    pytest.importorskip("onnx", reason="needs onnx: pip install 'edge-opt[onnx]'")
    folder, site = tmp_path_factory.mktemp("edge-opt-reference"), tmp_path_factory.mktemp("site")
    (folder / "edge_opt_reference").mkdir()
    (folder / "edge_opt_reference" / "__init__.py").touch()
    for name, content in FILES.items():
        (folder / name).write_text(content, encoding="utf-8")
    install = ["uv", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--offline"]
    subprocess.run(
        [sys.executable, "-m", *install, "--python", sys.executable, "--target", str(site), str(folder)], check=True
    )
    return {**os.environ, "PYTHONPATH": str(site)}


def ran(*words: str, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", *words], cwd=CHECKOUT, env=env, capture_output=True, text=True)


def test_the_page_has_six_steps_and_every_file_of_them() -> None:
    assert re.findall(r"(?m)^## (\d)\. ", PAGE.text) == list("123456")
    assert set(FILES) == {"edge_opt_reference/evaluator.py", "pyproject.toml"}


@pytest.mark.slow
def test_the_command_of_the_page_measures_with_the_new_runtime(installed: dict[str, str]) -> None:
    (typed,) = [line for line in PAGE.command_lines() if line.startswith("edge-opt bench")]
    done = ran("edge_opt", *typed.split()[1:], "--format", "json", env=installed)
    assert done.returncode == 0, done.stderr
    assert '"reference"' in json.dumps(json.loads(done.stdout))


@pytest.mark.slow
def test_the_conformance_suite_takes_the_new_runtime_up_by_itself(installed: dict[str, str]) -> None:
    (typed,) = [line for line in PAGE.command_lines() if "pytest" in line]
    done = ran(*typed.split()[2:], "-v", "-p", "no:cacheprovider", env=installed)
    assert done.returncode == 0, done.stdout[-2000:]
    assert len(re.findall(r"\[reference-onnx.*PASSED", done.stdout)) >= 5


def test_without_the_package_the_runtime_is_not_there(tmp_path: Path) -> None:
    done = ran("edge_opt", "bench", "tests/fixtures/tiny.onnx", "--runtime", "reference", env=dict(os.environ))
    assert done.returncode == 2
    assert "there is no runtime 'reference'" in done.stderr
