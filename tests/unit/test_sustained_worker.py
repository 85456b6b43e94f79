"""The worker's modes that watch the board: looks never stand inside a sample, and a long run keeps little."""

from __future__ import annotations

import shutil
import sys
import time
from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest

from edge_opt.devices.local import LocalDevice
from edge_opt.runtimes import modes, state, sustained, worker
from edge_opt.store import parse_answer
from edge_opt.types import Entry, Round
from tests.fixtures import tiny


class Board:
    """A clock of its own, on which an inference and a look take as long as they are told."""

    def __init__(self, inference_s: float = 0.125, look_s: float = 0.0) -> None:
        self.now_s = 100.0
        self.inference_s = inference_s
        self.look_s = look_s
        self.log: list[str] = []
        self.version, self.executed = "mine 1", {}
        self.outputs: list[Any] = []
        self.inputs = [{"name": "x", "shape": [1, 2], "dtype": "float32", "layout": "", "scale": None, "zero_point": 0}]

    def run(self, arrays: list[Any]) -> list[Any]:
        self.log.append("run")
        self.now_s += self.inference_s
        return arrays

    def look(self, whole: bool = False) -> dict[str, Any]:
        self.log.append("whole look" if whole else "look")
        self.now_s += self.look_s
        return {"frequencies_hz": [10**9], "temperature_c": 50.0, "throttled": 0, "governor": "", "load_average": 0.0}

    def load(self, index: int) -> modes.Loaded:
        self.now_s += 7.0  # opening is over when the artifact is ready
        return modes.Loaded("mine", self, 7_000_000_000)


@pytest.fixture
def board(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Board]:
    def made(**how: float) -> Board:
        one = Board(**how)
        monkeypatch.setattr(time, "monotonic", lambda: one.now_s)
        monkeypatch.setattr(time, "perf_counter_ns", lambda: round(one.now_s * 1e9))
        monkeypatch.setattr(state, "look", one.look)
        return one

    return made


QUICK = {"warmup": 2, "warmup_seconds": 0}


def test_a_timing_is_watched_from_before_the_warm_up_until_after_the_last_sample(board: Callable[..., Board]) -> None:
    one = board()
    answer = modes.time_one({**QUICK, "min_runs": 5, "max_runs": 5, "min_seconds": 0}, one.load)
    assert one.log == ["whole look", *["run"] * 7, "whole look"]
    assert [found["elapsed_s"] for found in answer["states"]] == [0.0, 7 * 0.125]


def test_a_look_stands_between_two_samples_at_most_once_a_second_and_in_none(board: Callable[..., Board]) -> None:
    one = board(look_s=0.5)
    answer = modes.time_one({**QUICK, "min_runs": 30, "max_runs": 30, "min_seconds": 0}, one.load)
    assert answer["samples_ns"] == [125_000_000] * 30
    times = [found["elapsed_s"] for found in answer["states"]]
    assert len(times) > 3
    assert all(later - earlier >= 1 for earlier, later in pairwise(times[:-1]))
    assert not any("look" in pair[0] and "look" in pair[1] for pair in pairwise(one.log))


def test_a_sustained_run_is_cut_into_windows_that_follow_each_other(board: Callable[..., Board]) -> None:
    one = board()
    answer = sustained.sustain({**QUICK, "seconds": 10, "window_seconds": 1}, one.load)
    windows = answer["windows"]
    assert [window["start_s"] for window in windows] == [0.25 + index for index in range(10)]
    assert [window["runs"] for window in windows] == [8] * 10
    assert {(window["median_ns"], window["p90_ns"]) for window in windows} == {(125e6, 125e6)}
    assert [window["state"]["elapsed_s"] for window in windows] == [1.25 + index for index in range(10)]
    assert [found["elapsed_s"] for found in answer["states"]] == [0.0, 10.25]


@pytest.mark.parametrize(("cooling_c", "rested_s"), [(2.5, 4), (0.1, 30)])
def test_a_board_rests_until_it_is_cool_but_no_longer_than_it_may(
    board: Callable[..., Board], monkeypatch: pytest.MonkeyPatch, cooling_c: float, rested_s: int
) -> None:
    one = board()
    degrees = [60.0]

    def sleep(seconds: float) -> None:
        one.now_s += seconds
        degrees[0] -= cooling_c

    monkeypatch.setattr(time, "sleep", sleep)
    monkeypatch.setattr(state, "look", lambda whole=False: {**one.look(whole), "temperature_c": degrees[0]})
    rest = {"rest_below_c": 50.0, "rest_seconds": 30}
    answer = sustained.sustain({**QUICK, **rest, "seconds": 1, "window_seconds": 1}, one.load)
    assert one.log.index("whole look") == rested_s + (cooling_c > 1)
    assert answer["states"][0]["elapsed_s"] == 0.0
    assert answer["windows"][0]["start_s"] == 0.25


