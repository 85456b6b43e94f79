"""Splits that come from elsewhere are told apart, and splits of one set are not."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from edge_opt.errors import MissingPackage
from edge_opt.inputs.dataset.samples import ArraySamples
from edge_opt.stages.observe import looks, measures, shift
from edge_opt.types import ArrayPreprocessing

USUAL = measures.Usual(medians=np.zeros(4, np.float32), spreads=np.ones(4, np.float32))


def drawn(count: int, seed: int, moved: float = 0.0, shares: tuple[float, float] = (0.5, 0.5)) -> looks.Looks:
    rng = np.random.default_rng(seed)
    labels = rng.choice(2, count, p=shares)
    values = (rng.normal(size=(count, 4)) + labels[:, None]).astype(np.float32)
    values[:, 2] += moved
    samples = ArraySamples(values, labels, f"x_{seed}", np.arange(count))
    contract = ArrayPreprocessing(shape=(4,))
    found = looks.look(samples, contract, USUAL, lambda done, total: None)
    assert found is not None
    return found


def test_two_halves_of_one_set_are_not_told_apart() -> None:
    found = shift.between(drawn(400, 1), drawn(400, 2), ("train", "test"), 0, pictures=False)
    assert found is not None
    assert found.auc == pytest.approx(0.5, abs=0.06)
    assert found.p_value > 0.01
    assert all(one.p_value > 0.05 for one in found.features)


def test_a_property_that_moved_is_named_first_with_its_means() -> None:
    found = shift.between(drawn(400, 1), drawn(400, 2, moved=3), ("train", "test"), 0, pictures=False)
    assert found is not None
    assert found.auc > 0.85
    assert found.p_value < 1e-9
    first = found.features[0]
    assert first.name == "x[2]"
    assert first.second - first.first == pytest.approx(3, abs=0.3)
    assert first.p_value < 1e-9


def test_another_mixture_of_classes_is_no_shift() -> None:
    found = shift.between(
        drawn(600, 1, shares=(0.8, 0.2)), drawn(600, 2, shares=(0.2, 0.8)), ("train", "test"), 0, pictures=False
    )
    assert found is not None
    assert found.auc == pytest.approx(0.5, abs=0.08)


def test_splits_of_many_small_classes_are_compared_too() -> None:
    count = shift.MOST + 500
    one, two = (drawn(count, seed) for seed in (1, 2))
    for looked in (one, two):
        looked.samples.labels[:] = np.arange(count)
    pair = shift.matched(one, two, 0)
    assert pair is not None
    assert len(pair[0]) == len(pair[1]) == shift.MOST
    assert set(pair[0].samples.labels) == set(pair[1].samples.labels)


def test_repeated_samples_are_no_shift() -> None:
    train = drawn(200, 1)
    repeated = train.take(np.arange(1000) % 200)
    found = shift.between(repeated, drawn(400, 2), ("train", "test"), 0, pictures=False)
    assert found is not None
    assert found.samples <= 400
    assert found.auc < 0.62


def test_the_area_and_its_p_value_are_those_of_scikit_learn_and_scipy(monkeypatch: pytest.MonkeyPatch) -> None:
    import sklearn.model_selection
    from scipy.stats import mannwhitneyu
    from sklearn.metrics import roc_auc_score

    rng = np.random.default_rng(0)
    belongs = np.repeat([0, 1], 50)
    scores = rng.normal(size=100) + 0.5 * belongs
    monkeypatch.setattr(
        sklearn.model_selection, "cross_val_predict", lambda *args, **named: np.column_stack([-scores, scores])
    )
    auc, p_value = shift.told_apart(np.zeros((100, 1)), belongs, 0)
    assert auc == pytest.approx(roc_auc_score(belongs, scores))
    assert p_value == pytest.approx(mannwhitneyu(scores[50:], scores[:50], alternative="greater").pvalue)


def test_the_tests_of_each_property_are_scipys_adjusted_by_holm() -> None:
    from scipy.stats import ks_2samp

    rng = np.random.default_rng(0)
    values = {
        name: (rng.normal(size=80).astype(np.float32), (rng.normal(size=60) + moved).astype(np.float32))
        for name, moved in {"a": 0.0, "b": 0.5, "c": 1.0}.items()
    }
    raw = {name: ks_2samp(one, two) for name, (one, two) in values.items()}
    smallest_first = sorted(raw, key=lambda name: raw[name].pvalue)
    adjusted = np.maximum.accumulate([raw[name].pvalue * (3 - i) for i, name in enumerate(smallest_first)])
    expected = dict(zip(smallest_first, np.minimum(adjusted, 1), strict=True))
    for found in shift.by_property(values):
        assert found.statistic == pytest.approx(raw[found.name].statistic)
        assert found.p_value == pytest.approx(expected[found.name])


def test_too_few_samples_of_the_same_classes_tell_nothing() -> None:
    assert shift.between(drawn(12, 1), drawn(400, 2), ("train", "test"), 0, pictures=False) is None
    only_ones, only_twos = drawn(60, 1, shares=(1, 0)), drawn(60, 2, shares=(0, 1))
    assert shift.between(only_ones, only_twos, ("train", "test"), 0, pictures=False) is None


def test_without_scikit_learn_the_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.ensemble", None)
    with pytest.raises(MissingPackage, match="scikit-learn"):
        shift.told_apart(np.zeros((40, 1)), np.repeat([0, 1], 20), 0)
