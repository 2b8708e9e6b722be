"""Which pairs to label next: against closed forms, by invariances, and for what it must refuse."""

import numpy as np
import pytest
from scipy.special import expit

from lens import next_pairs
from lens.advice import choose
from lens.core.errors import LensError
from tests.helpers.embedded_pairs import of_sides


def world(n=400, d=24, seed=0):
    """Pairs whose differences vary more along the first features: a pool [n, 2, d]."""
    rng = np.random.default_rng(seed)
    return (rng.normal(size=(n, 2, d)) * np.arange(1, d + 1) ** -0.5).astype(np.float32)


def labelled(n=40, d=24, seed=1):
    sides = world(n, d, seed)
    wins = sides[:, 0, 0] > sides[:, 1, 0]
    chosen = np.where(wins[:, None], sides[:, 0], sides[:, 1])
    rejected = np.where(wins[:, None], sides[:, 1], sides[:, 0])
    return of_sides(chosen, rejected)


@pytest.mark.parametrize("have", [None, labelled(1), labelled(40)], ids=["none", "one", "40"])
def test_positions_are_distinct_repeatable_and_blind_to_sides(have):
    pool = world()
    picks = next_pairs(have, pool, 25)
    assert len(set(picks)) == 25
    assert all(type(pick) is int and 0 <= pick < 400 for pick in picks)
    assert next_pairs(have, pool, 25) == picks
    turned = np.random.default_rng(3).random(400) < 0.5
    swapped = np.where(turned[:, None, None], pool[:, ::-1], pool)
    assert next_pairs(have, swapped, 25) == picks
    assert next_pairs(have, pool, 10) == picks[:10]


@pytest.mark.parametrize("labels", [None, np.linspace(0.1, 1, 40)], ids=["hard", "soft"])
def test_a_promise_is_the_fall_of_the_mean_variance_after_every_pick(labels):
    """Against posteriors from scratch, in closed form."""
    known, x = choose.differences(labelled(), world())
    design = choose.Design(known, x, labels)
    prior = np.square(x).sum(axis=1).mean() / choose.TAU**2
    w = choose.most_probable(known, labels, prior)
    targets = 1 if labels is None else labels
    np.testing.assert_allclose(known.T @ (targets - expit(known @ w)), prior * w, atol=1e-3)

    def told(rows):
        return expit(rows @ w) * (1 - expit(rows @ w))

    def mean_variance(precision):
        return np.einsum("ij,jk,ik->i", x, np.linalg.inv(precision), x).mean()

    precision = np.eye(24) * prior + (known * told(known)[:, None]).T @ known
    for pick in (7, 7, 130):
        more = precision + told(x[pick]) * np.outer(x[pick], x[pick])
        fall = mean_variance(precision) - mean_variance(more)
        assert design.promise[pick] == pytest.approx(fall, rel=1e-3)
        np.testing.assert_allclose(design.covariance, np.linalg.inv(precision), atol=1e-7)
        design.learn(pick)
        precision = more


def test_a_batch_leaves_less_variance_than_random_ones():
    known, x = choose.differences(None, world())
    prior = np.eye(24) * np.square(x).sum(axis=1).mean() / choose.TAU**2

    def left(rows):
        covariance = np.linalg.inv(prior + x[rows].T @ x[rows] / 4)
        return np.einsum("ij,jk,ik->i", x, covariance, x).mean()

    rng = np.random.default_rng(0)
    drawn = [left(rng.choice(400, 25, replace=False)) for _ in range(50)]
    assert left(choose.pick(known, x, 25)) < min(drawn)


def test_near_copies_come_last():
    """Of 30 pairs with 30 copies each, some the other way round, a batch of 30 has each once."""
    pool = np.repeat(world(30), 30, axis=0)
    pool[::3] = pool[::3, ::-1]
    pool += np.random.default_rng(0).normal(size=pool.shape).astype(np.float32) * 1e-3
    assert sorted(pick // 30 for pick in next_pairs(None, pool, 30)) == list(range(30))
    assert len(set(next_pairs(None, pool, 35))) == 35


def test_a_copy_of_a_labelled_pair_is_no_pick():
    have = labelled(40)
    known = np.stack([have.rejected, have.chosen], axis=1)
    pool = np.concatenate([known, world(60, seed=5)])
    assert min(next_pairs(have, pool, 60)) >= 40


def test_what_is_known_is_asked_no_more():
    """Many labels along the first feature: the next question is along the second."""
    have = labelled(300)
    have.chosen[:, 1:] = have.rejected[:, 1:] = 0
    pool = np.zeros((20, 2, 24), np.float32)
    pool[np.arange(20), 0, np.arange(20) % 2] = 1 + np.arange(20) / 100
    assert next_pairs(None, pool[::2], 1) == [9]
    assert next_pairs(have, pool, 1)[0] % 2 == 1


def test_turning_all_labels_changes_nothing():
    have, pool = labelled(), world()
    turned = of_sides(have.rejected, have.chosen)
    assert next_pairs(turned, pool, 20) == next_pairs(have, pool, 20)


def test_what_is_sure_is_asked_less():
    """Two features with as many labels: of the first all agree, of the second half."""
    known = np.repeat(np.eye(2, dtype=np.float32), 60, axis=0)
    known[60::2] *= -1
    design = choose.Design(known, np.eye(2, dtype=np.float32))
    assert design.told[0] < 0.15
    assert design.told[1] == pytest.approx(0.25)
    assert choose.pick(known, 3 * np.eye(2, dtype=np.float32), 1) == [1]
    ties = choose.Design(known, np.eye(2, dtype=np.float32), np.full(120, 0.5))
    np.testing.assert_allclose(ties.told, 0.25)


def test_groups_are_asked_once_each_while_there_are_enough():
    groups = np.arange(400) // 20
    picks = choose.choose(None, world(), 20, groups=groups)
    assert len(set(groups[picks])) == 20
    assert len(choose.choose(None, world(), 30, groups=groups)) == 30


def test_by_chance_there_are_no_near_copies_either():
    pool = np.repeat(world(30), 30, axis=0)
    picks = choose.choose(None, pool, 30, at_random=1)
    assert sorted(pick // 30 for pick in picks) == list(range(30))
    assert picks != choose.choose(None, pool, 30, at_random=2)


def test_wide_embeddings_are_projected(monkeypatch):
    monkeypatch.setattr(choose, "WIDEST", 12)
    known, x = choose.differences(labelled(), world())
    assert (known.shape, x.shape) == ((40, 12), (400, 12))
    assert len(set(next_pairs(labelled(), world(), 20))) == 20


@pytest.mark.parametrize(
    ("have", "pool", "count", "message"),
    [
        (None, world()[0], 1, r"\[pairs, 2, features\]; this is \[2, 24\]"),
        (None, [[1.0]], 1, "this is list"),
        (None, world().astype(int), 1, "must hold floats"),
        (None, world(), 401, "401 pairs asked for"),
        (None, world(), 0, "count 0"),
        (labelled(d=8), world(), 1, "24 features, the labelled pairs 8"),
        ("pairs.jsonl", world(), 1, "must be embedded"),
        (None, np.where(np.arange(24) == 3, np.nan, world()), 1, "pair 1 is not finite"),
    ],
)
def test_refused(have, pool, count, message):
    with pytest.raises(LensError, match=message):
        next_pairs(have, pool, count)
