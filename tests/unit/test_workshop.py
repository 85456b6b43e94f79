"""The workshop: its table of cases, its data, and its notebooks, which are written from one source."""

from __future__ import annotations

import ast
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
WORKSHOP = CHECKOUT / "examples" / "workshop"
OURS = ("cases", "drawing", "lessons", "make_notebooks", "planting", "training")
TWINS = (
    ("1-diagnostic-des-modeles", "1-diagnosing-models"),
    ("2-amelioration-pour-application-web", "2-improving-for-a-web-app"),
)
NAMES = [f"{language}/{name}" for twins in TWINS for language, name in zip(("fr", "en"), twins, strict=True)]


@pytest.fixture(autouse=True)
def as_a_script(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The modules of the workshop find each other as they do for one who runs them, and are forgotten afterwards."""
    monkeypatch.syspath_prepend(str(WORKSHOP))
    yield
    for name in [name for name in sys.modules if name.partition(".")[0] in OURS]:
        del sys.modules[name]


def loaded(name: str) -> ModuleType:
    return __import__(name)


def notebook(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((WORKSHOP / f"{name}.ipynb").read_text(encoding="utf-8"))
    return found


def code(name: str) -> list[str]:
    return ["".join(cell["source"]) for cell in notebook(name)["cells"] if cell["cell_type"] == "code"]


# ── the cases ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_at_least_ten_problems_are_planted_each_in_one_case_and_five_controls_are_clean() -> None:
    cases = loaded("cases")
    planted = [case.planted for case in cases.CASES]
    assert len(set(planted)) == len(planted) >= 10
    assert [case.planted for case in cases.CONTROLS] == [""] * 5
    names = [case.name for case in (*cases.CASES, *cases.CONTROLS)]
    assert len(set(names)) == len(names)
    assert all(case.what and case.quoi for case in (*cases.CASES, *cases.CONTROLS))


def test_every_planted_problem_has_a_page() -> None:
    for case in loaded("cases").CASES:
        assert (CHECKOUT / "docs" / "findings" / f"{case.planted}.md").is_file(), case.planted


def test_the_page_of_the_workshop_lists_every_case() -> None:
    page = (WORKSHOP / "README.md").read_text(encoding="utf-8")
    for case in loaded("cases").CASES:
        assert re.search(rf"\| `{case.name}` \| \[{case.planted}\]", page), case.name


def test_cases_are_asked_for_by_name_or_by_number_and_unknown_ones_are_refused() -> None:
    cases = loaded("cases")
    assert [case.name for case in cases.chosen("leakage,1")] == ["leakage", "overfitting"]
    assert len(cases.chosen("")) == len(cases.CASES) + 5
    with pytest.raises(SystemExit, match="there is no case 'overfiting'"):
        cases.chosen("overfiting")


def test_the_same_seed_draws_the_same_pictures_and_another_one_others() -> None:
    draw = loaded("drawing").draw
    first, again, other = draw(1, 5, 2, 3), draw(1, 5, 2, 3), draw(2, 5, 2, 3)
    assert [np.bincount(first[split].y).tolist() for split in first] == [[5] * 10, [2] * 10, [3] * 10]
    assert all(np.array_equal(first[split].x, again[split].x) for split in first)
    assert not np.array_equal(first["train"].x, other["train"].x)


def test_wrong_labels_are_wrong_where_they_were_planted_and_nowhere_else() -> None:
    drawing = loaded("drawing")
    part = drawing.draw(1, 20, 1, 1)["train"]
    which = drawing.some(1, len(part), 0.1)
    changed = drawing.mislabelled(part, which, 1)
    assert np.flatnonzero(changed.y != part.y).tolist() == which.tolist()
    assert len(which) == 20


def test_a_picture_that_was_saved_again_is_nearly_the_same() -> None:
    drawing = loaded("drawing")
    pictures = drawing.draw(1, 2, 1, 1)["train"].x
    difference = np.abs(drawing.saved_again(pictures, 92).astype(int) - pictures)
    assert 0 < difference.mean() < 5


def test_a_case_that_is_whole_is_not_made_again(tmp_path: Path) -> None:
    cases = loaded("cases")
    stamp = {"name": "leakage", "planted": "EO605", "seed": 1, "made_by": cases.MADE_BY}
    assert not cases.whole(tmp_path, stamp)
    for name in ("model.keras", "history.json", "data.npz"):
        (tmp_path / name).touch()
    (tmp_path / "case.json").write_text(json.dumps({**stamp, "data": "data.npz"}), encoding="utf-8")
    assert cases.whole(tmp_path, stamp)
    assert not cases.whole(tmp_path, {**stamp, "seed": 2})
    (tmp_path / "data.npz").unlink()
    assert not cases.whole(tmp_path, stamp)


# ── the notebooks ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_notebooks_are_what_their_source_says() -> None:
    written = dict(loaded("make_notebooks").notebooks())
    assert sorted(path.relative_to(WORKSHOP).with_suffix("").as_posix() for path in written) == sorted(NAMES)
    for path, content in written.items():
        assert path.read_text(encoding="utf-8") == content, f"{path}: python examples/workshop/make_notebooks.py"


@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_is_valid_and_kept_without_outputs(name: str) -> None:
    nbformat = pytest.importorskip("nbformat", reason="needs nbformat: pip install nbclient")
    found = nbformat.read(WORKSHOP / f"{name}.ipynb", as_version=4)
    nbformat.validate(found)
    assert all(cell.outputs == [] and cell.execution_count is None for cell in found.cells if cell.cell_type == "code")


@pytest.mark.parametrize(("french", "english"), TWINS)
def test_twins_run_the_same_code(french: str, english: str) -> None:
    first, second = ([meaning(cell) for cell in code(name)] for name in (f"fr/{french}", f"en/{english}"))
    assert first == second
    ids = [[cell["id"] for cell in notebook(name)["cells"]] for name in (f"fr/{french}", f"en/{english}")]
    assert ids[0] == ids[1]


def meaning(source: str) -> str:
    """The code without what differs between languages: comments, and what is written in texts."""
    tree = ast.parse(without_magic(source))
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            node.value = ""
    return ast.dump(tree)


def without_magic(source: str) -> str:
    return re.sub(r"(?m)^(\s*)%pip.*$", r"\1pass", source)


@pytest.mark.parametrize("name", NAMES)
def test_no_mark_of_the_source_is_left_in_a_notebook(name: str) -> None:
    assert not re.search("[⟦⟧]", (WORKSHOP / f"{name}.ipynb").read_text(encoding="utf-8"))


def test_french_is_printed_as_french_is_but_code_and_addresses_stay_as_they_are() -> None:
    french = loaded("make_notebooks").french
    assert french("L'essai : 40 % de `a : b` !") == "L’essai\u00a0: 40\u202f% de `a : b`\u202f!"
    assert french("[l'étude](a'b.md)") == "[l’étude](a'b.md)"
