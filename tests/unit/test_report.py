"""What a Report reads like; the texts in tests/golden are the whole of it, written from the nouns of tests.samples.

After an intended change: ``EDGE_OPT_GOLDEN=write pytest tests/unit/test_report.py``, and read the difference.
"""

from __future__ import annotations

import csv
import io
import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from edge_opt import store, types
from edge_opt.results.report import render, tables, write
from tests.samples import (
    a_certificate,
    a_measured,
    a_report,
    a_trial,
    a_verdict,
    an_accuracy,
    an_interval,
    some_trials,
)
from tests.samples_diagnosed import a_whole_report

GOLDEN = Path(__file__).parent.parent / "golden"
BASELINE = "float32/tflite/litert"


def golden(name: str, found: str) -> None:
    path = GOLDEN / name
    if os.environ.get("EDGE_OPT_GOLDEN") == "write":
        path.write_text(found, encoding="utf-8")
    assert found == path.read_text(encoding="utf-8")


def test_the_text_reads_as_it_was_approved() -> None:
    golden("report.txt", render(a_report(), "text"))


@pytest.mark.parametrize(("lang", "name"), [("en", "report.md"), ("fr", "rapport.md")])
def test_the_document_reads_as_it_was_approved(lang: str, name: str) -> None:
    golden(name, render(a_report(), "md", lang=lang))


@pytest.mark.parametrize(("lang", "name"), [("en", "report_whole.md"), ("fr", "rapport_whole.md")])
def test_the_document_of_a_diagnosed_run_reads_as_it_was_approved(lang: str, name: str) -> None:
    golden(name, render(a_whole_report(), "md", lang=lang))


def test_the_spreadsheet_has_the_columns_that_were_approved() -> None:
    golden("report.csv", render(a_report(), "csv"))


def test_the_times_beside_a_retimed_speed_up_are_those_of_the_second_timing() -> None:
    report = a_report()
    assert report.retimed is not None
    halved = replace(report.retimed, best_ns=(40_000.0,), baseline_ns=(120_000.0,))
    assert "40 µs instead of 120 µs" in render(replace(report, retimed=halved), "text")


def test_a_run_whose_baseline_is_best_says_so() -> None:
    golden("report_baseline_best.txt", render(baseline_best(), "text"))


def test_the_text_names_what_limits_the_model_the_worst_first() -> None:
    lines = render(a_whole_report(), "text").splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("what limits the model"))
    diagnosis = a_whole_report().diagnosis
    assert diagnosis is not None
    for line, symptom in zip(lines[start + 1 :], diagnosis.symptoms, strict=False):
        assert line.startswith(f"  {symptom.severity}[{symptom.code}] ")


def test_a_faster_one_of_two_rounds_is_marked_and_the_conclusion_says_what_rounds_lack() -> None:
    text = render(in_few_rounds(2), "text")
    assert "≈ 1.48x ± 0.35" in text
    assert "the baseline itself: 2 rounds cannot show that dynamic_int8/tflite/litert is faster" in text
    assert "timed in fewer than three rounds" in text
    assert "fewer than three rounds" not in render(a_report(), "text")


def test_a_speed_up_of_one_round_has_no_spread() -> None:
    report = in_few_rounds(1)
    assert "≈ 1.48x |" in render(report, "text")
    assert ": 1 round cannot show" in render(report, "text")
    assert " 1 round in random order" in render(report, "md")


def in_few_rounds(count: int) -> types.Report:
    """A baseline and one that seems faster, timed in ``count`` rounds, of which the baseline was handed over."""
    float32 = some_trials()[0]
    assert isinstance(float32.measured, types.Measured)
    half = 0.35 if count > 1 else 0.0
    speed_up = types.Interval(low=1.48 - half, estimate=1.48, high=1.48 + half, confidence=1 - 2.0 ** (1 - count))
    timed = a_measured(105_000, speed_up=None)
    trials = (
        replace(float32, measured=replace(float32.measured, rounds=float32.measured.rounds[:count])),
        a_trial("dynamic_int8", measured=replace(timed, rounds=timed.rounds[:count], speed_up=speed_up)),
    )
    certificate = replace(baseline_best().certificate, ledger=())
    return replace(baseline_best(), trials=trials, pareto=(BASELINE,), certificate=certificate)


