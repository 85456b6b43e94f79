"""Sustained runs from the job to the picture, on a device that gets hot as it is told."""

from __future__ import annotations

import csv
import io
import json
import math
import sys
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from click.testing import CliRunner

from edge_opt.cli.main import cli
from edge_opt.errors import AnotherRequest, DeviceLost, InputError, MissingPackage, RunError, StepFailed
from edge_opt.flows import api, sustained
from edge_opt.inputs import targets
from edge_opt.stages import steady
from edge_opt.types import Entry, Sustained, Window
from tests.fakes import FakeArtifact, FakeDevice
from tests.samples import an_environment


def celsius(seconds: float) -> float:
    """A board that warms through with a time constant of 70 s."""
    return 45 + 38 * (1 - math.exp(-seconds / 70))


def hot_board(seconds: float) -> dict[str, Any]:
    hot = celsius(seconds) >= 80
    return {
        "frequencies_hz": [1_200_000_000 if hot else 1_800_000_000] * 4,
        "temperature_c": celsius(seconds),
        "throttled": 0x80008 if hot else 0,
    }


@pytest.fixture
def device(monkeypatch: pytest.MonkeyPatch) -> FakeDevice:
    one = FakeDevice()
    monkeypatch.setattr(sustained, "device_of", lambda target: one)
    return one


@pytest.fixture
def artifact(tmp_path: Path) -> Path:
    return FakeArtifact(latency_ns=10_000_000).write(tmp_path / "model.tflite")


def get_hot(device: FakeDevice) -> None:
    device.board = hot_board
    device.warming = lambda seconds: 1.5 if celsius(seconds) >= 80 else 1.0


# ── what is measured ───────────────────────────────────────────────────────────────────────────────────────────────


def test_a_board_that_gets_hot_is_slower_in_the_steady_state_with_its_clock_and_heat(
    device: FakeDevice, artifact: Path
) -> None:
    get_hot(device)
    found = sustained.sustain([artifact], seconds="6m")
    run = found.rows[0].sustained
    assert (len(run.windows), run.first.windows, run.steady.windows) == (360, 60, 144)
    assert run.slowdown.estimate == pytest.approx(1.5, rel=0.01)
    assert run.slowdown.low > 1.4
    assert run.settled
    assert (run.first.frequency_hz, run.steady.frequency_hz) == (1.8e9, 1.2e9)
    assert run.first.temperature_c == pytest.approx(celsius(31), abs=2)
    assert [one.code for one in found.findings] == ["EO320", "EO321", "EO322"]


def test_a_job_says_how_long_it_lasts_and_runs_alone(device: FakeDevice, artifact: Path) -> None:
    sustained.sustain([artifact], seconds=20, threads=2, seed=3)
    (job,) = (one for one in device.jobs if one["mode"] == "sustain")
    assert (job["seconds"], job["window_seconds"], job["threads"], job["seed"]) == (20.0, 1.0, 2, 3)


def test_before_the_next_artifact_the_board_cools_to_where_the_first_began(
    device: FakeDevice, artifact: Path, tmp_path: Path
) -> None:
    device.board = hot_board
    sustained.sustain([artifact, FakeArtifact().write(tmp_path / "next.tflite")], seconds=20)
    first, second = (job for job in device.jobs if job["mode"] == "sustain")
    assert "rest_below_c" not in first
    assert (second["rest_below_c"], second["rest_seconds"]) == (48.0, 600.0)


def test_a_device_that_tells_nothing_has_no_states_clocks_or_heat(device: FakeDevice, artifact: Path) -> None:
    run = sustained.sustain([artifact], seconds=20).rows[0].sustained
    assert run.states == ()
    assert {window.state for window in run.windows} == {None}
    assert (run.steady.frequency_hz, run.steady.temperature_c) == (None, None)


def test_of_less_than_five_minutes_the_beginning_is_the_first_fifth(device: FakeDevice, artifact: Path) -> None:
    run = sustained.sustain([artifact], seconds=100).rows[0].sustained
    assert (run.first.windows, run.steady.windows) == (20, 40)
    assert (run.first.start_s, run.first.end_s) == pytest.approx((0.1, 20.1))
    assert (run.steady.start_s, run.steady.end_s) == pytest.approx((60.1, 100.1))


