"""What limits a model: its symptoms, and the evidence that they were read from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from edge_opt.types.accuracy import Accuracy
from edge_opt.types.finding import Finding
from edge_opt.types.quality import Robustness

Severity = Literal["problem", "warning", "hint"]
Fact = float | str


@dataclass(frozen=True, kw_only=True)
class Symptom:
    """Something that limits a model: a stable code, how bad and how large it is, and the numbers that show it.

    Its text is written from them in the language of the reader, so that there is none here. ``size``, about the share
    of samples or of accuracy that is at stake, sorts within one severity.
    """

    code: str
    severity: Severity
    size: float
    facts: Mapping[str, Fact]
    names: tuple[str, ...] = ()  # of classes, files or layers that show it, the worst first
    explained_by: str = ""  # the code of another symptom, of which this one is the likely consequence


# ── the data ───────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, kw_only=True)
class SplitSummary:
    """One split as it was given: ``per_class[i]`` samples of class ``i``."""

    name: str  # "train", "validation" or "test"
    samples: int
    per_class: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class Unreadable:
    """Files that were listed and are missing, or could not be decoded, of ``total``."""

    total: int
    corrupt: int
    missing: int
    examples: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class InputRange:
    """The values that the model gets, after the contract, and whether it begins by scaling them itself."""

    low: float
    high: float
    mean: float
    deviation: float
    normalised_inside: bool
    extreme: int  # samples with values far from all others
    samples: int
    examples: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class ContractTried:
    """How many of the samples are answered rightly under one preprocessing contract."""

    contract: str
    given: bool  # it is the one that lies beside the data, or that was taken
    right: int
    samples: int


@dataclass(frozen=True, kw_only=True)
class Overlap:
    """How many samples of one split are also, exactly or nearly, in an earlier one."""

    later: str
    earlier: str
    samples: int  # of the later one that were looked at
    exact: int
    near: int  # beside the exact ones
    expected: float  # near ones that samples of one split have among themselves: chance, no leak
    examples: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class FeatureShift:
    """One property of the samples in two splits: a two-sample test, its p-value Holm-adjusted over all properties."""

    name: str  # "brightness", "contrast", "sharpness", …
    statistic: float  # Kolmogorov-Smirnov, 0..1
    p_value: float
    first: float  # its mean in the first split
    second: float


@dataclass(frozen=True, kw_only=True)
class Shift:
    """How well a classifier tells the samples of two splits apart: ``auc`` is 0.5 where it cannot."""

    first: str
    second: str
    samples: int
    auc: float
    p_value: float
    features: tuple[FeatureShift, ...]


@dataclass(frozen=True, kw_only=True)
class LabelDoubts:
    """Samples whose label is likely wrong, as the model answers another one with more confidence than is usual.

    Most of them may be the model's own mistakes, which gather in a few pairs of classes; ``scattered`` of them are more
    than that, as they hit all pairs alike.
    """

    split: str
    samples: int
    right: int  # answered as they are labelled
    doubtful: int
    scattered: int
    examples: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class PictureFaults:
    """How many pictures, of those looked at, are of little use to learn from, with examples by fault."""

    looked_at: int
    dark: int
    bright: int
    blurred: int
    flat: int
    odd_sized: int
    examples: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, kw_only=True)
class DataEvidence:
    """What was seen in the data; what could not be looked at is None or empty."""

    kind: Literal["picture", "array"]
    labelled: bool
    classes: tuple[str, ...]
    splits: tuple[SplitSummary, ...]
    unreadable: Unreadable
    inputs: InputRange
    contracts: tuple[ContractTried, ...]
    overlaps: tuple[Overlap, ...]
    shifts: tuple[Shift, ...]
    label_doubts: tuple[LabelDoubts, ...]
    faults: PictureFaults | None


# ── the training ───────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, kw_only=True)
class History:
    """The learning curves, a value an epoch; () for what was not recorded. Nothing stands there from a NaN on."""

    source: str  # the file it was read from
    loss: tuple[float, ...]
    val_loss: tuple[float, ...]
    accuracy: tuple[float, ...]
    val_accuracy: tuple[float, ...]
    learning_rate: tuple[float, ...]
    diverged_at: int | None = None  # the first epoch, counted from 1, whose loss is no number


@dataclass(frozen=True, kw_only=True)
class Fit:
    """How well the model does on what it was trained on, and on what it was not: measured now, on the same footing."""

    trained: float  # accuracy on the training split
    trained_samples: int
    held_out: float
    held_out_samples: int
    chance: float  # the accuracy of always answering the commonest class


@dataclass(frozen=True, kw_only=True)
class TrainingEvidence:
    """What tells how the training went: its history, and without one the gap between what was seen and what not."""

    history: History | None
    fit: Fit | None


# ── the model as it is ─────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, kw_only=True)
class Activity:
    """How many channels of a layer never answer to any of the samples: always zero, or always the same."""

    layer: str
    kind: str
    channels: int
    dead: int


@dataclass(frozen=True, kw_only=True)
class Structure:
    """What is to be known of the weights and the architecture."""

    parameters: int
    macs: int
    largest_layer: str
    largest_kind: str
    largest_share: float  # of the parameters
    convolutions: int
    normalisations: int  # layers that normalise, as BatchNormalization
    activity: tuple[Activity, ...]
    looked_inside: bool  # whether the activity could be seen: Keras models only


@dataclass(frozen=True, kw_only=True)
class Behaviour:
    """How a model answers: ``accuracy`` sample by sample, so that everything else about it is computed from there.

    ``labels[i]`` is the class of sample ``i``. ``calibration_error`` is the mean distance between confidence and
    accuracy, over bins of equally many samples.
    """

    model: str  # "original", or the id of a trial
    accuracy: Accuracy
    labels: tuple[int, ...]
    calibration_error: float
    latency_ns: float | None  # median of one inference; None where nothing was timed
    size_bytes: int
    robustness: Robustness | None


@dataclass(frozen=True, kw_only=True)
class Diagnosis:
    """What limits a model, the worst first, and what it was read from.

    What could not be looked at, as a model with two outputs or data that cannot be read, is None, and ``findings`` say
    why.
    """

    symptoms: tuple[Symptom, ...]
    data: DataEvidence | None
    training: TrainingEvidence
    structure: Structure | None
    behaviour: Behaviour | None
    findings: tuple[Finding, ...] = ()