def test_the_conclusion_names_what_the_second_timing_took_back() -> None:
    again = types.Finding(
        code="EO307",
        level="warning",
        message="'static_int8/tflite/litert' is not handed over: timed again, it is no longer better than the baseline",
    )
    text = render(replace(baseline_best(), findings=(again,)), "text")
    assert "the baseline itself: static_int8/tflite/litert was no longer better when timed again; " in text


def test_the_conclusion_says_that_the_test_images_are_too_few_for_any_certificate() -> None:
    certificate = replace(baseline_best().certificate, ledger=())
    few = replace(certificate, verdict=replace(certificate.verdict, samples=100))
    text = render(replace(baseline_best(), certificate=few), "text")
    assert "the baseline itself: 100 test images are too few to certify anything else at 1.00 pp" in text


@pytest.mark.parametrize(
    ("goal", "why"),
    [
        ("balanced", "chosen for its size: balanced weighs twice as fast like half the size; "),
        ("size", "chosen for its size, which is the goal; "),
    ],
)
def test_why_a_slower_one_is_best_is_said(goal: types.Goal, why: str) -> None:
    slow = a_trial("dynamic_int8", latency_ns=233_000, speed_up=(0.66, 0.67, 0.69))
    report = a_report([some_trials()[0], slow], best=slow.id, retimed=None, goal=goal)
    text = render(report, "text")
    assert "0.67 times as fast (95% interval 0.66 … 0.69), 233 µs instead of 156 µs" in text
    assert f"{why}{BASELINE} is faster" in text


def test_a_gain_is_no_negative_drop() -> None:
    certificate = a_certificate(verdict=a_verdict(drop=(-0.0026, -0.0010, 0.0005)))
    text = render(a_report(certificate=certificate), "text")
    assert "0.10 points better (90% interval of the drop -0.26 … 0.05)" in text


def baseline_best() -> types.Report:
    certificate = a_certificate(
        trial=BASELINE,
        verdict=a_verdict(drop=(0.0, 0.0, 0.0), samples=10_000, discordant=0),
        accuracy=an_accuracy(8_807, "certification"),
        ledger=(
            types.Access(trial="static_int8/tflite/litert", status="fail"),
            types.Access(trial="dynamic_int8/tflite/litert", status="unclear"),
        ),
    )
    return a_report(best=BASELINE, certificate=certificate, retimed=None, findings=(), failures=())


def test_the_json_is_the_whole_report() -> None:
    report = a_report()
    text = render(report, "json")
    assert store.parse(types.Report, json.loads(text)) == report
    assert text.count("\n") == 1
    assert ", " not in text.replace(report.command, "").split('"layers"')[0]


def test_the_json_keeps_every_sample_under_the_promised_names() -> None:
    data = json.loads(render(a_report(), "json"))
    trial = next(one for one in data["trials"] if one["id"] == data["best"])
    assert len(trial["measured"]["rounds"]) == 3
    assert all(len(one["samples_ns"]) == 8 for one in trial["measured"]["rounds"])
    assert trial["artifact"]["size_bytes"] == 257_000
    assert trial["verdict"]["status"] == data["certificate"]["status"] == "pass"


def test_the_spreadsheet_has_one_row_a_trial_with_raw_numbers() -> None:
    report = a_report()
    rows = list(csv.DictReader(io.StringIO(render(report, "csv"))))
    assert {row["id"] for row in rows} == {trial.id for trial in report.trials}
    best = next(row for row in rows if row["best"] == "true")
    assert float(best["median_ns"]) == 50_000
    assert float(best["drop_fraction"]) == 0.001
    assert [row["median_ns"] for row in rows if row["timing"] == "not_timed"] == [""]


def test_the_baseline_comes_first_and_then_the_fastest() -> None:
    ordered = tables.ordered(a_report())
    assert ordered[0].id == BASELINE
    medians = [one.measured.median_ns for one in ordered[1:] if isinstance(one.measured, types.Measured)]
    assert medians == sorted(medians)
    assert isinstance(ordered[-1].measured, types.NotTimed)


