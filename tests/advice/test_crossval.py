"""Cross-validation by prompt: folds, margins, and intervals over prompts."""

import numpy as np
import pytest

from lens.advice.crossval import (
    FOLDS,
    correct,
    fold_of_each,
    make_round,
    winners_bonus,
)
from lens.advice.crossval import round_margins as held_out_margins
from lens.core.errors import LensError
from lens.core.intervals import crossed_interval, interval_by_prompt
from lens.reward.recipes import Recipe
from tests.helpers.embedded_pairs import embedded


def test_folds_keep_prompts_together_and_follow_the_seed():
    groups = np.array([f"p{i % 23}" for i in range(100)])
    folds = fold_of_each(groups, 1)
    for group in np.unique(groups):
        assert len(set(folds[groups == group])) == 1
    assert set(np.bincount(folds)) <= set(range(15, 26))
    assert len(np.bincount(folds)) == FOLDS
    np.testing.assert_array_equal(folds, fold_of_each(groups, 1))
    assert (folds != fold_of_each(groups, 2)).any()
    with pytest.raises(LensError, match="9 distinct prompts"):
        fold_of_each(np.array([f"p{i % 9}" for i in range(100)]), 0)


def test_no_pair_trains_a_model_that_judges_its_prompt():
    pairs = embedded(60, per_prompt=3)
    cut = make_round(pairs, 4)
    for fold, part in enumerate(cut.data.values()):
        trained = np.concatenate([part.rows, part.validation_rows])
        assert len(trained) == len(set(trained)) == (cut.folds != fold).sum()
        assert not set(pairs.groups[trained]) & set(pairs.groups[cut.folds == fold])


def test_margins_come_from_the_model_that_did_not_see_the_pair():
    pairs = embedded(50)
    cut = make_round(pairs, 0)
    heads = {
        fold: (lambda e, fold=fold: e[:, 0] * (fold + 1)) for fold in range(FOLDS)
    }  # a head that names its fold
    expected = (pairs.chosen - pairs.rejected)[:, 0] * (cut.folds + 1)
    np.testing.assert_allclose(cut.margins(pairs, heads), expected, rtol=1e-5)


def test_labels_that_mean_nothing_are_not_learned_from_themselves():
    """Leaking a pair into its own training would lift this far above chance."""
    pairs = embedded(100, dim=200, strength=0.0)
    [(_, margins)] = held_out_margins(pairs, [Recipe("mean_difference")], 0)
    assert 0.3 < correct(margins).mean() < 0.7


def test_a_smaller_share_trains_on_fewer_of_the_same_prompts():
    pairs = embedded(100)
    whole, half = make_round(pairs, 0), make_round(pairs, 0, 0.5)
    np.testing.assert_array_equal(whole.folds, half.folds)
    for all_of, some in zip(whole.data.values(), half.data.values(), strict=True):
        rows = [np.concatenate([part.rows, part.validation_rows]) for part in (some, all_of)]
        assert len(rows[0]) == round(0.5 * len(rows[1]))
        assert set(rows[0]) <= set(rows[1])


def test_margins_count_one_nothing_or_a_half():
    np.testing.assert_array_equal(correct(np.array([0.2, -3, 0])), [1, 0, 0.5])


def test_pairs_of_one_prompt_count_as_one_item():
    rng = np.random.default_rng(0)
    values = rng.random((3, 40))
    alone = interval_by_prompt(values, np.arange(40).astype(str))
    assert alone == crossed_interval(values)
    once = rng.random((3, 20))
    twice = interval_by_prompt(np.repeat(once, 2, axis=1), np.repeat(np.arange(20), 2).astype(str))
    assert twice.mean == pytest.approx(once.mean())
    assert twice.high - twice.low == pytest.approx(
        crossed_interval(once).high - crossed_interval(once).low
    )
    uneven = interval_by_prompt(np.array([[1, 1, 1, 0.0]] * 3), np.array(["a", "a", "a", "b"]))
    assert uneven.mean == 0.75


def test_prompts_of_unequal_size_add_no_spread():
    sizes = [30, *[1] * 29]
    groups = np.repeat([f"p{i}" for i in range(30)], sizes)
    sure = interval_by_prompt(np.ones((3, len(groups))), groups)
    assert (sure.mean, sure.low, sure.high) == (1, 1, 1)


def test_intervals_of_uneven_prompts_cover():
    """True accuracy 0.62, prompts of 1 to 9 pairs that share their luck: near 95 %."""
    rng = np.random.default_rng(0)
    held = 0
    for _ in range(300):
        sizes = rng.geometric(0.4, size=60)
        groups = np.repeat(np.arange(60), sizes).astype(str)
        share = np.repeat(rng.beta(6.2, 3.8, size=60), sizes)
        found = interval_by_prompt((rng.random(len(groups)) < share)[None].astype(float), groups)
        held += found.low <= 0.62 <= found.high
        assert 0 <= found.low <= found.high <= 1
    assert 0.91 <= held / 300 <= 0.99


def test_the_best_of_equals_owes_its_lead_to_luck():
    """Ten recipes, each right half the time: the best shows more, the bonus about half of that."""
    rng = np.random.default_rng(0)
    excess, bonus = [], []
    for _ in range(30):
        values = (rng.random((10, 1, 300)) < 0.5) * 1.0
        excess.append(values.mean(axis=(1, 2)).max() - 0.5)
        bonus.append(winners_bonus(values, np.arange(300) // 3))
    assert 0.4 * np.mean(excess) < np.mean(bonus) < np.mean(excess)


def test_a_recipe_that_leads_by_far_or_alone_owes_nothing():
    rng = np.random.default_rng(1)
    values = np.stack([rng.random((2, 400)) < share for share in (0.3, 0.9)]) * 1.0
    assert abs(winners_bonus(values, np.arange(400))) < 0.004
    assert abs(winners_bonus(values[1:], np.arange(400))) < 0.004
