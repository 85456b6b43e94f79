"""A real sshd on loopback that stands for a board, and what can happen to it."""

from __future__ import annotations

import contextlib
import functools
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.device import keeper
from tests.device.residents import Resident, descendants, namespace_of, residents

SERVER = Path("/usr/sbin/sshd")
_CLIENT = """\
Host *
    IdentityFile {folder}/key
    IdentitiesOnly yes
    IdentityAgent none
    UserKnownHostsFile {folder}/known_hosts
    GlobalKnownHostsFile /dev/null
"""
_SERVER = """\
ListenAddress 127.0.0.1:{port}
HostKey {keys}/host_key
AuthorizedKeysFile {keys}/authorized_keys
PidFile none
PubkeyAuthentication yes
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin yes
StrictModes no
UseDNS no
PrintMotd no
MaxStartups 100
Subsystem sftp /usr/lib/openssh/sftp-server
"""
_UNSHARE = (
    *("unshare", "--mount", "--pid", "--uts", "--fork", "--kill-child", "--mount-proc"),
    *("--propagation", "private", "--"),
)
_OF_SSHD = {"sshd", "sftp-server"}


@functools.cache
def has_namespaces() -> bool:
    """Whether boards may have processes and mounts of their own: root may, where a container does not forbid it."""
    return os.geteuid() == 0 and subprocess.run([*_UNSHARE, "true"], capture_output=True).returncode == 0


