"""What holds for every exporter that is registered, those of other packages included, with every recipe there is."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_opt import registry
from edge_opt.errors import DataError, EdgeOptError, InputError, MissingPackage, StepFailed, UnknownName
from edge_opt.executors.process import ProcessExecutor
from edge_opt.inputs.recipes import RECIPES
from edge_opt.nets.artifact_files import files_of
from edge_opt.store import measure, measure_files
from edge_opt.types import Quantization, Recipe, Source
from tests.fixtures import networks, tiny

EXPORTERS = registry.names("exporters")
PROMISED = [
    pytest.param(name, recipe, variant, id="-".join(filter(None, (name, recipe.name, variant))))
    for name in EXPORTERS
    for recipe in RECIPES
    for variant in registry.load("exporters", name).variants(recipe.quantization, "saved_model")
]
REFUSED = [
    pytest.param(name, recipe, id=f"{name}-{recipe.name}")
    for name in EXPORTERS
    for recipe in RECIPES
    if not registry.load("exporters", name).variants(recipe.quantization, "saved_model")
]
STATIC = next(recipe.quantization for recipe in RECIPES if recipe.name == "static_int8")


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> networks.Network:
    return networks.small(tmp_path_factory.mktemp("network"))


def export(name: str, quantization: Quantization, variant: str, network: networks.Network, out: Path) -> Path:
    out.mkdir(exist_ok=True)
    exporter = registry.load("exporters", name)
    path: Path = exporter.export(network.source, quantization, variant, network.samples, out)
    return path


def static_variant(name: str) -> str:
    variant: str = registry.load("exporters", name).variants(STATIC, "saved_model")[0]
    return variant


def session(name: str, path: Path) -> Any:
    for one in registry.names("runtimes"):
        runtime = registry.load("runtimes", one)
        if name in runtime.FORMATS and any(find_spec(package) for package in runtime.PACKAGES):
            return runtime.open(str(path), 1, {})
    pytest.skip(f"no installed runtime runs '{name}': pip install 'edge-opt[all]'")


@pytest.mark.slow
@pytest.mark.parametrize(("name", "recipe", "variant"), PROMISED)
def test_what_is_promised_loads_and_answers_like_the_model(
    name: str,
    recipe: Recipe,
    variant: str,
    network: networks.Network,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    path = export(name, recipe.quantization, variant, network, tmp_path / "out")
    assert capfd.readouterr().out == ""
    assert path.parent == tmp_path / "out"
    opened = session(name, path)
    ((given,), (answered,)) = opened.inputs, opened.outputs
    assert (tuple(given["shape"]), given["dtype"]) == ((1, *network.samples.shape[1:]), "float32")
    assert (tuple(answered["shape"]), answered["dtype"]) == ((1, networks.CLASSES), "float32")
    found = np.concatenate([opened.run([sample[None]])[0] for sample in network.samples])
    assert found.shape == network.answers.shape
    assert np.isfinite(found).all()
    assert np.abs(found - network.answers).max() < (1e-5 if recipe.name == "float32" else 0.1)
    assert np.mean(found.argmax(axis=1) == network.answers.argmax(axis=1)) >= 0.9


@pytest.mark.slow
@pytest.mark.parametrize(("name", "recipe", "variant"), PROMISED)
def test_a_recipe_that_stores_fewer_bits_makes_a_smaller_artifact(
    name: str, recipe: Recipe, variant: str, network: networks.Network, tmp_path: Path
) -> None:
    def weights(quantization: Quantization, variant: str, out: Path) -> int:
        export(name, quantization, variant, network, out)
        # OpenVINO writes the graph as text, the weights beside it
        return max(file.stat().st_size for file in out.iterdir() if file.suffix != ".xml")

    whole = weights(Quantization(), "", tmp_path / "float32")
    stored = weights(recipe.quantization, variant, tmp_path / "out")
    bits = {"none": 32, "float16": 16}.get(recipe.quantization.mode, 8)
    # a network this small is half names and scales
    assert stored <= whole * (bits / 32 + 0.25)


@pytest.mark.parametrize(("name", "recipe"), REFUSED)
def test_what_is_not_promised_is_refused_in_one_sentence(name: str, recipe: Recipe, tmp_path: Path) -> None:
    exporter = registry.load("exporters", name)
    with pytest.raises(InputError, match=f"'{name}' has no") as caught:
        exporter.export(
            Source(kind="saved_model", path=tmp_path / "absent"),
            recipe.quantization,
            "",
            np.zeros((1, 2), np.float32),
            tmp_path,
        )
    assert caught.value.hint
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", EXPORTERS)
def test_a_variant_that_does_not_exist_is_an_unknown_name(name: str, tmp_path: Path) -> None:
    exporter = registry.load("exporters", name)
    with pytest.raises(UnknownName, match="'u8u9'"):
        exporter.export(
            Source(kind="saved_model", path=tmp_path / "absent"),
            Quantization(),
            "u8u9",
            np.zeros((1, 2), np.float32),
            tmp_path,
        )


@pytest.mark.parametrize("name", EXPORTERS)
def test_weights_of_an_odd_width_are_promised_by_nobody_who_cannot(name: str) -> None:
    exporter = registry.load("exporters", name)
    assert exporter.format == name
    assert exporter.variants(Quantization(), "saved_model") == ("",)
    for mode in ("weight_only", "dynamic", "static"):
        assert exporter.variants(Quantization(mode=mode, weight_bits=5), "saved_model") == ()  # type: ignore[arg-type]
    assert exporter.variants(replace(STATIC, activation_bits=5), "saved_model") == ()


@pytest.mark.slow
@pytest.mark.parametrize("name", EXPORTERS)
@pytest.mark.parametrize("mode", ["dynamic", "static"])
def test_one_scale_for_a_whole_tensor_works_where_it_is_promised(
    name: str, mode: Any, network: networks.Network, tmp_path: Path
) -> None:
    whole = Quantization(mode=mode, granularity="per_tensor")
    for variant in registry.load("exporters", name).variants(whole, "saved_model"):
        opened = session(name, export(name, whole, variant, network, tmp_path / f"out{variant}"))
        assert np.isfinite(opened.run([network.samples[:1]])[0]).all()


@pytest.mark.slow
@pytest.mark.parametrize("name", EXPORTERS)
@pytest.mark.parametrize("samples", ["none", "no number"])
def test_calibration_needs_samples_that_are_numbers(
    name: str, samples: str, network: networks.Network, tmp_path: Path
) -> None:
    given = network.samples[:0] if samples == "none" else np.full_like(network.samples, np.nan)
    with pytest.raises(DataError, match="calibration sample"):
        registry.load("exporters", name).export(network.source, STATIC, static_variant(name), given, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("name", EXPORTERS)
def test_an_operator_that_the_format_lacks_is_named_in_one_line(name: str, tmp_path: Path) -> None:
    network = networks.with_an_operator_that_no_format_has(tmp_path / "network")
    with pytest.raises(StepFailed, match="Betainc") as caught:
        export(name, Quantization(), "", network, tmp_path / "out")
    assert "\n" not in caught.value.message
    assert caught.value.hint


@pytest.mark.slow
@pytest.mark.parametrize("name", EXPORTERS)
def test_a_folder_that_holds_no_model_is_an_error_of_ours(name: str, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(EdgeOptError):
        registry.load("exporters", name).export(
            Source(kind="saved_model", path=tmp_path / "empty"),
            Quantization(),
            "",
            np.zeros((1, 2), np.float32),
            tmp_path,
        )


@pytest.mark.slow
@pytest.mark.parametrize("name", EXPORTERS)
def test_the_same_model_is_the_same_bytes_wherever_it_lies(
    name: str, network: networks.Network, tmp_path: Path
) -> None:
    written = []
    with ProcessExecutor(timeout_s=300) as executor:
        for place in ("here", "there"):
            copied = network.copied_to(tmp_path / place)
            executor.submit(export, name, STATIC, static_variant(name), copied, tmp_path / place / "out").result()
            written.append({file.name: file.read_bytes() for file in (tmp_path / place / "out").iterdir()})
    assert written[0] == written[1]
    assert not [file for file, content in written[0].items() if str(tmp_path).encode() in content]


@pytest.mark.parametrize("name", EXPORTERS)
def test_asking_what_a_format_has_imports_nothing_heavy(name: str) -> None:
    code = (
        "import sys; from edge_opt import registry; from edge_opt.types import Quantization\n"
        f"registry.load('exporters', {name!r}).variants(Quantization(), 'saved_model')\n"
        "heavy = {'tensorflow', 'keras', 'onnx', 'onnxruntime', 'openvino', 'nncf', 'ai_edge_quantizer'}\n"
        "print(*heavy & {*sys.modules})"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.split() == []


# ── written anew, to calibrate the gate with ───────────────────────────────────────────────────────────────────────

ARTIFACTS = [
    *((name, tiny.FILES[name]) for name in tiny.FILES if hasattr(registry.load("exporters", name), "rewritten")),
    ("tflite", tiny.INT8),
]


def anew(name: str, given: Path, out: Path) -> Path:
    """The network of ``given`` in the new folder ``out``."""
    out.mkdir()
    try:
        path: Path = registry.load("exporters", name).rewritten(given, out)
    except MissingPackage as error:
        pytest.skip(f"{error}: {error.hint}")
    return path


def answered(opened: Any) -> Any:
    """What a session answers to the pictures of the tiny classifier, in whole pixels where it takes integers."""
    given = tiny.pictures()
    if opened.inputs[0]["dtype"] == "int8":
        given = (given * 255 - 128).astype(np.int8)
    return np.concatenate([opened.run([sample[None]])[0] for sample in given])


@pytest.mark.parametrize(("name", "given"), ARTIFACTS)
def test_a_network_written_anew_answers_the_same_and_its_artifact_is_left_alone(
    name: str, given: Path, tmp_path: Path
) -> None:
    before = measure_files(files_of(given))
    found = anew(name, given, tmp_path / "anew")
    assert (found.parent, found.suffix) == (tmp_path / "anew", given.suffix)
    assert measure_files(files_of(given)) == before
    answers = answered(session(name, found))
    np.testing.assert_array_equal(answers, answered(session(name, given)))
    if given != tiny.INT8:
        np.testing.assert_allclose(answers, tiny.answers(tiny.pictures()), atol=1e-5)


# OpenVINO always writes a network in the same way, so the gate is calibrated with copies alone
@pytest.mark.parametrize(("name", "differs"), [("onnx", True), ("tflite", True), ("openvino", False)])
def test_a_network_written_anew_is_another_file_where_its_format_can_be_and_always_the_same_one(
    name: str, differs: bool, tmp_path: Path
) -> None:
    given = tiny.FILES[name]
    first, second = (measure(anew(name, given, tmp_path / place).parent) for place in ("first", "second"))
    assert first == second
    assert (first[0] != measure_files(files_of(given))[0]) is differs
