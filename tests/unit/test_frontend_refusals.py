"""What is no model, or carries code, is refused in one sentence before anything of it runs: no framework is loaded."""

from __future__ import annotations

import base64
import json
import marshal
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import h5py
import pytest

from edge_opt.errors import ModelError
from edge_opt.frontends.keras import frontend as keras
from edge_opt.frontends.saved_model import frontend as saved_model

LAMBDA = {"class_name": "Lambda", "config": {"name": "twice", "function": ["4wEAAAA=", None, None]}}


def functional(*layers: Any) -> dict[str, Any]:
    return {"module": "keras", "class_name": "Functional", "config": {"name": "net", "layers": list(layers)}}


def keras_file(path: Path, config: Any, version: str = "3.15.1") -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", json.dumps(config))
        archive.writestr("metadata.json", json.dumps({"keras_version": version}))
    return path


def h5_file(path: Path, config: Any) -> Path:
    with h5py.File(path, "w") as file:
        file.attrs["keras_version"] = "2.12.0"
        if config is not None:
            file.attrs["model_config"] = json.dumps(config)
    return path


def refused(path: Path, tmp_path: Path, allow_code: bool = False) -> ModelError:
    frontend = saved_model if saved_model.accepts(path) else keras
    with pytest.raises(ModelError) as caught:
        frontend.prepare(path, tmp_path / "out", allow_code)
    assert not (tmp_path / "out").exists()
    assert "\n" not in caught.value.message
    assert caught.value.hint
    return caught.value


@pytest.mark.parametrize("name", ["model.keras", "model.h5", "model.HDF5", "model.pkl", "model.pth"])
def test_the_keras_frontend_goes_by_the_name(tmp_path: Path, name: str) -> None:
    assert keras.accepts(tmp_path / name)
    assert not saved_model.accepts(tmp_path / name)


def test_a_folder_is_the_saved_model_frontends_even_where_it_ends_in_keras(tmp_path: Path) -> None:
    folder = tmp_path / "model.keras"
    folder.mkdir()
    assert saved_model.accepts(folder)
    assert not keras.accepts(folder)


def test_a_text_file_is_no_model(tmp_path: Path) -> None:
    path = tmp_path / "notes.keras"
    path.write_text("these are my notes")
    assert "'notes.keras' is not a Keras model" in refused(path, tmp_path).message


def test_an_empty_file_is_no_model(tmp_path: Path) -> None:
    path = tmp_path / "model.h5"
    path.touch()
    assert refused(path, tmp_path).message == "'model.h5' is empty"


def test_a_pointer_of_git_lfs_says_how_to_fetch_the_model(tmp_path: Path) -> None:
    path = tmp_path / "model.keras"
    path.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n")
    assert "git lfs pull" in refused(path, tmp_path).hint


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    assert "there is no file" in refused(tmp_path / "gone.keras", tmp_path).message


@pytest.mark.parametrize("keep", [30, 200])
def test_a_truncated_archive_is_damaged(tmp_path: Path, keep: int) -> None:
    path = keras_file(tmp_path / "model.keras", functional())
    path.write_bytes(path.read_bytes()[:keep])
    assert "'model.keras' is damaged" in refused(path, tmp_path).message


def test_a_truncated_h5_is_damaged(tmp_path: Path) -> None:
    path = h5_file(tmp_path / "model.h5", functional())
    path.write_bytes(path.read_bytes()[:100])
    assert "'model.h5' is damaged" in refused(path, tmp_path).message


def test_any_other_zip_archive_is_no_model(tmp_path: Path) -> None:
    path = tmp_path / "model.keras"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("readme.txt", "hello")
    assert "no config.json" in refused(path, tmp_path).message


def test_a_configuration_that_is_no_object_is_damaged(tmp_path: Path) -> None:
    assert "damaged" in refused(keras_file(tmp_path / "model.keras", [1, 2]), tmp_path).message


def test_weights_without_an_architecture_are_no_model(tmp_path: Path) -> None:
    error = refused(h5_file(tmp_path / "model.weights.h5", None), tmp_path)
    assert "holds weights only" in error.message
    assert "model.save" in error.hint


