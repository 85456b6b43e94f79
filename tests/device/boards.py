"""The boards that device tests run against, and a way to start one by hand.

    python -m tests.device.boards host|arm64|armhf [--offline]

starts one, prints how to reach it, and stays until Ctrl-C.
"""

from __future__ import annotations

import argparse
import functools
import getpass
import os
import shlex
import shutil
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.device import debian, raspberry
from tests.device.sshd import Board, has_namespaces

_SESSION = """\
#!/bin/sh
# what sshd runs for every session: its home is the board's, not that of the user who runs the tests
cd "$HOME" || exit 1
command=$SSH_ORIGINAL_COMMAND
unset SSH_ORIGINAL_COMMAND
export SHLVL=1  # the shell of sshd has read its start files: once is enough
[ -n "$command" ] && exec {prefix}"$SHELL" -c "$command"
exec {prefix}"$SHELL" -l
"""
_MOUNTS = """\
hostname raspberrypi
mkdir {room}
mount -t tmpfs -o mode=755 tmpfs {room}
mkdir {room}/upper {room}/spare
mount -t overlay -o lowerdir={lower},upperdir={room}/upper,workdir={room}/spare overlay {root} || {{
    mount -t tmpfs -o mode=755 tmpfs {root}
    cp -a {lower}/. {root}
}}
mount -t proc proc {root}/proc
mount -t tmpfs -o mode=755 tmpfs {root}/dev
mkdir {root}/dev/shm {root}/dev/pts
mount -t tmpfs -o mode=1777 tmpfs {root}/dev/shm
mount -t devpts -o mode=620,ptmxmode=666 devpts {root}/dev/pts
ln -s pts/ptmx {root}/dev/ptmx
ln -s /proc/self/fd {root}/dev/fd
for name in null zero full random urandom tty; do
    touch {root}/dev/$name
    mount --bind /dev/$name {root}/dev/$name
done
mount --bind {keys} {root}/run/board
mount -t tmpfs -o mode=755,uid={uid},gid={uid} tmpfs {home}
cp -a {root}/etc/skel/. {home}
chown -R {uid}:{uid} {home}
grep -q . /proc/sys/fs/binfmt_misc/status 2>/dev/null || mount -t binfmt_misc binfmt_misc /proc/sys/fs/binfmt_misc
[ -e /proc/sys/fs/binfmt_misc/{rule_name} ] || printf %s {rule} >/proc/sys/fs/binfmt_misc/register
"""
# what a board needs of this machine to reach the internet as this machine does
_NETWORK_FILES = ("/etc/resolv.conf", "/etc/hosts", "/etc/ssl/certs/ca-certificates.crt")
_NETWORK_VARIABLES = ("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "PIP_INDEX_URL")
# what makes a session that reaches nothing: the first that works here
_NO_NETWORK = (["unshare", "--net"], ["unshare", "--user", "--map-current-user", "--net"])


class HostBoard(Board):
    """A board that is this machine, with a home of its own."""

    def _furnish(self) -> None:
        self.user = getpass.getuser()
        self.keys = str(self._shared)
        self._home = self.folder / "home"
        self._home.mkdir()
        prefix = "" if self.online else _without_network()
        session = self._shared / "session"
        session.write_text(_SESSION.format(prefix=prefix))
        session.chmod(0o755)
        if os.geteuid() == 0:
            Path("/run/sshd").mkdir(exist_ok=True)  # Debian's service makes it
        if has_namespaces():
            self._hold(f"mount -t tmpfs -o mode=700 tmpfs {self._home}")

    def _session_variables(self) -> dict[str, str]:
        unreachable = {} if self.online else {"PIP_CONFIG_FILE": os.devnull}
        return super()._session_variables() | {"HOME": str(self._home)} | unreachable

    def _more_configuration(self) -> str:
        return f"ForceCommand {self._shared}/session\n"


class EmulatedBoard(Board):
    """A Raspberry Pi of another architecture: a Debian that QEMU runs, changed by nobody before."""

    def __init__(self, architecture: str = "arm64", **given: Any) -> None:
        self.architecture = debian.ARCHITECTURES[architecture]
        super().__init__(**given)

    def set_temperature(self, celsius: float) -> None:
        """Show another temperature, in /sys and by ``vcgencmd measure_temp``."""
        self.seen(self._root / raspberry.TEMPERATURE).write_text(f"{celsius * 1000:.0f}\n")

    def set_throttled(self, bits: int) -> None:
        """Show other bits by ``vcgencmd get_throttled``: 0x1 under-voltage, 0x4 throttled; the same << 16: it was."""
        self.seen(self._root / raspberry.THROTTLED).write_text(f"{bits:x}\n")

    def _furnish(self) -> None:
        self.user = debian.USER
        self.keys = "/run/board"
        self._root = self.folder / "root"
        self._root.mkdir()
        self._home = self._root / "home" / self.user
        self._hold(
            _MOUNTS.format(
                root=self._root,
                lower=debian.root(self.architecture),
                room=self.folder / "room",
                keys=self._shared,
                home=self._home,
                uid=debian.UID,
                rule=shlex.quote(debian.rule(self.architecture)),
                rule_name=debian.rule_name(self.architecture),
            )
        )
        if self.online:
            for name in _NETWORK_FILES:
                if Path(name).exists():
                    shutil.copyfile(name, self.seen(self._root / name[1:]))

    def _enter(self, command: list[str]) -> list[str]:
        path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        cpu = f"QEMU_CPU={self.architecture.cpu}"
        return super()._enter(["env", "--ignore-environment", path, cpu, "chroot", str(self._root), *command])

    def _as_seen_there(self, command: str) -> str:
        return command.split(" ", 2)[-1] if "/qemu-" in command.split(" ", 1)[0] else command

    def _session_variables(self) -> dict[str, str]:
        passed = {name: os.environ[name] for name in _NETWORK_VARIABLES if self.online and name in os.environ}
        return passed | {"QEMU_CPU": self.architecture.cpu} | super()._session_variables()


def _without_network() -> str:
    """The start of a command line that leaves its program no network."""
    for command in _NO_NETWORK:
        if subprocess.run([*command, "true"], capture_output=True).returncode == 0:
            return " ".join(command) + " -- "
    return "env http_proxy=http://127.0.0.1:9 https_proxy=http://127.0.0.1:9 "


KINDS: dict[str, Callable[..., Board]] = {
    "host": HostBoard,
    **{name: functools.partial(EmulatedBoard, name) for name in debian.ARCHITECTURES},
}


def main() -> None:
    """Start one board for somebody at a terminal."""
    parser = argparse.ArgumentParser(description="Start a board for edge-opt; it goes with Ctrl-C.")
    parser.add_argument("kind", choices=KINDS)
    parser.add_argument("--offline", action="store_true", help="the board cannot reach the internet")
    given = parser.parse_args()
    with KINDS[given.kind](online=not given.offline) as board:
        print(f"export PATH={board.folder}/bin:$PATH")
        print(board.address)
        print(f"# its home is {board.home}", flush=True)
        try:
            signal.pause()
        except KeyboardInterrupt:
            print()


if __name__ == "__main__":
    main()
