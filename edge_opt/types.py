"""The nouns, in the order in which they flow: data without behaviour, frozen, with the unit in the name.

``path → Model → (Recipe) → Artifact → Measured and Accuracy → Trial → Report``. Sizes are bytes, times nanoseconds,
fractions lie in 0..1. Every noun is written to JSON and read back by :mod:`edge_opt.store` under these very names.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

SCHEMA_VERSION = 1

Level = Literal["info", "warning", "error"]
Status = Literal["pass", "fail", "unclear"]
Effort = Literal["quick", "standard", "thorough"]
Goal = Literal["latency", "size", "balanced"]
Metric = Literal["top1", "agreement"]
RangeMethod = Literal["min_max", "percentile", "mse", "octav"]
Framework = Literal["keras", "tf_keras", "saved_model", "onnx", "tflite"]
SourceKind = Literal["saved_model", "onnx", "tflite"]


# ── what a finding is ──────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, kw_only=True)
class Finding:
    """Something a user should know: a stable code (``EO101``), how bad it is, what was seen, and what to do."""

    code: str
    level: Level
    message: str
    hint: str = ""


# ── the model that comes in ────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, kw_only=True)
class TensorSpec:
    """One input or output. ``None`` in ``shape`` is a free dimension; scale and zero point are set when quantized."""

    name: str
    shape: tuple[int | None, ...]
    dtype: str
    layout: str = ""  # "NHWC", "NCHW" or "" when it is no picture
    scale: float | None = None
    zero_point: int | None = None


@dataclass(frozen=True, kw_only=True)
class Layer:
    """One layer of a model: its name, its kind (the framework's word), its parameters and its output shape."""

    name: str
    kind: str
    parameters: int
    output_shape: tuple[int | None, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Model:
    """A trained model as it was given: ``macs`` are multiply-accumulates of one inference at batch 1."""

    path: Path
    framework: Framework
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    layers: tuple[Layer, ...]
    parameters: int
    macs: int
    size_bytes: int
    sha256: str


@dataclass(frozen=True, kw_only=True)
class Source:
    """The float model that every export starts from, batch 1, float32 in and out: a SavedModel folder, or one file."""

    kind: SourceKind
    path: Path


@dataclass(frozen=True, kw_only=True)
class Preprocessing:
    """The contract between a picture and the model: what is done to 0..255 pixels before the model sees them.

    In this order: colour, crop and resize to ``(height, width)``, then ``pixel * scale[c] + offset[c]`` per channel
    (one entry, or one per channel), cast to ``dtype``, and moved to ``layout``.
    """

    color: Literal["rgb", "bgr", "gray"]
    height: int
    width: int
    resize: Literal["nearest", "bilinear", "bicubic", "area"] = "bilinear"
    crop: Literal["none", "center"] = "none"
    scale: tuple[float, ...] = (1.0,)
    offset: tuple[float, ...] = (0.0,)
    dtype: Literal["float32", "uint8"] = "float32"
    layout: Literal["NHWC", "NCHW", "NHW"] = "NHWC"


@dataclass(frozen=True, kw_only=True)
class ArrayPreprocessing:
    """The same for samples that are no pictures, as sensor readings: ``value * scale + offset``, in ``shape``.

    ``shape`` is that of one sample as the model takes it, without the batch; scale and offset have one entry, or one
    for each place of the last axis.
    """

    shape: tuple[int, ...]
    scale: tuple[float, ...] = (1.0,)
    offset: tuple[float, ...] = (0.0,)
    dtype: Literal["float32"] = "float32"


Contract = Preprocessing | ArrayPreprocessing


# ── what is done to it ─────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, kw_only=True)
class Quantization:
    """How numbers are stored and computed; ``static`` needs calibration samples, the others need none.

    ``keep_float`` and ``wide`` name layers as :class:`LayerError` does, so they hold for one format and one model.
    """

    mode: Literal["none", "float16", "weight_only", "dynamic", "static"] = "none"
    weight_bits: int = 8
    activation_bits: int = 8
    granularity: Literal["per_channel", "per_tensor"] = "per_channel"
    range_method: RangeMethod = "min_max"  # how the range of activations is chosen from what calibration saw
    keep_float: tuple[str, ...] = ()  # layers that are not quantized
    wide: tuple[str, ...] = ()  # layers that compute with 16-bit activations


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """A named way to make a model smaller or faster; ``passes`` run on the float model before it is exported."""

    name: str
    description: str
    quantization: Quantization
    passes: tuple[str, ...] = ()
    follows: str = ""  # the trial that failed, where this recipe is an answer to it
    reason: str = ""  # what in that trial, or in the errors of its layers, spoke for it


@dataclass(frozen=True, kw_only=True)
class LayerError:
    """How much quantization disturbs one layer: the power of the noise in its output, as a share of the signal's."""

    name: str
    error: float


@dataclass(frozen=True, kw_only=True)
class Budget:
    """The limits an artifact must keep on its target; ``None`` is no limit. The latency limit holds for the p90."""

    max_drop: float = 0.01
    max_latency_ns: float | None = None
    max_size_bytes: int | None = None
    max_memory_bytes: int | None = None


@dataclass(frozen=True, kw_only=True)
class Target:
    """Where the model will run: the device that times it, what exists there, and what it must keep to."""

    name: str
    description: str
    device: str  # a device of the registry
    formats: tuple[str, ...]  # the first one carries the baseline
    runtimes: tuple[str, ...]
    threads: tuple[int, ...]
    isa: tuple[str, ...] = ()  # instruction sets the device must have, as Linux spells them
    isa_absent: tuple[str, ...] = ()  # … and must not have: its kernels would use them, and flatter the latency
    ram_bytes: int | None = None
    budget: Budget = field(default_factory=Budget)


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """One thing to try: a recipe in a format (and its variant, as ``u8s8``), run by a runtime with its options."""

    recipe: Recipe
    format: str
    variant: str  # of the export; "" where the format has one way only
    runtime: str
    options: Mapping[str, str] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """``recipe/format/runtime`` and, where there are any, the variant and the options: ``…/u8s8``, ``…/bf16``."""
        return "/".join(
            filter(None, (self.recipe.name, self.format, self.runtime, self.variant, *self.options.values()))
        )

    @property
    def export_id(self) -> str:
        """The same for candidates that run one and the same file."""
        return "/".join(filter(None, (self.recipe.name, self.format, self.variant)))


@dataclass(frozen=True, kw_only=True)
class Artifact:
    """What a runtime can load: ``path`` is relative to its run folder, sizes are of all its files, also gzipped."""

    path: Path
    format: str
    variant: str
    recipe: str
    size_bytes: int
    compressed_bytes: int
    sha256: str
    model_sha256: str
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]


@dataclass(frozen=True, kw_only=True)
class Entry:
    """What a worker is told to run: the file that its runtime opens, the runtime, and its options."""

    path: Path
    runtime: str
    options: Mapping[str, str] = field(default_factory=dict)

    def job(self) -> dict[str, object]:
        """The entry in the words of the worker protocol."""
        return {"path": str(self.path.resolve()), "runtime": self.runtime, "options": dict(self.options)}


# ── how it did: times ──────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, kw_only=True)
class Round:
    """One measurement in a fresh process: every latency in the order it was taken, warm-up left out."""

    load_ns: int
    samples_ns: tuple[int, ...]
    peak_rss_bytes: int  # of the worker's process, with the artifact and its runtime loaded
    baseline_rss_bytes: int  # of the same process before the artifact was loaded


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


# ── how it did: accuracy ───────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, kw_only=True)
class Accuracy:
    """Scores sample by sample, so that two models can be paired: ``scores[i]`` is 1 when sample ``i`` is right."""

    metric: Metric  # "agreement" where there are no labels: sample ``i`` is answered as the float model does
    condition: str  # "clean"
    split: Literal["selection", "certification"]
    scores: tuple[int, ...]
    predictions: tuple[int, ...]
    value: float
    per_class: Mapping[str, float]
    max_abs_difference: float | None = None  # of the outputs, against the framework's own on the same samples
    max_scaled_difference: float | None = None  # the same as a share of the sample's largest output, or of 1


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """Whether the limits are kept; ``drop`` is baseline - candidate, paired.

    Of a trial, ``status`` holds for all limits at once: the drop, the time, the size, the memory and, of a float32
    artifact, the answers of the framework; ``findings`` say which one it is about. Of a certificate it is the drop's.
    """

    status: Status
    drop: Interval
    limit: float
    samples: int
    discordant: int
    samples_to_decide: int | None = None  # about how many would settle an unclear one
    findings: tuple[Finding, ...] = ()


# ── what comes out ─────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, kw_only=True)
class Trial:
    """A candidate that was made, run and judged; nothing in it is optional."""

    id: str
    recipe: Recipe
    runtime: str
    options: Mapping[str, str]
    artifact: Artifact
    measured: Measured | NotTimed
    accuracy: Accuracy
    verdict: Verdict


@dataclass(frozen=True, kw_only=True)
class Failure:
    """A candidate that broke: at which stage, why, and what to do. The others went on."""

    id: str
    recipe: str
    stage: Literal["export", "check", "load", "evaluate", "benchmark", "rank"]
    message: str
    hint: str = ""


@dataclass(frozen=True, kw_only=True)
class Skipped:
    """A candidate that was not tried, and why: it cannot be the answer, or there was no time for it."""

    id: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class Access:
    """One look at the certification split: which trial was judged on it, and how it came out."""

    trial: str
    status: Status


@dataclass(frozen=True, kw_only=True)
class Certificate:
    """The verdict on the certification split, and the ledger of everything that was ever judged there.

    ``trial`` is the one that is handed over. Where no other passed it is the baseline, which passes against itself; the
    ledger then says what became of the others.
    """

    status: Status
    trial: str
    verdict: Verdict
    baseline: Accuracy
    accuracy: Accuracy
    ledger: tuple[Access, ...]


@dataclass(frozen=True, kw_only=True)
class Retimed:
    """The winner against the baseline, timed again and afresh; ``mode`` says whether both shared one process."""

    mode: Literal["pair", "rounds"]
    speed_up: Interval
    baseline_ns: tuple[float, ...]  # the median of every process
    best_ns: tuple[float, ...]


@dataclass(frozen=True, kw_only=True)
class Original:
    """The user's model before anything was done to it, run by its own framework."""

    accuracy: Accuracy


@dataclass(frozen=True, kw_only=True)
class DataSummary:
    """What the numbers rest on: where the samples came from, how many each split holds, and the hash of them all."""

    path: str
    classes: tuple[str, ...]
    calibration: int
    selection: int
    certification: int
    sha256: str
    labelled: bool = True


@dataclass(frozen=True, kw_only=True)
class Report:
    """All that one run found on one target at one number of threads; ids point into ``trials``."""

    model: Model
    original: Original
    data: DataSummary
    preprocessing: Contract
    target: Target
    threads: int
    goal: Goal
    seed: int
    baseline: str
    trials: tuple[Trial, ...]
    failures: tuple[Failure, ...]
    pareto: tuple[str, ...]
    best: str
    certificate: Certificate
    retimed: Retimed | None
    findings: tuple[Finding, ...]
    versions: Mapping[str, str]
    command: str
    started: str  # ISO 8601, UTC
    seconds: float
    effort: Effort = "standard"
    skipped: tuple[Skipped, ...] = ()
    profile: OperatorProfile | None = None  # of the best
    schema_version: int = SCHEMA_VERSION


# ── what is told while a run goes on ───────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, kw_only=True)
class Outline:
    """What is about to be done, said before it starts: times and sizes are estimates."""

    candidates: tuple[str, ...]
    seconds: float
    disk_bytes: int
    findings: tuple[Finding, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    effort: Effort = "standard"


@dataclass(frozen=True, kw_only=True)
class Step:
    """How far the work is: ``what`` is running now, ``done`` of ``total`` jobs of this stage are finished."""

    stage: str
    what: str
    done: int
    total: int


Watch = Callable[[Outline | Step | Finding], None]
