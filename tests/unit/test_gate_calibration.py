"""What a runner can see, found out on a fake device, kept in a file, and held against what is asked of it later."""

from __future__ import annotations

import json
import math
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_opt import registry
from edge_opt.errors import EdgeOptError, InputError, RunError, StepFailed
from edge_opt.flows.gate import asked as words
from edge_opt.flows.gate import calibrate, runner
from edge_opt.flows.gate.limits import Limits, limits_of
from edge_opt.flows.given import temporary
from edge_opt.stages.gate import fingerprints, power
from edge_opt.store import Run
from edge_opt.types import Calibration, Finding, Interval, Step, Subject
from tests import samples_gate
from tests.fakes import FakeArtifact, FakeDevice, FakeExecutor
from tests.samples import an_environment

LIMIT = 0.02
HERE = an_environment()


class Copier:
    """An exporter that writes the same network anew, in another file that is as fast."""

    def rewritten(self, path: Path, out: Path) -> Path:
        (out / "model.tflite").write_bytes(path.read_bytes() + b"\n")
        return out / "model.tflite"


class Same:
    """An exporter whose files of one network are the same, byte for byte."""

    def rewritten(self, path: Path, out: Path) -> Path:
        return Path(shutil.copyfile(path, out / "model.tflite"))


class Wordless:
    """An exporter that cannot read what it wrote."""

    def rewritten(self, path: Path, out: Path) -> Path:
        raise StepFailed("it holds an operator that nobody knows")


def a_subject(path: Path, **changes: Any) -> Subject:
    return samples_gate.a_subject(str(path), path=path, **changes)


class Slow(FakeDevice):
    """A device where a process with two artifacts takes seven seconds by a clock of its own."""

    seconds = 0.0

    def run(self, job: Any) -> dict[str, Any]:
        self.seconds += 7.0 if job["mode"] == "pair" else 0.0
        return super().run(job)


def calibrated(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    exporter: Any = None,
    device: FakeDevice | None = None,
    kept: Path | None = None,
    **asked: Any,
) -> tuple[Calibration, tuple[Finding, ...]]:
    real = registry.load
    fake = exporter or Copier()
    monkeypatch.setattr(registry, "load", lambda kind, name: fake if kind == "exporters" else real(kind, name))
    path = FakeArtifact(noise=asked.pop("noise", 0.001)).write(folder / "base.tflite")
    with Run.start(kept, {}, resume=True) if kept else temporary() as run:
        return calibrate.calibrate(
            a_subject(path),
            **{"limit": LIMIT, "runs": 6, "budget_s": 60.0, "seed": 0, "watch": lambda _: None, **asked},
            run=run,
            device=device or FakeDevice(),
            executor=FakeExecutor(),
        )


# ── finding it out ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_decisions_alternate_between_a_copy_and_the_network_written_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[Any] = []
    found, said = calibrated(tmp_path, monkeypatch, runs=5, watch=steps.append)
    assert (len(found.identical), len(found.rebuilt)) == (3, 2)
    assert {len(one) for one in (*found.identical, *found.rebuilt)} == {4}
    assert (found.false_alarms, found.unclear, found.limit, said) == (0, 0, LIMIT, ())
    assert found.keeps is not None
    assert found.keeps < LIMIT
    assert found.detects_80 is not None
    assert found.detects_95 is not None
    assert LIMIT < found.detects_80 <= found.detects_95
    assert [one.done for one in steps if isinstance(one, Step)] == [0, 1, 2, 3, 4]


def test_no_two_processes_of_a_calibration_have_the_same_seed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    device = FakeDevice()
    calibrated(tmp_path, monkeypatch, device=device)
    pairs = [job for job in device.jobs if job["mode"] == "pair"]
    assert len({job["seed"] for job in pairs}) == len(pairs) == 24
    assert all(len({one["path"] for one in job["artifacts"]}) == 2 for job in pairs)  # another file each


def test_what_cannot_be_written_anew_is_compared_with_copies_alone_and_said_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for exporter, why in (
        (Wordless(), "nobody knows"),
        (object(), "its format has no way"),
        (Same(), "its format is always written in the same way"),
    ):
        found, said = calibrated(tmp_path, monkeypatch, exporter)
        assert (len(found.identical), found.rebuilt) == (6, ())
        assert [one.code for one in said] == ["EO905"]
        assert why in said[0].message


