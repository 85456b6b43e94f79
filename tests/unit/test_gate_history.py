"""A candidate against the records of other days: which can be compared, what level they keep, and what is decided."""

from __future__ import annotations

import math
import sys
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy import stats as scipy_stats

from edge_opt.errors import MissingPackage, RunError
from edge_opt.stages.gate import fingerprints, history
from edge_opt.stages.gate.levels import levels
from edge_opt.types import Fingerprint, Record

HERE = Fingerprint(
    cpu="Cortex-A72",
    machine="aarch64",
    cores=4,
    governor="performance",
    runtime="litert",
    runtime_version="litert 2.3.0",
    options={},
    threads=1,
)


def a_record(label: str = "a1b2c3", latency_ns: float = 1e6, **changes: Any) -> Record:
    return replace(
        Record(
            label=label,
            taken="2026-11-25T04:00:00+00:00",
            sha256="ab" * 32,
            values=4,
            classes=4,
            fingerprint=HERE,
            system="Linux 6.6",
            medians_ns=(latency_ns,),
            p90_ns=1.2 * latency_ns,
            load_ns=5e6,
            memory_bytes=4 << 20,
            size_bytes=100_000,
            compressed_bytes=60_000,
        ),
        **changes,
    )


def series(*latencies_ns: float) -> list[Record]:
    return [a_record(f"commit{index}", one) for index, one in enumerate(latencies_ns)]


def noisy(level_ns: float, count: int, seed: int, spread: float = 0.003) -> list[float]:
    return (level_ns * np.exp(np.random.default_rng(seed).normal(0, spread, count))).tolist()


# ── which records can be compared ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"cpu": "Cortex-A76"}, "the processor was 'Cortex-A72' and is 'Cortex-A76'"),
        ({"runtime_version": "litert 2.4.0"}, "the version of the runtime was 'litert 2.3.0' and is 'litert 2.4.0'"),
        ({"governor": ""}, "the governor of the clock was 'performance' and is unknown"),
        ({"threads": 4}, "the number of threads was 1 and is 4"),
        ({"options": {"precision": "f16"}}, "the options was none and is 'precision=f16'"),
        ({"cores": 2, "machine": "x86_64"}, "the kind of machine was 'aarch64' and is 'x86_64', the number of cores"),
    ],
)
def test_records_of_another_machine_or_runtime_are_refused_with_what_differs(changes: Any, said: str) -> None:
    with pytest.raises(RunError) as refused:
        fingerprints.matching(series(1e6, 1e6), replace(HERE, **changes), "Linux 6.6")
    assert said in refused.value.message
    assert refused.value.exit_code == 2


def test_of_a_mixed_history_only_what_can_be_compared_is_used_and_the_rest_is_counted() -> None:
    elsewhere = a_record("other", fingerprint=replace(HERE, threads=4))
    records, findings = fingerprints.matching([a_record("one"), elsewhere, a_record("two")], HERE, "Linux 6.6")
    assert [one.label for one in records] == ["one", "two"]
    assert [one.code for one in findings] == ["EO920"]
    assert "1 record of the history cannot be compared and was left out" in findings[0].message


def test_a_new_kernel_is_told_and_not_refused() -> None:
    records, findings = fingerprints.matching(series(1e6), HERE, "Linux 6.12")
    assert len(records) == 1
    assert [one.code for one in findings] == ["EO921"]
    assert findings[0].message == "the last record, 'commit0', was taken on Linux 6.6, and this machine runs Linux 6.12"


# ── the levels ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_quiet_history_has_one_level() -> None:
    found = levels(series(*noisy(1e6, 30, seed=1)), "latency")
    assert [(one.start, one.end) for one in found] == [(0, 30)]


def test_a_step_of_the_history_begins_a_level_at_its_record() -> None:
    records = series(*noisy(1e6, 12, seed=2), *noisy(1.05e6, 9, seed=3))
    assert [(one.start, one.end) for one in levels(records, "latency")] == [(0, 12), (12, 21)]


def test_a_single_slow_job_begins_no_level() -> None:
    latencies = noisy(1e6, 20, seed=4)
    latencies[11] *= 1.3
    assert len(levels(series(*latencies), "latency")) == 1


def test_a_history_that_never_varies_has_one_level() -> None:
    assert len(levels(series(*[1e6] * 12), "latency")) == 1


def test_without_its_library_a_sentence_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ruptures", None)
    with pytest.raises(MissingPackage) as missing:
        levels(series(*noisy(1e6, 9, seed=5)), "latency")
    assert missing.value.hint == "pip install 'edge-opt[gate]'"


# ── decisions ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_interval_is_that_in_which_students_t_predicts_one_more_record() -> None:
    latencies = noisy(1e6, 8, seed=6, spread=0.01)
    found = history.decide(a_record(latency_ns=1.02e6), series(*latencies), "latency", 0.02)
    logs = np.log(latencies)
    half = scipy_stats.t.ppf(0.975, 7) * logs.std(ddof=1) * math.sqrt(1 + 1 / 8)
    expected = np.expm1(math.log(1.02e6) - logs.mean() + np.array([-half, 0, half]))
    assert found.change is not None
    assert [found.change.low, found.change.estimate, found.change.high] == pytest.approx(expected.tolist(), abs=1e-9)
    assert (found.basis, found.evidence, found.unit) == ("stored", 8, "ns")