@pytest.mark.parametrize("given", ["5s", "14.9s", 3])
def test_a_time_that_is_too_short_is_refused(artifact: Path, given: str | float) -> None:
    with pytest.raises(InputError, match=f"'{given}' is too short"):
        sustained.sustain([artifact], seconds=given)


# ── what is judged ─────────────────────────────────────────────────────────────────────────────────────────────────


def judge(medians_ns: list[float], p90s_ns: list[float] | None = None, runs: list[int] | None = None) -> Sustained:
    p90s_ns = p90s_ns or [1.1 * one for one in medians_ns]
    runs = runs or [100] * len(medians_ns)
    windows = tuple(
        Window(start_s=float(index), runs=count, median_ns=median, p90_ns=p90)
        for index, (median, p90, count) in enumerate(zip(medians_ns, p90s_ns, runs, strict=True))
    )
    answer = steady.Answer(runtime_version="one", executed={}, environment=an_environment(), windows=windows)
    entry = Entry(path=Path("model.tflite"), runtime="litert")
    return steady.judged(entry, answer, seconds=len(windows), threads=1, seed=0)


def noisy(count: int, drift: float, seed: int = 0) -> list[float]:
    draw = np.random.default_rng(seed)
    return [1e6 * (1 + drift * index / count) * (1 + 0.01 * draw.standard_normal()) for index in range(count)]


def test_what_still_gets_slower_has_not_settled() -> None:
    drifting = judge(noisy(200, drift=0.5))
    assert not drifting.settled
    # the middles of the last two fifths are a fifth of the time apart
    assert drifting.trend.estimate == pytest.approx((1 + 0.5 * 0.9) / (1 + 0.5 * 0.7), rel=0.01)
    assert judge(noisy(200, drift=0.0)).settled


def test_a_small_trend_is_no_trend_however_sure_it_is() -> None:
    run = judge([1e6 * (1 + 0.05 * index / 200) for index in range(200)])
    assert run.trend.low > 1
    assert run.settled


def test_the_interval_of_the_ratio_holds_the_truth_about_as_often_as_it_says() -> None:
    held = 0
    for seed in range(60):
        run = judge(noisy(100, drift=0.0, seed=seed))
        held += run.slowdown.low <= 1 <= run.slowdown.high
    # 57 of 60 are 95 %; under 50 is out of reach of chance (binomial, p < 0.001), blocks make it a little too narrow
    assert held >= 50


def test_windows_that_resemble_each_other_give_a_wider_interval_than_single_ones_would() -> None:
    draw = np.random.default_rng(1)
    steps = np.zeros(200)
    for index in range(1, 200):
        steps[index] = 0.9 * steps[index - 1] + 0.01 * draw.standard_normal()
    medians = (1e6 * (1 + steps)).tolist()
    run = judge(medians)
    first, last = np.asarray(medians[:40]), np.asarray(medians[120:])
    single = [
        np.median(last[draw.integers(80, size=80)]) / np.median(first[draw.integers(40, size=40)]) for _ in range(2000)
    ]
    low, high = np.quantile(single, (0.025, 0.975))
    assert run.slowdown.high - run.slowdown.low > 1.15 * (high - low)


def test_the_p90_of_windows_that_are_alike_is_theirs() -> None:
    run = judge([1e6] * 50, [1.2e6] * 50)
    assert run.p90_ns.estimate == pytest.approx(1.2e6, rel=1e-6)
    assert run.steady.p90_ns == run.p90_ns.estimate


