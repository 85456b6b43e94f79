"""The steps of action.yml and of the GitLab template, run here as their runners would run them.

Limits are so wide, or so narrow, that no clock decides: what is checked is what reaches the command and what it leaves.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.architecture.source import CHECKOUT
from tests.fixtures import tiny

ACTION = yaml.safe_load((CHECKOUT / "action.yml").read_text(encoding="utf-8"))
JOB = yaml.safe_load((CHECKOUT / "templates" / "edge-opt-gate.gitlab-ci.yml").read_text(encoding="utf-8"))[
    "edge-opt-gate"
]
RUNS = [step for step in ACTION["runs"]["steps"] if "run" in step]
# what no machine is slow enough for
WIDE = "1000%"
HOSTILE = "a $(touch hacked) `touch hacked` \"b\" 'c' ${HOME}; touch hacked"

needs_bash = pytest.mark.skipif(not shutil.which("bash"), reason="there is no bash, which runs the steps: install bash")
needs_git = pytest.mark.skipif(not shutil.which("git"), reason="there is no git, which has the baseline: install git")


# ── what a runner of GitHub does ────────────────────────────────────────────────────────────────────────────────────


@dataclass
class Ran:
    """What the steps of the action left."""

    code: int = 0
    log: str = ""
    steps: list[str] = field(default_factory=list)
    outputs: dict[str, str] = field(default_factory=dict)
    summary: str = ""


def act(folder: Path, **given: str) -> Ran:
    """Run the action with those inputs in ``folder``; its environment is this one, so that nothing is installed."""
    inputs = {name: str(one.get("default", "")) for name, one in ACTION["inputs"].items()}
    inputs |= {name.replace("_", "-"): text for name, text in given.items()}
    assert set(inputs) == set(ACTION["inputs"])
    temporary = folder / "runner temp"
    program(temporary / "edge-opt" / "bin")
    outputs, summary = temporary / "output", temporary / "summary"
    for path in (outputs, summary):
        path.touch()
    ran = Ran()
    for step in RUNS:
        if step["id"] == "install" or not wanted(step, inputs):
            continue
        script = temporary / f"{step['id']}.sh"
        script.write_text(step["run"])
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", str(script)],
            cwd=folder,
            env={
                **os.environ,
                **{name: evaluated(text, inputs) for name, text in step.get("env", {}).items()},
                "GITHUB_ACTION_PATH": str(CHECKOUT),
                "GITHUB_OUTPUT": str(outputs),
                "GITHUB_STEP_SUMMARY": str(summary),
                "RUNNER_TEMP": str(temporary),
            },
            capture_output=True,
            text=True,
        )
        ran.steps.append(step["id"])
        ran.code, ran.log = done.returncode, ran.log + done.stdout + done.stderr
        if ran.code:
            break
    ran.outputs = dict(line.split("=", 1) for line in outputs.read_text().splitlines())
    ran.summary = summary.read_text()
    return ran


def program(folder: Path) -> Path:
    """``edge-opt`` of this environment, in ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "edge-opt"
    path.write_text(f'#!/bin/sh\nPYTHONPATH="{CHECKOUT}" exec "{sys.executable}" -m edge_opt "$@"\n')
    path.chmod(0o755)
    return path


def evaluated(text: str, inputs: Mapping[str, str]) -> str:
    """An expression of the action, as far as it has any."""
    return re.sub(
        r"\$\{\{ ([\w.-]+) \}\}",
        lambda match: inputs[match[1].removeprefix("inputs.")] if match[1].startswith("inputs.") else sys.executable,
        str(text),
    )


def wanted(step: Mapping[str, Any], inputs: Mapping[str, str]) -> bool:
    if "if" not in step:
        return True
    asked = re.fullmatch(r"inputs\.([\w-]+) == '(\w*)'", step["if"])
    assert asked, step["if"]
    return inputs[asked[1]] == asked[2]


