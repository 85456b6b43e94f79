"""`edge-opt --help` loads click and nothing heavier: the loaded modules are looked at, not the clock."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from edge_opt.cli.main import COMMANDS
from tests.architecture.source import CHECKOUT

# what an interpreter has loaded before it starts with our code, and what our code loads on top of it
PROBE = """
import sys
before = set(sys.modules)
sys.argv = ["edge-opt", *{arguments!r}]
try:
    from edge_opt.cli.main import main
    main()
except SystemExit as exit:
    assert not exit.code, exit.code
import json
json.dump(sorted({{name.partition(".")[0] for name in set(sys.modules) - before}}), sys.stderr)
"""


def loaded_by(*arguments: str) -> set[str]:
    """The top-level names outside the standard library that a run with ``arguments`` imports."""
    code = PROBE.format(arguments=list(arguments))
    done = subprocess.run([sys.executable, "-c", code], cwd=CHECKOUT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stderr)) - set(sys.stdlib_module_names)


@pytest.mark.parametrize("option", ["--help", "--version"])
def test_help_loads_click_and_nothing_heavier(option: str) -> None:
    assert loaded_by(option) <= {"edge_opt", "click"}


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_of_a_command_loads_no_more_than_the_core_depends_on(command: str) -> None:
    assert loaded_by(command, "--help") <= {"edge_opt", "click", "numpy"}


def test_the_package_itself_loads_nothing() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import sys, edge_opt; print(*{name.partition('.')[0] for name in sys.modules})"],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert not {"click", "numpy", "tensorflow", "onnx", "openvino"} & set(done.stdout.split())
