"""Archives, HDF5 files and folders made to harm: refused in a sentence before anything of them is unpacked."""

from __future__ import annotations

import io
import json
import os
import tracemalloc
import zipfile
from pathlib import Path
from typing import Any

import pytest

from edge_opt.errors import ModelError
from edge_opt.nets import archive, contents, wiring

h5py = pytest.importorskip("h5py", reason="needs h5py: pip install 'edge-opt[keras]'")

CONFIG = {"module": "keras", "class_name": "Functional", "config": {"name": "net", "layers": []}}


def refused(path: Path) -> str:
    with pytest.raises(ModelError) as caught:
        archive.read(path)
    assert "\n" not in caught.value.message
    assert caught.value.hint
    assert path.name in caught.value.message
    return caught.value.message


def keras_file(folder: Path, *more: tuple[str | zipfile.ZipInfo, bytes], config: bytes = b"") -> Path:
    path = folder / "model.keras"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as written:
        written.writestr("config.json", config or json.dumps(CONFIG).encode())
        for name, content in more:
            written.writestr(name, content)
    return path


def h5(stream: Any) -> Any:
    file = h5py.File(stream, "w")
    file.attrs["model_config"] = json.dumps(CONFIG)
    return file


def weights(**written: Any) -> bytes:
    stream = io.BytesIO()
    with h5(stream) as file:
        for name, value in written.items():
            file[name] = value
    return stream.getvalue()


def test_a_sound_archive_is_read(tmp_path: Path) -> None:
    path = keras_file(tmp_path, ("model.weights.h5", weights(layer=[1.0])), ("assets/words.txt", b"a"))
    assert archive.read(path).config == CONFIG


# ── zip ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", ["../../x", "/etc/x", "assets/../../x", "..", "C:/x", "assets\\..\\x", "\\\\host\\x"])
def test_a_member_that_leads_out_of_the_archive_is_refused(tmp_path: Path, name: str) -> None:
    assert "leads out of the archive" in refused(keras_file(tmp_path, (name, b"x")))
    assert [path.name for path in tmp_path.rglob("*")] == ["model.keras"]


def test_a_name_with_dots_in_it_leads_nowhere(tmp_path: Path) -> None:
    assert archive.read(keras_file(tmp_path, ("assets/a..b/..c", b"x"))).config == CONFIG


def test_a_link_in_the_archive_is_refused(tmp_path: Path) -> None:
    link = zipfile.ZipInfo("assets/link")
    link.create_system, link.external_attr = 3, 0o120777 << 16
    assert "'assets/link', which is a link" in refused(keras_file(tmp_path, (link, b"/etc/passwd")))


def test_what_expands_to_gigabytes_is_refused_by_what_it_declares(tmp_path: Path) -> None:
    path = keras_file(tmp_path, ("model.weights.h5", b"x" * 1000))
    data = bytearray(path.read_bytes())
    entry = data.rfind(b"PK\x01\x02")
    data[entry + 24 : entry + 28] = (2**32 - 2).to_bytes(4, "little")
    path.write_bytes(data)
    assert "to 4.0 GiB" in refused(path)


def test_what_really_expands_to_more_than_it_declares_is_damaged_and_read_no_further(tmp_path: Path) -> None:
    path = keras_file(tmp_path, config=b" " * 2**21 + b"{}")
    data = bytearray(path.read_bytes())
    entry = data.rfind(b"PK\x01\x02")
    data[entry + 24 : entry + 28] = (100).to_bytes(4, "little")
    path.write_bytes(data)
    assert "damaged" in refused(path)


def test_a_real_bomb_is_refused_without_being_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contents, "MOST_BYTES", 2**26)  # so that this test need not write gigabytes
    path = tmp_path / "model.keras"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as written:
        written.writestr("config.json", json.dumps(CONFIG))
        with written.open("model.weights.h5", "w", force_zip64=True) as member:
            for _ in range(70):
                member.write(bytes(2**20))
    assert path.stat().st_size < 2**20
    tracemalloc.start()
    try:
        assert "would expand" in refused(path)
        assert tracemalloc.get_traced_memory()[1] < 2**22
    finally:
        tracemalloc.stop()


