"""What an emulated ARM system is made of, downloaded without root privileges: Debian's Python, and QEMU.

Nothing in it is ever installed: packages are unpacked, and none of their scripts is run.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from edge_opt.devices import emulator as emulated
from edge_opt.errors import MissingPackage, RunError, StepFailed
from edge_opt.flows.machines.wheels import FULL, Machine, own_variables
from edge_opt.limits import run_limited

NO_ROOM = "free 1 GB, or set XDG_CACHE_HOME to a folder on another disk"
_DEBIAN_12 = partial(Machine, glibc_minor=36, python="3.11")
MACHINES = {"arm64": _DEBIAN_12(architecture="aarch64"), "armhf": _DEBIAN_12(architecture="armv7l")}

_RELEASE, _QEMU_RELEASE = "bookworm", "trixie"
# the release alone: its updates change while one looks, and a mirror may be half way through one of them
_ALONE = """sed -i '/-security/d; /-updates/d' "$1"/etc/apt/sources.list"""
_DEBIAN = {"arm64": "python3,libstdc++6", "armhf": "python3,python3-numpy,libstdc++6"}  # numpy has no wheel for armhf
_STEP_S = 1800.0
_LONGEST = 300
_FULL = (FULL, "enough free space")  # the words of the system, and of apt

# Before version 10, QEMU shows programs the processor of this machine: runtimes that look for ARM's fields crash.
# Only what every processor of the kind has, as one file stands for all of them.
_CPUINFO = {
    "arm64": "Features\t: fp asimd\nCPU implementer\t: 0x41\nCPU architecture: 8\nCPU variant\t: 0x0\n"
    "CPU part\t: 0xd08\nCPU revision\t: 3\n",
    "armhf": "Features\t: half thumb fast_mult vfp edsp neon vfpv3\nCPU implementer\t: 0x41\nCPU architecture: 7\n"
    "CPU variant\t: 0x2\nCPU part\t: 0xc0f\nCPU revision\t: 1\n",
}


def unpack_root(arch: str, folder: Path) -> None:
    """Debian's Python for ``arch``, unpacked in ``folder``."""
    root = folder / "root"
    _unpack(_RELEASE, _DEBIAN[arch], root, f"--architectures={arch}")
    for name in ("blas", "lapack"):  # links that their scripts would make
        for library in root.glob(f"usr/lib/*/{name}/lib{name}.so.3"):
            library.parent.with_name(library.name).symlink_to(library.relative_to(library.parent.parent))
    (root / "proc").mkdir(exist_ok=True)
    (root / "proc/cpuinfo").write_text(f"processor\t: 0\n{_CPUINFO[arch]}", encoding="utf-8")


def find_qemu(architecture: emulated.Architecture, folder: Path) -> Path:
    """A QEMU that is new enough: the system's, else Debian's, as a path in ``folder``."""
    for name in (architecture.qemu, f"{architecture.qemu}-static"):
        found = shutil.which(name)
        if found and emulated.trusted(emulated.version_of(Path(found))):
            return Path(found).absolute()
    fetched = folder / "fetched"
    _unpack(_QEMU_RELEASE, "qemu-user", fetched)
    (fetched / "usr/bin" / architecture.qemu).rename(folder / "qemu")
    shutil.rmtree(fetched)  # the emulators of thirty other processors
    return Path("qemu")


def _unpack(release: str, packages: str, folder: Path, *more: str) -> None:
    """Debian packages and what they depend on, unpacked in the new ``folder``. Raises MissingPackage, StepFailed."""
    if shutil.which("mmdebstrap") is None:
        raise MissingPackage(
            "setting up the emulator needs 'mmdebstrap', which is not installed",
            "apt install mmdebstrap debian-archive-keyring; on a system without apt, work in a container of Debian",
        )
    # by this mode no user needs a right, and files are the user's; packages are only unpacked, so no script can harm
    mode = ("--mode=chrootless", "--skip=check/chrootless", "--variant=extract", "--format=directory")
    _call(
        ["mmdebstrap", *mode, *more, f"--setup-hook={_ALONE}", f"--include={packages}", release, str(folder)],
        f"{packages} of Debian {release}",
    )


def _call(command: Sequence[str], what: str) -> None:
    ended = run_limited(command, env=own_variables(), timeout_s=_STEP_S)
    if ended.returncode == 0:
        return
    if any(words in ended.stderr for words in _FULL):
        raise RunError("no room is left on the disk to set up the emulator", NO_ROOM)
    error = StepFailed(
        f"the emulator could not be set up, {what} could not be downloaded: {_said(ended.stderr)}",
        "check the network, and that the package 'debian-archive-keyring' is installed, then give the command again",
    )
    error.add_note(ended.stderr)
    raise error


def _said(stderr: str) -> str:
    """The first line that says that it is an error, else the last one."""
    lines = [line.strip() for line in stderr.splitlines() if line.strip()] or ["it gives no reason"]
    errors = [line.removeprefix("E: ") for line in lines if line.startswith("E: ")]
    words = errors[0] if errors else lines[-1]
    return words if len(words) <= _LONGEST else words[: _LONGEST - 1] + "…"
