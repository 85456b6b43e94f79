"""OpenVINO's graphs: read from any float source, with names that are the same every time, and written."""

from __future__ import annotations

import re
import sys
from collections.abc import Collection
from pathlib import Path
from typing import Any

from edge_opt.errors import UnknownName
from edge_opt.nets.conversion import imported
from edge_opt.types import Source

# What holds weights: these are the layers that can be kept in float. NNCF quantizes additions and poolings as well, but
# only to hand integers on from one of these to the next.
LAYERS = ("Convolution", "GroupConvolution", "ConvolutionBackpropData", "GroupConvolutionBackpropData", "MatMul")
_COUNTED = re.compile(r"[A-Z][A-Za-z]+_\d+")  # named by OpenVINO's counter, which goes on from model to model


def quiet(module: str, purpose: str) -> Any:
    """The package, imported without its telemetry. Raises MissingPackage."""
    # Both packages report their use to their vendor's analytics as soon as they are imported, and leave a folder in
    # HOME. Without this package, which they treat as optional, they do neither.
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    return imported(module, module, "openvino", purpose)


def read(source: Source) -> Any:
    """The float model, its nodes named by their place where the source has no name for them."""
    model = quiet("openvino", "exporting to OpenVINO").convert_model(str(source.path))
    # names the folder that the model lay in, which is nobody's business and differs from run to run
    del model.rt_info["conversion_parameters"]
    number(model, ())
    return model


def number(model: Any, known: Collection[str]) -> None:
    """Name the nodes that a counter named by their place, but not those that are ``known``: equal models, equal files.

    So a layer keeps its name from the float model to the quantized one.
    """
    added = "added_" if known else ""
    for place, node in enumerate(model.get_ordered_ops()):
        name = node.get_friendly_name()
        if _COUNTED.fullmatch(name) and name not in known:
            node.set_friendly_name(f"{node.get_type_name()}_{added}{place}")


def names(model: Any) -> frozenset[str]:
    """The names of all nodes."""
    return frozenset(node.get_friendly_name() for node in model.get_ordered_ops())


def layers(model: Any) -> dict[str, Any]:
    """The nodes that hold weights, by name, in order: products of two activations have none."""
    return {
        node.get_friendly_name(): node
        for node in model.get_ordered_ops()
        if node.get_type_name() in LAYERS and weight_place(node) is not None
    }


def weight_place(node: Any) -> int | None:
    """Which input of a layer holds its weights; None where both depend on the model's inputs."""
    places = [place for place in (1, 0) if _constant(node.input_value(place).get_node())]
    return places[0] if places else None


def check(model: Any, wanted: Collection[str]) -> None:
    """Raise UnknownName where one of ``wanted`` is no layer of ``model``."""
    known = layers(model)
    for name in wanted:
        if name not in known:
            raise UnknownName.among("layer of this OpenVINO model", name, known)


def save(model: Any, path: Path, *, compress_to_fp16: bool) -> None:
    """Write ``path`` and the weights beside it."""
    quiet("openvino", "exporting to OpenVINO").save_model(model, str(path), compress_to_fp16=compress_to_fp16)


def _constant(node: Any) -> bool:
    if node.get_type_name() == "Parameter":
        return False
    return all(_constant(value.get_node()) for value in node.input_values())
