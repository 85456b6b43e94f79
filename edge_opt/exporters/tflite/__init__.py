"""TensorFlow Lite: by TensorFlow's converter from SavedModels, by AI Edge Quantizer wherever that has no way."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from edge_opt.exporters.tflite import converter, errors
from edge_opt.exporters.tflite.quantizer import Quantizer
from edge_opt.nets import tflite
from edge_opt.nets.conversion import calibration, converting, phrase, require
from edge_opt.types import LayerError, Quantization, Source, SourceKind

_FILE = "model.tflite"


class TFLiteExporter:
    """The exporter of ``.tflite`` files, which LiteRT and tflite-runtime run."""

    format = "tflite"

    def variants(self, quantization: Quantization, source: SourceKind) -> tuple[str, ...]:
        """One way to store each; weights alone are quantized per channel only, and nothing leads here from ONNX."""
        if source == "onnx":
            return ()
        if quantization.mode in ("none", "float16"):
            return ("",)
        if quantization.weight_bits != 8:
            return ()
        if quantization.mode == "weight_only":
            return ("",) if quantization.granularity == "per_channel" else ()
        if quantization.mode == "static":
            return ("",) if quantization.activation_bits in (8, 16) else ()
        return ("",)

    def export(
        self, source: Source, quantization: Quantization, variant: str, samples: NDArray[Any], out: Path
    ) -> Path:
        """Write ``model.tflite`` into ``out`` and return its path.

        Raises UnknownName where ``keep_float`` or ``wide`` names no layer of the model.
        """
        require(self.format, quantization, variant, self.variants(quantization, source.kind))
        path = out / _FILE
        if quantization.mode == "none":
            path.write_bytes(_float32(source).read_bytes())
        elif source.kind == "saved_model" and _is_plain(quantization):
            path.write_bytes(converter.quantized(source.path, quantization, samples))
        else:
            whole = _float32(source)
            with converting("AI Edge Quantizer", f"TFLite ({phrase(quantization)})"):
                path.write_bytes(_quantizer(whole, quantization, samples).content())
        return path

    def export_function(self, frozen: Any, out: Path) -> Path:
        """Write a frozen function (``freeze.freeze``) in float32 into ``out``, as ``model.tflite``; return its path."""
        path = out / _FILE
        path.write_bytes(converter.of_function(frozen))
        return path

    def rewritten(self, path: Path, out: Path) -> Path:
        """Write the network of the artifact at ``path`` anew into ``out``: its weights in another order."""
        model = tflite.load(path)
        model.buffers[1:] = model.buffers[:0:-1]  # the first stands for no content
        used = [tensor for graph in model.subgraphs for tensor in graph.tensors] + list(model.metadata or ())
        for one in used:
            one.buffer = len(model.buffers) - one.buffer if one.buffer else 0
        (out / _FILE).write_bytes(tflite.packed(model))
        return out / _FILE

    def layer_errors(
        self, source: Source, quantization: Quantization, variant: str, samples: NDArray[Any], out: Path
    ) -> tuple[LayerError, ...]:
        """The noise that each layer, quantized alone, puts into the model's answers, as a share of theirs.

        Of models with many layers, only those that look worst are tried and listed.
        """
        require(self.format, quantization, variant, self.variants(quantization, source.kind))
        whole = _float32(source)
        with converting("AI Edge Quantizer", f"TFLite ({phrase(quantization)}, layer by layer)"):
            logits = errors.without_softmax(whole, out)
            return errors.layer_errors(_quantizer(logits, quantization, samples), calibration(samples))


def _float32(source: Source) -> Path:
    return converter.float32(source.path) if source.kind == "saved_model" else source.path


def _is_plain(quantization: Quantization) -> bool:
    """Whether TensorFlow's converter has all of it: not weights alone, no other ranges, no single layers."""
    one_way = quantization.range_method == "min_max" and not quantization.keep_float and not quantization.wide
    return one_way and quantization.mode != "weight_only"


def _quantizer(whole: Path, quantization: Quantization, samples: NDArray[Any]) -> Quantizer:
    return Quantizer(whole, quantization, calibration(samples) if quantization.mode == "static" else ())


exporter = TFLiteExporter()
