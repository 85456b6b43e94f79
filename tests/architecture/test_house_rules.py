"""The rules of the house that a reader would otherwise have to trust: names, sizes, docstrings, and who may print."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

import pytest

from tests.architecture.source import Module, definitions, modules

FORBIDDEN = {"manager", "handler", "helper", "helpers", "util", "utils", "common", "base", "engine"}
MAX_FILE_LINES = 300
MAX_FUNCTION_LINES = 60
# longer, and asked whether it is still one thing: file → why it is
LONG_FILES: dict[str, str] = {}
MAY_PRINT = ("edge_opt/cli/", "edge_opt/runtimes/worker.py")
MODULES = pytest.mark.parametrize("module", modules(), ids=lambda module: module.relative)


def words(name: str) -> set[str]:
    """``{"http", "server"}`` for ``HttpServer`` and ``http_server``."""
    return {word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)}


def named(module: Module) -> Iterator[tuple[str, int]]:
    """Each ``(name, line)`` that ``module`` gives to something."""
    yield module.path.stem, 1
    for node in module.walk():
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name, node.lineno
        elif isinstance(node, ast.arg):
            yield node.arg, node.lineno
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id, node.lineno


@MODULES
def test_no_name_hides_what_a_thing_does(module: Module) -> None:
    vague = [f"{module.relative}:{line} {name}" for name, line in named(module) if words(name) & FORBIDDEN]
    assert not vague


@MODULES
def test_a_file_can_be_read_in_one_sitting(module: Module) -> None:
    lines = len(module.path.read_text(encoding="utf-8").splitlines())
    assert lines <= MAX_FILE_LINES or module.relative in LONG_FILES, f"{module.relative} has {lines} lines"


@MODULES
def test_a_function_fits_on_a_screen(module: Module) -> None:
    long = [
        f"{module.relative}:{node.lineno} {node.name} has {(node.end_lineno or 0) - node.lineno + 1} lines"
        for node in module.walk()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (node.end_lineno or 0) - node.lineno + 1 > MAX_FUNCTION_LINES
    ]
    assert not long


@MODULES
def test_everything_public_says_what_comes_out(module: Module) -> None:
    silent = [
        f"{module.relative}:{node.lineno} {name}"
        for name, node in definitions(module)
        if not any(part.startswith("_") for part in name.split(".")) and not ast.get_docstring(node)
    ]
    assert not silent
    assert ast.get_docstring(module.tree), f"{module.relative} does not say what it is"


@MODULES
def test_only_the_door_and_the_worker_print(module: Module) -> None:
    if module.relative.startswith(MAY_PRINT):
        return
    prints = [
        f"{module.relative}:{node.lineno} {ast.unparse(node.func)}"
        for node in module.walk()
        if isinstance(node, ast.Call)
        and re.fullmatch(r"print|(click\.)?s?echo|sys\.(__)?std(out|err)(__)?\.write\w*", ast.unparse(node.func))
    ]
    assert not prints


@MODULES
def test_no_exception_is_swallowed(module: Module) -> None:
    silent = [
        f"{module.relative}:{node.lineno}"
        for node in module.walk()
        if isinstance(node, ast.ExceptHandler)
        and (node.type is None or ast.unparse(node.type) in {"Exception", "BaseException"})
        and all(isinstance(statement, ast.Pass | ast.Continue) for statement in node.body)
    ]
    assert not silent


def test_the_table_of_long_files_holds_only_long_files() -> None:
    by_name = {module.relative: module for module in modules()}
    short = [
        name
        for name in LONG_FILES
        if name not in by_name or len(by_name[name].path.read_text(encoding="utf-8").splitlines()) <= MAX_FILE_LINES
    ]
    assert not short
