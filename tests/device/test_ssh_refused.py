"""What can be wrong with a board: each is one sentence, what to do, and exit code 2."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.device.conftest import MakeBoard
from tests.device.sshd import Board, has_namespaces
from tests.device.user import bench, edge_opt, refused, said

pytestmark = pytest.mark.device
QUIET = "-q"
needs_room_of_its_own = pytest.mark.skipif(
    not has_namespaces(), reason="filling a board's disk needs root: run the device tests as root"
)


def fake_python(board: Board, *lines: str) -> None:
    """Put a ``python3`` before the real one of the board."""
    folder = board.home / "bin"
    folder.mkdir()
    (folder / "python3").write_text("\n".join(["#!/bin/sh", *lines, ""]))
    (folder / "python3").chmod(0o755)
    home = board.run("pwd").stdout.strip()
    board.set_variable("PATH", f"{home}/bin:/usr/bin:/bin")


def patched_python(board: Board, patch: str) -> None:
    """Let the board's Python say something else about itself."""
    fake_python(board, f'shift 2; exec /usr/bin/python3 -I -c "import platform; {patch}', '$1" "$@"')


def test_a_changed_host_key_is_not_talked_away(host_board: Board) -> None:
    host_board.change_host_key()
    refused(edge_opt(host_board, *bench(host_board), QUIET), "host key", "has changed", "ssh-keygen -R")


def test_an_unknown_host_key_is_met_by_hand(make_board: MakeBoard) -> None:
    board = make_board(known=False)
    refused(edge_opt(board, "device", "check", board.address, QUIET), "does not know the host key", "by hand")


def test_a_key_that_the_board_does_not_take_is_one_sentence(host_board: Board) -> None:
    host_board.change_user_key()
    refused(edge_opt(host_board, *bench(host_board), QUIET), "refuses the login", "ssh-copy-id")


def test_a_user_that_the_board_does_not_have_is_one_sentence(host_board: Board) -> None:
    address = host_board.address.replace(f"{host_board.user}@", "nobody-here@")
    refused(edge_opt(host_board, "device", "check", address, QUIET), "refuses the login", "nobody-here@127.0.0.1")


def test_a_board_that_is_off_is_one_sentence(host_board: Board) -> None:
    host_board.stop()
    refused(edge_opt(host_board, *bench(host_board), QUIET), "refuses SSH connections")


def test_a_host_that_is_not_there_is_one_sentence(host_board: Board) -> None:
    refused(edge_opt(host_board, "device", "check", "ssh://pi@no-such-host.invalid", QUIET), "no-such-host.invalid")


@pytest.mark.parametrize("address", ["ssh://-oProxyCommand=touch", "pi@host", "ssh://pi:secret@host", "ssh://h:0", ""])
def test_what_is_no_address_is_never_given_to_ssh(make_board: MakeBoard, address: str) -> None:
    done = edge_opt(make_board(), "device", "check", address, QUIET)
    refused(done, "address")
    assert "secret" not in done.stderr


def test_a_board_that_is_not_set_up_says_how(make_board: MakeBoard) -> None:
    board = make_board()
    for words in (bench(board), ("device", "check", board.address)):
        refused(edge_opt(board, *words, QUIET), "not set up yet", f"edge-opt device setup {board.address}")


@needs_room_of_its_own
def test_a_full_disk_is_one_sentence_and_works_again_when_there_is_room(host_board: Board) -> None:
    host_board.fill_disk()
    refused(edge_opt(host_board, *bench(host_board), QUIET), "disk", "full", "edge-opt device clean")
    host_board.free_disk()
    assert said(edge_opt(host_board, *bench(host_board)))


@needs_room_of_its_own
def test_a_disk_that_is_too_small_for_the_runtimes_is_one_sentence(make_board: MakeBoard) -> None:
    board = make_board()
    board.limit_disk(60 * 2**20)
    setup = ("device", "setup", board.address, "--runtime", "litert", QUIET)
    refused(edge_opt(board, *setup), "disk", "full")
    assert not edge_opt(board, "device", "clean", board.address).returncode
    assert not (board.home / ".edge-opt").exists()


