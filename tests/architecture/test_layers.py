"""A module imports only from floors below its own; the table is the picture in docs/architecture.md."""

from __future__ import annotations

import re
import sys
import tomllib
from graphlib import CycleError, TopologicalSorter

import pytest

from tests.architecture.source import CHECKOUT, Module, imports, modules, own_imports

# the part of edge_opt → its floor
FLOORS = {
    "__version__": 0,
    "types": 1,
    "errors": 1,
    "store": 2,
    "units": 2,
    "stats": 2,
    "confidence": 2,
    "sequential": 2,
    "registry": 2,
    "limits": 2,
    "turns": 2,
    "inputs": 3,
    "nets": 3,
    "workers": 3,
    "alternation": 3,
    "remote": 3,
    "frontends": 4,
    "passes": 4,
    "exporters": 4,
    "devices": 4,
    "executors": 4,
    "stages": 5,
    "results": 5,
    "flows": 6,
    "cli": 7,
    "pytest_plugin": 7,
}
# the package itself and `python -m edge_opt` stand outside the door: they may open anything, and nothing opens them
ROOF = 8
# their files are peers: to add one must not touch another
PEERS = {"stages", "frontends", "passes", "exporters", "devices", "executors"}
# copied to devices, so it stands alone
ALONE = "runtimes"
# import name → the name it is installed by, where the two differ
DISTRIBUTIONS = {
    "PIL": "pillow",
    "absl": "absl-py",
    "ai_edge_litert": "ai-edge-litert",
    "ai_edge_quantizer": "ai-edge-quantizer",
    "google": "protobuf",
    "sklearn": "scikit-learn",
    "tensorflow_model_optimization": "tensorflow-model-optimization",
    "tf_keras": "tf-keras",
    "tflite_runtime": "tflite-runtime",
}
MODULES = pytest.mark.parametrize("module", modules(), ids=lambda module: module.relative)


def part(name: str) -> str:
    """``stages`` for ``edge_opt.stages.plan``, ``""`` for the package itself."""
    return name.split(".")[1] if "." in name else ""


def floor(name: str) -> int:
    return ROOF if part(name) in {"", "__main__"} else FLOORS[part(name)]


@MODULES
def test_every_file_stands_on_a_floor(module: Module) -> None:
    assert part(module.name) in {*FLOORS, ALONE, "", "__main__"}, f"{module.relative} is on no floor of the table"


@MODULES
def test_a_module_imports_only_from_floors_below_its_own(module: Module) -> None:
    if part(module.name) == ALONE:
        return  # has a rule of its own, below
    wrong = [
        f"{module.relative}:{line} imports {name}"
        for name, line in own_imports(module)
        if part(name) != ALONE and part(name) != part(module.name) and floor(name) >= floor(module.name)
    ]
    assert not wrong


@MODULES
def test_peers_do_not_import_each_other(module: Module) -> None:
    if part(module.name) not in PEERS:
        return
    # a peer may be one file or a folder; inside that folder its files belong together
    peer = module.name.split(".")[:3]
    wrong = [
        f"{module.relative}:{line} imports {name}"
        for name, line in own_imports(module)
        if part(name) == part(module.name) and name.split(".")[:3] != peer
    ]
    assert not wrong


@MODULES
def test_runtimes_import_the_standard_library_numpy_one_runtime_and_siblings(module: Module) -> None:
    if part(module.name) != ALONE:
        return
    siblings = {other.path.stem for other in modules() if other.path.parent == module.path.parent}
    # run as a script they import each other by their plain names, as part of the package by relative ones
    names = {name.split(".")[0] for name, _ in imports(module) if not name.startswith(f"edge_opt.{ALONE}.")}
    outside = names - set(sys.stdlib_module_names) - {"numpy", *siblings}
    assert "edge_opt" not in outside
    # the two packages of TensorFlow Lite have the same interface, so they are one runtime
    assert len(outside - {"tflite_runtime"}) <= 1, f"{module.relative} imports {sorted(outside)}"


@MODULES
def test_no_runtime_has_the_name_of_a_package_it_imports(module: Module) -> None:
    # a worker run as a script has its own folder first on the path: the file would be imported in place of the package
    if part(module.name) == ALONE:
        assert module.path.stem not in sys.stdlib_module_names
        assert module.path.stem not in {name for name, _ in imports(module)} | declared()


def test_there_is_no_import_cycle() -> None:
    known = {module.name for module in modules()}
    graph = {module.name: {name for name, _ in own_imports(module) if name in known} for module in modules()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(f"import cycle: {' → '.join(error.args[1])}")


def declared() -> set[str]:
    """The names of every package that pyproject.toml declares for users."""
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = [line for extra, lines in project["optional-dependencies"].items() if extra != "dev" for line in lines]
    return {requirement_name(line) for line in [*project["dependencies"], *extras]}


def requirement_name(requirement: str) -> str:
    """``onnx`` for ``onnx>=1.20; python_version < '3.12'``."""
    return re.split(r"[^A-Za-z0-9._-]", requirement, maxsplit=1)[0]


@MODULES
def test_what_a_module_imports_is_declared_in_pyproject(module: Module) -> None:
    siblings = {other.path.stem for other in modules() if other.path.parent == module.path.parent}
    allowed = set(sys.stdlib_module_names) | {"edge_opt"} | (siblings if part(module.name) == ALONE else set())
    wrong = [
        f"{module.relative}:{line} imports {name}"
        for name, line in imports(module)
        if (root := name.split(".")[0]) not in allowed and DISTRIBUTIONS.get(root, root) not in declared()
    ]
    assert not wrong
