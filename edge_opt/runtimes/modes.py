"""What a job asks for: latencies of one artifact, of two or many by turns, marks to count by, outputs."""

from __future__ import annotations

import gc
import os
import random
import time
from collections.abc import Callable, Iterator, Mapping
from itertools import cycle
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING or __package__:
    from . import memory, samples, state
else:
    import memory
    import samples
    import state

Job = Mapping[str, Any]
Load = Callable[[int], "Loaded"]

_FEEDS = 8  # the reading of memory belongs to a query, so one sample must not stay in the cache for ever
_IDLE_SHARE = 0.05  # of one core: below it, the threads of the other artifact have gone to sleep
_IDLE_LIMIT_S = 0.2


class Loaded:
    """An artifact that is ready for its first inference, and how long it took to get there.

    ``profile`` opens it anew under the runtime's profiler, for the mode of that name; None where there is no profiler.
    """

    def __init__(self, runtime: str, session: Any, load_ns: int, profile: Callable[..., Any] | None = None) -> None:
        self.runtime = runtime
        self.session = session
        self.load_ns = load_ns
        self.profile = profile

    def described(self) -> dict[str, Any]:
        """What the answer says of it. Read only after everything was measured: to ask a runtime takes memory."""
        session = self.session
        return {
            "runtime": self.runtime,
            "runtime_version": session.version,
            "executed": dict(session.executed),
            "load_ns": self.load_ns,
            "inputs": session.inputs,
            "outputs_spec": session.outputs,
        }

    def single_input(self) -> Mapping[str, Any]:
        """Its one input. Raises ValueError where there are more."""
        if len(self.session.inputs) != 1:
            raise ValueError(f"it has {len(self.session.inputs)} inputs; only one is supported")
        found: Mapping[str, Any] = self.session.inputs[0]
        return found


def time_one(job: Job, load: Load) -> dict[str, Any]:
    """Every latency of one artifact, in the order taken, warm-up left out, and the memory that it took.

    With it goes what the board was doing: looks before the warm-up, now and then between two samples, and at the end.
    """
    rows = samples.read(job["inputs"]) if job.get("inputs") else None
    memory.forget_peak()
    before = memory.resident_bytes()
    loaded = load(0)
    watch = state.Watch()
    query = query_of(loaded, feeds_of(loaded, rows, job))
    warm_up(query, job)
    with NoCollection():
        samples_ns = _timed(query, job, watch)
    peak = memory.peak_bytes()
    watch.look(whole=True)
    return {
        **loaded.described(),
        "samples_ns": samples_ns,
        "peak_rss_bytes": peak,
        "baseline_rss_bytes": before,
        "states": watch.states,
    }


def pair(job: Job, load: Load) -> dict[str, Any]:
    """Latencies of two artifacts in one process, in alternating blocks whose order is drawn by ``seed``.

    Each block begins with one inference that is not recorded: the other artifact has just had the caches.
    """
    rows = samples.read(job["inputs"]) if job.get("inputs") else None
    both = [load(0), load(1)]
    queries = [query_of(one, feeds_of(one, rows, job)) for one in both]
    for query in queries:
        warm_up(query, job)
    draw = random.Random(job.get("seed", 0))
    runs = range(job.get("block_runs", 5))
    rounds, end = job.get("blocks", 5), time.monotonic() + job.get("min_seconds", 0.5)
    blocks: list[dict[str, Any]] = []
    with NoCollection():
        while len(blocks) < 2 * rounds or time.monotonic() < end:
            for which in draw.sample((0, 1), 2):
                if job.get("threads", 1) > 1:
                    _settle()
                queries[which]()
                blocks.append({"artifact": which, "samples_ns": [queries[which]() for _ in runs]})
    return {"artifacts": [one.described() for one in both], "blocks": blocks}


def several(job: Job, load: Load) -> dict[str, Any]:
    """The median latency of each of many artifacts in one process, in rounds whose order is drawn by ``seed``.

    Of each turn the first inference is not recorded. The median is that of the medians of the rounds, so that what
    disturbs one round disturbs no artifact's figure.
    """
    every = [load(index) for index in range(len(job["artifacts"]))]
    queries = [query_of(one, feeds_of(one, None, job)) for one in every]
    draw = random.Random(job.get("seed", 0))
    fewest, seconds = job.get("round_runs", 3), job.get("round_seconds", 0.01)
    medians: list[list[float]] = [[] for _ in every]
    with NoCollection():
        for _ in range(job.get("rounds", 5)):
            for which in draw.sample(range(len(every)), len(every)):
                if job.get("threads", 1) > 1:
                    _settle()
                queries[which]()
                taken: list[int] = []
                end = time.monotonic() + seconds
                while len(taken) < fewest or time.monotonic() < end:
                    taken.append(queries[which]())
                medians[which].append(median(taken))
    artifacts = [{**one.described(), "median_ns": median(of)} for one, of in zip(every, medians)]  # noqa: B905
    return {"artifacts": artifacts}


