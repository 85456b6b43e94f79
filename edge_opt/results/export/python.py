"""A run → a folder that a Python program deploys: the certified artifact, its preprocessing, and the proof of both."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import os
import shutil
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_opt import registry, store
from edge_opt.errors import RunError
from edge_opt.inputs import preprocess
from edge_opt.results.export import record
from edge_opt.results.report import words
from edge_opt.types import Measured, Report, Trial

Array = NDArray[Any]
# read now: an installation that is changed during a run of hours must not give the run another bundle
_TEMPLATES = {
    name: (files("edge_opt.results.export") / "templates" / f"{name}.txt").read_text(encoding="utf-8")
    for name in ("README.md", "predict.py", "predict_array.py")
}


def export(
    run_folder: Path,
    report: Report,
    out: Path,
    golden_inputs: Array | None = None,
    golden_outputs: Array | None = None,
) -> Path:
    """The bundle of the best trial, written to ``out``: whole, or not at all; an earlier bundle there is replaced.

    ``golden_inputs`` ``(n, …)`` float32 are inputs as the model sees them, ``golden_outputs`` ``(n, classes)`` what the
    artifact answered. Raises RunError where ``out`` holds something else, or the artifact is not what was measured.
    """
    run_folder, out = Path(run_folder), Path(out)
    if out.exists() and not _replaceable(out):
        raise RunError(f"'{out}' exists and is no bundle of edge-opt", "give a folder that does not exist yet")
    partial = out.with_name(f".{out.name}.{os.getpid()}.partial")
    with store.room(out):
        try:
            partial.mkdir(parents=True)
            _fill(partial, run_folder, report, golden_inputs, golden_outputs)
            _swap(partial, out)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
    return out


def _replaceable(out: Path) -> bool:
    return out.is_dir() and ((out / "bundle.json").is_file() or not any(out.iterdir()))


def _fill(folder: Path, run_folder: Path, report: Report, inputs: Array | None, outputs: Array | None) -> None:
    """Every file of the bundle; ``bundle.json`` comes last, as it holds the hashes of the others."""
    trial = words.trial(report, report.best)
    model = _copy_artifact(run_folder / trial.artifact.path, folder, trial)
    shutil.copyfile(_runtime_file(trial), folder / "runtime.py")
    program = "predict.py" if record.is_picture(report) else "predict_array.py"
    (folder / "predict.py").write_text(template(program), encoding="utf-8")
    (folder / "classes.txt").write_text("".join(f"{name}\n" for name in record.classes(report)), encoding="utf-8")
    (folder / "requirements.txt").write_text("".join(f"{line}\n" for line in requirements(report)), encoding="utf-8")
    preprocess.write(report.preprocessing, folder / "preprocessing.toml")
    if inputs is not None and outputs is not None:
        np.savez_compressed(folder / "golden.npz", inputs=np.asarray(inputs), outputs=np.asarray(outputs))
    readme = record.readme(report, model, template("README.md"), sorted(_names(folder)))
    (folder / "README.md").write_text(readme, encoding="utf-8")
    entry = record.bundle(report, model, {name: _fingerprint(folder / name) for name in sorted(_names(folder))})
    (folder / "bundle.json").write_text(json.dumps(entry, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _copy_artifact(source: Path, folder: Path, trial: Trial) -> str:
    """The name of the file that the runtime opens; its whole folder is copied, and is what was measured."""
    origin = source.parent
    if not source.is_file():
        raise RunError(f"the artifact '{source}' is not there", "run 'edge-opt optimize' again")
    sha256, _, _ = store.measure(origin)
    if sha256 != trial.artifact.sha256:
        raise RunError(f"'{origin}' is not the artifact that was measured", "run 'edge-opt optimize' again")
    shutil.copytree(origin, folder, dirs_exist_ok=True, copy_function=shutil.copyfile)
    return source.name


def _runtime_file(trial: Trial) -> Path:
    """The module that ran the artifact when it was measured: it stands alone, so that it runs in the bundle as well."""
    module = registry.load("runtimes", trial.runtime)
    if module.__file__ is None:
        raise RunError(f"the runtime '{trial.runtime}' has no file to put into a bundle", "choose another runtime")
    found = Path(module.__file__)
    return found.with_name(getattr(module, "STANDALONE", found.name))  # one that needs its neighbour names that


def template(name: str) -> str:
    """The text of a file of ``templates/``; they end in ``.txt`` as they are no code of this package."""
    return _TEMPLATES[name]


def requirements(report: Report) -> tuple[str, ...]:
    """The packages the bundle needs, the runtime and what prepares its inputs as they were installed here."""
    trial = words.trial(report, report.best)
    if isinstance(trial.measured, Measured):
        distribution, _, version = trial.measured.runtime_version.partition(" ")
    else:
        distribution, version = registry.load("runtimes", trial.runtime).INSTALL, ""
    others = {name: _pinned(name, _installed(report, name)) for name in ("numpy", "pillow")}
    # a runtime with an environment of its own does not run with the numpy of this one
    own = {one for one in getattr(registry.load("runtimes", trial.runtime), "REQUIREMENTS", ()) if "numpy" in one}
    drawing = (others["pillow"],) if record.is_picture(report) else ()
    return (_pinned(distribution, version), *(own or {others["numpy"]}), *drawing)


def _installed(report: Report, distribution: str) -> str:
    if distribution in report.versions:
        return report.versions[distribution]
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return ""


def _pinned(distribution: str, version: str) -> str:
    return f"{distribution}=={version}" if version else distribution


def _names(folder: Path) -> list[str]:
    return [path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()]


def _fingerprint(path: Path) -> dict[str, Any]:
    content = path.read_bytes()
    return {"sha256": hashlib.sha256(content).hexdigest(), "size_bytes": len(content)}


def _swap(partial: Path, out: Path, rename: Callable[[Path, Path], None] = os.replace) -> None:
    """Put ``partial`` in the place of ``out``; what was there stays until the new one stands."""
    if not out.exists():
        rename(partial, out)
        return
    former = out.with_name(f".{out.name}.{os.getpid()}.former")
    rename(out, former)
    try:
        rename(partial, out)
    except OSError:
        rename(former, out)
        raise
    shutil.rmtree(former, ignore_errors=True)
