"""What is known before anything is tried: of the target's processor, and of what each way to store means on it.

Every rule comes with the sentence that the report gives for it.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from edge_opt.types import Candidate, Failure, Finding, Interval, Measured, Target, Trial

# The flags as Linux spells them.
_X86 = frozenset({"sse2", "ssse3", "sse4_1", "sse4_2", "avx", "avx2", "fma", "avx512f"})
# Sums of four 8-bit products in 32 bits. Without them, x86 adds two such products in 16 bits, which overflow.
_INT8_DOT = frozenset({"avx512_vnni", "avx_vnni", "avx_vnni_int8", "amx_int8"})
_FLOAT16 = frozenset({"avx512_fp16", "amx_fp16", "asimdhp", "fphp"})
_MAY_SATURATE = frozenset({"u8s8", "s8s8"})
SAFE = "u8s7"  # weights of 7 bits: their products never overflow
_CHECKED = "check"


@dataclass(frozen=True, kw_only=True)
class Processor:
    """What the processor of a target is sure to have."""

    x86: bool
    int8_dot: bool
    float16: bool

    @property
    def saturates(self) -> bool:
        """Whether sums of 8-bit products may overflow: on x86 without instructions for them."""
        return self.x86 and not self.int8_dot


def processor(target: Target, isa: Collection[str]) -> Processor:
    """What the target promises by its own instruction set; where it names none, what the machine has, by ``isa``."""
    promised = [frozenset(one.split("|")) for one in target.isa or isa]

    def has(flags: frozenset[str]) -> bool:
        return any(alternatives <= flags for alternatives in promised)

    return Processor(x86=has(_X86 | _INT8_DOT), int8_dot=has(_INT8_DOT), float16=has(_FLOAT16))


def may_saturate(candidate: Candidate, on: Processor) -> bool:
    """Whether the artifact of ``candidate`` has to be proven safe from overflow before it may be used there."""
    return on.saturates and candidate.format == "onnx" and candidate.variant in _MAY_SATURATE


def ruled_out(candidate: Candidate, on: Processor, failures: Sequence[Failure]) -> str:
    """Why ``candidate`` is not worth a trial on that processor; "" where nothing speaks against it.

    A rung of a ladder is as much worth as its root, which was tried: its own 8-bit twin never is where that overflows.
    """
    if candidate.variant != SAFE or candidate.recipe.follows:
        return ""
    if not on.saturates:
        return "7-bit weights avoid an overflow that this processor does not have, and lose a bit for it"
    full = replace(candidate, variant="u8s8").id
    # a smaller network that is stored as the original had to be is no less in danger
    like = full.removeprefix("".join(f"{word}+" for word in candidate.recipe.passes))
    if any(one.id in (full, like) and one.stage == _CHECKED for one in failures):
        return ""
    return "8-bit weights were not shown to overflow, so there is nothing to win by 7-bit weights"


def stores_only(recipe_mode: str, on: Processor) -> bool:
    """Whether float16 is nothing but a way to store there: it is computed in float32 without its own arithmetic."""
    return recipe_mode == "float16" and not on.float16


def without_claims(trials: Sequence[Trial], on: Processor) -> tuple[Trial, ...]:
    """``trials`` with no float16 faster than the float32 it computes as: what rounds show beyond that is noise.

    It is held to the float32 trial of the same network, format and runtime, as far as there is one.
    """
    plain = {_way(one): one for one in reversed(trials) if one.recipe.quantization.mode == "none" and not one.options}
    return tuple(_held(one, plain.get(_way(one)), on) for one in trials)


def _way(trial: Trial) -> tuple[object, ...]:
    return trial.recipe.passes, trial.artifact.format, trial.runtime


def _held(trial: Trial, plain: Trial | None, on: Processor) -> Trial:
    if plain is None or not stores_only(trial.recipe.quantization.mode, on):
        return trial
    own, same = trial.measured, plain.measured
    if not isinstance(own, Measured) or not isinstance(same, Measured) or own.speed_up is None:
        return trial
    # the baseline is compared with nothing: it is as fast as itself
    most = same.speed_up or Interval(low=1.0, estimate=1.0, high=1.0, confidence=own.speed_up.confidence)
    held = replace(
        own.speed_up,
        low=min(own.speed_up.low, most.low),
        estimate=min(own.speed_up.estimate, most.estimate),
        high=min(own.speed_up.high, most.high),
    )
    return replace(trial, measured=replace(own, speed_up=held, median_ns=max(own.median_ns, same.median_ns)))


def said(trials: Sequence[Trial], target: Target, on: Processor) -> tuple[Finding, ...]:
    """What a reader should know of the ways that were tried on that processor."""
    # of a smaller network, it is faster than the baseline for what it is, not for how it is stored
    if not any(stores_only(one.recipe.quantization.mode, on) and not one.recipe.passes for one in trials):
        return ()
    return (
        Finding(
            code="EO410",
            level="info",
            message=f"float16 only stores on '{target.name}': without float16 arithmetic it is computed in float32, so "
            "a latency below that of float32 is noise, and nothing is ranked by it",
            hint="take float16 for the smaller download",
        ),
    )
