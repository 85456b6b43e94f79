"""A device and an executor that behave as they are told, in no time and without any framework.

The device speaks the worker protocol. An artifact is a JSON file that says how it behaves (:meth:`FakeArtifact.write`),
so its behaviour goes with it wherever a run folder stores it; or ``script`` names it by a part of its path.
"""

from __future__ import annotations

import json
import pickle
import random
import zlib
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_opt.errors import Crashed, EdgeOptError, StepFailed
from edge_opt.store import array

ENVIRONMENT = {
    "cpu": "Fake CPU at 1 GHz",
    "machine": "x86_64",
    "isa": ["avx2", "avx512_vnni"],
    "cores": 2,
    "ram_bytes": 8 * 2**30,
    "governor": "performance",
    "system": "Linux 6.6",
    "python": "3.11.7",
    "load_average": 0.1,
}


@dataclass(frozen=True, kw_only=True)
class FakeArtifact:
    """How an artifact behaves. ``wrong`` is the share of samples that it answers otherwise than :func:`truth`."""

    latency_ns: int = 100_000
    noise: float = 0.02  # the spread of a latency, as a share of it
    load_ns: int = 5_000_000
    memory_bytes: int = 4 * 2**20
    wrong: float = 0.0
    classes: int = 3
    input_shape: tuple[int, ...] = (1, 8, 8, 1)
    error: str = ""  # the library's words, at the stage "load" or "run"
    stage: str = "load"
    crashes: bool = False

    def write(self, path: Path) -> Path:
        """``path``, now a file that FakeDevice behaves by."""
        path.write_text(json.dumps(asdict(self)))
        return path


def truth(inputs: NDArray[Any], classes: int) -> NDArray[np.float32]:
    """What a perfect model answers: of the sample cut into ``classes`` parts, the brightest names the class."""
    parts = np.array_split(inputs.reshape(len(inputs), -1), classes, axis=1)
    means = np.stack([part.mean(axis=1) for part in parts], axis=1)
    spread = np.exp(8 * (means - means.max(axis=1, keepdims=True)))
    return (spread / spread.sum(axis=1, keepdims=True)).astype(np.float32)


