"""Writes docs/findings/README.md, the index of the findings, from the titles of their pages; ``make docs`` runs it."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path

FOLDER = Path(__file__).with_name("findings")
GROUPS = {
    "1": "Inputs and data",
    "2": "The guard and accuracy",
    "3": "Measuring",
    "4": "Formats and recipes",
    "5": "The environment",
    "6": "Symptoms of the data",
    "7": "Symptoms of the training",
    "8": "Symptoms of the model",
    "9": "The gate",
}
HEAD = """# Findings

<!-- written by docs/make_findings.py from the pages: `make docs` -->

A finding is something you should know about your model, your data or the measurement. It has a code that stays the
same from one version to the next, a level (info, warning or error), a sentence about what was seen, and a hint.
"""


def page() -> str:
    """The whole of docs/findings/README.md."""
    parts = [HEAD]
    pages = sorted(FOLDER.glob("EO*.md"))
    for group, members in groupby(pages, key=lambda path: path.stem[2]):
        rows = [f"| [{path.stem}]({path.name}) | {title(path)} |" for path in members]
        parts.append("\n".join([f"## {GROUPS[group]}", "", "| code | finding |", "|---|---|", *rows, ""]))
    return "\n".join(parts)


def title(path: Path) -> str:
    """What stands after the code in the first heading of the page at ``path``."""
    return path.read_text(encoding="utf-8").splitlines()[0].partition(": ")[2]


if __name__ == "__main__":
    (FOLDER / "README.md").write_text(page(), encoding="utf-8")
