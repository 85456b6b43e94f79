"""How often the guard is wrong, and how often it can decide, on simulated pairs of models.

Writes ``benchmarks/results/guard_power.json`` and ``docs/img/guard_power.svg``; ``docs/measuring.md`` shows both.
Run it with ``python benchmarks/guard_power.py``; it takes about a minute and is the same on every run.
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

from edge_opt.stages import guard
from edge_opt.stats import samples_needed

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results" / "guard_power.json"
FIGURE = ROOT / "docs" / "img" / "guard_power.svg"

LIMIT = 0.01
SAMPLES = (500, 1000, 2000, 5000, 10_000)
DISCORDANCES = (0.02, 0.05, 0.08)
DROPS = tuple(sorted({0.015, *(round(0.002 * step, 3) for step in range(16))}))
RULES = ("guard_pass", "guard_fail", "wald_pass", "raw_pass")
Rates = dict[str, float]


@cache
def decide(lost: int, gained: int, samples: int) -> tuple[bool, ...]:
    """What each of RULES says of one pair of counts."""
    status, _ = guard.decide(lost, gained, samples, LIMIT)
    drop = (lost - gained) / samples
    half = NormalDist().inv_cdf(0.95) * math.sqrt(max(lost + gained - samples * drop**2, 0)) / samples
    return status == "pass", status == "fail", drop + half <= LIMIT, drop <= LIMIT


def rates(rng: np.random.Generator, samples: int, discordance: float, drop: float, simulations: int) -> Rates:
    """How often each of RULES holds for models that really differ by ``drop``."""
    lost, gained = (discordance + drop) / 2, (discordance - drop) / 2
    drawn = rng.multinomial(samples, [lost, gained, 1 - discordance], size=simulations)[:, :2]
    counts, times = np.unique(drawn, axis=0, return_counts=True)
    said = np.array([decide(int(b), int(c), samples) for b, c in counts])
    return dict(zip(RULES, (times @ said / simulations).round(5).tolist(), strict=True))


def simulate(seed: int, simulations: int) -> dict[str, Any]:
    """Every figure of the JSON file."""
    rng = np.random.default_rng(seed)
    curves = [
        {"samples": n, "discordance": share, "drop": drop, **rates(rng, n, share, drop, simulations)}
        for n in SAMPLES
        for share in DISCORDANCES
        for drop in DROPS
        if drop <= share
    ]
    rare = [
        {"samples": n, "discordance": share, "drop": LIMIT, **rates(rng, n, share, LIMIT, simulations)}
        for n in (100, 200, 300, 500)
        for share in (0.01, 0.015)
    ]
    planned = [
        {"discordance": share, "samples": n, **rates(rng, n, share, 0.0, simulations)}
        for share in DISCORDANCES
        for n in (samples_needed(LIMIT, share),)
    ]
    return {
        "command": "python benchmarks/guard_power.py",
        "seed": seed,
        "simulations": simulations,
        "limit": LIMIT,
        "monte_carlo_error": round(1.96 * math.sqrt(0.05 * 0.95 / simulations), 5),
        "curves": curves,
        "few_discordant_pairs_at_the_limit": rare,
        "power_at_the_planned_samples": planned,
    }


def draw(found: dict[str, Any], out: Path) -> None:
    """The figure: the chance to pass by true drop, and the power by the number of samples."""
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams.update({"svg.hashsalt": "guard_power", "font.size": 10, "axes.spines.top": False})
    mpl.rcParams.update({"axes.spines.right": False, "axes.titlesize": 11, "axes.titlelocation": "left"})
    import matplotlib.pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(10.4, 4.2), layout="constrained")
    shades = {1000: "#9ecae1", 2000: "#5ba3cf", 5000: "#2171b5", 10_000: "#08306b"}
    curve = {n: [one for one in found["curves"] if (one["samples"], one["discordance"]) == (n, 0.05)] for n in shades}
    for n, color in shades.items():
        left.plot(*_line(curve[n], "guard_pass"), color=color, lw=2, label=f"guard, {n:,} samples")
    left.plot(*_line(curve[1000], "raw_pass"), color="#d95f02", lw=2, ls="--", label="raw threshold, 1,000 samples")
    left.axvline(100 * LIMIT, color="#888888", lw=1)
    left.axhline(5, color="#888888", lw=1, ls=":")
    left.text(2.98, 6.5, "5% false passes", color="#555555", ha="right")
    left.text(1.03, 97, "limit", color="#555555")
    left.set(xlim=(0, 3), ylim=(0, 101), xlabel="true drop, percent points", ylabel="passes, %")
    left.set_title("A pass by the true drop (5% of answers change)")
    left.legend(frameon=False, loc="upper right", bbox_to_anchor=(1, 0.94))
    for share, color, mark in zip(DISCORDANCES, ("#08306b", "#2171b5", "#9ecae1"), "os^", strict=True):
        points = [one for one in found["curves"] if (one["drop"], one["discordance"]) == (0.0, share)]
        x, y = [one["samples"] for one in points], [100 * one["guard_pass"] for one in points]
        right.plot(x, y, color=color, lw=2, marker=mark, label=f"{100 * share:.0f}% of answers change")
    right.axhline(80, color="#888888", lw=1, ls=":")
    right.text(10_000, 81.5, "80%", color="#555555", ha="right")
    right.set(xscale="log", ylim=(0, 101), xlabel="samples", ylabel="passes, %")
    right.set_xticks(SAMPLES, [f"{n:,}" for n in SAMPLES], minor=False)
    right.minorticks_off()
    right.set_title("Power: a pass where nothing was lost")
    right.legend(frameon=False, loc="lower right")
    out.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(out, metadata={"Date": None, "Title": "Error rates and power of the guard at a limit of 1 pp"})
    plt.close(figure)


def _line(points: list[dict[str, float]], rule: str) -> tuple[list[float], list[float]]:
    return [100 * one["drop"] for one in points], [100 * one[rule] for one in points]


def main() -> None:
    """Simulate, write both files, and print the rates at the limit."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--simulations", type=int, default=40_000)
    options.add_argument("--seed", type=int, default=1998)
    given = options.parse_args()
    found = simulate(given.seed, given.simulations)
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    RESULTS.write_text(json.dumps(found, indent=1) + "\n")
    draw(found, FIGURE)
    for one in [*found["few_discordant_pairs_at_the_limit"], *(p for p in found["curves"] if p["drop"] == LIMIT)]:
        print(*(f"{key} {value:<8}" for key, value in one.items() if key != "drop"))
    for one in found["power_at_the_planned_samples"]:
        print(one)


if __name__ == "__main__":
    main()