def test_an_inference_that_is_longer_than_a_window_has_a_window_of_its_own(board: Callable[..., Board]) -> None:
    answer = sustained.sustain({**QUICK, "seconds": 10, "window_seconds": 1}, board(inference_s=4.0).load)
    assert [window["runs"] for window in answer["windows"]] == [1, 1, 1]


def test_a_window_of_very_many_inferences_keeps_a_fair_draw_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sustained, "MOST_KEPT", 50)
    drawn: Counter[int] = Counter()
    for seed in range(200):
        count = iter(range(10_000))
        ticks = iter(range(10_000))
        monkeypatch.setattr(time, "monotonic", lambda ticks=ticks: next(ticks))
        runs, kept = sustained._window(count.__next__, 500, Random(seed))
        assert runs == 501  # the first asks no clock
        assert len(kept) == 50
        drawn.update(index * 10 // runs for index in kept)
    # 10,000 draws, a tenth of them in each tenth of the window: 1,000 ± 30 by the binomial distribution
    assert all(850 < drawn[tenth] < 1150 for tenth in range(10)), drawn


def test_the_quantiles_of_a_window_are_those_of_its_latencies(board: Callable[..., Board]) -> None:
    one = board()
    lasting = iter(np.random.default_rng(0).uniform(0.01, 0.09, 1000))
    original = one.run

    def uneven(arrays: list[Any]) -> list[Any]:
        one.inference_s = float(next(lasting))
        return original(arrays)

    one.run = uneven  # type: ignore[method-assign]
    answer = sustained.sustain({"warmup": 0, "warmup_seconds": 0, "seconds": 1, "window_seconds": 1}, one.load)
    expected = np.random.default_rng(0).uniform(0.01, 0.09, 1000)[: answer["windows"][0]["runs"]]
    assert answer["windows"][0]["median_ns"] == pytest.approx(np.median(expected) * 1e9, rel=1e-6)
    assert answer["windows"][0]["p90_ns"] == pytest.approx(np.quantile(expected, 0.9) * 1e9, rel=1e-6)


@pytest.fixture
def on_a_board(tmp_path: Path) -> LocalDevice:
    """The real worker in processes of its own, whose copy looks for /sys in a folder as a Raspberry Pi has it."""
    copied = shutil.copytree(Path(worker.__file__).parent, tmp_path / "runtimes")
    text = (copied / "state.py").read_text()
    assert 'SYS = Path("/sys")' in text
    (copied / "state.py").write_text(text.replace('Path("/sys")', f"Path({str(tmp_path / 'sys')!r})"))
    for path, content in {
        "devices/system/cpu/cpu0/cpufreq/scaling_cur_freq": "1500000",
        "class/thermal/thermal_zone0/type": "cpu-thermal",
        "class/thermal/thermal_zone0/temp": "55300",
        "devices/platform/soc/soc:firmware/get_throttled": "50000",
    }.items():
        (tmp_path / "sys" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "sys" / path).write_text(content)
    return LocalDevice(command=(sys.executable, str(copied / "worker.py")))


def test_what_a_real_worker_sees_of_its_board_reaches_the_round_and_the_steady_state(on_a_board: LocalDevice) -> None:
    entry = Entry(path=tiny.FILES["tflite"], runtime="litert")
    answer = on_a_board.run({"protocol": 1, "mode": "time", "artifacts": [entry.job()], "min_seconds": 0})
    before, after = parse_answer(Round, answer).states
    assert (before.frequencies_hz, before.temperature_c, before.throttled) == ((1_500_000_000,), 55.3, 0x50000)
    assert before.elapsed_s < after.elapsed_s
    run = on_a_board.run({"protocol": 1, "mode": "sustain", "artifacts": [entry.job()], "seconds": 1, "warmup": 1})
    assert [window["state"]["temperature_c"] for window in run["windows"]] == [55.3]
    assert run["windows"][0]["runs"] > 1
