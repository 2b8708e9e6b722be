"""What a label would teach: against closed forms; and the pairs that an active row trains on."""

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from lens import next_pairs
from lens.core.errors import LensError
from lens.data.pairs import sample_rows
from lens.reward import design
from tests.helpers.pools import labelled, world


def sides_of(have):
    return np.stack([have.chosen, have.rejected], axis=1)


@pytest.mark.parametrize("labels", [None, np.linspace(0.1, 1, 40)], ids=["hard", "soft"])
def test_a_promise_is_the_fall_of_the_mean_variance_after_every_pick(labels):
    """Against posteriors from scratch, in closed form."""
    known, x = design.differences(sides_of(labelled()), world())
    plan = design.Design(known, x, labels)
    prior = np.square(x).sum(axis=1).mean() / design.TAU**2
    w = design.most_probable(known, labels, prior)
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
        assert plan.promise[pick] == pytest.approx(fall, rel=1e-3)
        np.testing.assert_allclose(plan.covariance, np.linalg.inv(precision), atol=1e-7)
        plan.learn(pick)
        precision = more


def test_a_batch_leaves_less_variance_than_random_ones():
    known, x = design.differences(None, world())
    prior = np.eye(24) * np.square(x).sum(axis=1).mean() / design.TAU**2

    def left(rows):
        covariance = np.linalg.inv(prior + x[rows].T @ x[rows] / 4)
        return np.einsum("ij,jk,ik->i", x, covariance, x).mean()

    rng = np.random.default_rng(0)
    drawn = [left(rng.choice(400, 25, replace=False)) for _ in range(50)]
    assert left(design.pick(known, x, 25)) < min(drawn)


def test_what_is_sure_is_asked_less():
    """Two features with as many labels: of the first all agree, of the second half."""
    known = np.repeat(np.eye(2, dtype=np.float32), 60, axis=0)
    known[60::2] *= -1
    plan = design.Design(known, np.eye(2, dtype=np.float32))
    assert plan.information[0] < 0.15
    assert plan.information[1] == pytest.approx(0.25)
    assert design.pick(known, 3 * np.eye(2, dtype=np.float32), 1) == [1]
    ties = design.Design(known, np.eye(2, dtype=np.float32), np.full(120, 0.5))
    np.testing.assert_allclose(ties.information, 0.25)


def test_wide_embeddings_are_projected(monkeypatch):
    monkeypatch.setattr(design, "WIDEST", 12)
    known, x = design.differences(sides_of(labelled()), world())
    assert (known.shape, x.shape) == ((40, 12), (400, 12))
    assert len(set(next_pairs(labelled(), world(), 20))) == 20


def table(count, train):
    split = np.where(np.arange(count) < train, "train", "test")
    return pd.DataFrame({"split": split, "group": [f"p{i}" for i in range(count)]})


def sides(count):
    pool = world(count)
    return {"chosen": pool[:, 0], "rejected": pool[:, 1]}


def test_active_rows_begin_with_drawn_pairs_and_go_on_with_what_promises_most():
    pairs, embeddings, seed = table(400, 350), sides(400), 3
    rows = design.active_rows(pairs, embeddings, 20, seed)
    have, pool = sample_rows(350, 8, seed), sample_rows(350, 200, seed)
    rest = np.setdiff1d(pool, have)
    both = np.stack([embeddings["chosen"], embeddings["rejected"]], axis=1)
    chosen = design.pick(*design.differences(both[have], both[rest]), 12)
    assert rows.tolist() == sorted([*have, *rest[chosen]])
    assert rows.tolist() == design.active_rows(pairs, embeddings, 20, seed).tolist()
    assert rows.tolist() != design.active_rows(pairs, embeddings, 20, seed + 1).tolist()


def test_active_rows_have_the_groups_and_labels_of_their_pairs():
    pairs, embeddings = table(400, 350), sides(400)
    pairs["group"] = [f"p{i // 25}" for i in range(400)]
    groups = pairs["group"].iloc[design.active_rows(pairs, embeddings, 30, 0)]
    assert groups.nunique() == 14  # of 14 prompts, as many as there are among 350 pairs
    plain = design.active_rows(table(400, 350), embeddings, 40, 0)
    ties = table(400, 350).assign(label=0.5)
    assert design.active_rows(ties, embeddings, 40, 0).tolist() != plain.tolist()


def test_where_all_pairs_are_wanted_all_are_taken():
    pairs, embeddings = table(40, 30), sides(40)
    assert design.active_rows(pairs, embeddings, 30, 0).tolist() == list(range(30))
    assert design.active_rows(pairs, embeddings, 1, 0).tolist() == sample_rows(30, 1, 0).tolist()
    with pytest.raises(LensError, match="31 training pairs are asked for"):
        design.active_rows(pairs, embeddings, 31, 0)
