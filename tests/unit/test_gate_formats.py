"""What a Gate reads like where CI looks for it; the texts in tests/golden are the whole of it.

After an intended change: ``EDGE_OPT_GOLDEN=write pytest tests/unit/test_gate_formats.py``, and read the difference.
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import replace
from pathlib import Path

import pytest

from edge_opt import store, types
from edge_opt.errors import UnknownName
from edge_opt.results.gate import FORMATS, headline, outcome, plot, render
from tests.samples import an_interval
from tests.samples_gate import a_decision, a_gate, a_subject, some_decisions

GOLDEN = Path(__file__).parent.parent / "golden"


@pytest.mark.parametrize(
    ("format", "name"),
    [
        ("text", "gate.txt"),
        ("md", "gate.md"),
        ("junit", "gate.junit.xml"),
        ("github", "gate.github.txt"),
        ("gitlab", "gate.gitlab.json"),
    ],
)
def test_the_gate_reads_as_it_was_approved(format: str, name: str) -> None:
    path, found = GOLDEN / name, render(a_gate(), format)
    if os.environ.get("EDGE_OPT_GOLDEN") == "write":
        path.write_text(found, encoding="utf-8")
    assert found == path.read_text(encoding="utf-8")


def test_json_is_the_gate_itself() -> None:
    assert store.parse(types.Gate, json.loads(render(a_gate(), "json"))) == a_gate()


def test_an_unknown_format_names_the_nearest() -> None:
    with pytest.raises(UnknownName) as caught:
        render(a_gate(), "junti")
    assert "'junit'" in caught.value.hint


# ── the verdict ─────────────────────────────────────────────────────────────────────────────────────────────────────


def decided(*outcomes: types.Outcome) -> types.Gate:
    names = ("latency", "size", "p90", "load", "memory")
    return a_gate(tuple(a_decision(name, one) for name, one in zip(names, outcomes, strict=False)), findings=())


@pytest.mark.parametrize(
    ("outcomes", "verdict"),
    [
        (("ok",), "ok"),
        (("ok", "improved"), "improved"),
        (("improved", "unclear", "ok"), "unclear"),
        (("improved", "unclear", "regressed", "ok"), "regressed"),
    ],
)
def test_the_worst_measure_is_the_verdict(outcomes: tuple[types.Outcome, ...], verdict: str) -> None:
    assert outcome(decided(*outcomes)) == verdict


def test_a_gate_that_decided_nothing_lets_nothing_pass() -> None:
    gate = decided()
    assert outcome(gate) == "unclear"
    for format in ("text", "md", "github"):
        assert "nothing was decided" in render(gate, format)
    assert render(gate, "github").startswith("::warning ")


@pytest.mark.parametrize(
    ("outcomes", "said"),
    [
        (("ok", "ok"), "ok, every measure is within its limit"),
        (("improved", "ok"), "improved in latency; everything else is within its limit"),
        (("unclear", "ok"), "cannot tell about latency; everything else is within its limit"),
        (("unclear",), "cannot tell about latency"),
        (("regressed", "regressed", "unclear", "ok"), "regressed in latency and size; cannot tell about p90"),
    ],
)
def test_the_headline_says_what_it_comes_to(outcomes: tuple[types.Outcome, ...], said: str) -> None:
    assert headline(decided(*outcomes)) == f"models/new.tflite against models/base.tflite: {said}"


def test_a_headline_names_three_of_many_and_counts_the_rest() -> None:
    many = tuple(a_decision(f"test_{number}", "regressed") for number in range(9))
    assert headline(a_gate(many)).endswith("regressed in test_0, test_1, test_2 and 6 more")


# ── what may be missing ─────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("format", FORMATS)
def test_results_of_benchmarks_have_no_artifact_and_no_machine(format: str) -> None:
    gate = a_gate((a_decision("test_start_up", "regressed", basis="stored", evidence=30),))
    found = render(replace(gate, candidate=None, baseline=None, against="main.json", environment=None), format)
    assert "test_start_up" in found
    assert "main.json" in found


@pytest.mark.parametrize("format", FORMATS)
def test_a_history_is_named_where_there_is_no_baseline(format: str) -> None:
    assert "history.jsonl" in render(a_gate(baseline=None, against="history.jsonl"), format)


def test_two_runtimes_are_both_named() -> None:
    other = a_subject("base.onnx", runtime_version="onnxruntime 1.31.1", threads=2, options={"graph": "all"})
    head = render(a_gate(baseline=other), "text").partition("\n\n")[0].replace("\n", " ")
    assert "baseline onnxruntime 1.31.1 graph=all, candidate ai-edge-litert 2.3.0" in head
    assert "baseline threads 2, candidate threads 1" in head


def test_bounds_say_how_sure_they_are_where_they_differ() -> None:
    sure = a_decision("p90", change=an_interval((-0.01, 0.0, 0.01), confidence=0.9))
    found = render(a_gate((a_decision(), sure)), "text")
    assert "change (interval)" in found
    assert "0.00% (-1.00 … +1.00 at 90%)" in found
    assert "+0.40% (-0.30 … +1.10 at 95%)" in found


def test_what_was_counted_has_a_range_and_no_confidence() -> None:
    counted = a_decision("instructions", unit="instructions", change=an_interval((0.01, 0.02, 0.03), confidence=1.0))
    for decisions in ((counted,), (counted, a_decision())):
        found = render(a_gate(decisions), "text")
        assert "+2.00% (range +1.00 … +3.00)" in found
        assert "100%" not in found
    assert "change (95% interval) |" in found
    assert " change |" in render(a_gate((counted,)), "text")
    assert "100%" not in render(a_gate((counted,)), "junit")


def test_a_single_count_has_neither_range_nor_interval() -> None:
    counted = a_decision("instructions", unit="instructions", change=an_interval((0.02, 0.02, 0.02), confidence=1.0))
    found = render(a_gate((counted,)), "text")
    assert "| +2.00% |" in found
    assert "interval" not in found


@pytest.mark.parametrize(("basis", "said"), [("pairs", True), ("rounds", True), ("stored", False), ("exact", False)])
def test_a_document_says_why_its_columns_need_not_agree_with_the_change(basis: types.Basis, said: bool) -> None:
    found = render(a_gate((a_decision(basis=basis),)), "md")
    assert ("the mean ratio of its pairs" in found) is said


def test_placement_counts_operators_and_shows_no_number_where_nobody_knows() -> None:
    placement = a_decision("placement", unit="operators", baseline=1.0, candidate=5.0, change=None, basis="exact")
    assert re.search(r"\| +1 operator \| 5 operators \|", render(a_gate((placement,)), "text"))
    untold = replace(placement, outcome="unclear", evidence=0)
    assert re.search(r"\| placement \| +- \| +- \|", render(a_gate((untold,)), "text"))


@pytest.mark.parametrize("format", ["text", "md", "github"])
def test_results_of_benchmarks_are_named_on_both_sides(format: str) -> None:
    gate = a_gate((a_decision("test_start_up", "regressed"),), candidate=None, baseline=None, judged="now.json")
    found = render(replace(gate, against="main.json"), format).replace("`", "")
    assert "now.json against main.json" in found


# ── what is said below the table ────────────────────────────────────────────────────────────────────────────────────

WEAK = "one run against another: what differs from run to run counts as its change"


def below(decisions: tuple[types.Decision, ...], format: str) -> list[str]:
    """What follows the table, which is the last of its block in a text."""
    return render(a_gate(decisions, findings=()), format).rpartition("|\n")[2].strip().splitlines()


def test_the_text_says_why_a_measure_is_not_ok_and_what_would_decide_it() -> None:
    gate = (
        a_decision(),
        a_decision("p90", "unclear", message="6 processes cannot tell", hint="give it a longer --budget"),
        a_decision("placement", "regressed", message="fell back: Conv2D 'conv2' computed in float32"),
        a_decision("size", "improved", message="the size went from 2 KiB to 1 KiB"),
    )
    assert below(gate, "text") == [
        "placement regressed: fell back: Conv2D 'conv2' computed in float32",
        "p90 undecided: 6 processes cannot tell",
        "  hint: give it a longer --budget",
    ]


def test_a_text_ends_with_the_table_where_every_measure_is_simply_ok() -> None:
    assert below((a_decision(), a_decision("size", "improved", message="it shrank")), "text") == []


@pytest.mark.parametrize("format", ["text", "md"])
def test_a_weaker_comparison_says_so_once_although_it_is_ok(format: str) -> None:
    weak = tuple(a_decision(f"test_{number}", basis="stored", message=WEAK) for number in range(5))
    (said,) = [line for line in below(weak, format) if WEAK in line]
    assert said.removeprefix("- ") == WEAK


@pytest.mark.parametrize("format", ["text", "md"])
def test_a_weaker_comparison_is_named_where_not_every_one_says_the_same(format: str) -> None:
    mixed = (
        a_decision("test_a", basis="stored", message=WEAK),
        a_decision("test_b", basis="stored", message=WEAK),
        a_decision("test_c", basis="stored", message="the two sides did not alternate"),
    )
    found = "\n".join(below(mixed, format)).replace("*", "").replace("\\", "")
    assert f"test_a and test_b: {WEAK}" in found
    assert "test_c: the two sides did not alternate" in found


def test_a_text_says_of_an_improvement_by_stored_values_that_it_is_weak() -> None:
    assert below((a_decision(outcome="improved", basis="stored", message=WEAK),), "text") == [
        f"latency improved: {WEAK}"
    ]


# ── texts from outside ──────────────────────────────────────────────────────────────────────────────────────────────

HOSTILE = "50% | `x`\r\n::error::[a](b)\x1b[31m <b> \udce9, c: d"


def test_a_name_cannot_break_a_workflow_command() -> None:
    decision = a_decision(HOSTILE, "regressed", message=HOSTILE, hint=HOSTILE)
    lines = render(a_gate((decision,), candidate=a_subject(HOSTILE)), "github").splitlines()
    assert len(lines) == 2  # the regression, and the finding
    title = re.fullmatch(r"::error title=([^:,]*)::(.*)", lines[0])
    assert title
    assert "%25" in title[1]
    assert "%0A" in title[2]  # before the hint
    assert "\r" not in lines[0]


def test_a_name_cannot_break_a_table_of_markdown() -> None:
    document = render(a_gate((a_decision(HOSTILE), a_decision()), candidate=a_subject(HOSTILE)), "md")
    rows = [line for line in document.splitlines() if line.startswith("|")]
    assert {len(re.findall(r"(?<!\\)\|", row)) for row in rows} == {8}
    document.encode("utf-8")


@pytest.mark.parametrize("format", FORMATS)
def test_every_format_can_be_written_and_ends_in_one_line_break(format: str) -> None:
    found = render(a_gate(), format)
    assert found.endswith("\n")
    assert not found.endswith("\n\n")
    found.encode("utf-8")


# ── GitHub ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_one_notice_says_that_everything_is_ok() -> None:
    gate = decided("ok", "ok")
    assert render(gate, "github") == f"::notice title=edge-opt gate::{headline(gate)}\n"


def test_no_kind_has_more_annotations_than_github_shows() -> None:
    many = tuple(
        a_decision(f"test_{number}", which) for which in ("regressed", "unclear", "improved") for number in range(25)
    )
    lines = render(a_gate(many, findings=()), "github").splitlines()
    for kind in ("error", "warning", "notice"):
        of_kind = [line for line in lines if line.startswith(f"::{kind} ")]
        assert len(of_kind) == 10
        assert "title=and 16 more::" in of_kind[-1]
        assert "test_24" in of_kind[-1]


# ── GitLab ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_fingerprint_is_the_same_in_the_next_run_and_another_for_another_measure() -> None:
    def prints(gate: types.Gate) -> list[str]:
        return [one["fingerprint"] for one in json.loads(render(gate, "gitlab"))]

    again = tuple(replace(one, candidate=1.01 * one.candidate, message="anew") for one in some_decisions())
    assert prints(a_gate()) == prints(a_gate(again, started="2027-01-01T00:00:00Z", seconds=99.0))
    assert len(set(prints(a_gate()))) == 4
    assert not set(prints(a_gate())) & set(prints(a_gate(candidate=a_subject("other.tflite"))))


def test_what_is_ok_or_merely_worth_knowing_is_no_issue() -> None:
    known = types.Finding(code="EO903", level="info", message="accuracy was not compared")
    assert json.loads(render(replace(decided("ok", "improved"), findings=(known,)), "gitlab")) == []


def test_the_place_is_a_path_within_the_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    gate = a_gate(candidate=a_subject(str(tmp_path / "models" / "new.tflite")))
    assert {one["location"]["path"] for one in json.loads(render(gate, "gitlab"))} == {"models/new.tflite"}


# ── --unclear fail ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_what_cannot_be_told_is_as_bad_as_a_regression_only_where_that_is_asked_for() -> None:
    gate = a_gate((a_decision("p90", "unclear"),), findings=())
    for unclear, github, gitlab in (
        ("exit", "warning", "minor"),
        ("pass", "warning", "minor"),
        ("fail", "error", "major"),
    ):
        assert render(gate, "github", unclear).startswith(f"::{github} ")  # type: ignore[arg-type]
        assert [one["severity"] for one in json.loads(render(gate, "gitlab", unclear))] == [gitlab]  # type: ignore[arg-type]


@pytest.mark.parametrize("format", ["text", "md", "json"])
def test_what_a_command_makes_of_it_changes_no_text_for_people(format: str) -> None:
    assert render(a_gate(), format, "fail") == render(a_gate(), format)


# ── the plot ────────────────────────────────────────────────────────────────────────────────────────────────────────


def one_line(low: float, estimate: float, high: float) -> tuple[str, str]:
    """The scale and the line of one change, given as shares of its limit."""
    decision = a_decision(change=an_interval((0.02 * low, 0.02 * estimate, 0.02 * high)))
    scale, line = plot.drawn((decision,))
    return scale, line


def test_the_plot_marks_zero_and_the_limit_below_their_names() -> None:
    scale, line = one_line(-0.6, -0.4, -0.2)
    assert line[scale.index(" 0 ") + 1] == "│"
    assert [place for place, mark in enumerate(line) if mark == "┊"] == [
        scale.index("-limit") + 3,
        scale.rindex("limit") + 2,
    ]


def test_an_interval_lies_between_its_bounds() -> None:
    scale, line = one_line(-0.5, 0.25, 0.5)
    zero, limit = scale.index(" 0 ") + 1, scale.rindex("limit") + 2
    unit = limit - zero
    places = {mark: line.index(mark) - zero for mark in "├●┤"}
    assert places["├"] == pytest.approx(-0.5 * unit, abs=1)
    assert places["●"] == pytest.approx(0.25 * unit, abs=1)
    assert places["┤"] == pytest.approx(0.5 * unit, abs=1)


@pytest.mark.parametrize(("change", "mark"), [((-99.0, -98.0, -97.0), "◀"), ((97.0, 98.0, 99.0), "▶")])
def test_what_lies_far_beyond_is_an_arrow(change: tuple[float, float, float], mark: str) -> None:
    _, line = one_line(*change)
    assert line.count(mark) == 1
    assert "●" not in line


def test_every_line_of_the_plot_keeps_its_width() -> None:
    lines = plot.drawn(tuple(a_decision("m" * length, "regressed") for length in (1, 24, 300)))
    assert {line.index("REGRESSED") for line in lines[1:]} == {24 + 2 + plot.WIDTH + 2}


def test_there_is_no_plot_without_an_interval() -> None:
    without = a_decision("placement", change=None, limit=0.0)
    assert plot.drawn((without, a_decision("size", limit=0.0))) == []
    assert "```" not in render(a_gate((without,)), "md")
