"""What a gate says, in the words that every format shares."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from edge_opt import units
from edge_opt.results.report.words import one_line
from edge_opt.types import Decision, Gate, Interval, Outcome, Subject

NONE = "-"
BENCHMARKS = "benchmarks"  # what stood at the gate where that has no name
# the one that comes first among its decisions is the verdict of a gate
ORDER: tuple[Outcome, ...] = ("regressed", "unclear", "improved", "ok")
SAID: dict[Outcome, str] = {"ok": "ok", "improved": "improved", "regressed": "REGRESSED", "unclear": "cannot tell"}
HAPPENED: dict[Outcome, str] = {
    "ok": "within its limit",
    "improved": "improved",
    "regressed": "regressed",
    "unclear": "undecided",
}
_HOW = {
    "pairs": ("paired", "process", "processes"),
    "rounds": ("by turns", "round", "rounds"),
    "exact": ("exact", "", ""),
    "samples": ("paired", "sample", "samples"),
    "counted": ("counted", "inference", "inferences"),
    "stored": ("stored", "measurement", "measurements"),
}
_NAMED = 3  # of the measures in a headline: a gate of benchmarks may have hundreds


def outcome(gate: Gate) -> Outcome:
    """The verdict of the whole gate: *regressed* where one measure did, then *unclear*, *improved*, *ok*.

    A gate that decided nothing is *unclear*: it must not let anything pass.
    """
    found = {one.outcome for one in gate.decisions}
    return next((one for one in ORDER if one in found), "unclear")


def candidate(gate: Gate) -> str:
    """What stood at the gate, as the user called it."""
    return clean(gate.candidate.name if gate.candidate else gate.judged or BENCHMARKS)


def against(gate: Gate) -> str:
    """What it was compared with, as the user called it."""
    return clean(gate.baseline.name if gate.baseline else gate.against)


def clean(text: str) -> str:
    """``text`` on one line that every encoding can hold: a name may have bytes that are no text."""
    return one_line(text.encode("utf-8", "replace").decode("utf-8"))


def verdict(gate: Gate) -> str:
    """``regressed in latency and size; cannot tell about p90``."""
    of = {which: [clean(one.measure) for one in gate.decisions if one.outcome == which] for which in ORDER}
    if not gate.decisions:
        return "nothing was decided"
    said = [f"regressed in {_listed(of['regressed'])}"] if of["regressed"] else []
    said += [f"cannot tell about {_listed(of['unclear'])}"] if of["unclear"] else []
    said += [f"improved in {_listed(of['improved'])}"] if of["improved"] else []
    if of["ok"] and not of["regressed"]:
        said.append("everything else is within its limit" if said else "ok, every measure is within its limit")
    return "; ".join(said)


def headline(gate: Gate) -> str:
    """One sentence without a stop: ``new.tflite against base.tflite: regressed in latency``."""
    return f"{candidate(gate)} against {against(gate)}: {verdict(gate)}"


def facts(gate: Gate) -> Iterator[str]:
    """What both ran on: ``ai-edge-litert 2.3.0``, ``threads 1``, ``cpu …``."""
    subjects = [one for one in (gate.baseline, gate.candidate) if one]
    yield from _shared([_runtime(one) for one in subjects])
    yield from _shared([f"threads {one.threads}" for one in subjects])
    if gate.environment:
        yield f"cpu {clean(gate.environment.cpu)}"


def _runtime(subject: Subject) -> str:
    options = " ".join(f"{name}={text}" for name, text in subject.options.items())
    return clean(f"{subject.runtime_version} {options}")


def _shared(texts: Sequence[str]) -> Iterator[str]:
    """The one text, or what it is of each where the two differ."""
    if len(set(texts)) == 1:
        yield texts[0]
    elif texts:
        yield f"baseline {texts[0]}, candidate {texts[1]}"


def value(decision: Decision, amount: float) -> str:
    """What was found of either, in the unit of the measure."""
    if decision.unit == "ns":
        return units.format_duration(amount)
    if decision.unit == "bytes":
        return units.format_bytes(amount)
    if decision.unit == "operators":  # without evidence, nobody knows what is executed
        return f"{units.format_count(amount)} operator{'' if amount == 1 else 's'}" if decision.evidence else NONE
    return units.format_percent(amount) if decision.unit == "fraction" else units.format_count(amount)


def change(decision: Decision, *, confidence: bool = False) -> str:
    """``+5.12% (+4.80 … +5.43)``; of accuracy, a drop of 0.4 points reads ``-0.40 pp``.

    With ``confidence`` the bounds say how sure they are; those of counts are their range. A single figure has none.
    """
    if decision.change is None:
        return NONE
    found, unit = decision.change, "%"
    if decision.unit == "fraction":
        found = Interval(low=-found.high, estimate=-found.estimate, high=-found.low, confidence=found.confidence)
        unit = " pp"
    if found.low == found.high:
        return f"{_signed(found.estimate)}{unit}"
    bounds = f"{_signed(found.low)} … {_signed(found.high)}"
    if _is_range(found):
        bounds = f"range {bounds}"
    elif confidence:
        bounds += f" at {units.format_confidence(found.confidence)}"
    return f"{_signed(found.estimate)}{unit} ({bounds})"


def limit(decision: Decision) -> str:
    """How far it may change for the worse: ``+2%``, ``-1 pp``, ``+0``."""
    if decision.unit == "fraction":
        return f"-{units.format_number(100 * decision.limit)} pp"
    if decision.unit == "operators":
        return f"+{units.format_count(decision.limit)}"
    return f"+{units.format_number(100 * decision.limit)}%"


def how(decision: Decision) -> str:
    """How it is known: ``paired, 6 processes``, ``exact``."""
    word, one, many = _HOW[decision.basis]
    if not decision.evidence or not one:
        return word
    return f"{word}, {units.format_count(decision.evidence)} {one if decision.evidence == 1 else many}"


def confidences(decisions: Sequence[Decision]) -> frozenset[float]:
    """How sure the intervals are that were estimated; what was counted has none."""
    changes = [one.change for one in decisions if one.change]
    return frozenset(one.confidence for one in changes if one.low != one.high and not _is_range(one))


def _is_range(interval: Interval) -> bool:
    """Whether it spans everything that was seen, of which nothing was estimated."""
    return interval.confidence >= 1


def happened(decision: Decision) -> str:
    """``latency regressed``, ``p90 undecided``."""
    return f"{clean(decision.measure)} {HAPPENED[decision.outcome]}"


def why(decision: Decision) -> str:
    """What was seen, as the decision says it; where it does not, its figures."""
    if decision.message:
        return clean(decision.message)
    before, after = value(decision, decision.baseline), value(decision, decision.candidate)
    seen = "" if decision.change is None else f", {change(decision)}"
    return f"from {before} to {after}{seen}, limit {limit(decision)}"


def caveats(gate: Gate) -> Iterator[tuple[str, str, str]]:
    """What decisions say although they are ok, as that they are weak ones: whose it is, the message and the hint.

    Each is said once; the name is empty where several say it and none says anything else.
    """
    names: dict[tuple[str, str], list[str]] = {}
    for one in gate.decisions:
        if one.outcome == "ok" and one.message:
            names.setdefault((clean(one.message), clean(one.hint)), []).append(clean(one.measure))
    for (message, hint), of in names.items():
        yield ("" if len(names) == 1 and len(of) > 1 else _listed(of)), message, hint


def worst_first(gate: Gate) -> Iterator[Decision]:
    """The decisions that are not simply ok, in the order of :data:`ORDER`."""
    for which in ORDER[:-1]:
        yield from (one for one in gate.decisions if one.outcome == which)


def _listed(names: Sequence[str]) -> str:
    """``latency``, ``latency and size``, ``a, b, c and 4 more``."""
    shown = list(names[:_NAMED])
    if len(names) > _NAMED:
        shown.append(f"{units.format_count(len(names) - _NAMED)} more")
    return " and ".join(filter(None, (", ".join(shown[:-1]), shown[-1])))


def _signed(fraction: float) -> str:
    text = units.format_percent(fraction, unit=False)
    return f"+{text}" if fraction > 0 and float(text) else text
