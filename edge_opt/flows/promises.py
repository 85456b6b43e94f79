"""What a bundle promises, read from its ``bundle.json``, and the judgement on each promise."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from edge_opt import units
from edge_opt.errors import RunError
from edge_opt.store import read_json
from edge_opt.types import Finding, Interval

SCHEMA_VERSION = 1
# Differences of outputs, as a share of the sample's largest output. Other processors add floats up in another order;
# where numbers are rounded to integers or half floats on the way, that can move some by a whole step.
EXACT, ROUNDED = 1e-3, 5e-2
_NOTHING = 1e-6  # below it, a sample's largest output is no scale to measure by
# memory is counted in pages, and what the runtime takes at its start differs a little from run to run
MEMORY_SLACK_BYTES = 4 * 2**20

_CHUNK_BYTES = 2**20
_ELSEWHERE = "do not deploy it here: install the versions in requirements.txt, or optimize on this machine"
_AGAIN = "export the bundle again, or copy it again as it was exported"


@dataclass(frozen=True, kw_only=True)
class Check:
    """One promise: kept or broken, not to be told, or only noted because it was not made for this machine."""

    name: Literal["files", "answers", "latency", "memory", "machine", "runtime"]
    status: Literal["kept", "broken", "unclear", "noted"]
    message: str
    finding: Finding | None = None


@dataclass(frozen=True, kw_only=True)
class Promise:
    """What ``bundle.json`` says, as far as it can be verified."""

    folder: Path
    model: Path
    runtime: str
    options: Mapping[str, str]
    threads: int
    tolerance: float
    golden: Path | None
    timing: Mapping[str, Any]
    budget: Mapping[str, Any]
    files: Mapping[str, Mapping[str, Any]]


def read(folder: Path) -> Promise:
    """The promises of the bundle in ``folder``. Raises RunError where it is none, or names files outside of it."""
    path = folder / "bundle.json"
    if not folder.exists():
        raise RunError(f"there is no folder '{folder}'", "give the folder 'bundle' of a run, or a copy of it")
    if not path.is_file():
        raise RunError(f"'{folder}' is no bundle of edge-opt", "give the folder 'bundle' of a run, or a copy of it")
    try:
        content = read_json(path)
    except RunError as error:  # a run would be made again, a copy is copied again
        raise RunError(error.message, "copy the bundle again from the run that made it") from error
    if not isinstance(content, Mapping):
        raise RunError(f"'{path}' is damaged: it holds a {type(content).__name__}, not an object", _AGAIN)
    try:
        if content["schema_version"] != SCHEMA_VERSION:
            raise RunError(
                f"'{path}' has the format {content['schema_version']}, this edge-opt reads {SCHEMA_VERSION}",
                "verify it with the version of edge-opt that made it",
            )
        model, files = content["model"], content["files"]
        for name in (*files, model["file"]):
            _inside(name, path)
        exact = model["recipe"] == "float32" and not model["options"]
        return Promise(
            folder=folder,
            model=folder / model["file"],
            runtime=model["runtime"],
            options=dict(model["options"]),
            threads=int(model["threads"]),
            tolerance=EXACT if exact else ROUNDED,
            golden=folder / "golden.npz" if "golden.npz" in files else None,
            timing=_timing(content["timing"]),
            budget=dict(content["target"]["budget"]),
            files={name: {"sha256": str(one["sha256"]), "size_bytes": int(one["size_bytes"])} for name, one in
                   files.items()},
        )  # fmt: skip
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise RunError(f"'{path}' is damaged: it lacks, or has in another form, {error}", _AGAIN) from error


def _timing(timing: Mapping[str, Any]) -> dict[str, Any]:
    """What the bundle says of its times, as far as it is needed. Raises KeyError, TypeError … where it says less."""
    if timing["kind"] != "measured":
        return {"kind": timing["kind"], "reason": str(timing.get("reason", "the bundle does not say why"))}
    return {
        "kind": "measured",
        "cpu": str(timing["environment"]["cpu"]),
        "runtime_version": str(timing["runtime_version"]),
        "median_ns": float(timing["median_ns"]),
        "memory_bytes": int(timing["memory_bytes"]),
    }


def _inside(name: str, path: Path) -> None:
    """Raise RunError for a name that leads out of the bundle."""
    parts = PurePosixPath(name)
    if parts.is_absolute() or ".." in parts.parts or "\\" in name or not parts.parts:
        raise RunError(f"'{path}' names the file '{name}', which is not in the bundle", "do not use this bundle")


def files(promise: Promise) -> Check:
    """Whether every file of the bundle is there and is what was exported; what else lies there does not matter."""
    wrong = [f"'{name}' {why}" for name, one in promise.files.items() if (why := _changed(promise.folder / name, one))]
    if promise.model.relative_to(promise.folder).as_posix() not in promise.files:
        wrong.append(f"'{promise.model.name}' has no hash")
    if wrong:
        others = f", and {len(wrong) - 1} more" if len(wrong) > 1 else ""
        return broken("files", "EO510", f"{wrong[0]}{others}", _AGAIN)
    count = units.format_count(len(promise.files))
    return Check(name="files", status="kept", message=f"all {count} files are as they were exported")


def _changed(path: Path, wanted: Mapping[str, Any]) -> str:
    """Why the file is not the one that was exported; "" where it is."""
    if path.is_symlink():
        return "is a link"
    if not path.is_file():
        return "is missing"
    size_bytes = path.stat().st_size
    if size_bytes != wanted["size_bytes"]:
        return f"has {units.format_count(size_bytes)} bytes instead of {units.format_count(wanted['size_bytes'])}"
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    return "" if digest.hexdigest() == wanted["sha256"] else "has changed"


def same_answers(found: NDArray[Any], wanted: NDArray[Any], tolerance: float) -> Check:
    """Whether the outputs ``(n, …)`` are those that were promised, within ``tolerance`` of each sample's largest.

    The scale is the sample's own: of a softmax over 1,000 classes all outputs are small. A best guess may be another
    one only where the two were promised to be as near to each other as that.
    """
    if found.shape != wanted.shape:
        return broken("answers", "EO511", f"the outputs have the shape {found.shape}, not {wanted.shape}", _AGAIN)
    rows = wanted.reshape(len(wanted), -1).astype(np.float64)
    here = found.reshape(rows.shape)
    largest = np.maximum(_NOTHING, np.abs(rows).max(axis=1))
    apart = float((np.abs(here - rows) / largest[:, None]).max())
    guessed = here.argmax(axis=1)
    best = int((guessed == rows.argmax(axis=1)).sum())
    guesses = f"{best} of {len(rows)} best guesses are the same"
    if not apart <= tolerance:
        worse = f"{guesses}; the outputs differ by {units.format_number(apart)} of their size, more than "
        return broken("answers", "EO511", worse + units.format_number(tolerance), _ELSEWHERE)
    behind = (rows.max(axis=1) - rows[np.arange(len(rows)), guessed]) / largest
    if (behind > tolerance).any():
        worse = f"{guesses}; one of the others was promised {units.format_number(float(behind.max()))} behind"
        return broken("answers", "EO511", worse, _ELSEWHERE)
    exactly = "to the last bit" if apart == 0 else f"within {units.format_number(apart)} of their size"
    return Check(name="answers", status="kept", message=f"{guesses}, the outputs {exactly}")


def latency(now: Interval, promised_ns: float, slack: float, lenient: bool, load: str) -> Check:
    """Whether the median is as promised: by the interval over rounds, not by one number.

    ``load`` is what kept the machine busy meanwhile, "" where nothing did: then too slow is no broken promise.
    """
    bound = promised_ns * (1 + slack)
    seen = f"the median is {_between(now)}, promised {units.format_duration(promised_ns)}"
    return _judged("latency", "EO512", now, bound, f"{seen} + {units.format_percent(slack, digits=0)}", lenient, load)


def latency_limit(now: Interval, limit_ns: float, lenient: bool, load: str) -> Check:
    """Whether the p90 keeps the limit of the target; ``load`` as in :func:`latency`."""
    seen = f"the p90 is {_between(now)}, the limit of the target {units.format_duration(limit_ns)}"
    return _judged("latency", "EO512", now, limit_ns, seen, lenient, load)


def memory(now_bytes: int, promised_bytes: int, slack: float, lenient: bool) -> Check:
    """Whether the model takes no more memory than promised."""
    bound = round(promised_bytes * (1 + slack)) + MEMORY_SLACK_BYTES
    seen = f"it takes {units.format_bytes(now_bytes)}, promised {units.format_bytes(promised_bytes)}"
    return _memory(now_bytes, bound, seen, lenient)


def memory_limit(now_bytes: int, limit_bytes: int, lenient: bool) -> Check:
    """Whether the model keeps the limit of the target."""
    seen = f"it takes {units.format_bytes(now_bytes)}, the limit of the target is {units.format_bytes(limit_bytes)}"
    return _memory(now_bytes, limit_bytes, seen, lenient)


def _memory(now_bytes: int, bound: float, seen: str, lenient: bool) -> Check:
    if now_bytes <= bound:
        return Check(name="memory", status="kept", message=seen)
    if lenient:
        return Check(name="memory", status="noted", message=seen)
    return broken("memory", "EO513", seen, "another version of the runtime may take more: see requirements.txt")


def _judged(
    name: Literal["latency"], code: str, now: Interval, bound: float, seen: str, lenient: bool, load: str
) -> Check:
    if now.high <= bound:
        return Check(name=name, status="kept", message=seen)
    if lenient:
        return Check(name=name, status="noted", message=seen)
    if now.low <= bound or load:
        why = f"; {load}" if load else ""
        finding = Finding(
            code=code,
            level="warning",
            message=f"{name}: it cannot be told, {seen}{why}",
            hint="verify again on a quiet machine, with more --rounds",
        )
        return Check(name=name, status="unclear", message=seen + why, finding=finding)
    return broken(name, code, seen, "verify again later; if it stays so, run 'edge-opt optimize' on this machine")


def elsewhere(promised: str, here: str, strict: bool) -> Check:
    """A note that the promises were made for another processor."""
    what = "all the same held to them: --strict" if strict else "times and memory are noted, not judged"
    message = f"measured on '{promised}', this is '{here}'; {what}"
    finding = Finding(
        code="EO514", level="info", message=message, hint="'edge-opt optimize' on this machine promises for it"
    )
    return Check(name="machine", status="noted", message=message, finding=finding)


def another_version(promised: str, here: str) -> Check:
    """A note that another version of the runtime runs here."""
    message = f"measured with {promised}, here runs {here}"
    finding = Finding(code="EO514", level="info", message=message, hint="requirements.txt has the version measured")
    return Check(name="runtime", status="noted", message=message, finding=finding)


def broken(name: Literal["files", "answers", "latency", "memory"], code: str, message: str, hint: str) -> Check:
    """A promise that does not hold, with the finding that says so."""
    return Check(
        name=name,
        status="broken",
        message=message,
        finding=Finding(code=code, level="error", message=f"{name}: {message}", hint=hint),
    )


def _between(interval: Interval) -> str:
    low, middle, high = (units.format_duration(one) for one in (interval.low, interval.estimate, interval.high))
    return f"{middle} ({units.format_confidence(interval.confidence)} interval {low} … {high})"
