"""What passes work with and what comes of them: float networks of another shape, made from the one that was given."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from edge_opt.types.finding import Finding


@dataclass(frozen=True, kw_only=True)
class LayerCost:
    """What one layer takes at a few widths: ``(multiply-accumulates, nanoseconds)``, ascending, at least two.

    Of a layer without multiply-accumulates, as a pooling, the first of each are the values that it reads. Channels
    count as many as they cost like (:class:`KernelSteps`).
    """

    layer: str
    points: tuple[tuple[float, float], ...]


@dataclass(frozen=True, kw_only=True)
class KernelSteps:
    """How many channels the kernels of one kind of layer really work on, as ``(channels, as many as they cost like)``.

    Kernels take 16 or 32 channels at once: 40 cost like 64, and 24 may cost more than 32.
    """

    kind: str  # as "conv"
    widths: tuple[tuple[int, float], ...]  # ascending; beyond the last, as over the 32 before it


@dataclass(frozen=True, kw_only=True)
class OperatorCosts:
    """The time of each layer of a network on a target, measured by the worker one layer at a time, in float32."""

    runtime: str
    runtime_version: str
    threads: int
    layers: tuple[LayerCost, ...]
    steps: tuple[KernelSteps, ...] = ()  # of the kinds for which they were measured


@dataclass(frozen=True, kw_only=True)
class Lesson:
    """What a network is trained on and stopped by: ``.npy`` files ``(n, …)`` float32 as the model sees them.

    None of its training samples selects or certifies; those of ``selection`` only stop the training. Labels are
    ``(n,)`` int64; None where the data have none, and the original's own answers are all there is.
    """

    inputs: Path
    labels: Path | None
    selection: Path
    selection_labels: Path  # without labels, the answers of the original
    picture: tuple[int, int] | None = None  # the axes of height and width, batch axis 0 counted; None for arrays


@dataclass(frozen=True, kw_only=True)
class Context:
    """What a pass may use; all of it can be sent to a process of its own."""

    lesson: Lesson
    costs: OperatorCosts | None  # None where nothing can be timed: multiply-accumulates count then
    multiple: int  # the widths that the target's kernels work in
    seed: int
    seconds: float | None  # for all training of this pass; None for as long as its schedule takes
    checkpoints: Path  # a folder that outlives a kill
    progress: Path  # a file that whoever waits may read


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far a pass is: of ``total`` epochs, ``done`` are; ``left_s`` is a prediction."""

    what: str
    done: int
    total: int
    loss: float | None = None
    accuracy: float | None = None  # on the selection split
    left_s: float | None = None


@dataclass(frozen=True, kw_only=True)
class Width:
    """How many channels a layer had, and has."""

    layer: str
    before: int
    after: int


@dataclass(frozen=True, kw_only=True)
class Trained:
    """How a network was trained: the best epoch is the one that was kept; accuracies are on the selection split."""

    epochs: int
    best_epoch: int
    steps: int
    samples: int  # of the training split
    seconds: float
    accuracy: float
    teacher_accuracy: float
    augmentation: tuple[Literal["shift", "flip", "light"], ...] = ()


@dataclass(frozen=True, kw_only=True)
class Change:
    """What one pass did to a network, and what it has to say."""

    name: str
    widths: tuple[Width, ...]
    removed: tuple[str, ...] = ()  # layers that left altogether
    trained: tuple[Trained, ...] = ()  # one after the other
    findings: tuple[Finding, ...] = ()
    predicted_speed_up: float | None = None  # by the costs of the layers


@dataclass(frozen=True, kw_only=True)
class Net:
    """A float network that passes made of the original; ``path`` is its Keras file, relative to the run folder."""

    name: str  # the passes, as "strided+slim75"
    path: Path
    sha256: str
    parameters: int
    macs: int
    changes: tuple[Change, ...]
    seconds: float
