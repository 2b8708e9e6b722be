"""Which pairs to label next: by invariances, and for what it must refuse."""

import numpy as np
import pytest

from lens import next_pairs
from lens.advice import choose
from lens.core.errors import LensError
from tests.helpers.embedded_pairs import of_sides
from tests.helpers.pools import labelled, world


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