def test_an_architecture_larger_than_any_is_not_read(tmp_path: Path) -> None:
    assert "no architecture" in refused(keras_file(tmp_path, config=b" " * (2**26 + 1) + b"{}"))


def test_the_same_name_twice_is_refused(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="Duplicate"):
        path = keras_file(tmp_path, ("config.json", b"{}"))
    assert "twice" in refused(path)


@pytest.mark.parametrize(("place", "value", "said"), [(8, 1, "encrypted"), (10, 99, "damaged")])
def test_what_cannot_be_unpacked_is_one_sentence(tmp_path: Path, place: int, value: int, said: str) -> None:
    path = keras_file(tmp_path)
    data = bytearray(path.read_bytes())
    data[data.rfind(b"PK\x01\x02") + place] = value
    path.write_bytes(data)
    assert said in refused(path)


@pytest.mark.parametrize("depth", [300, 900, 50_000])
def test_a_configuration_nested_deeper_than_any_model_is_damaged(tmp_path: Path, depth: int) -> None:
    text = b'{"a": ' + b"[" * depth + b"]" * depth + b"}"
    assert "damaged" in refused(keras_file(tmp_path, config=text))


def test_a_name_that_would_steer_the_terminal_is_shown_harmless() -> None:
    assert contents.shown("\x1b[31mred\n\udcff") == "?[31mred??"
    assert len(contents.shown("x" * 1000)) == 60


# ── HDF5 ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_external_link_is_refused(tmp_path: Path) -> None:
    with h5(tmp_path / "model.h5") as file:
        file.create_group("layer")["kernel"] = h5py.ExternalLink("/etc/passwd", "/")
    assert "links to another file at 'kernel'" in refused(tmp_path / "model.h5")


def test_data_kept_in_another_file_are_refused(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(bytes(16))
    with h5(tmp_path / "model.h5") as file:
        file.create_dataset("kernel", (4,), "f4", external=[(str(tmp_path / "secret"), 0, 16)])
    assert "keeps 'kernel' in another file" in refused(tmp_path / "model.h5")


def test_a_virtual_data_set_is_refused(tmp_path: Path) -> None:
    layout = h5py.VirtualLayout((4,), "f4")
    layout[:] = h5py.VirtualSource(str(tmp_path / "other.h5"), "kernel", (4,))
    with h5(tmp_path / "model.h5") as file:
        file.create_virtual_dataset("kernel", layout)
    assert "in another file" in refused(tmp_path / "model.h5")


def test_a_data_set_that_declares_terabytes_is_refused(tmp_path: Path) -> None:
    with h5(tmp_path / "model.h5") as file:
        file.create_dataset("kernel", (2**40,), "f4", chunks=(1024,))
    assert "to 4096.0 GiB" in refused(tmp_path / "model.h5")


def test_a_group_that_holds_itself_is_read_once(tmp_path: Path) -> None:
    with h5(tmp_path / "model.h5") as file:
        group = file.create_group("layer")
        group["loop"], group["soft"] = group, h5py.SoftLink("/layer/soft")
    assert archive.read(tmp_path / "model.h5").config == CONFIG


def test_a_file_in_which_hdf5_goes_round_for_ever_is_damaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "_LOOK", "while True: pass")
    monkeypatch.setattr(archive, "_LONGEST_S", 0.2)
    h5(tmp_path / "model.h5").close()
    assert "HDF5 cannot read it (its process took longer" in refused(tmp_path / "model.h5")


def test_links_in_the_weights_of_an_archive_are_refused(tmp_path: Path) -> None:
    inner = weights(kernel=h5py.ExternalLink("/etc/passwd", "/"))
    assert "links to another file" in refused(keras_file(tmp_path, ("model.weights.h5", inner)))


