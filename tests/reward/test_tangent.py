"""The centred network in closed form, against gradients, refits without a prompt, and bends."""

import numpy as np
import pytest
import torch

from lens.reward import evidence, tangent
from lens.reward.head import RewardHead, pair_accuracy
from lens.reward.training_set import Standardiser
from tests.helpers.linear_world import linear_world


def some_pairs(count=12, dim=5, seed=0):
    return np.random.default_rng(seed).normal(size=(2, count, dim)).astype(np.float32)


def gradients(network, embeddings):
    """[n, parameters] of the rewards, by torch; the last bias, which cancels in pairs, left out."""
    own = [torch.tensor(a, requires_grad=True) for a in (network.w1, network.b1, network.w2)]
    rows = []
    for row in torch.from_numpy(embeddings):
        reward = torch.relu(own[0] @ row + own[1]) @ own[2]
        rows.append(torch.cat([g.flatten() for g in torch.autograd.grad(reward, own)]))
    return torch.stack(rows).numpy()


def rewards(weights, embeddings):
    dim = embeddings.shape[1]
    unit = Standardiser(np.zeros(dim, np.float32), np.ones(dim, np.float32))
    return RewardHead(weights, unit)(embeddings)


def test_the_kernel_is_that_of_gradients_of_reward_gaps():
    chosen, rejected = some_pairs()
    network = tangent.Network(5, width=16)
    gaps = gradients(network, chosen) - gradients(network, rejected)
    np.testing.assert_allclose(network.kernel(chosen, rejected), gaps @ gaps.T, atol=1e-4)


def test_the_moved_network_is_linear_in_the_gradients():
    chosen, rejected = some_pairs()
    network, fresh = tangent.Network(5, width=64), some_pairs(200, seed=1)[0]
    coefficients = np.random.default_rng(2).normal(size=12)
    gaps = gradients(network, chosen) - gradients(network, rejected)
    expected = gradients(network, fresh) @ (gaps.T @ coefficients)
    found = rewards(network.moved(chosen, rejected, coefficients), fresh)
    error = np.sqrt(np.square(found - expected).mean()) / expected.std()
    assert error < 0.02
    doubled = rewards(network.moved(chosen, rejected, 2 * coefficients), fresh)
    np.testing.assert_allclose(doubled, 2 * found, atol=0.01 * expected.std())


def test_margins_are_those_of_refits_without_the_prompt():
    chosen, rejected = some_pairs(10)
    groups, noise = np.arange(10) // 2, evidence.Noise()
    network = tangent.Network(5, width=16)
    kernel = network.kernel(chosen, rejected)
    found = evidence.shrink(
        tangent.spectrum(kernel, noise),
        noise,
        np.ones(10),
        groups,
        dim=5,
        shrinkages=np.array([0.5]),
        exponents=(0.0,),
    )
    ridge = 0.5 * np.trace(kernel) / 5

    def fitted(rows):
        return np.linalg.solve(kernel[np.ix_(rows, rows)] + ridge * np.eye(len(rows)), rows * 0 + 1)

    every = np.arange(10)
    size = np.sqrt(np.square(kernel @ fitted(every)).mean())
    np.testing.assert_allclose(found.parameters[0], fitted(every) / size, rtol=1e-5)
    for row in every:
        others = np.flatnonzero(groups != groups[row])
        expected = kernel[row, others] @ fitted(others) / size
        assert found.margins[0, row] == pytest.approx(expected, rel=1e-5)


def bent(count, seed):
    rng = np.random.default_rng(seed)
    sides = rng.normal(size=(2, count, 6)).astype(np.float32)
    scores = 3 * np.abs(sides[..., 0]) + sides[..., 1]
    wins = (rng.random(count) < 1 / (1 + np.exp(scores[1] - scores[0])))[:, None]
    return np.where(wins, *sides), np.where(wins, *sides[::-1])


@pytest.mark.slow
def test_it_finds_a_bend_that_no_line_has_and_says_that_it_is_the_network():
    chosen, rejected = bent(600, seed=0)
    found = tangent.fit(chosen, rejected, np.arange(600))
    linear = evidence.fit(chosen, rejected, np.arange(600))
    fresh = bent(2000, seed=1)

    def right(weights):
        return pair_accuracy(*(rewards(weights, side) for side in fresh)).mean()

    assert found.network > 0.99
    assert right(found.weights) > right({"w": linear.weights}) + 0.1


@pytest.mark.slow
def test_where_rewards_are_linear_it_loses_next_to_nothing():
    gaps = []
    for seed in range(5):
        data, truth = linear_world(count=200, validation=20, dim=12, noise=2.0, seed=seed)
        fresh = np.random.default_rng(seed).normal(size=(4000, 12)).astype(np.float32)
        right = np.sign(fresh[:2000] @ truth - fresh[2000:] @ truth)
        scores = [
            rewards(training.weights, fresh)
            for training in (tangent.evidence_network(data), evidence.evidence_probe(data))
        ]
        ordered = [(np.sign(each[:2000] - each[2000:]) == right).mean() for each in scores]
        gaps.append(ordered[0] - ordered[1])
    assert np.mean(gaps) > -0.01


def test_beyond_its_largest_size_it_is_the_evidence_probe(monkeypatch):
    monkeypatch.setattr(tangent, "LARGEST", 50)
    data, _ = linear_world(count=60, validation=10)
    training = tangent.evidence_network(data)
    assert set(training.weights) == {"w"}
    np.testing.assert_array_equal(training.weights["w"], evidence.evidence_probe(data).weights["w"])
    assert training.metrics["network"] == 0
