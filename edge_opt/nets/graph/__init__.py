"""The channels of a Keras 3 model: which of them stay or leave together, what they cost, and the model without them."""

from edge_opt.nets.graph import importance
from edge_opt.nets.graph.flat import Call, Replacement, Tensor
from edge_opt.nets.graph.graph import Channels, Graph, Group, Work, read
from edge_opt.nets.graph.slicing import masked, rebuilt, sliced

__all__ = [
    "Call",
    "Channels",
    "Graph",
    "Group",
    "Replacement",
    "Tensor",
    "Work",
    "importance",
    "masked",
    "read",
    "rebuilt",
    "sliced",
]
