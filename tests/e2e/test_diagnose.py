"""`edge-opt diagnose` from the command line: on the embedded model, and on what a user may give by mistake."""

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

from edge_opt.inputs.embedded import DEMO_DATA, DEMO_MODEL, shared_path
from tests.e2e.test_bad_input import pictures

pytestmark = pytest.mark.slow
MODEL, DATA = shared_path(DEMO_MODEL), shared_path(DEMO_DATA)


@dataclass
class Done:
    """A finished call: its exit code, what it said, and the diagnosis that it printed."""

    code: int
    stderr: str
    found: dict[str, Any]

    def codes(self, severity: str = "") -> list[str]:
        return [one["code"] for one in self.found["symptoms"] if severity in ("", one["severity"])]

    def errors(self) -> list[str]:
        return [one["message"] for one in self.found["findings"] if one["level"] == "error"]


def diagnose(folder: Path, data: Path = DATA, model: Path = MODEL, *more: str | Path) -> Done:
    words = ["diagnose", model, "-d", data, "-o", folder / "diagnosis", "--samples", "60", "--format", "json", *more]
    done = subprocess.run(
        [sys.executable, "-m", "edge_opt", *map(str, words)], capture_output=True, text=True, check=False
    )
    assert "Traceback" not in done.stderr
    return Done(done.returncode, done.stderr, json.loads(done.stdout) if done.stdout else {})


