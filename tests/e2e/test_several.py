"""Two numbers of threads in one call, from the command line, with conversions shared and one of them resumed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from edge_opt.inputs.embedded import DEMO_DATA, DEMO_MODEL, shared_path

pytestmark = pytest.mark.slow
TARGET = 'description = "tflite only"\ndevice = "local"\nformats = ["tflite"]\nruntimes = ["litert"]\nthreads = [1]\n'


def test_two_numbers_of_threads_share_their_artifacts_and_are_printed_side_by_side(tmp_path: Path) -> None:
    (tmp_path / "small.toml").write_text(TARGET)
    command = [sys.executable, "-m", "edge_opt", "optimize", str(shared_path(DEMO_MODEL)), "-d",
               str(shared_path(DEMO_DATA)), "-t", str(tmp_path / "small.toml"), "--threads", "1,2", "-r", "float32",
               "--rounds", "1", "--no-diagnosis", "--format", "json", "-o", str(tmp_path / "runs")]  # fmt: skip
    environment = {**os.environ, "EDGE_OPT_CACHE": str(tmp_path / "cache")}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr
    rows = json.loads(done.stdout)["rows"]
    assert [(row["run"], row["threads"]) for row in rows] == [("small-threads1", 1), ("small-threads2", 2)]
    assert rows[0]["sha256"] == rows[1]["sha256"]
    assert (tmp_path / "runs" / "compare.json").read_text() == done.stdout
    assert len(list((tmp_path / "cache").iterdir())) == 1

    shutil.rmtree(tmp_path / "runs" / "small-threads2")
    again = subprocess.run([*command, "--resume"], capture_output=True, text=True, check=False, env=environment)
    assert again.returncode == 0, again.stderr
    assert [row["sha256"] for row in json.loads(again.stdout)["rows"]] == [row["sha256"] for row in rows]
