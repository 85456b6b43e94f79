"""What pytest-benchmark wrote, of any project: each run with its benchmarks, and the machine that it was on."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from edge_opt.errors import RunError

NEWEST = 5  # the major version of pytest-benchmark whose files are known
_MAKE = "make one: pytest --benchmark-json=FILE"
_AGAIN = "make it again: pytest --benchmark-json=FILE"
# what edge-opt itself writes into folders; none of them is a folder of benchmarks
_OURS = ("bundle.json", "report.json", "jobs.jsonl")


@dataclass(frozen=True, kw_only=True)
class BenchmarkResult:
    """One benchmark of one run. ``samples_ns`` is empty where the file holds the statistics only."""

    name: str  # with its file and parameters, as "tests/test_speed.py::test_parse[large]"
    median_ns: float
    iqr_ns: float
    rounds: int
    samples_ns: tuple[float, ...]


@dataclass(frozen=True, kw_only=True)
class BenchmarkRun:
    """One run of pytest, on one machine; "" is what it does not tell of that."""

    path: Path
    taken: datetime
    cpu: str
    machine: str
    python: str
    version: str  # of pytest-benchmark
    results: Mapping[str, BenchmarkResult]


def accepts(path: Path) -> bool:
    """Whether ``path`` looks like such a file, or a folder of them, and like nothing that edge-opt wrote."""
    if path.is_dir():
        return not any((path / name).exists() for name in _OURS) and any(path.rglob("*.json"))
    return path.suffix == ".json" and path.name not in _OURS


def read(path: Path) -> tuple[BenchmarkRun, ...]:
    """The run in a file, or all in a folder, the oldest first.

    Raises RunError where there is none, or one is damaged, is something else, or of a newer format.
    """
    if not path.exists():
        raise RunError(f"there are no benchmarks at '{path}'", _MAKE)
    files = sorted(path.rglob("*.json")) if path.is_dir() else [path]
    if not files:
        raise RunError(f"the folder '{path}' holds no JSON of pytest-benchmark", _MAKE)
    return tuple(sorted((_run(file) for file in files), key=lambda run: run.taken))


def _run(path: Path) -> BenchmarkRun:
    content = _content(path)
    version = content["version"]
    major = version.partition(".")[0]
    if not major.isdigit() or int(major) > NEWEST:
        raise RunError(
            f"'{path}' was written by pytest-benchmark {version[:20]}, and files up to {NEWEST} can be read",
            "update edge-opt, or make it with an older pytest-benchmark",
        )
    try:
        results = [_result(one) for one in content["benchmarks"]]
        run = BenchmarkRun(
            path=path,
            taken=_time(content["datetime"]),
            **_machine(content["machine_info"]),
            version=version,
            results={one.name: one for one in results},
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        why = f"{error} is missing" if isinstance(error, KeyError) else str(error)
        raise RunError(f"'{path}' is damaged: {why}", _AGAIN) from error
    if not results:
        raise RunError(f"'{path}' holds no benchmark", "run some: those that were skipped or failed are not in it")
    if len(run.results) < len(results):
        raise RunError(f"'{path}' holds two benchmarks of the same name", _AGAIN)
    return run


def _content(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_bytes())
    except OSError as error:
        raise RunError(f"'{path}' cannot be read: {error.strerror}", _MAKE) from error
    except (ValueError, RecursionError) as error:  # cut short, or no JSON at all
        raise RunError(f"'{path}' is not valid JSON: {error}", _AGAIN) from error
    told = {"benchmarks", "machine_info", "datetime", "version"}
    if not isinstance(content, dict) or not told <= set(content) or not isinstance(content["version"], str):
        raise RunError(f"'{path}' is no JSON of pytest-benchmark", _MAKE)
    return content


def _result(one: Mapping[str, Any]) -> BenchmarkResult:
    stats, name = one["stats"], one["fullname"]
    if not isinstance(name, str):
        raise TypeError(f"{str(name)[:40]} is no name of a benchmark")
    found = BenchmarkResult(
        name=name,
        median_ns=_ns(stats["median"]),
        iqr_ns=_ns(stats["iqr"]),
        rounds=int(stats["rounds"]),
        samples_ns=tuple(_ns(sample) for sample in stats.get("data") or ()),
    )
    if found.rounds < 1:
        raise ValueError(f"'{name}' has no rounds")
    return found


def _ns(seconds: Any) -> float:
    if not isinstance(seconds, int | float) or not math.isfinite(seconds) or seconds < 0:
        raise ValueError(f"{str(seconds)[:40]} is no time")
    return 1e9 * seconds


def _time(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _machine(info: Mapping[str, Any]) -> dict[str, str]:
    """What a project may have replaced is "" here. Raises ValueError where nothing is left to know the machine by."""
    cpu = info.get("cpu") or {}
    name = cpu.get("brand_raw") or cpu.get("brand") or "" if isinstance(cpu, Mapping) else str(cpu)
    python = " ".join(str(info.get(key) or "") for key in ("python_implementation", "python_version")).strip()
    found = {"cpu": str(name), "machine": str(info.get("machine") or ""), "python": python}
    if not found["cpu"] and not found["machine"]:
        raise ValueError("it does not say on what machine it was made")
    return found
