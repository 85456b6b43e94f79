"""Does the memory of an evaluation grow with the number of pictures? The peak of ``edge-opt evaluate`` and its workers.

A MobileNetV2 0.35 of 224 x 224 (weights random, float32, TFLite) is evaluated on folders of JPEG pictures. The
figure is the largest sum of the resident memory of the process and all its descendants, looked at every 20 ms; it must
differ by less than 10 % between 2,000 and 20,000 pictures. Beside it stand the largest sum while a worker ran, the
largest of the process alone, and the largest size of the temporary folder.

::

    python benchmarks/evaluation_memory.py --pictures 2000 20000
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

RESULT = Path(__file__).parent / "results" / "evaluation_memory.json"
LIMIT = 1.10
SIDE, CLASSES = 224, 10
EVERY_S = 0.02


def model(path: Path) -> Path:
    """The float32 ``.tflite`` at ``path``, made by processes of their own."""
    if not path.exists():
        script = (
            "import keras, sys\n"
            f"model = keras.applications.MobileNetV2((224, 224, 3), alpha=0.35, weights=None, classes={CLASSES})\n"
            "model.save(sys.argv[1])\n"
        )
        keras_file = path.with_name("mobilenet.keras")
        subprocess.run([sys.executable, "-c", script, str(keras_file)], check=True)
        command = [
            sys.executable,
            "-m",
            "edge_opt",
            "convert",
            str(keras_file),
            "--to",
            "tflite",
            "-o",
            str(path.parent),
        ]
        subprocess.run(command, check=True)
        next(path.parent.glob("mobilenet*.tflite")).rename(path)
    return path


def pictures(folder: Path, count: int) -> Path:
    """A data set of ``count`` different JPEG pictures in ``folder``, with a contract; those that exist stay."""
    from PIL import Image

    rng = np.random.default_rng(count)
    for number in range(CLASSES):
        (folder / f"class{number}").mkdir(parents=True, exist_ok=True)
    for i in range(count):
        path = folder / f"class{i % CLASSES}" / f"{i}.jpg"
        if not path.exists():
            rough = rng.integers(0, 256, (7, 7, 3), dtype=np.uint8)
            Image.fromarray(rough).resize((256, 256), Image.Resampling.BILINEAR).save(path, quality=80)
    (folder / "preprocessing.toml").write_text(
        f'color = "rgb"\nheight = {SIDE}\nwidth = {SIDE}\nscale = [{1 / 127.5}]\noffset = [-1.0]\n'
    )
    return folder


def evaluated(artifact: Path, data: Path, scratch: Path) -> dict[str, Any]:
    """The peaks of one evaluation, in bytes, and how long it took."""
    command = [sys.executable, "-m", "edge_opt", "evaluate", str(artifact), "-d", str(data), "--format", "json", "-q"]
    started = time.monotonic()
    most, together, disk, own = 0, 0, 0, 0
    # a file, as an answer of 20,000 scores is more than a pipe holds
    with tempfile.TemporaryFile() as answer, tempfile.TemporaryDirectory(dir=scratch) as temporary:
        environment = {**os.environ, "TMPDIR": temporary}
        process = subprocess.Popen(command, stdout=answer, env=environment)
        looks = 0
        while process.poll() is None:
            tree = list(_tree(process.pid))
            resident = sum(map(_resident_bytes, tree))
            most = max(most, resident)
            together = max(together, resident if len(tree) > 1 else 0)
            own = max(own, _resident_bytes(process.pid))
            if looks % 50 == 0:
                disk = max(disk, _size_bytes(Path(temporary)))
            looks += 1
            time.sleep(EVERY_S)
        answer.seek(0)
        (row,) = json.loads(answer.read())
    return {
        "pictures": len(row["accuracy"]["scores"]),
        "peak_tree_bytes": most,
        "peak_with_workers_bytes": together,
        "peak_parent_bytes": own,
        "peak_scratch_bytes": disk,
        "seconds": round(time.monotonic() - started, 1),
    }


def _tree(root: int) -> Iterator[int]:
    """``root`` and all its descendants; one that ends meanwhile is left out."""
    yield root
    with contextlib.suppress(OSError):
        for task in os.listdir(f"/proc/{root}/task"):
            with contextlib.suppress(OSError):
                for child in Path(f"/proc/{root}/task/{task}/children").read_text().split():
                    yield from _tree(int(child))


def _resident_bytes(process: int) -> int:
    try:
        return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError):
        return 0


def _size_bytes(folder: Path) -> int:
    total = 0
    for where, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(OSError):  # it has gone meanwhile
                total += os.stat(os.path.join(where, name)).st_size
    return total


def main() -> int:
    """Write the result; 1 where the memory grows by more than the limit."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, nargs="+", default=[2000, 20000])
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "evaluation_memory")
    parser.add_argument("--output", type=Path, default=RESULT)
    arguments = parser.parse_args()
    arguments.work.mkdir(parents=True, exist_ok=True)
    artifact = model(arguments.work / "mobilenet.tflite")
    from edge_opt.runtimes.environment import environment

    found: list[dict[str, Any]] = []
    for count in arguments.pictures:
        row = evaluated(artifact, pictures(arguments.work / f"pictures-{count}", count), arguments.work)
        print(json.dumps(row), file=sys.stderr, flush=True)
        found.append(row)
    peaks = [row["peak_tree_bytes"] for row in found]
    ratio = max(peaks) / min(peaks)
    result = {
        "command": "python benchmarks/evaluation_memory.py --pictures " + " ".join(map(str, arguments.pictures)),
        "environment": environment(),
        "runs": found,
        "ratio": ratio,
        "limit": LIMIT,
    }
    arguments.output.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(f"the largest peak is {ratio:.3f} times the smallest; the limit is {LIMIT}")
    return 0 if ratio < LIMIT else 1


if __name__ == "__main__":
    sys.exit(main())
