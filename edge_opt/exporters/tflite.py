"""TensorFlow Lite: by TensorFlow's own converter, and by AI Edge Quantizer where that has no way."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from edge_opt.nets import frameworks
from edge_opt.nets.conversion import calibration, converting, imported, kept, phrase, require
from edge_opt.types import Quantization, Source, SourceKind

_FILE = "model.tflite"


class TFLiteExporter:
    """The exporter of ``.tflite`` files, which LiteRT and tflite-runtime run."""

    format = "tflite"

    def variants(self, quantization: Quantization, source: SourceKind) -> tuple[str, ...]:
        """One way to store each; weights alone are quantized per channel only."""
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
        """Write ``model.tflite`` into ``out`` and return its path."""
        require(self.format, quantization, variant, self.variants(quantization, source.kind))
        path = out / _FILE
        if quantization.mode == "weight_only":
            _weights_only(source.path, path)
        elif quantization.mode == "none":
            path.write_bytes(kept(source.path, "float32.tflite", lambda to: _float32(source.path, to)).read_bytes())
        else:
            with converting("TensorFlow Lite's converter", f"TFLite ({phrase(quantization)})"):
                path.write_bytes(_quantized(source.path, quantization, samples))
        return path


def _float32(saved_model: Path, path: Path) -> None:
    with converting("TensorFlow Lite's converter", "TFLite (float32)"):
        path.write_bytes(_converter(saved_model).convert())


def _converter(saved_model: Path) -> Any:
    return frameworks.tensorflow().lite.TFLiteConverter.from_saved_model(str(saved_model))


def _quantized(saved_model: Path, quantization: Quantization, samples: NDArray[Any]) -> bytes:
    lite = frameworks.tensorflow().lite
    converter = _converter(saved_model)
    converter.optimizations = [lite.Optimize.DEFAULT]
    converter._experimental_disable_per_channel = quantization.granularity == "per_tensor"
    if quantization.mode == "float16":
        converter.target_spec.supported_types = [frameworks.tensorflow().float16]
    elif quantization.mode == "dynamic":
        # With one scale a channel, dense layers become an operator that tflite-runtime 2.14 does not know
        # (FULLY_CONNECTED, version 12). One scale a tensor costs neither time nor accuracy; convolutions keep theirs.
        converter._experimental_disable_per_channel_quantization_for_dense_layers = True
    else:
        batches = calibration(samples)
        converter.representative_dataset = lambda: ([batch] for batch in batches)
        # and no float operators besides: what has no integer kernel shall fail here, not run slowly there
        converter.target_spec.supported_ops = [
            lite.OpsSet.TFLITE_BUILTINS_INT8
            if quantization.activation_bits == 8
            else lite.OpsSet.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8
        ]
    return bytes(converter.convert())


def _weights_only(saved_model: Path, path: Path) -> None:
    """Quantize the weights of the float32 file; the converter itself always quantizes activations with them."""
    source = kept(saved_model, "float32.tflite", lambda to: _float32(saved_model, to))
    with converting("AI Edge Quantizer", "TFLite (weight-only)"):
        purpose = "storing weights alone in 8 bits"
        os.environ.setdefault("TQDM_DISABLE", "1")
        quantizer = imported("ai_edge_quantizer.quantizer", "ai-edge-quantizer", "litert", purpose)
        recipe = imported("ai_edge_quantizer.recipe", "ai-edge-quantizer", "litert", purpose)
        work = quantizer.Quantizer(str(source))
        work.load_quantization_recipe(recipe.weight_only_wi8_afp32())
        path.write_bytes(bytes(work.quantize(enable_progress_report=False).quantized_model))


exporter = TFLiteExporter()
