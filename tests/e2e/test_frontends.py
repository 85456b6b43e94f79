"""The frontends on real files of Keras 3, Keras 2 and TensorFlow: described, written, and equal to the framework."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_opt import registry
from edge_opt.errors import ModelError
from edge_opt.nets import frameworks
from edge_opt.types import Model

pytestmark = pytest.mark.slow

CONV = 28 * 28 * 9 * 32 + 14 * 14 * (9 * 32) * 64 + 7 * 7 * (9 * 64) * 128
DENSE = 3 * 3 * 128 * 128 + 128 * 10


@pytest.fixture(params=["keras", "tf_keras"])
def framework(request: pytest.FixtureRequest) -> Any:
    return getattr(frameworks, request.param)()


def frontend_for(path: Path) -> Any:
    frontends = [registry.load("frontends", name) for name in registry.names("frontends")]
    return next(frontend for frontend in frontends if frontend.accepts(path))


def prepared(path: Path, tmp_path: Path, allow_code: bool = False) -> Model:
    model: Model
    model, _ = frontend_for(path).prepare(path, tmp_path / "out", allow_code)
    return model


def saved(model: Any, path: Path) -> Path:
    model.save(path)
    return path


def answers(saved_model: Path, inputs: Any) -> Any:
    """What the SavedModel answers, one sample at a time."""
    loaded = frameworks.tensorflow().saved_model.load(str(saved_model))
    signature = loaded.signatures["serving_default"]
    ((name, entry),) = signature.structured_input_signature[1].items()
    assert entry.dtype == "float32"
    assert entry.shape[0] == 1
    return np.concatenate(
        [next(iter(signature(**{name: inputs[i : i + 1]}).values())).numpy() for i in range(len(inputs))]
    )


def sketch(framework: Any, path: Path, *, augmented: bool = True) -> Path:
    """A small classifier with the layers that give exporters trouble: preprocessing, augmentation, a model inside."""
    keras, layers = framework, framework.layers
    keras.utils.set_random_seed(3)
    inner = keras.Sequential(
        [keras.Input((14, 14, 8)), layers.Conv2D(8, 3, name="conv"), layers.BatchNormalization(name="norm")],
        name="inner",
    )
    inputs = keras.Input((28, 28, 3), name="picture")
    x = layers.Rescaling(1 / 255, name="rescaling")(inputs)
    x = layers.Normalization(mean=[0.4, 0.5, 0.6], variance=[0.1, 0.2, 0.3], name="normalization")(x)
    x = layers.RandomRotation(0.1)(layers.RandomFlip()(x)) if augmented else x
    x = layers.MaxPooling2D()(layers.Conv2D(8, 3, padding="same", name="stem")(x))
    x = layers.DepthwiseConv2D(3, name="depthwise")(inner(x))
    x = layers.Conv2D(8, 3, groups=2, activation="hard_sigmoid", name="grouped")(x)
    x = layers.Dropout(0.5)(layers.GlobalAveragePooling2D()(layers.LeakyReLU()(x)))
    return saved(keras.Model(inputs, layers.Dense(5, name="logits")(x)), path)


def pictures(count: int = 3) -> Any:
    return np.random.default_rng(0).integers(0, 256, (count, 28, 28, 3)).astype(np.float32)


# ── the embedded model ─────────────────────────────────────────────────────────────────────────────────────────────


def test_the_embedded_model_is_described_as_counted_by_hand(checkout: Path, tmp_path: Path) -> None:
    model = prepared(checkout / "examples/web_app/clothes_classifier.keras", tmp_path)
    assert (model.framework, model.parameters, model.macs) == ("keras", 241_546, CONV + DENSE)
    assert model.inputs[0].shape == (None, 28, 28, 1)
    assert model.inputs[0].layout == "NHWC"
    assert (model.outputs[0].name, model.outputs[0].shape) == ("probabilities", (None, 10))
    assert [layer.parameters for layer in model.layers if layer.parameters] == [320, 18_496, 73_856, 147_584, 1_290]


def test_the_embedded_model_keeps_the_accuracy_of_its_history(checkout: Path) -> None:
    path = checkout / "examples/web_app/clothes_classifier.keras"
    history = json.loads(path.with_name("history.json").read_text(encoding="utf-8"))
    with np.load(checkout / "calibration_data/fashion_mnist.npz") as data:
        inputs, labels = data["x_test"][..., None].astype(np.float32) / 255, data["y_test"]
    predicted = frontend_for(path).predict(path, inputs, False)
    assert predicted.shape == (10_000, 10)
    assert np.mean(predicted.argmax(1) == labels) == pytest.approx(history["test"]["top1"], abs=2e-4)


# ── files of each framework ────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_a_file_is_loaded_by_the_keras_that_saved_it(framework: Any, suffix: str, tmp_path: Path) -> None:
    path = sketch(framework, tmp_path / f"sketch{suffix}")
    model = prepared(path, tmp_path)
    expected = framework.models.load_model(path, compile=False).predict(pictures(), verbose=0)
    assert model.framework == framework.__name__
    assert {"inner/conv", "inner/norm", "stem", "logits"} <= {layer.name for layer in model.layers}
    assert model.parameters == sum(layer.parameters for layer in model.layers)
    np.testing.assert_allclose(answers(tmp_path / "out", pictures()), expected, atol=1e-6)
    np.testing.assert_allclose(frontend_for(path).predict(path, pictures(), False), expected, atol=1e-6)


def test_a_grouped_convolution_counts_the_channels_of_its_group(framework: Any, tmp_path: Path) -> None:
    layers = framework.layers
    model = framework.Sequential(
        [
            framework.Input((16, 16, 4)),
            layers.Conv2D(8, 3, groups=2),
            layers.Conv2D(8, 3, dilation_rate=2),
            layers.Conv2DTranspose(6, 3, strides=2),
            layers.Flatten(),
            layers.Dense(5),
        ]
    )
    found = prepared(saved(model, tmp_path / "model.keras"), tmp_path)
    grouped, dilated, transposed = 14 * 14 * 8 * (9 * 2), 10 * 10 * 8 * (9 * 8), 10 * 10 * 8 * (9 * 6)
    assert found.macs == grouped + dilated + transposed + 21 * 21 * 6 * 5


def test_mobilenet_v2_has_the_published_300_million_macs(framework: Any, tmp_path: Path) -> None:
    # Source: Sandler et al., MobileNetV2, 2018, table 4: 300 M multiply-adds, 3.4 M parameters (3.5 M in Keras)
    path = saved(framework.applications.MobileNetV2(weights=None), tmp_path / "mobilenet_v2.keras")
    model = prepared(path, tmp_path)
    assert model.macs == pytest.approx(300e6, rel=0.01)
    assert model.parameters == 3_538_984


def test_a_layer_whose_name_begins_with_an_underscore_is_written(tmp_path: Path) -> None:
    keras = frameworks.keras()
    inputs = keras.Input((8, 8, 1), name="_picture")
    x = keras.layers.Flatten()(keras.layers.Conv2D(4, 3, name="_conv")(inputs))
    path = saved(keras.Model(inputs, keras.layers.Dense(3, name="_scores")(x)), tmp_path / "model.keras")
    prepared(path, tmp_path)
    inputs = np.random.default_rng(0).random((2, 8, 8, 1), np.float32)
    np.testing.assert_allclose(
        answers(tmp_path / "out", inputs), frontend_for(path).predict(path, inputs, False), atol=1e-6
    )


def test_whole_pixels_go_in_as_floats(framework: Any, tmp_path: Path) -> None:
    inputs = framework.Input((8, 8, 1), dtype="uint8")
    x = framework.layers.Flatten()(framework.layers.Rescaling(1 / 255)(inputs))
    path = saved(framework.Model(inputs, framework.layers.Dense(3)(x)), tmp_path / "model.keras")
    assert prepared(path, tmp_path).inputs[0].dtype == "uint8"
    pixels = np.random.default_rng(0).integers(0, 256, (2, 8, 8, 1)).astype(np.float32)
    np.testing.assert_allclose(
        answers(tmp_path / "out", pixels), frontend_for(path).predict(path, pixels, False), atol=1e-6
    )


@pytest.mark.parametrize(("written", "named"), [("model.h5", "model.keras"), ("model.keras", "model.h5")])
def test_the_content_tells_what_a_file_is_and_not_its_name(
    framework: Any, written: str, named: str, tmp_path: Path
) -> None:
    path = sketch(framework, tmp_path / written).rename(tmp_path / named)
    assert prepared(path, tmp_path).framework == framework.__name__


@pytest.mark.parametrize("kind", ["export", "save"])
def test_a_saved_model_answers_as_the_model_that_wrote_it(kind: str, tmp_path: Path) -> None:
    framework = frameworks.keras() if kind == "export" else frameworks.tf_keras()
    path = sketch(framework, tmp_path / "sketch.keras", augmented=kind == "save")
    model = framework.models.load_model(path)
    getattr(model, kind)(tmp_path / "saved")
    found = prepared(tmp_path / "saved", tmp_path)
    expected = model.predict(pictures(), verbose=0)
    assert found.framework == "saved_model"
    assert found.macs == prepared(path, tmp_path / "again").macs
    np.testing.assert_allclose(answers(tmp_path / "out", pictures()), expected, atol=1e-6)
    predicted = frontend_for(tmp_path / "saved").predict(tmp_path / "saved", pictures(), False)
    np.testing.assert_allclose(predicted, expected, atol=1e-6)


def test_a_depthwise_layer_with_groups_from_an_old_file_loads_in_keras_3(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from edge_opt.frontends import keras as frontend

    tf_keras = frameworks.tf_keras()
    inputs = tf_keras.Input((8, 8, 3))
    x = tf_keras.layers.DepthwiseConv2D(3)(inputs)
    x = tf_keras.layers.GlobalAveragePooling2D()(x)
    model = tf_keras.Model(inputs, tf_keras.layers.Dense(3)(x))
    path = saved(model, tmp_path / "old.h5")

    def broken() -> Any:
        raise RuntimeError("Keras 2 cannot read it")

    monkeypatch.setattr(frontend, "_known_names", lambda: ())
    monkeypatch.setattr(frameworks, "tf_keras", broken)
    picture = np.random.default_rng(0).random((1, 8, 8, 3), np.float32)
    assert prepared(path, tmp_path).framework == "keras"
    np.testing.assert_allclose(answers(tmp_path / "out", picture), model.predict(picture, verbose=0), atol=1e-6)


# ── every exporter can start from what is written ──────────────────────────────────────────────────────────────────


@pytest.fixture(params=["keras", "tf_keras", "embedded"])
def written(request: pytest.FixtureRequest, checkout: Path, tmp_path: Path) -> Path:
    """The SavedModel of a model of each framework, and of the embedded one."""
    if request.param == "embedded":
        prepared(checkout / "examples/web_app/clothes_classifier.keras", tmp_path)
    else:
        prepared(sketch(getattr(frameworks, request.param)(), tmp_path / "sketch.keras"), tmp_path)
    return tmp_path / "out"


def random_input(saved_model: Path) -> Any:
    loaded = frameworks.tensorflow().saved_model.load(str(saved_model))
    ((_, entry),) = loaded.signatures["serving_default"].structured_input_signature[1].items()
    return np.random.default_rng(1).random(entry.shape.as_list(), np.float32)


def test_the_tflite_converter_reads_it(written: Path) -> None:
    interpreters = pytest.importorskip("ai_edge_litert.interpreter", reason="pip install 'edge-opt[litert]'")
    inputs = random_input(written)
    content = frameworks.tensorflow().lite.TFLiteConverter.from_saved_model(str(written)).convert()
    interpreter = interpreters.Interpreter(model_content=content)
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], inputs)
    interpreter.invoke()
    found = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
    np.testing.assert_allclose(found, answers(written, inputs), atol=1e-5)


def test_openvino_reads_it(written: Path) -> None:
    ov = pytest.importorskip("openvino", reason="pip install 'edge-opt[openvino]'")
    inputs = random_input(written)
    compiled = ov.Core().compile_model(ov.convert_model(str(written)), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    np.testing.assert_allclose(compiled([inputs])[0], answers(written, inputs), atol=1e-5)


# ── what is refused ────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_a_lambda_runs_only_where_it_is_allowed(framework: Any, suffix: str, tmp_path: Path) -> None:
    inputs = framework.Input((4,))
    x = framework.layers.Lambda(lambda x: x * 2, name="twice", output_shape=(4,))(inputs)
    path = saved(framework.Model(inputs, framework.layers.Dense(3)(x)), tmp_path / f"model{suffix}")
    with pytest.raises(ModelError, match="the layer 'twice' is a Lambda") as caught:
        prepared(path, tmp_path)
    assert "--allow-code" in caught.value.hint
    assert "Lambda" in {layer.kind for layer in prepared(path, tmp_path, allow_code=True).layers}


def test_a_class_of_ones_own_is_imported_only_where_it_is_allowed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "swirls.py").write_text(
        "import keras\n\n"
        "@keras.saving.register_keras_serializable('mine')\n"
        "class Swirl(keras.layers.Layer):\n"
        "    def call(self, x):\n"
        "        return x * 3\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    keras = frameworks.keras()
    import swirls  # type: ignore[import-not-found]

    inputs = keras.Input((4,))
    path = saved(keras.Model(inputs, keras.layers.Dense(3)(swirls.Swirl()(inputs))), tmp_path / "model.keras")
    with pytest.raises(ModelError, match="'mine>Swirl', which is not Keras' own"):
        prepared(path, tmp_path)
    assert "Swirl" in {layer.kind for layer in prepared(path, tmp_path, allow_code=True).layers}


def test_a_saved_model_that_calls_python_is_refused(tmp_path: Path) -> None:
    tf = frameworks.tensorflow()
    module = tf.Module()

    def serve(x: Any) -> Any:
        (answer,) = tf.numpy_function(lambda values: values[:, :3], [x], [tf.float32])
        return {"scores": tf.ensure_shape(answer, (None, 3))}

    module.serve = tf.function(serve, input_signature=[tf.TensorSpec((None, 4), tf.float32, name="x")])
    tf.saved_model.save(module, str(tmp_path / "saved"), signatures={"serving_default": module.serve})
    with pytest.raises(ModelError, match=r"the operator '.*PyFunc' calls Python") as caught:
        prepared(tmp_path / "saved", tmp_path)
    assert "--allow-code" in caught.value.hint


def test_a_damaged_saved_model_is_named(tmp_path: Path) -> None:
    (tmp_path / "saved").mkdir()
    (tmp_path / "saved" / "saved_model.pb").write_bytes(b"this is no protocol buffer")
    with pytest.raises(ModelError, match=r"saved_model\.pb' is damaged"):
        prepared(tmp_path / "saved", tmp_path)


def test_a_model_that_is_random_at_inference_is_refused(tmp_path: Path) -> None:
    # Keras 3 keeps such a layer still when it predicts, Keras 2 does not
    keras = frameworks.tf_keras()
    inputs = keras.Input((8,))
    x = keras.layers.Dropout(0.5)(inputs, training=True)
    path = saved(keras.Model(inputs, keras.layers.Dense(3)(x)), tmp_path / "model.keras")
    with pytest.raises(ModelError, match="draws random numbers"):
        prepared(path, tmp_path)


def test_a_saved_model_that_keras_3_exported_with_augmentation_is_refused(tmp_path: Path) -> None:
    # Keras 3 leaves augmentation on in what it exports: one input has several answers
    keras = frameworks.keras()
    inputs = keras.Input((28, 28, 3))
    x = keras.layers.Flatten()(keras.layers.RandomFlip()(inputs))
    keras.Model(inputs, keras.layers.Dense(3)(x)).export(tmp_path / "saved", verbose=False)
    with pytest.raises(ModelError, match="draws random numbers") as caught:
        prepared(tmp_path / "saved", tmp_path)
    assert ".keras" in caught.value.hint


def test_weights_that_are_no_numbers_are_refused(framework: Any, tmp_path: Path) -> None:
    model = framework.Sequential([framework.Input((8,)), framework.layers.Dense(3)])
    model.set_weights([np.full((8, 3), np.nan), np.zeros(3)])
    with pytest.raises(ModelError, match="NaN or infinite values"):
        prepared(saved(model, tmp_path / "model.keras"), tmp_path)


def test_inputs_of_another_shape_are_refused(checkout: Path) -> None:
    path = checkout / "examples/web_app/clothes_classifier.keras"
    with pytest.raises(ModelError, match=r"\(batch, 28, 28, 1\), and the data gives \(32, 32, 3\)"):
        frontend_for(path).predict(path, np.zeros((2, 32, 32, 3), np.float32), False)


def test_nothing_lands_on_stdout(framework: Any, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = sketch(framework, tmp_path / "sketch.keras")
    capfd.readouterr()
    prepared(path, tmp_path)
    frontend_for(path).predict(path, pictures(), False)
    assert capfd.readouterr().out == ""
