from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.stats
from scipy.optimize import brentq, minimize_scalar

from edge_opt import stats


def test_quantiles_are_those_of_numpy_and_r() -> None:
    samples = [9, 1, 4, 7, 2]
    assert stats.quantile(samples, 0.9) == pytest.approx(8.2)  # R: quantile(c(9,1,4,7,2), .9)
    assert stats.median(samples) == 4
    assert stats.half_iqr(samples) == pytest.approx(scipy.stats.iqr(samples) / 2)


def test_there_is_no_quantile_of_nothing() -> None:
    with pytest.raises(ValueError, match="no samples"):
        stats.median([])


# ── Tango's interval: lost, gained, samples, confidence, low, high ─────────────────────────────────────────────────

# the first six stand, with their papers, in the tests of R's package ratesci
PUBLISHED = [
    (9, 3, 32, 0.95, -0.027, 0.390),  # Tango (1998)
    (0, 1, 44, 0.90, -0.096, 0.037),  # Tango (1998)
    (16, 8, 86, 0.95, -0.020, 0.207),  # Agresti and Min (2005)
    (1, 7, 21, 0.95, -0.517, -0.026),  # Fagerland, Lydersen and Laake (2014), airway hyper-responsiveness
    (3, 1, 14, 0.95, -0.1670, 0.4327),  # Tang, Tang and Chan (2010)
    (25, 2, 102, 0.95, 0.139, 0.321),  # Chang (2024)
    (28, 25, 618, 0.90, -0.0148, 0.0247),  # R: PropCIs::scoreci.mp(25, 28, 618, .9)
]


@pytest.mark.parametrize(("lost", "gained", "samples", "confidence", "low", "high"), PUBLISHED)
def test_tangos_interval_is_the_published_one(
    lost: int, gained: int, samples: int, confidence: float, low: float, high: float
) -> None:
    found = stats.tango_interval(lost, gained, samples, confidence=confidence)
    digits = max(len(f"{bound:g}".partition(".")[2]) for bound in (low, high))
    assert (round(found.low, digits), round(found.high, digits)) == (low, high)
    assert found.estimate == pytest.approx((lost - gained) / samples)
    assert found.confidence == confidence


@pytest.mark.parametrize(
    ("lost", "gained", "samples"), [(40, 20, 160), (13, 3, 400), (2, 2, 30), (7, 1, 50), (5, 0, 60)]
)
def test_the_bounds_solve_the_score_equation_with_a_maximised_likelihood(lost: int, gained: int, samples: int) -> None:
    """The nuisance parameter found by numeric maximisation, not by Tango's formula."""

    def score(difference: float) -> float:
        low, high = max(0.0, -difference), (1 - difference) / 2

        def against(q: float) -> float:
            cells = (lost, q + difference), (gained, q), (samples - lost - gained, 1 - 2 * q - difference)
            return -sum(n * math.log(max(p, 1e-300)) for n, p in cells if n)

        q = minimize_scalar(against, bounds=(low, high), method="bounded", options={"xatol": 1e-13}).x
        variance = samples * (2 * q + difference * (1 - difference))
        return (lost - gained - samples * difference) / math.sqrt(variance)

    z = scipy.stats.norm.ppf(0.95)
    estimate = (lost - gained) / samples
    found = stats.tango_interval(lost, gained, samples)
    assert found.high == pytest.approx(brentq(lambda d: score(d) + z, estimate + 1e-9, 0.99), abs=1e-5)
    assert found.low == pytest.approx(brentq(lambda d: score(d) - z, -0.99, estimate - 1e-9), abs=1e-5)


def test_without_a_discordant_pair_the_interval_still_has_a_width() -> None:
    z = scipy.stats.norm.ppf(0.95)
    found = stats.tango_interval(0, 0, 100)
    assert (found.low, found.estimate) == (pytest.approx(-found.high), 0)
    assert found.high == pytest.approx(z**2 / (100 + z**2))


def test_the_extremes_stay_within_one() -> None:
    assert stats.tango_interval(50, 0, 50).high == 1
    assert stats.tango_interval(0, 50, 50).low == -1
    assert stats.tango_interval(1, 0, 1).low > -1
    assert 0 < stats.tango_interval(0, 0, 10_000_000).high < 1e-6


