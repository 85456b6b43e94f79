"""The studies of the gate go on only where a row that they have kept is still an answer."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

from edge_opt import store
from edge_opt.errors import AnotherRequest
from edge_opt.store import Run, cache
from tests.architecture.source import CHECKOUT


def study(name: str, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The script, as a module."""
    spec = importlib.util.spec_from_file_location(name, CHECKOUT / "benchmarks" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, name, module)  # where its dataclasses look for their names
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("changed", ["stages/gate/sequence.py", "runtimes/worker.py", "sequential.py"])
@pytest.mark.parametrize(("name", "arguments"), [("gate", ({"copy": 1},)), ("instruction_counts", ())])
def test_rows_of_other_code_are_not_taken_for_new_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, arguments: tuple[dict[str, int], ...], changed: str
) -> None:
    script = study(name, monkeypatch)

    def begin() -> None:
        with Run.start(tmp_path / "journal", script.request(*arguments), resume=True) as run:
            run.once("comparison 0", int, lambda: 1)

    begin()
    begin()  # by the same code it goes on
    real = store.content

    def content(path: Path) -> str:
        return "another" if path.as_posix().endswith(f"edge_opt/{changed}") else real(path)

    for module in (store, cache):
        monkeypatch.setattr(module, "content", content)
    monkeypatch.setattr(store, "code", cache.code.__wrapped__)  # which a process hashes once
    with pytest.raises(AnotherRequest, match="another code"):
        begin()