# ── folders ────────────────────────────────────────────────────────────────────────────────────────────────────────


def folder(tmp_path: Path) -> Path:
    made = tmp_path / "model"
    (made / "variables").mkdir(parents=True)
    (made / "saved_model.pb").write_bytes(b"x")
    return made


def test_a_folder_without_links_or_with_links_into_itself_is_fine(tmp_path: Path) -> None:
    made = folder(tmp_path)
    (made / "again.pb").symlink_to("saved_model.pb")
    contents.check_folder(made)
    (tmp_path / "elsewhere").symlink_to(made)  # the user's own way to it
    contents.check_folder(tmp_path / "elsewhere")


@pytest.mark.parametrize("target", ["/etc/passwd", "../secret", "/"])
def test_a_link_that_leads_out_of_the_folder_is_refused(tmp_path: Path, target: str) -> None:
    (tmp_path / "secret").write_text("s")
    made = folder(tmp_path)
    (made / "variables" / "link").symlink_to("../../secret" if target == "../secret" else target)
    with pytest.raises(ModelError, match="'variables/link', which leads out"):
        contents.check_folder(made)


def test_a_link_to_itself_and_a_pipe_are_refused(tmp_path: Path) -> None:
    made = folder(tmp_path)
    (made / "loop").symlink_to("loop")
    with pytest.raises(ModelError, match="leads nowhere"):
        contents.check_folder(made)
    (made / "loop").unlink()
    os.mkfifo(made / "pipe")
    with pytest.raises(ModelError, match="'pipe', which is no file"):
        contents.check_folder(made)


def test_a_model_file_may_be_a_link_that_the_user_made(tmp_path: Path) -> None:
    path = keras_file(tmp_path)
    (tmp_path / "latest.keras").symlink_to(path)
    assert archive.read(tmp_path / "latest.keras").config == CONFIG


# ── the order of the layers ────────────────────────────────────────────────────────────────────────────────────────


def layer(name: str, *calls: Any, kind: str = "Dense") -> dict[str, Any]:
    return {"name": name, "class_name": kind, "config": {"name": name}, "inbound_nodes": list(calls)}


def call(*names: str, index: int = 0) -> list[Any]:
    return [[name, index, 0, {}] for name in names]


def test_layers_that_wait_for_each_other_are_stuck() -> None:
    layers = [layer("in", kind="InputLayer"), layer("a", call("in", "b")), layer("b", call("a"))]
    assert wiring.stuck({"config": {"layers": layers}}) == "a"


def test_a_layer_whose_input_is_never_called_is_stuck() -> None:
    layers = [layer("in", kind="InputLayer"), layer("a"), layer("b", call("a"))]
    assert wiring.stuck({"layers": layers}) == "b"


def test_a_layer_called_twice_around_another_is_not_stuck() -> None:
    shared = layer("a", call("in"), call("b"))
    assert wiring.stuck({"layers": [layer("in", kind="InputLayer"), layer("b", call("a")), shared]}) == ""
    back = layer("b", call("a", index=1))
    assert wiring.stuck({"layers": [layer("in", kind="InputLayer"), back, shared]}) in {"a", "b"}


def test_a_model_in_a_model_is_counted_from_one() -> None:
    inner = layer("inner", call("in"))
    inner["config"]["layers"] = [layer("x", kind="InputLayer")]
    assert wiring.stuck({"layers": [layer("in", kind="InputLayer"), inner, layer("b", call("inner", index=1))]}) == ""
    assert wiring.stuck({"layers": [inner, layer("b", call("inner", index=2))]}) == "b"


@pytest.mark.parametrize("layers", [[None], [{"name": []}], [layer("a", None)], [layer("a", 3)], [layer("a", [["b"]])]])
def test_what_is_no_network_is_left_to_keras(layers: Any) -> None:
    assert wiring.stuck({"layers": layers}) == ""
