"""What docs/ci.md tells people to paste is understood: by the action, the job and the hook that it names."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

from edge_opt.results.gate import FORMATS
from tests.docs.pages import CHECKOUT, page

PAGE = page("docs/ci.md")
GITHUB, GITLAB, HOOK = (yaml.safe_load(block) for block in PAGE.blocks("yaml"))


def loaded(name: str) -> Any:
    return yaml.safe_load((CHECKOUT / name).read_text(encoding="utf-8"))


def test_the_workflow_of_github_has_about_ten_lines_and_only_inputs_that_exist() -> None:
    inputs = loaded("action.yml")["inputs"]
    (job,) = GITHUB["jobs"].values()
    given = job["steps"][-1]["with"]
    assert set(given) <= set(inputs)
    assert {name for name, one in inputs.items() if one.get("required")} <= set(given)
    assert len(next(PAGE.blocks("yaml")).splitlines()) <= 12


@pytest.mark.parametrize("name", loaded("action.yml")["inputs"])
def test_every_input_of_the_action_is_documented(name: str) -> None:
    assert re.search(rf"(?m)^\|[^|]*`{name}`", PAGE.text)


@pytest.mark.parametrize("name", loaded("action.yml")["outputs"])
def test_every_output_of_the_action_is_documented(name: str) -> None:
    assert f"`{name}`" in PAGE.text


def test_the_job_of_gitlab_gives_only_variables_that_exist() -> None:
    template = loaded("templates/edge-opt-gate.gitlab-ci.yml")["edge-opt-gate"]
    assert set(GITLAB["edge-opt-gate"]["variables"]) <= set(template["variables"])
    assert GITLAB["include"][0]["remote"].endswith("/templates/edge-opt-gate.gitlab-ci.yml")


def test_the_hook_of_the_page_exists() -> None:
    known = {one["id"] for one in loaded(".pre-commit-hooks.yaml")}
    assert {hook["id"] for repo in HOOK["repos"] for hook in repo["hooks"]} == known


@pytest.mark.parametrize("format", FORMATS)
def test_every_format_of_the_gate_is_documented(format: str) -> None:
    assert f"\n| `{format}` |" in PAGE.text
