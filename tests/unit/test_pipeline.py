"""The whole pipeline on a fake device: what it tries, keeps, refuses and never loses."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from edge_opt.errors import DeviceBusy, EdgeOptError, InputError, RunError, StepFailed
from edge_opt.flows import api, pipeline, workbench
from edge_opt.flows.workbench import Request
from edge_opt.inputs import recipes as recipe_table
from edge_opt.inputs import targets
from edge_opt.stages import plan
from edge_opt.stages.benchmark import Protocol
from edge_opt.store import dump
from edge_opt.types import Finding, Measured, NotTimed, Outline, Report, Step
from tests import stack
from tests.fakes import FakeArtifact, FakeDevice, FakeExecutor
from tests.samples import a_report

HOST = targets.load("host")
RECIPES = (recipe_table.load("float32"), recipe_table.load("dynamic_int8"))  # a short run


def asked(folder: Path, **changes: Any) -> Request:
    (folder / "model.fake").write_bytes(b"weights")
    data = folder / "data.npz"
    return replace(
        Request(
            model=folder / "model.fake",
            data=data if data.exists() else stack.data_set(folder),
            output=folder / "run",
            target=HOST,
            protocol=Protocol(rounds=6),
        ),
        **changes,
    )


def run(request: Request, device: FakeDevice | None = None, watch: Any = lambda _: None) -> Report:
    return pipeline.optimize(request, device=device or FakeDevice(), executor=FakeExecutor(), watch=watch)


def test_the_fastest_artifact_that_keeps_its_accuracy_is_handed_over(tmp_path: Path, monkeypatch: Any) -> None:
    stack.installed(monkeypatch)
    report = run(asked(tmp_path))
    assert report.best.startswith("static_int8/")
    assert report.certificate.status == "pass"
    assert report.certificate.trial == report.best
    assert len(report.trials) >= 14


def test_the_baseline_is_float32_in_the_first_format_and_a_trial_like_any_other(
    tmp_path: Path, monkeypatch: Any
) -> None:
    stack.installed(monkeypatch)
    report = run(asked(tmp_path))
    assert report.baseline == report.trials[0].id == "float32/tflite/litert"
    assert isinstance(report.trials[0].measured, Measured)
    assert report.trials[0].measured.speed_up is None


def test_float_wins_where_float_is_better(tmp_path: Path, monkeypatch: Any) -> None:
    slow = FakeArtifact(latency_ns=400_000)
    stack.installed(monkeypatch, dict.fromkeys(("float16", "dynamic", "weight_only", "static", "static16"), slow))
    report = run(asked(tmp_path, goal="latency"))
    assert report.best.startswith("float32/")


def test_a_fast_artifact_that_loses_accuracy_is_not_handed_over(tmp_path: Path, monkeypatch: Any) -> None:
    stack.installed(monkeypatch, {"static": FakeArtifact(latency_ns=10_000, wrong=0.2)})
    report = run(asked(tmp_path))
    static = next(trial for trial in report.trials if trial.recipe.name == "static_int8")
    assert static.verdict.status == "fail"
    assert not report.best.startswith("static_int8/")


def test_one_broken_converter_is_one_failure_and_the_others_go_on(tmp_path: Path, monkeypatch: Any) -> None:
    stack.installed(monkeypatch, broken={"onnx": ("dynamic",)})
    report = run(asked(tmp_path))
    assert [failure.id for failure in report.failures] == ["dynamic_int8/onnx/onnxruntime"]
    assert report.failures[0].stage == "export"
    assert "does not know" in report.failures[0].message
    assert any(trial.id == "dynamic_int8/tflite/litert" for trial in report.trials)


def test_an_artifact_that_crashes_its_runtime_is_one_failed_trial(tmp_path: Path, monkeypatch: Any) -> None:
    stack.installed(monkeypatch, {"static16": FakeArtifact(crashes=True)})
    report = run(asked(tmp_path))
    assert {failure.stage for failure in report.failures} == {"load"}
    assert all("SIGSEGV" in failure.message for failure in report.failures)
    assert report.certificate.status == "pass"


def test_without_a_baseline_nothing_is_compared_and_the_reason_is_said(tmp_path: Path, monkeypatch: Any) -> None:
    stack.installed(monkeypatch, broken={"tflite": ("none",)})
    with pytest.raises(StepFailed, match="baseline 'float32/tflite/litert' failed at export"):
        run(asked(tmp_path))


def test_certification_looks_at_the_chosen_one_only_and_says_so(tmp_path: Path, monkeypatch: Any) -> None:
    stack.installed(monkeypatch)
    device = FakeDevice()
    report = run(asked(tmp_path), device)
    assert [access.trial for access in report.certificate.ledger] == [report.best]
    predicted = [job for job in device.jobs if Path(job.get("inputs", "")).name == "certification.npy"]
    assert len(predicted) == 2  # the baseline and the chosen one


def test_when_the_first_choice_fails_its_certificate_the_next_of_the_front_is_tried(
    tmp_path: Path, monkeypatch: Any
) -> None:
    # about 1 in 100 wrong: too little for the small selection split to refuse, too much for the certificate
    stack.installed(monkeypatch, {"static": FakeArtifact(latency_ns=10_000, wrong=0.011)})
    report = run(asked(tmp_path))
    statuses = [access.status for access in report.certificate.ledger]
    assert statuses[-1] == "pass"
    assert statuses[0] != "pass"
    assert len(statuses) > 1
    assert not report.best.startswith("static_int8/")


def test_every_measurement_of_a_round_comes_before_the_next_round_and_in_another_order(
    tmp_path: Path, monkeypatch: Any
) -> None:
    stack.installed(monkeypatch)
    device = FakeDevice()
    report = run(asked(tmp_path), device)
    timed = [
        (job["artifacts"][0]["path"], job["artifacts"][0]["runtime"]) for job in device.jobs if job["mode"] == "time"
    ]
    size = len(report.trials)
    rounds = [timed[start : start + size] for start in range(0, len(timed), size)]
    assert len(rounds) == 6
    assert all(sorted(one) == sorted(rounds[0]) for one in rounds)
    assert len({tuple(one) for one in rounds}) > 1


def test_report_json_holds_the_nouns_under_their_own_names(tmp_path: Path, monkeypatch: Any) -> None:
    stack.installed(monkeypatch)
    report = run(asked(tmp_path))
    document = json.loads((tmp_path / "run" / "report.json").read_text())
    trial = document["trials"][0]
    assert len(trial["measured"]["rounds"]) == 6
    assert trial["measured"]["rounds"][0]["samples_ns"]
    assert (tmp_path / "run" / trial["artifact"]["path"]).is_file()
    assert trial["artifact"]["size_bytes"] > 0
    assert trial["verdict"]["status"] == "pass"
    assert document["best"] in {one["id"] for one in document["trials"]}
    assert document["certificate"]["status"] == "pass"
    assert api.load_report(tmp_path / "run") == report


def test_the_bundle_and_the_report_are_written_and_the_scratch_folder_goes(tmp_path: Path, monkeypatch: Any) -> None:
    stack.installed(monkeypatch)
    run(asked(tmp_path))
    names = {path.name for path in (tmp_path / "run").iterdir()}
    assert {"report.json", "report.md", "bundle", "artifacts", "jobs.jsonl"} <= names
    assert "scratch" not in names


class Killed(BaseException):
    """As a kill -9, nothing of the program runs after it."""


class Mortal(FakeDevice):
    """A device that dies with the job of that number."""

    def __init__(self, dies_at: int) -> None:
        super().__init__()
        self.dies_at = dies_at

    def run(self, job: Any) -> dict[str, Any]:
        if len(self.jobs) == self.dies_at:
            raise Killed
        return super().run(job)


@pytest.mark.parametrize("dies_at", [1, 10, 30, 60, 100])
def test_a_killed_run_goes_on_where_it_was_and_repeats_nothing_finished(
    tmp_path: Path, monkeypatch: Any, dies_at: int
) -> None:
    stack.installed(monkeypatch)
    first = Mortal(dies_at)
    with pytest.raises(Killed):
        run(asked(tmp_path), first)
    again = FakeDevice()
    report = run(asked(tmp_path, resume=True), again)
    assert report.certificate.status == "pass"
    timed = sum(job["mode"] == "time" for job in (*first.jobs, *again.jobs))
    assert timed == 6 * len(report.trials)


def test_a_second_run_into_the_same_folder_is_refused_without_resume(tmp_path: Path, monkeypatch: Any) -> None:
    stack.installed(monkeypatch)
    run(asked(tmp_path))
    with pytest.raises(RunError, match="already holds a run"):
        run(asked(tmp_path))


class Failing(FakeDevice):
    """A device on which the job of that kind fails by an error that is no fault of the artifact."""

    def __init__(self, mode: str, error: EdgeOptError, runtime: str = "onnxruntime") -> None:
        super().__init__()
        self.mode, self.error, self.runtime = mode, error, runtime

    def run(self, job: Any) -> dict[str, Any]:
        if job["mode"] == self.mode and job["artifacts"][0]["runtime"] == self.runtime:
            raise self.error
        return super().run(job)


@pytest.mark.parametrize("mode", ["predict", "time"])
@pytest.mark.parametrize("error", [RunError("no room is left"), DeviceBusy("others measure")])
def test_what_is_no_fault_of_the_artifact_ends_the_run_and_resuming_tries_again(
    tmp_path: Path, monkeypatch: Any, mode: str, error: EdgeOptError
) -> None:
    stack.installed(monkeypatch)
    with pytest.raises(type(error)) as kept:  # noqa: F841 - its traceback must not keep the folder locked
        run(asked(tmp_path, recipes=RECIPES), Failing(mode, error))
    report = run(asked(tmp_path, recipes=RECIPES, resume=True))
    assert report.failures == ()
    assert any(trial.runtime == "onnxruntime" for trial in report.trials)


def test_a_converter_that_is_not_installed_is_a_failure_until_it_is_installed(tmp_path: Path, monkeypatch: Any) -> None:
    stack.installed(monkeypatch, missing=("onnx",))
    first = run(asked(tmp_path, recipes=RECIPES))
    assert {failure.id for failure in first.failures} == {"dynamic_int8/onnx/onnxruntime", "float32/onnx/onnxruntime"}
    assert {failure.hint for failure in first.failures} == {"pip install 'edge-opt[onnx]'"}
    stack.installed(monkeypatch)
    assert run(asked(tmp_path, recipes=RECIPES, resume=True)).failures == ()


def test_one_runtime_that_cannot_load_a_file_says_nothing_of_another_that_can(tmp_path: Path, monkeypatch: Any) -> None:
    stack.installed(monkeypatch)
    both = lambda first, *_: (replace(first, runtime="second"), first) if not _[-1] else ()  # noqa: E731
    monkeypatch.setattr(plan, "plan", both)
    report = run(asked(tmp_path), Failing("predict", StepFailed("no kernel"), "second"))
    assert [(failure.id, failure.stage) for failure in report.failures] == [("float32/tflite/second", "load")]
    assert [trial.id for trial in report.trials] == ["float32/tflite/litert"]


class Talkative(FakeDevice):
    """A worker that adds fields of its own, and cannot tell its memory."""

    def run(self, job: Any) -> dict[str, Any]:
        answer = super().run(job)
        answer = {name: value for name, value in answer.items() if not name.endswith("_rss_bytes")}
        answer["environment"] = {**answer["environment"], "temperature": 55}
        answer["inputs"] = [{**one, "channels": "last"} for one in answer.get("inputs", [])]
        return {**answer, "battery": 0.5}


def test_a_worker_may_add_fields_and_leave_out_its_memory(tmp_path: Path, monkeypatch: Any) -> None:
    stack.installed(monkeypatch)
    report = run(asked(tmp_path, recipes=RECIPES), Talkative())
    assert report.failures == ()
    assert {trial.measured.memory_bytes for trial in report.trials if isinstance(trial.measured, Measured)} == {0}


class Terse(FakeDevice):
    """A worker that forgets its samples, of one runtime."""

    def run(self, job: Any) -> dict[str, Any]:
        answer = super().run(job)
        if job["mode"] == "time" and job["artifacts"][0]["runtime"] == "onnxruntime":
            del answer["samples_ns"]
        return answer


def test_an_answer_without_what_the_protocol_demands_is_a_failure_of_that_trial(
    tmp_path: Path, monkeypatch: Any
) -> None:
    stack.installed(monkeypatch)
    report = run(asked(tmp_path, recipes=RECIPES), Terse())
    assert {failure.stage for failure in report.failures} == {"benchmark"}
    assert all("'samples_ns' is missing" in failure.message for failure in report.failures)


def _begun(folder: Path, monkeypatch: Any) -> None:
    stack.installed(monkeypatch)
    with pytest.raises(Killed):
        run(asked(folder), Mortal(30))


def test_a_run_begun_on_another_machine_is_not_resumed_and_says_why(tmp_path: Path, monkeypatch: Any) -> None:
    _begun(tmp_path, monkeypatch)
    with pytest.raises(RunError, match="the instruction set of the processor changed since"):
        run(asked(tmp_path, resume=True), FakeDevice(isa=("avx2",)))


def test_a_run_begun_with_another_preprocessing_is_not_resumed_and_says_why(tmp_path: Path, monkeypatch: Any) -> None:
    _begun(tmp_path, monkeypatch)
    contract = tmp_path / "data.preprocessing.toml"
    contract.write_text(contract.read_text().replace("offset = 0.0", "offset = -0.5"))
    with pytest.raises(RunError, match="the preprocessing contract changed since"):
        run(asked(tmp_path, resume=True))


def test_a_run_begun_with_another_version_of_a_package_is_not_resumed_and_says_why(
    tmp_path: Path, monkeypatch: Any
) -> None:
    _begun(tmp_path, monkeypatch)
    versions = {**workbench.installed(), "numpy": "99.0"}
    monkeypatch.setattr(workbench, "installed", lambda: versions)
    with pytest.raises(RunError, match="the version of numpy changed since"):
        run(asked(tmp_path, resume=True))


def test_a_package_that_was_missing_is_installed_and_the_run_goes_on_and_holds_to_its_version(
    tmp_path: Path, monkeypatch: Any
) -> None:
    without = {name: number for name, number in workbench.installed().items() if name != "nncf"}
    monkeypatch.setattr(workbench, "installed", lambda: without)
    _begun(tmp_path, monkeypatch)
    monkeypatch.setattr(workbench, "installed", lambda: {**without, "nncf": "2.0"})
    run(asked(tmp_path, resume=True))
    monkeypatch.setattr(workbench, "installed", lambda: {**without, "nncf": "3.0"})
    with pytest.raises(RunError, match="the version of nncf changed since"):
        run(asked(tmp_path, resume=True))


def test_the_same_files_by_another_path_are_the_same_run(tmp_path: Path, monkeypatch: Any) -> None:
    _begun(tmp_path, monkeypatch)
    monkeypatch.chdir(tmp_path)
    request = asked(tmp_path, resume=True)
    moved = replace(request, model=Path("model.fake"), data=Path("data.npz"))
    assert run(moved).certificate.status == "pass"


def test_a_run_that_fails_lets_its_folder_go(tmp_path: Path, monkeypatch: Any) -> None:
    stack.installed(monkeypatch)
    with pytest.raises(Killed) as kept:  # noqa: F841 - its traceback must not keep the folder locked
        run(asked(tmp_path), Mortal(30))
    assert run(asked(tmp_path, resume=True)).certificate.status == "pass"


def test_a_run_whose_bundle_could_not_be_written_is_not_finished(tmp_path: Path, monkeypatch: Any) -> None:
    stack.installed(monkeypatch)
    with monkeypatch.context() as broken:
        broken.setattr("edge_opt.results.export.python.export", full)
        with pytest.raises(RunError, match="no room"):
            run(asked(tmp_path, recipes=RECIPES))
    assert not (tmp_path / "run" / "report.json").exists()
    run(asked(tmp_path, recipes=RECIPES, resume=True))
    assert (tmp_path / "run" / "report.json").exists()


def full(*_: Any, **__: Any) -> None:
    raise RunError("no room is left on the disk")


def test_the_report_of_a_run_that_is_not_finished_is_refused_with_how_to_go_on(
    tmp_path: Path, monkeypatch: Any
) -> None:
    _begun(tmp_path, monkeypatch)
    with pytest.raises(RunError, match="is not finished") as raised:
        api.load_report(tmp_path / "run")
    assert "--resume" in raised.value.hint


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"schema_version": 99}, "another version of edge-opt: its format is 99"),
        ({"schema_version": None}, "another version"),
        ({"best": ...}, "'best' is missing"),
        ({"trials": 3}, "is damaged"),
        ({"model": {"path": "x"}}, "is missing"),
    ],
)
def test_a_report_that_does_not_fit_is_one_sentence(
    tmp_path: Path, monkeypatch: Any, change: dict[str, Any], words: str
) -> None:
    document = {**dump(a_report()), **change}
    (tmp_path / "report.json").write_text(json.dumps({k: v for k, v in document.items() if v is not ...}))
    with pytest.raises(RunError, match=words):
        api.load_report(tmp_path)


def test_json_that_is_no_report_is_refused(tmp_path: Path) -> None:
    (tmp_path / "report.json").write_text("[1]")
    with pytest.raises(RunError, match="is no report of edge-opt"):
        api.load_report(tmp_path / "report.json")


def test_a_finished_run_resumed_measures_nothing_again(tmp_path: Path, monkeypatch: Any) -> None:
    stack.installed(monkeypatch)
    first = run(asked(tmp_path))
    device = FakeDevice()
    again = run(asked(tmp_path, resume=True), device)
    assert not [job for job in device.jobs if job["mode"] in ("time", "pair")]
    assert again.trials == first.trials


def test_a_target_whose_instructions_the_machine_lacks_is_not_timed_and_says_why(
    tmp_path: Path, monkeypatch: Any
) -> None:
    stack.installed(monkeypatch)
    report = run(asked(tmp_path, target=targets.load("x86-vnni")), FakeDevice(isa=("avx2",)))
    assert all(isinstance(trial.measured, NotTimed) for trial in report.trials)
    assert "vnni" in report.trials[0].measured.reason
    assert report.retimed is None


def test_the_outline_is_told_before_anything_is_made(tmp_path: Path, monkeypatch: Any) -> None:
    stack.installed(monkeypatch)
    events: list[Outline | Step | Finding] = []
    run(asked(tmp_path), watch=events.append)
    outline = next(index for index, event in enumerate(events) if isinstance(event, Outline))
    made = next(index for index, event in enumerate(events) if isinstance(event, Step) and event.stage == "optimize")
    assert outline < made
    assert len(events[outline].candidates) >= 14
    assert events[outline].seconds > 0


def test_only_the_recipes_asked_for_are_tried_beside_the_baseline(tmp_path: Path, monkeypatch: Any) -> None:
    stack.installed(monkeypatch)
    from edge_opt.inputs import recipes

    report = run(asked(tmp_path, recipes=(recipes.load("static_int8"),)))
    assert {trial.recipe.name for trial in report.trials} == {"float32", "static_int8"}
    assert [trial.id for trial in report.trials if trial.recipe.name == "float32"] == [report.baseline]


def test_where_nothing_keeps_a_limit_the_report_says_so(tmp_path: Path, monkeypatch: Any) -> None:
    stack.installed(monkeypatch)
    impossible = replace(HOST, budget=replace(HOST.budget, max_size_bytes=10))
    report = run(asked(tmp_path, target=impossible))
    assert report.best == report.baseline
    assert {trial.verdict.status for trial in report.trials} == {"fail"}
    assert "EO311" in {finding.code for finding in report.trials[0].verdict.findings}
    assert "EO210" in {finding.code for finding in report.findings}


def test_a_target_that_cannot_be_timed_here_still_gets_its_smallest_artifact(tmp_path: Path, monkeypatch: Any) -> None:
    stack.installed(monkeypatch)
    report = run(asked(tmp_path, target=targets.load("x86-avx2")), FakeDevice(isa=("avx2", "avx512f")))
    best = next(trial for trial in report.trials if trial.id == report.best)
    assert isinstance(best.measured, NotTimed)
    assert best.artifact.size_bytes == min(trial.artifact.size_bytes for trial in report.trials)


def test_limits_decide_what_may_be_handed_over(tmp_path: Path, monkeypatch: Any) -> None:
    stack.installed(monkeypatch)
    tight = replace(HOST, budget=replace(HOST.budget, max_size_bytes=1500))
    report = run(asked(tmp_path, target=tight))
    best = next(trial for trial in report.trials if trial.id == report.best)
    assert best.artifact.size_bytes <= 1500
    assert all(trial.artifact.size_bytes <= 1500 for trial in report.trials if trial.id in report.pareto)


def test_labels_that_do_not_fit_the_outputs_are_one_sentence(tmp_path: Path, monkeypatch: Any) -> None:
    import numpy as np

    stack.installed(monkeypatch)
    request = asked(tmp_path)
    arrays = dict(np.load(request.data))
    np.savez(request.data, **{**arrays, "y_test": arrays["y_test"] + 4})
    with pytest.raises(InputError) as raised:
        run(request)
    assert "classes" in raised.value.message
    assert raised.value.hint


def test_a_model_that_is_not_there_is_named(tmp_path: Path, monkeypatch: Any) -> None:
    stack.installed(monkeypatch)
    request = replace(asked(tmp_path), model=tmp_path / "absent.fake")
    with pytest.raises(EdgeOptError, match=r"absent\.fake"):
        run(request)
    assert not (tmp_path / "run").exists()
