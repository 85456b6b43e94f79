"""ONNX: quantized by ONNX Runtime's own tools, with plain operators that every ONNX runtime knows."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from edge_opt.exporters.onnx import errors, stored
from edge_opt.exporters.onnx.calibrate import quantization as quantizing
from edge_opt.exporters.onnx.sources import float32
from edge_opt.exporters.onnx.static import Static, check
from edge_opt.nets import onnx_graph
from edge_opt.nets.conversion import calibration, converting, phrase, require
from edge_opt.types import LayerError, Quantization, Source, SourceKind

_FILE = "model.onnx"


class OnnxExporter:
    """The exporter of ``.onnx`` files, which ONNX Runtime runs."""

    format = "onnx"

    def variants(self, quantization: Quantization, source: SourceKind) -> tuple[str, ...]:
        """``u8s8``, ``u8s7`` and ``s8s8`` for static 8-bit activations, as QDQ: the processor decides which is best.

        On x86 without VNNI, u8s8 and s8s8 may saturate (:mod:`edge_opt.nets.saturation`), and u8s7 never does.
        """
        if quantization.mode in ("none", "float16"):
            return ("",)
        if quantization.weight_bits != 8:
            return ()
        if quantization.mode == "static":
            return {8: ("u8s8", "u8s7", "s8s8"), 16: ("",)}.get(quantization.activation_bits, ())
        return ("",)

    def export(
        self, source: Source, quantization: Quantization, variant: str, samples: NDArray[Any], out: Path
    ) -> Path:
        """Write ``model.onnx`` into ``out`` and return its path."""
        require(self.format, quantization, variant, self.variants(quantization, source.kind))
        whole = float32(source)
        path = out / _FILE
        with converting("ONNX Runtime", f"ONNX ({phrase(quantization)})"):
            if quantization.mode == "none":
                path.write_bytes(whole.read_bytes())
            elif quantization.mode == "float16":
                onnx_graph.save(stored.in_16_bits(onnx_graph.read(whole)), path)
            elif quantization.mode == "weight_only":
                model = onnx_graph.read(whole)
                check(model.graph, quantization.keep_float)
                per_channel = quantization.granularity == "per_channel"
                onnx_graph.save(stored.in_8_bits(model, per_channel, quantization.keep_float), path)
            elif quantization.mode == "dynamic":
                _dynamic(whole, path, quantization)
            else:
                with _static(whole, quantization, variant, calibration(samples), out) as model:
                    model.write(path)
        return path

    def rewritten(self, path: Path, out: Path) -> Path:
        """Write the network of the artifact at ``path`` anew into ``out``: in one file, its weights turned round."""
        model = onnx_graph.package().load(str(path))
        weights = list(model.graph.initializer)[::-1]
        del model.graph.initializer[:]
        model.graph.initializer.extend(weights)
        onnx_graph.save(model, out / _FILE)
        return out / _FILE

    def layer_errors(
        self, source: Source, quantization: Quantization, variant: str, samples: NDArray[Any], out: Path
    ) -> tuple[LayerError, ...]:
        """The power of the noise that each layer, quantized alone, puts into the answers: a share of theirs, 0..1."""
        require(self.format, quantization, variant, self.variants(quantization, source.kind))
        whole, batches = float32(source), calibration(samples)
        with (
            converting("ONNX Runtime", f"ONNX ({phrase(quantization)}, layer by layer)"),
            _static(whole, quantization, variant, batches, out) as model,
        ):
            return errors.layer_errors(model, whole, batches, out)


@contextlib.contextmanager
def _static(whole: Path, quantization: Quantization, variant: str, batches: Any, scratch: Path) -> Iterator[Static]:
    with _own(whole, scratch) as float32:
        model = Static(float32, quantization, variant, batches, scratch)
        try:
            yield model
        finally:
            model.close()


def _dynamic(source: Path, path: Path, quantization: Quantization) -> None:
    tool = quantizing()
    check(onnx_graph.read(source).graph, quantization.keep_float)
    with _own(source, path.parent) as float32:
        # unsigned weights: with signed ones, dynamic convolutions have a slow kernel only (2 to 4 times slower here)
        tool.quantize_dynamic(
            str(float32),
            str(path),
            per_channel=quantization.granularity == "per_channel",
            weight_type=tool.QuantType.QUInt8,
            nodes_to_exclude=list(quantization.keep_float),
        )
    onnx_graph.save(onnx_graph.read(path), path)


@contextlib.contextmanager
def _own(whole: Path, scratch: Path) -> Iterator[Path]:
    """A copy for one conversion alone: ONNX Runtime's tools write, and remove, a file beside the one they read."""
    with tempfile.TemporaryDirectory(dir=scratch) as folder:
        yield Path(shutil.copy(whole, folder))


exporter = OnnxExporter()
