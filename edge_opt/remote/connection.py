"""A machine that the system's ``ssh`` reaches: one control connection, and commands over it.

What the user has set up for ssh holds here: their configuration, keys, agent, jump hosts and known hosts. Nothing is
ever asked: where ssh would ask, it fails, and the error says what to do by hand once.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import weakref
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from edge_opt.errors import DeviceError, DeviceLost, InputError, StepFailed
from edge_opt.limits import Completed, run_limited

EXAMPLE = "ssh://pi@raspberrypi.local"
_CONNECT_S = 15
_KEEP_S = 120  # after the last command: should this process be killed, the connection ends by itself
_LOST = 255  # the exit code of ssh for everything that is not the command's own
_ADDRESS = re.compile(
    r"ssh://((?P<user>[A-Za-z0-9_][\w.+$-]*)(?P<password>:[^@/]*)?@)?"
    r"(?P<host>[A-Za-z0-9_][\w.-]*|\[[0-9A-Fa-f:.%\w]+\])(:(?P<port>[0-9]{1,5}))?/?"
)
# A line that answers nothing for 15 s is dead. What a user forwards or runs at login is not for us.
_OPTIONS = {
    "BatchMode": "yes",
    "ConnectTimeout": str(_CONNECT_S),
    "ServerAliveInterval": "5",
    "ServerAliveCountMax": "3",
    "ClearAllForwardings": "yes",
    "RemoteCommand": "none",
    "RequestTTY": "no",
    "LogLevel": "ERROR",
}


@dataclass(frozen=True, kw_only=True)
class Address:
    """Where a machine is. Host, user and port may be left to the user's configuration of ssh."""

    host: str
    user: str = ""
    port: int | None = None

    @property
    def login(self) -> str:
        """As one would give it to ssh: ``pi@raspberrypi.local``."""
        return f"{self.user}@{self.host}" if self.user else self.host

    @property
    def named(self) -> str:
        """As a message names it, with a port that was given."""
        return f"{self.login}:{self.port}" if self.port else self.login

    @property
    def url(self) -> str:
        """As edge-opt takes it: ``ssh://pi@raspberrypi.local:22``."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"ssh://{f'{self.user}@' if self.user else ''}{host}{f':{self.port}' if self.port else ''}"

    @property
    def command(self) -> str:
        """The command by which a person gets there."""
        return f"ssh {f'-p {self.port} ' if self.port else ''}{self.login}"


def address_of(text: str) -> Address:
    """The address in ``ssh://[USER@]HOST[:PORT]``. Raises InputError."""
    wrong = InputError(f"'{text}' is not a device address", f"it looks like {EXAMPLE}, or {EXAMPLE}:2222")
    found = _ADDRESS.fullmatch(text)
    if found is None and "://" not in text and _ADDRESS.fullmatch(f"ssh://{text}"):
        raise InputError(f"'{text}' is not a device address", f"did you mean ssh://{text}?")
    if found is None:
        raise wrong
    user, password, host, port = found["user"] or "", found["password"], found["host"].strip("[]"), found["port"]
    if password is not None:
        without = Address(host=host, user=user, port=int(port) if port else None)
        raise InputError(
            "an address cannot hold a password, as others could read it",
            f"copy your key to it once: ssh-copy-id {without.command.removeprefix('ssh ')}",
        )
    if port and not 0 < int(port) < 65536:
        raise wrong
    return Address(host=host, user=user, port=int(port) if port else None)


