"""Intervals over seeds and items: coverage by simulation and simple cases."""

import numpy as np
import pytest

from lens.core.intervals import WIDER, crossed_interval, interval_by_prompt


@pytest.mark.parametrize(
    ("seed_sd", "item_sd", "rest_sd"), [(0.0, 1.0, 1.0), (0.2, 1.0, 1.0), (0.3, 0.0, 0.5)]
)
def test_coverage_with_three_seeds(seed_sd, item_sd, rest_sd):
    rng = np.random.default_rng(0)
    covered = 0
    for _ in range(600):
        values = (
            seed_sd * rng.normal(size=(3, 1))
            + item_sd * rng.normal(size=(1, 80))
            + rest_sd * rng.normal(size=(3, 80))
        )
        interval = crossed_interval(values)
        covered += interval.low < 0 < interval.high
    assert covered / 600 > 0.925


def test_one_seed_is_the_t_interval_over_items():
    from scipy import stats

    values = np.random.default_rng(0).normal(size=(1, 30))
    expected = stats.ttest_1samp(values[0], 0).confidence_interval(0.95)
    interval = crossed_interval(values)
    assert (interval.low, interval.high) == pytest.approx((expected.low, expected.high))


def test_constant_values_have_no_width():
    interval = crossed_interval(np.full((3, 5), 2.0))
    assert (interval.mean, interval.low, interval.high) == (2.0, 2.0, 2.0)


def test_shift_and_scale():
    values = np.random.default_rng(1).normal(size=(4, 20))
    one, two = crossed_interval(values), crossed_interval(3 * values + 1)
    assert two.low == pytest.approx(3 * one.low + 1)
    assert two.high == pytest.approx(3 * one.high + 1)


def test_a_paired_difference_is_narrower_than_an_unpaired_one():
    rng = np.random.default_rng(2)
    items = rng.normal(size=(1, 200))
    a, b = items + 0.1 * rng.normal(size=(2, 3, 200))
    paired, unpaired = crossed_interval(a - b), crossed_interval(a)
    assert paired.high - paired.low < 0.3 * (unpaired.high - unpaired.low)


@pytest.mark.parametrize("folds", [2, 5])
def test_accuracies_by_cross_validation_spread_wider_by_the_stated_factor(folds):
    """Labels are chance and the reward is the mean difference, in 4,000 draws of 60 pairs."""
    draws, count = 4000, 60
    x = np.random.default_rng(0).normal(size=(draws, count, 8))
    of_fold = np.arange(count) % folds
    trained = of_fold[:, None] != of_fold
    margins = np.einsum("bid,bjd,ij->bi", x, x, trained, optimize=True)
    accuracy = (margins > 0).mean(axis=1)
    assert accuracy.std() / np.sqrt(0.25 / count) == pytest.approx(WIDER, rel=0.03)


def test_an_interval_by_prompt_is_wider_by_that_factor_and_has_its_ends():
    values = np.random.default_rng(0).random((3, 40)).round()
    groups = np.arange(40) // 2
    plain, widened = (
        interval_by_prompt(values, groups, cross_validated=widened) for widened in (False, True)
    )
    assert widened.mean == plain.mean
    assert widened.high - widened.mean == pytest.approx(WIDER * (plain.high - plain.mean))
    assert widened.mean - widened.low == pytest.approx(WIDER * (plain.mean - plain.low))
    sure = np.ones((3, 40))
    sure[:, 0] = 0
    assert interval_by_prompt(sure, groups, cross_validated=True).high == 1.0
