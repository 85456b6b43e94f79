"""Results of pytest-benchmark, of any project: read, refused with a sentence, paired and decided."""

from __future__ import annotations

import json
import math
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats as scipy_stats

from edge_opt.errors import InputError, RunError
from edge_opt.flows.gate import benchmarks as flow
from edge_opt.inputs import pytest_json
from edge_opt.stages.gate import benchmarks

MACHINE = {
    "machine": "x86_64",
    "python_implementation": "CPython",
    "python_version": "3.11.7",
    "cpu": {"brand_raw": "AMD EPYC"},
}


def statistics(samples_s: Sequence[float], data: bool = True) -> dict[str, Any]:
    quartiles = np.quantile(samples_s, [0.25, 0.5, 0.75])
    told = {"median": quartiles[1], "iqr": quartiles[2] - quartiles[0], "rounds": len(samples_s)}
    return {**told, **({"data": list(samples_s)} if data else {})}


def written(
    path: Path, found: Mapping[str, Sequence[float]], minute: int = 0, data: bool = True, **changes: Any
) -> Path:
    """A file as pytest-benchmark writes it, with the samples of each benchmark in seconds."""
    path.parent.mkdir(exist_ok=True)
    content = {
        "machine_info": MACHINE,
        "commit_info": {"id": "a1b2c3"},
        "benchmarks": [{"fullname": name, "stats": statistics(one, data)} for name, one in found.items()],
        "datetime": f"2026-11-25T04:{minute:02}:00.663440+00:00",
        "version": "5.3.1",
    }
    path.write_text(json.dumps({**content, **changes}))
    return path


def samples(level_s: float, seed: int, count: int = 50, spread: float = 0.02) -> list[float]:
    return (level_s * np.exp(np.random.default_rng(seed).normal(0, spread, count))).tolist()


def rounds(folder: Path, levels_s: Sequence[float], first_minute: int, step: int = 2) -> Path:
    """A folder of runs of one benchmark, two minutes apart."""
    for index, level_s in enumerate(levels_s):
        written(folder / f"{index}.json", {"t.py::a": samples(level_s, seed=index)}, first_minute + step * index)
    return folder


# ── reading ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_what_pytest_benchmark_itself_writes_is_read(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text("def test_sum(benchmark):\n    benchmark(sum, range(100))\n")
    options = ["-p", "no:cacheprovider", "-c", "/dev/null", "--rootdir", ".", "--benchmark-max-time=0.01"]
    subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *options, "--benchmark-json=out.json", "test_it.py"],
        cwd=tmp_path,
        check=True,
        capture_output=True,
    )
    (run,) = pytest_json.read(tmp_path / "out.json")
    result = run.results["test_it.py::test_sum"]
    assert len(result.samples_ns) == result.rounds
    assert result.median_ns == pytest.approx(np.median(result.samples_ns))
    assert run.python.startswith("CPython 3.")
    assert run.machine