class Connection:
    """A control connection to ``address``, made when it is first needed and anew when it broke."""

    def __init__(self, address: Address) -> None:
        self.address = address
        # not TMPDIR: the path of a socket may not be long, and ssh sees more in a '%'
        self._folder = Path(tempfile.mkdtemp(prefix="edge-opt-ssh-", dir="/tmp" if os.path.isdir("/tmp") else None))
        self._socket = self._folder / "s"
        self._lock = threading.Lock()
        self.worked = False  # whether it ever stood: what breaks later is worth a second try
        weakref.finalize(self, _closed, self._ssh(), self._folder)

    def run(self, command: str, stdin: BinaryIO, timeout_s: float) -> Completed:
        """What ``command`` wrote there. It is given to the login shell as it is, so it must not hold foreign text.

        Raises DeviceError where the device cannot be reached as it is set up, and DeviceLost where it does not answer.
        """
        self._connect()
        try:
            ended = run_limited((*self._ssh(), command), stdin=stdin, timeout_s=timeout_s)
        except StepFailed as error:  # no answer in that time, or somebody killed ssh
            self._drop()
            raise DeviceLost(f"'{self.address.named}' has not answered for {timeout_s:.0f} s", _LOOK) from error
        # it also stands for a command that died there from a signal: then the connection is still good
        if ended.returncode == _LOST and (ended.stderr or not self._stands()):
            self._drop()
            raise said_by_ssh(ended.stderr, self.address)
        return ended

    def _ssh(self, *more: str) -> tuple[str, ...]:
        options = [word for name, value in _OPTIONS.items() for word in ("-o", f"{name}={value}")]
        port = ["-p", str(self.address.port)] if self.address.port else []
        user = ["-l", self.address.user] if self.address.user else []
        return ("ssh", *options, "-S", str(self._socket), *port, *user, *more, "--", self.address.host)

    def _connect(self) -> None:
        """Nothing; the control connection is there. One at a time, as jobs come from several threads."""
        with self._lock:
            if self._socket.exists():
                return
            if shutil.which("ssh") is None:
                raise DeviceError("a device is reached by 'ssh', which is not installed", "apt install openssh-client")
            self._begin()
            self.worked = True

    def _begin(self) -> None:
        """Start the control connection, which goes to the background when it stands (-f).

        Its group is left alone then: a jump host is reached by a process of that group, which has to stay.
        """
        master = self._ssh("-f", "-N", "-M", "-o", f"ControlPersist={_KEEP_S}")
        with tempfile.TemporaryFile() as err:
            process = subprocess.Popen(master, stdin=subprocess.DEVNULL, stdout=err, stderr=err, start_new_session=True)
            try:
                status = process.wait(4 * _CONNECT_S)
            except BaseException as error:
                with contextlib.suppress(OSError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                if isinstance(error, subprocess.TimeoutExpired):
                    raise DeviceLost(f"'{self.address.named}' does not answer", _LOOK) from error
                raise
            err.seek(0)
            if status:
                raise said_by_ssh(err.read().decode(errors="replace"), self.address)

    def _stands(self) -> bool:
        return self._socket.exists() and _control(self._ssh(), "check") == 0

    def _drop(self) -> None:
        """Forget the control connection: it, or what it leads to, is dead."""
        with self._lock:
            _control(self._ssh(), "exit")
            self._socket.unlink(missing_ok=True)


_LOOK = "see that it is switched on and on the network, then give the same command again"


def said_by_ssh(stderr: str, address: Address) -> DeviceError:
    """The error for what ssh said when it ended with 255; DeviceLost for what may be over in a moment."""
    named, by_hand = address.named, address.command
    lines = [line.strip() for line in stderr.splitlines() if line.strip() and not line.startswith("@")]
    last = lines[-1] if lines else "it gives no reason"
    if "IDENTIFICATION HAS CHANGED" in stderr or "differs from the key" in stderr:
        return DeviceError(
            f"the host key of '{named}' has changed: another machine answers there, or its system was installed anew",
            f"if it was you who installed it: ssh-keygen -R {_known_as(address)}, then {by_hand}",
        )
    if "Host key verification failed" in stderr or "host key is known" in stderr:
        return DeviceError(
            f"ssh does not know the host key of '{named}' yet", f"connect once by hand, and look at the key: {by_hand}"
        )
    if "Permission denied" in stderr or "Too many authentication failures" in stderr:
        return DeviceError(
            f"'{named}' refuses the login, and edge-opt never asks for a password",
            f"copy your key to it once: ssh-copy-id {by_hand.removeprefix('ssh ')}",
        )
    if "Could not resolve hostname" in stderr:
        return DeviceLost(f"there is no host '{address.host}' on this network", "check its name, or use its IP address")
    if "Connection refused" in stderr:
        return DeviceLost(
            f"'{named}' refuses SSH connections",
            f"check the port: is it {address.port}?"
            if address.port
            else "switch SSH on: 'sudo raspi-config' on a Raspberry Pi, under Interface Options",
        )
    if re.search("timed out|No route to host|unreachable", stderr):
        return DeviceLost(f"'{named}' does not answer", _LOOK)
    if re.search("closed|reset|Broken pipe|not responding", stderr) or not lines:
        return DeviceLost(f"the connection to '{named}' broke: {last}", _LOOK)
    return DeviceError(f"ssh cannot reach '{named}': {last}", f"try it by hand: {by_hand}")


def _known_as(address: Address) -> str:
    """The name under which ssh keeps the host key."""
    return f"'[{address.host}]:{address.port}'" if address.port else address.host


def _control(ssh: tuple[str, ...], word: str) -> int:
    """The exit code of what the control connection is told."""
    place = ssh.index("--")
    command = (*ssh[:place], "-O", word, *ssh[place:])
    try:
        return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=5, check=False).returncode
    except (OSError, subprocess.TimeoutExpired):
        return _LOST


def _closed(ssh: tuple[str, ...], folder: Path) -> None:
    if os.path.lexists(folder / "s"):
        _control(ssh, "exit")
    shutil.rmtree(folder, ignore_errors=True)
