"""The Gate as JUnit XML: one suite, a case a measure.

Source: the elements and their order as Jenkins reads them (the schema ``junit-10.xsd`` of its xUnit plugin), which
GitLab and the others follow. What a regression or a cannot-tell says stands in the text of its element: GitLab shows
that, and the older schema of Jenkins allows ``skipped`` no attributes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from xml.etree import ElementTree as xml

from edge_opt.results.gate import text, words
from edge_opt.types import Decision, Gate

SUITE = "edge-opt gate"
# XML 1.0 has no way to write these, not even escaped
_UNSPEAKABLE = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit(gate: Gate, strict: bool) -> str:
    """The whole document. A regression is a failure; what cannot be told is skipped, with what would decide it.

    ``strict`` makes that a failure too.
    """
    failing = ("regressed", "unclear") if strict else ("regressed",)
    failed = sum(one.outcome in failing for one in gate.decisions)
    skipped = sum(one.outcome == "unclear" and "unclear" not in failing for one in gate.decisions)
    counts = {"tests": str(len(gate.decisions)), "failures": str(failed), "errors": "0"}
    seconds = f"{gate.seconds:.3f}"
    root = xml.Element("testsuites", {"name": SUITE, **counts, "time": seconds})
    suite = _element(root, "testsuite", {"name": SUITE, **counts, "skipped": str(skipped)})
    suite.attrib |= {"time": seconds, "timestamp": gate.started}
    properties = _element(suite, "properties")
    for name, value in _properties(gate).items():
        _element(properties, "property", {"name": name, "value": value})
    for one in gate.decisions:
        _case(suite, gate, one, failed=one.outcome in failing)
    _element(suite, "system-out", said=f"{words.headline(gate)}\n\n{text.text(gate)}")
    if gate.findings:
        _element(suite, "system-err", said="\n".join(f"{one.level}[{one.code}] {one.message}" for one in gate.findings))
    xml.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + xml.tostring(root, encoding="unicode") + "\n"


def _case(suite: xml.Element, gate: Gate, decision: Decision, *, failed: bool) -> None:
    # readers split a class name at its last dot, and know a case again by class name and name; results of benchmarks
    # often lie in a folder of another name each time
    place = words.candidate(gate).replace(".", "_") if gate.candidate else words.BENCHMARKS
    name = words.clean(decision.measure)
    case = _element(suite, "testcase", {"name": name, "classname": f"edge_opt.gate.{place}", "time": "0"})
    said = "\n".join(filter(None, (words.why(decision), words.clean(decision.hint))))
    if failed:
        _element(case, "failure", {"type": decision.outcome, "message": words.why(decision)}, said)
    elif decision.outcome == "unclear":
        _element(case, "skipped", said=said)
    figures = f"{words.value(decision, decision.baseline)} → {words.value(decision, decision.candidate)}"
    out = f"{figures}, change {words.change(decision, confidence=True)}, limit {words.limit(decision)}"
    _element(case, "system-out", said=f"{out}; {words.SAID[decision.outcome]}; {words.how(decision)}")


def _properties(gate: Gate) -> Mapping[str, str]:
    """What the figures hold for: what was compared, by which command, where."""
    found = {"candidate": words.candidate(gate), "baseline": words.against(gate), "command": gate.command}
    for role, subject in (("candidate", gate.candidate), ("baseline", gate.baseline)):
        if subject:
            found[f"{role}.sha256"] = subject.sha256
            found[f"{role}.runtime"] = subject.runtime_version
            found[f"{role}.threads"] = str(subject.threads)
    if gate.environment:
        known = gate.environment
        found |= {"cpu": known.cpu, "machine": known.machine, "cores": str(known.cores), "system": known.system}
        found |= {"governor": known.governor, "python": known.python}
    return {**found, **{f"version.{name}": version for name, version in gate.versions.items()}}


def _element(parent: xml.Element, tag: str, attributes: Mapping[str, str] | None = None, said: str = "") -> xml.Element:
    """A new element below ``parent``, its texts without what XML cannot hold."""
    made = xml.SubElement(parent, tag, {name: _speakable(value) for name, value in (attributes or {}).items()})
    made.text = _speakable(said) or None
    return made


def _speakable(text: str) -> str:
    return _UNSPEAKABLE.sub("\ufffd", text)
