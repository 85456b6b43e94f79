"""Smaller networks in the documents: what left, what each step brought, and how they were trained."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from edge_opt import types
from edge_opt.results.report import render
from edge_opt.store import dump, parse
from tests.samples import a_certificate, a_report, a_trial, some_trials

BEST = "strided+slim50+static_int8/tflite/litert"


def trained(epochs: int = 20) -> types.Trained:
    return types.Trained(
        epochs=epochs,
        best_epoch=epochs - 2,
        steps=157 * epochs,
        samples=10_000,
        seconds=31.4,
        accuracy=0.8812,
        teacher_accuracy=0.8796,
        augmentation=("shift", "flip"),
    )


def nets() -> tuple[types.Net, ...]:
    first = types.Change(name="strided", widths=(), removed=("pool1", "pool2"), trained=(trained(12),))
    widths = (types.Width(layer="conv1", before=32, after=16), types.Width(layer="conv2", before=64, after=40))
    second = types.Change(name="slim50", widths=widths, trained=(trained(),))
    one = types.Net(
        name="strided",
        path=Path("artifacts/aa/model.keras"),
        sha256="aa" * 32,
        parameters=241_546,
        macs=2_100_000,
        changes=(first,),
        seconds=31.4,
    )
    return one, replace(
        one, name="strided+slim50", parameters=60_010, macs=610_000, changes=(first, second), seconds=31.4
    )


def a_report_with_nets() -> types.Report:
    made = a_trial("strided+slim50+static_int8", latency_ns=9_000, speed_up=(11.0, 11.5, 12.0), size_bytes=70_000)
    middle = a_trial("strided+static_int8", latency_ns=20_000, speed_up=(4.9, 5.0, 5.1), size_bytes=262_000)
    return a_report([*some_trials(), middle, made], nets=nets(), best=BEST, certificate=a_certificate(trial=BEST))


def test_a_report_with_networks_is_read_back_as_it_was() -> None:
    report = a_report_with_nets()
    assert parse(types.Report, dump(report)) == report


def test_each_pass_is_a_solution_with_what_it_brought_on_top_of_the_one_before() -> None:
    text = render(a_report_with_nets(), "md")
    solutions = text.split("## Solutions implemented")[1].split("\n## ")[0]
    assert "2 layers removed" in solutions
    assert "`pool1` and `pool2` left the network" in solutions
    assert "Channels removed: 96 → 56" in solutions
    assert "60,010 parameters instead of 241,546" in solutions
    assert "610,000 multiply-accumulates instead of 2,100,000" in solutions
    assert solutions.index("quantization") < solutions.index("2 layers removed") < solutions.index("Channels removed")
    assert "5.00 times faster" in solutions
    assert "241,546 parameters instead of 241,546" not in solutions


@pytest.mark.parametrize(
    ("lang", "heading", "training"),
    [("en", "The smaller networks", "20 epochs"), ("fr", "Les réseaux réduits", "20 époques")],
)
def test_the_appendix_lists_every_network_layer_by_layer(lang: str, heading: str, training: str) -> None:
    text = render(a_report_with_nets(), "md", lang=lang)
    part = text.split(f"### {heading}")[1].split("\n### ")[0].replace("\u202f", " ").replace("\u00a0", " ")
    assert "`strided+slim50`" in part
    assert "`conv2`" in part
    assert "64 → 40" in part
    assert training in part
    assert ("88.12%" if lang == "en" else "88,12 %") in part


def test_a_report_without_networks_says_nothing_of_them() -> None:
    assert "smaller networks" not in render(a_report(), "md")
    assert "network " not in render(a_report(), "text")


def test_the_text_has_a_line_for_each_network_with_its_file() -> None:
    text = render(a_report_with_nets(), "text")
    assert (
        "network strided+slim50: 60,010 parameters, 610,000 multiply-accumulates, trained for 20 epochs in 31 s: "
        "artifacts/aa/model.keras" in text
    )
