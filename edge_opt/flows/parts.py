"""What can be installed beside the core of edge-opt, and what each of it is for."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Part:
    """Something that can be installed: under which name it is imported, and what is possible with it only."""

    package: str
    imported: str
    extra: str
    enables: str
    probe: str = ""  # the function of ``probes``; a runtime is proved by running a model
    runtime: str = ""
    together: str = "light"  # parts of one group share a process, as TensorFlow takes seconds to start


PARTS = (
    Part(
        package="ai-edge-litert",
        imported="ai_edge_litert",
        extra="litert",
        runtime="litert",
        enables="run .tflite files",
    ),
    Part(
        package="ai-edge-quantizer",
        imported="ai_edge_quantizer",
        extra="quantize",
        probe="ai_edge_quantizer",
        enables="quantize float .tflite files",
    ),
    Part(
        package="onnxruntime",
        imported="onnxruntime",
        extra="onnx",
        runtime="onnxruntime",
        enables="run .onnx files, and quantize them",
    ),
    Part(package="onnx", imported="onnx", extra="onnx", probe="onnx", enables="read and write .onnx files"),
    Part(
        package="tf2onnx",
        imported="tf2onnx",
        extra="onnx",
        probe="tf2onnx",
        together="tensorflow",
        enables="make .onnx files from Keras models",
    ),
    Part(
        package="openvino",
        imported="openvino",
        extra="openvino",
        runtime="openvino",
        enables="make and run OpenVINO models",
    ),
    Part(
        package="nncf",
        imported="nncf",
        extra="openvino",
        probe="nncf",
        together="nncf",
        enables="quantize OpenVINO models",
    ),
    Part(
        package="tensorflow",
        imported="tensorflow",
        extra="keras",
        probe="tensorflow",
        together="tensorflow",
        enables="read SavedModels, and make .tflite files",
    ),
    Part(
        package="keras",
        imported="keras",
        extra="keras",
        probe="keras",
        together="tensorflow",
        enables="read .keras and .h5 files",
    ),
    Part(
        package="tf-keras",
        imported="tf_keras",
        extra="keras",
        probe="tf_keras",
        together="tensorflow",
        enables="read the models of Keras 2",
    ),
    Part(package="pillow", imported="PIL", extra="images", probe="pillow", enables="read data sets of pictures"),
    Part(
        package="matplotlib",
        imported="matplotlib",
        extra="report",
        probe="matplotlib",
        enables="draw the pictures of reports",
    ),
    Part(
        package="scikit-learn",
        imported="sklearn",
        extra="diagnose",
        probe="scikit_learn",
        enables="diagnose data: shifts between splits",
    ),
    Part(
        package="tflite-runtime",
        imported="tflite_runtime",
        extra="",
        runtime="tflite-runtime",
        enables="run .tflite files by LiteRT's predecessor",
    ),
)