@pytest.fixture(scope="module")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Done]:
    folder = tmp_path_factory.mktemp("embedded")
    return folder, diagnose(folder)


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A hundred pictures a split, so that a call takes little beside the start of the framework."""
    path = tmp_path_factory.mktemp("few") / "few.npz"
    with np.load(DATA) as arrays:
        every = {name: arrays[name] for name in arrays}
    for name in ("train", "val", "test"):
        order = np.argsort(every[f"y_{name}"], kind="stable").reshape(10, -1)[:, :10].ravel()
        every |= {f"{part}_{name}": every[f"{part}_{name}"][order] for part in "xy"}
    np.savez(path, **every)
    contract = DATA.with_name("fashion_mnist.preprocessing.toml")
    path.with_name("few.preprocessing.toml").write_text(contract.read_text())
    return path


def test_at_least_three_specific_symptoms_of_the_embedded_model_are_named(embedded: tuple[Path, Done]) -> None:
    _, done = embedded
    assert done.code == 0, done.stderr
    assert len(done.codes()) >= 3
    assert not done.codes("problem")
    behaviour = done.found["behaviour"]
    assert behaviour["accuracy"]["value"] == pytest.approx(0.8796, abs=1e-6)
    assert len(behaviour["robustness"]["conditions"]) == 40


def test_the_documents_stand_in_the_folder_in_both_languages(embedded: tuple[Path, Done]) -> None:
    folder = embedded[0] / "diagnosis"
    for name in ("diagnosis.html", "diagnosis.md", "diagnostic.html", "diagnostic.md", "diagnosis.json"):
        assert (folder / name).stat().st_size > 1000
    assert (folder / "pictures" / "confusions.svg").exists()
    assert "EO805" in (folder / "diagnostic.md").read_text()


def test_a_second_call_measures_nothing_again(embedded: tuple[Path, Done]) -> None:
    folder, first = embedded
    journal = folder / "diagnosis" / "jobs.jsonl"
    before = journal.read_text()
    again = diagnose(folder)
    assert again.found == first.found
    assert journal.read_text() == before


def test_a_history_without_validation_is_used_for_what_it_says(few: Path, tmp_path: Path) -> None:
    history = tmp_path / "training.csv"
    history.write_text(
        "epoch,loss,accuracy\n" + "\n".join(f"{i},{1 / (i + 1):.3f},{1 - 0.5 / (i + 1):.3f}" for i in range(9))
    )
    done = diagnose(tmp_path, few, MODEL, "--history", history, "--samples", "0")
    assert done.code == 0, done.stderr
    assert "EO708" in done.codes("hint")


def test_a_history_that_is_none_is_one_sentence_and_the_rest_is_looked_at(few: Path, tmp_path: Path) -> None:
    history = tmp_path / "training.csv"
    history.write_text("a picture of a curve")
    done = diagnose(tmp_path, few, MODEL, "--history", history, "--samples", "0")
    assert done.code == 2
    (said,) = done.errors()
    assert str(history) in said
    assert done.found["behaviour"]


def test_of_one_class_only_the_structure_and_the_history_are_still_judged(tmp_path: Path) -> None:
    done = diagnose(tmp_path, pictures(tmp_path / "one", "Shirt"))
    assert done.code == 2
    (said,) = done.errors()
    assert "one class only: 'Shirt'" in said
    assert done.found["structure"]["parameters"] == 241_546
    assert done.found["training"]["history"]


def test_twelve_pictures_of_different_sizes_and_text_labels_are_diagnosed(tmp_path: Path) -> None:
    image = pytest.importorskip("PIL.Image", reason="needs pillow: pip install 'edge-opt[images]'")
    classes = [name.replace("/", "-") for name in json.loads(DATA.with_name("manifest.json").read_text())["classes"]]
    folder = tmp_path / "photos"
    folder.mkdir()
    with np.load(DATA) as arrays:
        chosen = [int(np.flatnonzero(arrays["y_test"] == i % 10)[i // 10]) for i in range(12)]
        rows = ["path,label"]
        for number, i in enumerate(chosen):
            side = 28 + 7 * number
            image.fromarray(arrays["x_test"][i]).resize((side, side + 5)).save(folder / f"{number}.png")
            rows.append(f"photos/{number}.png,{classes[number % 10]}")
    table = tmp_path / "photos.csv"
    table.write_text("\n".join(rows))
    table.with_name("photos.classes.txt").write_text("\n".join(classes))
    contract = DATA.with_name("fashion_mnist.preprocessing.toml").read_text()
    table.with_name("photos.preprocessing.toml").write_text(contract)
    done = diagnose(tmp_path, table)
    assert done.code == 0, done.stderr
    assert len(done.found["behaviour"]["labels"]) == 12
    assert done.found["behaviour"]["accuracy"]["split"] == "training"  # data that are not split are no test
    assert "EO610" in done.codes()


def test_of_a_model_with_two_outputs_the_data_are_still_judged(few: Path, tmp_path: Path) -> None:
    import keras

    given = keras.Input((28, 28, 1))
    flat = keras.layers.Flatten()(given)
    model = keras.Model(given, [keras.layers.Dense(10)(flat), keras.layers.Dense(2)(flat)])
    model.save(tmp_path / "two.keras")
    done = diagnose(tmp_path, few, tmp_path / "two.keras")
    assert done.code == 2
    (said,) = done.errors()
    assert "output" in said
    assert done.found["data"]["splits"]
    assert not done.found["behaviour"]


def test_where_no_contract_suits_the_model_the_data_are_judged_as_they_are_stored(few: Path, tmp_path: Path) -> None:
    with np.load(few) as arrays:
        wrong = {name: (arrays[name] + 1) % 10 if name.startswith("y_") else arrays[name] for name in arrays}
    np.savez(tmp_path / "wrong.npz", **wrong)
    done = diagnose(tmp_path, tmp_path / "wrong.npz")
    assert done.code == 2
    (said,) = done.errors()
    assert "better than chance" in said
    assert "EO610" in done.codes()  # ten pictures of a class
    assert "EO602" not in done.codes()  # no contract was given that could be wrong
    assert not done.found["behaviour"]


def test_without_anything_to_look_at_it_is_one_sentence(tmp_path: Path) -> None:
    done = diagnose(tmp_path, tmp_path / "absent.npz")
    assert done.code == 2
    assert not done.found
    assert re.search(r"error: there is no data set .*absent\.npz'", done.stderr)


def test_the_text_names_the_worst_first_with_what_to_do(few: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "edge_opt", "diagnose", str(MODEL), "-d", str(few), "-o", str(tmp_path / "d"), "-q",
         "--samples", "0", "--lang", "fr"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert re.match(r"(problème|avertissement)\[EO\d{3}\] ", done.stdout)
    assert "Que faire" in done.stdout