@pytest.mark.parametrize("suffix", [".pkl", ".pickle", ".joblib", ".pt", ".pth"])
@pytest.mark.parametrize("allow_code", [False, True])
def test_a_pickle_is_refused_whatever_is_allowed(tmp_path: Path, suffix: str, allow_code: bool) -> None:
    path = tmp_path / f"model{suffix}"
    path.write_bytes(b"\x80\x04.")
    leads_to = "torch.onnx.export" if suffix in {".pt", ".pth"} else "model.save"
    assert leads_to in refused(path, tmp_path, allow_code).hint


def test_an_empty_folder_is_no_model(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    assert "is an empty folder" in refused(folder, tmp_path).message


def test_a_folder_that_holds_a_keras_file_points_to_it(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    keras_file(folder / "net.keras", functional())
    assert "net.keras" in refused(folder, tmp_path).hint


# ── code ───────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("make", [keras_file, h5_file])
@pytest.mark.parametrize("nested", [False, True])
def test_a_lambda_is_refused_with_the_way_to_allow_it(tmp_path: Path, make: Any, nested: bool) -> None:
    layer = {"class_name": "TimeDistributed", "config": {"name": "each", "layer": LAMBDA}} if nested else LAMBDA
    suffix = "h5" if make is h5_file else "keras"
    error = refused(make(tmp_path / f"model.{suffix}", functional(functional(layer))), tmp_path)
    assert "carries code: the layer 'twice' is a Lambda" in error.message
    assert "--allow-code" in error.hint


def test_nothing_of_a_refused_model_runs(tmp_path: Path) -> None:
    marker = tmp_path / "it_ran"
    code = compile(f"open({str(marker)!r}, 'w')", "lambda", "eval")
    function = [base64.b64encode(marshal.dumps(code)).decode(), None, None]
    layer = {"class_name": "Lambda", "config": {"name": "evil", "function": function, "function_type": "lambda"}}
    refused(h5_file(tmp_path / "model.h5", functional(layer)), tmp_path)
    with pytest.raises(ModelError):
        keras.predict(tmp_path / "model.h5", None, False)  # type: ignore[arg-type]
    assert not marker.exists()


@pytest.mark.parametrize(
    "suspect",
    [
        {"module": "my_layers", "class_name": "Swirl", "config": {}, "registered_name": "Swirl"},
        {"module": None, "class_name": "Swirl", "config": {}, "registered_name": "Custom>Swirl"},
        {"class_name": "Addons>Swirl", "config": {}},
        {"module": "keras.layers", "class_name": "TorchModuleWrapper", "config": {}},
        {"module": "keras.layers", "class_name": "TFSMLayer", "config": {"filepath": "elsewhere"}},
        {"module": "keras", "class_name": "layers.Lambda", "config": {}},
        {"module": "keras", "class_name": "utils.get_file", "config": {}},
        {"module": "keras.utils", "class_name": "function", "config": "get_file"},
        {"module": "keras", "class_name": "function", "config": "utils.get_file"},
        {"module": "builtins", "class_name": "function", "config": "eval"},
        {"module": "builtins", "class_name": "exec", "config": {}},
        {"module": "os", "class_name": "function", "config": "system"},
        {"class_name": "TFOpLambda", "config": {"name": "tf.load_op_library", "function": "load_op_library"}},
        {"class_name": "TFOpLambda", "config": {"name": "w", "function": "io.write_file"}},
        {"class_name": "__lambda__", "config": {"value": "4wEAAAA="}},
    ],
    ids=lambda suspect: f"{suspect.get('module')}-{suspect['class_name']}",
)
def test_whatever_is_not_kerases_own_is_refused(tmp_path: Path, suspect: dict[str, Any]) -> None:
    config = functional({"module": "keras.layers", "class_name": "Dense", "config": {"activation": suspect}})
    error = refused(keras_file(tmp_path / "model.keras", config), tmp_path)
    assert "carries code" in error.message
    assert "--allow-code" in error.hint


def test_no_framework_was_needed_to_refuse(tmp_path: Path) -> None:
    program = f"""
import sys
from pathlib import Path
from edge_opt.errors import ModelError
from edge_opt.frontends.keras import frontend
try:
    frontend.prepare(Path({str(keras_file(tmp_path / "model.keras", functional(LAMBDA)))!r}), Path("out"), False)
except ModelError:
    print(sorted({{"tensorflow", "keras", "tf_keras"}} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
