"""An installation with only ``edge-opt[litert]``: what a deployment machine needs, and how much that weighs."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.fixtures import tiny
from tests.fixtures.bundles import a_bundle

pytestmark = pytest.mark.slow

CHECKOUT = Path(__file__).resolve().parents[2]
LIMIT_BYTES = 150_000_000
HEAVY = ("tensorflow", "keras", "onnx", "onnxruntime", "openvino", "PIL", "matplotlib", "scipy", "ai_edge_quantizer")


@pytest.fixture(scope="module")
def light(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an environment with the wheel of this checkout and what the extra ``litert`` brings."""
    folder = tmp_path_factory.mktemp("light")
    uv = [shutil.which("uv")] if shutil.which("uv") else [sys.executable, "-m", "uv"]
    variables = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}

    def call(*arguments: str) -> None:
        done = subprocess.run(
            [*map(str, uv), "--quiet", *arguments],
            env=variables,
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            pytest.skip(f"this needs uv and a package index that can be reached: {done.stderr.strip()[-300:]}")

    built = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=CHECKOUT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert built.returncode == 0, built.stderr
    (wheel,) = folder.glob("*.whl")
    call("venv", "--python", sys.executable, str(folder / "env"))
    call("pip", "install", "--python", str(folder / "env/bin/python"), f"edge-opt[litert] @ {wheel.as_uri()}")
    return folder / "env"


def run(light: Path, *arguments: str, codes: tuple[int, ...] = (0,)) -> str:
    """What ``edge-opt`` of the light environment prints, of the installed package and not of this checkout."""
    variables = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    variables["PYTHONDONTWRITEBYTECODE"] = "1"
    done = subprocess.run(
        [str(light / "bin/edge-opt"), *arguments],
        env=variables, cwd=light.parent, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode in codes, done.stderr
    return done.stdout


def test_it_weighs_less_than_150_mb_bytecode_and_the_embedded_data_not_counted(light: Path) -> None:
    (packages,) = light.glob("lib/python*/site-packages")
    data = packages / "edge_opt/share/calibration_data"
    assert data.is_dir()
    counted = {
        path: path.stat().st_size
        for path in packages.rglob("*")
        if path.is_file() and path.suffix != ".pyc" and data not in path.parents
    }
    assert (packages / "ai_edge_litert").is_dir()
    heaviest = sorted(counted, key=lambda path: -counted[path])[:5]
    assert sum(counted.values()) < LIMIT_BYTES, [(path.name, counted[path]) for path in heaviest]


def test_nothing_heavy_came_along(light: Path) -> None:
    (packages,) = light.glob("lib/python*/site-packages")
    assert not [name for name in HEAVY if (packages / name).exists()]


def test_it_measures_a_model(light: Path) -> None:
    (row,) = json.loads(run(light, "bench", str(tiny.FILES["tflite"]), "--rounds", "2", "--format", "json"))
    assert row["measured"]["runtime"] == "litert"
    assert row["measured"]["median_ns"] > 0


def test_it_evaluates_arrays_without_pillow(light: Path, tmp_path: Path) -> None:
    inputs = tiny.pictures(40)
    pixels = np.rint(inputs[..., 0] * 255).astype(np.uint8)
    labels = tiny.answers((pixels[..., None] / 255).astype(np.float32)).argmax(axis=1)
    labels[:10] = (labels[:10] + 1) % 3  # so that not all are right
    np.savez(tmp_path / "data.npz", x_test=pixels, y_test=labels)
    (tmp_path / "data.preprocessing.toml").write_text(
        f'color = "gray"\nheight = 8\nwidth = 8\nscale = {1 / 255!r}\noffset = 0.0\n'
    )
    found = json.loads(
        run(light, "evaluate", str(tiny.FILES["tflite"]), "-d", str(tmp_path / "data.npz"), "--format", "json")
    )
    assert found[0]["accuracy"]["value"] == pytest.approx(0.75)


def test_it_verifies_a_bundle(light: Path, tmp_path: Path) -> None:
    bundle = a_bundle(tmp_path)
    found = json.loads(run(light, "verify", str(bundle), "--rounds", "2", "--format", "json", codes=(0, 1, 3)))
    kept = {check["name"] for check in found["checks"] if check["status"] == "kept"}
    assert {"files", "answers"} <= kept
    assert found["measured"]["rounds"]


def test_it_inspects_a_model(light: Path) -> None:
    assert "CONV_2D" in run(light, "inspect", str(tiny.FILES["tflite"]))


def test_its_doctor_says_what_is_missing_and_finds_nothing_broken(light: Path) -> None:
    found = json.loads(run(light, "doctor", "--format", "json"))
    status = {part["package"]: part["status"] for part in found["parts"]}
    assert status["ai-edge-litert"] == "works"
    assert status["tensorflow"] == status["onnxruntime"] == status["pillow"] == "missing"