@pytest.fixture
def models(tmp_path: Path) -> Path:
    """A folder with ``base.tflite``, a copy of it, and another that is larger."""
    shutil.copy(tiny.FILES["tflite"], tmp_path / "base.tflite")
    shutil.copy(tiny.FILES["tflite"], tmp_path / "same.tflite")
    (tmp_path / "larger.tflite").write_bytes(tiny.FILES["tflite"].read_bytes() + bytes(4_096))
    return tmp_path


@pytest.mark.slow
@needs_bash
def test_the_action_lets_a_copy_pass(models: Path) -> None:
    ran = act(models, candidate="same.tflite", baseline="base.tflite", latency=WIDE, budget="10s")
    assert ran.code == 0, ran.log
    assert ran.steps == ["gate"]
    assert ran.outputs["outcome"] == "ok"
    assert set(ran.outputs) == set(ACTION["outputs"])
    assert re.search(r"(?m)^::notice title=edge-opt gate::same\.tflite against base\.tflite: ok", ran.log)
    assert "| latency " in ran.summary
    assert "<testsuites" in Path(ran.outputs["junit"]).read_text(encoding="utf-8")
    assert json.loads(Path(ran.outputs["json"]).read_text(encoding="utf-8"))["candidate"]["name"] == "same.tflite"


@pytest.mark.slow
@needs_bash
def test_the_action_fails_on_a_regression_and_still_leaves_everything(models: Path) -> None:
    ran = act(models, candidate="larger.tflite", baseline="base.tflite", latency="off", compressed="off", size="2%")
    assert ran.code == 1, ran.log
    assert ran.outputs["outcome"] == "regressed"
    assert re.search(r"(?m)^::error title=size regressed::", ran.log)
    assert "**size regressed**" in ran.summary
    assert "<failure" in Path(ran.outputs["junit"]).read_text(encoding="utf-8")


@pytest.mark.slow
@needs_bash
def test_the_action_takes_every_input_as_it_is(models: Path) -> None:
    name = HOSTILE.replace("/", "_")
    for suffix in ("base", "new"):
        shutil.copy(models / "base.tflite", models / f"{name} {suffix}.tflite")
    ran = act(
        models,
        candidate=f"{name} new.tflite",
        baseline=f"{name} base.tflite",
        latency="off",
        arguments="--quiet\n-o\nraw samples $(touch hacked)\n",
    )
    assert ran.code == 0, ran.log
    assert ran.outputs["outcome"] == "ok"
    assert not list(models.rglob("hacked"))


@pytest.mark.slow
@needs_bash
@pytest.mark.parametrize("given", [{"baseline": "gone.tflite"}, {"baseline": "base.tflite", "latency": HOSTILE}, {}])
def test_what_goes_wrong_in_the_action_is_no_silent_pass(models: Path, given: dict[str, str]) -> None:
    ran = act(models, candidate="same.tflite", **given)
    assert ran.code == 2
    assert "outcome" not in ran.outputs
    assert "error: " in ran.log
    assert not list(models.rglob("hacked"))


def test_no_script_of_the_action_has_an_expression_in_it() -> None:
    assert not [step["id"] for step in RUNS if "${{" in step["run"]]


def test_every_input_of_the_action_is_used_and_says_what_it_is() -> None:
    text = (CHECKOUT / "action.yml").read_text(encoding="utf-8").partition("\nruns:\n")[2]
    assert all(one["description"] for one in (*ACTION["inputs"].values(), *ACTION["outputs"].values()))
    assert not [name for name in ACTION["inputs"] if f"inputs.{name} " not in text]


def asked_for(step_id: str, folder: Path, **surrounding: str) -> list[str]:
    """The words that a step gives to the programs of its environment, which only write them down: it takes minutes."""
    (step,) = (step for step in RUNS if step["id"] == step_id)
    bin = folder / "temp" / "edge-opt" / "bin"
    bin.mkdir(parents=True)
    for name in ("python", "edge-opt"):
        (bin / name).write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" >>"{folder}/asked"\n')
        (bin / name).chmod(0o755)
    known = dict.fromkeys(step["env"], "") | {"PYTHON": str(bin / "python"), "RUNNER_TEMP": str(folder / "temp")}
    subprocess.run(["bash", "-e", "-c", step["run"]], env={**os.environ, **known, **surrounding}, check=True)
    return (folder / "asked").read_text().splitlines()


