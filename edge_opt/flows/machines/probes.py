"""The optional packages at work on something tiny, one function each: an import alone proves nothing.

Each raises what its package raises, and returns nothing. They run in processes of their own, by :func:`attempt`.
"""

from __future__ import annotations

import io
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from edge_opt.inputs import probe


def attempt(names: Sequence[str]) -> tuple[str, ...]:
    """Why each of the functions ``names`` fails, in a sentence; "" for one that works."""
    return tuple(_failure(name) for name in names)


def _failure(name: str) -> str:
    try:
        globals()[name]()
    except Exception as error:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        return f"{type(error).__name__}: {lines[0][:200]}" if lines else type(error).__name__
    return ""


def _check(came_out: Any) -> None:
    """Nothing; raises RuntimeError where nothing right came out. No assert: PYTHONOPTIMIZE would leave it out."""
    if not came_out:
        raise RuntimeError("it ran, and what came out is wrong")


def tensorflow() -> None:
    """Convert a function to TFLite."""
    import tensorflow as tf

    function = tf.function(tf.nn.relu).get_concrete_function(tf.TensorSpec((1, 2)))
    _check(tf.lite.TFLiteConverter.from_concrete_functions([function]).convert())


def keras() -> None:
    """Run a layer of Keras 3."""
    import keras

    _check(keras.layers.ReLU()(np.array([[-1.0, 2.0]], np.float32)).numpy().tolist() == [[0.0, 2.0]])


def tf_keras() -> None:
    """Run a layer of Keras 2."""
    import tf_keras

    _check(tf_keras.layers.ReLU()(np.array([[-1.0, 2.0]], np.float32)).numpy().tolist() == [[0.0, 2.0]])


def onnx() -> None:
    """Read and check a model."""
    import onnx

    onnx.checker.check_model(onnx.load(probe.path("onnx")), full_check=True)


def tf2onnx() -> None:
    """Convert a function to ONNX."""
    import tensorflow as tf
    import tf2onnx

    signature = [tf.TensorSpec((1, 2), tf.float32)]
    _check(tf2onnx.convert.from_function(tf.function(tf.nn.relu), input_signature=signature)[0].graph.node)


def nncf() -> None:
    """Quantize a model of OpenVINO."""
    import nncf
    import openvino

    model = openvino.Core().read_model(probe.path("openvino"))
    samples = nncf.Dataset([np.array(probe.INPUT, np.float32)])
    _check("FakeQuantize" in {node.get_type_name() for node in nncf.quantize(model, samples, subset_size=1).get_ops()})


def ai_edge_quantizer() -> None:
    """Quantize a TFLite model."""
    from ai_edge_quantizer import quantizer, recipe

    made = quantizer.Quantizer(str(probe.path("tflite")), recipe.dynamic_wi8_afp32()).quantize()
    _check(made.quantized_model)


def pillow() -> None:
    """Write a picture and read it."""
    from PIL import Image

    pixels = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "picture.png"
        Image.fromarray(pixels).save(path)
        with Image.open(path) as picture:
            _check(np.array_equal(np.asarray(picture), pixels))


def matplotlib() -> None:
    """Draw a picture."""
    from matplotlib.figure import Figure

    out = io.BytesIO()
    Figure().savefig(out, format="svg")
    _check(b"<svg" in out.getvalue())


def scikit_learn() -> None:
    """Tell two points apart."""
    from sklearn.linear_model import LogisticRegression

    _check(LogisticRegression().fit([[0.0], [1.0]], [0, 1]).predict([[2.0]]).tolist() == [1])
