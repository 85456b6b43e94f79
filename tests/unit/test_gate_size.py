"""``edge-opt gate size`` in repositories of its own, as a pre-commit hook runs it."""

from __future__ import annotations

import gzip
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from edge_opt import units
from edge_opt.cli.gate_size import size
from edge_opt.errors import InputError
from tests.architecture.source import CHECKOUT
from tests.fixtures import external, tiny

pytestmark = pytest.mark.skipif(not shutil.which("git"), reason="there is no git, which it compares with: install git")

POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:{0}\nsize {1}\n"
NETWORK = '<?xml version="1.0"?>\n<net name="tiny" version="11"></net>\n'


def git(folder: Path, *arguments: str) -> None:
    subprocess.run(
        ["git", "-c", "user.name=n", "-c", "user.email=n@example.org", *arguments],
        cwd=folder,
        check=True,
        capture_output=True,
    )


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with ``models/a model.tflite`` of 10,000 bytes in its only commit; the current folder."""
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    top = tmp_path / "a repository"
    (top / "models").mkdir(parents=True)
    (top / "models" / "a model.tflite").write_bytes(b"x" * 10_000)
    git(top, "init", "--quiet")
    commit(top)
    monkeypatch.chdir(top)
    return top


def commit(folder: Path) -> None:
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "models")


def run(*words: str) -> Result:
    return CliRunner().invoke(size, words, catch_exceptions=False)


MODEL = "models/a model.tflite"


@pytest.mark.parametrize(
    ("size_bytes", "status", "said", "code"),
    [
        (10_000, "ok", "as in HEAD", 0),
        (9_000, "ok", "-10.00% since HEAD", 0),
        (10_200, "ok", "+2.00% since HEAD", 0),
        (10_201, "grown", "+2.01% since HEAD: more than --size 2%", 1),
    ],
)
def test_a_file_may_grow_by_two_percent(repository: Path, size_bytes: int, status: str, said: str, code: int) -> None:
    (repository / MODEL).write_bytes(b"x" * size_bytes)
    found = run(MODEL)
    assert found.output.startswith(f"{status}  {MODEL}  ")
    assert found.output.endswith(f", {said}\n")
    assert found.exit_code == code


def test_each_file_has_its_line_with_its_size_after_gzip(repository: Path) -> None:
    content = bytes(range(256)) * 40
    (repository / "new.onnx").write_bytes(content)
    found = run("new.onnx", MODEL, "new.onnx")
    assert found.exit_code == 0
    new, old = found.output.splitlines()
    assert new == f"new  new.onnx  10.00 KiB (gzip {len(gzip.compress(content, 6))} B), not in HEAD"
    assert old.startswith("ok ")


def test_a_new_file_may_not_be_larger_than_the_most_that_is_allowed(repository: Path) -> None:
    (repository / "new.onnx").write_bytes(bytes(5_001))
    found = run("--max", "5kB", "new.onnx")
    assert found.exit_code == 1
    assert found.output.startswith("too large  new.onnx  4.88 KiB")
    assert found.output.endswith(", not in HEAD: more than --max 5kB\n")


def test_another_commit_can_be_what_is_compared_with(repository: Path) -> None:
    (repository / MODEL).write_bytes(b"x" * 20_000)
    commit(repository)
    assert run(MODEL).exit_code == 0
    found = run("--rev", "HEAD~1", MODEL)
    assert found.exit_code == 1
    assert "+100.00% since HEAD~1" in found.output


def test_everything_is_new_before_the_first_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    git(tmp_path, "init", "--quiet")
    (tmp_path / "new.onnx").write_bytes(bytes(100))
    monkeypatch.chdir(tmp_path)
    found = run("new.onnx")
    assert found.output.startswith("new  new.onnx  100 B ")
    assert found.exit_code == 0


def test_a_network_of_openvino_counts_with_its_weights(repository: Path) -> None:
    (repository / "net.xml").write_text(NETWORK)
    (repository / "net.bin").write_bytes(bytes(1_000))
    commit(repository)
    (repository / "net.bin").write_bytes(bytes(1_100))
    for words in (["net.xml"], ["net.bin"], ["net.bin", "net.xml"]):
        found = run(*words)
        assert found.exit_code == 1
        assert found.output.startswith("grown  net.xml  ")
        assert len(found.output.splitlines()) == 1


def test_weights_that_are_new_count_whole(repository: Path) -> None:
    (repository / "net.xml").write_text(NETWORK)
    commit(repository)
    (repository / "net.bin").write_bytes(bytes(1_000))
    assert run("net.xml").output.startswith("grown  net.xml  ")


def test_an_onnx_graph_counts_with_its_external_data(repository: Path) -> None:
    graph = external.written(repository / "net.onnx", "net.onnx.data")
    data = repository / "net.onnx.data"
    commit(repository)
    whole = graph.stat().st_size + data.stat().st_size
    assert f"net.onnx  {units.format_bytes(whole)} (gzip" in run("net.onnx").output
    data.write_bytes(data.read_bytes() + bytes(whole // 10))
    for words in (["net.onnx"], ["net.onnx.data"], ["net.onnx.data", "net.onnx"]):
        found = run(*words)
        assert found.exit_code == 1
        assert found.output.startswith("grown  net.onnx  ")
        assert len(found.output.splitlines()) == 1


def test_external_data_count_under_the_name_that_they_had_at_the_commit(repository: Path) -> None:
    external.written(repository / "net.onnx", "old/all weights")
    commit(repository)
    shutil.rmtree(repository / "old")
    external.written(repository / "net.onnx", "net.onnx.data")
    assert run("net.onnx").output.startswith("ok  net.onnx  ")


def test_weights_that_moved_out_of_the_graph_are_no_growth(repository: Path) -> None:
    shutil.copy(tiny.FILES["onnx"], repository / "net.onnx")
    commit(repository)
    external.written(repository / "net.onnx", "net.onnx_data")
    found = run("--size", "5%", "net.onnx_data")  # what the graph says about them takes some bytes
    assert found.output.startswith("ok  net.onnx  ")


def test_external_data_that_git_does_not_keep_are_no_growth(repository: Path) -> None:
    (repository / ".gitignore").write_text("*.data\n")
    external.written(repository / "net.onnx", "net.onnx.data")
    commit(repository)
    assert run("net.onnx").output.endswith("as in HEAD\n")


def test_external_data_beside_a_graph_in_git_lfs_are_found_by_the_graph_that_was_fetched(repository: Path) -> None:
    external.written(repository / "net.onnx", "net.onnx.data")
    fetched = {path: path.read_bytes() for path in repository.glob("net.*")}
    for path, content in fetched.items():
        path.write_text(POINTER.format("0" * 64, len(content)))
    commit(repository)
    for path, content in fetched.items():
        path.write_bytes(content)
    assert run("net.onnx").output.endswith("as in HEAD\n")
    (repository / "net.onnx.data").write_bytes(bytes(5_000))
    assert run("net.onnx").output.startswith("grown  net.onnx  ")


def test_external_data_that_are_missing_are_named(repository: Path) -> None:
    external.written(repository / "net.onnx", "net.onnx.data")
    (repository / "net.onnx.data").unlink()
    assert "'net.onnx.data', which is not there" in refused("net.onnx").message


def test_other_xml_may_grow_as_it_likes(repository: Path) -> None:
    (repository / "strings.xml").write_text("<resources/>")
    (repository / "strings.bin").write_bytes(bytes(10))
    commit(repository)
    (repository / "strings.xml").write_text("<resources>" + " " * 1_000 + "</resources>")
    found = run("strings.xml", "strings.bin")
    assert found.exit_code == 0
    skipped, other = found.output.splitlines()
    assert skipped == "skipped  strings.xml  not an OpenVINO network"
    assert other.startswith("ok       strings.bin  ")


def test_a_pointer_of_git_lfs_counts_as_what_it_stands_for(repository: Path) -> None:
    stored = repository / "large.tflite"
    stored.write_text(POINTER.format("0" * 64, 1_000_000))
    commit(repository)
    assert "976.56 KiB, as in HEAD" in run("large.tflite").output  # nothing to compress: it is not here
    stored.write_text(POINTER.format("1" * 64, 1_030_000))
    assert run("large.tflite").exit_code == 1
    stored.write_bytes(bytes(1_010_000))  # as it is once it was fetched
    found = run("large.tflite")
    assert "+1.00% since HEAD" in found.output
    assert found.exit_code == 0


def test_a_link_counts_as_what_it_leads_to(repository: Path) -> None:
    (repository / "latest.tflite").symlink_to(MODEL)
    commit(repository)
    (repository / MODEL).write_bytes(b"x" * 10_100)
    found = run("latest.tflite")
    assert "+1.00% since HEAD" in found.output
    assert found.exit_code == 0


def test_a_hook_of_another_repository_does_not_mislead(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_DIR", str(repository.parent / "elsewhere" / ".git"))
    assert run(MODEL).output.endswith("as in HEAD\n")


# ── what goes wrong ─────────────────────────────────────────────────────────────────────────────────────────────────


def refused(*words: str) -> InputError:
    with pytest.raises(InputError) as caught:
        run(*words)
    assert caught.value.exit_code == 2
    assert caught.value.hint
    return caught.value


def test_a_missing_file_is_named(repository: Path) -> None:
    assert "'models/gone.tflite'" in refused("models/gone.tflite").message


@pytest.mark.parametrize(("option", "text"), [("--size", "2"), ("--size", "-1%"), ("--max", "8")])
def test_a_limit_that_is_refused_is_named_with_its_option(repository: Path, option: str, text: str) -> None:
    assert refused(f"{option}={text}", MODEL).message.startswith(f"{option}: ")


@pytest.mark.parametrize("folder", [".", "models"])
def test_a_folder_is_not_called_missing(repository: Path, folder: str) -> None:
    error = refused(MODEL, folder)
    assert error.message == f"'{folder}' is a folder"
    assert error.hint.endswith("*.tflite")


def test_an_empty_file_is_no_model_and_passes_only_where_it_may_be_something_else(repository: Path) -> None:
    for name in ("m.tflite", "net.onnx", "pom.xml", "firmware.bin"):
        (repository / name).touch()
    assert refused("m.tflite").message == "'m.tflite' is empty"
    assert refused(MODEL, "net.onnx").message == "'net.onnx' is empty"
    assert run("pom.xml", "firmware.bin").exit_code == 0


@pytest.mark.parametrize("rev", ["nobody", "-h", "^HEAD", f"HEAD:{MODEL}", "HEAD HEAD", ""])
def test_an_unknown_commit_is_named(repository: Path, rev: str) -> None:
    assert f"'{rev}'" in refused(f"--rev={rev}", MODEL).message


def test_a_folder_without_git_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    (tmp_path / "a.tflite").write_bytes(b"x")
    assert "is in no git repository" in refused(str(tmp_path / "a.tflite")).message


def test_no_git_is_said(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert "git is not installed" in refused(MODEL).message


def partial_clone(repository: Path) -> Path:
    """A clone without the content of older commits, whose remote cannot be reached."""
    (repository / MODEL).write_bytes(b"y" * 20_000)
    commit(repository)
    git(repository, "config", "uploadpack.allowFilter", "true")
    git(repository.parent, "clone", "--quiet", "--filter=blob:none", repository.as_uri(), "a clone")
    clone = repository.parent / "a clone"
    git(clone, "remote", "set-url", "origin", (repository.parent / "gone").as_uri())
    return clone


def test_a_file_whose_content_a_partial_clone_lacks_is_not_new(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(partial_clone(repository))
    assert run(MODEL).output.endswith("as in HEAD\n")
    error = refused("--rev", "HEAD~1", MODEL)
    assert "git cannot read '" in error.message
    assert MODEL in error.message
    Path("new.onnx").write_bytes(bytes(10))
    assert run("--rev", "HEAD~1", "new.onnx").output.startswith("new  ")  # the tree is there, and says so


# ── the hook ────────────────────────────────────────────────────────────────────────────────────────────────────────


def hook() -> dict[str, str]:
    (found,) = yaml.safe_load((CHECKOUT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))
    return dict(found)


def test_the_hook_is_run_on_every_kind_of_artifact() -> None:
    wanted = re.compile(hook()["files"])
    assert all(wanted.search(f"models/a b{suffix}") for suffix in (".tflite", ".onnx", ".xml", ".bin"))
    assert not wanted.search("models/tflite.py")


@pytest.mark.slow
def test_the_hook_stops_a_commit_that_makes_a_model_grow(repository: Path) -> None:
    # what pre-commit does: the words of the entry from the environment that it has made, then the files
    words = shlex.split(hook()["entry"])
    assert words[0] == "edge-opt"
    line = shlex.join([sys.executable, "-m", "edge_opt", *words[1:]])
    script = repository / ".git" / "hooks" / "pre-commit"
    staged = "git diff --cached --name-only --diff-filter=AM -z"
    script.write_text(
        f"#!/bin/sh\nPYTHONPATH={shlex.quote(str(CHECKOUT))}; export PYTHONPATH\n{staged} | xargs -0 {line}\n"
    )
    script.chmod(0o755)
    (repository / MODEL).write_bytes(b"x" * 10_100)
    commit(repository)
    (repository / MODEL).write_bytes(b"x" * 12_000)
    with pytest.raises(subprocess.CalledProcessError) as caught:
        commit(repository)
    assert b"grown" in caught.value.stdout + caught.value.stderr
