"""OpenVINO: its own reader of SavedModels, so TensorFlow is not needed, and NNCF to quantize."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from edge_opt.nets.conversion import calibration, converting, imported, phrase, require
from edge_opt.types import Quantization, Source, SourceKind

_FILE = "model.xml"
_PURPOSE = "quantizing an OpenVINO model"


class OpenVINOExporter:
    """The exporter of OpenVINO's ``model.xml`` and ``model.bin``."""

    format = "openvino"

    def variants(self, quantization: Quantization, source: SourceKind) -> tuple[str, ...]:
        """One way to store what OpenVINO has: no dynamic quantization on CPUs, and no 16-bit activations."""
        if quantization.mode in ("none", "float16"):
            return ("",)
        if quantization.weight_bits != 8:
            return ()
        if quantization.mode == "weight_only":
            return ("",) if quantization.granularity == "per_channel" else ()
        if quantization.mode == "static":
            return ("",) if quantization.activation_bits == 8 else ()
        return ()

    def export(
        self, source: Source, quantization: Quantization, variant: str, samples: NDArray[Any], out: Path
    ) -> Path:
        """Write ``model.xml`` and ``model.bin`` into ``out`` and return the path of the former."""
        require(self.format, quantization, variant, self.variants(quantization, source.kind))
        with converting("OpenVINO", f"its own format ({phrase(quantization)})"):
            openvino = _quiet("openvino", "exporting to OpenVINO")
            model = openvino.convert_model(str(source.path))
            # names the folder that the SavedModel lay in, which is nobody's business and differs from run to run
            del model.rt_info["conversion_parameters"]
            _number(model)
            if quantization.mode in ("weight_only", "static"):
                model = _quantized(model, quantization, samples)  # names what it adds after what is there
                _number(model)
            openvino.save_model(model, str(out / _FILE), compress_to_fp16=quantization.mode == "float16")
        return out / _FILE


def _quiet(module: str, purpose: str) -> Any:
    # Both packages report their use to their vendor's analytics as soon as they are imported, and leave a folder in
    # HOME. Without this package, which they treat as optional, they do neither.
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    return imported(module, module, "openvino", purpose)


def _quantized(model: Any, quantization: Quantization, samples: NDArray[Any]) -> Any:
    nncf = _quiet("nncf", _PURPOSE)
    if quantization.mode == "weight_only":
        return nncf.compress_weights(model, mode=nncf.CompressWeightsMode.INT8_SYM)
    batches = calibration(samples)
    advanced = imported("nncf.quantization.advanced_parameters", "nncf", "openvino", _PURPOSE)
    ranges = imported("nncf.quantization.range_estimator", "nncf", "openvino", _PURPOSE)
    return nncf.quantize(
        model,
        nncf.Dataset(batches),
        subset_size=len(batches),
        advanced_parameters=nncf.AdvancedQuantizationParameters(
            activations_range_estimator_params=ranges.RangeEstimatorParametersSet.MINMAX,
            weights_quantization_params=advanced.QuantizationParameters(
                per_channel=quantization.granularity == "per_channel"
            ),
        ),
    )


def _number(model: Any) -> None:
    """Number the nodes that OpenVINO and NNCF named by a counter, so that equal models are equal files."""
    for place, node in enumerate(model.get_ordered_ops()):
        if re.fullmatch(r"[A-Z][A-Za-z]+_\d+", node.get_friendly_name()):
            node.set_friendly_name(f"{node.get_type_name()}_{place}")


exporter = OpenVINOExporter()
