"""The boards that device tests run against, and a way to start one by hand.

    python -m tests.device.boards host|arm64|armhf [--offline]

starts one, prints how to reach it, and stays until Ctrl-C.
"""

from __future__ import annotations

import argparse
import getpass
import os
import signal
import subprocess
from pathlib import Path

from tests.device.sshd import Board, is_root

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
        if is_root():
            Path("/run/sshd").mkdir(exist_ok=True)  # Debian's service makes it
            self._hold(f"mount -t tmpfs -o mode=700 tmpfs {self._home}")

    def _session_variables(self) -> dict[str, str]:
        unreachable = {} if self.online else {"PIP_CONFIG_FILE": os.devnull}
        return super()._session_variables() | {"HOME": str(self._home)} | unreachable

    def _more_configuration(self) -> str:
        return f"ForceCommand {self._shared}/session\n"


def _without_network() -> str:
    """The start of a command line that leaves its program no network."""
    for command in _NO_NETWORK:
        if subprocess.run([*command, "true"], capture_output=True).returncode == 0:
            return " ".join(command) + " -- "
    return "env http_proxy=http://127.0.0.1:9 https_proxy=http://127.0.0.1:9 "


KINDS = {"host": HostBoard}


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
