"""What the single steps say to files that they were not meant for, and what they leave alone."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

from edge_opt.errors import InputError, StepFailed
from edge_opt.flows import api, convert
from edge_opt.flows.gate.subject import given_at
from edge_opt.inputs import recipes, targets
from edge_opt.nets.artifact_files import files_of, size_of
from edge_opt.store import measure, measure_files
from edge_opt.types import Candidate
from tests.fixtures import external, tiny


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


# ── weights in files of their own ──────────────────────────────────────────────────────────────────────────────────


def copied(path: Path, folder: Path) -> Path:
    """A copy of the artifact, its files under the names that it has in a run."""
    for name, file in files_of(path).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, folder / name)
    return folder / f"model{path.suffix}"


@pytest.mark.parametrize("location", ["new.onnx.data", "weights/all.bin", "zz"])
def test_a_copy_of_all_files_of_an_artifact_runs_and_has_its_hash(tmp_path: Path, location: str) -> None:
    runtime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed: pip install 'edge-opt[onnx]'")
    path = external.written(tmp_path / "new.onnx", location)
    copy = copied(path, tmp_path / "copy")
    session = runtime.InferenceSession(str(copy), providers=["CPUExecutionProvider"])
    (given,) = session.get_inputs()
    found = session.run(None, {given.name: tiny.pictures(1)})[0]
    np.testing.assert_allclose(found, tiny.answers(tiny.pictures(1)), atol=1e-5)
    assert measure_files(files_of(path)) == measure(copy.parent)


def test_external_data_count_as_part_of_the_artifact_without_the_package_onnx(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = external.written(tmp_path / "new.onnx", "new.onnx.data")
    data = tmp_path / "new.onnx.data"
    monkeypatch.setitem(sys.modules, "onnx", None)
    assert files_of(path) == {"model.onnx": path, "new.onnx.data": data}
    assert size_of(path) == path.stat().st_size + data.stat().st_size
    before = measure_files(given_at(path, targets.load("host")).files)
    data.write_bytes(data.read_bytes() + bytes(1_000))
    after = measure_files(given_at(path, targets.load("host")).files)
    assert after[0] != before[0]
    assert after[1] == before[1] + 1_000


def test_an_onnx_model_in_one_file_and_what_is_no_model_are_that_file(tmp_path: Path) -> None:
    (tmp_path / "none.onnx").write_bytes(b"no model at all")
    for path in (tiny.FILES["onnx"], tmp_path / "none.onnx"):
        assert files_of(path) == {"model.onnx": path}
        assert size_of(path) == path.stat().st_size


@pytest.mark.parametrize("location", ["../secret", "/etc/passwd", "C:\\secret", "link", ""])
def test_weights_elsewhere_are_refused(tmp_path: Path, location: str) -> None:
    (tmp_path / "inner").mkdir()
    (tmp_path / "secret").write_bytes(b"x")
    (tmp_path / "inner" / "link").symlink_to(tmp_path / "secret")
    path = external.moved(external.written(tmp_path / "inner" / "new.onnx", "data"), location)
    for ask in (files_of, size_of):
        with pytest.raises(InputError, match=r"'new\.onnx' wants to read its weights from") as caught:
            ask(path)
        assert caught.value.hint


def test_weights_that_are_missing_are_named(tmp_path: Path) -> None:
    path = external.written(tmp_path / "new.onnx", "new.onnx.data")
    (tmp_path / "new.onnx.data").unlink()
    with pytest.raises(InputError, match=r"'new\.onnx' are in 'new\.onnx\.data', which is not there"):
        files_of(path)


def test_weights_called_like_the_graph_of_a_copy_are_refused(tmp_path: Path) -> None:
    path = external.written(tmp_path / "new.onnx", "model.onnx")
    with pytest.raises(InputError, match=r"has its weights in 'model\.onnx'"):
        files_of(path)
    assert size_of(path) == path.stat().st_size + (tmp_path / "model.onnx").stat().st_size


def test_a_link_to_a_model_may_have_its_weights_where_it_leads(tmp_path: Path) -> None:
    # as ONNX Runtime allows it, for caches that keep files under their hash
    (tmp_path / "blobs").mkdir()
    (tmp_path / "snapshot").mkdir()
    external.written(tmp_path / "blobs" / "a", "b")
    for name, file in (("new.onnx", "a"), ("b", "b")):
        (tmp_path / "snapshot" / name).symlink_to(Path("../blobs") / file)
    assert set(files_of(tmp_path / "snapshot" / "new.onnx")) == {"model.onnx", "b"}
