"""Runs and artifacts side by side: joined by their files, only the columns that vary, every number with its unit."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_opt.cli.show import print_benched
from edge_opt.errors import InputError, RunError
from edge_opt.flows import api, looking
from edge_opt.flows.compare import of_reports, runs_in
from edge_opt.results.report import render as render_report
from edge_opt.results.report.side_by_side import Comparison, render
from edge_opt.store import measure, measure_files
from edge_opt.types import Measured, NotTimed, Report, Trial
from tests import stack
from tests.fakes import FakeArtifact, FakeDevice
from tests.samples import a_report


def a_run() -> Report:
    """A report whose artifacts are told apart by their hashes, as those of a real run are."""
    report = a_report()
    hashes = {name: f"{place:064x}" for place, name in enumerate(sorted({_file(one) for one in report.trials}))}
    trials = [replace(one, artifact=replace(one.artifact, sha256=hashes[_file(one)])) for one in report.trials]
    return replace(report, trials=tuple(trials))


def _file(trial: Trial) -> str:
    return f"{trial.recipe.name} {trial.artifact.format} {trial.artifact.variant}"


def twice_as_fast(report: Report) -> Report:
    """The same artifacts, each timed at half of its latency, with two threads."""
    trials = []
    for trial in report.trials:
        if isinstance(trial.measured, Measured):
            rounds = tuple(
                replace(one, samples_ns=tuple(sample // 2 for sample in one.samples_ns))
                for one in trial.measured.rounds
            )
            measured = replace(trial.measured, rounds=rounds, median_ns=trial.measured.median_ns / 2, threads=2)
            trial = replace(trial, measured=measured)
        trials.append(trial)
    return replace(report, trials=tuple(trials), threads=2)


@pytest.fixture
def two() -> Comparison:
    report = a_run()
    return of_reports({"one": report, "two": twice_as_fast(report)})


def header_of(text: str) -> list[str]:
    line = next(line for line in text.splitlines() if line.startswith("|"))
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_rows_of_the_same_artifact_stand_together(two: Comparison) -> None:
    kept = {row.sha256: 0 for row in two.rows}
    blocks = 0
    for place, row in enumerate(two.rows):
        blocks += not place or two.rows[place - 1].sha256 != row.sha256
        kept[row.sha256] += 1
    assert blocks == len(kept)
    assert len(two.rows) == 2 * len(a_run().trials)
    assert all(count % 2 == 0 for count in kept.values())


def test_the_second_run_is_compared_with_the_first_by_the_same_artifact(two: Comparison) -> None:
    ratios = [row.against_first for row in two.rows if row.run == "two" and row.median_ns]
    assert ratios
    for ratio in ratios:
        assert ratio is not None
        assert ratio.estimate == pytest.approx(2, rel=1e-3)
        assert ratio.low <= ratio.estimate <= ratio.high
    assert all(row.against_first is None for row in two.rows if row.run == "one")


def test_what_all_rows_share_is_said_once_above_the_table(two: Comparison) -> None:
    text = render(two, "text", everything=True)
    titles = header_of(text)
    assert "threads" in titles
    assert not {"run", "target", "model", "machine"} & set(titles)
    above = text[: text.index("\n|")]
    assert above.count("target ") == 1
    assert above.count("clothes_classifier.keras") == 1


def test_a_baseline_that_was_not_timed_has_no_speed_up() -> None:
    report = a_run()
    elsewhere = [replace(one, measured=NotTimed(reason="no such processor")) for one in report.trials]
    there = replace(report, trials=tuple(elsewhere), target=replace(report.target, name="elsewhere"))
    comparison = of_reports({"here": report, "there": there})
    lines = render(comparison, "text", everything=True).splitlines()
    place = [word.strip() for word in next(line for line in lines if "speed-up" in line).split("|")].index("speed-up")
    found = {line.split("|")[place].strip() for line in lines if line.startswith("|") and "not timed" in line}
    assert found == {"-"}


def test_the_run_is_named_where_nothing_else_tells_two_apart() -> None:
    assert "run" in header_of(render(of_reports({"one": a_run(), "two": a_run()}), "text"))


def test_a_narrow_screen_loses_columns_and_is_told_which(two: Comparison) -> None:
    wide = render(two, "text", everything=True)
    narrow = render(two, "text", everything=True, width=130)
    assert max(map(len, wide.splitlines())) > 130
    assert max(len(line) for line in narrow.splitlines() if line.startswith("|")) <= 130
    assert "left out for the width: gzip" in narrow
    assert {"artifact", "threads", "speed-up", "verdict"} <= set(header_of(narrow))


def test_only_the_front_is_shown_and_how_to_see_the_rest_is_said(two: Comparison) -> None:
    hidden = sum(not row.front for row in two.rows)
    assert hidden
    text = render(two, "text")
    assert f"{hidden} trials that another one beats are not shown: --all shows them" in text
    assert sum(line.startswith("|") for line in text.splitlines()) == 1 + len(two.rows) - hidden


def test_csv_has_every_row_with_raw_numbers_and_units_in_the_names(two: Comparison) -> None:
    rows = list(csv.DictReader(io.StringIO(render(two, "csv"))))
    assert len(rows) == len(two.rows)
    for row, one in zip(rows, two.rows, strict=True):
        assert int(row["size_bytes"]) == one.size_bytes
        assert float(row["accuracy_fraction"]) == pytest.approx(one.accuracy.estimate if one.accuracy else None)
        if one.median_ns:
            assert float(row["median_low_ns"]) <= float(row["median_ns"]) <= float(row["median_high_ns"])


def test_json_holds_the_rows_and_stands_on_one_line(two: Comparison) -> None:
    text = render(two, "json")
    assert text.count("\n") == 1
    assert [row["sha256"] for row in json.loads(text)["rows"]] == [row.sha256 for row in two.rows]


def test_markdown_is_a_table_below_its_paragraph(two: Comparison) -> None:
    lines = render(two, "md", everything=True).splitlines()
    first = next(place for place, line in enumerate(lines) if line.startswith("|"))
    assert not lines[first - 1]
    assert set(lines[first + 1]) <= set("|-:")


def test_runs_of_other_data_and_versions_are_compared_with_one_warning() -> None:
    first = a_run()
    second = replace(first, data=replace(first.data, sha256="other"), versions={**first.versions, "edge-opt": "9.9"})
    (finding,) = of_reports({"one": first, "two": second}).findings
    assert finding.code == "EO504"
    assert "different data, versions of edge-opt" in finding.message
    assert not of_reports({"one": first, "two": first}).findings


def test_runs_below_a_folder_are_found_and_a_folder_without_any_is_refused(tmp_path: Path) -> None:
    for name in ("host-threads2", "host-threads1"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "jobs.jsonl").write_text("")
    assert runs_in(tmp_path) == (tmp_path / "host-threads1", tmp_path / "host-threads2")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="no run in"):
        runs_in(tmp_path / "empty")
    assert runs_in(tmp_path / "model.tflite") == ()


def test_a_report_of_another_format_is_one_sentence(tmp_path: Path) -> None:
    content = json.loads(render_report(a_run(), "json"))
    (tmp_path / "report.json").write_text(json.dumps({**content, "schema_version": 99}))
    with pytest.raises(RunError, match="written by another version of edge-opt: its format is 99"):
        api.compare([tmp_path])


def test_files_are_timed_together_and_keep_the_order_in_which_they_were_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(looking, "device", lambda target: FakeDevice())
    slow = FakeArtifact(latency_ns=90_000).write(tmp_path / "slow.tflite")
    fast = FakeArtifact(latency_ns=30_000).write(tmp_path / "fast.onnx")
    found = api.compare([slow, fast], rounds=6)
    assert [Path(row.artifact).name for row in found.rows] == ["slow.tflite", "fast.onnx"]
    assert found.rows[0].baseline
    assert found.rows[1].speed_up is not None
    assert found.rows[1].speed_up.estimate == pytest.approx(3, rel=0.1)
    assert "format" in header_of(render(found, "text"))


class OtherAnswers(FakeDevice):
    """Its tflite-runtime answers a quarter of the samples otherwise than its other runtimes."""

    def run(self, job: Any) -> dict[str, Any]:
        answer = super().run(job)
        if job["mode"] == "predict" and job["artifacts"][0]["runtime"] == "tflite-runtime":
            outputs = np.load(job["outputs"])
            outputs[::4] = np.roll(outputs[::4], 1, axis=1)
            np.save(job["outputs"], outputs)
        return answer


def test_files_are_scored_only_by_the_runtimes_that_timed_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No runtime loads both files, and one of them loads neither."""
    monkeypatch.setattr(looking, "device", lambda target: FakeDevice())
    files = [FakeArtifact(wrong=share).write(tmp_path / name) for name, share in (("a.tflite", 0), ("b.onnx", 0.5))]
    found = api.compare(files, data=stack.data_set(tmp_path, 300), runtime="litert,onnxruntime,openvino", rounds=6)
    names = [(row.artifact, row.runtime) for row in found.rows]
    assert names == [(str(files[0]), "litert 1.0"), (str(files[1]), "onnxruntime 1.0")]
    assert found.rows[0].accuracy is not None
    assert found.rows[0].accuracy.estimate == 1
    assert found.rows[1].drop is not None
    assert found.rows[1].drop.estimate == pytest.approx(0.5, abs=0.15)
    assert found.rows[1].verdict == "fail"


