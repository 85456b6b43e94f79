"""Another file of tests runs beside this one: ``make test`` runs two at a time, whose commands take turns."""

from __future__ import annotations


def told(stderr: str) -> list[str]:
    """The lines that a command said, less that it waited for another edge-opt."""
    return [line for line in stderr.splitlines() if "waiting while another edge-opt works" not in line]
