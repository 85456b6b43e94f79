"""Whether a runtime works here: by the smallest model there is, since an import proves nothing.

And whether it computes on another device what it computes on this one: by a small network, since a model of two numbers
does not reach the kernels that processors differ in.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edge_opt import registry
from edge_opt.errors import StepFailed
from edge_opt.inputs import parity, probe
from edge_opt.types import Entry


@dataclass(frozen=True, kw_only=True)
class Answered:
    """What a runtime answers on a device to the same samples, for each precision of a small network."""

    version: str  # the package and version of the runtime
    outputs: Mapping[str, registry.Array]


def prove(runtime: str, device: registry.Device) -> str:
    """The package and version of ``runtime``, which has just run the smallest model on ``device`` and was right.

    Raises MissingPackage where it is not installed, StepFailed where it does not work.
    """
    module = registry.load("runtimes", runtime)
    format = next((one for one in module.FORMATS if one in probe.FILES), None)
    if format is None:
        raise StepFailed(f"there is no model to try it with: edge-opt has none in the format '{module.FORMATS[0]}'")
    answer, found = _predicted(device, Entry(path=probe.path(format), runtime=runtime), np.array(probe.INPUT))
    if not np.array_equal(found, np.array(probe.ANSWER, np.float32)):
        raise StepFailed(f"it answers {found.tolist()} where {[list(one) for one in probe.ANSWER]} is right")
    return str(answer["runtime_version"])


def answers(runtime: str, device: registry.Device) -> Answered:
    """What ``runtime`` answers on ``device`` to the networks of its format. Raises what the device raises."""
    version, outputs = "", {}
    for precision, path in parity.FILES[registry.load("runtimes", runtime).FORMATS[0]].items():
        answer, outputs[precision] = _predicted(device, Entry(path=path, runtime=runtime), parity.samples())
        version = str(answer["runtime_version"])
    return Answered(version=version, outputs=outputs)


def _predicted(
    device: registry.Device, entry: Entry, inputs: registry.Array
) -> tuple[Mapping[str, Any], registry.Array]:
    """The device's answer, and the outputs."""
    with tempfile.TemporaryDirectory(prefix="edge-opt-") as name:
        folder = Path(name)
        np.save(folder / "inputs.npy", inputs.astype(np.float32))
        answer = device.run(
            {
                "protocol": 1,
                "mode": "predict",
                "artifacts": [entry.job()],
                "threads": 1,
                "inputs": str(folder / "inputs.npy"),
                "outputs": str(folder / "outputs.npy"),
            }
        )
        return answer, np.load(answer["outputs"])