@pytest.mark.parametrize("labelled", [True, False])
def test_another_runtime_is_scored_against_the_first_and_not_against_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, labelled: bool
) -> None:
    monkeypatch.setattr(looking, "device", lambda target: OtherAnswers())
    data = stack.data_set(tmp_path, 300)
    if not labelled:
        np.savez(data, **{name: one for name, one in dict(np.load(data)).items() if name.startswith("x_")})
    file = FakeArtifact().write(tmp_path / "model.tflite")
    first, second = api.compare([file], data=data, runtime="litert,tflite-runtime", rounds=6).rows
    assert first.metric == second.metric == ("top1" if labelled else "agreement")
    assert first.accuracy is not None
    assert second.accuracy is not None
    assert second.drop is not None
    assert (first.accuracy.estimate, second.accuracy.estimate, second.drop.estimate) == (1, 0.75, 0.25)


def test_data_that_are_not_there_are_told_before_anything_is_timed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = FakeDevice()
    monkeypatch.setattr(looking, "device", lambda target: device)
    with pytest.raises(InputError):
        api.compare([FakeArtifact().write(tmp_path / "model.tflite")], data=tmp_path / "absent.npz")
    assert not device.jobs


def test_agreement_has_columns_of_its_own_beside_accuracy() -> None:
    labelled = a_run()
    trials = [replace(one, accuracy=replace(one.accuracy, metric="agreement")) for one in labelled.trials]
    found = of_reports({"one": labelled, "two": replace(labelled, trials=tuple(trials), threads=2)})
    text = render(found, "text", everything=True)
    titles = header_of(text)
    assert {"top1 %", "Δ top1 pp", "agreement %", "Δ agreement pp"} <= set(titles)
    lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line[:1] == "|"][1:]
    for row, cells in zip(found.rows, lines, strict=True):
        shown = dict(zip(titles, cells, strict=True))
        assert (shown["top1 %"] == "-") == (row.run == "two")
        assert (shown["agreement %"] == "-") == (row.run == "one")
        assert "-" in (shown["Δ top1 pp"], shown["Δ agreement pp"])
    alone = header_of(render(of_reports({"one": labelled}), "text", everything=True))
    assert "top1 %" in alone
    assert not any("agreement" in title for title in alone)


