"""What is known of the machine that the gate runs on: its calibration, beside the baseline, and whether it holds."""

from __future__ import annotations

import json
from pathlib import Path

from edge_opt import registry, units
from edge_opt.errors import InputError, RunError
from edge_opt.flows.gate.limits import Limits
from edge_opt.stages.gate import fingerprints, sequence, words
from edge_opt.store import dump, parse, parse_answer, read_json
from edge_opt.types import GATE_SCHEMA, Calibration, Environment, Finding, Fingerprint, Interval, Subject

_AGAIN = "make it again here with 'edge-opt gate calibrate', or remove it"


def environment_of(device: registry.Device) -> Environment:
    """What the device is, now."""
    found: Environment = parse_answer(Environment, device.run({"protocol": 1, "mode": "environment"})["environment"])
    return found


def place(baseline: Path) -> Path:
    """Where the calibration for the baseline at that path is kept: beside it."""
    named = baseline.resolve() if baseline.name in ("", "..") else baseline  # a folder that one stands in
    return named.with_name(f"{named.name}.gate.json")


def read(path: Path) -> Calibration:
    """The calibration in a file. Raises RunError where there is none, or it is damaged or of another version."""
    if not path.is_file():
        raise RunError(f"there is no calibration at '{path}'", "make one: edge-opt gate calibrate BASELINE")
    try:
        content = read_json(path)
    except RunError as error:
        raise RunError(error.message, _AGAIN) from error
    try:
        version = content["schema_version"]
        if version == GATE_SCHEMA:
            found: Calibration = parse(Calibration, content)
            _check(found)
    except (RunError, KeyError, TypeError, ValueError, AttributeError, StopIteration) as error:
        raise RunError(f"'{path}' is not a calibration of the gate: {error}", _AGAIN) from error
    if version != GATE_SCHEMA:
        raise RunError(f"'{path}' has the format {version}, this edge-opt reads {GATE_SCHEMA}", _AGAIN)
    return found


def _check(found: Calibration) -> None:
    """Nothing; raises TypeError where a number, a text or the machine is something else: JSON holds anything."""
    told = [one for one in (found.keeps, found.detects_80, found.detects_95) if one is not None]
    wanted: tuple[tuple[type, tuple[object, ...]], ...] = (
        (float, (found.limit, found.budget_s, *told)),
        (int, (found.most, found.false_alarms, found.unclear)),
        (str, (found.sha256, found.taken)),
        (Fingerprint, (found.fingerprint,)),
        (Interval, (found.rate,)),
    )
    for kind, values in wanted:
        if not all(isinstance(one, kind) for one in values):
            raise TypeError("a value has another form")


def check(baseline: Subject, given: Path | None, limits: Limits, environment: Environment) -> tuple[Finding, ...]:
    """What is to be said of the calibration, the ``given`` one or the one beside the baseline; nothing without one.

    Raises RunError where it is of another machine or runtime, and InputError where the limit for the latency is below
    what this runner was seen to keep.
    """
    path = given or place(Path(baseline.name))
    if given is None and not path.exists():
        return ()
    found = read(path)
    if apart := fingerprints.differences(found.fingerprint, fingerprints.fingerprint(baseline, environment)):
        raise RunError(f"the calibration '{path}' was not made here: {apart}", _AGAIN)
    limit = limits.shares.get("latency")
    if limit is not None and (found.keeps is None or limit < found.keeps):
        raise InputError(f"--latency {words.allowed(limit)} is below what this runner can see", _keeps(found))
    if found.sha256 == baseline.sha256:
        return ()
    return (
        Finding(
            code="EO904",
            level="info",
            message=f"'{path}' was calibrated with another artifact than the baseline",
            hint="calibrate again if the new one is much faster or slower: short times are harder to tell apart",
        ),
    )


def _keeps(found: Calibration) -> str:
    if found.keeps is None:
        return "equals could not be told apart from slow-downs at any limit: find a quieter runner, and calibrate there"
    return f"the smallest limit that it can keep is {words.allowed(found.keeps)}, as its calibration says"


def text(calibration: Calibration) -> str:
    """What a calibration found, for people."""
    runs = len(calibration.identical) + len(calibration.rebuilt)
    rate = calibration.rate
    alarms = f"{calibration.false_alarms} of {runs}, {units.format_percent(rate.estimate, digits=1)} "
    alarms += f"({units.format_confidence(rate.confidence)} interval {units.format_percent(rate.low, digits=1)} … "
    alarms += f"{units.format_percent(rate.high, digits=1)})"
    lines = {
        "runner": f"{calibration.fingerprint.cores}x {calibration.fingerprint.cpu}",
        "runtime": f"{calibration.fingerprint.runtime_version}, threads {calibration.fingerprint.threads}",
        "equals compared": f"{runs}: {_kinds(calibration)}; at a limit of {words.allowed(calibration.limit)}",
        **({"processes that fit": _fitting(calibration)} if calibration.most < sequence.MOST else {}),
        "false alarms": alarms,
        "cannot tell": f"{calibration.unclear} of {runs}",
        "detects": f"{_seen(calibration.detects_80)} in 80% of cases, {_seen(calibration.detects_95)} in 95%",
        "smallest limit it keeps": "none" if calibration.keeps is None else words.allowed(calibration.keeps),
    }
    width = max(map(len, lines))
    return "\n".join(f"{name:<{width}}  {line}" for name, line in lines.items()) + "\n"


def _kinds(calibration: Calibration) -> str:
    copies, rebuilt = len(calibration.identical), len(calibration.rebuilt)
    # one file: its decisions share whatever that build happened to be, and say less than as many builds would
    anew = f", {rebuilt} with one rebuilt file" if rebuilt else ""
    return f"{copies} with a copy{anew}"


def _fitting(calibration: Calibration) -> str:
    return f"{calibration.most} of {sequence.MOST} in {units.format_number(calibration.budget_s)} s"


def _seen(slow_down: float | None) -> str:
    return "no slow-down" if slow_down is None else f"a slow-down of {words.allowed(slow_down)}"


def written(calibration: Calibration) -> str:
    """The content of its file."""
    return json.dumps(dump(calibration), indent=1) + "\n"