def count(job: Job, load: Load) -> dict[str, Any]:
    """What each marked region ran, of one or two artifacts by turns, so that an emulator can count the instructions.

    A region begins and ends with a call of the C library's ``getpriority``, which nothing else calls: callgrind takes
    any function as a mark, so that this needs no package, and without an emulator a mark is merely a call. Warm-up
    inferences pass the same lines, because Python rewrites those that it has seen a few times.
    """
    rows = samples.read(job["inputs"]) if job.get("inputs") else None
    every = [load(index) for index in range(len(job["artifacts"]))]
    feeds = [feeds_of(one, rows, job) for one in every]
    mark, process = os.getpriority, os.PRIO_PROCESS
    warmup = job.get("warmup", 10)
    regions: list[int | None] = []
    with NoCollection():
        for index in range(warmup + job.get("runs", 5)):
            for which, one in enumerate(every):
                run, arrays = one.session.run, next(feeds[which])
                mark(process, 0)
                answer = run(arrays)
                mark(process, 0)
                del answer  # freed when it is no longer counted
                regions.append(which if index >= warmup else None)
    return {"artifacts": [one.described() for one in every], "regions": regions}


def predict(job: Job, load: Load) -> dict[str, Any]:
    """The outputs for all samples, one by one, as float32 ``(n, …)`` in the file ``outputs`` of the job.

    Raises ValueError where an output is not a finite number.
    """
    rows = samples.read(job["inputs"])
    loaded = load(0)
    spec = loaded.single_input()
    if len(loaded.session.outputs) != 1:
        raise ValueError(f"it has {len(loaded.session.outputs)} outputs; only one is supported")
    out = Path(job["outputs"])
    part = out.with_name(out.name + ".part.npy")
    with part.open("wb") as file:  # row by row: the outputs of all samples may be larger than the memory of a board
        for index in range(len(rows)):
            given = samples.sample(rows, index, spec)
            answer = samples.numbers(loaded.session.run([given])[0], loaded.session.outputs[0])
            if not np.isfinite(answer).all():
                raise ValueError(f"its output for sample {index} holds NaN or infinity")
            if index == 0:
                header = {"descr": "<f4", "fortran_order": False, "shape": (len(rows), *answer.shape[1:])}
                np.lib.format.write_array_header_1_0(file, header)
            file.write(np.ascontiguousarray(answer[0], "<f4").tobytes())
    os.replace(part, out)
    return {**loaded.described(), "outputs": str(out), "peak_rss_bytes": memory.peak_bytes()}


def describe(job: Job, load: Load) -> dict[str, Any]:
    """The artifact's description alone: nothing is run."""
    return load(0).described()


def feeds_of(loaded: Loaded, rows: Any, job: Job) -> Iterator[list[Any]]:
    """A few samples for ever, each as the list that a session takes."""
    spec = loaded.single_input()
    if rows is None:
        rows = samples.invented(spec, _FEEDS, job.get("seed", 0))
    return cycle([[samples.sample(rows, index, spec)] for index in range(min(_FEEDS, len(rows)))])


def query_of(loaded: Loaded, feeds: Iterator[list[Any]]) -> Callable[[], int]:
    """A function that runs the next sample and gives the nanoseconds from setting the input to holding the output."""
    run, clock = loaded.session.run, time.perf_counter_ns

    def query() -> int:
        arrays = next(feeds)
        start = clock()
        answer = run(arrays)
        elapsed = clock() - start
        del answer  # freed when the clock has stopped
        return elapsed

    return query


def warm_up(query: Callable[[], int], job: Job) -> None:
    """Nothing; at least ``warmup`` inferences, and ``warmup_seconds``, are over: clocks rise by time, not by count."""
    end = time.monotonic() + job.get("warmup_seconds", 0.05)
    done = 0
    while done < job.get("warmup", 10) or time.monotonic() < end:
        query()
        done += 1


def _timed(query: Callable[[], int], job: Job, watch: state.Watch) -> list[int]:
    fewest, most = job.get("min_runs", 20), job.get("max_runs", 4000)
    now = time.monotonic()
    end = now + job.get("min_seconds", 0.2)
    samples_ns: list[int] = []
    while len(samples_ns) < most and (len(samples_ns) < fewest or now < end):
        if now > watch.next_s:
            watch.look()
        samples_ns.append(query())
        now = time.monotonic()
    return samples_ns


def _settle() -> None:
    """Wait until the process is idle: thread pools spin on after a run, and would take cores from the next artifact."""
    limit = time.monotonic() + _IDLE_LIMIT_S
    while time.monotonic() < limit:
        used, start = time.process_time(), time.monotonic()
        time.sleep(0.002)
        if time.process_time() - used < _IDLE_SHARE * (time.monotonic() - start):
            return


class NoCollection:
    """A time in which Python collects no garbage: a pause of it is no latency of the artifact."""

    def __enter__(self) -> None:
        gc.collect()
        gc.freeze()
        gc.disable()

    def __exit__(self, *_: object) -> None:
        gc.enable()
        gc.unfreeze()
