"""How fast an artifact is, and what it was executed as."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

# kinds in any runtime's spelling, lower case without underscores; ``Convert`` and ``ConvertLike`` only convert
_MULTIPLYING = re.compile(r"conv(?!ert)|fullyconnected|matmul|gemm|dense|lstm")


@dataclass(frozen=True, kw_only=True)
class DeviceState:
    """What the device was doing at one moment; ``()``, ``None`` or ``""`` stands for what it does not tell."""

    elapsed_s: float  # since the artifact was ready
    frequencies_hz: tuple[int, ...] = ()  # of each core
    temperature_c: float | None = None
    throttled: int | None = None  # the bits of the firmware: as of `vcgencmd get_throttled`
    governor: str = ""
    load_average: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Round:
    """One measurement in a fresh process: every latency in the order it was taken, warm-up left out."""

    load_ns: int
    samples_ns: tuple[int, ...]
    peak_rss_bytes: int = 0  # of the worker's process, with the artifact and its runtime loaded; 0 where it cannot tell
    baseline_rss_bytes: int = 0  # of the same process before the artifact was loaded; likewise
    states: tuple[DeviceState, ...] = ()  # before, while and after it was timed

    @property
    def memory_bytes(self) -> int:
        """What loading and running the artifact added to the process; 0 where its worker does not tell both."""
        return max(0, self.peak_rss_bytes - self.baseline_rss_bytes) if self.baseline_rss_bytes else 0


@dataclass(frozen=True, kw_only=True)
class Environment:
    """What ran and on what: recorded with every measurement, compared before two are."""

    cpu: str
    machine: str
    isa: tuple[str, ...]
    cores: int
    ram_bytes: int
    governor: str
    system: str
    python: str
    load_average: float  # when it was asked; of several rounds, the highest
    board: str = ""  # what a board calls itself, as "Raspberry Pi 4 Model B Rev 1.5"


@dataclass(frozen=True, kw_only=True)
class Interval:
    """An estimate between its bounds, at the confidence it was made for."""

    low: float
    estimate: float
    high: float
    confidence: float = 0.95


@dataclass(frozen=True, kw_only=True)
class Measured:
    """Timed on the device itself. The percentiles are derived from the rounds and stand here to be read."""

    runtime: str
    runtime_version: str
    threads: int
    options: Mapping[str, str]
    executed: Mapping[str, str]  # what the runtime says it really did, as {"precision": "bf16"}
    rounds: tuple[Round, ...]
    environment: Environment
    median_ns: float
    half_iqr_ns: float
    p90_ns: float
    load_ns: float  # median over the rounds
    peak_rss_bytes: int  # median over the rounds
    memory_bytes: int  # what loading and running the artifact added to the process
    speed_up: Interval | None = None  # against the baseline: the median of the ratios round by round
    kind: Literal["measured"] = "measured"


@dataclass(frozen=True, kw_only=True)
class Window:
    """What one window of a sustained run came to, and what the device was doing when it ended."""

    start_s: float  # since the artifact was ready
    runs: int
    median_ns: float
    p90_ns: float
    state: DeviceState | None = None  # None where the device tells nothing of itself


@dataclass(frozen=True, kw_only=True)
class Stretch:
    """Some windows in a row, and their medians; ``None`` stands for what the device does not tell."""

    start_s: float
    end_s: float
    windows: int
    median_ns: float
    p90_ns: float
    frequency_hz: float | None = None  # of its fastest core
    temperature_c: float | None = None


@dataclass(frozen=True, kw_only=True)
class Sustained:
    """One artifact run without a pause: how fast it is at first, and how fast it stays."""

    runtime: str
    runtime_version: str
    threads: int
    options: Mapping[str, str]
    executed: Mapping[str, str]
    environment: Environment
    windows: tuple[Window, ...]
    states: tuple[DeviceState, ...]  # before the warm-up and after the last window; () where it tells nothing
    first: Stretch  # the first minute, of less than five minutes the first fifth
    steady: Stretch  # the last two fifths
    slowdown: Interval  # the steady median over the first: 1.25 is a quarter slower
    trend: Interval  # the last fifth over the one before it
    p90_ns: Interval  # of the steady windows
    settled: bool  # whether the trend is small, or no more than chance

    @property
    def began_c(self) -> float | None:
        """How warm the device was when the run began; None where it does not tell."""
        return self.states[0].temperature_c if self.states else None


@dataclass(frozen=True, kw_only=True)
class Counted:
    """Instructions of single inferences, counted on the processor that an emulator shows: the same on every run.

    No time follows from them. They tell two artifacts of the same precision apart, on the same runtime.
    """

    runtime: str
    runtime_version: str
    options: Mapping[str, str]
    instructions: tuple[int, ...]  # of each inference, warm-up left out, with one thread
    emulator: str  # as "valgrind 3.19.0"
    isa: tuple[str, ...]  # what that shows: without AVX-512, runtimes may take other kernels than on the real one
    kind: Literal["counted"] = "counted"


@dataclass(frozen=True, kw_only=True)
class NotTimed:
    """Not timed, and why: nobody gets an invented millisecond."""

    reason: str
    kind: Literal["not_timed"] = "not_timed"


@dataclass(frozen=True, kw_only=True)
class Operator:
    """One operator as its runtime executed it, which may be several layers in one; ``kind`` is the runtime's word."""

    name: str
    kind: str
    precision: str  # in which it computed: "int8", "float32", "bf16"; "" where the runtime does not tell
    placement: str  # what computed it, as "XNNPACK", "LiteRT", "CPUExecutionProvider"
    median_ns: float | None = None  # None where the runtime has no profiler for it
    time_share: float | None = None  # 0..1, of the sum over all operators

    @property
    def multiplies(self) -> bool:
        """Whether its kind is one that multiplies matrices, which is where the time of a network goes."""
        return bool(_MULTIPLYING.search(self.kind.lower().replace("_", "")))


@dataclass(frozen=True, kw_only=True)
class OperatorProfile:
    """What an artifact was executed as, the heaviest operator first. A profiler slows: its times are shares only."""

    runtime: str
    runtime_version: str
    options: Mapping[str, str]
    threads: int
    executed: Mapping[str, str]
    operators: tuple[Operator, ...]
    inference_ns: float | None = None  # the median of a whole inference without the profiler