def test_a_column_that_does_not_vary_is_in_the_header_instead() -> None:
    trials = [one for one in some_trials() if one.artifact.format == "tflite"]
    columns, constant = tables.columns(a_report(trials))
    assert "format" not in [column.title for column in columns]
    assert "format tflite" in constant
    assert "format tflite" in render(a_report(trials), "text").split("\n\n")[0]


def test_the_runtime_is_a_column_only_where_a_format_has_several() -> None:
    assert "runtime" not in [column.title for column in tables.columns(a_report())[0]]
    twice = [*some_trials(), a_trial("float16", "onnx", "openvino", size_bytes=490_000)]
    assert "runtime" in [column.title for column in tables.columns(a_report(twice))[0]]


def test_a_single_trial_keeps_its_columns() -> None:
    only = some_trials()[0]
    text = render(a_report([only], best=only.id, pareto=(only.id,), retimed=None, failures=()), "text")
    assert "| float32 " in text.replace("*", " ").replace("|   ", "| ")
    assert "top1 %" in text


@pytest.mark.parametrize(
    ("bounds", "shown"),
    [
        ((2.76, 2.80, 2.84), "2.80x ± 0.04"),
        ((0.97, 1.02, 1.07), "≈ 1.02x ± 0.05"),
        ((0.023, 0.024, 0.025), "0.024x ± 0.001 slower"),
    ],
)
def test_a_speed_up_is_only_one_when_its_interval_says_so(bounds: tuple[float, float, float], shown: str) -> None:
    assert tables.speed_up(an_interval(bounds)) == shown


@pytest.mark.parametrize(
    ("drop", "shown"),
    [
        ((-0.0006, 0.0034, 0.0074), "-0.34 ± 0.40"),
        ((-0.0010, 0.0034, 0.0074), "-0.34 ± 0.44"),
        ((-0.0006, 0.0034, 0.0094), "-0.34 -0.60/+0.40"),
        ((0.0, 0.0, 0.0), "0.00 ± 0.00"),
        ((-0.0107, -0.0102, -0.0097), "1.02 ± 0.05"),
    ],
)
def test_the_change_has_the_opposite_sign_of_the_drop(drop: tuple[float, float, float], shown: str) -> None:
    assert tables.change(an_interval(drop)) == shown


def test_no_line_of_the_table_is_wider_than_a_wide_terminal() -> None:
    table = [line for line in render(a_report(), "text").splitlines() if line.startswith("|")]
    assert len(table) == 1 + len(some_trials())
    assert {len(line) for line in table} == {len(table[0])}
    assert len(table[0]) <= 140


def test_a_message_with_line_breaks_and_colours_stays_on_its_line() -> None:
    nasty = types.Failure(id="a/b/c", recipe="a", stage="export", message="first\n\x1b[31msecond|third", hint="")
    text = render(a_report(failures=(nasty,)), "text")
    assert "failed at export: a/b/c: first [31msecond|third\n" in text
    assert "\x1b" not in text
    assert r"first \[31msecond\|third." in render(a_report(failures=(nasty,)), "md")


def test_a_finding_that_stands_twice_in_the_report_is_told_once() -> None:
    report = a_report()
    text = render(replace(report, findings=(*report.findings, *report.findings)), "text")
    assert text.count("warning[EO301]") == 1
    assert text.index("error[EO200]") < text.index("warning[EO301]")


def test_a_finding_of_a_verdict_says_whose_it_is_also_where_two_are_alike() -> None:
    trials = list(some_trials())
    over = next(one for one in trials if one.verdict.status == "fail")
    trials.append(replace(over, id="its/twin"))
    text = render(a_report(trials), "text")
    assert f"error[EO200] {over.id}: top1 drop 3.00 pp" in text
    assert "error[EO200] its/twin: top1 drop 3.00 pp" in text


