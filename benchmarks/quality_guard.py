"""How often the guard of robustness and calibration is wrong, on simulated pairs of models.

Writes ``benchmarks/results/quality_guard.json``; ``docs/measuring.md`` has its figures. Run it with
``python benchmarks/quality_guard.py``; it takes about two minutes and is the same on every run.
"""

from __future__ import annotations

import argparse
import json
import math
from functools import cache
from pathlib import Path
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_opt import confidence, stats
from edge_opt.stages import quality

RESULTS = Path(__file__).resolve().parent / "results" / "quality_guard.json"

LIMIT = 0.01
CONDITIONS = 40
SAMPLES = (200, 500, 2000)
DISCORDANCES = (0.02, 0.05, 0.10)
SHARED = (0.2, 0.7)  # how much the changes of one sample under two conditions have in common, as a correlation
BIASES = (0.0, 0.03, 0.08)  # calibration error of the baseline
Array = NDArray[Any]


def changes(rng: np.random.Generator, samples: int, discordance: float, drops: Array, shared: float) -> Array:
    """1 where only the baseline is right, -1 where only the candidate is: ``(samples, conditions)``.

    In each condition the true drop is that of ``drops``; what a sample does under all of them hangs together.
    """
    normal = NormalDist()
    latent = math.sqrt(shared) * rng.standard_normal((samples, 1), np.float32)
    latent = latent + np.float32(math.sqrt(1 - shared)) * rng.standard_normal((samples, len(drops)), np.float32)
    lost = np.array([normal.inv_cdf(1 - (discordance + drop) / 2) for drop in drops], np.float32)
    gained = np.array([normal.inv_cdf((discordance - drop) / 2) for drop in drops], np.float32)
    return (latent > lost).astype(np.int8) - (latent < gained).astype(np.int8)


def margin(rng: np.random.Generator, simulations: int, samples: int, discordance: float, shared: float) -> Any:
    """How often robustness passes and fails at the limit, and passes where nothing was lost."""
    said = {drop: {"pass": 0, "fail": 0, "unclear": 0} for drop in (LIMIT, 0.0)}
    for drop, counts in said.items():
        for _ in range(simulations):
            found = changes(rng, samples, discordance, np.full(CONDITIONS, drop), shared)
            loss = stats.mean_interval(found.mean(axis=1), confidence=quality.CONFIDENCE)
            counts[quality.judge(loss, LIMIT).status] += 1
    return {
        "samples": samples,
        "discordance": discordance,
        "shared": shared,
        "false_pass_at_limit": said[LIMIT]["pass"] / simulations,
        "false_fail_at_limit": said[LIMIT]["fail"] / simulations,
        "pass_at_zero": said[0.0]["pass"] / simulations,
    }


@cache
def chance(lost: int, changed: int) -> float:
    """The p-value of one condition."""
    return stats.binomial_tail(lost, changed)


def family(rng: np.random.Generator, simulations: int, samples: int, shared: float, harmed: int) -> Any:
    """How often any condition that lost nothing is said to have lost, where ``harmed`` others lost two points."""
    drops = np.where(np.arange(CONDITIONS) < harmed, 0.02, 0.0)
    wrong = 0
    for _ in range(simulations):
        found = changes(rng, samples, 0.05, drops, shared)
        counts = zip((found > 0).sum(axis=0).tolist(), (found != 0).sum(axis=0).tolist(), strict=True)
        adjusted = stats.holm([chance(lost, changed) for lost, changed in counts])
        wrong += min(adjusted[harmed:]) < quality.SIGNIFICANCE
    return {"samples": samples, "shared": shared, "harmed": harmed, "any_wrong": wrong / simulations}


def calibration(rng: np.random.Generator, simulations: int, samples: int, bias: float) -> Any:
    """How often calibration passes where its error really rises by the limit, and where it does not rise."""
    said = {rise: {"pass": 0, "fail": 0, "unclear": 0} for rise in (quality.MOST_RISE, 0.0)}
    alone = 0
    for rise, counts in said.items():
        for seed in range(simulations):
            founded = rng.uniform(0.4, 0.9, samples)
            before = rng.random(samples) < founded
            redrawn = rng.random(samples) < 0.1
            after = np.where(redrawn, rng.random(samples) < founded, before)
            pairs = (before, founded + bias), (after, founded + bias + rise)
            found = confidence.rise_interval(*pairs, confidence=quality.CONFIDENCE, seed=seed)
            counts[quality.judge(found, quality.MOST_RISE).status] += 1
            if rise:  # what the bootstrap of the difference would say without the other upper bound
                alone += 2 * found.estimate - found.low <= quality.MOST_RISE
    return {
        "samples": samples,
        "baseline_error": bias,
        "false_pass_at_limit": said[quality.MOST_RISE]["pass"] / simulations,
        "false_fail_at_limit": said[quality.MOST_RISE]["fail"] / simulations,
        "pass_at_zero": said[0.0]["pass"] / simulations,
        "false_pass_of_the_bootstrap_alone": alone / simulations,
    }


def main() -> None:
    """Simulate, write the file, and print the rates."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--simulations", type=int, default=2000)
    options.add_argument("--seed", type=int, default=1979)
    given = options.parse_args()
    rng, often = np.random.default_rng(given.seed), given.simulations
    found = {
        "command": "python benchmarks/quality_guard.py",
        "seed": given.seed,
        "simulations": often,
        "limit": LIMIT,
        "monte_carlo_error": round(1.96 * math.sqrt(0.05 * 0.95 / often), 5),
        "robustness": [margin(rng, often, n, d, s) for n in SAMPLES for d in DISCORDANCES for s in SHARED],
        "holm": [family(rng, often, n, s, harmed) for n in (500, 2000) for s in SHARED for harmed in (0, 20)],
        "calibration_simulations": often // 5,
        "calibration": [calibration(rng, often // 5, n, bias) for n in (1000,) for bias in BIASES],
    }
    RESULTS.write_text(json.dumps(found, indent=1) + "\n")
    for part in ("robustness", "holm", "calibration"):
        for one in found[part]:
            print(part, *(f"{key} {value:<7}" for key, value in one.items()))


if __name__ == "__main__":
    main()