def test_a_file_from_a_run_is_joined_with_its_trial(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(looking, "device", lambda target: FakeDevice())
    (tmp_path / "artifact").mkdir()
    inside = FakeArtifact(latency_ns=30_000).write(tmp_path / "artifact" / "model.tflite")
    outside = tmp_path / "renamed.tflite"
    outside.write_bytes(inside.read_bytes())
    sha256, size_bytes, _ = measure(tmp_path / "artifact")
    assert measure_files({"model.tflite": outside})[0] == sha256
    report = a_run()
    trials = [
        replace(one, artifact=replace(one.artifact, sha256=sha256, size_bytes=size_bytes))
        if one.id == report.best
        else one
        for one in report.trials
    ]
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "report.json").write_text(render_report(replace(report, trials=tuple(trials)), "json"))
    found = api.compare([tmp_path / "run", outside], rounds=6)
    together = [row for row in found.rows if row.sha256 == sha256]
    assert [row.run for row in together] == [str(tmp_path / "run"), ""]
    places = [found.rows.index(row) for row in together]
    assert places[1] == places[0] + 1


def test_csv_of_bench_has_raw_numbers_with_their_units(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(api, "device", lambda target: FakeDevice())
    path = FakeArtifact(latency_ns=90_000).write(tmp_path / "model.tflite")
    found = api.bench([path], rounds=6)
    print_benched(found, "csv")
    (row,) = csv.DictReader(io.StringIO(capsys.readouterr().out))
    assert float(row["median_ns"]) == found.rows[0].measured.median_ns
    assert int(row["size_bytes"]) == path.stat().st_size
    assert int(row["rounds"]) == 6
    assert not row["speed_up_ratio"]  # the first has nothing to be compared with
