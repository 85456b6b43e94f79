"""What the weights and the architecture of a model tell, and what they do not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from edge_opt.results.report.language import language
from edge_opt.results.report.symptoms import told
from edge_opt.stages.diagnose import structure
from edge_opt.stages.observe.structure import normalises_first, of_structure
from edge_opt.types import Activity, Layer, Model, Structure, Symptom


def a_model(*layers: tuple[str, int]) -> Model:
    made = tuple(
        Layer(name=f"{kind.lower()}_{place}", kind=kind, parameters=parameters)
        for place, (kind, parameters) in enumerate(layers)
    )
    return Model(
        path=Path("model.keras"),
        framework="keras",
        inputs=(),
        outputs=(),
        layers=made,
        parameters=sum(parameters for _, parameters in layers),
        macs=7,
        size_bytes=1,
        sha256="",
    )


EXAMPLE = a_model(("Conv2D", 320), ("Conv2D", 18496), ("Conv2D", 73856), ("Dense", 147584), ("Dense", 1290))


def found(model: Model, *activity: Activity, looked_inside: bool = True) -> list[Symptom]:
    return list(structure.symptoms(of_structure(model, activity, looked_inside)))


def channels(layer: str, dead: int, of: int, kind: str = "Conv2D") -> Activity:
    return Activity(layer=layer, kind=kind, channels=of, dead=dead)


def test_the_structure_of_the_example_is_described() -> None:
    assert of_structure(EXAMPLE, (), False) == Structure(
        parameters=241546,
        macs=7,
        largest_layer="dense_3",
        largest_kind="Dense",
        largest_share=147584 / 241546,
        convolutions=3,
        normalisations=0,
        activity=(),
        looked_inside=False,
    )


def test_the_example_has_a_warning_for_its_dense_layer_and_a_hint_for_want_of_normalisation() -> None:
    dense, hint = found(EXAMPLE)
    assert (dense.code, dense.severity, dense.names) == ("EO807", "warning", ("dense_3",))
    assert (hint.code, hint.severity) == ("EO808", "hint")


@pytest.mark.parametrize(
    ("layers", "severity"),
    [
        ([("Conv2D", 1_000), ("Dense", 99_000)], "problem"),
        ([("Conv", 1_000), ("Gemm", 60_000)], "problem"),
        ([("CONV_2D", 40_000), ("FULLY_CONNECTED", 60_000)], "warning"),
        ([("Conv2D", 60_000), ("Dense", 40_000)], None),
        ([("Conv2D", 1_000), ("Dense", 20_000)], None),  # too small to matter
        ([("Dense", 99_000), ("Dense", 1_000)], None),  # nothing but dense layers: there is no better place
    ],
)
def test_a_dense_layer_is_told_of_by_its_share(layers: list[tuple[str, int]], severity: str | None) -> None:
    told_of = [symptom.severity for symptom in found(a_model(*layers)) if symptom.code == "EO807"]
    assert told_of == ([severity] if severity else [])


def test_normalisation_is_missed_only_where_it_could_be_seen() -> None:
    three = [("Conv2D", 100)] * 3
    assert [symptom.code for symptom in found(a_model(*three))] == ["EO808"]
    assert not found(a_model(*three), looked_inside=False)
    assert not found(a_model(*three, ("BatchNormalization", 64)))
    assert not found(a_model(*three, ("GroupNormalization", 64)))
    assert not found(a_model(*three[:2]))


@pytest.mark.parametrize(
    ("activity", "severity"),
    [
        ([channels("conv1", 0, 32), channels("conv2", 1, 64)], None),
        ([channels("conv1", 0, 32), channels("conv2", 6, 64)], "warning"),
        ([channels("conv1", 0, 32), channels("dense", 50, 128, "Dense")], "problem"),  # 31 % of all
        ([channels("conv1", 0, 200), channels("dense", 70, 128, "Dense")], "warning"),  # half of a dense layer
        ([channels("conv1", 16, 32), channels("conv2", 0, 128)], "problem"),  # half of a convolution
        ([channels("conv1", 1, 2)], None),  # two channels are no statistics
    ],
)
def test_dead_channels_are_judged_by_their_share(activity: list[Activity], severity: str | None) -> None:
    model = a_model(("Conv2D", 100))
    assert [symptom.severity for symptom in found(model, *activity)] == ([severity] if severity else [])
    assert not found(model, *activity, looked_inside=False)


def test_the_most_affected_layers_are_named_first() -> None:
    (one,) = found(a_model(("Conv2D", 1)), channels("a", 4, 32), channels("b", 1, 32), channels("c", 30, 32))
    assert one.names == ("c", "a")
    assert (one.facts["dead"], one.facts["channels"]) == (35, 96)


@pytest.mark.parametrize("code", ["en", "fr"])
def test_every_symptom_can_be_told_in_both_languages(code: str) -> None:
    told_of = found(EXAMPLE, channels("conv1", 16, 32))
    assert {symptom.code for symptom in told_of} == {"EO806", "EO807", "EO808"}
    for symptom in told_of:
        assert told(symptom, language(code)).seen.endswith(".")


@pytest.mark.parametrize(
    ("kinds", "scales"),
    [
        (["Rescaling", "Conv2D"], True),
        (["Reshape", "Normalization", "Conv2D"], True),
        (["BatchNormalization", "Conv2D"], True),
        (["Mul", "Conv"], True),
        (["SUB", "MUL", "CONV_2D"], True),
        (["Conv2D", "BatchNormalization"], False),
        (["Flatten", "Dense"], False),
        (["Dropout"], False),
        ([], False),
    ],
)
def test_a_model_that_scales_its_inputs_first_is_told_by_its_layers(kinds: list[str], scales: bool) -> None:
    layers: list[Any] = [(kind, 0) for kind in kinds]
    assert normalises_first(a_model(*layers)) is scales
