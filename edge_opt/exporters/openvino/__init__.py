"""OpenVINO: its own readers of SavedModels, ONNX and TFLite, so TensorFlow is not needed, and NNCF to quantize."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from edge_opt.exporters.openvino import errors, graph, quantizer
from edge_opt.nets.conversion import calibration, converting, phrase, require
from edge_opt.types import LayerError, Quantization, Source, SourceKind

_FILE = "model.xml"


class OpenVINOExporter:
    """The exporter of OpenVINO's ``model.xml`` and ``model.bin``."""

    format = "openvino"

    def variants(self, quantization: Quantization, source: SourceKind) -> tuple[str, ...]:
        """One way to store what OpenVINO has: no dynamic quantization on CPUs, and no 16-bit activations."""
        if quantization.wide:
            return ()
        if quantization.mode in ("none", "float16"):
            return ("",)
        if quantization.weight_bits != 8:
            return ()
        if quantization.mode == "weight_only":
            return ("",) if quantization.granularity == "per_channel" else ()
        if quantization.mode == "static" and quantization.activation_bits == 8:
            return ("",) if quantization.range_method in quantizer.RANGE_METHODS else ()
        return ()

    def export(
        self, source: Source, quantization: Quantization, variant: str, samples: NDArray[Any], out: Path
    ) -> Path:
        """Write ``model.xml`` and ``model.bin`` into ``out`` and return the path of the former."""
        require(self.format, quantization, variant, self.variants(quantization, source.kind))
        with converting("OpenVINO", f"its own format ({phrase(quantization)})"):
            model = graph.read(source)
            own = graph.names(model)
            if quantization.mode == "weight_only":
                model = quantizer.weights_only(model, quantization)
            elif quantization.mode == "static":
                model = quantizer.static(model, quantization, calibration(samples))
            graph.number(model, own)  # NNCF names what it adds by a counter, after what is there
            graph.save(model, out / _FILE, compress_to_fp16=quantization.mode == "float16")
        return out / _FILE

    def rewritten(self, path: Path, out: Path) -> Path:
        """Write the network of the artifact at ``path`` anew into ``out``."""
        model = graph.quiet("openvino", "rewriting an OpenVINO model").Core().read_model(str(path))
        graph.save(model, out / _FILE, compress_to_fp16=False)
        return out / _FILE

    def layer_errors(
        self, source: Source, quantization: Quantization, variant: str, samples: NDArray[Any], out: Path
    ) -> tuple[LayerError, ...]:
        """The noise that each layer, quantized alone, puts into the answers, as a share of theirs."""
        require(self.format, quantization, variant, self.variants(quantization, source.kind))
        batches = calibration(samples)
        with converting("OpenVINO", f"its own format ({phrase(quantization)}, layer by layer)"):
            whole = graph.read(source)
            return errors.layer_errors(whole, quantizer.static(whole, quantization, batches), batches)


exporter = OpenVINOExporter()