def test_a_noisy_runner_keeps_less_than_a_quiet_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (quiet, _), (noisy, _) = (calibrated(tmp_path, monkeypatch, noise=noise) for noise in (0.001, 0.2))
    assert noisy.unclear > quiet.unclear == 0
    assert quiet.keeps is not None
    assert noisy.keeps is None or noisy.keeps > quiet.keeps
    assert noisy.detects_95 is None or noisy.detects_95 > (quiet.detects_95 or 0)


def test_where_a_few_processes_fit_into_the_budget_no_more_are_promised(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = Slow()
    short, _ = calibrated(tmp_path, monkeypatch, device=slow, clock=lambda: slow.seconds, noise=0.05)
    long, _ = calibrated(tmp_path, monkeypatch, noise=0.05)
    assert (short.most, short.budget_s, long.most) == (9, 60.0, 24)
    assert max(map(len, (*short.identical, *short.rebuilt))) == 9
    assert max(map(len, (*long.identical, *long.rebuilt))) > 9
    assert short.keeps is not None
    assert long.keeps is not None
    assert short.keeps > long.keeps


def test_a_calibration_that_goes_on_knows_how_long_its_processes_took(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, slow, fresh = {"kept": tmp_path / "kept", "noise": 0.05}, Slow(), FakeDevice()
    first, _ = calibrated(tmp_path, monkeypatch, device=slow, clock=lambda: slow.seconds, **asked)
    again, _ = calibrated(tmp_path, monkeypatch, device=fresh, clock=lambda: 0.0, **asked)
    assert replace(again, taken="") == replace(first, taken="")
    assert not pairs_of(fresh)


@pytest.fixture
def asking(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, FakeDevice]:
    """A baseline to calibrate with, as the command does, and the device that is asked."""
    device, real = FakeDevice(), registry.load
    monkeypatch.setattr(registry, "load", lambda kind, name: Copier() if kind == "exporters" else real(kind, name))
    monkeypatch.setattr(words, "device", lambda _: device)
    monkeypatch.setattr(words, "executor", FakeExecutor)
    return FakeArtifact(noise=0.001).write(tmp_path / "base.tflite"), device


def stopped_at(decision: int) -> Callable[[Step | Finding], None]:
    def watch(said: Step | Finding) -> None:
        if isinstance(said, Step) and said.done == decision:
            raise KeyboardInterrupt

    return watch


def pairs_of(device: FakeDevice) -> list[int]:
    return [job["seed"] for job in device.jobs if job["mode"] == "pair"]


def test_a_calibration_that_was_stopped_goes_on_and_finds_what_it_would_have_found(
    asking: tuple[Path, FakeDevice],
) -> None:
    baseline, device = asking
    whole, _, place = words.gate_calibrate(baseline, runs=6)
    all_pairs = pairs_of(device)
    place.unlink()
    device.jobs.clear()
    with pytest.raises(KeyboardInterrupt):
        words.gate_calibrate(baseline, runs=6, watch=stopped_at(4))
    assert (baseline.parent / "base.tflite.gate.json.unfinished").is_dir()
    found, _, _ = words.gate_calibrate(baseline, runs=6)
    assert sorted(pairs_of(device)) == sorted(all_pairs)  # nothing was measured twice
    assert replace(found, taken="") == replace(whole, taken="")
    assert sorted(one.name for one in baseline.parent.iterdir()) == ["base.tflite", "base.tflite.gate.json"]


def test_a_calibration_that_goes_on_says_how_much_was_kept(asking: tuple[Path, FakeDevice]) -> None:
    baseline, _ = asking
    steps: list[Any] = []
    with pytest.raises(KeyboardInterrupt):
        words.gate_calibrate(baseline, runs=6, watch=stopped_at(4))
    words.gate_calibrate(baseline, runs=6, watch=steps.append)
    assert (steps[0].what, steps[0].total) == ("measurements of 4 of 6 are kept from before", 1)
    assert [one.done for one in steps[1:]] == [*range(6)]
    steps.clear()
    words.gate_calibrate(baseline, runs=6, watch=steps.append)
    assert not [one for one in steps if "before" in one.what]


def test_what_was_measured_of_copies_alone_is_of_copies_also_where_it_goes_on_with_both(
    asking: tuple[Path, FakeDevice], monkeypatch: pytest.MonkeyPatch
) -> None:
    baseline, _ = asking
    whole, _, place = words.gate_calibrate(baseline, runs=6)
    place.unlink()
    with monkeypatch.context() as patch:
        patch.setattr(Copier, "rewritten", Wordless.rewritten)
        with pytest.raises(KeyboardInterrupt):
            words.gate_calibrate(baseline, runs=6, watch=stopped_at(3))
    found, said, _ = words.gate_calibrate(baseline, runs=6)
    assert not said
    assert replace(found, taken="") == replace(whole, taken="")


def test_what_was_kept_of_another_artifact_or_is_damaged_is_measured_anew(asking: tuple[Path, FakeDevice]) -> None:
    baseline, device = asking
    for spoil in (
        lambda: FakeArtifact(noise=0.001, latency_ns=70_000).write(baseline),
        lambda: (baseline.parent / "base.tflite.gate.json.unfinished" / "jobs.jsonl").write_text("no journal\n"),
    ):
        with pytest.raises(KeyboardInterrupt):
            words.gate_calibrate(baseline, runs=4, watch=stopped_at(2))
        spoil()
        device.jobs.clear()
        words.gate_calibrate(baseline, runs=4)
        assert len(pairs_of(device)) == 16


def test_a_calibration_that_is_refused_leaves_nothing(asking: tuple[Path, FakeDevice]) -> None:
    baseline, _ = asking
    with pytest.raises(KeyboardInterrupt):
        words.gate_calibrate(baseline, runs=4, watch=stopped_at(0))
    assert [one.name for one in baseline.parent.iterdir()] == ["base.tflite"]


def test_what_is_detected_is_detected_that_often_in_sequences_that_nobody_saw() -> None:
    rng = np.random.default_rng(3)
    logs = rng.normal(0, 0.01, (40, 24))
    found = power.sight(logs[:20].tolist(), logs[20:].tolist(), LIMIT)
    for slow_down, least in ((found.detects_80, 0.80), (found.detects_95, 0.95)):
        assert slow_down is not None
        fresh = rng.normal(0, 0.01, (4000, 24))  # what was seen is of 40 runs, not of the truth
        assert power.shares(fresh, LIMIT, slow_down)["regressed"] > least - 0.05
        assert power.shares(fresh, LIMIT, slow_down - 0.003)["regressed"] < least
    assert found.keeps is not None
    assert power.shares(rng.normal(0, 0.01, (4000, 24)), found.keeps)["ok"] > 0.9


# ── its file ────────────────────────────────────────────────────────────────────────────────────────────────────────


def a_calibration(**changes: Any) -> Calibration:
    subject = samples_gate.a_subject()
    found = Calibration(
        fingerprint=fingerprints.fingerprint(subject, HERE),
        sha256=subject.sha256,
        limit=LIMIT,
        budget_s=60.0,
        most=24,
        identical=((0.001, -0.002, 0.0, 0.001),),
        rebuilt=((0.002, -0.001, 0.001, 0.0), (0.0, 0.001, 0.0, -0.001)),
        false_alarms=0,
        unclear=0,
        rate=Interval(low=0.0, estimate=0.0, high=0.56, confidence=0.95),
        keeps=0.015,
        detects_80=0.024,
        detects_95=None,
        taken="2026-11-25T04:42:51+00:00",
    )
    return replace(found, **changes)


def kept(folder: Path, **changes: Any) -> Path:
    """The calibration of ``folder/base.tflite``, beside it."""
    path = runner.place(folder / "base.tflite")
    path.write_text(runner.written(a_calibration(**changes)))
    return path


def checked(folder: Path, latency: str = "2%", given: Path | None = None, **subject: Any) -> tuple[Finding, ...]:
    return runner.check(a_subject(folder / "base.tflite", **subject), given, limits(latency), HERE)


def limits(latency: str) -> Limits:
    return limits_of({"latency": latency})


def test_what_is_written_is_what_is_read(tmp_path: Path) -> None:
    for changes in ({}, {"keeps": None, "identical": ()}):
        assert runner.read(kept(tmp_path, **changes)) == a_calibration(**changes)


def test_the_file_lies_beside_the_baseline_wherever_one_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bundle = tmp_path / "run" / "bundle"
    (bundle / "data").mkdir(parents=True)
    assert runner.place(Path("run/bundle")) == Path("run/bundle.gate.json")
    for folder, way in ((bundle, "."), (bundle / "data", "..")):
        monkeypatch.chdir(folder)
        place = runner.place(Path(way))
        assert Path(os.path.abspath(place)) == bundle.with_name("bundle.gate.json")


def test_without_a_calibration_there_is_nothing_to_say(tmp_path: Path) -> None:
    assert checked(tmp_path) == ()


def test_a_limit_that_the_runner_keeps_is_let_through(tmp_path: Path) -> None:
    kept(tmp_path)
    assert checked(tmp_path, "1.5%") == ()
    assert checked(tmp_path, "off") == ()  # it says nothing of other measures


def test_a_limit_below_what_the_runner_keeps_is_refused_with_the_smallest_that_it_keeps(tmp_path: Path) -> None:
    kept(tmp_path)
    with pytest.raises(InputError, match=r"--latency 1% is below what this runner can see") as caught:
        checked(tmp_path, "1%")
    assert "1.5%" in caught.value.hint


def test_a_runner_that_keeps_no_limit_is_no_place_for_a_gate(tmp_path: Path) -> None:
    kept(tmp_path, keeps=None)
    with pytest.raises(InputError, match="below what this runner can see") as caught:
        checked(tmp_path, "90%")
    assert "quieter runner" in caught.value.hint


def test_a_calibration_for_another_artifact_is_told_and_not_refused(tmp_path: Path) -> None:
    path = kept(tmp_path)
    (finding,) = checked(tmp_path, sha256="ab" * 32)
    assert (finding.code, finding.level) == ("EO904", "info")
    assert str(path) in finding.message


@pytest.mark.parametrize(
    ("subject", "environment", "said"),
    [
        ({}, {"cpu": "Another 8000"}, "the processor was 'Example 7000 2.6 GHz' and is 'Another 8000'"),
        ({}, {"cores": 64}, "the number of cores was 2 and is 64"),
        ({}, {"governor": "powersave"}, "governor"),
        ({"threads": 4}, {}, "the number of threads was 1 and is 4"),
        ({"runtime_version": "ai-edge-litert 9.0"}, {}, "the version of the runtime was .*2.3.0' and is .*9.0'"),
        ({"runtime": "onnxruntime"}, {}, "the runtime was 'litert'"),
        ({"options": {"precision": "bf16"}}, {}, "the options was none and is 'precision=bf16'"),
    ],
)
def test_a_calibration_of_something_else_is_refused_with_what_differs(
    tmp_path: Path, subject: dict[str, Any], environment: dict[str, Any], said: str
) -> None:
    kept(tmp_path)
    with pytest.raises(RunError, match=said) as caught:
        runner.check(a_subject(tmp_path / "base.tflite", **subject), None, limits("2%"), an_environment(**environment))
    wanted = a_subject(tmp_path / "base.tflite", **subject).threads
    assert f"base.tflite --threads {wanted} -o FILE' and give it with --calibration FILE" in caught.value.hint


def test_another_kernel_or_load_is_the_same_runner(tmp_path: Path) -> None:
    kept(tmp_path)
    now = an_environment(system="Linux 6.7", load_average=1.5, python="3.13.0")
    assert runner.check(a_subject(tmp_path / "base.tflite"), None, limits("2%"), now) == ()


def test_a_file_that_is_named_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="there is no calibration at") as caught:
        checked(tmp_path, given=tmp_path / "gone.json")
    assert "edge-opt gate calibrate" in caught.value.hint


def test_a_file_that_is_named_is_taken_before_the_one_beside_the_baseline(tmp_path: Path) -> None:
    kept(tmp_path, keeps=None)
    other = tmp_path / "other.json"
    other.write_text(runner.written(a_calibration(keeps=0.01)))
    assert checked(tmp_path, given=other) == ()


def _without(name: str) -> Callable[[dict[str, Any]], Any]:
    return lambda content: {key: value for key, value in content.items() if key != name}


@pytest.mark.parametrize(
    "change",
    [
        lambda content: None,
        lambda content: [],
        lambda content: "calibration",
        lambda content: {},
        lambda content: {**content, "schema_version": 99},
        lambda content: {**content, "schema_version": None},
        _without("keeps"),
        _without("fingerprint"),
        _without("budget_s"),
        _without("most"),
        lambda content: {**content, "budget_s": "60s"},
        lambda content: {**content, "most": None},
        lambda content: {**content, "fingerprint": 3},
        lambda content: {**content, "identical": 3},
        lambda content: {**content, "identical": [3]},
        lambda content: {**content, "keeps": "much"},
        lambda content: {**content, "more": 1},
    ],
)
def test_a_file_that_is_no_calibration_is_refused_in_one_sentence_with_its_name(
    tmp_path: Path, change: Callable[[dict[str, Any]], Any]
) -> None:
    path = kept(tmp_path)
    path.write_text(json.dumps(change(json.loads(path.read_text()))))
    with pytest.raises(EdgeOptError) as caught:
        checked(tmp_path)
    assert path.name in caught.value.message
    assert "\n" not in caught.value.message
    assert "edge-opt gate calibrate" in caught.value.hint


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda content: [], "it holds a list"),
        (lambda content: 3, "it holds a single value"),
        (lambda content: {}, "it lacks 'schema_version'"),
        (lambda content: {**content, "schema_version": True}, "its 'schema_version' is no whole number"),
        (_without("keeps"), "it lacks 'keeps'"),
        (lambda content: {**content, "more": 1}, "it holds 'more'"),
        (lambda content: {**content, "identical": [3]}, "its 'identical' has another form"),
        (lambda content: {**content, "limit": 10**400}, "its 'limit' has another form"),
        *[
            (lambda content, name=name, value=value: {**content, name: value}, f"its '{name}' cannot be ")
            for name, values in {
                "keeps": (math.nan, math.inf, -1, 0, 11, True, "much"),
                "limit": (math.nan, -0.02, True),
                "detects_80": (math.nan, -1),
                "budget_s": (math.inf, 0),
                "most": (3, 25, 4.5, True),
                "false_alarms": (-1, 4, True),
                "unclear": (4,),
                "identical": ([[math.nan]], [[]], [["fast"]], [[True]]),
                "rate": ({"low": 0.5, "estimate": 0.2, "high": 0.6, "confidence": 0.95},),
                "taken": (7,),
            }.items()
            for value in values
        ],
        (lambda content: {**content, "identical": [], "rebuilt": []}, "its 'identical' cannot be []"),
        (lambda content: {**content, "keeps": math.nan}, "its 'keeps' cannot be NaN"),
    ],
)
def test_a_calibration_that_nothing_can_have_found_is_refused_with_what_is_wrong(
    tmp_path: Path, change: Callable[[dict[str, Any]], Any], said: str
) -> None:
    path = kept(tmp_path)
    path.write_text(json.dumps(change(json.loads(path.read_text()))))
    with pytest.raises(RunError) as caught:
        checked(tmp_path, "off")
    assert caught.value.message.startswith(f"'{path}' is not a calibration of the gate: {said}")


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe\x00", b'{"schema_version": 1'])
def test_a_file_that_was_cut_is_refused(tmp_path: Path, content: bytes) -> None:
    path = kept(tmp_path)
    path.write_bytes(content)
    with pytest.raises(RunError, match=r"base\.tflite\.gate\.json") as caught:
        checked(tmp_path)
    assert "edge-opt gate calibrate" in caught.value.hint


