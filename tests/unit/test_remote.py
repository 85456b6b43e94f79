"""A board behind SSH, as far as a program that stands in for ssh reaches: what is sent, kept, run again and said."""

from __future__ import annotations

import fcntl
import json
import logging
import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import edge_opt
from edge_opt.devices.ssh import SshDevice, worker
from edge_opt.errors import DeviceError, DeviceLost, InputError, MissingPackage, StepFailed, TimedOut
from edge_opt.limits import Completed
from edge_opt.remote import Address, Board, Member, Parcel, address_of, parcels
from edge_opt.remote import board as boards
from edge_opt.remote.connection import said_by_ssh
from edge_opt.remote.said import answer_in
from edge_opt.runtimes import shelf
from tests.fixtures import fake_ssh, tiny

ADDRESS = "ssh://pi@board"
HOSTILE = "a b'c\"d;$(touch hacked)&|é"


@pytest.fixture
def ssh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of an ``ssh`` that reaches a board of its own."""
    folder = fake_ssh.install(tmp_path / "ssh")
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    # with a lock of its own: no test waits for another edge-opt on this machine
    (folder / "runtimes").mkdir()
    for one in boards._MODULES:
        source = (boards._RUNTIMES / f"{one}.py").read_text()
        (folder / f"runtimes/{one}.py").write_text(source.replace("/tmp/edge-opt.lock", f"{folder}/lock"))
    monkeypatch.setattr(boards, "_RUNTIMES", folder / "runtimes")
    return folder


@pytest.fixture
def ready(ssh: Path) -> Path:
    """The same with a board that was set up: with the packages of this environment."""
    Board(address_of(ADDRESS)).use("packages-here", {"litert": "1"})
    (ssh / "home/.edge-opt/packages-here").symlink_to(Path(np.__file__).parent.parent)
    return ssh


def ended(process: int) -> bool:
    """Whether a process is gone, or waits only for somebody to note it."""
    status = Path(f"/proc/{process}/stat")
    return not status.exists() or status.read_text().rpartition(")")[2].split()[0] == "Z"


def job(mode: str, *artifacts: Path, **more: Any) -> dict[str, Any]:
    listed = [{"path": str(one), "runtime": "litert", "options": {}} for one in artifacts]
    return {"protocol": 1, "mode": mode, "artifacts": listed, "threads": 1, **more}


# ── the address ─────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("ssh://pi@raspberrypi.local", Address(host="raspberrypi.local", user="pi")),
        ("ssh://MyPi", Address(host="MyPi")),  # an alias of the user's configuration keeps its capitals
        ("ssh://pi@10.0.0.7:2222/", Address(host="10.0.0.7", user="pi", port=2222)),
        ("ssh://pi@[fe80::1%eth0]:22", Address(host="fe80::1%eth0", user="pi", port=22)),
    ],
)
def test_an_address_is_read_as_ssh_reads_it(text: str, address: Address) -> None:
    assert address_of(text) == address


@pytest.mark.parametrize(
    "text",
    [
        *("", "ssh://", "ssh://-oProxyCommand=x", "ssh://a b", "ssh://pi@host:0", "ssh://pi@host:99999"),
        *("ssh://$(x)@host", "ssh://host;ls", "ssh://host/folder", "ssh://-l@host", "http://host"),
    ],
)
def test_what_is_no_address_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(InputError, match="is not a device address") as caught:
        address_of(text)
    assert "ssh://pi@raspberrypi.local" in caught.value.hint


def test_a_forgotten_scheme_is_recognised() -> None:
    with pytest.raises(InputError) as caught:
        address_of("pi@host:22")
    assert caught.value.hint == "did you mean ssh://pi@host:22?"


def test_a_password_in_an_address_is_refused_and_not_repeated() -> None:
    with pytest.raises(InputError, match="cannot hold a password") as caught:
        address_of("ssh://pi:secret@host")
    assert "secret" not in f"{caught.value} {caught.value.hint}"


@pytest.mark.parametrize(
    ("stderr", "words", "hint", "kind"),
    [
        ("@@@\n@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @\n", "has changed", "ssh-keygen -R '[h]:7'", None),
        ("Host key verification failed.\n", "does not know the host key", "ssh -p 7 pi@h", None),
        ("pi@h: Permission denied (publickey).\n", "refuses the login", "ssh-copy-id -p 7 pi@h", None),
        (
            "ssh: Could not resolve hostname h: Name or service not known",
            "no host 'h' on this network",
            "IP address",
            DeviceLost,
        ),
        ("ssh: connect to host h port 7: Connection refused", "'pi@h:7' refuses SSH", "is it 7?", DeviceLost),
        ("ssh: connect to host h port 7: No route to host", "does not answer", "switched on", DeviceLost),
        ("Connection to h closed by remote host.", "broke", "switched on", DeviceLost),
        ("", "broke", "switched on", DeviceLost),
        ("command-line: line 0: Bad configuration option: x", "Bad configuration", "by hand", None),
    ],
)
def test_what_ssh_says_becomes_one_sentence_and_what_to_do(
    stderr: str, words: str, hint: str, kind: type[DeviceError] | None
) -> None:
    error = said_by_ssh(stderr, Address(host="h", user="pi", port=7))
    assert words in error.message
    assert hint in error.hint
    assert type(error) is (kind or DeviceError)


# ── what is sent ────────────────────────────────────────────────────────────────────────────────────────────────────


def parcel(folder: Path, **files: bytes) -> Parcel:
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return Parcel(kind="files", members=tuple(Member.of(name, folder / name) for name in files))


def test_a_parcel_arrives_whole_and_is_sent_once_whoever_asks(ssh: Path, tmp_path: Path) -> None:
    sent = parcel(tmp_path, a=b"one", b=b"")
    name = Board(address_of(ADDRESS)).send(sent)
    kept = ssh / "home/.edge-opt" / name
    assert {one.name: one.read_bytes() for one in kept.iterdir()} == {"a": b"one", "b": b""}
    Board(address_of(ADDRESS)).send(sent)
    assert fake_ssh.calls(ssh).count("put") == 1


def test_what_arrived_before_the_connection_broke_is_not_sent_again(
    ssh: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parcels, "BATCH_BYTES", 4)  # one file a batch
    sent = parcel(tmp_path, a=b"aaaa", b=b"bbbb", c=b"cccc")
    arrived: list[int] = []

    def told(size: int, total: int) -> None:
        arrived.append(size)
        if size == 8:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Board(address_of(ADDRESS)).send(sent, told)
    Board(address_of(ADDRESS)).send(sent, lambda size, total: arrived.append(total))
    assert arrived == [4, 8, 4]  # of the third alone


def test_a_parcel_with_the_same_files_has_the_same_name_and_with_others_another(tmp_path: Path) -> None:
    (tmp_path / "1").mkdir()
    (tmp_path / "2").mkdir()
    first, again = parcel(tmp_path / "1", a=b"x", b=b"y"), parcel(tmp_path / "2", b=b"y", a=b"x")
    assert first.name == again.name
    assert parcel(tmp_path / "2", a=b"y", b=b"x").name != first.name


def test_a_full_disk_is_said_before_anything_is_written(ssh: Path, tmp_path: Path) -> None:
    (tmp_path / "large").write_bytes(b"x")
    huge = Member(name="large", path=tmp_path / "large", size_bytes=2**60, sha256="0" * 64)
    with pytest.raises(DeviceError, match="the disk of 'pi@board' is full") as caught:
        Board(address_of(ADDRESS)).send(Parcel(kind="files", members=(huge,)))
    assert "edge-opt device clean ssh://pi@board" in caught.value.hint
    assert not list((ssh / "home/.edge-opt").glob("files/*"))


def test_two_that_send_the_same_at_a_time_do_not_disturb_each_other(ssh: Path, tmp_path: Path) -> None:
    sent = parcel(tmp_path, a=b"a" * 5_000_000, b=b"b" * 3_000_000)
    senders = [Board(address_of(ADDRESS)) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(lambda one: one.send(sent), senders)) == {sent.name}
    files = ssh / "home/.edge-opt/files"
    assert [one.name for one in files.iterdir()] == [sent.name.removeprefix("files/")]  # and no half of it
    assert all((files.parent / sent.name / one.name).read_bytes() == one.path.read_bytes() for one in sent.members)


def test_what_was_damaged_on_the_board_is_sent_again_when_it_is_read(ssh: Path, tmp_path: Path) -> None:
    sent = parcel(tmp_path, a=b"one", b=b"two")
    name = Board(address_of(ADDRESS)).send(sent)
    (ssh / "home/.edge-opt" / name / "a").write_bytes(b"xyz")
    arrived: list[int] = []
    Board(address_of(ADDRESS)).send(sent, lambda size, total: arrived.append(total), verify=True)
    assert arrived == [3]
    assert (ssh / "home/.edge-opt" / name / "a").read_bytes() == b"one"


def test_a_folder_of_somebody_else_is_not_taken_over(ssh: Path, tmp_path: Path) -> None:
    (ssh / "home/.edge-opt").mkdir()
    (ssh / "home/.edge-opt/mine.txt").write_text("precious")
    board = Board(address_of(ADDRESS))
    with pytest.raises(DeviceError, match="was not made by edge-opt"):
        board.send(parcel(tmp_path, a=b"x"))
    with pytest.raises(DeviceError, match="was not made by edge-opt"):
        board.clean()
    assert [one.name for one in (ssh / "home/.edge-opt").iterdir()] == ["mine.txt"]


def test_what_lies_in_the_home_of_the_board_is_not_imported(ssh: Path) -> None:
    for name in ("json", "shutil", "platform", "numpy"):
        (ssh / f"home/{name}.py").write_text("raise SystemExit(7)")
    assert Board(address_of(ADDRESS)).describe()["bits"] == 64


@pytest.fixture
def shelved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a board, with twelve files of one byte that were used one after the other."""
    monkeypatch.setattr(shelf, "FOLDER", tmp_path)
    for index in range(12):
        (tmp_path / f"files/{index:02}").mkdir(parents=True)
        (tmp_path / f"files/{index:02}/a").write_bytes(b"x")
        shelf.used(tmp_path / f"files/{index:02}")
    return tmp_path / "files"


