"""Two artifacts → the instructions that each executes, their decision, and whether the clock agrees with it.

Counts are the same on every run, whatever else the machine does, so a limit far below the noise of any clock holds.
What they say is not how long it takes.
"""

from __future__ import annotations

from edge_opt import registry, stats, units
from edge_opt.errors import StepFailed
from edge_opt.stages.gate import words
from edge_opt.stages.gate.sequence import outcome
from edge_opt.store import parse_answer
from edge_opt.types import Counted, Decision, Entry, Finding, Interval, Outcome

_WARMUP = 10  # Python rewrites what it has seen eight times, and allocators settle
_RUNS = 5
# the widest set of vector instructions that decides which kernels a runtime takes
_VECTORS = {"avx512f": "AVX-512", "avx2": "AVX2", "avx": "AVX", "sse4_2": "SSE 4.2", "sse2": "SSE2"}


def count(baseline: Entry, candidate: Entry, device: registry.Device) -> tuple[Counted, Counted]:
    """What each executes in one inference, on one thread, whatever the gate times with; by one job.

    Raises StepFailed where one cannot run there, or where the device does not count.
    """
    entries = (baseline, candidate)
    answer = device.run(
        {
            "protocol": 1,
            "mode": "count",
            "artifacts": [one.job() for one in entries],
            "threads": 1,
            "warmup": _WARMUP,
            "runs": _RUNS,
        }
    )
    if not all(one.get("instructions") for one in answer["artifacts"]):
        raise StepFailed("this device does not count instructions", "count them on the device 'callgrind'")
    shown = {"emulator": answer.get("emulator", ""), "isa": answer["environment"]["isa"]}
    first, second = (
        parse_answer(Counted, {**one, **shown, "options": entry.options})
        for one, entry in zip(answer["artifacts"], entries, strict=True)
    )
    return first, second


def decide(baseline: Counted, candidate: Counted, limit: float) -> Decision:
    """The decision on the instructions: the interval is the range of the ratios, one for each pair of inferences.

    Raises ValueError where they have not as many counts, or have none.
    """
    pairs = zip(baseline.instructions, candidate.instructions, strict=True)
    ratios = [after / before - 1 for before, after in pairs]
    change = Interval(low=min(ratios), estimate=stats.median(ratios), high=max(ratios), confidence=1.0)
    found = outcome(change, limit)
    before, after = stats.median(baseline.instructions), stats.median(candidate.instructions)
    message, hint = _explained(found, change, limit, before, after, shown(candidate))
    return Decision(
        measure="instructions",
        outcome=found,
        unit="instructions",
        baseline=before,
        candidate=after,
        change=change,
        limit=limit,
        basis="counted",
        evidence=len(ratios),
        message=message,
        hint=hint,
    )


def shown(counted: Counted) -> str:
    """The processor that was emulated: ``the processor that valgrind 3.19.0 shows (AVX2)``."""
    widest = next((name for flag, name in _VECTORS.items() if flag in counted.isa), "")
    return f"the processor that {counted.emulator} shows" + (f" ({widest})" if widest else "")


def disagreement(clock: Decision, counted: Decision) -> Finding | None:
    """EO901 where the clock does not confirm what was counted; None where they agree, or one of them cannot tell."""
    if "unclear" in (clock.outcome, counted.outcome) or clock.outcome == counted.outcome:
        return None
    return Finding(
        code="EO901",
        level="warning",
        message=f"instructions: {_said(counted)}; {clock.measure}: {_said(clock)}",
        hint=_reason(clock.outcome, counted.outcome),
    )


def _explained(
    found: Outcome, change: Interval, limit: float, before: float, after: float, processor: str
) -> tuple[str, str]:
    """The message and the hint of a decision."""
    if found == "ok":
        return "", ""
    if found == "unclear":
        return (
            f"inferences differ by {words.between(change)} in instructions, on both sides of the "
            f"{words.allowed(limit)} allowed",
            "its runtime does not do the same in every inference: allow more, or decide by the latency",
        )
    counts = f"{units.format_count(before)} to {units.format_count(after)}"
    message = f"an inference went from {counts} instructions, {words.percent(change.estimate)}, on {processor}"
    if found == "improved":
        return message, "make this the new baseline, so that the gain is kept"
    hint = "let the clock confirm it: with AVX-512 or VNNI, the real processor may run other kernels"
    return f"{message}, more than the {words.allowed(limit)} allowed", hint


def _said(decision: Decision) -> str:
    """``regressed (+1.05%)``."""
    return decision.outcome + (f" ({words.percent(decision.change.estimate)})" if decision.change else "")


def _reason(clock: Outcome, counted: Outcome) -> str:
    """What such a disagreement mostly comes from, and what to do about it."""
    if clock == "ok":
        return "the change in latency is within its limit: trust the clock, and look at what changed"
    if counted == "ok":
        return "the same work takes a different time: look at memory, alignment and the kernels of the real processor"
    said = "fewer instructions are slower here" if clock == "regressed" else "more instructions are faster here"
    return f"{said}: trust the clock, since other kernels may run on the real processor"
