"""A whole stack without any framework: a data set, a frontend and exporters for the fake device of ``tests.fakes``.

``installed(monkeypatch)`` puts them into the registry in place of the real ones.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from edge_opt import registry
from edge_opt.errors import MissingPackage, StepFailed
from edge_opt.flows.choose import Choice
from edge_opt.flows.diagnosis.of_run import Looked
from edge_opt.types import Layer, LayerError, Model, Quantization, Source, SourceKind, TensorSpec
from tests import fake_passes
from tests.fakes import FakeArtifact, truth

CLASSES, SIDE = 3, 8
_REAL = registry.load
INPUT = TensorSpec(name="x", shape=(None, SIDE, SIDE, 1), dtype="float32", layout="NHWC")
OUTPUT = TensorSpec(name="y", shape=(None, CLASSES), dtype="float32")

# How an artifact of each mode behaves; a test overrides what it is about.
BEHAVIOUR: dict[str, FakeArtifact] = {
    "none": FakeArtifact(latency_ns=100_000),
    "float16": FakeArtifact(latency_ns=101_000),
    "dynamic": FakeArtifact(latency_ns=60_000, wrong=0.002),
    "weight_only": FakeArtifact(latency_ns=150_000, wrong=0.002),
    "static": FakeArtifact(latency_ns=30_000, wrong=0.002),
    "static16": FakeArtifact(latency_ns=900_000, wrong=0.001),
}
SIZES = {"none": 4000, "float16": 2000, "dynamic": 1100, "weight_only": 1050, "static": 1000, "static16": 1020}


LAYERS = ("dense_1", "conv", "dense_2", "stem")  # as quantization disturbs them, the worst first


def mode_of(quantization: Quantization) -> str:
    """The key of BEHAVIOUR; one that is not there behaves as ``static``."""
    if quantization.keep_float:
        return f"float{len(quantization.keep_float)}"
    if quantization.wide:
        return f"wide{len(quantization.wide)}"
    if quantization.range_method != "min_max":
        return quantization.range_method
    return "static16" if quantization.activation_bits == 16 and quantization.mode == "static" else quantization.mode


class FakeFrontend:
    """Takes ``.fake`` files; the framework's own answers are the truth."""

    source: SourceKind = "saved_model"

    def accepts(self, path: Path) -> bool:
        return path.suffix in (".fake", ".keras")

    def prepare(self, path: Path, out: Path, allow_code: bool) -> tuple[Model, Source]:
        out.mkdir(exist_ok=True)
        name = "+".join(fake_passes.read(path).words)
        (out / "passes").write_text(name, encoding="utf-8")
        model = Model(
            path=path,
            framework="keras",
            inputs=(INPUT,),
            outputs=(OUTPUT,),
            layers=(Layer(name="dense", kind="Dense", parameters=195),),
            parameters=195 if not name else 97,
            macs=192 if not name else 96,
            size_bytes=path.stat().st_size,
            sha256="ab" * 32 if not name else hashlib.sha256(name.encode()).hexdigest(),
        )
        return model, Source(kind=self.source, path=out)

    def predict(self, path: Path, inputs: NDArray[Any], allow_code: bool) -> NDArray[np.float32]:
        return truth(np.asarray(inputs), CLASSES)


class ChangeableFrontend(FakeFrontend):
    """One whose models passes can change."""

    def network(self, path: Path, allow_code: bool) -> fake_passes.FakeNet:
        return fake_passes.read(path)


