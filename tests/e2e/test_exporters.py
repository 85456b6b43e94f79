"""Real networks through every exporter and every runtime: the web app's classifier on its test set, and MobileNetV2."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from edge_opt import registry
from edge_opt.inputs.recipes import RECIPES
from edge_opt.types import Source
from tests.fixtures import networks

pytestmark = pytest.mark.slow

CASES = [
    pytest.param(name, recipe.name, variant, id="-".join(filter(None, (name, recipe.name, variant))))
    for name in registry.names("exporters")
    for recipe in RECIPES
    for variant in registry.load("exporters", name).variants(recipe.quantization, "saved_model")
]
QUANTIZATIONS = {recipe.name: recipe.quantization for recipe in RECIPES}
CALIBRATION = 100


@pytest.fixture(scope="module")
def clothes(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> networks.Network:
    """The embedded classifier, its validation images first, then all its test images."""
    folder, frontend = tmp_path_factory.mktemp("clothes"), registry.load("frontends", "keras")
    model = checkout / "examples" / "web_app" / "clothes_classifier.keras"
    with np.load(checkout / "calibration_data" / "fashion_mnist.npz") as data:
        pixels = np.concatenate([data["x_val"][:CALIBRATION], data["x_test"]])[..., None]
    samples = pixels.astype(np.float32) / 255
    frontend.prepare(model, folder / "saved_model", False)
    return networks.Network(
        Source(kind="saved_model", path=folder / "saved_model"), samples, frontend.predict(model, samples, False)
    )


@pytest.fixture(scope="module")
def mobilenet(tmp_path_factory: pytest.TempPathFactory) -> networks.Network:
    """MobileNetV2 at 96 pixels, its weights drawn and not trained."""
    import keras

    keras.utils.set_random_seed(1)
    model = keras.applications.MobileNetV2((96, 96, 3), weights=None, classes=10)
    samples = networks.pictures(64, 96, 3) * 2 - 1
    networks.settle(model, samples)
    return networks.exported(model, samples, tmp_path_factory.mktemp("mobilenet"))


def answers(name: str, recipe: str, variant: str, network: networks.Network, out: Path) -> NDArray[Any]:
    exporter = registry.load("exporters", name)
    path = exporter.export(network.source, QUANTIZATIONS[recipe], variant, network.samples[:CALIBRATION], out)
    runtimes = [registry.load("runtimes", one) for one in registry.names("runtimes")]
    session = next(one for one in runtimes if name in one.FORMATS).open(str(path), 2, {})
    given = network.samples[:CALIBRATION] if recipe == "static_int16x8" else network.samples  # is slow on x86
    return np.concatenate([session.run([sample[None]])[0] for sample in given])


@pytest.mark.parametrize(("name", "recipe", "variant"), CASES)
def test_the_web_app_classifier_answers_the_same_on_its_whole_test_set(
    name: str, recipe: str, variant: str, clothes: networks.Network, tmp_path: Path
) -> None:
    found = answers(name, recipe, variant, clothes, tmp_path)
    expected = clothes.answers[: len(found)]
    same = np.mean(found.argmax(axis=1) == expected.argmax(axis=1))
    if recipe == "float32":
        assert np.abs(found - expected).max() < 1e-4
        assert same == 1
    assert same >= {"float16": 0.999, "weight_only_int8": 0.99}.get(recipe, 0.97)


@pytest.mark.parametrize(("name", "recipe", "variant"), CASES)
def test_mobilenet_goes_through_every_recipe(
    name: str, recipe: str, variant: str, mobilenet: networks.Network, tmp_path: Path
) -> None:
    found = answers(name, recipe, variant, mobilenet, tmp_path)
    assert np.isfinite(found).all()
    # its scores are close to each other, as nobody trained it: which one is highest says nothing
    difference = np.abs(found - mobilenet.answers[: len(found)]).max()
    assert difference < (1e-5 if recipe == "float32" else 0.02)
