"""The preprocessing contract: a TOML file, its one implementation in numpy, and the likely ones to try."""

from edge_opt.inputs.preprocess.document import contract_path, read, write
from edge_opt.inputs.preprocess.likely import check, describe, likely
from edge_opt.inputs.preprocess.picture import Progress, apply, prepare, prepare_each, shape

__all__ = [
    "Progress",
    "apply",
    "check",
    "contract_path",
    "describe",
    "likely",
    "prepare",
    "prepare_each",
    "read",
    "shape",
    "write",
]
