"""The files that hold the weights of an ONNX model, found by reading the model without the package onnx."""

from __future__ import annotations

import contextlib
import itertools
from pathlib import Path
from typing import Any

import pytest

from edge_opt.nets import onnx_data
from tests.fixtures import tiny

onnx = pytest.importorskip("onnx", reason="onnx is not installed: pip install 'edge-opt[onnx]'")
MESSAGES = {
    "model": onnx.ModelProto,
    "function": onnx.FunctionProto,
    "graph": onnx.GraphProto,
    "node": onnx.NodeProto,
    "attribute": onnx.AttributeProto,
    "sparse tensor": onnx.SparseTensorProto,
    "tensor": onnx.TensorProto,
}


def tensor(location: str) -> Any:
    made = onnx.TensorProto(data_type=onnx.TensorProto.FLOAT, dims=[1], data_location=onnx.TensorProto.EXTERNAL)
    made.external_data.add(key="offset", value="0")
    made.external_data.add(key="location", value=location)
    return made


def everywhere() -> tuple[Any, set[str]]:
    """A model with external data at each place that the format has for tensors, and what it calls them."""
    counted = (f"weights {index}" for index in itertools.count())
    names: set[str] = set()

    def new() -> Any:
        names.add(next(counted))
        return tensor(max(names, key=lambda name: int(name.split()[1])))

    def sparse() -> Any:
        return onnx.SparseTensorProto(values=new(), indices=new())

    def attribute(**given: Any) -> Any:
        return onnx.AttributeProto(name="a", **given)

    inner = onnx.GraphProto(initializer=[new()], sparse_initializer=[sparse()])
    node = onnx.NodeProto(
        op_type="If",
        attribute=[
            attribute(t=new(), g=inner, sparse_tensor=sparse()),
            attribute(tensors=[new(), new()], graphs=[inner], sparse_tensors=[sparse()]),
        ],
    )
    function = onnx.FunctionProto(
        node=[onnx.NodeProto(attribute=[attribute(t=new())])], attribute_proto=[attribute(t=new())]
    )
    return onnx.ModelProto(graph=onnx.GraphProto(node=[node], initializer=[new()]), functions=[function]), names


def test_data_are_found_wherever_the_format_has_a_place_for_tensors() -> None:
    model, names = everywhere()
    assert onnx_data.locations(model.SerializeToString()) == tuple(sorted(names))


def test_the_field_numbers_are_those_of_onnx() -> None:
    kinds = {message.DESCRIPTOR.name: kind for kind, message in MESSAGES.items()}
    for kind, message in MESSAGES.items():
        fields = message.DESCRIPTOR.fields
        leading = {one.number: kinds[one.message_type.name] for one in fields if one.message_type and
                   one.message_type.name in kinds}  # fmt: skip
        assert onnx_data.WITHIN.get(kind, {}) == leading


def test_a_model_without_external_data_has_none() -> None:
    assert onnx_data.data_files(tiny.FILES["onnx"]) == {}


def test_a_location_that_is_not_used_is_none() -> None:
    unused = tensor("unused")
    unused.data_location = onnx.TensorProto.DEFAULT
    model = onnx.ModelProto(graph=onnx.GraphProto(initializer=[unused]))
    assert onnx_data.locations(model.SerializeToString()) == ()


def test_each_of_two_locations_of_one_tensor_counts_as_readers_take_the_first_or_the_last() -> None:
    weight = tensor("first")
    weight.external_data.add(key="location", value="last")
    model = onnx.ModelProto(graph=onnx.GraphProto(initializer=[weight]))
    assert onnx_data.locations(model.SerializeToString()) == ("first", "last")


def test_what_ends_too_early_or_is_no_message_is_a_value_error_and_no_other() -> None:
    content = everywhere()[0].SerializeToString()
    for end in range(len(content)):
        with contextlib.suppress(ValueError):
            onnx_data.locations(content[:end])
    with pytest.raises(ValueError, match="it ends too early"):
        onnx_data.locations(content[:-1])
    for wrong in (b"\xff" * 20, b"version https://git-lfs.github.com/spec/v1\n", b"\x0b\x0c"):
        with pytest.raises(ValueError, match="it has a"):
            onnx_data.locations(wrong)


def test_an_empty_file_has_no_data(tmp_path: Path) -> None:
    (tmp_path / "m.onnx").touch()
    assert onnx_data.data_files(tmp_path / "m.onnx") == {}
