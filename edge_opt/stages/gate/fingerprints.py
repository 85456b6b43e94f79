"""Which stored measurements can be compared: those of the same processor, runtime and settings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields

from edge_opt import units
from edge_opt.errors import RunError
from edge_opt.types import Environment, Finding, Fingerprint, Record, Subject

_NAMES = {
    "cpu": "processor",
    "machine": "kind of machine",
    "cores": "number of cores",
    "governor": "governor of the clock",
    "runtime": "runtime",
    "runtime_version": "version of the runtime",
    "options": "options",
    "threads": "number of threads",
    "board": "board",
}


def fingerprint(subject: Subject, environment: Environment, runtime_version: str = "") -> Fingerprint:
    """What a record of ``subject`` must share with others; ``runtime_version`` where it was asked again."""
    return Fingerprint(
        cpu=environment.cpu,
        machine=environment.machine,
        cores=environment.cores,
        governor=environment.governor,
        runtime=subject.runtime,
        runtime_version=runtime_version or subject.runtime_version,
        options=dict(subject.options),
        threads=subject.threads,
        board=environment.board,
    )


def matching(
    records: Sequence[Record], wanted: Fingerprint, system: str
) -> tuple[tuple[Record, ...], tuple[Finding, ...]]:
    """The records that were taken like ``wanted``, and what is to be said of the others and of the ``system``.

    Raises RunError, which names what differs, where there are none.
    """
    found = tuple(record for record in records if record.fingerprint == wanted)
    if not found:
        raise RunError(
            f"no record of the history can be compared: {differences(records[-1].fingerprint, wanted)}",
            "take the history of this machine, or begin one: edge-opt gate record",
        )
    findings = []
    others = [record for record in records if record.fingerprint != wanted]
    if others:
        findings.append(
            Finding(
                code="EO920",
                level="info",
                message=f"{counted(len(others), 'record')} of the history cannot be compared and "
                f"{'was' if len(others) == 1 else 'were'} left out, for example '{others[-1].label}': "
                f"{differences(others[-1].fingerprint, wanted)}",
            )
        )
    if found[-1].system != system:
        findings.append(
            Finding(
                code="EO921",
                level="warning",
                message=f"the last record, '{found[-1].label}', was taken on {found[-1].system}, "
                f"and this machine runs {system}",
                hint="a new kernel can change latencies by itself: record the last good commit again on this one",
            )
        )
    return found, tuple(findings)


def counted(count: int, what: str) -> str:
    """``1 record``, ``12 records``."""
    return f"{units.format_count(count)} {what}{'' if count == 1 else 's'}"


def differences(there: Fingerprint, here: Fingerprint) -> str:
    """What is not the same, in words: ``the version of the runtime was 'a' and is 'b'``; "" where all is."""
    pairs = [(field.name, getattr(there, field.name), getattr(here, field.name)) for field in fields(Fingerprint)]
    return ", ".join(f"the {_NAMES[name]} was {_shown(a)} and is {_shown(b)}" for name, a, b in pairs if a != b)


def _shown(found: object) -> str:
    if isinstance(found, Mapping):
        return f"'{' '.join(f'{key}={one}' for key, one in sorted(found.items()))}'" if found else "none"
    return str(found) if isinstance(found, int) else f"'{found}'" if found else "unknown"