def test_a_calibration_is_told_to_people_in_full(tmp_path: Path) -> None:
    said = runner.text(a_calibration())
    kinds = "3: 1 with a copy, 2 with one rebuilt file"
    for part in ("2x Example 7000", "threads 1", kinds, "0 of 3"):
        assert part in said
    assert "a slow-down of 2.4% in 80% of cases, no slow-down in 95%" in said
    assert "smallest limit it keeps  1.5%" in said
    assert "smallest limit it keeps  none\n" in runner.text(a_calibration(keeps=None))
    assert "3: 3 with a copy;" in runner.text(a_calibration(identical=((0.0,) * 4,) * 3, rebuilt=()))


def test_a_slow_down_that_is_caught_as_often_as_that_is_told_once() -> None:
    detects = "detects                  "
    assert f"{detects}a slow-down of 2.4% in 95% of cases or more\n" in runner.text(a_calibration(detects_95=0.024))
    assert f"{detects}no slow-down in 80% of cases\n" in runner.text(a_calibration(detects_80=None))


def test_a_few_runs_are_told_not_to_be_relied_on() -> None:
    few, enough = (a_calibration(identical=((0.0,) * 4,) * runs, rebuilt=()) for runs in (19, 20))
    assert runner.text(few).endswith("\nfrom 19 runs only: take 20 or more to rely on it\n")
    assert "rely" not in runner.text(enough)


def test_that_a_few_processes_fit_into_the_budget_is_told_where_it_is_so() -> None:
    assert "processes that fit       9 of 24 in 60 s" in runner.text(a_calibration(most=9))
    assert "processes that fit" not in runner.text(a_calibration())
