"""The gate on edge-opt's own speed: what it holds against what, and when it says that it cannot."""

from __future__ import annotations

import importlib.util
import json
import subprocess
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.unit.test_gate_benchmarks import samples, written

CHECKOUT = Path(__file__).resolve().parents[2]


@pytest.fixture
def gate() -> ModuleType:
    """The script, as a module."""
    spec = importlib.util.spec_from_file_location("speed_gate", CHECKOUT / "benchmarks" / "speed" / "gate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def git(folder: Path, *words: str) -> str:
    named = ("-c", "user.name=Ann", "-c", "user.email=ann@example.org", "-c", "commit.gpgsign=false")
    command = ["git", *named, *words]
    return subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def repository(tmp_path: Path, gate: ModuleType, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository of two commits, of which the first is the baseline; the script takes it for its checkout."""
    folder = tmp_path / "repository"
    folder.mkdir()
    git(folder, "init", "-q")
    for version in ("first", "second"):
        for part in gate.PARTS:
            (folder / part).mkdir(parents=True, exist_ok=True)
            (folder / part / "a.py").write_text(f"version = '{version}'\n")
        git(folder, "add", "-A")
        git(folder, "commit", "-q", "-m", version)
    (folder / "baseline").write_text(git(folder, "rev-parse", "HEAD~1") + "\n")
    for name, value in (("CHECKOUT", folder), ("BASELINE", folder / "baseline")):
        monkeypatch.setattr(gate, name, value)
    monkeypatch.setattr("sys.argv", ["gate.py"])
    return folder


def ran(gate: ModuleType, monkeypatch: pytest.MonkeyPatch, slower: float) -> dict[str, set[str]]:
    """Let the suite take no time: what it was run against, by side; the candidate is ``slower`` so many times."""
    seen: dict[str, set[str]] = {}

    def suite(side: str, tree: Path, result: Path) -> None:
        seen.setdefault(side, set()).add((tree / "edge_opt" / "a.py").read_text())
        minute = sum(1 for _ in result.parents[1].rglob("*.json"))
        level_s = slower if side == "candidate" else 1.0
        written(result, {"test_speed.py::test_start_up": samples(level_s, seed=minute)}, minute)

    real: Any = subprocess.run

    def here(command: list[str], **options: Any) -> Any:  # `edge-opt gate` belongs to the real checkout
        return real(command, **{**options, "cwd": CHECKOUT} if command[1:3] == ["-m", "edge_opt"] else options)

    monkeypatch.setattr(gate, "run_suite", suite)
    monkeypatch.setattr(gate.subprocess, "run", here)
    return seen


@pytest.mark.parametrize(("slower", "code"), [(1.0, 0), (2.0, 1)])
def test_the_checkout_as_it_is_stands_against_the_commit_of_the_baseline(
    gate: ModuleType, repository: Path, monkeypatch: pytest.MonkeyPatch, slower: float, code: int
) -> None:
    (repository / "edge_opt" / "a.py").write_text("version = 'not committed'\n")
    seen = ran(gate, monkeypatch, slower)
    assert gate.main() == code
    assert seen == {"baseline": {"version = 'first'\n"}, "candidate": {"version = 'not committed'\n"}}


def test_a_shallow_clone_says_that_nothing_was_compared_and_passes(
    gate: ModuleType, repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    git(tmp_path, "clone", "-q", "--depth=1", repository.as_uri(), "shallow")
    monkeypatch.setattr(gate, "CHECKOUT", tmp_path / "shallow")
    assert gate.main() == 0
    assert "speed: nothing was compared: this clone is shallow and lacks" in capsys.readouterr().err


def test_a_folder_without_git_says_that_nothing_was_compared_and_passes(
    gate: ModuleType, repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    (tmp_path / "plain").mkdir()
    monkeypatch.setattr(gate, "CHECKOUT", tmp_path / "plain")
    assert gate.main() == 0
    assert "speed: nothing was compared: this folder is no checkout of git" in capsys.readouterr().err


@pytest.mark.parametrize("named", ["0123456789abcdef0123456789abcdef01234567", ""])
def test_a_whole_clone_without_its_baseline_fails(gate: ModuleType, repository: Path, named: str, capsys: Any) -> None:
    (repository / "baseline").write_text(f"{named}\n")
    assert gate.main() == 2
    assert capsys.readouterr().err.startswith("speed: ")


def test_a_suite_that_does_not_run_on_one_side_fails_with_what_it_said(
    gate: ModuleType, repository: Path, capsys: Any
) -> None:
    # the baseline of this repository has no edge_opt to import
    assert gate.main() == 2
    assert "the suite does not run against the baseline" in capsys.readouterr().err


def test_results_of_an_earlier_call_in_the_same_folder_do_not_count(
    gate: ModuleType, repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = tmp_path / "kept"
    (kept / "baseline").mkdir(parents=True)
    (kept / "baseline" / "notes.txt").touch()
    ran(gate, monkeypatch, 1.0)
    for pairs in ("5", "3"):
        monkeypatch.setattr("sys.argv", ["gate.py", "--keep", str(kept), "--pairs", pairs])
        assert gate.main() in (0, 1)
    for side in ("baseline", "candidate"):
        assert {path.name for path in (kept / side).glob("*.json")} == {"0.json", "1.json", "2.json"}
    assert (kept / "baseline" / "notes.txt").exists()


def test_the_baseline_that_is_committed_is_a_commit(gate: ModuleType) -> None:
    (named,) = gate.BASELINE.read_text().split()
    assert len(named) == 40
    if why := gate.unavailable(named):  # which raises where a whole clone has no such commit
        pytest.skip(f"whether it is one cannot be seen: {why}")


@pytest.mark.slow
def test_the_suite_runs_on_this_checkout(tmp_path: Path, gate: ModuleType) -> None:
    (tmp_path / "tree").symlink_to(CHECKOUT)
    gate.run_suite("candidate", tmp_path / "tree", tmp_path / "out.json")
    found = json.loads((tmp_path / "out.json").read_text())["benchmarks"]
    assert {one["name"] for one in found} == {
        "test_start_up",
        "test_start_of_a_worker",
        "test_pipeline",
        "test_measuring",
    }
