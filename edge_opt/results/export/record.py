"""What a bundle says of itself: ``bundle.json`` for programs, ``README.md`` for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from string import Template
from typing import Any

from edge_opt import store, units
from edge_opt.results.report import notes, words
from edge_opt.types import Measured, Preprocessing, Report

SCHEMA_VERSION = 1
PURPOSES = {
    "predict.py": "prints the best guesses for a picture; the class `Classifier` for programs",
    "runtime.py": "how the model is loaded and run: the very file that ran it when it was measured",
    "preprocessing.toml": "what is done to a picture before the model sees it",
    "classes.txt": "the names of the classes, one a line, in the order of the outputs",
    "requirements.txt": "the packages it needs, in the versions it was measured with",
    "golden.npz": "inputs as the model sees them, and what it answered where it was measured",
}
# the same for samples that are no pictures
ARRAY_PURPOSES = {
    "predict.py": "prints the best guesses for the samples of a .npy or .npz file; the class `Classifier` for programs",
    "preprocessing.toml": "what is done to a sample before the model sees it",
}
# what the README says of the samples, and how a program reads one
_PICTURES = {"things": "Pictures", "example": "picture.png", "read": "pixels"}
_ARRAYS = {"things": "Samples", "example": "sample.npy", "read": "sample"}
# what the README says about the golden inputs, where there are some
CHECK = {
    "check": "\npython predict.py --check",
    "checked": " With `--check` it tells whether\nthis machine gets the answers that the measured one got.",
    "golden": " So do the golden inputs,\nwhich are taken from that data.",
}
PER_SAMPLE = ("scores", "predictions")


def bundle(report: Report, model: str, files: Mapping[str, Any]) -> dict[str, Any]:
    """The content of ``bundle.json``; ``files`` are the fingerprints of all the others."""
    trial = words.trial(report, report.best)
    artifact = trial.artifact
    return {
        "schema_version": SCHEMA_VERSION,
        "kind": "python",
        "model": {
            "file": model,
            "trial": trial.id,
            "recipe": trial.recipe.name,
            "format": artifact.format,
            "variant": artifact.variant,
            "runtime": trial.runtime,
            "options": dict(trial.options),
            "threads": report.threads,
            "inputs": store.dump(artifact.inputs),
            "outputs": store.dump(artifact.outputs),
            "size_bytes": artifact.size_bytes,
            "sha256": artifact.sha256,
            "source": {
                "name": report.model.path.name,
                "framework": report.model.framework,
                "sha256": report.model.sha256,
            },
        },
        "preprocessing": store.dump(report.preprocessing),
        "timing": _timing(report),
        "certificate": _certificate(report),
        "target": {"name": report.target.name, "budget": store.dump(report.target.budget)},
        "versions": dict(report.versions),
        "command": report.command,
        "seed": report.seed,
        "started": report.started,
        "files": dict(files),
    }


def classes(report: Report) -> tuple[str, ...]:
    """A name for every output of the model; those that the data do not name are called by their number."""
    names = report.data.classes
    outputs = words.trial(report, report.best).artifact.outputs[0].shape[-1] or 0
    return (*names, *(f"class {number}" for number in range(len(names), outputs)))


def is_picture(report: Report) -> bool:
    """Whether the model takes pictures."""
    return isinstance(report.preprocessing, Preprocessing)


def _thing(report: Report) -> str:
    return "picture" if is_picture(report) else "sample"


def _timing(report: Report) -> dict[str, Any]:
    """The times with their environment, without the single samples: those stay in the run's report."""
    trial = words.trial(report, report.best)
    timing: dict[str, Any] = store.dump(trial.measured)
    if isinstance(trial.measured, Measured):
        timing["rounds"] = len(trial.measured.rounds)
        timing["samples"] = sum(len(one.samples_ns) for one in trial.measured.rounds)
    return {**timing, "baseline": report.baseline, "retimed": store.dump(report.retimed)}


def _certificate(report: Report) -> dict[str, Any]:
    found: dict[str, Any] = store.dump(report.certificate)
    for side in ("baseline", "accuracy"):
        found[side] = {name: value for name, value in found[side].items() if name not in PER_SAMPLE}
    return found


def readme(report: Report, model: str, template: str, files: Sequence[str]) -> str:
    """The content of ``README.md``."""
    return Template(template).substitute(readme_values(report, model, files))


def readme_values(report: Report, model: str, files: Sequence[str]) -> dict[str, str]:
    """What stands in ``README.md`` for each of its placeholders."""
    trial = words.trial(report, report.best)
    timed = trial.measured
    purposes = PURPOSES if is_picture(report) else {**PURPOSES, **ARRAY_PURPOSES}
    listed = (f"| `{name}` | {purposes.get(name, 'the model')} |" for name in files)
    return dict(
        model=report.model.path.name,
        target=report.target.name,
        file=model,
        source=report.model.path.name,
        recipe=trial.recipe.name,
        runtime=timed.runtime_version if isinstance(timed, Measured) else trial.runtime,
        preprocessing=notes.preprocessing(report.preprocessing),
        **(_PICTURES if is_picture(report) else _ARRAYS),
        **(CHECK if "golden.npz" in files else dict.fromkeys(CHECK, "")),
        measured="\n".join(_measured(report)),
        limits="\n".join(_limits(report)),
        files="\n".join(listed),
        tool=words.tool(report),
        started=report.started,
        command=words.one_line(report.command),
    )


def _measured(report: Report) -> Iterator[str]:
    trial = words.trial(report, report.best)
    timed = trial.measured
    if isinstance(timed, Measured):
        unit = units.time_unit(timed.median_ns)
        spread = units.format_time(timed.median_ns, unit, timed.half_iqr_ns)
        spread += f" {unit} (median ± half of the interquartile range), p90 {units.format_duration(timed.p90_ns)}"
        yield f"- Latency: {spread}, {words.threads(report)}, measured on {notes.escape(words.machine(report))}"
        yield f"- Loading: {units.format_duration(timed.load_ns)}; memory: {units.format_bytes(timed.memory_bytes)}"
    else:
        yield f"- Latency: not timed, {notes.escape(timed.reason)}"
    against = "It is" if report.best == report.baseline else f"Against the baseline (`{report.baseline}`):"
    yield f"- {against} {words.best(report)}"
    yield f"- {'Accuracy' if report.data.labelled else 'Agreement'}: {notes.escape(words.certificate(report))}"
    yield f"- {notes.sentence(notes.escape(words.ledger(report))).rstrip('.')}"


def _limits(report: Report) -> Iterator[str]:
    machine = notes.escape(words.machine(report))
    yield f"- The times hold for {machine}. Elsewhere run `edge-opt bench` on the model there."
    counted, thing = ("accuracy" if report.data.labelled else "agreement"), _thing(report)
    yield f"- The {counted} holds for {thing}s like those of `{report.data.path}`, where it was counted."
    if not report.data.labelled:
        yield (
            f"- Agreement is the share of the {thing}s that get the answer of the float model's own framework. There "
            "were no labels: how often that answer is right, nobody has counted."
        )
    known = units.format_count(len(classes(report)))
    yield f"- It knows {known} classes and answers one of them to any {thing}, also to one that is none of them."
    variant = words.trial(report, report.best).artifact.variant
    if variant == "u8s8":
        yield "- `u8s8` answers worse on x86 processors without VNNI, whose 16-bit sums saturate: evaluate it there."