def test_a_folder_is_read_in_the_order_of_the_times(tmp_path: Path) -> None:
    for name, minute in (("a", 30), ("b", 10), ("c", 20)):
        written(tmp_path / "deep" / f"{name}.json", {"t.py::a": [1.0]}, minute)
    assert [run.path.stem for run in pytest_json.read(tmp_path)] == ["b", "c", "a"]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"version": "6.0.0"}, "was written by pytest-benchmark 6.0.0"),
        ({"version": 5}, "is no JSON of pytest-benchmark"),
        ({"benchmarks": []}, "holds no benchmark"),
        ({"benchmarks": [{"fullname": "a"}]}, "is damaged: 'stats' is missing"),
        ({"benchmarks": [{"fullname": 7, "stats": statistics([1.0])}]}, "is no name of a benchmark"),
        ({"benchmarks": [{"fullname": "a", "stats": {"median": "x", "iqr": 0, "rounds": 1}}]}, "x is no time"),
        ({"benchmarks": [{"fullname": "a", "stats": {"median": math.nan, "iqr": 0, "rounds": 1}}]}, "nan is no time"),
        ({"benchmarks": [{"fullname": "a", "stats": statistics([1.0])}] * 2}, "two benchmarks of the same name"),
        ({"benchmarks": 7}, "is damaged"),
        ({"datetime": "yesterday"}, "is damaged"),
        ({"machine_info": {"user": "ann"}}, "does not say on what machine"),
        ({"machine_info": None}, "is damaged"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_with_a_sentence(
    tmp_path: Path, changes: dict[str, Any], said: str
) -> None:
    with pytest.raises(RunError) as refused:
        pytest_json.read(written(tmp_path / "b.json", {"a": [1.0]}, **changes))
    assert said in refused.value.message
    assert refused.value.hint
    assert refused.value.exit_code == 2


@pytest.mark.parametrize(
    ("content", "said"),
    [(b'{"benchmarks": [', "is not valid JSON"), (b"", "is not valid JSON"), (b"[]", "is no JSON of pytest-benchmark"),
     (b"\xff\xfe", "is not valid JSON"), (b'{"best": "float32"}', "is no JSON of pytest-benchmark")],
)  # fmt: skip
def test_a_file_that_is_none_is_refused_with_a_sentence(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "b.json"
    path.write_bytes(content)
    with pytest.raises(RunError, match=said):
        pytest_json.read(path)


def test_no_file_and_a_folder_without_any_are_refused(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="there are no benchmarks at"):
        pytest_json.read(tmp_path / "none.json")
    with pytest.raises(RunError, match="holds no JSON of pytest-benchmark"):
        pytest_json.read(tmp_path)


def test_files_of_benchmarks_are_told_from_what_edge_opt_writes(tmp_path: Path) -> None:
    assert pytest_json.accepts(written(tmp_path / "many" / "b.json", {"a": [1.0]}))
    assert pytest_json.accepts(tmp_path / "many")
    (tmp_path / "run").mkdir()
    for name in ("report.json", "jobs.jsonl"):
        (tmp_path / "run" / name).write_text("{}")
    assert not pytest_json.accepts(tmp_path / "run")
    assert not pytest_json.accepts(tmp_path / "run" / "report.json")
    assert not pytest_json.accepts(tmp_path / "model.tflite")


# ── deciding ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_pairs_are_decided_by_students_interval_of_their_ratios() -> None:
    baseline, candidate = [1.0, 1.1, 0.9, 1.05], [1.02, 1.15, 0.91, 1.04]
    found = benchmarks.of_pairs("a", baseline, candidate, 0.25, turns=True)
    logs = np.log(candidate) - np.log(baseline)
    expected = scipy_stats.t.interval(0.95, 3, loc=logs.mean(), scale=scipy_stats.sem(logs))
    assert found.change is not None
    assert np.log1p([found.change.low, found.change.high]) == pytest.approx(expected, abs=1e-9)
    assert (found.outcome, found.basis, found.evidence, found.message) == ("ok", "rounds", 4, "")


@pytest.mark.parametrize(("factor", "outcome"), [(1.0, "ok"), (1.5, "regressed"), (0.5, "improved")])
@pytest.mark.parametrize("pairs", [1, 5])
@pytest.mark.parametrize("data", [True, False])
def test_a_benchmark_is_decided_by_its_pairs_or_its_only_run(
    tmp_path: Path, factor: float, outcome: str, pairs: int, data: bool
) -> None:
    for index in range(pairs):
        for side, level_s, minute in (("base", 1e-3, 0), ("now", factor * 1e-3, 1)):
            taken = samples(level_s, seed=2 * index + minute)
            written(tmp_path / side / f"{index}.json", {"t.py::a": taken}, 2 * index + minute, data)
    found = flow.gate(tmp_path / "now", tmp_path / "base", 0.25)
    (decision,) = found.decisions
    assert (decision.measure, decision.outcome, decision.unit) == ("t.py::a", outcome, "ns")
    assert decision.basis == ("rounds" if pairs > 1 else "stored")
    assert ("one run against another" in decision.message) == (pairs == 1)
    assert decision.baseline == pytest.approx(1e6, rel=0.02)
    assert (found.candidate, found.baseline, found.environment) == (None, None, None)
    assert found.versions["pytest-benchmark"] == "5.3.1"


def test_runs_that_were_not_taken_by_turns_are_compared_and_called_weaker(tmp_path: Path) -> None:
    levels = [1e-3] * 5
    now, base = rounds(tmp_path / "now", levels, 30), rounds(tmp_path / "base", levels, 0)
    (decision,) = flow.gate(now, base, 0.25).decisions
    assert (decision.outcome, decision.basis) == ("ok", "stored")
    assert "did not alternate" in decision.message


def test_noise_beyond_the_limit_cannot_tell(tmp_path: Path) -> None:
    now = rounds(tmp_path / "now", [1.0e-3, 2.0e-3, 0.7e-3, 1.4e-3], 1)
    base = rounds(tmp_path / "base", [1.0e-3] * 4, 0)
    (decision,) = flow.gate(now, base, 0.25).decisions
    assert decision.outcome == "unclear"
    assert decision.hint == "run more pairs, or on a quieter machine"


def test_a_resampled_median_is_that_of_the_plain_bootstrap() -> None:
    taken = samples(1.0, seed=3, count=41, spread=0.1)
    rng = np.random.default_rng(0)
    quick = benchmarks._resampled(taken, rng)
    plain = np.median(np.asarray(taken)[rng.integers(41, size=(20_000, 41))], axis=1)
    levels = [0.025, 0.25, 0.5, 0.75, 0.975]
    assert np.quantile(quick, levels) == pytest.approx(np.quantile(plain, levels), rel=0.01)


def test_the_notch_of_statistics_is_about_the_interval_of_the_samples() -> None:
    before, now = (samples(1e6, seed, count=400, spread=0.1) for seed in (4, 5))
    by_samples = benchmarks.of_samples("a", before, now, 0.25).change
    told = [statistics(one) for one in (before, now)]
    figures = [(one["median"], one["iqr"], one["rounds"]) for one in told]
    by_statistics = benchmarks.of_statistics("a", figures[0], figures[1], 0.25).change
    assert by_samples is not None
    assert by_statistics is not None
    width = by_samples.high - by_samples.low
    assert by_statistics.high - by_statistics.low == pytest.approx(width, rel=0.25)
    assert by_statistics.estimate == pytest.approx(by_samples.estimate)


@pytest.mark.parametrize("data", [True, False])
def test_a_few_rounds_of_one_run_cannot_tell(tmp_path: Path, data: bool) -> None:
    base, now = (
        written(tmp_path / f"{name}.json", {"a": [1.0, 1.0]}, data=data, minute=minute)
        for minute, name in enumerate(("base", "now"))
    )
    (decision,) = flow.gate(now, base, 0.25).decisions
    assert (decision.outcome, decision.change) == ("unclear", None)
    assert "--benchmark-min-rounds" in decision.hint


def test_what_took_no_time_that_the_clock_could_see_cannot_be_decided(tmp_path: Path) -> None:
    base, now = (
        written(tmp_path / f"{name}.json", {"a": [0.0] * 9}, minute=minute)
        for minute, name in enumerate(("base", "now"))
    )
    (decision,) = flow.gate(now, base, 0.25).decisions
    assert (decision.outcome, decision.change) == ("unclear", None)


def test_one_run_on_both_sides_is_refused(tmp_path: Path) -> None:
    now = written(tmp_path / "now.json", {"a": samples(1e-3, seed=6)})
    for other in (now, Path(shutil.copy(now, tmp_path / "copy.json"))):
        with pytest.raises(RunError, match="are the same run"):
            flow.gate(now, other, 0.25)


def test_results_are_compared_with_results_only(tmp_path: Path) -> None:
    now = written(tmp_path / "now.json", {"a": samples(1e-3, seed=6)})
    (tmp_path / "empty").mkdir()
    for other in (tmp_path / "empty", tmp_path / "model.tflite"):
        if not other.exists():
            other.write_bytes(b"model")
        for pair in ((now, other), (other, now)):
            with pytest.raises(InputError, match=f"'{other}' holds no results of pytest-benchmark"):
                flow.accepts(*pair)
    assert flow.accepts(now, now)
    assert not flow.accepts(tmp_path / "model.tflite", tmp_path / "empty")


def test_benchmarks_that_one_side_has_are_told_and_the_others_decided(tmp_path: Path) -> None:
    taken = samples(1e-3, seed=6)
    base = written(tmp_path / "base.json", {"old": taken, "both": taken})
    now = written(tmp_path / "now.json", {"both": taken, "new": taken})
    found = flow.gate(now, base, 0.25)
    assert [one.measure for one in found.decisions] == ["both"]
    assert (found.judged, found.against) == (str(now), str(base))
    assert [(one.code, one.level) for one in found.findings] == [("EO923", "warning"), ("EO923", "info")]
    assert "does not have 'old'" in found.findings[0].message
    assert "does not have 'new'" in found.findings[1].message


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"cpu": {"brand_raw": "Cortex-A72"}}, "the processor is 'AMD EPYC' there and 'Cortex-A72' here"),
        ({"python_version": "3.12.1"}, "the Python is 'CPython 3.11.7' there and 'CPython 3.12.1' here"),
        ({"machine": "aarch64"}, "the kind of machine is 'x86_64' there and 'aarch64' here"),
    ],
)
def test_another_machine_or_python_is_refused(tmp_path: Path, changed: dict[str, Any], said: str) -> None:
    base = written(tmp_path / "base.json", {"a": [1.0]})
    now = written(tmp_path / "now.json", {"a": [1.0]}, machine_info={**MACHINE, **changed})
    with pytest.raises(RunError) as refused:
        flow.gate(now, base, 0.25)
    assert said in refused.value.message
    assert refused.value.exit_code == 2


def test_sides_that_cannot_be_paired_are_refused(tmp_path: Path) -> None:
    base, now = rounds(tmp_path / "base", [1e-3] * 4, 0), rounds(tmp_path / "now", [1e-3] * 5, 1)
    with pytest.raises(RunError, match=r"the 5 runs in .* cannot be paired with the 4"):
        flow.gate(now, base, 0.25)
    other = written(tmp_path / "other.json", {"b": [1.0]})
    with pytest.raises(RunError, match="no benchmark in common"):
        flow.gate(other, written(tmp_path / "one.json", {"a": [1.0]}), 0.25)
