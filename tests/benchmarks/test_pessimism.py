"""The draws of the benchmark of pessimism, and what its curves begin with."""

import numpy as np
import pytest
from pessimism import PESSIMISM, curves, known_world, real_pool


@pytest.mark.parametrize("kind", ["linear", "strange"])
def test_gold_is_centred_and_strange_answers_are_far_out_and_bad(kind):
    chosen, rejected, pool, gold = known_world(kind, 200, 0)
    length = np.linalg.norm(pool, axis=2)
    far = length > 2 * np.median(length)
    assert abs(np.median(gold)) < 0.3
    assert chosen.shape == rejected.shape == (200, pool.shape[2])
    if kind == "strange":
        assert far.mean() == pytest.approx(0.1, abs=0.03)
        assert (gold[far] <= -2).mean() > 0.9
    else:
        assert far.mean() < 0.02


def test_pairs_of_a_pool_are_of_other_prompts_and_in_order():
    rng = np.random.default_rng(0)
    gold = rng.normal(size=(40, 5))
    prompt = np.broadcast_to(np.arange(40)[:, None], gold.shape)
    candidates = np.stack([prompt, gold], axis=2)  # an embedding says which candidate it is
    chosen, rejected, pool, judged = real_pool(candidates, gold, 30, 0)
    assert (chosen[:, 1] > rejected[:, 1]).all()
    assert (chosen[:, 0] == rejected[:, 0]).all()
    assert not set(chosen[:, 0]) & set(pool[..., 0].ravel())
    np.testing.assert_allclose(judged.mean(axis=1), 0, atol=1e-12)


@pytest.mark.slow
def test_of_one_candidate_every_rule_picks_the_same():
    draw = known_world("linear", 60, 1)
    found = curves(draw)
    np.testing.assert_allclose(found[:, 0], draw[3].mean())
    assert found[0, -1] > found[0, 0]  # by the reward, 64 are better than one
    assert len(found) == len(PESSIMISM) + 1
