"""Nouns as a real run makes them, for tests: `a_report()` is one run on the embedded clothes classifier.

Times, sizes and scores are written down here and come from no machine, so that a golden text may contain them.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from edge_opt import types
from edge_opt.stages import guard

CLASSES = ("t-shirt", "trousers", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot")
SELECTION = 1_500
CERTIFICATION = 10_000
_SHA = "3b0c5e1f" * 8

QUANTIZATIONS: Mapping[str, types.Quantization] = {
    "float32": types.Quantization(),
    "float16": types.Quantization(mode="float16", weight_bits=16, activation_bits=32),
    "dynamic_int8": types.Quantization(mode="dynamic"),
    "weight_only_int8": types.Quantization(mode="weight_only", activation_bits=32),
    "static_int8": types.Quantization(mode="static"),
    "static_int16x8": types.Quantization(mode="static", activation_bits=16),
}
VERSIONS = {"litert": "ai-edge-litert 2.3.0", "onnxruntime": "onnxruntime 1.31.1", "openvino": "openvino 2026.4.1"}
FILES = {"tflite": "model.tflite", "onnx": "model.onnx", "openvino": "model.xml"}


def a_recipe(name: str = "static_int8") -> types.Recipe:
    """One of the six recipes, with the passes that stand before it."""
    *passes, last = name.split("+")
    quantization = QUANTIZATIONS[last]
    return types.Recipe(
        name=name, description=f"{name} of every layer", quantization=quantization, passes=tuple(passes)
    )


def a_model(**changes: Any) -> types.Model:
    """The clothes classifier of the web-app example."""
    model = types.Model(
        path=Path("examples/web_app/clothes_classifier.keras"),
        framework="keras",
        inputs=(types.TensorSpec(name="image", shape=(None, 28, 28, 1), dtype="float32", layout="NHWC"),),
        outputs=(types.TensorSpec(name="probabilities", shape=(None, 10), dtype="float32"),),
        layers=(
            types.Layer(name="conv1", kind="Conv2D", parameters=320, output_shape=(None, 28, 28, 32)),
            types.Layer(name="probabilities", kind="Dense", parameters=1_290, output_shape=(None, 10)),
        ),
        parameters=241_546,
        macs=7_500_000,
        size_bytes=2_934_000,
        sha256=_SHA,
    )
    return replace(model, **changes)


def an_environment(**changes: Any) -> types.Environment:
    """A small x86 server."""
    environment = types.Environment(
        cpu="Example 7000 2.6 GHz",
        machine="x86_64",
        isa=("avx2", "avx512f", "avx512_vnni"),
        cores=2,
        ram_bytes=8 * 2**30,
        governor="performance",
        system="Linux 6.6",
        python="3.11.7",
        load_average=0.25,
    )
    return replace(environment, **changes)


def some_rounds(latency_ns: int, *, rounds: int = 3, samples: int = 8) -> tuple[types.Round, ...]:
    """Rounds whose samples lie evenly within about 2 % of ``latency_ns``."""
    return tuple(
        types.Round(
            load_ns=2_000_000 + 1_000 * turn,
            samples_ns=tuple(
                latency_ns + latency_ns * (2 * sample - samples + 1) // (50 * samples) for sample in range(samples)
            ),
            peak_rss_bytes=61 * 2**20,
            baseline_rss_bytes=40 * 2**20,
        )
        for turn in range(rounds)
    )


def a_measured(
    latency_ns: int = 37_000, *, speed_up: tuple[float, float, float] | None = None, **changes: Any
) -> types.Measured:
    """Timed at ``latency_ns``; ``speed_up`` is low, estimate, high."""
    rounds = some_rounds(latency_ns)
    samples = [sample for one in rounds for sample in one.samples_ns]
    quartiles = statistics.quantiles(samples, n=4, method="inclusive")
    measured = types.Measured(
        runtime="litert",
        runtime_version=VERSIONS["litert"],
        threads=1,
        options={},
        executed={"precision": "float32"},
        rounds=rounds,
        environment=an_environment(),
        median_ns=statistics.median(samples),
        half_iqr_ns=(quartiles[2] - quartiles[0]) / 2,
        p90_ns=statistics.quantiles(samples, n=10, method="inclusive")[8],
        load_ns=statistics.median(one.load_ns for one in rounds),
        peak_rss_bytes=61 * 2**20,
        memory_bytes=21 * 2**20,
        speed_up=None if speed_up is None else an_interval(speed_up, confidence=0.95),
    )
    return replace(measured, **changes)


def an_interval(bounds: tuple[float, float, float], confidence: float = 0.90) -> types.Interval:
    """The interval of (low, estimate, high)."""
    low, estimate, high = bounds
    return types.Interval(low=low, estimate=estimate, high=high, confidence=confidence)


def an_accuracy(
    right: int, split: Literal["selection", "certification"] = "selection", **changes: Any
) -> types.Accuracy:
    """``right`` samples of the split are right; the labels go round the classes."""
    samples = SELECTION if split == "selection" else CERTIFICATION
    count = len(CLASSES)
    # the wrong ones are spread by a stride that shares no factor with the number of samples
    wrong = {(7 * turn) % samples for turn in range(samples - right)}
    scores = tuple(0 if i in wrong else 1 for i in range(samples))
    accuracy = types.Accuracy(
        metric="top1",
        condition="clean",
        split=split,
        scores=scores,
        predictions=tuple((i + 1 - score) % count for i, score in enumerate(scores)),
        value=right / samples,
        per_class={name: statistics.fmean(scores[k::count]) for k, name in enumerate(CLASSES)},
    )
    return replace(accuracy, **changes)


def changed(accuracy: types.Accuracy, lost: int, gained: int) -> types.Accuracy:
    """``accuracy`` of a model that has ``lost`` of the right samples wrong, and ``gained`` of the wrong ones right."""
    right = [i for i, score in enumerate(accuracy.scores) if score]
    wrong = [i for i, score in enumerate(accuracy.scores) if not score]
    flipped = {*right[:lost], *wrong[:gained]}
    scores = tuple(1 - score if i in flipped else score for i, score in enumerate(accuracy.scores))
    return replace(accuracy, scores=scores, value=sum(scores) / len(scores))


def a_verdict(
    status: types.Status = "pass", drop: tuple[float, float, float] = (-0.002, 0.001, 0.004), **changes: Any
) -> types.Verdict:
    """A verdict against a limit of 1 pp; ``drop`` is low, estimate, high as fractions."""
    verdict = types.Verdict(status=status, drop=an_interval(drop), limit=0.01, samples=SELECTION, discordant=12)
    return replace(verdict, **changes)


def an_artifact(recipe: str, format: str = "tflite", variant: str = "", size_bytes: int = 263_000) -> types.Artifact:
    """An artifact in the run folder's ``artifacts/``, compressed to nine tenths."""
    return types.Artifact(
        path=Path("artifacts") / "-".join(filter(None, (recipe, format, variant))) / FILES[format],
        format=format,
        variant=variant,
        recipe=recipe,
        size_bytes=size_bytes,
        compressed_bytes=size_bytes * 9 // 10,
        sha256=_SHA,
        model_sha256=_SHA,
        inputs=(types.TensorSpec(name="image", shape=(1, 28, 28, 1), dtype="float32", layout="NHWC"),),
        outputs=(types.TensorSpec(name="probabilities", shape=(1, 10), dtype="float32"),),
    )


