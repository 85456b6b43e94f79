"""What is done to the model: recipes and targets, candidates, and the artifacts that come of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from edge_opt.types.model import TensorSpec

RangeMethod = Literal["min_max", "percentile", "mse", "octav"]


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
    address: str = ""  # where the device is, as "ssh://pi@raspberrypi.local"; "" for this machine
    board: tuple[str, ...] = ()  # what the device must call itself, by its first words: "Raspberry Pi 4"
    channels_multiple: int = 8  # the widths that its kernels work in: passes leave multiples of it
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
