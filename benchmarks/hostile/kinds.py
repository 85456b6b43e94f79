"""Each kind of model file: sound ones to start from, and mutant number ``n`` of them, the same on every machine."""

from __future__ import annotations

import contextlib
import io
import json
import sys
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from benchmarks.hostile.damage import NUMBERS, WORDS, damaged, edit_message, edit_object, edited_json, edited_xml

FIXTURES = Path(__file__).resolve().parents[2] / "tests" / "fixtures"
KINDS = ("keras", "h5", "onnx", "tflite", "openvino")
Files = dict[str, bytes]


@dataclass(frozen=True, kw_only=True)
class Mutant:
    """What was done to which file, and the files that came out; the first one is what a user would name."""

    change: str
    files: Files

    def write(self, folder: Path) -> Path:
        """Write the files into ``folder``, and return the one to open."""
        for name, content in self.files.items():
            (folder / name).write_bytes(content)
        return folder / next(iter(self.files))


def mutant(kind: str, number: int, sound: Path) -> Mutant:
    """Mutant ``number`` of ``kind``. The folder ``sound`` holds what :func:`build` wrote."""
    draw = Random(f"{kind} {number}")
    seeds = seeds_of(kind, sound)
    files = {path.name: path.read_bytes() for path in seeds[number % len(seeds)]}
    name = draw.choice(sorted(files))
    if draw.random() < 0.4:
        how, files[name] = damaged(draw, files[name])
        return Mutant(change=f"bytes: {how}", files=files)
    with _deep():
        how, changed = _STRUCTURE[kind](draw, files)
    return Mutant(change=how, files={**files, **changed})


@contextlib.contextmanager
def _deep() -> Iterator[None]:
    """Python as it must be to write what is nested too deep to be read."""
    usual = sys.getrecursionlimit()
    sys.setrecursionlimit(100_000)
    try:
        yield
    finally:
        sys.setrecursionlimit(usual)


def seeds_of(kind: str, sound: Path) -> list[list[Path]]:
    """The sound files of ``kind``, each with what belongs beside it."""
    if kind in ("keras", "h5"):
        return [[sound / f"{name}.{kind}"] for name in ("three", "two")]
    if kind == "tflite":
        return [[FIXTURES / "tiny.tflite"], [FIXTURES / "tiny_int8.tflite"], [FIXTURES / "tiny.tflite"]]
    if kind == "onnx":
        return [[FIXTURES / "tiny.onnx"]]
    return [[FIXTURES / "tiny_openvino" / "model.xml", FIXTURES / "tiny_openvino" / "model.bin"]]


def build(folder: Path) -> None:
    """Write the sound Keras files, by Keras 3 and by Keras 2, to ``folder``."""
    from edge_opt.nets import frameworks

    folder.mkdir(parents=True, exist_ok=True)
    for name, keras in (("three", frameworks.keras()), ("two", frameworks.tf_keras())):
        keras.utils.set_random_seed(1)
        layers = keras.layers
        given = x = layers.Input((8, 8, 1), name="picture")
        x = layers.Conv2D(4, 3, padding="same", use_bias=False)(x)
        x = skip = layers.ReLU()(layers.BatchNormalization()(x))
        x = layers.Add()([layers.DepthwiseConv2D(3, padding="same")(x), skip])
        x = layers.Dropout(0.1)(layers.GlobalAveragePooling2D()(x))
        model = keras.Model(given, layers.Dense(3, activation="softmax")(x))
        for suffix in ("keras", "h5"):
            if not (folder / f"{name}.{suffix}").exists():
                model.save(folder / f"{name}.{suffix}")


# ── .keras: a zip archive of JSON and HDF5 ─────────────────────────────────────────────────────────────────────────