def a_trial(
    recipe: str = "static_int8",
    format: str = "tflite",
    runtime: str = "litert",
    variant: str = "",
    options: Mapping[str, str] | None = None,
    *,
    latency_ns: int = 37_000,
    speed_up: tuple[float, float, float] | None = (2.70, 2.80, 2.90),
    size_bytes: int = 263_000,
    right: int = 1_320,
    verdict: types.Verdict | None = None,
    measured: types.Measured | types.NotTimed | None = None,
) -> types.Trial:
    """A candidate that was made, timed at ``latency_ns`` and judged on the selection split."""
    options = dict(options or {})
    made = types.Candidate(recipe=a_recipe(recipe), format=format, variant=variant, runtime=runtime, options=options)
    timed = measured or a_measured(
        latency_ns,
        speed_up=speed_up,
        runtime=runtime,
        runtime_version=VERSIONS[runtime],
        options=options,
        executed={"precision": options.get("precision", "float32")},
        memory_bytes=4 * 2**20 + 11 * size_bytes,
    )
    return types.Trial(
        id=made.id,
        recipe=made.recipe,
        runtime=runtime,
        options=options,
        artifact=an_artifact(recipe, format, variant, size_bytes),
        measured=timed,
        accuracy=an_accuracy(right),
        verdict=verdict or a_verdict(),
    )