def test_the_least_recently_used_files_leave_when_there_are_too_many(
    shelved: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shelf, "_MOST_FILES_BYTES", 4)
    shelf.used(shelved / "01")
    shelf.make_room(1, {"files/00"})
    assert sorted(one.name for one in shelved.iterdir()) == ["00", "01", "11"]


def test_a_clock_that_went_back_does_not_make_the_newest_file_the_oldest(
    shelved: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for one in shelved.iterdir():
        os.utime(one, (one.stat().st_mtime + 10**6,) * 2)
    (shelved / "new").mkdir()
    shelf.used(shelved / "new")
    monkeypatch.setattr(shelf, "_MOST_FILES_BYTES", 2)
    shelf.make_room(1, ())
    assert sorted(one.name for one in shelved.iterdir()) == ["11", "new"]


# ── jobs ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_job_runs_there_and_its_outputs_come_back(ready: Path, tmp_path: Path) -> None:
    folder = tmp_path / HOSTILE
    folder.mkdir()
    artifact = folder / f"{HOSTILE}.tflite"
    artifact.write_bytes(tiny.FILES["tflite"].read_bytes())
    np.save(folder / "x.npy", tiny.pictures())
    outputs = folder / "y.npy"
    answer = SshDevice(ADDRESS).run(job("predict", artifact, inputs=str(folder / "x.npy"), outputs=str(outputs)))
    assert answer["outputs"] == str(outputs)
    here = tmp_path / "here.npy"
    subprocess.run(
        [sys.executable, Path(edge_opt.__path__[0]) / "runtimes/worker.py"],
        input=json.dumps(job("predict", artifact, inputs=str(folder / "x.npy"), outputs=str(here))).encode(),
        check=True,
        capture_output=True,
    )
    assert np.array_equal(np.load(outputs), np.load(here))
    assert not list(tmp_path.rglob("hacked"))
    assert not list((ready / "home/.edge-opt/jobs").iterdir())


@pytest.mark.slow
def test_a_connection_that_breaks_while_a_job_runs_costs_nothing(ready: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    device = SshDevice(ADDRESS)
    device.run(job("environment"))
    fake_ssh.behave(ready, verb="run", fails=["Connection to board closed by remote host."] * 2)
    assert device.run(job("time", tiny.FILES["tflite"], min_runs=5, min_seconds=0))["samples_ns"]


def test_a_device_that_does_not_come_back_is_given_up_with_what_to_do(ready: Path) -> None:
    board = Board(address_of(ADDRESS), patience_s=0.1)
    board.describe()
    fake_ssh.behave(ready, fails=["Connection reset by peer"] * 50, refuses="ssh: connect to host board: timed out")
    with pytest.raises(DeviceLost, match="'pi@board' does not answer") as caught:
        board.describe()
    assert "switched on" in caught.value.hint


@pytest.mark.slow
def test_that_a_connection_broke_is_told_while_it_is_tried_again(ready: Path, caplog: pytest.LogCaptureFixture) -> None:
    board = Board(address_of(ADDRESS))
    board.describe()
    fake_ssh.behave(ready, fails=["Connection reset by peer"] * 2)
    with caplog.at_level(logging.WARNING):
        assert board.describe()["bits"] == 64
    (told,) = caplog.records
    assert told.getMessage() == "'pi@board' does not answer; trying again for 90 s"


def test_a_fault_of_edge_opt_on_the_board_is_not_blamed_on_the_board(ssh: Path) -> None:
    with pytest.raises(DeviceError, match="edge-opt itself failed on 'pi@board': KeyError: 'members'"):
        Board(address_of(ADDRESS))._ask("lacking", name="files/x", verify=False)


def test_a_device_that_never_answered_is_not_asked_again(ssh: Path) -> None:
    fake_ssh.behave(ssh, refuses="ssh: Could not resolve hostname board: Name or service not known")
    with pytest.raises(DeviceLost, match="no host 'board'"):
        Board(address_of(ADDRESS)).describe()
    assert fake_ssh.calls(ssh) == []


def test_a_worker_that_takes_too_long_is_ended_there(ready: Path) -> None:
    with pytest.raises(TimedOut, match=r"longer than its limit of 0.5 s on 'pi@board'"):
        SshDevice(ADDRESS, timeout_s=0.5).run(job("time", tiny.FILES["tflite"], min_seconds=60, max_runs=10**9))
    assert not list((ready / "home/.edge-opt/jobs").iterdir())


def test_a_worker_that_writes_no_json_is_one_sentence(ready: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    device = SshDevice(ADDRESS)
    device.run(job("environment"))
    (folder,) = (ready / "home/.edge-opt").glob("worker-*")
    (folder / "worker.py").write_text("print('garbage ' * 10)")
    with pytest.raises(StepFailed, match="an answer that is no JSON object"):
        device.run(job("environment"))


def test_a_login_that_prints_does_not_disturb(ready: Path) -> None:
    program = ready / "ssh"
    program.write_text(program.read_text().replace("exec ", "echo Welcome to your board!\nexec "))
    assert SshDevice(ADDRESS).run(job("environment"))["environment"]["cores"] > 0


def test_a_board_without_python_is_told_from_one_that_prints_nonsense(ssh: Path) -> None:
    program = ssh / "ssh"
    script = program.read_text()
    with_master = f'case " $* " in *" -M "*|*" -O "*) {script.splitlines()[1]};; esac\n'
    for ending, words in (("echo 'sh: 1: python3: not found' >&2; exit 127", "has no Python"), ("echo ?", "no answer")):
        program.write_text(f"#!/bin/sh\n{with_master}{ending}\n")
        with pytest.raises(DeviceError, match=words):
            Board(address_of(ADDRESS)).describe()


def test_a_board_that_was_not_set_up_says_how(ssh: Path) -> None:
    with pytest.raises(MissingPackage, match="is not set up yet") as caught:
        SshDevice(ADDRESS).run(job("describe", tiny.FILES["tflite"]))
    assert caught.value.hint == f"edge-opt device setup {ADDRESS}"


def test_a_runtime_that_is_missing_there_is_said_of_the_board(ready: Path) -> None:
    (ready / "home/.edge-opt/packages-here").unlink()
    (ready / "home/.edge-opt/packages-here").mkdir()
    (ready / "home/.edge-opt/packages-here/numpy").symlink_to(Path(np.__file__).parent)
    with pytest.raises(MissingPackage, match="on 'pi@board' running it needs the package") as caught:
        SshDevice(ADDRESS).run(job("describe", tiny.FILES["tflite"]))
    assert "device setup" in caught.value.hint


@pytest.mark.slow
def test_a_keeper_that_is_killed_does_not_let_a_second_worker_begin_beside_the_first(ready: Path) -> None:
    device = SshDevice(ADDRESS)
    device.run(job("environment"))
    answers: list[Any] = []
    work = job("time", tiny.FILES["tflite"], min_seconds=2, max_runs=10**9)
    thread = threading.Thread(target=lambda: answers.append(device.run(work)))
    thread.start()
    who = {}
    while "group" not in who:
        (folder,) = [*(ready / "home/.edge-opt/jobs").glob("[!.]*")] or [Path("nowhere")]
        who = shelf.read(folder / "who.json")
    os.kill(who["keeper"], signal.SIGKILL)
    thread.join()
    assert answers
    assert answers[0]["samples_ns"]  # of the second, which began when the first was done
    assert ended(who["group"])


def test_a_job_that_waits_for_its_turn_is_forgotten_at_once(ready: Path) -> None:
    board = Board(address_of(ADDRESS))
    name = board.send(worker())
    request = {"job": job("environment"), "worker": name, "variables": {}, "timeout_s": 60, "alone": True}
    with (ready / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert board._ask("run", id="a" * 32, wait_s=0.2, turn_s=60, **request)[0] == {"state": "running"}
        (folder,) = (ready / "home/.edge-opt/jobs").glob("[!.]*")
        keeper = shelf.read(folder / "who.json")["keeper"]
        board.forget("a" * 32)
        assert not folder.exists()
        assert ended(keeper)
        assert board._ask("run", id="b" * 32, wait_s=5, turn_s=0.2, **request)[0]["problem"] == "busy"


def test_an_answer_that_a_logout_follows_is_read(ready: Path) -> None:
    program = ready / "ssh"
    program.write_text(program.read_text().replace("exec ", "") + 'status=$?\necho Good bye\nexit "$status"\n')
    assert SshDevice(ADDRESS).run(job("environment"))["environment"]["cores"] > 0


def test_a_python_that_is_too_old_says_so_itself() -> None:
    loader = boards._LOADER.decode().replace("sys.version_info", "(3, 7, 0)")
    ended = subprocess.run([sys.executable, "-c", loader], stdin=subprocess.DEVNULL, capture_output=True, check=False)
    completed = Completed(returncode=1, stdout=ended.stdout, stderr="", peak_rss_bytes=0)
    with pytest.raises(DeviceError, match=r"the Python of 'pi@h' is 3\.7, and edge-opt needs 3\.9"):
        answer_in(completed, Address(host="h", user="pi"))


def test_cleaning_removes_all_of_it_and_nothing_that_edge_opt_did_not_make(ready: Path) -> None:
    board = Board(address_of(ADDRESS))
    assert board.clean()["folder"] == str(ready / "home/.edge-opt")
    assert not (ready / "home/.edge-opt").exists()
    assert board.clean()["removed_bytes"] == 0
    (ready / "home/.edge-opt").mkdir()
    (ready / "home/.edge-opt/mine.txt").write_text("precious")
    with pytest.raises(DeviceError, match="was not made by edge-opt"):
        board.clean()
    assert (ready / "home/.edge-opt/mine.txt").exists()


def test_the_worker_is_all_that_the_folder_runtimes_holds() -> None:
    names = {one.name for one in worker().members}
    assert names == {one.name for one in (Path(edge_opt.__path__[0]) / "runtimes").glob("*.py")}
