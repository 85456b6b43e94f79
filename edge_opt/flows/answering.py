"""Where accuracy is counted: on this machine as long as the device answers the same, else on the device itself."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from edge_opt import registry
from edge_opt.flows.workbench import Workbench
from edge_opt.stages import plan
from edge_opt.stages.evaluate import evaluate_by
from edge_opt.stages.optimize import file_name
from edge_opt.store import array
from edge_opt.types import Entry, Finding, Parity, Trial

SAMPLES = 500
ALIKE = 1e-4  # of the largest output of a sample, or of 1: another order of adding float32 numbers makes 1e-6
_FIRST = 20  # show how long the rest takes
_SECONDS = 120.0


def answering(bench: Workbench, id: str, entry: Entry) -> registry.Device:
    """The device that answers for the artifact of the candidate ``id``, after the two were compared once.

    The target's own where they differ, and where this machine lacks the runtime.
    """
    if bench.host is None or not plan.installed(entry.runtime):
        return bench.device
    parity = bench.run.once(_key(id), Parity, lambda: _compared(bench, id, entry))
    return bench.host if parity.agrees else bench.device


def parity_of(bench: Workbench, id: str) -> Parity | None:
    """How the two compared; None where there are no two, or they were not."""
    found: Parity | None = bench.run.known(_key(id), Parity)
    return found


def findings(trials: Sequence[Trial]) -> tuple[Finding, ...]:
    """Whether the device answers as this machine does, for which artifacts not, and by which other versions."""
    compared = [(trial.id, trial.parity) for trial in trials if trial.parity]
    apart = tuple(_apart(id, one) for id, one in compared if not one.agrees)
    pairs = {(trial.runtime, trial.parity.version_there, trial.parity.version_here) for trial in trials if trial.parity}
    drifted = tuple(_drifted(*pair) for pair in sorted(pairs) if all(pair) and pair[1] != pair[2])
    return (*_alike([one for _, one in compared if one.agrees]), *apart, *drifted)


def _alike(compared: Sequence[Parity]) -> tuple[Finding, ...]:
    if not compared:
        return ()
    exact = sum(one.identical == one.samples for one in compared)
    largest = max(one.largest for one in compared)
    near = f"within {largest:.1g}"
    how = f"{exact} of them bit by bit, the others {near}" if exact else near
    return (
        Finding(
            code="EO431",
            level="info",
            message=f"the device answers as this machine does: {len(compared)} artifacts, compared on "
            f"{min(one.samples for one in compared)} samples or more, are the same "
            f"{'bit by bit' if exact == len(compared) else how}",
            hint="so their accuracy, counted here, is that of the device",
        ),
    )


def _apart(id: str, parity: Parity) -> Finding:
    return Finding(
        code="EO430",
        level="warning",
        message=f"'{id}' gives different answers on the device: {parity.samples - parity.identical} of "
        f"{parity.samples} samples differ, by up to {parity.largest:.2g}; its accuracy was counted on the device",
        hint="integer kernels that differ from one processor to the other do this; where the device is emulated, "
        "'edge-opt emulator check' shows whether it can be believed",
    )


def _drifted(runtime: str, there: str, here: str) -> Finding:
    return Finding(
        code="EO432",
        level="warning",
        message=f"the runtime '{runtime}' is {there} on the device and {here} on this machine",
        hint="give 'edge-opt device setup' again, or 'edge-opt emulator setup' where the device is emulated: "
        "either takes the versions of this machine",
    )


def compare(here: NDArray[np.float32], there: NDArray[np.float32]) -> Parity:
    """The outputs ``(n, classes)`` of the two machines for the same samples, compared sample by sample."""
    apart = np.abs(here - there)
    scale = np.maximum(1, np.abs(here).max(axis=1, keepdims=True))
    return Parity(
        samples=len(here),
        identical=int((here == there).all(axis=1).sum()),
        largest=float(apart.max()),
        agrees=bool((apart / scale).max() <= ALIKE),
    )


def _compared(bench: Workbench, id: str, entry: Entry) -> Parity:
    """The first samples of the selection, as many as there is time for, answered by both."""
    host = bench.host
    assert host is not None
    name = file_name(id)
    few = bench.run.scratch(f"parity-{name}.npy")
    answers = bench.run.scratch(f"parity-outputs-{name}.npy")
    selection = array(bench.given.selection, mapped=True)

    def answered(device: registry.Device, inputs: NDArray[np.float32]) -> tuple[NDArray[np.float32], str]:
        np.save(few, inputs)
        return evaluate_by(entry, few, answers, device)

    begun = time.monotonic()
    there, version_there = answered(bench.device, selection[:_FIRST])
    taken_s = (time.monotonic() - begun) / len(there)
    last = min(SAMPLES, len(selection), len(there) + int(_SECONDS / taken_s))
    if last > len(there):
        there = np.concatenate([there, answered(bench.device, selection[len(there) : last])[0]])
    here, version_here = answered(host, selection[: len(there)])
    return replace(compare(here, there), version_here=version_here, version_there=version_there)


def _key(id: str) -> str:
    return f"parity of {id}"
