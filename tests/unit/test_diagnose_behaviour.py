from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pytest
import scipy.stats
import sklearn.metrics

from edge_opt.inputs import corruptions
from edge_opt.inputs.dataset.samples import ArraySamples
from edge_opt.results.report.language import language
from edge_opt.results.report.symptoms import told
from edge_opt.stages.diagnose import behaviour
from edge_opt.stages.diagnose.ranking import ranked
from edge_opt.stages.observe.answers import Answers
from edge_opt.stages.observe.behaviour import of_behaviour
from edge_opt.stages.observe.robustness import of_robustness
from edge_opt.types import Accuracy, Behaviour, Robustness, Symptom

CLASSES = ("bag", "coat", "dress", "shirt", "shoe")
EACH = 400


def a_behaviour(
    rates: Mapping[tuple[int, int], float] | None = None,
    *,
    sure: float | None = None,
    each: Sequence[int] = (EACH,) * len(CLASSES),
    accuracy: float = 0.92,
    robustness: Robustness | None = None,
) -> Behaviour:
    """Answers that are right with ``accuracy`` and as sure, except where ``rates`` move a share of a class to another.

    What is wrong otherwise is spread over the other classes evenly, without chance.
    """
    labels = np.repeat(np.arange(len(each)), each)
    predictions = labels.copy()
    for label, count in enumerate(each):
        places = np.flatnonzero(labels == label)
        moved = {to: round(rate * count) for (of, to), rate in (rates or {}).items() if of == label}
        others = [other for other in range(len(CLASSES)) if other != label]
        spread = round((1 - accuracy) * count)
        answers = [others[i % len(others)] for i in range(spread)]
        answers += [to for to, many in moved.items() for _ in range(many)]
        predictions[places[: len(answers)]] = answers[:count]
    found = float((predictions == labels).mean()) if sure is None else sure
    probabilities = np.full((len(labels), len(CLASSES)), (1 - found) / (len(CLASSES) - 1), np.float32)
    probabilities[np.arange(len(labels)), predictions] = found
    samples = ArraySamples(np.zeros((len(labels), 1, 1, 1), np.uint8), labels, "x_test", np.arange(len(labels)))
    mixed = np.random.default_rng(0).permutation(len(labels))
    return of_behaviour(
        "original",
        Answers(samples=samples.take(mixed), probabilities=probabilities[mixed]),
        CLASSES,
        "certification",
        latency_ns=None,
        size_bytes=1,
        robustness=robustness,
    )


def a_robustness(values: Mapping[str, float], clean: float = 0.92, samples: int = 2000) -> Robustness:
    """The given accuracy under each kind at the middle strength, more below it and less above; others lose nothing."""

    def accuracy(condition: str, value: float) -> Accuracy:
        scores = (np.arange(samples) < round(value * samples)).astype(int)
        return Accuracy(
            metric="top1",
            condition=condition,
            split="certification",
            scores=tuple(scores.tolist()),
            predictions=(0,) * samples,
            value=float(scores.mean()),
            per_class={},
        )

    conditions = []
    for condition in corruptions.conditions():
        kind, _, strength = condition.partition("@")
        loss = (clean - values.get(kind, clean)) * int(strength) / 3
        conditions.append(accuracy(condition, max(clean - loss, 0.0)))
    return of_robustness("original", accuracy("clean", clean), conditions)


def symptoms(behaved: Behaviour) -> dict[str, Symptom]:
    return {one.code: one for one in behaviour.symptoms(behaved, CLASSES)}


# ── what is observed ───────────────────────────────────────────────────────────────────────────────────────────────


def test_a_behaviour_holds_every_answer_with_its_confidence() -> None:
    found = a_behaviour()
    assert found.accuracy.value == pytest.approx(0.92)
    assert found.accuracy.per_class == pytest.approx(dict.fromkeys(CLASSES, 0.92))
    assert set(found.accuracy.confidences) == {0.92}
    assert found.calibration_error < 0.01


def test_the_confusion_matrix_is_that_of_scikit_learn() -> None:
    found = a_behaviour({(3, 1): 0.2})
    matrix = behaviour.confusions(found.labels, found.accuracy.predictions, len(CLASSES))
    assert np.array_equal(matrix, sklearn.metrics.confusion_matrix(found.labels, found.accuracy.predictions))


# ── what is judged ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_good_model_has_no_symptom() -> None:
    assert symptoms(a_behaviour(robustness=a_robustness({}))) == {}


def test_a_model_that_always_answers_the_commonest_class_is_no_better_than_chance() -> None:
    rates = {(label, 0): 1.0 for label in range(1, 5)}
    found = symptoms(a_behaviour(rates, accuracy=1.0, each=(600, 100, 100, 100, 100)))["EO801"]
    assert found.severity == "problem"
    assert found.facts == {"accuracy": 0.6, "samples": 1000, "chance": 0.6, "commonest": "bag"}


def test_a_dozen_samples_may_be_chance_which_is_a_warning() -> None:
    behaved = a_behaviour({(label, 0): 0.8 for label in range(1, 5)}, accuracy=1.0, each=(4, 3, 2, 2, 2))
    found = symptoms(behaved)["EO801"]
    right, chance = sum(behaved.accuracy.scores), 4 / 13
    assert scipy.stats.binomtest(right, 13, chance, alternative="greater").pvalue > 0.05
    assert found.severity == "warning"


def test_chance_explains_everything_else_that_is_seen() -> None:
    behaved = a_behaviour({(label, 0): 1.0 for label in range(1, 5)}, accuracy=1.0, sure=0.99)
    order = ranked(list(behaviour.symptoms(behaved, CLASSES)))
    assert order[0].code == "EO801"
    assert {one.explained_by for one in order[1:]} == {"EO801"}


