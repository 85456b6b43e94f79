"""Debian roots of other architectures, made once and kept: packages are unpacked, and nothing in them is run.

They stand in ``$EDGE_OPT_DEVICE_CACHE`` (``~/.cache/edge-opt-tests`` without it); ``python -m tests.device.debian``
makes those that are missing.
"""

from __future__ import annotations

import fcntl
import functools
import hashlib
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.device import raspberry

USER, UID = "pi", 1000
_EDITION = 2  # raise it when what is written into a root changes
_PACKAGES = (
    *("base-files", "base-passwd", "bash", "ca-certificates", "coreutils", "dash", "debianutils", "diffutils"),
    *("findutils", "grep", "gzip", "hostname", "libstdc++6", "login", "mawk", "openssh-server", "procps", "python3"),
    *("python3-venv", "sed", "tar", "util-linux"),
)
# the release alone: its updates change while one looks, and a mirror may be half way through one of them
_RELEASE = """sed -i '/-security/d; /-updates/d' "$1"/etc/apt/sources.list"""
_MERGED_USR = '/usr/share/mmdebstrap/hooks/merged-usr/setup00.sh "$1"'


@dataclass(frozen=True, kw_only=True)
class Architecture:
    """An architecture of Debian's and what QEMU has for it."""

    name: str
    qemu: str
    cpu: str
    extra: tuple[str, ...] = ()

    @property
    def packages(self) -> tuple[str, ...]:
        """What is in its root, with what those depend on."""
        return (*_PACKAGES, *self.extra)


ARCHITECTURES = {
    "arm64": Architecture(name="arm64", qemu="aarch64", cpu="cortex-a72"),
    # no wheel of numpy is made for it
    "armhf": Architecture(name="armhf", qemu="arm", cpu="cortex-a15", extra=("python3-numpy",)),
}


def cache() -> Path:
    """Where the roots stand."""
    return Path(os.environ.get("EDGE_OPT_DEVICE_CACHE") or Path.home() / ".cache" / "edge-opt-tests")


def root(architecture: Architecture) -> Path:
    """The root of a Debian of ``architecture`` with sshd and Python, made if it is not there; nobody writes to it."""
    made_of = repr((architecture, _PACKAGES, raspberry.FILES, _EDITION))

    def fill(folder: Path) -> None:
        options = [f"--architectures={architecture.name}", f"--setup-hook={_MERGED_USR}"]
        _unpack("bookworm", architecture.packages, folder, *options)
        _configure(folder)
        raspberry.pretend(folder)

    return _kept(f"{architecture.name}-{hashlib.sha256(made_of.encode()).hexdigest()[:8]}", fill)


def qemu() -> Path:
    """A folder with the static ``qemu-aarch64`` and ``qemu-arm`` of QEMU 10, and how the kernel is told of each."""

    def fill(folder: Path) -> None:
        _unpack("trixie", ("qemu-user",), folder / "all")
        for architecture in ARCHITECTURES.values():
            (folder / "all/usr/bin" / f"qemu-{architecture.qemu}").rename(folder / f"qemu-{architecture.qemu}")
            rule = folder / "all/usr/share/qemu/binfmt.d" / f"qemu-{architecture.qemu}.conf"
            rule.rename(folder / rule.name)
        shutil.rmtree(folder / "all")

    return _kept("qemu-trixie", fill)


def rule(architecture: Architecture) -> str:
    """The line for binfmt_misc that lets the kernel run programs of ``architecture``, in every root."""
    programs = qemu()
    fields = (programs / f"qemu-{architecture.qemu}.conf").read_text().strip().split(":")
    fields[1] = rule_name(architecture)
    fields[-2:] = [str(programs / f"qemu-{architecture.qemu}"), "OPF"]
    return ":".join(fields)


def rule_name(architecture: Architecture) -> str:
    """What the kernel calls the rule."""
    return f"edge-opt-tests-{architecture.qemu}"


@functools.cache
def obstacle() -> str | None:
    """Why there can be no emulated board here, in a sentence that says what to do; None when there can."""
    if os.geteuid() != 0:
        return "an emulated board needs root for its mounts: run the device tests as root"
    if not shutil.which("mmdebstrap"):
        return "an emulated board is made by mmdebstrap: install the Debian packages in .ci/debian-packages"
    if not shutil.which("ssh-keygen"):
        return "an emulated board needs keys: install the Debian packages in .ci/debian-packages"
    mount = "mount -t binfmt_misc binfmt_misc /proc/sys/fs/binfmt_misc"
    line = ["unshare", "--mount", "--pid", "--fork", "--mount-proc", "--propagation", "private", "sh", "-c", mount]
    if subprocess.run(line, capture_output=True).returncode:
        return "an emulated board needs binfmt_misc: load that kernel module, and give a container --privileged"
    return None


@contextmanager
def _one_at_a_time() -> Iterator[None]:
    cache().mkdir(parents=True, exist_ok=True)
    with (cache() / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _kept(name: str, fill: Callable[[Path], None]) -> Path:
    """The folder ``name`` of the cache, made by ``fill`` when it is not there: whole or not at all."""
    done = cache() / name
    with _one_at_a_time():
        if not done.exists():
            started = cache() / "unfinished"
            shutil.rmtree(started, ignore_errors=True)
            started.mkdir(mode=0o755)
            fill(started)
            started.rename(done)
    return done


def _unpack(suite: str, packages: tuple[str, ...], folder: Path, *options: str) -> None:
    """Unpack Debian packages and what they depend on."""
    chosen = ["--variant=extract", f"--setup-hook={_RELEASE}", *options, f"--include={','.join(packages)}"]
    done = subprocess.run(["mmdebstrap", *chosen, suite, str(folder)], capture_output=True, text=True)
    if done.returncode:
        raise AssertionError(f"mmdebstrap could not unpack {' '.join(packages)}:\n{done.stderr[-4000:]}")


def _configure(folder: Path) -> None:
    """Do what the packages' own scripts would have done, as far as a board needs it."""
    etc, share = folder / "etc", folder / "usr/share"
    users = (share / "base-passwd/passwd.master").read_text()
    users += "sshd:x:100:65534::/run/sshd:/usr/sbin/nologin\n"
    users += f"{USER}:*:{UID}:{UID}::{Path('/home', USER)}:/bin/bash\n"
    (etc / "passwd").write_text(users)
    (etc / "group").write_text((share / "base-passwd/group.master").read_text() + f"{USER}:x:{UID}:\n")
    (etc / "hosts").write_text("127.0.0.1 localhost raspberrypi\n")
    (etc / "hostname").write_text("raspberrypi\n")
    (etc / "nsswitch.conf").write_text("passwd: files\ngroup: files\nhosts: files dns\n")
    certificates = sorted((share / "ca-certificates").rglob("*.crt"))
    (etc / "ssl/certs/ca-certificates.crt").write_text("".join(one.read_text() for one in certificates))
    for name, target in {"awk": "mawk", "which": "which.debianutils"}.items():
        (folder / "usr/bin" / name).symlink_to(target)
    for library in (*folder.glob("usr/lib/*/blas/libblas.so.3"), *folder.glob("usr/lib/*/lapack/liblapack.so.3")):
        (library.parent.parent / library.name).symlink_to(library.relative_to(library.parent.parent))
    (folder / "home" / USER).mkdir()
    for name in ("run/sshd", "run/board"):
        (folder / name).mkdir(parents=True)


if __name__ == "__main__":
    if reason := obstacle():
        raise SystemExit(reason)
    for one in ARCHITECTURES.values():
        root(one)
    qemu()