def test_the_p90_of_a_clock_that_goes_up_and_down_is_that_of_all_inferences() -> None:
    draw = np.random.default_rng(0)
    fast, slow = draw.uniform(0.9, 1.1, (2, 100_000)) * [[10e6], [15e6]]
    truth = np.quantile(np.concatenate([fast, slow]), 0.9)
    columns = [(np.median(one), np.quantile(one, 0.9)) for one in (fast, slow)]
    run = judge(
        [columns[index // 5 % 2][0] for index in range(100)], [columns[index // 5 % 2][1] for index in range(100)]
    )
    assert run.p90_ns.estimate == pytest.approx(truth, rel=0.01)


def test_windows_count_by_their_inferences() -> None:
    # one slow window in two, but it holds one inference in a hundred
    run = judge([1e6, 9e6] * 50, [1.1e6, 9.1e6] * 50, [99, 1] * 50)
    assert run.p90_ns.estimate < 1.2e6


# ── what is kept ───────────────────────────────────────────────────────────────────────────────────────────────────


class LosingDevice(FakeDevice):
    """Lost at the sustained run of that artifact."""

    def __init__(self, lost_at: str) -> None:
        super().__init__()
        self.lost_at = lost_at
        self.error: BaseException = DeviceLost("'ssh://pi@board' no longer answers")

    def run(self, job: Mapping[str, Any]) -> dict[str, Any]:
        if job["mode"] == "sustain" and self.lost_at in job["artifacts"][0]["path"]:
            raise self.error
        return super().run(job)


@pytest.fixture
def three(tmp_path: Path) -> list[Path]:
    return [FakeArtifact().write(tmp_path / f"{name}.tflite") for name in ("one", "two", "three")]


def use(monkeypatch: pytest.MonkeyPatch, device: FakeDevice) -> FakeDevice:
    monkeypatch.setattr(sustained, "device_of", lambda target: device)
    return device


def test_what_a_lost_device_finished_is_told_and_the_same_call_goes_on(
    monkeypatch: pytest.MonkeyPatch, three: list[Path], tmp_path: Path
) -> None:
    use(monkeypatch, LosingDevice("two"))
    found = sustained.sustain(three, seconds=20, output=tmp_path / "run")
    assert [row.artifact for row in found.rows] == three[:1]
    assert [one.artifact for one in found.failures] == three[1:]
    assert "no longer answers" in found.failures[0].message
    assert found.picture == tmp_path / "run" / "sustained.svg"
    again = use(monkeypatch, FakeDevice())
    assert [row.artifact for row in sustained.sustain(three, seconds=20, output=tmp_path / "run").rows] == three
    assert [Path(job["artifacts"][0]["path"]).stem for job in again.jobs if job["mode"] == "sustain"] == [
        "two",
        "three",
    ]


def test_what_was_finished_before_it_was_stopped_is_not_done_again(
    monkeypatch: pytest.MonkeyPatch, three: list[Path], tmp_path: Path
) -> None:
    stopped = LosingDevice("three")
    stopped.error = KeyboardInterrupt()
    use(monkeypatch, stopped)
    with pytest.raises(KeyboardInterrupt):
        sustained.sustain(three, seconds=20, output=tmp_path / "run")
    again = use(monkeypatch, FakeDevice())
    assert len(sustained.sustain(three, seconds=20, output=tmp_path / "run").rows) == 3
    assert [job["mode"] for job in again.jobs].count("sustain") == 1


def test_a_device_lost_before_anything_was_finished_is_the_error(
    monkeypatch: pytest.MonkeyPatch, three: list[Path]
) -> None:
    use(monkeypatch, LosingDevice("one"))
    with pytest.raises(DeviceLost):
        sustained.sustain(three, seconds=20)


def test_a_finished_folder_is_not_written_again(device: FakeDevice, artifact: Path, tmp_path: Path) -> None:
    sustained.sustain([artifact], seconds=20, output=tmp_path / "run")
    with pytest.raises(RunError, match="already holds a run"):
        sustained.sustain([artifact], seconds=20, output=tmp_path / "run")


def test_a_folder_that_was_begun_for_another_time_is_refused(
    monkeypatch: pytest.MonkeyPatch, three: list[Path], tmp_path: Path
) -> None:
    use(monkeypatch, LosingDevice("two"))
    sustained.sustain(three, seconds=20, output=tmp_path / "run")
    with pytest.raises(AnotherRequest, match="another --sustained"):
        sustained.sustain(three, seconds=30, output=tmp_path / "run")


class WithoutPackage(FakeDevice):
    """A device that lacks the runtime of that artifact."""

    def run(self, job: Mapping[str, Any]) -> dict[str, Any]:
        if any("two" in one["path"] for one in job.get("artifacts", ())):
            raise MissingPackage("'two' needs a package", "install it")
        return super().run(job)


@pytest.mark.parametrize("command", ["bench", "bench --sustained"])
def test_what_lacked_a_package_is_made_by_the_same_call_once_it_is_installed(
    monkeypatch: pytest.MonkeyPatch, three: list[Path], tmp_path: Path, command: str
) -> None:
    def measured() -> list[Path]:
        if command == "bench":
            return [row.artifact for row in api.bench(three, rounds=2, output=tmp_path / "run").rows]
        return [row.artifact for row in sustained.sustain(three, seconds=20, output=tmp_path / "run").rows]

    monkeypatch.setattr(api, "device", lambda target: WithoutPackage())
    use(monkeypatch, WithoutPackage())
    assert measured() == [three[0], three[2]]
    monkeypatch.setattr(api, "device", lambda target: FakeDevice())
    use(monkeypatch, FakeDevice())
    assert measured() == three
    with pytest.raises(RunError, match="already holds a run"):
        measured()


@pytest.mark.parametrize("command", ["bench", "bench --sustained"])
def test_a_run_does_not_go_on_with_other_weights_in_the_same_graph(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, command: str
) -> None:
    paths = [FakeArtifact().write(tmp_path / f"{name}.xml") for name in ("one", "two")]
    paths[0].with_suffix(".bin").write_bytes(b"weights")

    def measure() -> None:
        if command == "bench":
            api.bench(paths, rounds=2, output=tmp_path / "run")
        else:
            sustained.sustain(paths, seconds=20, output=tmp_path / "run")

    lacking = WithoutPackage()
    monkeypatch.setattr(api, "device", lambda target: lacking)
    use(monkeypatch, lacking)
    measure()
    paths[0].with_suffix(".bin").write_bytes(b"others!")
    with pytest.raises(AnotherRequest, match="another artifact"):
        measure()


def test_an_artifact_that_fails_does_not_stop_the_others(device: FakeDevice, artifact: Path, tmp_path: Path) -> None:
    broken = FakeArtifact(error="no flatbuffer").write(tmp_path / "broken.tflite")
    found = sustained.sustain([broken, artifact], seconds=20, output=tmp_path / "run")
    assert [row.artifact for row in found.rows] == [artifact]
    assert [(one.artifact, one.message) for one in found.failures] == [(broken, "could not be loaded: no flatbuffer")]
    with pytest.raises(StepFailed, match=r"broken.tflite' cannot be measured: could not be loaded"):
        sustained.sustain([broken], seconds=20)


def test_inferences_too_long_for_the_time_are_said_with_what_to_do(device: FakeDevice, artifact: Path) -> None:
    original = device.run

    def slow(job: Mapping[str, Any]) -> dict[str, Any]:
        answer = original(job)
        return {**answer, "windows": answer["windows"][::3]} if job["mode"] == "sustain" else answer

    device.run = slow  # type: ignore[method-assign]
    with pytest.raises(StepFailed, match="30 s hold 10 windows; it takes 15") as caught:
        sustained.sustain([artifact], seconds=30)
    assert caught.value.hint == "give --sustained more time"


# ── what is shown ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_table_shows_the_beginning_and_the_steady_state(device: FakeDevice, artifact: Path, tmp_path: Path) -> None:
    get_hot(device)
    ended = CliRunner().invoke(cli, ["bench", str(artifact), "--sustained", "6m", "-o", str(tmp_path / "run")])
    assert ended.exit_code == 0, ended.stderr
    heading, first, second = ended.stdout.splitlines()
    assert [cell.strip() for cell in heading.split("|")[1:-1]][-2:] == ["clock", "temperature"]
    assert "beginning, 1 min 0 s" in first
    assert "1.80 GHz" in first
    assert "steady state, 2 min 24 s" in second
    assert "1.20 GHz |       82 °C" in second
    assert "1.50x (1.50x … 1.50x)" in second
    assert "warning[EO322]" in ended.stderr


def test_rounds_that_are_asked_for_with_it_are_refused(device: FakeDevice, artifact: Path) -> None:
    ended = CliRunner().invoke(cli, ["bench", str(artifact), "--sustained", "20s", "--rounds", "10"])
    assert isinstance(ended.exception, InputError)
    assert ended.exception.message == "'--sustained' runs without a pause, so it has no rounds"
    assert not device.jobs


def test_a_column_that_nobody_tells_is_left_out(device: FakeDevice, artifact: Path) -> None:
    ended = CliRunner().invoke(cli, ["bench", str(artifact), "--sustained", "20s"])
    assert "GHz" not in ended.stdout
    assert "clock" not in ended.stdout
    assert "temperature" not in ended.stdout


def test_json_is_the_runs_and_csv_a_row_for_each_window(device: FakeDevice, artifact: Path) -> None:
    get_hot(device)
    given = ["bench", str(artifact), "--sustained", "20s", "-q", "--format"]
    (row,) = json.loads(CliRunner().invoke(cli, [*given, "json"]).stdout)
    assert len(row["sustained"]["windows"]) == 20
    rows = list(csv.DictReader(io.StringIO(CliRunner().invoke(cli, [*given, "csv"]).stdout)))
    assert [float(one["median_ns"]) for one in rows] == [one["median_ns"] for one in row["sustained"]["windows"]]
    assert {one["frequency_hz"] for one in rows} == {"1800000000"}


@pytest.mark.parametrize(("limit_ms", "status"), [(20, 0), (5, 1), (10.23, 3)])
def test_the_targets_limit_decides_the_exit_code(
    device: FakeDevice, artifact: Path, monkeypatch: pytest.MonkeyPatch, limit_ms: float, status: int
) -> None:
    host = targets.load("host")
    limited = replace(host, budget=replace(host.budget, max_latency_ns=limit_ms * 1e6))
    monkeypatch.setattr(sustained, "target_of", lambda name, devices: limited)
    ended = CliRunner().invoke(cli, ["bench", str(artifact), "--sustained", "20s"])
    assert ended.exit_code == status, ended.stderr
    assert "EO323" in ended.stderr


def test_the_picture_is_an_svg_that_says_its_content_in_words(
    device: FakeDevice, artifact: Path, tmp_path: Path
) -> None:
    pytest.importorskip("matplotlib", reason="drawing needs matplotlib: pip install 'edge-opt[report]'")
    get_hot(device)
    found = sustained.sustain([artifact], seconds="6m", output=tmp_path / "run")
    assert found.picture == tmp_path / "run" / "sustained.svg"
    root = ElementTree.parse(found.picture).getroot()
    (words,) = (node.text for node in root if node.tag.endswith("desc"))
    assert "ms at first, 15.00 ms in the steady state; it has settled" in str(words)


def test_without_matplotlib_everything_but_the_picture_is_there(
    device: FakeDevice, artifact: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    ended = CliRunner().invoke(cli, ["bench", str(artifact), "--sustained", "20s", "-o", str(tmp_path / "run")])
    assert ended.exit_code == 0
    assert "no picture: it needs the package 'matplotlib'" in ended.stderr
    assert (tmp_path / "run" / "jobs.jsonl").exists()


def test_an_optimization_and_a_bench_keep_what_the_board_was_doing(device: FakeDevice, artifact: Path) -> None:
    from edge_opt.flows.bench import time_artifacts
    from edge_opt.flows.given import temporary
    from edge_opt.stages.benchmark import Protocol

    device.board = lambda seconds: hot_board(600 * seconds)
    with temporary() as run:
        found = time_artifacts(
            [artifact],
            targets.load("host"),
            threads=1,
            runtimes=(),
            protocol=Protocol(rounds=6),
            seed=0,
            run=run,
            device=device,
            watch=lambda _: None,
        )
    states = found.rows[0].measured.rounds[0].states
    assert [asdict(one)["throttled"] for one in states] == [0, 0x80008]
    assert [one.code for one in found.findings] == ["EO320", "EO321"]
