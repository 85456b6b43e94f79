"""The smallest model there is, in every format: whoever answers it right has a runtime that works.

``relu(x @ MATRIX)``; the files are written by ``tests/fixtures/build.py``.
"""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).resolve().parent
FILES = {"tflite": "probe.tflite", "onnx": "probe.onnx", "openvino": "probe.xml"}

# whole numbers, so that every precision answers the same
MATRIX = ((1.0, -2.0, 0.0), (0.0, 1.0, 2.0))
INPUT = ((3.0, 5.0),)
ANSWER = ((3.0, 0.0, 10.0),)  # by hand: 3·1 + 5·0, max(0, 3·-2 + 5·1), 3·0 + 5·2


def path(format: str) -> Path:
    """The file that a runtime of ``format`` opens."""
    return FOLDER / FILES[format]
