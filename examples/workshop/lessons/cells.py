"""The cells that lessons are written in: texts in both languages, and code that is the same in both."""

from __future__ import annotations

import re
from dataclasses import dataclass
from textwrap import dedent


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One cell of a notebook; ``fr`` and ``en`` are its source in the two languages."""

    kind: str  # "markdown" or "code"
    fr: str
    en: str


@dataclass(frozen=True, kw_only=True)
class Lesson:
    """A notebook and its twin: the name of each file, without its ending, and the cells."""

    fr: str
    en: str
    cells: tuple[Cell, ...]


def text(*, fr: str, en: str) -> Cell:
    """A cell to read."""
    return Cell(kind="markdown", fr=dedent(fr).strip(), en=dedent(en).strip())


def code(source: str) -> Cell:
    """A cell to run; what differs by language, comments and labels, is written ``⟦in French|in English⟧``."""
    source = dedent(source).strip()
    fr, en = (re.sub(r"⟦([^|⟧]*)\|([^⟧]*)⟧", rf"\{number}", source) for number in (1, 2))
    return Cell(kind="code", fr=fr, en=en)


SETUP = code(
    """
import html
import importlib.util
import os
import subprocess
import sys
from pathlib import Path

LANG = "⟦fr|en⟧"
# ⟦l'adresse du dépôt git, renseignée par l'enseignant|the address of the git repository, filled in by the teacher⟧
REPOSITORY = ""

places = (Path.cwd(), *Path.cwd().parents, Path.cwd() / "edge-opt")
found = [place for place in places if (place / "examples" / "workshop" / "cases.py").is_file()]
if not found:
    assert REPOSITORY, "⟦renseignez REPOSITORY ci-dessus|fill in REPOSITORY above⟧"
    subprocess.run(["git", "clone", "--quiet", "--depth", "1", REPOSITORY, "edge-opt"], check=True)
CHECKOUT = found[0] if found else Path.cwd() / "edge-opt"
if importlib.util.find_spec("edge_opt") is None:
    %pip install --quiet "{CHECKOUT}[all]"

# ⟦là où va tout ce qui est produit|where all that is made goes⟧
FOLDER = Path(os.environ.get("WORKSHOP_FOLDER", CHECKOUT / "runs" / "workshop"))
FOLDER.mkdir(parents=True, exist_ok=True)
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
"""
)