def test_an_unclear_verdict_names_the_limit_it_is_about() -> None:
    trials = list(some_trials())
    slow = types.Finding(code="EO310", level="warning", message="p90 latency 41 ms may be over the limit of 40 ms")
    trials[2] = replace(trials[2], verdict=a_verdict("unclear", findings=(slow,)))
    document = render(a_report(trials), "md")
    assert f"- `{trials[2].id}` is unclear: p90 latency 41 ms may be over the limit of 40 ms.\n" in document
    assert "interval of its drop" not in document


def test_a_missed_certificate_is_not_called_one() -> None:
    certificate = a_certificate(
        "unclear", verdict=a_verdict("unclear", (-0.001, 0.006, 0.0135), samples_to_decide=5_300)
    )
    text = render(a_report(certificate=certificate), "text")
    assert "NOT certified, it cannot be told at 1.00 pp on 1,500 test images" in text
    assert "about 5,300 images would decide" in text


def test_latencies_over_a_millisecond_are_shown_in_milliseconds() -> None:
    trials = [a_trial("float32", latency_ns=61_270_000, speed_up=None), a_trial(latency_ns=21_870_000, size_bytes=100)]
    assert "latency ms" in render(a_report(trials, best=trials[0].id), "text")


def test_limits_that_were_asked_for_are_in_the_document() -> None:
    report = a_report()
    budget = types.Budget(max_latency_ns=4e7, max_size_bytes=2**20, max_memory_bytes=2**24)
    document = render(replace(report, target=replace(report.target, budget=budget)), "md")
    assert (
        "accuracy drop at most 1.00 points, p90 latency at most 40.00 ms, size at most 1.00 MiB, "
        "memory at most 16.00 MiB" in document
    )


def test_what_the_runtime_says_it_ran_names_the_trials_where_they_differ() -> None:
    trials = list(some_trials())
    trials[2] = replace(trials[2], measured=a_measured(50_000, executed={"delegate": "none"}))
    document = render(a_report(trials), "md")
    assert "what it says it did: `delegate=none` (`static_int8/tflite/litert`)" in document
    assert "- onnxruntime 1.31.1, what it says it did: `precision=float32`\n" in document


def test_nothing_that_could_be_timed_is_said_and_not_hidden() -> None:
    untimed = types.NotTimed(reason="no such instruction set")
    trials = [replace(one, measured=untimed) for one in some_trials()[:2]]
    report = a_report(trials, best=trials[1].id, pareto=(trials[1].id,), retimed=None)
    text, document = render(report, "text"), render(report, "md")
    assert "· not timed" in text
    assert "host: this machine" in text
    assert "Nothing was timed." in document
    assert "**measured**" not in document


def test_the_document_says_how_to_get_the_pictures_where_there_are_none() -> None:
    assert "pip install 'edge-opt[report]'" in render(a_report(), "md")


def test_the_documents_stand_without_the_pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "matplotlib", None)
    names = ["report.md", "report.html", "rapport.md", "rapport.html"]
    assert [path.name for path in write(a_report(), tmp_path)] == names
    for name in names:
        assert "edge-opt[report]" in (tmp_path / name).read_text(encoding="utf-8")
        assert "<img" not in (tmp_path / name).read_text(encoding="utf-8")


@pytest.mark.slow
def test_the_pictures_are_the_same_each_time_and_name_no_date(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="the pictures need: pip install 'edge-opt[report]'")
    first, second = tmp_path / "first", tmp_path / "second"
    for folder in (first, second):
        folder.mkdir()
        write(a_whole_report(), folder)
    pictures = sorted(path.name for path in (first / "pictures").iterdir())
    kinds = ("classes", "confusion", "front", "ladder", "latency", "learning", "robustness")
    assert pictures == [f"{name}.{lang}.svg" for name in kinds for lang in ("en", "fr")]
    for name in pictures:
        drawn = (first / "pictures" / name).read_text(encoding="utf-8")
        assert drawn == (second / "pictures" / name).read_text(encoding="utf-8")
        assert "<dc:date>" not in drawn
        assert f"](pictures/{name})" in (first / ("report.md" if ".en." in name else "rapport.md")).read_text("utf-8")
