"""What is planted in a real training is found and ranked first, and a sound training has no problem."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_opt.inputs import history
from edge_opt.results.report.language import language
from edge_opt.results.report.symptoms import told
from edge_opt.stages.diagnose import curves, training
from edge_opt.stages.diagnose.ranking import ranked
from edge_opt.stages.observe.answers import Answers
from edge_opt.stages.observe.training import of_training
from edge_opt.types import Fit, History, Symptom, TrainingEvidence

CHECKOUT = Path(__file__).parents[2]
FIXTURES = sorted((CHECKOUT / "tests" / "fixtures" / "histories").glob("*.json"))


def evidence(path: Path) -> TrainingEvidence:
    return TrainingEvidence(
        history=history.read(path), fit=Fit(**json.loads(path.read_text(encoding="utf-8"))["fit"], chance=0.1)
    )


def planted(path: Path) -> str:
    return str(json.loads(path.read_text(encoding="utf-8"))["planted"])


def found(given: TrainingEvidence) -> tuple[Symptom, ...]:
    return ranked(list(training.symptoms(given)))


def codes(given: TrainingEvidence) -> list[str]:
    return [symptom.code for symptom in found(given)]


def a_history(**curves: Any) -> History:
    empty: dict[str, Any] = dict.fromkeys(("loss", "val_loss", "accuracy", "val_accuracy", "learning_rate"), ())
    return History(source="history.json", **{**empty, **{name: tuple(curve) for name, curve in curves.items()}})


def a_fit(trained: float, held_out: float, samples: int = 2000, chance: float = 0.1) -> Fit:
    return Fit(trained=trained, trained_samples=samples, held_out=held_out, held_out_samples=samples, chance=chance)


# ── real trainings ─────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("path", [path for path in FIXTURES if planted(path)], ids=lambda path: path.stem)
def test_what_was_planted_in_a_real_training_is_ranked_first(path: Path) -> None:
    both = evidence(path)
    assert codes(both)[0] == planted(path)
    assert codes(replace(both, fit=None))[0] == planted(path)


@pytest.mark.parametrize("path", [path for path in FIXTURES if not planted(path)], ids=lambda path: path.stem)
def test_a_sound_training_has_no_problem(path: Path) -> None:
    both = evidence(path)
    for known in (both, replace(both, fit=None), replace(both, history=None)):
        assert "problem" not in {symptom.severity for symptom in found(known)}


@pytest.mark.parametrize(
    ("name", "expected"),
    [("overfit_1", ["EO701"]), ("underfit_1", ["EO702"]), ("healthy_1", []), ("too_long", ["EO701"])],
)
def test_without_a_history_the_gap_speaks(name: str, expected: list[str]) -> None:
    path = next(path for path in FIXTURES if path.stem == name)
    assert codes(replace(evidence(path), history=None)) == expected


def test_the_training_of_the_example_is_sound() -> None:
    read = history.read(CHECKOUT / "examples" / "web_app" / "history.json")
    assert codes(TrainingEvidence(history=read, fit=None)) == []
    (one,) = found(TrainingEvidence(history=read, fit=a_fit(0.922, 0.88)))
    assert (one.code, one.severity) == ("EO701", "warning")


@pytest.mark.parametrize("path", FIXTURES, ids=lambda path: path.stem)
def test_every_symptom_can_be_told_in_both_languages(path: Path) -> None:
    for symptom in found(evidence(path)):
        for code in ("en", "fr"):
            words = told(symptom, language(code))
            assert words.title
            assert words.seen.endswith(".")
            assert words.fix.endswith(".")


# ── single signs ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_gap_that_few_samples_may_give_by_chance_is_none() -> None:
    assert codes(TrainingEvidence(history=None, fit=a_fit(1.0, 0.9, samples=12))) == []
    assert codes(TrainingEvidence(history=None, fit=a_fit(1.0, 0.9))) == ["EO701"]


def test_the_lower_bound_of_the_gap_is_newcombes() -> None:
    # Newcombe (1998), table II, case (a): 56/70 and 48/80, 95 % by method 10: 0.0524 to 0.3339
    fit = Fit(trained=56 / 70, trained_samples=70, held_out=48 / 80, held_out_samples=80, chance=0.1)
    assert training._least_gap(fit, confidence=0.95) == pytest.approx(0.0524, abs=5e-5)


def test_the_picture_can_mark_the_epoch_from_which_the_validation_loss_rose() -> None:
    falls = [2.0, 1.0, 0.6, 0.4, 0.3, 0.2, 0.15, 0.1, 0.08, 0.06]
    valued = [2.0, 1.2, 0.9, 0.8, 0.7, 0.8, 0.9, 1.0, 1.1, 1.2]
    given = a_history(loss=falls, val_loss=valued, accuracy=[0.99] * 10, val_accuracy=[0.7] * 10)
    by_code = {symptom.code: symptom for symptom in found(TrainingEvidence(history=given, fit=None))}
    assert by_code["EO701"].facts["epoch"] == 5
    assert (by_code["EO704"].facts["epoch"], by_code["EO704"].facts["epochs"]) == (5, 10)
    assert by_code["EO704"].explained_by == "EO701"


def test_where_the_best_weights_were_taken_back_nothing_is_lost() -> None:
    curve = [0.5, 0.7, 0.8, 0.8, 0.8, 0.79, 0.77, 0.75, 0.74, 0.73]
    given = a_history(
        loss=[2, 1, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1],
        val_loss=[2, 1, 0.7, 0.6, 0.6, 0.65, 0.7, 0.8, 0.9, 1],
        accuracy=[*curve[:5], 0.8, 0.81, 0.8, 0.8, 0.8],
        val_accuracy=curve,
    )
    kept = training.long_past(TrainingEvidence(history=given, fit=a_fit(0.82, 0.73)))
    back = training.long_past(TrainingEvidence(history=given, fit=a_fit(0.82, 0.80)))
    assert [symptom.severity for symptom in (*kept, *back)] == ["problem", "warning"]


def test_a_model_that_was_good_in_its_training_does_not_underfit_whatever_it_answers_now() -> None:
    good = a_history(loss=[1.0, 0.4, 0.3], accuracy=[0.7, 0.88, 0.92])
    assert codes(TrainingEvidence(history=None, fit=a_fit(0.3, 0.3))) == ["EO702"]
    assert "EO702" not in codes(TrainingEvidence(history=good, fit=a_fit(0.3, 0.3)))


def test_a_loss_that_falls_as_the_square_root_of_the_epochs_was_not_cut_short_after_ten() -> None:
    falling = [(epoch + 1) ** -0.5 for epoch in range(10)]
    assert curves.falling_share(falling) == pytest.approx((7**-0.5 - 10**-0.5) / (1 - 10**-0.5))
    assert curves.promised([1, 2**-0.5, 3**-0.5, 0.5]) == pytest.approx(1 - 2**-0.5)
    assert codes(TrainingEvidence(history=a_history(loss=falling, val_loss=falling), fit=None)) == []
    straight = [2 - 0.1 * epoch for epoch in range(10)]
    assert codes(TrainingEvidence(history=a_history(loss=straight, val_loss=straight), fit=None)) == ["EO706"]


def test_the_noise_of_a_curve_is_its_standard_deviation_and_a_trend_adds_none() -> None:
    draw = np.random.default_rng(0)
    line = np.linspace(0, 5, 3000)
    assert curves.noise((line + draw.normal(0, 0.2, 3000)).tolist()) == pytest.approx(0.2, rel=0.05)
    assert curves.noise(line.tolist()) == pytest.approx(0, abs=1e-9)


def test_few_validation_samples_move_the_accuracy_without_an_unstable_training() -> None:
    draw = np.random.default_rng(1)
    accuracy = [0.8 + value for value in draw.normal(0, 0.02, 30)]
    given = a_history(loss=[1 / (epoch + 1) for epoch in range(30)], val_accuracy=accuracy, accuracy=[0.8] * 30)
    assert "EO703" in codes(TrainingEvidence(history=given, fit=a_fit(0.8, 0.8, samples=2000)))
    assert "EO703" not in codes(TrainingEvidence(history=given, fit=a_fit(0.8, 0.8, samples=100)))


def test_a_training_that_diverged_in_its_first_epoch_is_told_so() -> None:
    given = replace(a_history(), diverged_at=1)
    assert codes(TrainingEvidence(history=given, fit=None)) == ["EO707"]


def test_a_history_without_validation_is_a_hint_and_the_rest_is_said() -> None:
    given = a_history(loss=[2.3] * 6, accuracy=[0.1] * 6)
    assert codes(TrainingEvidence(history=given, fit=None)) == ["EO705", "EO702", "EO708"]


def test_nothing_known_says_nothing() -> None:
    assert codes(TrainingEvidence(history=None, fit=None)) == []


@given(
    loss=st.lists(st.floats(-1e6, 1e30), min_size=0, max_size=12),
    val_loss=st.booleans(),
    accuracy=st.floats(0, 1),
    chance=st.floats(0, 1),
)
def test_any_history_is_judged_without_an_error(
    loss: list[float], val_loss: bool, accuracy: float, chance: float
) -> None:
    flat = [accuracy] * len(loss)
    given = a_history(loss=loss, val_loss=loss[::-1] if val_loss else (), accuracy=flat, val_accuracy=flat)
    for fit in (None, a_fit(accuracy, 1 - accuracy, samples=3, chance=chance)):
        for symptom in found(TrainingEvidence(history=given, fit=fit)):
            assert math.isfinite(symptom.size)
            assert told(symptom, language("fr")).seen


# ── what is observed ───────────────────────────────────────────────────────────────────────────────────────────────


def answers(labels: list[int], predictions: list[int]) -> Answers:
    samples: Any = type("Labelled", (), {"labels": np.asarray(labels), "__len__": lambda _: len(labels)})()
    return Answers(samples=samples, probabilities=np.eye(3, dtype=np.float32)[predictions])


def test_the_fit_compares_the_training_split_with_the_validation_split_before_the_test_split() -> None:
    splits = {
        "train": answers([0, 1, 2, 0], [0, 1, 2, 1]),
        "validation": answers([0, 0, 1], [0, 1, 1]),
        "test": answers([0, 1], [1, 0]),
    }
    fit = of_training(None, splits, ("a", "b", "c")).fit
    assert fit == Fit(trained=0.75, trained_samples=4, held_out=2 / 3, held_out_samples=3, chance=2 / 3)
    del splits["validation"]
    fit = of_training(None, splits, ("a", "b", "c")).fit
    assert fit is not None
    assert (fit.held_out, fit.chance) == (0, 0.5)
    assert of_training(None, {"test": splits["test"]}, ("a", "b", "c")).fit is None
