"""edge-opt: make a trained image model small and fast for its target, and prove that it is still good.

The Python API has the words of the command line: ``edge_opt.optimize("model.keras", "data.npz") -> Report``. Names are
resolved on first use, so that ``import edge_opt`` loads nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_NAMES = {
    "optimize": "edge_opt.flows.api:optimize",
    "optimize_several": "edge_opt.flows.api:optimize_several",
    "compare": "edge_opt.flows.api:compare",
    "convert": "edge_opt.flows.api:convert",
    "bench": "edge_opt.flows.api:bench",
    "sustain": "edge_opt.flows.api:sustain",
    "evaluate": "edge_opt.flows.api:evaluate",
    "init": "edge_opt.flows.api:init",
    "diagnose": "edge_opt.flows.api:diagnose",
    "inspect": "edge_opt.flows.api:inspect",
    "gate": "edge_opt.flows.api:gate",
    "verify": "edge_opt.flows.api:verify",
    "doctor": "edge_opt.flows.api:doctor",
    "load_report": "edge_opt.flows.api:load_report",
    "Report": "edge_opt.types:Report",
    "EdgeOptError": "edge_opt.errors:EdgeOptError",
}
__all__ = ["__version__", *_NAMES]


def __getattr__(name: str) -> Any:
    if name not in _NAMES:
        raise AttributeError(f"module 'edge_opt' has no attribute '{name}'")
    module, _, attribute = _NAMES[name].partition(":")
    return getattr(import_module(module), attribute)


def __dir__() -> list[str]:
    return sorted(__all__)
