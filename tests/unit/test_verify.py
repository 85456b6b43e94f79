"""A bundle's promises against a machine that behaves as told."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_opt import types
from edge_opt.errors import RunError
from edge_opt.flows.promises import latency, same_answers
from edge_opt.flows.verify import Verified, verify
from tests.fakes import ENVIRONMENT, FakeArtifact, FakeDevice, truth
from tests.fixtures import tiny
from tests.fixtures.bundles import a_bundle

HERE = str(ENVIRONMENT["cpu"])
PROMISED = {"median_ns": 100_000.0, "memory_bytes": 4 * 2**20, "runtime_version": "litert 1.0"}
Make = Callable[..., Path]


@pytest.fixture
def bundle(tmp_path: Path) -> Make:
    """A function that makes a bundle of an artifact that behaves as told; it promises what FakeArtifact() does."""

    def make(behaviour: FakeArtifact | None = None, **promised: Any) -> Path:
        model = (behaviour or FakeArtifact()).write(tmp_path / "model.tflite")
        outputs = promised.pop("outputs", truth(tiny.pictures(10), 3))
        return a_bundle(tmp_path, model=model, outputs=outputs, **{"cpu": HERE, **PROMISED, **promised})

    return make


def verified(folder: Path, device: FakeDevice | None = None, **changes: Any) -> Verified:
    options = {"strict": False, "slack": 0.25, "rounds": 6, "device": device or FakeDevice(), "watch": lambda _: None}
    return verify(folder, **{**options, **changes})


def codes(found: Verified) -> set[str]:
    return {check.finding.code for check in found.checks if check.finding}


def status(found: Verified, name: str) -> list[str]:
    return [check.status for check in found.checks if check.name == name]


def test_a_bundle_that_does_as_it_promised_is_kept(bundle: Make) -> None:
    found = verified(bundle())
    assert found.status == "kept"
    assert {check.name: check.status for check in found.checks} == dict.fromkeys(
        ("files", "answers", "latency", "memory"), "kept"
    )
    assert "to the last bit" in next(one.message for one in found.checks if one.name == "answers")
    assert found.measured is not None
    assert len(found.measured.rounds) == 6


@pytest.mark.parametrize("name", ["model.tflite", "classes.txt", "golden.npz", "predict.py"])
@pytest.mark.parametrize("change", ["flip", "add", "remove", "link"])
def test_a_changed_file_is_found_and_nothing_is_run(bundle: Make, name: str, change: str, tmp_path: Path) -> None:
    folder = bundle()
    path = folder / name
    content = path.read_bytes()
    path.unlink()
    if change == "flip":
        path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    elif change == "add":
        path.write_bytes(content + b"x")
    elif change == "link":
        (tmp_path / "same").write_bytes(content)
        path.symlink_to(tmp_path / "same")
    device = FakeDevice()
    found = verified(folder, device)
    assert found.status == "broken"
    assert codes(found) == {"EO510"}
    assert name in found.checks[0].message
    assert device.jobs == []


def test_a_file_that_was_added_does_not_matter(bundle: Make) -> None:
    folder = bundle()
    (folder / "notes.txt").write_text("mine")
    assert verified(folder).status == "kept"


def test_other_answers_are_a_broken_promise(bundle: Make) -> None:
    found = verified(bundle(FakeArtifact(wrong=1.0)))
    assert found.status == "broken"
    assert status(found, "answers") == ["broken"]
    assert "EO511" in codes(found)


@pytest.mark.parametrize(("recipe", "apart", "kept"), [
    ("float32", 2e-4, True), ("float32", 5e-3, False), ("static_int8", 5e-3, True), ("static_int8", 0.2, False),
])  # fmt: skip
def test_rounded_artifacts_may_answer_a_little_otherwise(bundle: Make, recipe: str, apart: float, kept: bool) -> None:
    found = verified(bundle(recipe=recipe, outputs=truth(tiny.pictures(10), 3) + np.float32(apart)))
    assert status(found, "answers") == ["kept" if kept else "broken"]


def test_answers_are_compared_as_a_share_of_large_outputs() -> None:
    wanted = np.array([[1000.0, 0.0]])
    assert same_answers(wanted + 0.5, wanted, 1e-3).status == "kept"
    assert same_answers(wanted + 2, wanted, 1e-3).status == "broken"
    assert same_answers(np.full((1, 2), np.nan), wanted, 1e-3).status == "broken"
    assert same_answers(np.zeros((2, 2)), wanted, 1e-3).status == "broken"


def test_of_a_thousand_classes_the_small_outputs_of_another_model_are_a_broken_promise() -> None:
    """They differ by a hundredth of 1, which is many times the largest of them."""
    draw = np.random.default_rng(0)
    wanted, other = (np.exp(draw.normal(size=(10, 1000))) for _ in range(2))
    wanted, other = (one / one.sum(axis=1, keepdims=True) for one in (wanted, other))
    assert np.abs(wanted - other).max() < 5e-2
    found = same_answers(other, wanted, 5e-2)
    assert (found.status, found.finding.code if found.finding else "") == ("broken", "EO511")
    assert same_answers(wanted * (1 + 1e-2), wanted, 5e-2).status == "kept"
    assert same_answers(wanted * (1 + 1e-2), wanted, 1e-3).status == "broken"


def test_another_best_guess_is_only_allowed_where_the_two_were_promised_to_be_that_near() -> None:
    wanted = np.full((1, 1000), 1e-3)
    wanted[0, :2] = 0.10, 0.098
    swapped = wanted.copy()
    swapped[0, :2] = 0.098, 0.10
    assert same_answers(swapped, wanted, 5e-2).status == "kept"
    wanted[0, 1] = 0.094
    swapped[0, :2] = 0.0965, 0.0975  # each within 5 %, and yet the order of two that were 6 % apart has changed
    found = same_answers(swapped, wanted, 5e-2)
    assert found.status == "broken"
    assert "0 of 1 best guesses are the same" in found.message


@pytest.mark.parametrize("behaviour", [FakeArtifact(crashes=True), FakeArtifact(error="no kernel", stage="run")])
def test_a_model_that_cannot_be_run_here_is_a_broken_promise(bundle: Make, behaviour: FakeArtifact) -> None:
    found = verified(bundle(behaviour))
    assert (found.status, codes(found)) == ("broken", {"EO511"})


@pytest.mark.parametrize(("now_ns", "outcome"), [(80_000, "kept"), (120_000, "kept"), (140_000, "broken")])
def test_the_latency_may_be_over_the_promise_by_the_slack(bundle: Make, now_ns: int, outcome: str) -> None:
    assert status(verified(bundle(FakeArtifact(latency_ns=now_ns))), "latency") == [outcome]


def test_an_interval_that_holds_the_bound_cannot_tell() -> None:
    around = types.Interval(low=120.0, estimate=126.0, high=130.0)
    assert latency(around, 100.0, 0.25, lenient=False, load="").status == "unclear"
    assert latency(replace(around, high=125.0), 100.0, 0.25, lenient=False, load="").status == "kept"
    assert latency(replace(around, low=125.1), 100.0, 0.25, lenient=False, load="").status == "broken"


def test_on_a_busy_machine_slow_is_not_broken(bundle: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ENVIRONMENT, "load_average", 5.0)
    found = verified(bundle(FakeArtifact(latency_ns=200_000)))
    assert (found.status, codes(found)) == ("unclear", {"EO512"})
    assert "the load average was 5" in next(one.message for one in found.checks if one.name == "latency")


def test_the_limit_of_the_target_holds_for_the_p90(bundle: Make) -> None:
    found = verified(bundle(budget=types.Budget(max_latency_ns=50_000)))
    assert status(found, "latency") == ["kept", "broken"]
    assert found.status == "broken"


def test_more_memory_than_promised_is_broken(bundle: Make) -> None:
    found = verified(bundle(FakeArtifact(memory_bytes=40 * 2**20)))
    assert (status(found, "memory"), codes(found)) == (["broken"], {"EO513"})


def test_another_processor_is_said_and_judged_only_when_asked(bundle: Make) -> None:
    folder = bundle(FakeArtifact(latency_ns=900_000, memory_bytes=90 * 2**20), cpu="Faster 9000")
    found = verified(folder)
    assert (found.status, codes(found)) == ("kept", {"EO514"})
    assert status(found, "latency") == status(found, "memory") == ["noted"]
    assert verified(folder, strict=True).status == "broken"


def test_another_version_of_the_runtime_is_said(bundle: Make) -> None:
    found = verified(bundle(runtime_version="litert 0.9"))
    assert (found.status, status(found, "runtime")) == ("kept", ["noted"])


def test_where_nothing_was_timed_nothing_was_promised(bundle: Make) -> None:
    found = verified(bundle(not_timed="no such machine here"))
    assert found.status == "kept"
    assert status(found, "latency") == ["noted"]


def test_a_folder_that_is_no_bundle_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="is no bundle of edge-opt"):
        verified(tmp_path)


def test_a_path_that_does_not_exist_and_a_record_that_is_cut_have_hints_of_their_own(
    bundle: Make, tmp_path: Path
) -> None:
    with pytest.raises(RunError, match="there is no folder"):
        verified(tmp_path / "absent")
    folder = bundle()
    (folder / "bundle.json").write_text("{", encoding="utf-8")
    with pytest.raises(RunError, match="is not valid JSON") as refused:
        verified(folder)
    assert "copy the bundle again" in refused.value.hint


@pytest.mark.parametrize("name", ["../escape", "/etc/passwd", "a/../../escape", "..\\escape"])
def test_a_bundle_that_names_files_outside_of_it_is_refused(bundle: Make, name: str) -> None:
    folder = bundle()
    content = json.loads((folder / "bundle.json").read_text())
    content["files"][name] = content["files"]["classes.txt"]
    (folder / "bundle.json").write_text(json.dumps(content))
    with pytest.raises(RunError, match="which is not in the bundle"):
        verified(folder)


@pytest.mark.parametrize("change", ["no archive", "cut", "nothing", "flipped", "one array"])
def test_golden_inputs_that_were_exported_damaged_are_an_error_in_a_sentence(bundle: Make, change: str) -> None:
    folder = bundle()
    golden = folder / "golden.npz"
    if change == "one array":
        with golden.open("wb") as file:
            np.save(file, np.zeros(3))
    elif change == "flipped":
        with np.load(golden) as held:
            np.savez_compressed(golden, **held)
        content = bytearray(golden.read_bytes())
        content[80:200] = bytes(120)  # in the first array
        golden.write_bytes(bytes(content))
    else:
        content = bytearray(golden.read_bytes())
        golden.write_bytes({"no archive": b"PK\3\4 no archive", "cut": bytes(content[:-30]), "nothing": b""}[change])
    record = json.loads((folder / "bundle.json").read_text())
    whole = golden.read_bytes()
    record["files"]["golden.npz"] = {"sha256": hashlib.sha256(whole).hexdigest(), "size_bytes": len(whole)}
    (folder / "bundle.json").write_text(json.dumps(record))
    with pytest.raises(RunError, match=r"holds no golden inputs: .+"):
        verified(folder)


@pytest.mark.parametrize("key", ["model", "files", "timing", "target", "schema_version"])
@pytest.mark.parametrize("value", [None, "text", []])
def test_a_damaged_record_is_an_error_in_a_sentence(bundle: Make, key: str, value: Any) -> None:
    folder = bundle()
    content = json.loads((folder / "bundle.json").read_text())
    content[key] = value
    (folder / "bundle.json").write_text(json.dumps(content))
    with pytest.raises(RunError, match=r"bundle\.json' (is damaged|has the format)"):
        verified(folder)


@pytest.mark.parametrize(("content", "held"), [("[]", "list"), ('"text"', "str"), ("3", "int")])
def test_a_record_that_is_no_object_is_an_error_that_says_what_it_is(bundle: Make, content: str, held: str) -> None:
    folder = bundle()
    (folder / "bundle.json").write_text(content)
    with pytest.raises(RunError, match=rf"bundle\.json' is damaged: it holds a {held}, not an object"):
        verified(folder)
