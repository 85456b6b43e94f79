"""A small convolutional network in every format, float32 and int8: a processor that computes wrong answers it wrong.

``tests/fixtures/build_parity.py`` writes the files. Their numbers are random; two processors are right where both give
the same answers. The int8 ones have the kernels that QEMU 7.2 fails at (docs/emulator.md); their ONNX weights keep to
seven bits, so that no x86 processor saturates.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
SHAPE = (8, 8, 1)  # of a sample
STEP = 0.004003862850368023  # between two int8 answers of the .tflite file, which gives them as floats

# format → precision → the file that a runtime opens
FILES: Mapping[str, Mapping[str, Path]] = {
    "tflite": {"int8": FOLDER / "int8.tflite", "float32": FOLDER / "float32.tflite"},
    "onnx": {"int8": FOLDER / "int8.onnx", "float32": FOLDER / "float32.onnx"},
    "openvino": {"float32": FOLDER / "float32.xml"},
}
