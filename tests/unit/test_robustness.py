from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from edge_opt.flows.diagnosis import robustness
from edge_opt.flows.diagnosis.robustness import asking_artifact, robustness_of
from edge_opt.inputs import corruptions
from edge_opt.inputs.dataset.samples import ArraySamples
from edge_opt.store import Run
from edge_opt.types import Entry, Outline, Preprocessing, Robustness, Step

CONTRACT = Preprocessing(color="gray", height=8, width=8, scale=(1 / 255,))
CLASSES = ("dark", "light")


def samples(count: int = 30) -> ArraySamples:
    rng = np.random.default_rng(0)
    labels = np.arange(count) % 2
    pixels = rng.integers(0, 100, (count, 8, 8, 1)) + 120 * labels[:, None, None, None]
    return ArraySamples(pixels.astype(np.uint8), labels, "x_test", np.arange(count))


class Asked:
    """A model that calls a picture light where its mean is above a half; it notes what it is asked."""

    def __init__(self, fails_at: int | None = None) -> None:
        self.calls: list[list[str]] = []
        self.fails_at = fails_at

    def __call__(self, paths: Sequence[Path]) -> list[NDArray[Any]]:
        if len(self.calls) == self.fails_at:
            raise KeyboardInterrupt
        self.calls.append([path.name for path in paths])
        means = [np.load(path).mean(axis=(1, 2, 3)) for path in paths]
        return [np.stack([1 - mean, mean], axis=1).astype(np.float32) for mean in means]


def measure(run: Run, ask: Callable[[Sequence[Path]], list[NDArray[Any]]], **options: Any) -> Robustness:
    given = options.pop("given", samples())
    told: list[Any] = options.pop("told", [])
    return robustness_of(
        "original",
        ask,
        CONTRACT,
        given,
        given.labels,
        CLASSES,
        "certification",
        run,
        options.pop("fingerprint", "sha"),
        watch=told.append,
        **options,
    )


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run.start(tmp_path / "run", {})


def test_every_condition_is_answered_on_the_pictures_that_it_makes(run: Run, tmp_path: Path) -> None:
    found = measure(run, Asked())
    assert [one.condition for one in found.conditions] == list(corruptions.conditions())
    assert (found.model, found.split, found.samples) == ("original", "certification", 30)
    for one in (found.clean, *found.conditions):
        seen = np.load(corruptions.prepare(CONTRACT, samples(), one.condition, tmp_path / "seen.npy", 0))
        expected = (seen.mean(axis=(1, 2, 3)) > 0.5).astype(int)
        assert one.predictions == tuple(expected.tolist())
        assert one.value == pytest.approx((expected == samples().labels).mean())
    assert found.value == pytest.approx(np.mean([one.value for one in found.conditions]))
    assert len(found.clean.confidences) == 30
    assert not found.conditions[0].confidences


def test_pictures_are_asked_for_in_calls_of_bounded_size_and_their_files_go(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = measure(run, Asked())
    monkeypatch.setattr(robustness, "_CALL_BYTES", 4 * 64 * 20)  # twenty pictures
    ask = Asked()
    parts = measure(run, ask, fingerprint="the same in parts")
    assert parts == whole
    assert len(ask.calls) > 41
    assert [path.name.partition("-")[0] for path in run.scratch("x").parent.iterdir()] == ["sized"]


def test_what_was_answered_before_an_interruption_is_not_asked_again(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(robustness, "_CALL_BYTES", 4 * 64 * 30 * 5)  # five conditions
    with pytest.raises(KeyboardInterrupt):
        measure(run, Asked(fails_at=3))
    assert [path for path in run.scratch("x").parent.iterdir() if not path.name.startswith("sized")] == []
    ask, told = Asked(), list[Any]()
    found = measure(run, ask, told=told)
    assert sum(map(len, ask.calls)) == 41 - 15
    assert (told[0].done, told[-1].done) == (15, 41)
    assert measure(run, Asked(fails_at=0)) == found


def test_another_model_other_samples_or_another_seed_are_asked_anew(run: Run) -> None:
    measure(run, Asked())
    for changed in ({"fingerprint": "other"}, {"given": samples(28)}, {"seed": 1}, {"most": 10}):
        ask = Asked()
        measure(run, ask, **changed)
        assert sum(map(len, ask.calls)) == 41


def test_of_too_many_samples_every_class_keeps_its_share(run: Run) -> None:
    found = measure(run, Asked(), most=10)
    assert found.samples == 10
    assert set(found.clean.per_class) == set(CLASSES)


def test_progress_is_told_by_the_condition(run: Run) -> None:
    told: list[Outline | Step] = []
    measure(run, Asked(), told=told)
    steps = [one for one in told if isinstance(one, Step)]
    assert [one.done for one in steps] == list(range(42))
    assert {(one.stage, one.total) for one in steps} == {("robustness", 41)}
    assert steps[1].what == "original, rotation@1"


class Answering:
    """A device whose artifact answers the mean of each sample."""

    def run(self, job: Mapping[str, Any]) -> dict[str, Any]:
        rows = np.load(job["inputs"])
        np.save(job["outputs"], np.stack([rows.mean(axis=(1, 2, 3)), rows.max(axis=(1, 2, 3))], axis=1))
        return {"outputs": job["outputs"]}


@pytest.mark.parametrize("jobs", [1, 2])
def test_an_artifact_answers_files_in_their_order_and_leaves_none(run: Run, jobs: int) -> None:
    paths = [run.scratch(f"{name}.npy") for name in ("b", "a", "c")]
    for number, path in enumerate(paths):
        np.save(path, np.full((4, 8, 8, 1), number, np.float32))
    entry = Entry(path=Path("model.tflite"), runtime="litert", options={})
    found = asking_artifact(entry, Answering(), run, jobs)(paths)
    assert [float(answers[0, 0]) for answers in found] == [0, 1, 2]
    assert sorted(path.name for path in run.scratch("x").parent.iterdir()) == ["a.npy", "b.npy", "c.npy"]
