"""What the single steps say to files that they were not meant for, and what they leave alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edge_opt.errors import InputError, StepFailed
from edge_opt.flows import api, convert
from edge_opt.inputs import recipes
from edge_opt.types import Candidate


@pytest.mark.parametrize("name", ["my model.keras", "model.h5", "folder"])
def test_a_model_given_as_an_artifact_is_led_to_convert(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.touch() if path.suffix else path.mkdir()
    with pytest.raises(InputError) as caught:
        api.bench([path])
    assert "edge-opt convert" in caught.value.hint
    assert name in caught.value.hint


@pytest.mark.slow
def test_a_broken_artifact_is_named_when_it_is_evaluated(tmp_path: Path) -> None:
    (tmp_path / "broken.tflite").write_bytes(b"no flatbuffer at all")
    np.savez(tmp_path / "data.npz", x=np.zeros((30, 8, 8, 1), np.uint8), y=np.arange(30) % 3)
    with pytest.raises(StepFailed, match=r"broken\.tflite' cannot be evaluated: could not be loaded") as caught:
        api.evaluate([tmp_path / "broken.tflite"], tmp_path / "data.npz")
    assert caught.value.hint


@pytest.mark.parametrize(("format", "name"), [("tflite", "m.float32.tflite"), ("openvino", "m.float32.bin")])
def test_convert_writes_over_no_file_unasked(tmp_path: Path, format: str, name: str) -> None:
    one = Candidate(recipe=recipes.load("float32"), format=format, variant="", runtime="litert")
    convert._check_free([one], tmp_path, Path("m.keras"))
    (tmp_path / name).touch()
    with pytest.raises(InputError, match=r"m\.float32\.\w+' is already there") as caught:
        convert._check_free([one], tmp_path, Path("m.keras"))
    assert "--overwrite" in caught.value.hint


def test_the_run_folder_is_named_after_the_model_wherever_optimize_is_called_from() -> None:
    assert api.run_folder("models/net.keras") == Path("runs/net")
    assert api.run_folder(Path("net.keras"), None) == Path("runs/net")
    assert api.run_folder("net.keras", "here") == Path("here")
