"""A Gate with a decision of every outcome, as a real one makes them; no figure comes from a machine."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from edge_opt import types
from tests.samples import an_environment, an_interval


def a_subject(name: str = "models/new.tflite", **changes: Any) -> types.Subject:
    """An artifact of LiteRT with one thread."""
    subject = types.Subject(
        name=name,
        kind="artifact",
        path=Path(name),
        format="tflite",
        runtime="litert",
        runtime_version="ai-edge-litert 2.3.0",
        options={},
        threads=1,
        values=784,
        classes=10,
        sha256="3b0c5e1f" * 8,
        size_bytes=262_144,
        compressed_bytes=215_040,
    )
    return replace(subject, **changes)


def a_decision(measure: str = "latency", outcome: types.Outcome = "ok", **changes: Any) -> types.Decision:
    """One measure that rose by 0.4 %, of 2 % allowed."""
    decision = types.Decision(
        measure=measure,
        outcome=outcome,
        unit="ns",
        baseline=84_000.0,
        candidate=84_336.0,
        change=an_interval((-0.003, 0.004, 0.011), confidence=0.95),
        limit=0.02,
        basis="pairs",
        evidence=6,
    )
    return replace(decision, **changes)


def some_decisions() -> tuple[types.Decision, ...]:
    """Ok, improved, regressed and unclear; in every unit but instructions, and one without an interval."""
    return (
        a_decision(
            outcome="regressed",
            candidate=88_300.0,
            change=an_interval((0.0480, 0.0512, 0.0543), confidence=0.95),
            message="the median latency changed by +5.12% (95% interval +4.80% … +5.43%), more than the 2% allowed",
        ),
        a_decision(
            "p90",
            "unclear",
            baseline=91_000.0,
            candidate=94_100.0,
            change=an_interval((0.012, 0.034, 0.097), confidence=0.95),
            limit=0.05,
            message="the 90th percentile of the latency changed by +3.40% (95% interval +1.20% … +9.70%): "
            "6 processes that alternated both cannot tell whether that is within 5%",
            hint="about 14 processes would decide: give it a longer --budget",
        ),
        a_decision(
            "size",
            "improved",
            unit="bytes",
            baseline=524_288.0,
            candidate=262_144.0,
            change=an_interval((-0.5, -0.5, -0.5), confidence=1.0),
            basis="exact",
            evidence=0,
            message="the size went from 512.00 KiB to 256.00 KiB, -50.00%",
        ),
        a_decision(
            "accuracy",
            unit="fraction",
            baseline=0.9014,
            candidate=0.9004,
            change=an_interval((-0.0016, 0.0010, 0.0036), confidence=0.95),
            limit=0.01,
            basis="samples",
            evidence=10_000,
        ),
        a_decision("load", baseline=2_010_000.0, candidate=2_018_000.0, limit=0.1, basis="rounds"),
        a_decision(
            "placement",
            "regressed",
            unit="operators",
            baseline=0.0,
            candidate=1.0,
            change=None,
            limit=0.0,
            basis="exact",
            evidence=12,
            message="fell back: Conv2D 'conv2' computed in float32",
            hint="'edge-opt inspect' shows both, operator by operator",
        ),
    )


def a_gate(decisions: tuple[types.Decision, ...] | None = None, **changes: Any) -> types.Gate:
    """What a gate of two artifacts found, on a machine that was busy."""
    gate = types.Gate(
        candidate=a_subject(),
        baseline=a_subject("models/base.tflite", size_bytes=524_288),
        against="models/base.tflite",
        decisions=some_decisions() if decisions is None else decisions,
        findings=(
            types.Finding(
                code="EO301",
                level="warning",
                message="the machine was busy: load 1.90 on 2 cores",
                hint="end what else runs, or give it a longer --budget",
            ),
        ),
        environment=an_environment(),
        versions={"edge-opt": "0.1.0"},
        command="edge-opt gate models/new.tflite --baseline models/base.tflite --p90 5% --load 10%",
        started="2026-11-25T04:42:51Z",
        seconds=12.3456,
    )
    return replace(gate, **changes)
