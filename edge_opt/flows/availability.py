"""Whether a runtime works here: by the smallest model there is, since an import proves nothing."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

from edge_opt import registry
from edge_opt.errors import StepFailed
from edge_opt.inputs import probe
from edge_opt.types import Entry


def prove(runtime: str, device: registry.Device) -> str:
    """The package and version of ``runtime``, which has just run the smallest model on ``device`` and was right.

    Raises MissingPackage where it is not installed, StepFailed where it does not work.
    """
    module = registry.load("runtimes", runtime)
    format = next((one for one in module.FORMATS if one in probe.FILES), None)
    if format is None:
        raise StepFailed(f"there is no model to try it with: edge-opt has none in the format '{module.FORMATS[0]}'")
    with tempfile.TemporaryDirectory(prefix="edge-opt-") as name:
        folder = Path(name)
        np.save(folder / "inputs.npy", np.array(probe.INPUT, np.float32))
        answer = device.run(
            {
                "protocol": 1,
                "mode": "predict",
                "artifacts": [Entry(path=probe.path(format), runtime=runtime).job()],
                "threads": 1,
                "inputs": str(folder / "inputs.npy"),
                "outputs": str(folder / "outputs.npy"),
            }
        )
        found = np.load(answer["outputs"])
    if not np.array_equal(found, np.array(probe.ANSWER, np.float32)):
        raise StepFailed(f"it answers {found.tolist()} where {[list(one) for one in probe.ANSWER]} is right")
    return str(answer["runtime_version"])
