"""How often an artifact is right, and the verdict on what it lost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from edge_opt.types.finding import Finding
from edge_opt.types.timing import Interval

Status = Literal["pass", "fail", "unclear"]
Metric = Literal["top1", "agreement"]
Split = Literal["training", "selection", "certification"]


@dataclass(frozen=True, kw_only=True)
class Accuracy:
    """Scores sample by sample, so that two models can be paired: ``scores[i]`` is 1 when sample ``i`` is right."""

    metric: Metric  # "agreement" where there are no labels: sample ``i`` is answered as the float model does
    condition: str  # "clean", or a disturbance and its strength: "rotation@3"
    split: Split
    scores: tuple[int, ...]
    predictions: tuple[int, ...]
    value: float
    per_class: Mapping[str, float]
    max_abs_difference: float | None = None  # of the outputs, against the framework's own on the same samples
    max_scaled_difference: float | None = None  # the same as a share of the sample's largest output, or of 1
    confidences: tuple[float, ...] = ()  # how sure it was of each prediction, 0..1; () where nobody asked


@dataclass(frozen=True, kw_only=True)
class Parity:
    """Whether the device answers what this machine answers, on samples of the selection."""

    samples: int
    identical: int  # of the samples: every number of the output is the same, bit by bit
    largest: float  # the largest difference of two numbers
    agrees: bool  # near enough that the accuracy counted here is that of the device
    version_here: str = ""  # the runtime's package and version on this machine
    version_there: str = ""  # and on the device


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
