"""What else than accuracy an artifact must not trade away: its robustness, and how well its confidence is founded."""

from __future__ import annotations

from dataclasses import dataclass

from edge_opt.types.accuracy import Accuracy, Split, Status
from edge_opt.types.timing import Interval


@dataclass(frozen=True, kw_only=True)
class Robustness:
    """How a model answers samples that were disturbed: every kind at every strength, the same samples for all.

    ``conditions`` are accuracies under "rotation@1" … "jpeg@5", in the order of the kinds; ``value`` is the mean of
    them all, the one number by which models are compared.
    """

    model: str  # "original", or the id of a trial
    split: Split
    samples: int
    clean: Accuracy
    conditions: tuple[Accuracy, ...]
    value: float


@dataclass(frozen=True, kw_only=True)
class Margin:
    """How much worse something became, its paired interval, and whether that is within ``limit``."""

    status: Status
    loss: Interval
    limit: float


@dataclass(frozen=True, kw_only=True)
class ConditionLoss:
    """The accuracy lost under one condition, and the p-value that it is none: Holm-adjusted over all conditions."""

    condition: str
    loss: Interval
    p_value: float


@dataclass(frozen=True, kw_only=True)
class Quality:
    """Robustness and calibration of an artifact against the baseline's, on the same samples.

    ``robustness`` is the loss of the mean accuracy over all conditions, ``calibration`` the rise of the calibration
    error. Single conditions are told, and decide nothing.
    """

    trial: str
    before: Robustness
    after: Robustness
    robustness: Margin
    calibration: Margin
    conditions: tuple[ConditionLoss, ...]
