"""An artifact → what its runtime executed, operator by operator, and what is to be said about it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from edge_opt import registry, units
from edge_opt.store import parse_answer
from edge_opt.types import Entry, Finding, Operator, OperatorProfile

# Below a tenth, doing away with it altogether makes an inference at most 11 % faster, and the profiler's own weight on
# small operators is as large.
WORTH_SAYING = 0.10
# Where the operators' times sum to more than this many inferences without the profiler, a large part of the time is the
# profiler's own, which weighs on small operators most: nothing is concluded from shares then.
MOST_SLOWDOWN = 1.5
_NAMED = 3  # of many operators, these are named
_PARTS = 2  # of a path, the last ones
LONGEST_NAME = 40
_FLOATS = ("float32", "float16", "bf16", "float64")
_INTEGERS = ("int8", "int4", "int16")
# kinds in any runtime's spelling, lower case without underscores
_CONVERTING = re.compile(r"^(dynamic|de|fake)?quantize(linear)?$|^reorder|^convert$|^cast$")


def profile(entry: Entry, inputs: Path | None, device: registry.Device, threads: int) -> OperatorProfile:
    """What ``entry`` was executed as, the heaviest operator first, or in the order of execution without times.

    ``inputs`` is a ``.npy`` of a few samples; without it the worker makes random ones. Raises StepFailed where the
    runtime offers no profile.
    """
    answer = device.run(
        {
            "protocol": 1,
            "mode": "profile",
            "artifacts": [entry.job()],
            "threads": threads,
            **({"inputs": str(inputs.resolve())} if inputs else {}),
        }
    )
    found: OperatorProfile = parse_answer(
        OperatorProfile, {**answer, "options": dict(entry.options), "threads": threads}
    )
    return replace(found, operators=_shared(found.operators))


def _shared(operators: Sequence[Operator]) -> tuple[Operator, ...]:
    total_ns = sum(one.median_ns or 0.0 for one in operators)
    if not total_ns:
        return tuple(operators)
    # an operator that its runtime could not time keeps no share rather than a share of nothing
    shared = (one if one.median_ns is None else replace(one, time_share=one.median_ns / total_ns) for one in operators)
    return tuple(sorted(shared, key=lambda one: -(one.median_ns or 0.0)))


def per_precision(profile: OperatorProfile) -> dict[str, float]:
    """The share of time that is spent in each precision, the largest first; of operators, where there are no times."""
    timed = _timed(profile)
    found: dict[str, float] = {}
    for one in profile.operators:
        share = (one.time_share or 0.0) if timed else 1 / len(profile.operators)
        found[one.precision or "unknown"] = found.get(one.precision or "unknown", 0.0) + share
    return dict(sorted(found.items(), key=lambda item: -item[1]))


def findings(profile: OperatorProfile) -> tuple[Finding, ...]:
    """What was executed otherwise than the artifact promises: floats, conversions, bf16, operators left behind."""
    found = (_islands(profile), _conversions(profile), _silent_bf16(profile), _off_delegate(profile))
    return tuple(one for one in found if one)


def short_names(operators: Sequence[Operator]) -> dict[str, str]:
    """Each name by the end that tells it apart: ``conv1/BiasAdd`` of ``model/block/conv1/BiasAdd;model/block/…``."""
    parts = {one.name: one.name.split(";")[0].split("/") for one in operators}
    found = {}
    for name, own in parts.items():
        kept = next(
            (
                count
                for count in range(_PARTS, len(own))
                if sum(other[-count:] == own[-count:] for other in parts.values()) == 1
            ),
            len(own),
        )
        found[name] = _cut("/".join(own[-kept:]))
    return found


def _cut(name: str) -> str:
    half = LONGEST_NAME // 2
    return name if len(name) <= LONGEST_NAME else f"{name[: half - 1]}…{name[-half:]}"


def converts(operator: Operator) -> bool:
    """Whether an operator only changes how numbers are stored."""
    return bool(_CONVERTING.search(operator.kind.lower().replace("_", "")))


def _islands(profile: OperatorProfile) -> Finding | None:
    """Float operators in an artifact that computes in integers elsewhere; without times, those that multiply."""
    working = [one for one in profile.operators if not converts(one)]
    if not any(one.precision in _INTEGERS for one in working):
        return None
    islands = [one for one in working if one.precision in _FLOATS]
    if not _timed(profile):
        islands = [one for one in islands if one.multiplies]
    share = _share(islands)
    if not islands or (_timed(profile) and (share < WORTH_SAYING or not _telling(profile))):
        return None
    return Finding(
        code="EO402",
        level="info",
        message=f"a quantized artifact computes {_listed(islands, profile)} in float{_part(islands, profile)}",
        hint="some floats are meant, as between the layers of dynamic_int8; else try another recipe or format",
    )


def _conversions(profile: OperatorProfile) -> Finding | None:
    found = [one for one in profile.operators if converts(one)]
    share = _share(found)
    if share < WORTH_SAYING or not _telling(profile):
        return None
    return Finding(
        code="EO403",
        level="info",
        message=f"{units.format_percent(share, digits=0)} of the time converts numbers: {_listed(found, profile)}",
        hint="quantize the layers between them too, or keep their neighbours in float: each border is a conversion",
    )


def _silent_bf16(profile: OperatorProfile) -> Finding | None:
    found = [one for one in profile.operators if one.precision == "bf16"]
    if not found or "bf16" in profile.options.values():
        return None
    return Finding(
        code="EO404",
        level="warning",
        message=f"{profile.runtime} computes {_listed(found, profile)} in bf16{_part(found, profile)}, "
        "which nobody asked for",
        hint="its speed is that of bf16: compare it with float32, and judge its accuracy on this machine only",
    )


def _off_delegate(profile: OperatorProfile) -> Finding | None:
    """Operators that a delegate left behind: one that multiplies, or a tenth of all."""
    if profile.executed.get("delegate") is None:
        return None
    off = [one for one in profile.operators if one.placement != "XNNPACK"]
    heavy = [one for one in off if one.multiplies]
    if not heavy and (not off or len(off) < WORTH_SAYING * len(profile.operators)):
        return None
    count = f"{len(off)} of {len(profile.operators)} operators"
    return Finding(
        code="EO405",
        level="warning" if heavy else "info",
        message=f"XNNPACK left {count} to LiteRT's own, slower kernels: {_listed(heavy or off, profile)}",
        hint="it has no kernels for these operators in this precision: compare with float32, or with another format",
    )


def _timed(profile: OperatorProfile) -> bool:
    return any(one.time_share is not None for one in profile.operators)


def _share(operators: Sequence[Operator]) -> float:
    return sum(one.time_share or 0.0 for one in operators)


def _part(operators: Sequence[Operator], profile: OperatorProfile) -> str:
    """The share of time of ``operators``, as the end of a clause; nothing where there are no times."""
    return f", {units.format_percent(_share(operators), digits=0)} of the time" if _timed(profile) else ""


def _telling(profile: OperatorProfile) -> bool:
    total_ns = sum(one.median_ns or 0.0 for one in profile.operators)
    return profile.inference_ns is None or total_ns <= MOST_SLOWDOWN * profile.inference_ns


def _listed(operators: Sequence[Operator], profile: OperatorProfile) -> str:
    """The kinds and names of the heaviest few, and how many more there are."""
    names = short_names(profile.operators)
    first = ", ".join(f"{one.kind} '{names[one.name]}'" for one in operators[:_NAMED])
    more = len(operators) - _NAMED
    return first + (f" and {more} more" if more > 0 else "")
