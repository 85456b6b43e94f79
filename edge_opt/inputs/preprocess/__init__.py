"""The preprocessing contract: a TOML file, its one implementation in numpy, and the likely ones to try."""

from edge_opt.inputs.preprocess.array import Statistics, statistics
from edge_opt.inputs.preprocess.array import likely as likely_arrays
from edge_opt.inputs.preprocess.document import contract_path, read, write
from edge_opt.inputs.preprocess.likely import check, describe, likely
from edge_opt.inputs.preprocess.picture import finished, unfinished
from edge_opt.inputs.preprocess.writing import Progress, apply, parts, prepare, prepare_each, shape

__all__ = [
    "Progress",
    "Statistics",
    "apply",
    "check",
    "contract_path",
    "describe",
    "finished",
    "likely",
    "likely_arrays",
    "parts",
    "prepare",
    "prepare_each",
    "read",
    "shape",
    "statistics",
    "unfinished",
    "write",
]
