"""How far removing channels reaches: thirteen networks of keras.applications at half of their channels.

Each is built for 96 x 96 pixels and ten classes, with random weights: its normalisations and biases are drawn too, so
that a channel that is cut in the wrong place shows. Every group of channels that can shrink keeps half, those of the
largest weights, rounded to a multiple of 8. The smaller network is compared with the masked original, which computes
everything and is given zeros for what was removed; both are converted to float32 for LiteRT and timed by turns. The
page shows the ratio of what a tenth of the inferences stays below, as other work on the machine disturbs that least;
the result has the one of the medians too.

Writes ``benchmarks/results/slim_coverage.json`` and the table in ``docs/slim-coverage.md``. The exit code is 1 where a
network is not exact within 1e-4 of its largest answer, or where fewer than eleven lose a quarter of their
multiply-accumulates.

::

    python -m benchmarks.slim_coverage             # all, a quarter of an hour
    python -m benchmarks.slim_coverage VGG16       # one, the others as they were measured last
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import tempfile
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_opt import __version__, registry
from edge_opt.devices.local import LocalDevice
from edge_opt.nets import describe, freeze, single_layers, train
from edge_opt.nets.allocation import uniform
from edge_opt.nets.frameworks import keras
from edge_opt.nets.graph import Graph, importance, masked, read, sliced
from edge_opt.types import TensorSpec

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results" / "slim_coverage.json"
PAGE = ROOT / "docs" / "slim-coverage.md"
TABLE = re.compile(r"(?s)(<!-- table: begin -->\n).*?(<!-- table: end -->)")
NAMES = """MobileNet MobileNetV2 MobileNetV3Small EfficientNetB0 EfficientNetV2B0 ResNet50 ResNet50V2 DenseNet121
    NASNetMobile Xception InceptionV3 ConvNeXtTiny VGG16""".split()  # noqa: SIM905
SHAPE, CLASSES, SEED = (96, 96, 3), 10, 0
SHARE, MULTIPLE, BLOCKS = 0.5, 8, 25
EXACT, FEWER, ENOUGH = 1e-4, 0.25, 11
# from, to and signs; "variable" is the scale of a layer in ConvNeXt
DRAWN = {
    "gamma": (0.3, 1.2, (1,)),
    "beta": (0.3, 1.2, (-1, 1)),
    "bias": (0.05, 0.2, (-1, 1)),
    "variable": (0.3, 1.2, (-1, 1)),
}
PACKAGES = ("tensorflow", "keras", "ai-edge-litert", "numpy")


def network(name: str) -> Any:
    """One of :data:`NAMES` that answers with logits; all but the directions of its kernels is drawn anew."""
    keras().utils.set_random_seed(SEED)
    build = getattr(keras().applications, name)
    model = build(weights=None, input_shape=SHAPE, classes=CLASSES, classifier_activation=None)
    draw = np.random.default_rng(SEED)
    for variable in model.weights:
        if variable.name in DRAWN:
            low, high, signs = DRAWN[variable.name]
            sizes = draw.uniform(low, high, variable.shape)
            variable.assign(sizes * draw.choice(signs, variable.shape))
        elif "kernel" in variable.name:
            variable.assign(variable * np.sqrt(2))  # as much as rectifying takes away, where nothing normalises
    # answers must depend on the pictures: statistics as they are, each a little off
    train.reestimate(model, pictures(model, 32))
    for variable in model.weights:
        if variable.name in ("moving_mean", "moving_variance"):
            variable.assign(variable * draw.uniform(0.8, 1.25, variable.shape))
    return model


def halved(graph: Graph) -> dict[str, NDArray[np.bool_]]:
    """Which channels of each group stay: those of the largest weights."""
    sizes = importance.magnitude(graph)
    keep = {}
    for name, width in uniform(graph.groups, SHARE, MULTIPLE).items():
        keep[name] = np.zeros(len(sizes[name]), bool)
        keep[name][np.argsort(-sizes[name], kind="stable")[:width]] = True
    return keep


def measured(name: str) -> dict[str, Any]:
    """One row: what left, whether it was exact, and what it saves."""
    model = network(name)
    graph = read(model)
    keep = halved(graph)
    small = sliced(graph, keep)
    inputs = pictures(model, 4)
    whole, expected, found = np.asarray(model(inputs)), masked(graph, inputs, keep), np.asarray(small(inputs))
    largest = float(np.abs(expected).max())
    widths = {group: int(mask.sum()) for group, mask in keep.items()}
    return {
        "groups": len(graph.groups),
        "can_shrink": sum(not group.fixed for group in graph.groups),
        "channels": [sum(one(each) for one in graph.layers.values()) for each in (graph.widths, widths)],
        "error": float(np.abs(found - expected).max()) / largest,
        "varies": float(np.ptp(expected, axis=0).max()) / largest,
        "masks_change": float(np.abs(whole - expected).max()) / float(np.abs(whole).max()),
        "parameters": [model.count_params(), small.count_params()],
        "macs": [macs(model), macs(small)],
        "findings": [one.message for one in graph.findings()],
        **timed((model, small)),
    }


def pictures(model: Any, count: int) -> NDArray[np.float32]:
    """Noise in the range that the network takes: 0..255 where it scales pictures itself, else -1..1."""
    scales = any(type(layer).__name__ in ("Rescaling", "Normalization") for layer in model._flatten_layers())
    low, high = (0, 255) if scales else (-1, 1)
    return np.random.default_rng(SEED).uniform(low, high, (count, *SHAPE)).astype(np.float32)


def retimed(name: str) -> dict[str, Any]:
    """The times of a row, taken again."""
    model = network(name)
    graph = read(model)
    return timed((model, sliced(graph, halved(graph))))


def exported(model: Any, folder: Path) -> Path:
    """The float32 file that LiteRT opens."""
    return single_layers.exported(
        lambda x: model(x, training=False), SHAPE, registry.load("exporters", "tflite"), folder
    )


def macs(model: Any) -> int:
    """Multiply-accumulates of one inference, counted in TensorFlow's graph."""
    entry = TensorSpec(name="x", shape=(None, *SHAPE), dtype="float32")
    return describe.macs(freeze.freeze(lambda x: model(x, training=False), entry))