def some_trials() -> tuple[types.Trial, ...]:
    """A baseline and seven others: faster, even, slower, failed, unclear and one that could not be timed."""
    baseline = an_accuracy(1_321)
    return (
        a_trial(
            "float32",
            latency_ns=156_000,
            speed_up=None,
            size_bytes=971_000,
            right=1_321,
            verdict=guard.judge(baseline, baseline, 0.01),
        ),
        a_trial(
            "float32",
            "onnx",
            "onnxruntime",
            latency_ns=152_000,
            speed_up=(0.97, 1.03, 1.08),
            size_bytes=968_000,
            right=1_321,
            verdict=a_verdict(drop=(-0.0018, 0.0, 0.0018), discordant=0),
        ),
        a_trial("static_int8", latency_ns=50_000, speed_up=(3.05, 3.12, 3.20), size_bytes=257_000),
        a_trial(
            "dynamic_int8",
            latency_ns=61_000,
            speed_up=(2.50, 2.56, 2.61),
            size_bytes=252_000,
            right=1_321,
            verdict=a_verdict(drop=(-0.003, 0.0, 0.003)),
        ),
        a_trial("static_int16x8", latency_ns=6_420_000, speed_up=(0.0238, 0.0243, 0.0249), size_bytes=266_000),
        a_trial(
            "static_int8",
            "onnx",
            "onnxruntime",
            "s8s8",
            latency_ns=149_000,
            speed_up=(1.01, 1.05, 1.09),
            size_bytes=275_000,
            right=1_276,
            verdict=guard.judge(baseline, changed(baseline, lost=58, gained=13), 0.01),
        ),
        a_trial(
            "static_int8",
            "onnx",
            "onnxruntime",
            "u8s8",
            latency_ns=70_000,
            speed_up=(2.10, 2.23, 2.41),
            size_bytes=275_000,
            right=1_312,
            verdict=guard.judge(baseline, changed(baseline, lost=24, gained=15), 0.01),
        ),
        a_trial(
            "float32",
            "openvino",
            "openvino",
            options={"precision": "bf16"},
            size_bytes=970_000,
            right=1_321,
            verdict=a_verdict(drop=(-0.002, 0.0, 0.002)),
            measured=types.NotTimed(reason="this CPU has no avx512_bf16"),
        ),
    )


def a_certificate(
    status: types.Status = "pass", trial: str = "static_int8/tflite/litert", **changes: Any
) -> types.Certificate:
    """The verdict on the 10,000 test images, looked at once."""
    certificate = types.Certificate(
        status=status,
        trial=trial,
        verdict=a_verdict(status, (-0.0005, 0.0010, 0.0026), samples=CERTIFICATION, discordant=87),
        baseline=an_accuracy(8_807, "certification"),
        accuracy=an_accuracy(8_797, "certification"),
        ledger=(types.Access(trial=trial, status=status),),
    )
    return replace(certificate, **changes)


def a_report(trials: Sequence[types.Trial] | None = None, **changes: Any) -> types.Report:
    """One run on the embedded clothes classifier; any field may be given."""
    trials = tuple(trials or some_trials())
    report = types.Report(
        model=a_model(),
        original=types.Original(accuracy=an_accuracy(1_321)),
        data=types.DataSummary(
            path="calibration_data/fashion_mnist.npz",
            classes=CLASSES,
            calibration=500,
            selection=SELECTION,
            certification=CERTIFICATION,
            sha256=_SHA,
        ),
        preprocessing=types.Preprocessing(color="gray", height=28, width=28, scale=(1 / 255,)),
        target=types.Target(
            name="host",
            description="this machine",
            device="local",
            formats=("tflite", "onnx", "openvino"),
            runtimes=("litert", "onnxruntime", "openvino"),
            threads=(1,),
        ),
        threads=1,
        goal="latency",
        seed=0,
        baseline=trials[0].id,
        trials=trials,
        failures=(
            types.Failure(
                id="static_int16x8/onnx/onnxruntime",
                recipe="static_int16x8",
                stage="load",
                message="onnxruntime could not load 'model.onnx': QuantizeLinear(21) has no kernel for int16",
                hint="leave the recipe out with --recipe",
            ),
        ),
        pareto=("static_int8/tflite/litert", "dynamic_int8/tflite/litert"),
        best="static_int8/tflite/litert",
        certificate=a_certificate(),
        retimed=types.Retimed(
            mode="pair",
            speed_up=an_interval((3.08, 3.11, 3.14), 0.95),
            baseline_ns=(155_900.0, 156_200.0, 156_100.0),
            best_ns=(50_100.0, 50_200.0, 50_300.0),
        ),
        findings=(
            types.Finding(
                code="EO301",
                level="warning",
                message="the timings are noisy: the rounds of the baseline differ by 9 %",
                hint="close other programs and run again with --resume",
            ),
        ),
        versions={"edge-opt": "0.1.0", "litert": "ai-edge-litert 2.3.0", "keras": "3.15.1"},
        command="edge-opt optimize clothes_classifier.keras -d calibration_data/fashion_mnist.npz -t host",
        started="2026-11-22T14:00:00Z",
        seconds=143.2,
    )
    return replace(report, **changes)
