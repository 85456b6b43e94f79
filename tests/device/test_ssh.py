"""edge-opt on real boards behind SSH: made ready, measured, asked, and left as they were."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.device.at_length import at_length
from tests.device.conftest import MakeBoard
from tests.device.sshd import Board, has_namespaces
from tests.device.user import TINY, bench, edge_opt, on, refused, said, samples_ns
from tests.fixtures import tiny

pytestmark = pytest.mark.device
FOLDER = ".edge-opt"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Pictures whose labels are what numpy finds that the tiny classifier answers."""
    pictures = tiny.pictures(60)
    labels = tiny.answers(pictures).argmax(axis=1)
    np.savez(tmp_path / "data.npz", x=pictures, y=labels)
    return tmp_path / "data.npz"


def sent(board: Board) -> dict[str, int]:
    """Every file that was sent to the board, with what changes when it is sent anew."""
    folder = board.home / FOLDER
    kept = [*folder.glob("files/*/*"), *folder.glob("worker-*/*.py"), *folder.glob("packages-*/*/*.py")]
    return {str(one.relative_to(folder)): one.stat().st_ctime_ns for one in kept}


def test_a_board_without_internet_is_set_up_and_the_second_time_nothing_is_sent(make_board: MakeBoard) -> None:
    board = make_board(online=not has_namespaces())
    words: tuple[str | Path, ...] = ("device", "setup", board.address, "--runtime", "litert", "--format", "json")
    first = said(edge_opt(board, *words))
    assert first["works"]
    assert [one["name"] for one in first["runtimes"]] == ["litert"]
    there = sent(board)
    assert len(there) > 50
    assert said(edge_opt(board, *words))["works"]
    assert sent(board) == there


def test_check_says_what_the_board_is(board: Board) -> None:
    found = said(edge_opt(board, "device", "check", board.address, "--format", "json"))
    assert found["works"]
    machine = board.run("uname -m").stdout.strip()
    assert found["machine"]["machine"] == machine
    assert found["machine"]["board"] == ("Raspberry Pi 4 Model B Rev 1.5" if machine == "aarch64" else "")
    assert not board.processes()


def test_an_artifact_is_measured_and_is_not_sent_again(host_board: Board) -> None:
    board = host_board
    (row,) = said(edge_opt(board, *bench(board)))
    assert min(samples_ns(row)) > 0
    there = sent(board)
    assert any(name.endswith(".tflite") for name in there)
    assert said(edge_opt(board, *bench(board)))
    assert sent(board) == there
    assert not board.processes()
    assert not list((board.home / FOLDER / "jobs").iterdir())


def test_a_board_answers_as_numpy_does(board: Board, data: Path) -> None:
    found = said(edge_opt(board, "evaluate", TINY, *on(board), "-d", data, "--format", "json"))
    assert set(found[0]["accuracy"]["scores"]) == {1}


@at_length
def test_a_32_bit_board_answers_as_numpy_does(armhf_board: Board, data: Path) -> None:
    where = ("-t", "rpi3-32bit", "--device", armhf_board.address)
    found = said(edge_opt(armhf_board, "evaluate", TINY, *where, "-d", data, "--format", "json"))
    assert set(found[0]["accuracy"]["scores"]) == {1}


def test_a_model_is_optimized_for_a_board(host_board: Board, data: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    short = ("-r", "dynamic_int8", "--rounds", "2", "-o", out)
    done = edge_opt(host_board, "optimize", TINY, *on(host_board), "-d", data, *short)
    assert not done.returncode, done.stderr
    report = json.loads((out / "report.json").read_text())
    assert report["target"]["address"] == host_board.address
    assert "EO431" in done.stdout  # the board answers as this machine does
    assert not host_board.processes()


def test_the_gate_lets_an_unchanged_model_through_on_a_board(host_board: Board, tmp_path: Path) -> None:
    shutil.copy(TINY, tmp_path / "new.tflite")
    words: tuple[str | Path, ...] = (
        "gate",
        tmp_path / "new.tflite",
        "--baseline",
        TINY,
        *on(host_board),
        "--latency",
        "100%",
        "--load",
        "900%",
    )
    done = edge_opt(host_board, *words)
    assert not done.returncode, done.stdout + done.stderr


def test_no_shell_reads_the_name_of_a_file(host_board: Board, tmp_path: Path) -> None:
    name = "a b'c\"d;touch pwned;$(touch pwned)`touch pwned`&|*?\\ é"
    (tmp_path / name).mkdir()
    artifact = tmp_path / name / f"{name}.tflite"
    shutil.copy(TINY, artifact)
    words = bench(host_board, "-o", tmp_path / name / "out ' ; $(touch pwned)", artifact=artifact)
    assert said(edge_opt(host_board, *words))
    assert not [one for one in host_board.home.rglob("*") if "pwned" in one.name]
    assert not list(tmp_path.rglob("pwned"))


@pytest.mark.parametrize("start", [".bashrc", ".profile", ".bash_profile"])
def test_what_a_login_shell_prints_disturbs_nothing(host_board: Board, start: str) -> None:
    (host_board.home / start).write_text("echo welcome\necho '{}'\necho to stderr >&2\nprintf 'no end of line'\n")
    assert said(edge_opt(host_board, *bench(host_board)))


RELAY = """
import os, socket, sys, threading
with open({log!r}, "a") as log:
    log.write("login\\n")
there = socket.create_connection((sys.argv[1], int(sys.argv[2])))
def up():
    while data := os.read(0, 65536):
        there.sendall(data)
    there.shutdown(socket.SHUT_WR)
threading.Thread(target=up, daemon=True).start()
while data := there.recv(65536):
    os.write(1, data)
"""


def test_a_board_behind_a_jump_host_is_reached_by_one_connection(host_board: Board, tmp_path: Path) -> None:
    log, relay = tmp_path / "log", tmp_path / "relay.py"
    relay.write_text(RELAY.format(log=str(log)))
    ssh = host_board.folder / "bin/ssh"  # that of the user, whose configuration names the relay
    through = f'-o "ProxyCommand={sys.executable} {relay} %h %p" "$@"'
    ssh.write_text(ssh.read_text().replace('"$@"', through))
    assert said(edge_opt(host_board, *bench(host_board)))
    assert log.read_text().split() == ["login"]


def test_clean_leaves_nothing_and_may_be_asked_twice(board: Board) -> None:
    done = edge_opt(board, "device", "clean", board.address)
    assert not done.returncode, done.stderr
    assert not (board.home / FOLDER).exists()
    assert not board.processes()
    assert not edge_opt(board, "device", "clean", board.address).returncode


def test_clean_removes_no_folder_that_edge_opt_did_not_make(make_board: MakeBoard) -> None:
    board = make_board()
    (board.home / FOLDER).mkdir()
    (board.home / FOLDER / "photos").write_text("mine")
    refused(edge_opt(board, "device", "clean", board.address), "was not made by edge-opt")
    assert (board.home / FOLDER / "photos").read_text() == "mine"


def test_clean_follows_no_link_out_of_its_folder(host_board: Board) -> None:
    kept = host_board.home / "kept"
    (host_board.home / FOLDER).rename(kept)
    (host_board.home / FOLDER).symlink_to("kept")
    (kept / "photos").write_text("mine")
    refused(edge_opt(host_board, "device", "clean", host_board.address))
    assert (kept / "photos").exists()