@pytest.mark.parametrize("counts", [(-1, 0, 10), (6, 6, 10), (0, 0, 0), (0, -1, 10)])
def test_counts_that_are_no_pairs_are_refused(counts: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match="no pairs"):
        stats.tango_interval(*counts)


# ── how many samples ───────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("discordance", "about"), [(0.02, 1_240), (0.05, 3_090), (0.08, 4_950)])
def test_the_samples_needed_for_one_point_are_the_known_ones(discordance: float, about: int) -> None:
    assert stats.samples_needed(0.01, discordance) == pytest.approx(about, rel=0.005)


def test_a_drop_that_is_there_needs_more_samples_and_one_at_the_limit_cannot_be_shown() -> None:
    assert stats.samples_needed(0.01, 0.05, true_drop=0.005) > 3 * stats.samples_needed(0.01, 0.05)
    with pytest.raises(ValueError, match="cannot be shown"):
        stats.samples_needed(0.01, 0.05, true_drop=0.01)
    with pytest.raises(ValueError, match="impossible"):
        stats.samples_needed(0.05, 0.01, true_drop=0.02)


def test_the_samples_to_decide_are_the_first_that_do() -> None:
    needed = stats.samples_to_decide(1000, 14, 12, 0.01)
    assert needed is not None
    for count, decided in ((needed, True), (needed - 1, False)):
        drop = stats.tango_interval(14 * count / 1000, 12 * count / 1000, count)
        assert (drop.high <= 0.01 or drop.low > 0.01) is decided


def test_more_samples_never_decide_a_drop_that_is_the_limit() -> None:
    assert stats.samples_to_decide(1000, 20, 10, 0.01) is None
    assert stats.samples_to_decide(1000, 0, 0, 0.0) is None


def test_what_is_decided_needs_no_more_samples() -> None:
    assert stats.samples_to_decide(1000, 0, 0, 0.01) == 1000
    assert stats.samples_to_decide(50, 50, 0, 0.01) == 50


@pytest.mark.parametrize(
    ("right", "samples", "low", "high"),
    [(15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718), (81, 263, 0.2553, 0.3662)],
)
def test_wilsons_interval_is_that_of_newcombe_1998(right: int, samples: int, low: float, high: float) -> None:
    found = stats.wilson_interval(right, samples)
    assert (round(found.low, 4), round(found.high, 4)) == (low, high)
    reference = scipy.stats.binomtest(right, samples).proportion_ci(method="wilson")
    assert (found.low, found.high) == (pytest.approx(reference.low), pytest.approx(reference.high))


# ── ratios ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_interval_of_a_median_is_that_of_scipys_bootstrap() -> None:
    values = np.random.default_rng(3).lognormal(1, 0.1, 12)
    found = stats.median_interval(values.tolist(), seed=1)
    reference = scipy.stats.bootstrap(
        (values,), np.median, n_resamples=20_000, method="percentile", rng=np.random.default_rng(2)
    ).confidence_interval
    assert found.low == pytest.approx(reference.low, rel=0.005)
    assert found.high == pytest.approx(reference.high, rel=0.005)


@pytest.mark.parametrize(("rounds", "confidence"), [(1, 0.0), (2, 0.5), (3, 0.75), (5, 0.9375)])
def test_few_rounds_give_their_range_and_the_confidence_it_has(rounds: int, confidence: float) -> None:
    values = [2.0, 3.0, 1.0, 2.5, 1.5][:rounds]
    found = stats.median_interval(values)
    assert (found.low, found.high, found.confidence) == (min(values), max(values), confidence)


def test_the_range_of_a_few_rounds_covers_as_often_as_it_says() -> None:
    rng = np.random.default_rng(5)
    draws = rng.normal(size=(4000, 4))
    found = [stats.median_interval(row.tolist()) for row in draws]
    covered = np.mean([one.low <= 0 <= one.high for one in found])
    assert covered == pytest.approx(found[0].confidence, abs=0.015)  # 0.875


def test_what_slows_a_whole_round_cancels_out_of_the_ratio() -> None:
    weather = np.array([1, 1.5, 0.8, 3, 1.1, 1, 1.2, 0.9, 1, 2])
    found = stats.ratio_interval((280 * weather).tolist(), (100 * weather).tolist())
    assert (found.low, found.estimate, found.high) == (pytest.approx(2.8), pytest.approx(2.8), pytest.approx(2.8))