def timed(models: tuple[Any, Any]) -> dict[str, Any]:
    """What both take at one thread, in one process by turns: medians, and quantiles that other work disturbs less."""
    with tempfile.TemporaryDirectory() as folder:
        paths = [exported(model, Path(folder) / str(place)) for place, model in enumerate(models)]
        artifacts = [{"path": str(path), "runtime": "litert", "options": {}} for path in paths]
        job = {"protocol": 1, "mode": "pair", "artifacts": artifacts, "blocks": BLOCKS, "min_seconds": 2}
        blocks = LocalDevice().run(job)["blocks"]
    found: dict[str, Any] = {}
    for name, share in (("", 0.5), ("_undisturbed", 0.1)):
        before, after = (
            float(np.quantile(np.concatenate([one["samples_ns"] for one in blocks if one["artifact"] == place]), share))
            for place in (0, 1)
        )
        found[f"ms{name}"] = [round(before / 1e6, 3), round(after / 1e6, 3)]
        found[f"speed_up{name}"] = round(before / after, 3)
    return found


# ── what is written ────────────────────────────────────────────────────────────────────────────────────────────────


def slimmed(rows: Mapping[str, Any]) -> list[str]:
    """The networks that are exact and have a quarter fewer multiply-accumulates."""
    return [
        name for name, row in rows.items() if row["error"] <= EXACT and row["macs"][1] <= (1 - FEWER) * row["macs"][0]
    ]


def table(rows: Mapping[str, Any]) -> str:
    """The part of the page that this command writes."""
    lines = [
        f"Of {len(rows)} networks, **{len(slimmed(rows))}** have at least 25 % fewer multiply-accumulates, and answer",
        "as the masked original within 1e-4 of the largest answer.",
        "",
        "| network | groups to shrink | channels | removed | error | parameters | MACs | fewer | LiteRT float32 |",
        "|---|--:|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for name, row in rows.items():
        channels, parameters, work = row["channels"], row["parameters"], row["macs"]
        faster = row["speed_up_undisturbed"]
        lines.append(
            f"| {name} | {row['can_shrink']} of {row['groups']} | {channels[0]:,} → {channels[1]:,} "
            f"| {1 - channels[1] / channels[0]:.0%} | {row['error']:.0g} "
            f"| {parameters[0] / 1e6:.2f} M → {parameters[1] / 1e6:.2f} M "
            f"| {work[0] / 1e6:.0f} M → {work[1] / 1e6:.0f} M | {1 - work[1] / work[0]:.0%} | {faster:.1f}x |"
        )
    told = [f"- {name}: {message}" for name, row in rows.items() for message in row["findings"]]
    return "\n".join([*lines, *(["", "What keeps its width, besides the answers:", "", *told] if told else [])])


def write(rows: Mapping[str, Any]) -> None:
    """The JSON file, and the table in the page."""
    environment = LocalDevice().run({"protocol": 1, "mode": "environment"})["environment"]
    found = {
        "command": "python -m benchmarks.slim_coverage",
        "edge_opt": __version__,
        "versions": {name: version(name) for name in PACKAGES},
        "environment": {name: environment[name] for name in ("cpu", "machine", "cores", "system", "python")},
        "networks": rows,
    }
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    RESULTS.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    page = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(TABLE.sub(lambda marks: f"{marks[1]}\n{table(rows)}\n\n{marks[2]}", page), encoding="utf-8")


def main() -> None:
    """Measure, write, and say by the exit code whether it is enough."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("names", nargs="*", choices=[*NAMES, []], help="networks; all of them")
    words.add_argument("--retime", action="store_true", help="only time them again, as on a machine that was busy")
    given = words.parse_args()
    rows = (
        json.loads(RESULTS.read_text(encoding="utf-8"))["networks"]
        if RESULTS.exists() and (given.names or given.retime)
        else {}
    )
    for name in given.names or NAMES:
        rows[name] = {**rows[name], **retimed(name)} if given.retime else measured(name)
        print(f"{name}: {rows[name]}", flush=True)
        keras().backend.clear_session()
        write({known: rows[known] for known in NAMES if known in rows})
    exact = all(row["error"] <= EXACT for row in rows.values())
    sys.exit(not exact or len(slimmed(rows)) < min(ENOUGH, len(rows)))


if __name__ == "__main__":
    main()