def _keras(draw: Random, files: Files) -> tuple[str, Files]:
    (name,) = files
    with zipfile.ZipFile(io.BytesIO(files[name])) as archive:
        members = {inner: archive.read(inner) for inner in archive.namelist()}
    inner = draw.choice(("config.json",) * 5 + ("metadata.json",) + ("model.weights.h5",) * 3 + ("members",) * 3)
    if inner == "members":
        return _members(draw, name, members)
    if inner.endswith(".json") and draw.random() < 0.85:
        how, members[inner] = "edit", json.dumps(edited_json(draw, json.loads(members[inner]))).encode()
    elif inner.endswith(".h5") and draw.random() < 0.6:
        how, members[inner] = edited_h5(draw, members[inner])
    else:
        how, members[inner] = damaged(draw, members[inner])
    return f"{inner}: {how}", {name: _zipped(members)}


def _zipped(members: Mapping[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return out.getvalue()


def _members(draw: Random, name: str, members: dict[str, bytes]) -> tuple[str, Files]:
    one = draw.choice(sorted(members))
    how = draw.choice(("drop", "rename", "outside", "link", "method", "encrypted", "declared size", "twice", "swap"))
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", draw.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))) as archive:
        for inner, content in members.items():
            if inner == one and how == "drop":
                continue
            other = draw.choice(WORDS).strip("\0") or "empty" if inner == one and how == "rename" else inner
            archive.writestr(
                other, members[draw.choice(sorted(members))] if inner == one and how == "swap" else content
            )
        if how == "outside":
            archive.writestr(
                draw.choice(("../../escaped", "/tmp/escaped", "assets/../../escaped", "..\\escaped")), b"x"
            )
        if how == "link":
            link = zipfile.ZipInfo("assets/link")
            link.create_system, link.external_attr = 3, 0o120777 << 16
            archive.writestr(link, "/etc/passwd")
        if how == "twice":
            archive.writestr(one, b"{}")
    data = bytearray(out.getvalue())
    entry = data.rfind(b"PK\x01\x02")  # of the central directory, which readers go by
    if how == "method":
        data[entry + 10] = draw.choice((1, 6, 9, 12, 14, 95, 99))
    if how == "encrypted":
        data[entry + 8] |= 1
    if how == "declared size":
        data[entry + 24 : entry + 28] = draw.choice((0, 1, 2**31, 2**32 - 2)).to_bytes(4, "little")
    return f"members: {how}", {name: bytes(data)}


# ── HDF5 ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def _h5(draw: Random, files: Files) -> tuple[str, Files]:
    (name,) = files
    how, found = edited_h5(draw, files[name])
    return f"hdf5: {how}", {name: found}


def edited_h5(draw: Random, data: bytes) -> tuple[str, bytes]:
    """What was done, and the HDF5 file after it: an attribute, a link or a data set is not what it was."""
    import h5py
    import numpy as np

    stream = io.BytesIO(data)
    with h5py.File(stream, "r+") as file:
        attributed: list[Any] = [file]
        file.visititems(lambda _, one: attributed.append(one))
        stored = [one for one in attributed if isinstance(one, h5py.Dataset)]
        one = draw.choice(stored)
        where, leaf = one.parent, one.name.rpartition("/")[2]
        how = draw.choice(
            ("attribute",) * 3 + ("delete", "type", "huge", "shape", "soft", "external", "cycle", "outside")
        )
        if how == "attribute":
            holder = file if draw.random() < 0.6 else draw.choice(attributed)
            if not holder.attrs:
                holder = file
            if len(holder.attrs):
                _edit_attribute(draw, holder.attrs)
        elif how == "cycle":
            where["loop"] = draw.choice((where, file))
        else:
            shape = one.shape
            del where[leaf]
            if how == "type":
                where[leaf] = draw.choice(
                    (np.full(shape or 1, 3, np.int8), np.full(1, b"text"), np.full(shape, np.nan))
                )
            elif how == "huge":
                where.create_dataset(leaf, (2 ** draw.choice((20, 33, 40)),), "f4", chunks=(1024,))
            elif how == "shape":
                where[leaf] = np.zeros([size + draw.choice((-1, 0, 1, 5)) or 1 for size in shape], np.float32)
            elif how == "soft":
                where[leaf] = h5py.SoftLink(draw.choice(("/nowhere", "/", where.name + "/" + leaf)))
            elif how == "external":
                where[leaf] = h5py.ExternalLink(draw.choice(("/etc/passwd", "../other.h5", "/tmp")), "/")
            elif how == "outside":
                where.create_dataset(leaf, shape or (1,), "f4", external=[("/etc/passwd", 0, h5py.h5f.UNLIMITED)])
    return how, stream.getvalue()


def _edit_attribute(draw: Random, attributes: Any) -> None:
    name = draw.choice(sorted(attributes))
    old = attributes[name]
    text = old.decode() if isinstance(old, bytes) else old
    if isinstance(text, str) and text.startswith("{") and draw.random() < 0.9:
        edited = json.dumps(edited_json(draw, json.loads(text)))
        attributes[name] = edited[:60_000]  # HDF5 keeps small attributes only
    else:
        attributes[name] = draw.choice(([], [b"x"], "x", 3, old, float("nan"), [[1, 2], [3, 4]], list(range(100))))
        if draw.random() < 0.3:
            del attributes[name]


# ── .onnx, .tflite, OpenVINO's IR ──────────────────────────────────────────────────────────────────────────────────


def _onnx(draw: Random, files: Files) -> tuple[str, Files]:
    import onnx

    (name,) = files
    model = onnx.load_model_from_string(files[name])
    how = draw.choice(("field",) * 6 + ("cycle", "outside", "dims", "function"))
    if how == "field":
        edit_message(draw, model)
    elif how == "cycle":
        node = draw.choice(model.graph.node)
        node.input[draw.randrange(len(node.input))] = draw.choice(draw.choice(model.graph.node).output)
    elif how == "outside":
        tensor = draw.choice(model.graph.initializer)
        tensor.ClearField("raw_data")
        tensor.data_location = onnx.TensorProto.EXTERNAL
        location = draw.choice(("../../../../etc/passwd", "/etc/passwd", "weights.bin", ".", "", "/dev/zero"))
        for key, text in (("location", location), ("offset", draw.choice(NUMBERS)), ("length", draw.choice(NUMBERS))):
            tensor.external_data.add(key=key, value=str(text))
    elif how == "dims":
        tensor = draw.choice(model.graph.initializer)
        tensor.dims[:] = [draw.choice(NUMBERS) for _ in range(draw.randrange(6))]
    else:
        one = model.functions.add(name="loop", domain="own")
        one.node.add(op_type="loop", domain="own")
        model.graph.node.add(op_type="loop", domain="own")
    return f"graph: {how}", {name: model.SerializeToString()}


def _tflite(draw: Random, files: Files) -> tuple[str, Files]:
    import flatbuffers  # type: ignore[import-untyped]
    from ai_edge_litert import schema_py_generated as schema

    (name,) = files
    for _ in range(20):  # not every tree can be packed again: the next one, then
        model = schema.ModelT.InitFromPackedBuf(bytearray(files[name]), 0)
        edit_object(draw, model)
        builder = flatbuffers.Builder(1024)
        try:
            builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
        except Exception:
            continue
        return "flatbuffer", {name: bytes(builder.Output())}
    how, found = damaged(draw, files[name])
    return f"bytes: {how}", {name: found}


def _openvino(draw: Random, files: Files) -> tuple[str, Files]:
    if draw.random() < 0.05:
        return "no weights", {name: content for name, content in files.items() if name.endswith(".xml")} | {
            "model.bin": b""
        }
    return "xml", {"model.xml": edited_xml(draw, files["model.xml"])}


_STRUCTURE: Mapping[str, Callable[[Random, Files], tuple[str, Files]]] = {
    "keras": _keras,
    "h5": _h5,
    "onnx": _onnx,
    "tflite": _tflite,
    "openvino": _openvino,
}
