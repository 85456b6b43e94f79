"""`edge-opt optimize --effort quick` on MobileNetV2 at 224x224: how long it takes, and its peak of memory.

The weights are random, so the labels are the model's own answers: top1 is then agreement, and the times are what
counts.

    nice python benchmarks/mobilenet_quick.py      # writes results/mobilenet_quick.json; about 10 minutes on 2 cores
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np

RESULT = Path(__file__).parent / "results" / "mobilenet_quick.json"
SIDE, CLASSES = 224, 10
COUNTS = {"train": 100, "val": 300, "test": 400}
LIMIT_S, LIMIT_BYTES = 600, 5 * 10**9
_MAKE = """
import sys, numpy as np, keras
keras.utils.set_random_seed(0)
folder = sys.argv[1]
net = keras.applications.MobileNetV2(input_shape=(224, 224, 3), weights=None, classes=10, classifier_activation=None)
arrays = dict(np.load(f"{folder}/pictures.npz"))
# answers of random weights hardly depend on the picture: centred, each class is some picture's answer
probe = net.predict(arrays["x_train"] / np.float32(127.5) - 1, verbose=0)
mean, spread = probe.mean(axis=0), probe.std(axis=0)
centred = keras.Model(net.input, keras.layers.Rescaling(1 / spread, -mean / spread)(net.output))
for split in ("train", "val", "test"):
    answers = centred.predict(arrays[f"x_{split}"] / np.float32(127.5) - 1, verbose=0)
    arrays[f"y_{split}"] = answers.argmax(axis=1)
np.savez(f"{folder}/data.npz", **arrays)
centred.save(f"{folder}/mobilenet_v2.keras")
"""


def pictures(folder: Path) -> None:
    """Smooth random colours, and stripes of random width and direction over them: no two pictures are alike."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[0:SIDE, 0:SIDE] / SIDE
    arrays: dict[str, Any] = {}
    for split, count in COUNTS.items():
        taken = np.empty((count, SIDE, SIDE, 3), np.uint8)
        for place in range(count):
            coarse = rng.random((8, 8, 3)).repeat(SIDE // 8, axis=0).repeat(SIDE // 8, axis=1)
            angle, width = rng.random() * np.pi, rng.integers(2, 40)
            stripes = np.sin((np.cos(angle) * x + np.sin(angle) * y) * width * 2 * np.pi)[..., None]
            taken[place] = np.clip(128 * coarse + 60 * stripes * rng.random(3) + 60, 0, 255)
        arrays[f"x_{split}"] = taken
    np.savez(folder / "pictures.npz", **arrays)


def resident_bytes(root: int) -> int:
    """The proportional memory of a process and of all that it started, in bytes."""
    children: dict[int, list[int]] = {}
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        children.setdefault(int(fields[1]), []).append(int(status.parent.name))
    total, waiting = 0, [root]
    while waiting:
        process = waiting.pop()
        waiting.extend(children.get(process, []))
        try:
            lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
        except OSError:
            continue
        total += sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))
    return total


def watched(command: list[str]) -> tuple[int, float, int]:
    """Exit code, seconds and peak bytes of ``command``; every tenth of a second is looked at."""
    began, peak = time.monotonic(), 0
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    ended = threading.Event()

    def look() -> None:
        nonlocal peak
        while not ended.wait(0.1):
            peak = max(peak, resident_bytes(process.pid))

    looking = threading.Thread(target=look)
    looking.start()
    code = process.wait()
    ended.set()
    looking.join()
    return code, time.monotonic() - began, peak


def main() -> None:
    """Make the model and the data, optimize once, and write what it took."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        pictures(folder)
        subprocess.run([sys.executable, "-c", _MAKE, name], check=True)
        contract = 'color = "rgb"\nheight = 224\nwidth = 224\nscale = 0.00784313725490196\noffset = -1.0\n'
        (folder / "data.preprocessing.toml").write_text(contract)
        run = folder / "run"
        command = [sys.executable, "-m", "edge_opt", "optimize", str(folder / "mobilenet_v2.keras"), "--no-cache"]
        command += ["-d", str(folder / "data.npz"), "-o", str(run), "--effort", "quick"]
        code, seconds, peak = watched(command)
        report = json.loads((run / "report.json").read_text())
        trials = {
            one["id"]: {
                "median_ms": round(one["measured"]["median_ns"] / 1e6, 2),
                "size_bytes": one["artifact"]["size_bytes"],
                "drop": one["verdict"]["drop"]["estimate"],
                "verdict": one["verdict"]["status"],
            }
            for one in report["trials"]
        }
        found = {
            "exit_code": code,
            "seconds": round(seconds),
            "limit_seconds": LIMIT_S,
            "peak_bytes": peak,
            "limit_bytes": LIMIT_BYTES,
            "load_average": max(
                one["measured"]["environment"]["load_average"]
                for one in report["trials"]
                if "rounds" in one["measured"]
            ),
            "machine": report["trials"][0]["measured"]["environment"]["cpu"],
            "pictures": COUNTS,
            "best": report["best"],
            "trials": trials,
            "failures": [one["id"] for one in report["failures"]],
            "versions": report["versions"],
        }
        RESULT.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
        print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
