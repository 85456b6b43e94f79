from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edge_opt.stages.benchmark import pair
from edge_opt.store import Run
from edge_opt.types import Entry
from tests.fakes import FakeArtifact, FakeDevice


@pytest.mark.parametrize(("latency_ns", "faster"), [(100_000, 1.0), (50_000, 2.0)])
def test_a_pair_takes_turns_at_being_loaded_second(tmp_path: Path, latency_ns: int, faster: float) -> None:
    first = FakeArtifact(latency_ns=100_000, noise=0.001).write(tmp_path / "first.tflite")
    second = FakeArtifact(latency_ns=latency_ns, noise=0.001).write(tmp_path / "second.tflite")
    np.save(tmp_path / "inputs.npy", np.zeros((1, 4), np.float32))
    device = FakeDevice()
    device.advantage = 0.02
    both = [Entry(path=one, runtime="litert") for one in (first, second)]
    with Run.start(tmp_path / "run", {}) as run:
        ratio, taken = pair("a pair", *both, tmp_path / "inputs.npy", device, run, threads=1, seed=1)
    assert len(taken) == 6
    assert ratio.estimate == pytest.approx(faster, rel=0.004)
    assert taken[1].median_ns(0) == pytest.approx(98_000, rel=0.005)  # the first, where it was loaded second
    assert taken[0].median_ns(1) == pytest.approx(0.98 * latency_ns, rel=0.005)
