"""The Report for other programs: CSV with a row for each trial, JSON with everything down to the single sample."""

from __future__ import annotations

import csv as csv_writer
import io
import json as json_writer
from collections.abc import Mapping, Sequence
from typing import Any

from edge_opt import store
from edge_opt.results.report import tables
from edge_opt.types import Interval, Measured, NotTimed, Report, Trial


def json(report: Report) -> str:
    """The report under the names of :mod:`edge_opt.types`, raw samples included, on one line."""
    return json_writer.dumps(store.dump(report), separators=(",", ":"), ensure_ascii=False) + "\n"


def csv(report: Report) -> str:
    """One row for each trial in the order of the table: raw numbers, the unit in the name, empty where not known."""
    return table([_row(report, trial) for trial in tables.ordered(report)])


def table(rows: Sequence[Mapping[str, Any]]) -> str:
    """``rows``, which all have the same columns, as CSV with a heading; None is an empty cell."""
    out = io.StringIO()
    writer = csv_writer.DictWriter(out, fieldnames=list(rows[0]) if rows else [], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def _row(report: Report, trial: Trial) -> dict[str, Any]:
    artifact, verdict = trial.artifact, trial.verdict
    return {
        "id": trial.id,
        "recipe": trial.recipe.name,
        "format": artifact.format,
        "variant": artifact.variant,
        "runtime": trial.runtime,
        "options": pairs(trial.options),
        "target": report.target.name,
        "threads": report.threads,
        "baseline": _flag(trial.id == report.baseline),
        "best": _flag(trial.id == report.best),
        "pareto": _flag(trial.id in report.pareto),
        "size_bytes": artifact.size_bytes,
        "compressed_bytes": artifact.compressed_bytes,
        **times(trial.measured),
        f"{trial.accuracy.metric}_fraction": trial.accuracy.value,
        **spread_out("drop", "_fraction", verdict.drop),
        "drop_limit_fraction": verdict.limit,
        "verdict": verdict.status,
        "verdict_samples": verdict.samples,
        "verdict_discordant": verdict.discordant,
        "verdict_samples_to_decide": verdict.samples_to_decide,
        "max_abs_difference": trial.accuracy.max_abs_difference,
        "sha256": artifact.sha256,
        "follows": trial.recipe.follows,
        "reason": trial.recipe.reason,
    }


def times(measured: Measured | NotTimed) -> dict[str, Any]:
    """What was measured as columns with their units; empty where nothing was timed."""
    timed = measured if isinstance(measured, Measured) else None
    return {
        "timing": measured.kind,
        "median_ns": timed and timed.median_ns,
        "half_iqr_ns": timed and timed.half_iqr_ns,
        "p90_ns": timed and timed.p90_ns,
        "load_ns": timed and timed.load_ns,
        "memory_bytes": timed and timed.memory_bytes,
        "peak_rss_bytes": timed and timed.peak_rss_bytes,
        **spread_out("speed_up", "_ratio", timed.speed_up if timed else None),
        "rounds": timed and len(timed.rounds),
        "samples": timed and sum(len(one.samples_ns) for one in timed.rounds),
        "runtime_version": timed and timed.runtime_version,
        "executed": timed and pairs(timed.executed),
    }


def spread_out(name: str, unit: str, interval: Interval | None) -> dict[str, Any]:
    """An interval as the columns ``NAME_UNIT``, ``NAME_low_UNIT``, ``NAME_high_UNIT`` and ``NAME_confidence``."""
    return {
        f"{name}{unit}": interval and interval.estimate,
        f"{name}_low{unit}": interval and interval.low,
        f"{name}_high{unit}": interval and interval.high,
        f"{name}_confidence": interval and interval.confidence,
    }


def pairs(mapping: Any) -> str:
    """``name=value name=value``, in the order of the names."""
    return " ".join(f"{name}={value}" for name, value in sorted(mapping.items()))


def _flag(value: bool) -> str:
    return "true" if value else "false"