def test_the_same_seed_gives_the_same_interval() -> None:
    baseline, candidate = [3.0, 4, 5, 6, 7, 8], [1.0, 2, 2, 3, 3, 3]
    assert stats.ratio_interval(baseline, candidate, seed=7) == stats.ratio_interval(baseline, candidate, seed=7)


@pytest.mark.parametrize(
    ("baseline", "candidate"), [([1, 2], [1]), ([], []), ([1, 0], [1, 1]), ([1, 1], [1, math.nan])]
)
def test_rounds_that_cannot_be_paired_are_refused(baseline: list[float], candidate: list[float]) -> None:
    with pytest.raises(ValueError, match=r"paired|positive|finite"):
        stats.ratio_interval(baseline, candidate)


def test_a_pair_of_equal_artifacts_is_near_one_and_the_interval_covers_it() -> None:
    rng = np.random.default_rng(11)
    covered = 0
    for seed in range(25):
        processes = [
            [(block % 2, rng.normal(84_000 * factor, 800, 6).tolist()) for block in range(30)]
            for factor in rng.normal(1, 0.1, 5)
        ]
        found = stats.pair_interval(processes, seed=seed)
        assert found.estimate == pytest.approx(1, abs=0.01)
        covered += found.low <= 1 <= found.high
    assert covered >= 21


def test_the_interval_of_few_processes_claims_no_more_confidence_than_their_range_has() -> None:
    process = [(0, [10.0]), (1, [5.0]), (0, [11.0]), (1, [5.5])]
    found = {count: stats.pair_interval([process] * count).confidence for count in (2, 5, 6, 9)}
    assert found == {2: 0.5, 5: 0.9375, 6: 0.95, 9: 0.95}


def test_a_process_that_timed_one_artifact_only_is_refused() -> None:
    with pytest.raises(ValueError, match="both artifacts"):
        stats.pair_interval([[(0, [1.0]), (1, [1.0])], [(0, [1.0])]])


# ── paired means and p-values ──────────────────────────────────────────────────────────────────────────────────────


def test_the_interval_of_a_paired_mean_is_the_normal_one() -> None:
    differences = np.random.default_rng(0).choice([-0.5, 0.0, 0.0, 0.25, 1.0], 500)
    found = stats.mean_interval(differences)
    expected = scipy.stats.norm.interval(0.9, differences.mean(), differences.std() / math.sqrt(500))
    assert (found.low, found.high) == pytest.approx(expected)
    assert found.estimate == pytest.approx(differences.mean())


def test_without_any_difference_the_interval_is_about_as_wide_as_tangos() -> None:
    found, tango = stats.mean_interval(np.zeros(1000)), stats.tango_interval(0, 0, 1000)
    assert (found.low, found.high) == pytest.approx((tango.low, tango.high), rel=0.01)


@pytest.mark.parametrize("differences", [[], [1.5], [math.nan]])
def test_a_paired_mean_needs_differences_of_scores(differences: list[float]) -> None:
    with pytest.raises(ValueError, match="a mean needs"):
        stats.mean_interval(differences)


@pytest.mark.parametrize(
    ("least", "trials", "chance"),
    [(3, 10, 0.5), (60, 100, 0.5), (5100, 10_000, 0.5), (1050, 10_000, 0.1), (300, 400, 0.5), (2, 5, 0.3)],
)
def test_the_binomial_tail_is_scipys_exact_test(least: int, trials: int, chance: float) -> None:
    expected = scipy.stats.binomtest(least, trials, chance, alternative="greater").pvalue
    assert stats.binomial_tail(least, trials, chance) == pytest.approx(expected, rel=1e-8)


def test_the_binomial_tail_holds_at_its_ends() -> None:
    assert stats.binomial_tail(0, 0) == 1
    assert stats.binomial_tail(0, 5, 0.0) == 1
    assert stats.binomial_tail(1, 5, 0.0) == 0
    assert stats.binomial_tail(5, 5, 1.0) == 1
    assert stats.binomial_tail(6, 5) == 0


def test_holm_adjusts_as_his_example_by_hand() -> None:
    # sorted 0.005 0.01 0.03 0.04, times 4 3 2 1: 0.02 0.03 0.06 0.04, and none below the one before it
    assert stats.holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx((0.03, 0.06, 0.06, 0.02))
    assert stats.holm([]) == ()
