"""A fixture for pytest: ``edge_benchmark`` times an artifact as edge-opt does, and pytest-benchmark keeps the result.

So its table, ``--benchmark-json`` and ``--benchmark-compare`` show artifacts beside the benchmarks of a project, and
``edge-opt gate`` compares two such files. Without pytest-benchmark, tests that ask for the fixture skip, and nothing
else happens.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from edge_opt.types import Measured

ROUNDS = 5
_MOST_RUNS = 500  # in a round: every latency of each goes into the file of pytest-benchmark
_PLUGINS = ("benchmark", "pytest_benchmark.plugin")  # the names it is known by, as installed and with -p


class EdgeBenchmark:
    """What a test calls, once: ``edge_benchmark("model.tflite")``."""

    def __init__(self, benchmark: Any) -> None:
        self._benchmark = benchmark

    def __call__(
        self,
        artifact: str | Path,
        target: str = "host",
        *,
        runtime: str = "",
        threads: int = 0,
        rounds: int = ROUNDS,
        seed: int = 0,
    ) -> Measured:
        """The artifact as it was measured: in ``rounds`` processes of their own, on the target's device.

        ``threads=0`` is the target's first number of them. Every latency becomes a round of pytest-benchmark, in
        seconds. A test with a file that cannot be run fails with a sentence.
        """
        __tracebackhide__ = True
        from edge_opt.errors import EdgeOptError

        wrong = ""
        try:
            measured: Measured = self._benchmark.pedantic(
                _measured, args=(Path(artifact), target, runtime, threads, rounds, seed), rounds=1, iterations=1
            )
        except EdgeOptError as error:
            wrong = f"{error.message}{f' ({error.hint})' if error.hint else ''}"
        if wrong:  # out here, where no traceback of ours follows the sentence
            pytest.fail(wrong, pytrace=False)
        # in place of the one time that it took to measure
        self._benchmark.stats.stats.data[:] = [ns / 1e9 for one in measured.rounds for ns in one.samples_ns]
        self._benchmark.extra_info.update(_told(Path(artifact), target, measured))
        return measured


class WithPytestBenchmark:
    """The fixture where pytest-benchmark is at work."""

    @pytest.fixture
    def edge_benchmark(self, benchmark: Any) -> EdgeBenchmark:
        """Times an artifact in processes of its own, and gives its latencies to pytest-benchmark."""
        if benchmark.disabled:
            benchmark.skipped = True  # else it warns that nobody used it
            pytest.skip("benchmarks are disabled, so no artifact is timed: leave --benchmark-disable out")
        return EdgeBenchmark(benchmark)


class WithoutPytestBenchmark:
    """The fixture where pytest-benchmark is not installed, or was switched off."""

    @pytest.fixture
    def edge_benchmark(self) -> EdgeBenchmark:
        """Skips, and says what is missing."""
        pytest.skip(
            "edge_benchmark needs pytest-benchmark: pip install pytest-benchmark, and leave -p no:benchmark out"
        )


def pytest_configure(config: pytest.Config) -> None:
    """Offer the one fixture or the other."""
    there = any(config.pluginmanager.hasplugin(name) for name in _PLUGINS)
    config.pluginmanager.register(WithPytestBenchmark() if there else WithoutPytestBenchmark(), "edge_benchmark")


def _measured(artifact: Path, target: str, runtime: str, threads: int, rounds: int, seed: int) -> Measured:
    from edge_opt.errors import StepFailed
    from edge_opt.flows.asked import device, known_runtime
    from edge_opt.flows.given import CHECK, entry_of, temporary
    from edge_opt.inputs import targets
    from edge_opt.stages.benchmark import Protocol, benchmark

    known_runtime(runtime)
    profile = targets.load(target)
    with temporary() as run:
        found, broken = benchmark(
            {str(artifact): entry_of(artifact, profile, runtime)},
            None,
            device(profile),
            run,
            wave=0,
            threads=threads or profile.threads[0],
            seed=seed,
            protocol=Protocol(rounds=rounds, max_runs=_MOST_RUNS),
            tell=lambda what, done, total: None,
        )
    if broken:
        raise StepFailed(f"'{artifact}' cannot be measured: {broken[str(artifact)]}", CHECK)
    return found[str(artifact)]


def _told(artifact: Path, target: str, measured: Measured) -> dict[str, Any]:
    """What stands beside the latencies in the file of pytest-benchmark."""
    from edge_opt import stats

    return {
        "artifact": artifact.name,
        "target": target,
        "runtime": measured.runtime,
        "runtime_version": measured.runtime_version,
        "threads": measured.threads,
        "memory_bytes": measured.memory_bytes,
        "load_ns": measured.load_ns,
        "round_medians_ns": [stats.median(one.samples_ns) for one in measured.rounds],
    }
