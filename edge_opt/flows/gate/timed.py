"""The two at the gate → the decisions on what is measured by a clock or in memory, taken until they are clear."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from edge_opt.alternation import Alternation
from edge_opt.errors import StepFailed
from edge_opt.flows.gate.bench import Bench
from edge_opt.stages.gate import paired, sequence, solo
from edge_opt.turns import waited_s
from edge_opt.types import Basis, Decision, Finding, Step


def together(bench: Bench) -> tuple[tuple[Decision, ...], tuple[Finding, ...]]:
    """Latency and p90, both artifacts in one process; nothing where they cannot share one, and a finding why."""
    limits = bench.asked.limits.of(*paired.MEASURES)
    taken: list[Alternation] = []

    def draw(index: int) -> dict[str, float]:
        taken.append(
            paired.alternate(
                *bench.entries,
                bench.device,
                bench.run,
                index=index,
                threads=bench.baseline.threads,
                seed=bench.asked.seed,
            )
        )
        return paired.log_ratios(taken[-1])

    if not limits:
        return (), ()
    try:
        logs = _until_clear(bench, draw, limits, "pairs")
    except StepFailed as error:
        if taken or bench.baseline.runtime == bench.candidate.runtime:
            raise
        return (), (_apart(bench, error),)
    sides = tuple([paired.figures_ns(one, which) for one in taken] for which in (0, 1))
    return _decided(logs, limits, (sides[0], sides[1]), "pairs"), ()


def alone(bench: Bench, timed: Sequence[Decision]) -> tuple[Decision, ...]:
    """Load time and memory, and the latencies that no shared process gave."""
    done = {one.measure for one in timed}
    limits = {one: limit for one, limit in bench.asked.limits.of(*solo.MEASURES).items() if one not in done}
    taken: list[tuple[solo.Alone, solo.Alone]] = []

    def draw(index: int) -> dict[str, float]:
        taken.append(
            solo.take_turns(
                *bench.entries,
                bench.device,
                bench.run,
                index=index,
                threads=bench.baseline.threads,
                seed=bench.asked.seed,
            )
        )
        return solo.log_ratios(taken[-1], tuple(limits))

    if not limits:
        return ()
    logs = _until_clear(bench, draw, limits, "rounds")
    sides = tuple([one[which].figures() for one in taken] for which in (0, 1))
    return _decided(logs, limits, (sides[0], sides[1]), "rounds")


def _until_clear(
    bench: Bench, draw: Callable[[int], dict[str, float]], limits: dict[str, float], basis: Basis
) -> dict[str, tuple[float, ...]]:
    return sequence.until_clear(
        draw,
        limits,
        budget_s=bench.asked.budget_s,
        clock=lambda: time.monotonic() - waited_s(),  # that another edge-opt measures here spends nothing
        tell=lambda index: bench.watch(
            Step(stage="measure", what=f"{', '.join(limits)} in {basis}", done=index, total=sequence.next_look(index))
        ),
    )


def _decided(
    logs: dict[str, tuple[float, ...]],
    limits: dict[str, float],
    figures: tuple[list[dict[str, float]], list[dict[str, float]]],
    basis: Basis,
) -> tuple[Decision, ...]:
    return tuple(paired.decide(measure, logs[measure], limit, figures, basis) for measure, limit in limits.items())


def _apart(bench: Bench, error: StepFailed) -> Finding:
    return Finding(
        code="EO902",
        level="info",
        message=f"'{bench.baseline.runtime}' and '{bench.candidate.runtime}' could not be timed in one process "
        f"({error.message}), so each was timed in rounds of its own",
        hint="it takes longer to see the same difference",
    )
