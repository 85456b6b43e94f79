"""What is known of the machine that the gate runs on: its calibration, beside the baseline, and whether it holds."""

from __future__ import annotations

import json
import math
import shlex
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_type_hints

from edge_opt import units
from edge_opt.errors import InputError, RunError
from edge_opt.flows.gate.limits import LARGEST, Limits
from edge_opt.stages.gate import fingerprints, sequence, words
from edge_opt.store import dump, parse, read_json
from edge_opt.types import GATE_SCHEMA, Calibration, Environment, Finding, Interval, Subject

_AGAIN = "make it again here with 'edge-opt gate calibrate', or remove it"
_ANEW = "remove it, then make it again here with 'edge-opt gate calibrate'"  # which overwrites nothing but calibrations
FEW = 20  # runs, below which what they say may be chance


def place(baseline: Path) -> Path:
    """Where the calibration for the baseline at that path is kept: beside it."""
    named = baseline.resolve() if baseline.name in ("", "..") else baseline  # a folder that one stands in
    return named.with_name(f"{named.name}.gate.json")


def read(path: Path) -> Calibration:
    """The calibration in a file. Raises RunError where there is none, or it is damaged or of another version."""
    if not path.is_file():
        raise RunError(f"there is no calibration at '{path}'", "make one: edge-opt gate calibrate BASELINE")
    content = _content(path)
    version = content["schema_version"]
    if version != GATE_SCHEMA:
        raise RunError(f"'{path}' has the format {version}, this edge-opt reads {GATE_SCHEMA}", _ANEW)
    hints = get_type_hints(Calibration)
    if strange := [name for name in content if name not in hints]:
        raise _no_calibration(path, f"it holds '{strange[0]}', which is no part of one")
    if absent := [name for name in hints if name not in content]:
        raise _no_calibration(path, f"it lacks '{absent[0]}'")
    values = {}
    for name, hint in hints.items():
        try:
            values[name] = parse(hint, content[name])
        except (RunError, KeyError, TypeError, ValueError, OverflowError, AttributeError, StopIteration) as error:
            raise _no_calibration(path, f"its '{name}' has another form") from error
    found = Calibration(**values)
    if wrong := [name for name, right in _possible(found).items() if not right or _holds_bool(content[name])]:
        raise _no_calibration(path, f"its '{wrong[0]}' cannot be {textwrap.shorten(json.dumps(content[wrong[0]]), 60)}")
    return found


def _content(path: Path) -> dict[str, Any]:
    """The JSON object in the file, which names its version. Raises RunError."""
    try:
        content = read_json(path)
    except RunError as error:
        if isinstance(error.__cause__, ValueError):
            raise _no_calibration(path, "it is damaged, or cut short") from error
        raise RunError(error.message, _ANEW) from error
    if not isinstance(content, dict):
        kinds = {list: "a list", str: "a text", type(None): "nothing"}
        raise _no_calibration(path, f"it holds {kinds.get(type(content), 'a single value')}")
    if "schema_version" not in content:
        raise _no_calibration(path, "it lacks 'schema_version'")
    if type(content["schema_version"]) is not int:
        raise _no_calibration(path, "its 'schema_version' is no whole number")
    return content


def _no_calibration(path: Path, why: str) -> RunError:
    return RunError(f"'{path}' is not a calibration of the gate: {why}", _ANEW)


def _possible(found: Calibration) -> dict[str, bool]:
    """For each field, whether a calibration could have found that: JSON holds anything, also NaN."""
    runs = (*found.identical, *found.rebuilt)
    shares = ("keeps", "detects_80", "detects_95")
    return {
        "sha256": isinstance(found.sha256, str),
        "taken": isinstance(found.taken, str),
        "limit": _is_share(found.limit),
        "budget_s": _is_number(found.budget_s) and found.budget_s > 0,
        "most": _is_count(found.most, sequence.MOST) and found.most >= sequence.LOOKS[0],
        "identical": bool(runs) and all(one and all(map(_is_number, one)) for one in found.identical),
        "rebuilt": all(one and all(map(_is_number, one)) for one in found.rebuilt),
        "false_alarms": _is_count(found.false_alarms, len(runs)),
        "unclear": _is_count(found.unclear, len(runs)),
        "rate": _is_rate(found.rate),
        **{name: getattr(found, name) is None or _is_share(getattr(found, name)) for name in shares},
    }


def _is_number(value: object) -> bool:
    return isinstance(value, float) and math.isfinite(value)


def _is_share(value: object) -> bool:
    return isinstance(value, float) and 0 < value <= LARGEST


def _is_count(value: object, most: int) -> bool:
    return isinstance(value, int) and 0 <= value <= most


def _is_rate(rate: Interval) -> bool:
    values = (rate.low, rate.estimate, rate.high, rate.confidence)
    return all(map(_is_number, values)) and 0 <= rate.low <= rate.estimate <= rate.high <= 1 and 0 < rate.confidence < 1


def _holds_bool(value: object) -> bool:
    """Whether ``true`` or ``false`` is in there: Python takes them for 1 and 0."""
    if isinstance(value, Mapping):
        return any(map(_holds_bool, value.values()))
    return isinstance(value, bool) or (isinstance(value, list) and any(map(_holds_bool, value)))


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
        again = "give one that was made here" if given else _AGAIN
        raise RunError(f"the calibration '{path}' was not made here: {apart}", f"{again}; {_both(baseline)}")
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


def _both(baseline: Subject) -> str:
    """How to have a calibration for each machine or setting."""
    asked = f"edge-opt gate calibrate {shlex.quote(baseline.name)} --threads {baseline.threads} -o FILE"
    return f"to keep both, make another with '{asked}' and give it with --calibration FILE"


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
        "runner": units.format_processor(calibration.fingerprint.cores, calibration.fingerprint.cpu),
        "runtime": f"{calibration.fingerprint.runtime_version}, threads {calibration.fingerprint.threads}",
        "equals compared": f"{runs}: {_kinds(calibration)}; at a limit of {words.allowed(calibration.limit)}",
        **({"processes that fit": _fitting(calibration)} if calibration.most < sequence.MOST else {}),
        "false alarms": alarms,
        "cannot tell": f"{calibration.unclear} of {runs}",
        "detects": _detects(calibration),
        "smallest limit it keeps": "none" if calibration.keeps is None else words.allowed(calibration.keeps),
    }
    width = max(map(len, lines))
    table = "".join(f"{name:<{width}}  {line}\n" for name, line in lines.items())
    return table if runs >= FEW else f"{table}\nfrom {runs} runs only: take {FEW} or more to rely on it\n"


def _detects(calibration: Calibration) -> str:
    often, nearly_always = _seen(calibration.detects_80), _seen(calibration.detects_95)
    if calibration.detects_80 is None:
        return f"{often} in 80% of cases"
    if often == nearly_always:
        return f"{often} in 95% of cases or more"
    return f"{often} in 80% of cases, {nearly_always} in 95%"


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
