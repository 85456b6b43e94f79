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
found = []
for words in {lines!r}:
    sys.argv = ["edge-opt", *words]
    try:
        from edge_opt.cli.main import main
        main()
    except SystemExit as exit:
        assert not exit.code, (words, exit.code)
    found.append(sorted({{name.partition(".")[0] for name in set(sys.modules) - before}}))
    before |= set(sys.modules)
import json
json.dump(found, sys.stderr)
"""


def loaded_by(*lines: tuple[str, ...]) -> list[set[str]]:
    """The top-level names outside the standard library imported by runs with these arguments, one after the other."""
    code = PROBE.format(lines=list(lines))
    done = subprocess.run([sys.executable, "-c", code], cwd=CHECKOUT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return [set(names) - set(sys.stdlib_module_names) for names in json.loads(done.stderr)]


@pytest.mark.parametrize("option", ["--help", "--version"])
def test_help_loads_click_and_nothing_heavier(option: str) -> None:
    (names,) = loaded_by((option,))
    assert names <= {"edge_opt", "click"}


def test_the_help_of_a_command_loads_no_more_than_the_core_depends_on() -> None:
    light = {"edge_opt", "click", "numpy"}
    seen = zip(COMMANDS, loaded_by(*((command, "--help") for command in COMMANDS)), strict=True)
    assert {command: names - light for command, names in seen if names - light} == {}


def test_the_package_itself_loads_nothing() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import sys, edge_opt; print(*{name.partition('.')[0] for name in sys.modules})"],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert not {"click", "numpy", "tensorflow", "onnx", "openvino"} & set(done.stdout.split())