@needs_bash
def test_the_action_installs_its_own_checkout_with_the_extras(tmp_path: Path) -> None:
    asked = asked_for("install", tmp_path, GITHUB_ACTION_PATH="/a b/edge-opt", INPUT_EXTRAS="litert,images")
    assert asked[:3] == ["-m", "venv", str(tmp_path / "temp" / "edge-opt")]
    assert asked[-1] == "/a b/edge-opt[litert,images]"


@needs_bash
@pytest.mark.parametrize(("extras", "installed"), [("litert", "[litert,gate]"), ("", "[gate]")])
def test_the_action_installs_what_a_history_needs_by_itself(tmp_path: Path, extras: str, installed: str) -> None:
    given = {"GITHUB_ACTION_PATH": "/edge-opt", "INPUT_EXTRAS": extras, "INPUT_AGAINST": "a history.jsonl"}
    assert asked_for("install", tmp_path, **given)[-1] == f"/edge-opt{installed}"


@needs_bash
def test_the_action_calibrates_at_the_limit_that_it_will_hold(tmp_path: Path) -> None:
    asked = asked_for("calibrate", tmp_path, INPUT_BASELINE="a base.tflite", INPUT_LATENCY="3%", INPUT_THREADS="2")
    assert asked == ["gate", "calibrate", "--latency=3%", "--threads=2", "--", "a base.tflite"]


def test_calibrating_is_asked_for() -> None:
    (step,) = (step for step in RUNS if step["id"] == "calibrate")
    assert not wanted(step, {"calibrate": ACTION["inputs"]["calibrate"]["default"]})
    assert wanted(step, {"calibrate": "true"})


# ── what a runner of GitLab does ────────────────────────────────────────────────────────────────────────────────────


