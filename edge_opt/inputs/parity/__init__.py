"""A small convolutional network in every format, float32 and int8: a processor that computes incorrectly shows in it.

``tests/fixtures/build_parity.py`` writes the files. Their numbers are random; two processors are right where both give
the same answers. The int8 ones have the kernels that QEMU 7.2 fails at (docs/emulator.md); their ONNX weights keep to
seven bits, so that no x86 processor saturates.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

FOLDER = Path(__file__).resolve().parent
SHAPE = (8, 8, 1)  # of a sample

# format → precision → the file that a runtime opens
FILES: Mapping[str, Mapping[str, Path]] = {
    "tflite": {"int8": FOLDER / "int8.tflite", "float32": FOLDER / "float32.tflite"},
    "onnx": {"int8": FOLDER / "int8.onnx", "float32": FOLDER / "float32.onnx"},
    "openvino": {"float32": FOLDER / "float32.xml"},
}
# Samples, and what the kernels of TensorFlow Lite without XNNPACK answer to them. XNNPACK rounds otherwise in int8, and
# the runtime of 32-bit ARM does without it.
KNOWN = FOLDER / "known.npz"


def samples() -> NDArray[Any]:
    """Inputs of the networks, float32 from 0 to 1."""
    with np.load(KNOWN) as known:
        pixels: NDArray[Any] = known["samples"]
    return pixels.astype(np.float32) / np.float32(255)


def without_xnnpack() -> Mapping[str, NDArray[Any]]:
    """The answers of the .tflite files to the samples, by precision, computed on x86 without XNNPACK."""
    with np.load(KNOWN) as known:
        return {precision: known[precision] for precision in FILES["tflite"]}
