"""The best-of-n estimator against exhaustive enumeration, ties included."""

from itertools import combinations, permutations
from math import log

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lens.evaluation.best_of_n import best_of_n, kl_bound, length_matched


def enumerated(proxy, gold, n):
    """Mean gold of the pick over all subsets of n, ties in the proxy broken evenly."""
    picks = []
    for subset in combinations(range(len(proxy)), n):
        top = max(proxy[i] for i in subset)
        picks.append(np.mean([gold[i] for i in subset if proxy[i] == top]))
    return np.mean(picks)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(st.integers(0, 3), st.floats(-5, 5)), min_size=1, max_size=7))
def test_equals_exhaustive_enumeration(candidates):
    proxy, gold = np.array(candidates, float).T
    expected = [enumerated(proxy, gold, n) for n in range(1, len(proxy) + 1)]
    np.testing.assert_allclose(best_of_n(proxy, gold), expected, atol=1e-9)


def test_extremes():
    proxy, gold = np.array([0.1, 0.9, 0.5, 0.7]), np.array([1.0, -2.0, 4.0, 3.0])
    curve = best_of_n(proxy, gold)
    assert curve[0] == pytest.approx(gold.mean())
    assert curve[-1] == gold[1]


def test_order_of_candidates_does_not_matter():
    proxy, gold = np.array([0.0, 1.0, 1.0, 2.0]), np.array([3.0, 1.0, 5.0, 2.0])
    expected = best_of_n(proxy, gold)
    for order in permutations(range(4)):
        np.testing.assert_allclose(best_of_n(proxy[list(order)], gold[list(order)]), expected)


def test_leading_dimensions():
    rng = np.random.default_rng(0)
    proxy, gold = rng.normal(size=(2, 3, 5, 6))
    curves = best_of_n(proxy, gold)
    assert curves.shape == (3, 5, 6)
    np.testing.assert_allclose(curves[1, 2], best_of_n(proxy[1, 2], gold[1, 2]))


def test_ties_in_one_prompt_leave_the_others_alone():
    rng = np.random.default_rng(1)
    proxy, gold = rng.integers(0, 3, size=(6, 5)).astype(float), rng.normal(size=(6, 5))
    proxy[3] = np.arange(5)  # no tie
    for row, curve in enumerate(best_of_n(proxy, gold)):
        expected = [enumerated(proxy[row], gold[row], n) for n in range(1, 6)]
        np.testing.assert_allclose(curve, expected, atol=1e-12)


def test_a_perfect_proxy_never_falls_with_n():
    gold = np.random.default_rng(0).normal(size=(20, 16))
    assert (np.diff(best_of_n(gold, gold), axis=1) >= 0).all()


def test_kl_bound():
    assert kl_bound(1) == 0
    assert kl_bound(16) == pytest.approx(log(16) - 15 / 16)


@pytest.mark.parametrize("most", [4, 1000])  # many candidates of one length, and hardly any
@pytest.mark.parametrize("sign", [1, -1])
def test_picking_by_length_has_the_gold_of_a_random_pick(most, sign):
    rng = np.random.default_rng(most)
    lengths = rng.integers(1, most, size=(30, 8))
    gold = rng.normal(size=(30, 1)) + np.sqrt(lengths) + rng.normal(size=lengths.shape)
    plain, matched = (best_of_n(sign * lengths, g) for g in (gold, length_matched(gold, lengths)))
    np.testing.assert_allclose(matched.mean(axis=0), gold.mean(), atol=1e-9)
    assert sign * (plain.mean(axis=0)[-1] - gold.mean()) > 0.3
    np.testing.assert_allclose(matched[:, 0], gold.mean(axis=1))


def test_what_length_does_not_say_of_gold_is_left():
    """Two prompts: gold is 1 per rank by length, and 3 more or less in an order of its own, which
    is at right angles to it."""
    lengths = np.array([[10, 20, 30, 40], [400, 5, 60, 30]])
    ranks = np.array([[0, 1, 2, 3], [3, 0, 2, 1]])
    apart = 3.0 * np.array([[1, -1, -1, 1], [-1, -1, 1, 1]])
    gold = np.array([[5.0], [-2.0]]) + ranks + apart
    expected = np.array([[5.0], [-2.0]]) + 1.5 + apart
    np.testing.assert_allclose(length_matched(gold, lengths), expected)
    better = best_of_n(gold, length_matched(gold, lengths))[:, -1]
    np.testing.assert_allclose(better, [9.5, 2.5])  # of the candidates that are best by gold
    np.testing.assert_allclose(length_matched(gold, lengths * 7 + 1), expected)  # other units


def mean_ranks(lengths):
    """[candidate, rank]: the share of the orders by length, ties in any order, in which each
    candidate has each rank."""
    count = len(lengths)
    orders = [o for o in map(list, permutations(range(count))) if (np.diff(lengths[o]) >= 0).all()]
    return np.mean([np.eye(count)[np.argsort(order)] for order in orders], axis=0)


def test_candidates_of_equal_length_share_the_mean_of_their_ranks():
    lengths = np.array([[3, 1, 2, 4], [7, 7, 2, 9], [5, 6, 6, 6], [1, 1, 1, 1], [8, 8, 2, 2]])
    gold = np.random.default_rng(0).normal([[0], [3], [-4], [9], [2]], size=lengths.shape)
    ranks = np.concatenate([mean_ranks(row) for row in lengths])
    centred = (gold - gold.mean(axis=1)[:, None]).ravel()
    explained = ranks @ (np.linalg.pinv(ranks) @ centred)
    matched = length_matched(gold, lengths)
    np.testing.assert_allclose(matched, gold - explained.reshape(gold.shape), atol=1e-12)


def test_length_is_taken_out_in_double_precision():
    lengths = np.random.default_rng(0).integers(1, 9, size=(6, 5))
    gold = np.float32(np.random.default_rng(1).normal(1000, size=lengths.shape))
    np.testing.assert_allclose(
        length_matched(gold, lengths), length_matched(np.float64(gold), lengths), rtol=1e-14
    )
