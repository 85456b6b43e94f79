"""The main job on the embedded model: real TensorFlow, real runtimes, real data, from the command line."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_opt import registry
from edge_opt.devices.local import LocalDevice
from edge_opt.executors.process import ProcessExecutor
from edge_opt.inputs import dataset, preprocess, recipes
from edge_opt.inputs.embedded import DEMO_DATA, DEMO_MODEL, shared_path
from edge_opt.stages.evaluate import evaluate
from edge_opt.types import Entry

pytestmark = pytest.mark.slow


@dataclass
class Finished:
    """A finished run: its folder, what stood on stdout and stderr, and the report as JSON."""

    folder: Path
    stdout: str
    stderr: str
    report: dict[str, Any]

    def trials(self, recipe: str) -> list[dict[str, Any]]:
        return [trial for trial in self.report["trials"] if trial["recipe"]["name"] == recipe]

    def trial(self, name: str) -> dict[str, Any]:
        return next(trial for trial in self.report["trials"] if trial["id"] == name)


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """`edge-opt optimize` with every recipe, and few rounds: nothing here looks at how fast this machine is."""
    folder = tmp_path_factory.mktemp("main-job") / "run"
    command = [
        sys.executable,
        "-m",
        "edge_opt",
        "optimize",
        str(shared_path(DEMO_MODEL)),
        "-d",
        str(shared_path(DEMO_DATA)),
        *(word for name in recipes.names() for word in ("-r", name)),  # by name, so that none is given up
    ]
    done = subprocess.run(
        [*command, "-o", str(folder), "--rounds", "4", "--format", "json"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return Finished(folder, done.stdout, done.stderr, json.loads((folder / "report.json").read_text()))


def test_json_and_nothing_else_stands_on_stdout(finished: Finished) -> None:
    assert json.loads(finished.stdout) == finished.report
    assert finished.stdout.count("\n") == 1


def test_three_formats_give_at_least_fourteen_trials_and_nothing_fails(finished: Finished) -> None:
    assert not finished.report["failures"]
    assert len(finished.report["trials"]) >= 14
    assert {trial["artifact"]["format"] for trial in finished.report["trials"]} == {"tflite", "onnx", "openvino"}


def test_the_best_artifact_is_certified_at_one_point_on_all_test_images(finished: Finished) -> None:
    certificate = finished.report["certificate"]
    assert certificate["status"] == "pass"
    assert certificate["trial"] == finished.report["best"]
    assert certificate["verdict"]["limit"] == 0.01
    assert certificate["verdict"]["samples"] == 10_000
    assert certificate["verdict"]["drop"]["high"] <= 0.01


def test_the_best_artifact_is_at_least_three_times_smaller_than_the_baseline(finished: Finished) -> None:
    best, baseline = (finished.trial(finished.report[name])["artifact"] for name in ("best", "baseline"))
    assert finished.report["baseline"] == "float32/tflite/litert"
    assert baseline["size_bytes"] >= 3 * best["size_bytes"]


def test_int16_activations_are_reported_as_slower_than_float(finished: Finished) -> None:
    trial = finished.trial("static_int16x8/tflite/litert")
    assert trial["measured"]["speed_up"]["high"] < 1
    assert "slower" in (finished.folder / "report.md").read_text()


def test_sizes_and_hashes_in_the_report_are_those_of_the_files(finished: Finished) -> None:
    for trial in finished.report["trials"]:
        path = finished.folder / trial["artifact"]["path"]
        files = [file for file in path.parent.iterdir() if file.is_file()]
        assert sum(file.stat().st_size for file in files) == trial["artifact"]["size_bytes"]
        assert path.parent.name == trial["artifact"]["sha256"][:16]


def test_every_finished_job_is_in_the_journal(finished: Finished) -> None:
    keys = [json.loads(line).get("key", "") for line in (finished.folder / "jobs.jsonl").read_text().splitlines()]
    trials = len(finished.report["trials"])
    assert sum(key.startswith("evaluate ") and key.endswith("on selection") for key in keys) == trials
    assert sum(key.startswith("wave 0, round ") for key in keys) == 4 * trials


def test_the_plan_with_its_time_and_disk_is_told_before_the_work(finished: Finished) -> None:
    assert finished.stderr.index("plan: ") < finished.stderr.index("optimize:")


def test_float32_in_every_format_answers_what_the_framework_answers_on_the_whole_test_set(
    finished: Finished, tmp_path: Path
) -> None:
    data = dataset.read(shared_path(DEMO_DATA))
    contract = preprocess.read(shared_path(DEMO_DATA))
    assert contract is not None
    assert data.test is not None
    inputs = preprocess.prepare(contract, data.test, tmp_path / "x.npy")
    with ProcessExecutor() as executor:
        frontend = registry.load("frontends", "keras")
        expected = executor.submit(frontend.predict, shared_path(DEMO_MODEL), np.load(inputs), False).result()
    floats = finished.trials("float32")
    assert {trial["artifact"]["format"] for trial in floats} == {"tflite", "onnx", "openvino"}
    for trial in floats:
        entry = Entry(path=finished.folder / trial["artifact"]["path"], runtime=trial["runtime"])
        found = evaluate(entry, inputs, tmp_path / "y.npy", LocalDevice())
        if trial["options"]:
            continue
        assert np.abs(found - expected).max() <= 1e-4, trial["id"]
        assert (found.argmax(axis=1) == expected.argmax(axis=1)).all(), trial["id"]


def test_the_bundle_classifies_and_checks_itself_without_edge_opt(finished: Finished) -> None:
    bundle = finished.folder / "bundle"
    done = subprocess.run(
        [sys.executable, "-E", "-s", str(bundle / "predict.py"), "--check"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    record = json.loads((bundle / "bundle.json").read_text())
    assert record["files"]


def test_the_report_can_be_printed_again_in_every_format(finished: Finished) -> None:
    for format in ("text", "md", "csv", "json"):
        done = subprocess.run(
            [sys.executable, "-m", "edge_opt", "report", str(finished.folder), "--format", format],
            capture_output=True,
            text=True,
            check=True,
        )
        assert "static_int8" in done.stdout
        assert not done.stderr


def test_the_comparison_in_the_report_can_be_computed_again_from_the_run_folder(finished: Finished) -> None:
    report, folder = finished.report, finished.folder
    best, baseline = (finished.trial(report[name]) for name in ("best", "baseline"))
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in (folder / "rapport.md").read_text(encoding="utf-8").splitlines()
        if line.startswith("|")
    ]
    table = {row[0]: row for row in rows if len(row) == 4}

    def french(value: float, digits: int) -> str:
        return f"{value:.{digits}f}".replace(".", ",")

    def mean(scores: list[int]) -> str:
        return french(100 * float(np.mean(scores)), 2)

    before, after = report["diagnosis"]["behaviour"]["accuracy"], report["certificate"]["accuracy"]
    for cell, answers in zip(table["Précision"][1:3], (before, after), strict=True):
        labels = np.asarray(report["diagnosis"]["behaviour"]["labels"])
        assert answers["scores"] == (np.asarray(answers["predictions"]) == labels).astype(int).tolist()
        assert cell.startswith(mean(answers["scores"]))
    for cell, trial in zip(table["Taille du modèle"][1:3], (baseline, best), strict=True):
        files = (folder / trial["artifact"]["path"]).parent.iterdir()
        assert cell.startswith(french(sum(file.stat().st_size for file in files) / 1024, 2))
    for cell, robust in zip(table["Robustesse"][1:3], ("before", "after"), strict=True):
        conditions = report["quality"][robust]["conditions"]
        assert len(conditions) == 40
        assert cell.startswith(mean([float(np.mean(one["scores"])) for one in conditions]))
    journal = [json.loads(line) for line in (folder / "jobs.jsonl").read_text().splitlines()[1:]]
    pairs = [
        one["value"]["blocks"] for one in journal if ", again, process " in one["key"] and best["id"] in one["key"]
    ]
    for cell, which in zip(table["Temps d'inférence"][1:3], (0, 1), strict=True):
        processes = [
            np.median([np.median(block["samples_ns"]) for block in blocks if block["artifact"] == which])
            for blocks in pairs
        ]
        told_us = float(re.match(r"[\d,]+", cell).group().replace(",", "."))  # type: ignore[union-attr]
        assert told_us == pytest.approx(float(np.median(processes)) / 1000, rel=0.006)