class FakeDevice:
    """Answers every job by the artifact's script, deterministically; ``jobs`` keeps what it was asked."""

    def __init__(self, script: Mapping[str, FakeArtifact] | None = None, isa: tuple[str, ...] | None = None) -> None:
        self.jobs: list[dict[str, Any]] = []
        self.advantage = 0.0  # by how much whoever stands second in a pair is faster
        self.board: Callable[[float], dict[str, Any]] | None = None  # after so many seconds: its DeviceState
        self.warming: Callable[[float], float] = lambda _: 1.0  # how many times longer an inference then takes
        self._script = script or {}
        self._environment = {**ENVIRONMENT, **({} if isa is None else {"isa": list(isa)})}

    def run(self, job: Mapping[str, Any]) -> dict[str, Any]:
        """The answer to ``job``. Raises StepFailed or Crashed where the script says so."""
        self.jobs.append(dict(job))
        shared = {"protocol": 1, "environment": self._environment}
        if job["mode"] == "environment":
            return shared
        scripts = [self._behaviour(Path(one["path"])) for one in job["artifacts"]]
        for one in scripts:
            if one.crashes:
                raise Crashed("its process died from SIGSEGV (segmentation fault)")
            if one.error:
                raise StepFailed(f"could not be {'loaded' if one.stage == 'load' else 'run'}: {one.error}")
        # of the job alone, as a killed run that goes on asks another device
        asked = [(*Path(one["path"]).parts[-2:], one["runtime"]) for one in job["artifacts"]]
        draw = random.Random(f"{job['mode']} {job.get('seed', 0)} {asked}")
        described = [self._described(one, entry) for one, entry in zip(scripts, job["artifacts"], strict=True)]
        if job["mode"] == "pair":
            second = replace(scripts[1], latency_ns=round(scripts[1].latency_ns * (1 - self.advantage)))
            pair = (scripts[0], second)
            blocks = [
                {"artifact": which, "samples_ns": self._latencies(pair[which], job.get("block_runs", 5), draw)}
                for _ in range(job.get("blocks", 5))
                for which in draw.sample((0, 1), 2)
            ]
            return {**shared, "artifacts": described, "blocks": blocks}
        if job["mode"] == "several":
            timed = [
                {**one, "median_ns": median(self._latencies(script, 5, draw))}
                for one, script in zip(described, scripts, strict=True)
            ]
            return {**shared, "artifacts": timed}
        if job["mode"] == "count":
            return {**shared, **self._counts(scripts, described, job)}
        if job["mode"] == "describe":
            return {**shared, **described[0]}
        if job["mode"] == "profile":
            return {**shared, **described[0], **self._profile(scripts[0])}
        if job["mode"] == "sustain":
            return {**shared, **described[0], **self._sustained(scripts[0], job, draw)}
        if job["mode"] == "predict":
            return {**shared, **described[0], "outputs": self._predict(scripts[0], job), "peak_rss_bytes": 34 * 2**20}
        return {
            **shared,
            **described[0],
            "samples_ns": self._latencies(scripts[0], job.get("min_runs", 20), draw),
            "baseline_rss_bytes": 30 * 2**20,
            "peak_rss_bytes": 30 * 2**20 + scripts[0].memory_bytes,
            "states": self._looks(0.0, 1.0),
        }

    def _behaviour(self, path: Path) -> FakeArtifact:
        for part, one in self._script.items():
            if part in str(path):
                return one
        if not path.exists():
            raise StepFailed(f"could not be loaded: there is no file '{path}'")
        try:
            fields = json.loads(path.read_text())
        except ValueError as error:
            raise StepFailed(f"could not be loaded: {error}") from error
        return FakeArtifact(**{**fields, "input_shape": tuple(fields["input_shape"])})

    def _described(self, script: FakeArtifact, entry: Mapping[str, Any]) -> dict[str, Any]:
        spec = {"dtype": "float32", "layout": "", "scale": None, "zero_point": None}
        return {
            "runtime": entry["runtime"],
            "runtime_version": f"{entry['runtime']} 1.0",
            "executed": {"precision": entry.get("options", {}).get("precision", "f32")},
            "load_ns": script.load_ns,
            "inputs": [{**spec, "name": "x", "shape": list(script.input_shape)}],
            "outputs_spec": [{**spec, "name": "y", "shape": [1, script.classes]}],
        }

    def _profile(self, script: FakeArtifact) -> dict[str, Any]:
        operator = {"precision": "float32", "placement": "CPU"}
        return {
            "operators": [
                {**operator, "name": "scores", "kind": "Softmax", "median_ns": 0.1 * script.latency_ns},
                {**operator, "name": "conv", "kind": "Conv", "median_ns": 0.9 * script.latency_ns},
            ],
            "runs": 30,
            "inference_ns": script.latency_ns,
        }

    def _looks(self, *seconds: float) -> list[dict[str, Any]]:
        return [{"elapsed_s": one, **self.board(one)} for one in seconds] if self.board else []

    def _sustained(self, script: FakeArtifact, job: Mapping[str, Any], draw: random.Random) -> dict[str, Any]:
        """Windows whose inferences become longer as ``warming`` says."""
        lasting_s = float(job.get("window_seconds", 1))
        windows = []
        for index in range(round(job["seconds"] / lasting_s)):
            start_s = 0.1 + index * lasting_s
            taken = [one * self.warming(start_s) for one in self._latencies(script, 20, draw)]
            median_ns, p90_ns = np.quantile(taken, (0.5, 0.9)).tolist()
            windows.append({"start_s": start_s, "runs": 20, "median_ns": median_ns, "p90_ns": p90_ns, "state": None})
            if looks := self._looks(start_s + lasting_s):
                windows[-1]["state"] = looks[0]
        return {"windows": windows, "states": self._looks(0.0, 0.1 + float(job["seconds"]))}

    def _counts(
        self, scripts: list[FakeArtifact], described: list[dict[str, Any]], job: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Ten instructions a nanosecond, without any noise."""
        runs, warmup = job.get("runs", 5), job.get("warmup", 10)
        listed = [
            {**one, "instructions": [10 * script.latency_ns] * runs}
            for one, script in zip(described, scripts, strict=True)
        ]
        regions = [None] * warmup * len(scripts) + list(range(len(scripts))) * runs
        return {"artifacts": listed, "regions": regions, "emulator": "fake 1.0"}

    def _latencies(self, script: FakeArtifact, count: int, draw: random.Random) -> list[int]:
        return [max(1, round(script.latency_ns * (1 + draw.gauss(0, script.noise)))) for _ in range(count)]

    def _predict(self, script: FakeArtifact, job: Mapping[str, Any]) -> str:
        inputs = array(Path(job["inputs"]))
        outputs = truth(inputs, script.classes)
        # the same samples go wrong whenever the same artifact is asked
        draw = np.random.default_rng(zlib.crc32(json.dumps(asdict(script)).encode()))
        missed = draw.random(len(inputs)) < script.wrong
        outputs[missed] = np.roll(outputs[missed], 1, axis=1)
        np.save(Path(job["outputs"]), outputs)
        return str(job["outputs"])


class FakeExecutor:
    """Calls at once, in this process, but pickles as the real ones do; ``calls`` keeps what was submitted."""

    def __init__(self) -> None:
        self.calls: list[tuple[Callable[..., Any], tuple[Any, ...]]] = []

    def submit(self, function: Callable[..., Any], *arguments: Any) -> Future[Any]:
        """A future that is done."""
        self.calls.append((function, arguments))
        future: Future[Any] = Future()
        function, arguments = pickle.loads(pickle.dumps((function, arguments)))
        try:
            future.set_result(pickle.loads(pickle.dumps(function(*arguments))))
        except EdgeOptError as error:
            future.set_exception(error)
        except Exception as error:
            future.set_exception(StepFailed(str(error) or type(error).__name__))
        return future

    def close(self) -> None:
        """Nothing runs on."""