def git(folder: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=n", "-c", "user.email=n@example.org"]
    subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A clone of one commit, of a project with ``models/a model.tflite`` on its branch ``main``."""
    origin = tmp_path / "origin"
    (origin / "models").mkdir(parents=True)
    shutil.copy(tiny.FILES["tflite"], origin / "models" / "a model.tflite")
    git(origin, "init", "--quiet", "--initial-branch=main")
    git(origin, "add", "--all")
    git(origin, "commit", "--quiet", "--message", "a model")
    git(tmp_path, "clone", "--quiet", "--depth=1", f"file://{origin}", "project")
    return tmp_path / "project"


def job(project: Path, shell: str = "sh", **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the job's script in one shell, as a runner does, without its installation."""
    program(project.parent / "bin")
    lines = [line for line in (*JOB["before_script"], *JOB["script"]) if "python -m pip install" not in line]
    assert len(lines) == len(JOB["script"])
    given = {
        **JOB["variables"],
        "EDGE_OPT_CANDIDATE": "models/a model.tflite",
        "CI_DEFAULT_BRANCH": "main",
        "PATH": f"{project.parent / 'bin'}{os.pathsep}{os.environ['PATH']}",
        **variables,
    }
    return subprocess.run(
        [shell, "-e", "-c", "\n".join(lines)], cwd=project, env={**os.environ, **given}, capture_output=True, text=True
    )


@pytest.mark.slow
@needs_git
def test_the_gitlab_job_compares_with_the_branch_that_it_merges_into(project: Path) -> None:
    done = job(project, EDGE_OPT_LATENCY=WIDE, EDGE_OPT_BUDGET="10s")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "models/a model.tflite against .edge-opt-baseline/models/a model.tflite" in done.stdout
    for name in (*JOB["artifacts"]["paths"], *JOB["artifacts"]["reports"].values()):
        assert (project / name).stat().st_size
    (issue,) = json.loads((project / JOB["artifacts"]["reports"]["codequality"]).read_text())
    assert issue["check_name"] == "EO907"  # both are the same file
    again = job(project, EDGE_OPT_LATENCY="off", CI_MERGE_REQUEST_TARGET_BRANCH_NAME="gone")
    assert again.returncode not in (0, 1, 3)


@pytest.mark.slow
@needs_git
@needs_bash
def test_the_gitlab_job_fails_on_a_regression(project: Path) -> None:
    model = project / "models" / "a model.tflite"
    model.write_bytes(model.read_bytes() + bytes(4_096))
    done = job(project, "bash", EDGE_OPT_LATENCY="off", EDGE_OPT_COMPRESSED="off")
    assert done.returncode == 1, done.stdout + done.stderr
    (issue,) = json.loads((project / JOB["artifacts"]["reports"]["codequality"]).read_text())
    assert issue["severity"] == "major"
    assert issue["location"]["path"] == "models/a model.tflite"
    assert "<failure" in (project / JOB["artifacts"]["reports"]["junit"]).read_text()


@pytest.mark.slow
@needs_git
def test_the_gitlab_job_runs_nothing_that_a_variable_holds(project: Path) -> None:
    for name in ("EDGE_OPT_LATENCY", "EDGE_OPT_BASELINE", "EDGE_OPT_CANDIDATE", "EDGE_OPT_DATA"):
        done = job(project, **{name: HOSTILE})
        assert done.returncode == 2, name
        assert "error: " in done.stderr
    assert not list(project.rglob("hacked"))


@pytest.fixture
def asked_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """The words that the whole job gives to ``edge-opt`` and ``python``, which only write them down."""
    bin = tmp_path / "bin"
    bin.mkdir()
    for name in ("python", "edge-opt"):
        (bin / name).write_text(f'#!/bin/sh\nprintf "%s\\n" {name} "$@" >>"{tmp_path}/asked"\n')
        (bin / name).chmod(0o755)

    def asked(**variables: str) -> list[str]:
        (tmp_path / "asked").unlink(missing_ok=True)
        given = {**JOB["variables"], "PATH": f"{bin}{os.pathsep}{os.environ['PATH']}", **variables}
        lines = "\n".join([*JOB["before_script"], *JOB["script"]])
        subprocess.run(["sh", "-e", "-c", lines], cwd=tmp_path, env={**os.environ, **given}, check=True)
        return (tmp_path / "asked").read_text().splitlines()

    return asked


OF_THE_RUNNER = {"candidate", "calibrate", "arguments", "extras", "python-version"}


@pytest.mark.parametrize("name", [name for name in ACTION["inputs"] if name not in OF_THE_RUNNER])
def test_the_gitlab_job_takes_what_the_action_takes(asked_of: Callable[..., list[str]], name: str) -> None:
    words = {"EDGE_OPT_BASELINE": "a b", f"EDGE_OPT_{name.upper()}": "a $b"}
    assert f"EDGE_OPT_{name.upper()}" in JOB["variables"]
    assert f"--{name}=a $b" in asked_of(**words)


def test_the_gitlab_job_gives_no_option_that_was_not_asked_for(asked_of: Callable[..., list[str]]) -> None:
    asked = asked_of(EDGE_OPT_BASELINE="a b", EDGE_OPT_CANDIDATE="c")
    given = [word for word in asked[asked.index("edge-opt") :] if not word.startswith("--report=")]
    assert given == ["edge-opt", "gate", "check", "--baseline=a b", "--", "c"]
    assert asked[: asked.index("edge-opt")] == ["python", "-m", "pip", "install", "--quiet", "edge-opt[litert]"]


def test_the_gitlab_job_needs_no_branch_where_it_has_a_history(asked_of: Callable[..., list[str]]) -> None:
    asked = asked_of(EDGE_OPT_AGAINST="a history.jsonl")  # in a folder where git would fail
    assert "--against=a history.jsonl" in asked
    assert not [word for word in asked if word.startswith("--baseline")]
    assert "edge-opt[gate]" in asked


def test_cannot_tell_is_a_warning_of_the_gitlab_job() -> None:
    assert JOB["allow_failure"] == {"exit_codes": 3}
    assert JOB["artifacts"]["when"] == "always"