@pytest.mark.parametrize(("factor", "outcome"), [(1.0, "ok"), (1.1, "regressed"), (0.9, "improved"), (1.02, "unclear")])
def test_a_candidate_is_decided_by_the_level_that_the_history_keeps_now(factor: float, outcome: str) -> None:
    # half as fast long ago, which is another level and must not count
    records = series(*noisy(2e6, 10, seed=7), *noisy(1e6, 10, seed=18))
    found = history.decide(a_record(latency_ns=factor * 1e6), records, "latency", 0.02)
    assert found.outcome == outcome
    assert found.evidence == 10
    assert found.baseline == pytest.approx(1e6, rel=0.01)
    assert "jobs from other days" in found.message
    assert bool(found.hint) == (outcome in ("regressed", "unclear"))


def test_too_few_records_of_a_level_cannot_tell_and_say_how_many_more() -> None:
    records = series(*noisy(1e6, 10, seed=9), *noisy(1.2e6, 3, seed=10))
    found = history.decide(a_record(latency_ns=1.2e6), records, "latency", 0.02)
    assert (found.outcome, found.evidence, found.change) == ("unclear", 3, None)
    assert "since 'commit10'" in found.message
    assert "record 2 more commits" in found.hint
    assert history.decide(a_record(), series(1e6), "latency", 0.02).hint.startswith("record 4 more commits")


def test_records_that_agree_by_chance_do_not_hide_how_far_the_rounds_differ() -> None:
    records = series(*[1e6] * 6)
    candidate = a_record(medians_ns=(0.9e6, 1.0e6, 1.04e6, 1.06e6, 1.2e6))
    assert history.decide(a_record(latency_ns=1.04e6), records, "latency", 0.02).outcome == "regressed"
    assert history.decide(candidate, records, "latency", 0.02).outcome == "unclear"


@pytest.mark.parametrize("measure", ["size", "compressed"])
def test_a_size_is_held_against_the_last_record_exactly(measure: str) -> None:
    records = [a_record(size_bytes=50_000, compressed_bytes=30_000), a_record()]
    field = f"{measure}_bytes"
    before = getattr(a_record(), field)
    assert history.decide(a_record(**{field: before}), records, measure, 0.0).outcome == "ok"
    assert history.decide(a_record(**{field: before + 1}), records, measure, 0.0).outcome == "regressed"
    assert history.decide(a_record(**{field: before // 2}), records, measure, 0.02).outcome == "improved"


def test_a_memory_that_no_worker_told_cannot_be_decided() -> None:
    records = [a_record(memory_bytes=0)] * 6
    found = history.decide(a_record(memory_bytes=0), records, "memory", 0.1)
    assert (found.outcome, found.message) == ("unclear", "the memory was not reported by every worker")


def test_of_equals_hardly_any_fails() -> None:
    rng = np.random.default_rng(11)
    drawn = [series(*(1e6 * np.exp(rng.normal(0, 0.01, 13)))) for _ in range(60)]
    assert sum(history.decide(one[-1], one[:-1], "latency", 0.02).outcome == "regressed" for one in drawn) <= 1


# ── what slipped in ────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_regression_that_slipped_into_the_history_is_named_with_its_size() -> None:
    records = series(*noisy(1e6, 12, seed=12), *noisy(1.06e6, 8, seed=13))
    (found,) = history.rises(records, "latency", 0.02)
    assert found.code == "EO922"
    assert "'commit12'" in found.message
    assert "rose by +6.0" in found.message  # to two digits, in which the noise shows


def test_a_rise_within_the_limit_or_one_that_was_taken_back_is_not_told() -> None:
    risen = [*noisy(1e6, 12, seed=14), *noisy(1.06e6, 8, seed=15)]
    assert not history.rises(series(*risen), "latency", 0.10)
    assert not history.rises(series(*risen, *noisy(1e6, 8, seed=16)), "latency", 0.02)
    assert not history.rises(series(*noisy(1.06e6, 8, seed=15), *noisy(1e6, 12, seed=14)), "latency", 0.02)


# ── another artifact ───────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("size", "latency_ns", "said"),
    [
        (380_000, 2.8e6, "'f' has 3.8 times the size and 2.8 times the median latency of the last: a history should"),
        (25_000, 1e6, "'f' has 25.0% of the size of the last: a history should hold one artifact"),
        (100_000, 0.4e6, "'f' has 40.0% of the median latency of the last: a history should hold one artifact"),
        (149_000, 1.9e6, ""),
        (68_000, 0.6e6, ""),
    ],
)
def test_what_is_too_far_from_the_record_before_it_is_told_as_another_artifact(
    size: int, latency_ns: float, said: str
) -> None:
    found = history.leap(a_record(), a_record("next", latency_ns, size_bytes=size), "'f'", "the last", "do")
    assert [(one.code, one.level, one.hint) for one in found] == ([("EO925", "warning", "do")] if said else [])
    assert not said or found[0].message.startswith(said)
