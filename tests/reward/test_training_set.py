"""Training sets: N pairs drawn by seed, divided by prompt, standardised."""

import tracemalloc

import numpy as np
import pandas as pd

from lens.reward.training_set import Standardiser, training_set


def pair_table(count=100):
    return pd.DataFrame(
        {
            "id": [str(i) for i in range(count)],
            "group": [str(i // 2) for i in range(count)],
            "split": ["train"] * (count - 20) + ["test"] * 20,
        }
    )


def test_training_set_spends_n_pairs_and_keeps_prompts_apart():
    pairs, rng = pair_table(), np.random.default_rng(0)
    embeddings = {
        side: rng.normal(5, 3, size=(100, 4)).astype(np.float32) for side in ("chosen", "rejected")
    }
    data = training_set(pairs, embeddings, n_pairs=60, seed=1, validation_fraction=0.2)
    used = np.concatenate([data.rows, data.validation_rows])
    assert len(used) == len(set(used)) == 60
    assert used.max() < 80  # no test pair
    assert not set(data.groups) & set(data.validation_groups)
    assert 8 <= len(data.validation_rows) <= 16
    # standardised on all N pairs, both sides together
    everything = np.concatenate(
        [data.chosen, data.rejected, data.validation_chosen, data.validation_rejected]
    )
    np.testing.assert_allclose(everything.mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(everything.std(axis=0), 1, atol=1e-5)
    np.testing.assert_allclose(
        data.chosen, data.standardiser(embeddings["chosen"][data.rows]), atol=1e-6
    )


def test_each_seed_draws_its_own_pairs_and_validation_pairs():
    pairs = pair_table()
    noise = np.random.default_rng(0).normal(size=(2, 100, 2)).astype(np.float32)
    embeddings = dict(zip(("chosen", "rejected"), noise, strict=True))
    options = {"n_pairs": 60, "validation_fraction": 0.2}
    first, again, other = (training_set(pairs, embeddings, seed=s, **options) for s in (0, 0, 1))
    assert np.array_equal(first.rows, again.rows)
    drawn = [set(d.rows) | set(d.validation_rows) for d in (first, other)]
    assert drawn[0] != drawn[1]
    everything = {"n_pairs": 80, "validation_fraction": 0.2}
    held = [training_set(pairs, embeddings, seed=s, **everything).validation_rows for s in (0, 1)]
    assert set(held[0]) != set(held[1])


def test_a_feature_that_never_varies_stays_finite():
    constant = np.ones((10, 2), np.float32)
    assert np.array_equal(Standardiser.fit(constant)(constant), np.zeros((10, 2)))


def test_a_training_set_is_made_without_a_copy_of_it():
    count, rng = 30_000, np.random.default_rng(0)
    pairs = pair_table(count)
    embeddings = {s: rng.random((count, 64), np.float32) for s in ("chosen", "rejected")}
    tracemalloc.start()
    data = training_set(pairs, embeddings, n_pairs=count - 20, seed=0, validation_fraction=0.3)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert data.chosen.flags.c_contiguous
    assert peak < 1.7 * 8 * 64 * count  # with float64 copies of 4,096 rows