def test_a_class_that_is_recognised_less_often_is_weak_and_named() -> None:
    rates = {(3, other): 0.08 for other in (0, 1, 2, 4)}
    found = symptoms(a_behaviour(rates))["EO802"]
    assert (found.severity, found.names) == ("warning", ("shirt",))
    assert found.facts == pytest.approx({"worst": "shirt", "accuracy": 0.6, "rest": 0.92, "samples": 400, "weak": 1})


def test_a_class_that_is_hardly_ever_recognised_is_a_problem() -> None:
    rates = {(3, other): 0.18 for other in (0, 1, 2, 4)}
    assert symptoms(a_behaviour(rates))["EO802"].severity == "problem"


def test_several_weak_classes_are_one_symptom_the_worst_first() -> None:
    rates = {(3, other): 0.14 for other in (0, 1, 2, 4)} | {(1, other): 0.09 for other in (0, 2, 3, 4)}
    assert symptoms(a_behaviour(rates))["EO802"].names == ("shirt", "coat")


def test_a_class_of_few_samples_is_not_called_weak_by_chance() -> None:
    assert "EO802" not in symptoms(a_behaviour({(3, 1): 0.3}, each=(400, 400, 400, 10, 400)))


@pytest.mark.parametrize(("share", "severity"), [(0.13, "hint"), (0.22, "warning"), (0.65, "problem")])
def test_the_worst_pair_of_classes_is_told_with_its_counts_in_both_directions(share: float, severity: str) -> None:
    found = symptoms(a_behaviour({(3, 1): share}))["EO803"]
    assert found.severity == severity
    assert found.names == ("shirt", "coat")
    spread = 8  # of 32 errors over four classes
    assert found.facts["count"] == round(share * EACH) + spread
    assert found.facts["back"] == spread
    assert found.facts["samples"] == EACH


def test_errors_that_are_everywhere_are_no_confusion() -> None:
    assert "EO803" not in symptoms(a_behaviour(accuracy=0.75))


@pytest.mark.parametrize(
    ("sure", "severity", "direction"),
    [
        (0.98, "warning", "overconfident"),
        (0.955, "hint", "overconfident"),
        (0.80, "warning", "underconfident"),
        (0.60, "problem", "underconfident"),
    ],
)
def test_confidence_that_is_off_is_told_with_its_direction(sure: float, severity: str, direction: str) -> None:
    found = symptoms(a_behaviour(sure=sure))["EO804"]
    assert (found.severity, found.facts["direction"]) == (severity, direction)
    assert found.size == pytest.approx(abs(sure - 0.92), abs=0.01)


def test_confidence_that_is_off_both_ways_is_told_as_such() -> None:
    behaved = a_behaviour()
    scores = np.array(behaved.accuracy.scores)
    sure = np.where(np.arange(len(scores)) % 2, 0.995, 0.845)  # 7.5 points too much, and as much too little
    behaved = replace(
        behaved, accuracy=replace(behaved.accuracy, confidences=tuple(sure.tolist())), calibration_error=0.075
    )
    assert symptoms(behaved)["EO804"].facts["direction"] == "unsteady"


def test_the_worst_kinds_of_disturbance_are_one_symptom() -> None:
    found = symptoms(a_behaviour(robustness=a_robustness({"rotation": 0.6, "noise": 0.7, "blur": 0.91})))["EO805"]
    assert (found.severity, found.names) == ("warning", ("rotation", "noise"))
    assert (found.facts["worst"], found.facts["second"]) == ("rotation", "noise")
    assert (found.facts["worst_accuracy"], found.facts["second_accuracy"]) == pytest.approx((0.6, 0.7))
    assert found.size == pytest.approx(found.facts["clean"] - found.facts["mean"])  # type: ignore[operator]


def test_a_little_fragility_is_a_hint_and_a_model_that_is_left_with_nothing_a_problem() -> None:
    hint = symptoms(a_behaviour(robustness=a_robustness({"rotation": 0.82})))["EO805"]
    assert (hint.severity, hint.names) == ("hint", ("rotation",))
    lost = symptoms(a_behaviour(robustness=a_robustness(dict.fromkeys(corruptions.KINDS, 0.3))))["EO805"]
    assert lost.severity == "problem"


@pytest.mark.parametrize("metric", ["top1", "agreement"])
def test_of_one_class_or_without_labels_nothing_is_judged(metric: str) -> None:
    behaved = a_behaviour(each=(50,) if metric == "top1" else (50, 50))
    behaved = replace(behaved, accuracy=replace(behaved.accuracy, metric=metric))
    assert symptoms(behaved) == {}


@pytest.mark.parametrize("code", ["en", "fr"])
def test_every_symptom_has_a_text_that_its_facts_fill(code: str) -> None:
    rates = {(3, 1): 0.3, **{(label, 0): 0.1 for label in (1, 2, 4)}}
    seen = symptoms(a_behaviour(rates, sure=0.99, robustness=a_robustness({"rotation": 0.5})))
    seen |= symptoms(a_behaviour({(label, 0): 1.0 for label in range(1, 5)}, accuracy=1.0))
    assert set(seen) == {"EO801", "EO802", "EO803", "EO804", "EO805"}
    for one in seen.values():
        words = told(one, language(code))
        assert words.seen.endswith(".")
        assert words.fix.endswith(".")
        assert not words.title.endswith(".")
        assert "{" not in words.title + words.seen + words.fix
