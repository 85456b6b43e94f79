"""Smaller networks by the command line: real training, real exports, and a kill in the middle of it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_opt.inputs.embedded import DEMO_DATA, DEMO_MODEL, shared_path
from tests.e2e.test_interrupted import jobs

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A part of the embedded data, so that an epoch takes a second or two."""
    folder = tmp_path_factory.mktemp("data")
    counts = {"train": 3000, "val": 600, "test": 2000}
    with np.load(shared_path(DEMO_DATA)) as whole:
        some = {f"{kind}_{name}": whole[f"{kind}_{name}"][:count] for name, count in counts.items() for kind in "xy"}
        np.savez(folder / "some.npz", classes=whole["classes"], **some)
    contract = shared_path(DEMO_DATA).with_suffix(".preprocessing.toml")
    (folder / "some.preprocessing.toml").write_bytes(contract.read_bytes())
    return folder / "some.npz"


def optimize(data: Path, out: Path, *more: str) -> list[str]:
    target = data.with_name("plain.toml")
    target.write_text(
        'description = "one format"\ndevice = "local"\nformats = ["tflite"]\nruntimes = ["litert"]\nthreads = [1]\n'
    )
    return [
        *(sys.executable, "-m", "edge_opt", "optimize", str(shared_path(DEMO_MODEL)), "-d", str(data)),
        *(
            "-o",
            str(out),
            "-t",
            str(target),
            "--rounds",
            "3",
            "--no-diagnosis",
            "--no-cache",
            "-v",
            "--max-drop",
            "6pp",
            *more,
        ),
    ]


@pytest.fixture(scope="module")
def run(data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    out = tmp_path_factory.mktemp("run") / "run"
    recipes = ("-r", "strided+slim50+static_int8", "-r", "strided+slim50", "-r", "slim@2x", "-r", "static_int8")
    ended = subprocess.run(optimize(data, out, *recipes), capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    return out, json.loads((out / "report.json").read_text())


def test_each_pass_leaves_a_network_with_less_to_compute(run: tuple[Path, dict[str, Any]]) -> None:
    _, report = run
    nets = {one["name"]: one for one in report["nets"]}
    assert list(nets) == ["strided", "strided+slim50", "slim@2x"]
    assert nets["strided"]["macs"] < report["model"]["macs"]
    assert nets["strided+slim50"]["macs"] < nets["strided"]["macs"] / 2
    widths = nets["strided+slim50"]["changes"][-1]["widths"]
    assert all(one["after"] % 8 == 0 for one in widths)
    before, after = (sum(one[key] for one in widths) for key in ("before", "after"))
    assert after <= before / 2


def test_the_float_artifact_answers_what_the_network_answers_in_keras(run: tuple[Path, dict[str, Any]]) -> None:
    from ai_edge_litert.interpreter import Interpreter

    from edge_opt.nets import frameworks

    out, report = run
    (net,) = [one for one in report["nets"] if one["name"] == "strided+slim50"]
    (trial,) = [one for one in report["trials"] if one["id"] == "strided+slim50+float32/tflite/litert"]
    with np.load(shared_path(DEMO_DATA)) as whole:
        pictures = (whole["x_test"][:64, ..., None] / 255).astype(np.float32)
    expected = frameworks.keras().saving.load_model(str(out / net["path"])).predict(pictures, verbose=0)
    runner = Interpreter(model_path=str(out / trial["artifact"]["path"]), num_threads=1)
    runner.allocate_tensors()
    found = []
    for picture in pictures:
        runner.set_tensor(runner.get_input_details()[0]["index"], picture[None])
        runner.invoke()
        found.append(runner.get_tensor(runner.get_output_details()[0]["index"])[0])
    assert np.abs(np.stack(found) - expected).max() < 1e-4


def test_a_smaller_network_is_a_trial_that_is_judged_and_handed_over(run: tuple[Path, dict[str, Any]]) -> None:
    out, report = run
    assert report["best"].partition("/")[0] in (
        "strided+slim50+static_int8",
        "strided+slim50+float32",
        "slim@2x+float32",
    )
    assert report["certificate"]["status"] == "pass"
    best = next(one for one in report["trials"] if one["id"] == "strided+slim50+static_int8/tflite/litert")
    plain = next(one for one in report["trials"] if one["id"] == "static_int8/tflite/litert")
    assert best["artifact"]["size_bytes"] < plain["artifact"]["size_bytes"] / 2
    assert "slim50" in (out / "report.md").read_text()
    assert "réseaux réduits" in (out / "rapport.md").read_text()
    assert not (out / "training").exists()


def test_how_much_leaves_for_a_speed_up_is_decided_by_what_was_measured(run: tuple[Path, dict[str, Any]]) -> None:
    out, report = run
    (net,) = [one for one in report["nets"] if one["name"] == "slim@2x"]
    assert 2.0 <= net["changes"][-1]["predicted_speed_up"] < 3.0
    assert any(key.startswith("costs of ") for key in jobs(out))


def epochs(stderr: str, word: str) -> list[int]:
    """Which epochs of a training were told, in order."""
    lines = [line.split() for line in stderr.splitlines() if f" {word}, " in line]
    return [int(line[0].partition("/")[0]) - 1 for line in lines]


def test_a_training_that_was_killed_goes_on_from_its_last_checkpoint(data: Path, tmp_path: Path) -> None:
    out, log = tmp_path / "run", tmp_path / "stderr"
    command = optimize(data, out, "-r", "slim50+static_int8")
    with log.open("w") as file:
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=file, start_new_session=True)
        end = time.monotonic() + 300
        while max(epochs(log.read_text(), "slim50"), default=0) < 5:
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < end
            time.sleep(0.2)
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert list((out / "training" / "slim50").rglob("*.npz"))
    assert not [key for key in jobs(out) if key == "net slim50"]
    again = subprocess.run([*command, "--resume"], capture_output=True, text=True, check=False)
    assert again.returncode == 0, again.stderr
    told = epochs(again.stderr, "slim50")
    assert min(told) >= 4  # a checkpoint is written at the end of every epoch
    (net,) = json.loads((out / "report.json").read_text())["nets"]
    assert net["changes"][-1]["trained"][0]["epochs"] >= max(told)


def test_a_word_that_is_no_pass_is_refused_with_what_was_meant(data: Path, tmp_path: Path) -> None:
    ended = subprocess.run(
        optimize(data, tmp_path / "run", "-r", "slm50+static_int8"), capture_output=True, text=True, check=False
    )
    assert ended.returncode == 2
    assert "there is no pass 'slm50'" in ended.stderr
    assert "slim50" in ended.stderr


def test_data_without_a_training_split_are_told_what_is_needed(data: Path, tmp_path: Path) -> None:
    with np.load(data) as whole:
        kept = {name: whole[name] for name in whole.files if not name.endswith("train")}
        np.savez(tmp_path / "held.npz", **kept)
    contract = data.with_suffix(".preprocessing.toml")
    (tmp_path / "held.preprocessing.toml").write_bytes(contract.read_bytes())
    ended = subprocess.run(
        optimize(tmp_path / "held.npz", tmp_path / "run", "-r", "slim50+static_int8"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 2, ended.stderr
    assert "has no training split" in ended.stderr
    assert "give data with a training split" in ended.stderr