@needs_room_of_its_own
def test_a_full_disk_can_be_cleaned(host_board: Board) -> None:
    host_board.fill_disk()
    assert not edge_opt(host_board, "device", "clean", host_board.address).returncode
    assert not (host_board.home / ".edge-opt").exists()


def test_a_board_without_python_is_one_sentence(make_board: MakeBoard) -> None:
    board = make_board()
    (board.home / "empty").mkdir()
    board.set_variable("PATH", f"{board.run('pwd').stdout.strip()}/empty")
    refused(edge_opt(board, "device", "check", board.address, QUIET), "Python", "apt install python3")


def test_a_python_that_crashes_is_one_sentence(make_board: MakeBoard) -> None:
    board = make_board()
    fake_python(board, "kill -SEGV $$")
    refused(edge_opt(board, "device", "check", board.address, QUIET, impatient=True))


def test_a_python_that_says_nothing_is_one_sentence(make_board: MakeBoard) -> None:
    board = make_board()
    fake_python(board, "exit 0")
    refused(edge_opt(board, "device", "check", board.address, QUIET))


def test_a_python_that_is_too_old_is_one_sentence(make_board: MakeBoard) -> None:
    board = make_board()
    patched_python(board, "platform.python_version = lambda: '3.6.9'")
    refused(edge_opt(board, "device", "setup", board.address, "--runtime", "litert", QUIET), "3.6")


@pytest.mark.parametrize(
    ("patch", "word"),
    [
        ("platform.machine = lambda: 'riscv64'", "riscv64"),
        ("platform.machine = lambda: 'armv6l'; import struct; struct.calcsize = lambda _: 4", "armv6l"),
        ("platform.libc_ver = lambda: ('', '')", "C library"),
    ],
)
def test_a_board_that_no_wheel_fits_is_one_sentence(make_board: MakeBoard, patch: str, word: str) -> None:
    board = make_board()
    patched_python(board, patch)
    refused(edge_opt(board, "device", "setup", board.address, QUIET), "cannot run models", word)


def test_a_start_file_that_ends_the_session_is_one_sentence(host_board: Board) -> None:
    (host_board.home / ".bashrc").write_text("echo go away; exit 3\n")
    refused(edge_opt(host_board, *bench(host_board), QUIET), "gives no answer")


@pytest.mark.parametrize(
    "says",
    [
        "print('garbage')",
        "import os; os.write(1, bytes(range(256)) * 4096)",
        "print('{\"protocol\": 1')",
        "print('[]')",
        "print('{}')",
        "import os; os._exit(7)",
        "import os; os.kill(os.getpid(), 11)",
        "",
    ],
)
def test_a_worker_that_answers_garbage_is_one_sentence(host_board: Board, says: str) -> None:
    (packages,) = (host_board.home / ".edge-opt").glob("packages-*")
    # what Python runs before any program
    (packages / "sitecustomize.py").write_text(f"{says}\nimport os, sys\nsys.stdout.flush()\nos._exit(0)\n")
    refused(edge_opt(host_board, *bench(host_board), QUIET), hint=False)


def test_a_worker_that_is_damaged_on_the_board_is_sent_again(host_board: Board) -> None:
    assert said(edge_opt(host_board, *bench(host_board)))
    for one in (host_board.home / ".edge-opt").rglob("worker.py"):
        one.write_text("print('garbage')")
    assert said(edge_opt(host_board, *bench(host_board)))


def test_a_runtime_that_is_broken_on_the_board_is_one_sentence(host_board: Board) -> None:
    for one in (host_board.home / ".edge-opt").glob("packages-*/ai_edge_litert/*.so"):
        one.write_bytes(b"no library")
    refused(edge_opt(host_board, *bench(host_board), QUIET))
    done = edge_opt(host_board, "device", "check", host_board.address, QUIET)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert "error: litert: " in done.stderr


def test_an_artifact_that_the_board_has_no_runtime_for_is_one_sentence(host_board: Board) -> None:
    tiny_onnx = Path(__file__).parents[1] / "fixtures" / "tiny.onnx"
    refused(edge_opt(host_board, *bench(host_board, artifact=tiny_onnx), QUIET), "edge-opt device setup")
