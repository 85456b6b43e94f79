"""TensorFlow's own converter: a SavedModel → the float32 file that everything starts from, and the plain recipes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from edge_opt.nets import frameworks
from edge_opt.nets.conversion import calibration, converting, kept, phrase
from edge_opt.types import Quantization


def float32(saved_model: Path) -> Path:
    """The float32 file of the SavedModel, made once and kept beside it."""

    def make(path: Path) -> None:
        with converting("TensorFlow Lite's converter", "TFLite (float32)"):
            path.write_bytes(_converter(saved_model).convert())

    return kept(saved_model, "float32.tflite", make)


def of_function(frozen: Any) -> bytes:
    """The float32 file of a concrete function without variables, in a quarter of the time that a SavedModel takes."""
    with converting("TensorFlow Lite's converter", "TFLite (float32)"):
        lite, module = frameworks.tensorflow().lite, frameworks.tensorflow().Module()
        return bytes(lite.TFLiteConverter.from_concrete_functions([frozen], module).convert())


def quantized(saved_model: Path, quantization: Quantization, samples: NDArray[Any]) -> bytes:
    """The file that TensorFlow's converter makes of the SavedModel: float16, dynamic or static."""
    with converting("TensorFlow Lite's converter", f"TFLite ({phrase(quantization)})"):
        lite = frameworks.tensorflow().lite
        converter = _converter(saved_model)
        converter.optimizations = [lite.Optimize.DEFAULT]
        converter._experimental_disable_per_channel = quantization.granularity == "per_tensor"
        if quantization.mode == "float16":
            converter.target_spec.supported_types = [frameworks.tensorflow().float16]
        elif quantization.mode == "dynamic":
            # With one scale a channel, dense layers become an operator that tflite-runtime 2.14 does not know
            # (FULLY_CONNECTED, version 12). One scale a tensor costs neither time nor accuracy; convolutions keep
            # theirs.
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


def _converter(saved_model: Path) -> Any:
    return frameworks.tensorflow().lite.TFLiteConverter.from_saved_model(str(saved_model))
