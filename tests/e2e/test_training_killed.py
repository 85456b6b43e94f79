"""kill -9 in the middle of a training: the next one goes on from the checkpoint and ends with the same weights."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_opt.nets.train.keeping import kept

pytestmark = pytest.mark.slow
EPOCHS, STEPS = 8, 30

TRAINING = f"""
import sys
from pathlib import Path
import numpy as np
from edge_opt.nets import train
from edge_opt.nets.frameworks import keras
from edge_opt.types import Lesson
folder, out = Path(sys.argv[1]), Path(sys.argv[2])
k = keras()
k.utils.set_random_seed(3)

def network():
    layers = k.layers
    return k.Sequential([
        k.Input((16, 16, 1)), layers.Conv2D(8, 3, use_bias=False), layers.BatchNormalization(), layers.ReLU(),
        layers.Flatten(), layers.Dropout(0.2), layers.Dense(4, activation="softmax"),
    ])

teacher, student = network(), network()
given = Lesson(
    inputs=folder / "inputs.npy", labels=folder / "labels.npy",
    selection=folder / "selection.npy", selection_labels=folder / "selection-labels.npy",
    picture=(1, 2) if "picture" in sys.argv else None,
)
if "slowly" in sys.argv:  # so that there is something to kill inside an epoch
    import time
    from edge_opt.nets.train import fitting, steps
    fitting._CHECKPOINT_S = 0.2
    run = steps.Stepper.__call__
    def slowly(self, *given):
        time.sleep(0.02)
        return run(self, *given)
    steps.Stepper.__call__ = slowly
student, how = train.fit(
    student, teacher, given, train.Schedule(epochs={EPOCHS}, batch=32, patience=100), seed=4,
    checkpoints=out / "checkpoints", progress=out / "progress.json", what="slim50",
)
np.savez(out / "weights.npz", *student.get_weights())
print(how.steps, how.best_epoch, how.accuracy)
"""


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("samples")
    rng = np.random.default_rng(0)
    shapes = rng.random((4, 16, 16, 1))
    for name, size in (("inputs", 32 * STEPS), ("selection", 300)):
        labels = rng.integers(0, 4, size)
        np.save(folder / f"{name}.npy", (shapes[labels] + rng.normal(0, 1.2, (size, 16, 16, 1))).astype(np.float32))
        np.save(folder / f"{'labels' if name == 'inputs' else 'selection-labels'}.npy", labels)
    return folder


def begin(samples: Path, out: Path, *words: str) -> subprocess.Popen[str]:
    out.mkdir(exist_ok=True)
    command = [sys.executable, "-c", TRAINING, str(samples), str(out), *words]
    return subprocess.Popen(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def finished(process: subprocess.Popen[str]) -> str:
    said, wrong = process.communicate(timeout=300)
    assert process.returncode == 0, wrong
    return said


def checkpoint(out: Path) -> Path | None:
    return next(iter((out / "checkpoints").glob("*.npz")), None)


def taken(out: Path) -> int:
    """The steps that the checkpoint knows of."""
    path = checkpoint(out)
    state = kept(path) if path else None
    return state.way.done if state else 0


def killed_after(steps: int, samples: Path, out: Path, *words: str) -> int:
    process, end = begin(samples, out, "slowly", *words), time.monotonic() + 200
    while taken(out) < steps:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end, f"no {steps} steps within 200 s"
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=30)
    assert process.returncode == -signal.SIGKILL
    return taken(out)


def weights(out: Path) -> list[Any]:
    with np.load(out / "weights.npz") as arrays:
        return [arrays[name] for name in arrays.files]


@pytest.mark.parametrize("kind", ["picture", "array"])
def test_a_training_that_was_killed_ends_where_it_would_have_ended(samples: Path, tmp_path: Path, kind: str) -> None:
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    expected = finished(begin(samples, whole, kind))
    first = killed_after(STEPS + 1, samples, broken, kind)
    second = killed_after(first + STEPS, samples, broken, kind)
    assert STEPS < first < second < EPOCHS * STEPS
    # the teacher's answers are kept where the samples never change
    sizes = [path.stat().st_size for path in (broken / "checkpoints").iterdir() if path.suffix == ".answers"]
    assert sizes == ([] if kind == "picture" else [32 * STEPS * 4 * 4])

    assert finished(begin(samples, broken, kind)) == expected
    for one, other in zip(weights(whole), weights(broken), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)
    assert json.loads((broken / "progress.json").read_text(encoding="utf-8"))["done"] == EPOCHS


def test_a_checkpoint_that_a_power_cut_spoiled_is_begun_anew(samples: Path, tmp_path: Path) -> None:
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    expected = finished(begin(samples, whole))
    killed_after(STEPS, samples, broken)
    path = checkpoint(broken)
    assert path is not None
    os.truncate(path, path.stat().st_size // 2)
    assert finished(begin(samples, broken)) == expected
    for one, other in zip(weights(whole), weights(broken), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)
