"""What each layer of a network takes on the target: measured one layer at a time, once for all runs that share it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from edge_opt import registry
from edge_opt.errors import InputError, StepFailed
from edge_opt.flows.prepare import frontend_of
from edge_opt.flows.workbench import Workbench
from edge_opt.nets import single_layers
from edge_opt.stages import costs
from edge_opt.store import code, content, dump, parse, write_whole
from edge_opt.types import Finding, OperatorCosts, Step

_FILE = "costs.json"


def costs_of(bench: Workbench, net: Path) -> OperatorCosts | Finding | None:
    """The time of each layer of the Keras model ``net``, in float32 as the baseline is run.

    None where nothing can be timed for the target, a finding where a layer could not be: multiply-accumulates stand for
    time then.
    """
    if bench.untimed:
        return None
    key = f"costs of {content(net)[:16]}"
    found: OperatorCosts | Finding = bench.run.once(key, OperatorCosts | Finding, lambda: _costs(bench, net))
    return found


def _costs(bench: Workbench, net: Path) -> OperatorCosts | Finding:
    baseline, request, cache = bench.baseline, bench.request, bench.start.cache
    folder = bench.run.scratch("costs")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    parts = _measured_on(bench, net)
    if cache and cache.take(parts, folder, counted=False):
        kept: OperatorCosts = parse(OperatorCosts, json.loads((folder / _FILE).read_text(encoding="utf-8")))
        return kept
    bench.watch(Step(stage="time layers", what=net.name, done=0, total=1))
    exporter: registry.Exporter = registry.load("exporters", baseline.format)
    multiple = request.target.channels_multiple
    try:
        singles = bench.executor.submit(
            single_layers.of_file, frontend_of(net), net, request.allow_code, exporter, multiple, folder / "layers"
        ).result()
        found = costs.measure(singles, baseline.runtime, baseline.options, bench.device, request.threads, request.seed)
    except (StepFailed, InputError) as error:
        return Finding(
            code="EO422",
            level="warning",
            message=f"the layers of '{net.name}' could not be timed one by one, so channels leave by their "
            f"multiply-accumulates: {error.message}",
            hint=error.hint or "the smaller network is measured as a whole all the same",
        )
    shutil.rmtree(folder)
    folder.mkdir()
    write_whole(folder / _FILE, json.dumps(dump(found)))
    if cache:
        cache.keep(parts, folder, _FILE)
    return found


def _measured_on(bench: Workbench, net: Path) -> dict[str, Any]:
    """Everything that decides what comes out, but for the noise of a clock."""
    return {
        "costs": content(net),
        "target": bench.request.target.name,
        "processor": bench.run.known("contents", dict[str, str])["processor"],
        "isa": sorted(bench.isa),
        "format": bench.baseline.format,
        "runtime": bench.baseline.runtime,
        "options": dict(bench.baseline.options),
        "threads": bench.request.threads,
        "multiple": bench.request.target.channels_multiple,
        **bench.start.origin,
        **code("nets", "exporters", "runtimes", "stages"),
    }