class Board:
    """A sshd on loopback that stands for a board; `HostBoard` and `EmulatedBoard` are the real ones.

    ``online`` is whether its sessions can reach the internet; ``variables`` are added to the environment of each
    (sshd gives them nothing of this process). ``known`` is whether the user has met its host key before.
    """

    user: str
    _home: Path  # in the board's own mounts
    keys: str  # the folder of what sshd reads, as the board sees it

    def __init__(self, *, online: bool = True, variables: Mapping[str, str] | None = None, known: bool = True) -> None:
        self.online = online
        self._variables = dict(variables or {})
        self.folder = Path(tempfile.mkdtemp(prefix="edge-opt-board-"))
        self._keeper = subprocess.Popen(
            [sys.executable, "-S", keeper.__file__, str(self.folder)],
            stdin=subprocess.PIPE,
            start_new_session=True,
            text=True,
        )
        self._holder: subprocess.Popen[str] | None = None
        self._listener: subprocess.Popen[bytes] | None = None
        self.port = _free_port()
        try:
            self._make_keys()
            self._furnish()
            if known:
                self.meet()
            self.start()
        except BaseException:
            self.close()
            raise

    # ── how it is reached ───────────────────────────────────────────────────────────────────────────────────────────

    @property
    def address(self) -> str:
        """``ssh://user@127.0.0.1:port``."""
        return f"ssh://{self.user}@127.0.0.1:{self.port}"

    @property
    def home(self) -> Path:
        """The home of the board's user, as this machine sees it."""
        return self.seen(self._home)

    def user_environment(self) -> dict[str, str]:
        """The environment of a user whose ``ssh`` knows this board, and nothing of the real user's keys and hosts."""
        hidden = {"SSH_AUTH_SOCK", "SSH_AGENT_PID", "SSH_ASKPASS"}
        return {name: value for name, value in os.environ.items() if name not in hidden} | {
            "PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}"
        }

    def run(self, command: str, timeout_s: float = 60) -> subprocess.CompletedProcess[str]:
        """What the board's user gets from ``command`` in a session of its own."""
        line = ["ssh", "-n", "-o", "BatchMode=yes", "-p", str(self.port), f"{self.user}@127.0.0.1", command]
        return subprocess.run(line, env=self.user_environment(), capture_output=True, text=True, timeout=timeout_s)

    # ── what can happen to it ───────────────────────────────────────────────────────────────────────────────────────

    def start(self) -> None:
        """Let it answer (again), on the same port."""
        log = self.folder / "sshd.log"
        self._write_configuration()
        with log.open("ab") as written:
            self._listener = subprocess.Popen(
                self._enter([str(SERVER), "-D", "-e", "-f", f"{self.keys}/sshd_config"]),
                stdin=subprocess.DEVNULL,
                stderr=written,
                start_new_session=True,
            )
        print(self._listener.pid, file=self._keeper.stdin, flush=True)
        if not self._answers():
            raise AssertionError(f"the board did not start:\n{log.read_text(errors='replace')}")

    def stop(self) -> None:
        """Cut its power: nothing runs there any more, its files stay."""
        for one in self._everything():
            keeper.kill(one.pid)
        if self._listener:
            self._listener.kill()
            self._listener.wait()
            self._listener = None
        for one in self._everything():  # what was about to start another
            keeper.kill(one.pid)

    def drop_connections(self) -> None:
        """Lose the network: open sessions end, what they started is not told."""
        for one in self._sessions():
            keeper.kill(one.pid)

    def hang(self) -> None:
        """Be unreachable without a word: connections stay open, nothing answers; `resume` ends it."""
        self._signal_sshd(signal.SIGSTOP)

    def resume(self) -> None:
        """Answer again after `hang`."""
        self._signal_sshd(signal.SIGCONT)

    def change_host_key(self) -> None:
        """Be another machine at the same address."""
        make_key(self._shared / "host_key")
        if self._listener:
            self._restart_listener()

    def meet(self) -> None:
        """Let the user know the board's host key."""
        key = " ".join((self._shared / "host_key.pub").read_text().split()[:2])
        (self.folder / "known_hosts").write_text(f"[127.0.0.1]:{self.port} {key}\n")

    def forget(self) -> None:
        """Let the user know no host at all."""
        (self.folder / "known_hosts").unlink(missing_ok=True)

    def change_user_key(self) -> None:
        """Let the user have a key that the board does not take."""
        make_key(self.folder / "key")

    def set_variable(self, name: str, value: str | None) -> None:
        """Change the environment of sessions from now on."""
        self._variables |= {name: value} if value is not None else {}
        if value is None:
            self._variables.pop(name, None)
        if self._listener:
            self._restart_listener()

    def fill_disk(self) -> None:
        """Leave no room in the board's home; needs root here."""
        disk = os.statvfs(self.home)
        self.limit_disk(max(1, disk.f_blocks - disk.f_bfree) * disk.f_frsize)

    def limit_disk(self, size_bytes: int) -> None:
        """Let the board's home be a disk of that size; needs root here."""
        self._resize_home(str(size_bytes))

    def free_disk(self) -> None:
        """Give the room back."""
        self._resize_home("50%")

    @property
    def sessions(self) -> int:
        """How many sshd processes serve open connections."""
        return len(self._sessions())

    def processes(self) -> list[str]:
        """The command lines of what runs there and is no part of sshd."""
        return [self._as_seen_there(one.command) for one in self.residents()]

    def residents(self) -> list[Resident]:
        """What runs there and is no part of sshd."""
        return [one for one in self._everything() if one.name not in _OF_SSHD]

    def close(self) -> None:
        """End it, and delete everything that was its own."""
        if self._holder:
            self._holder.kill()  # a namespace ends with its first process
            self._holder.wait()
        for one in [] if self._holder else self._everything():
            keeper.kill(one.pid)
        if self._listener:
            self._listener.kill()
            self._listener.wait()
            self._listener = None
        if self._keeper.stdin:
            self._keeper.stdin.close()
        self._keeper.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # ── how it is made ──────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def _shared(self) -> Path:
        """The folder of what sshd reads, as this machine sees it."""
        return self.folder / "sshd"

    def _furnish(self) -> None:
        """Make the place that sshd starts in."""
        raise NotImplementedError

    def _session_variables(self) -> dict[str, str]:
        """What every session has in its environment, beside what sshd gives."""
        return {keeper.MARK: str(self.folder)} | self._variables

    def _write_configuration(self) -> None:
        text = _SERVER.format(port=self.port, keys=self.keys)
        pairs = " ".join(f'"{name}={value}"' for name, value in self._session_variables().items())
        (self._shared / "sshd_config").write_text(f"{text}SetEnv {pairs}\n{self._more_configuration()}")

    def _more_configuration(self) -> str:
        """Further lines for sshd_config."""
        return ""

    def _enter(self, command: list[str]) -> list[str]:
        """What runs ``command`` on the board, from outside of its sshd."""
        if not self._holder:
            return command
        return ["nsenter", "--target", str(self._inner), "--mount", "--pid", "--uts", "--", *command]

    def _hold(self, script: str) -> None:
        """Make the namespaces that all of the board lives in, with what the shell script ``script`` mounts there."""
        # a first process that ignores its children leaves no zombies
        script = f"set -e\n{script}\ntrap '' CHLD\necho ready\nexec sleep infinity"
        self._holder = subprocess.Popen([*_UNSHARE, "sh", "-c", script], stdout=subprocess.PIPE, text=True)
        print(self._holder.pid, file=self._keeper.stdin, flush=True)
        assert self._holder.stdout
        if self._holder.stdout.readline() != "ready\n":
            raise AssertionError("the board's namespaces could not be made (see above)")

    @property
    def _inner(self) -> int:
        """The first process of the board's namespaces."""
        assert self._holder
        return next(one.pid for one in residents() if one.parent == self._holder.pid)

    def _make_keys(self) -> None:
        self._shared.mkdir()
        self._shared.chmod(0o755)
        make_key(self.folder / "key")
        make_key(self._shared / "host_key")
        shutil.copyfile(self.folder / "key.pub", self._shared / "authorized_keys")
        (self.folder / "bin").mkdir()
        (self.folder / "ssh_config").write_text(_CLIENT.format(folder=self.folder))
        for name in ("ssh", "scp", "sftp"):
            wrapper = self.folder / "bin" / name
            real = shutil.which(name) or name
            wrapper.write_text(f'#!/bin/sh\nexec {real} -F {self.folder}/ssh_config "$@"\n')
            wrapper.chmod(0o755)

    def _restart_listener(self) -> None:
        """Let sshd read its files again; sessions go on."""
        assert self._listener
        keeper.kill(self._main_sshd)
        self._listener.wait()
        self.start()

    @property
    def _main_sshd(self) -> int:
        """The sshd that accepts connections."""
        assert self._listener
        if not self._holder:
            return self._listener.pid
        return next(one.pid for one in residents() if one.parent == self._listener.pid)  # nsenter stands between

    def _everything(self) -> list[Resident]:
        """All that runs on the board, but for what holds its namespaces."""
        if self._holder:
            first = self._inner
            home = namespace_of(first)
            return [one for one in residents() if one.pid != first and namespace_of(one.pid) == home]
        started = descendants(self._listener.pid) if self._listener else []
        known = {one.pid for one in started}
        marked = set(keeper.marked(str(self.folder))) - known
        return [*started, *(one for one in residents() if one.pid in marked)]

    def _sessions(self) -> list[Resident]:
        """The sshd processes of open connections."""
        main = self._main_sshd
        return [one for one in self._everything() if one.name == "sshd" and one.pid != main]

    def _signal_sshd(self, number: signal.Signals) -> None:
        for pid in [self._main_sshd, *(one.pid for one in self._sessions())]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def _as_seen_there(self, command: str) -> str:
        return command

    def _resize_home(self, size: str) -> None:
        assert self._holder, "only root can fill the disk of a board"
        mount = ["mount", "-o", f"remount,size={size}", str(self._home)]
        subprocess.run(["nsenter", "--target", str(self._inner), "--mount", "--", *mount], check=True)

    def seen(self, path: Path) -> Path:
        """A path of the board's, as this machine sees it."""
        return Path("/proc", str(self._inner), "root", *path.parts[1:]) if self._holder else path

    def _answers(self, seconds: float = 30) -> bool:
        end = time.monotonic() + seconds
        while time.monotonic() < end and self._listener and self._listener.poll() is None:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 5) as connection:
                if connection.recv(4) == b"SSH-":
                    return True
            time.sleep(0.02)
        return False


def make_key(path: Path) -> None:
    """Make a key pair at ``path`` and ``path``.pub, in place of one that is there."""
    path.unlink(missing_ok=True)
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "test", "-f", str(path)], check=True)


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])
