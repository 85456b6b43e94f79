"""Whether a diagnosis names what is planted, and names it first; and whether it cries wolf over models that are sound.

Makes the prepared cases of ``examples/workshop``, diagnoses each, and writes ``benchmarks/results/diagnosis.json`` and
the table in ``docs/diagnosis-study.md``. Run it with ``python benchmarks/diagnosis.py``; it takes about a quarter of an
hour, and goes on where it was stopped. The exit code is 1 where a planted problem is not first, or a control has one.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import edge_opt
from edge_opt import registry
from edge_opt.types import Diagnosis

ROOT = Path(__file__).resolve().parents[1]
CASES = ROOT / "examples" / "workshop" / "cases.py"
RESULTS = ROOT / "benchmarks" / "results" / "diagnosis.json"
PAGE = ROOT / "docs" / "diagnosis-study.md"
FOLDER = ROOT / "runs" / "workshop"
SAMPLES = 500  # disturbed under each of the 40 conditions
PACKAGES = ("tensorflow", "keras", "scikit-learn", "numpy", "scipy")
TABLE = re.compile(r"(?s)(<!-- study: begin -->\n).*?(<!-- study: end -->)")


def prepared(folder: Path, seed: int) -> Iterator[tuple[Path, dict[str, Any]]]:
    """The folder of every case and control, in their order, and what its ``case.json`` says; made where missing."""
    command = [sys.executable, str(CASES), str(folder), "--seed", str(seed)]
    made = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    for line in made.split("\n"):
        if line.strip():
            case = Path(line.strip())
            yield case, json.loads((case / "case.json").read_text(encoding="utf-8"))


def diagnosed(case: Path, facts: Mapping[str, Any], folder: Path) -> Diagnosis:
    """The diagnosis of the case, with the history of its training; its documents go to ``folder``."""
    found: Diagnosis = edge_opt.diagnose(
        case / "model.keras", case / facts["data"], history=case / "history.json", samples=SAMPLES, output=folder
    )
    return found


def judged(facts: Mapping[str, Any], found: Diagnosis) -> dict[str, Any]:
    """One row: of a case the rank of what was planted, 0 where it was not found; of a control its problems."""
    symptoms = [
        {"code": one.code, "severity": one.severity, "size": round(one.size, 4), "explained_by": one.explained_by}
        for one in found.symptoms
    ]
    codes = [one.code for one in found.symptoms]
    row: dict[str, Any] = {"name": facts["name"]}
    if facts["planted"]:
        rank = codes.index(facts["planted"]) + 1 if facts["planted"] in codes else 0
        row |= {"planted": facts["planted"], "found_first": rank == 1, "rank": rank, "what": facts["what"]["en"]}
    else:
        row["problems"] = [one.code for one in found.symptoms if one.severity == "problem"]
    accuracy = found.behaviour.accuracy.value if found.behaviour else None
    return {**row, "accuracy": accuracy, "symptoms": symptoms}


def study(folder: Path, seed: int) -> dict[str, Any]:
    """Every figure of the JSON file; what was measured of a case before is kept in its folder and read again."""
    rows = []
    for case, facts in prepared(folder, seed):
        begun = time.monotonic()
        found = diagnosed(case, facts, folder / "diagnoses" / case.name)
        rows.append(judged(facts, found))
        print(f"{time.monotonic() - begun:5.1f} s  {told(rows[-1])}", flush=True)
    environment = registry.load("devices", "local")().run({"protocol": 1, "mode": "environment"})["environment"]
    return {
        "command": "python benchmarks/diagnosis.py",
        "seed": seed,
        "samples_disturbed": SAMPLES,
        "environment": {name: environment[name] for name in ("cpu", "machine", "cores", "system", "python")},
        "versions": {name: version(name) for name in PACKAGES},
        "edge_opt": edge_opt.__version__,
        "cases": [row for row in rows if "planted" in row],
        "controls": [row for row in rows if "planted" not in row],
    }


def told(row: Mapping[str, Any]) -> str:
    """One row as a line."""
    seen = ", ".join(f"{one['code']} {one['severity']}" for one in row["symptoms"][:4])
    verdict = f"rank {row['rank']}" if "planted" in row else f"{len(row['problems'])} problems"
    return f"{row['name']:16} {row.get('planted', ''):6} {verdict:11} {seen}"


def table(found: Mapping[str, Any]) -> str:
    """The part of the page that this command writes."""
    right = sum(row["found_first"] for row in found["cases"])
    quiet = sum(not row["problems"] for row in found["controls"])
    lines = [
        f"Of {len(found['cases'])} planted problems, {right} were found and ranked first; of {len(found['controls'])} "
        f"controls, {quiet} were free of problems.",
        "",
        "| case | what was done | planted | rank | what else was found |",
        "|---|---|---|--:|---|",
    ]
    for row in found["cases"]:
        others = ", ".join(_short(one) for one in row["symptoms"] if one["code"] != row["planted"]) or "nothing"
        lines.append(
            f"| {row['name']} | {row['what'].rstrip('.')} | [{row['planted']}](findings/{row['planted']}.md) | "
            f"{row['rank'] or 'not found'} | {others} |"
        )
    lines += ["", "| control | accuracy | problems | warnings and hints |", "|---|--:|---|---|"]
    for row in found["controls"]:
        others = ", ".join(_short(one) for one in row["symptoms"] if one["severity"] != "problem") or "none"
        problems = ", ".join(row["problems"]) or "none"
        lines.append(f"| {row['name']} | {100 * row['accuracy']:.1f} % | {problems} | {others} |")
    return "\n".join(lines)


def _short(symptom: Mapping[str, Any]) -> str:
    mark = {"problem": "**", "warning": "", "hint": "*"}[symptom["severity"]]
    return f"{mark}{symptom['code']}{mark}"


def write(found: Mapping[str, Any]) -> None:
    """The JSON file, and the table in the page."""
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    RESULTS.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    page = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(TABLE.sub(lambda marks: f"{marks[1]}\n{table(found)}\n\n{marks[2]}", page), encoding="utf-8")


def main() -> None:
    """Make, diagnose, write, and say by the exit code whether all came out as it should."""
    words = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    words.add_argument("folder", type=Path, nargs="?", default=FOLDER, help="where cases and diagnoses are kept")
    words.add_argument("--seed", type=int, default=1, help="what the cases are drawn from")
    words.add_argument("--dry", action="store_true", help="write neither the result nor the page")
    given = words.parse_args()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    found = study(given.folder, given.seed)
    if not given.dry:
        write(found)
    sys.exit(not all(row["found_first"] for row in found["cases"]) or any(row["problems"] for row in found["controls"]))


if __name__ == "__main__":
    main()
