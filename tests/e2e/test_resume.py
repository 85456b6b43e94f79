"""kill -9 of the real thing, at two moments of the study in benchmarks/: nothing lost, and nothing repeated."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from benchmarks.kill_study import Bench, killed, undisturbed

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def left_alone(tmp_path_factory: pytest.TempPathFactory) -> tuple[Bench, dict[str, Any], float]:
    """A run that nobody disturbs: where it works, what it comes to, and how long it takes."""
    bench = Bench.at(tmp_path_factory.mktemp("kills"))
    return bench, *undisturbed(bench)


@pytest.mark.parametrize("seed", [1, 2])
def test_a_killed_run_ends_with_the_trials_hashes_and_scores_of_a_run_left_alone_and_repeats_no_job(
    left_alone: tuple[Bench, dict[str, Any], float], seed: int, tmp_path: Path
) -> None:
    bench, outcome, seconds = left_alone
    assert len(outcome["trials"]) >= 4
    found = killed(bench, bench.folder / f"killed-{seed}", random.Random(seed).uniform(0.2, 0.8) * seconds, outcome)
    assert found["exit_code"] == 0
    assert found["same_outcome"]
    assert found["kept_what_was_finished"]
    assert found["each_job_once"]
    assert found["started_as_expected"], found