class FakeExporter:
    """Writes files that say how they behave; ``broken`` modes raise, and all do where the package is ``missing``."""

    def __init__(
        self, format: str, behaviour: dict[str, FakeArtifact], broken: tuple[str, ...] = (), missing: bool = False
    ) -> None:
        self.format, self.behaviour, self.broken, self.missing = format, behaviour, broken, missing

    def variants(self, quantization: Quantization, source: SourceKind) -> tuple[str, ...]:
        if quantization.range_method == "octav" or (quantization.wide and self.format != "tflite"):
            return ()
        narrow = quantization.mode == "static" and quantization.activation_bits == 8
        return ("u8s8", "s8s8") if self.format == "onnx" and narrow else ("",)

    def export(
        self, source: Source, quantization: Quantization, variant: str, samples: NDArray[Any], out: Path
    ) -> Path:
        mode = mode_of(quantization)
        if self.missing:
            raise MissingPackage.of(self.format, self.format, "this export")
        if mode in self.broken:
            raise StepFailed(f"the converter does not know {mode}")
        passes = (source.path / "passes").read_text(encoding="utf-8") if source.path.exists() else ""
        how = self.behaviour.get(passes) or self.behaviour.get(mode, self.behaviour["static"])
        path = how.write(out / f"model.{self.format}")
        (out / "weights.bin").write_bytes(bytes(SIZES.get(mode, SIZES["static"])))
        return path

    def layer_errors(
        self, source: Source, quantization: Quantization, variant: str, samples: NDArray[Any], out: Path
    ) -> tuple[LayerError, ...]:
        if "rank" in self.broken:
            raise StepFailed("the debugger does not know this graph")
        return tuple(LayerError(name=name, error=0.8 / 4**place) for place, name in enumerate(LAYERS))


def data_set(folder: Path, samples: int = 2000) -> Path:
    """An ``.npz`` with a validation and a test split; sample by sample the labelled third is the brightest."""
    rng = np.random.default_rng(0)
    arrays: dict[str, NDArray[Any]] = {}
    for split, count in (("train", 300), ("val", samples // 2), ("test", samples)):
        labels = np.arange(count) % CLASSES
        pixels = rng.integers(0, 100, (count, SIDE * SIDE), dtype=np.uint8)
        for i, part in enumerate(np.array_split(np.arange(SIDE * SIDE), CLASSES)):
            pixels[np.ix_(labels == i, part)] += 120
        arrays |= {f"x_{split}": pixels.reshape(count, SIDE, SIDE), f"y_{split}": labels}
    path = folder / "data.npz"
    np.savez(path, **arrays)
    contract = f'color = "gray"\nheight = {SIDE}\nwidth = {SIDE}\nscale = {1 / 255!r}\noffset = 0.0\n'
    (folder / "data.preprocessing.toml").write_text(contract)
    return path


def undiagnosed(choice: Choice) -> Looked:
    """What the pipeline goes on with where nothing is diagnosed."""
    return Looked(certificate=choice.certificate)


def installed(
    monkeypatch: pytest.MonkeyPatch,
    behaviour: dict[str, FakeArtifact] | None = None,
    broken: dict[str, tuple[str, ...]] | None = None,
    missing: tuple[str, ...] = (),
    whole: bool = False,
    passes: fake_passes.FakePass | None = None,
) -> None:
    """Put the fake frontend and exporters into the registry, and the ``passes`` where some are to change the model.

    An artifact of a network that passes made behaves as ``behaviour`` has it under their names, "strided+slim50".

    Pictures are not drawn; unless the ``whole`` job is wanted, no sample is disturbed either, and nothing diagnosed.
    """
    monkeypatch.setattr("edge_opt.results.report.pictures.canvas.drawn", lambda sketch: "<svg/>")
    if not whole:
        nothing = dict.fromkeys(("quick", "standard", "thorough"), 0.0)
        monkeypatch.setattr("edge_opt.stages.plan.cost._DISTURBING_S", nothing)
        monkeypatch.setattr(
            "edge_opt.flows.pipeline.diagnosed", lambda bench, trials, choice, pace: undiagnosed(choice)
        )
    monkeypatch.setattr("edge_opt.stats.RESAMPLES", 1000)  # the intervals need not be fine here
    how = {**BEHAVIOUR, **(behaviour or {})}
    real = _REAL  # not the one of now, which may be ours
    fakes: dict[tuple[str, str], Any] = {
        ("frontends", "keras"): ChangeableFrontend() if passes else FakeFrontend(),
        **({("passes", name): passes for name in registry.names("passes")} if passes else {}),
    } | {
        ("exporters", name): FakeExporter(name, how, (broken or {}).get(name, ()), name in missing)
        for name in registry.names("exporters")
    }
    monkeypatch.setattr(registry, "load", lambda kind, name: fakes.get((kind, name)) or real(kind, name))
