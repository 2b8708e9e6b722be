"""LENS+: folds without leaks, noise along one line, and a share that only evidence can raise."""

import numpy as np
import pytest
import torch

from lens.core.errors import LensError
from lens.reward import evidence, lens_plus, methods, tangent
from lens.reward.head import RewardHead, pair_accuracy
from lens.reward.training_set import Standardiser, TrainingSet

HEAD = {
    "hidden": 32,
    "learning_rate": 1e-4,
    "batch_size": 128,
    "epochs": 10,
    "patience": 5,
    "centred": False,
}


def world(kind, count=400, dim=8, seed=0, prompts=None):
    """(training set, test pairs): rewards |z1| and a little z2 (bent), z2 (linear), or nothing."""
    rng = np.random.default_rng(seed)
    total = count + 2000
    sides = rng.normal(size=(2, total, dim)).astype(np.float32)
    rewards = {
        "bent": 4 * np.abs(sides[..., 0]) + sides[..., 1],
        "linear": 2 * sides[..., 1],
        "nothing": 0 * sides[..., 0],
    }[kind]
    wins = (rng.random(total) < 1 / (1 + np.exp(rewards[1] - rewards[0])))[:, None]
    chosen, rejected = np.where(wins, *sides), np.where(wins, *sides[::-1])
    unit = Standardiser(np.zeros(dim, np.float32), np.ones(dim, np.float32))
    groups = np.arange(count) % (prompts or count)
    held = groups % 10 == 0
    rows = np.arange(count)
    data = TrainingSet(
        chosen[:count][~held],
        rejected[:count][~held],
        chosen[:count][held],
        rejected[:count][held],
        unit,
        groups[~held],
        groups[held],
        rows[~held],
        rows[held],
    )
    return data, chosen[count:], rejected[count:]


def accuracy(training, data, chosen, rejected):
    model = RewardHead(training.weights, data.standardiser)
    return pair_accuracy(model(chosen), model(rejected)).mean()


@pytest.mark.slow
def test_it_finds_what_bends_and_loses_nothing_where_nothing_does():
    gains = {}
    for kind, noise in (("bent", 10.0), ("bent", 0.0), ("linear", 10.0)):
        worlds = {seed: world(kind, count=900, seed=seed) for seed in range(3)}
        sets = {seed: data for seed, (data, *_) in worlds.items()}
        trained = lens_plus.train(sets, scale=8, noise=noise, head=HEAD)
        gains[kind, noise] = [
            accuracy(trained[seed], data, *test)
            - accuracy(evidence.evidence_probe(data), data, *test)
            for seed, (data, *test) in worlds.items()
        ]
    assert np.mean(gains["bent", 10.0]) > max(0.1, np.mean(gains["bent", 0.0]) - 0.01)
    assert min(gains["linear", 10.0]) > -0.01


@pytest.mark.slow
def test_labels_that_say_nothing_give_no_share():
    """A leak between folds would show in z, on one side of 0."""
    sets = {seed: world("nothing", count=120, dim=40, seed=seed)[0] for seed in range(12)}
    trained = lens_plus.train(sets, scale=2, noise=10.0, head=HEAD)
    z = np.array([training.metrics["network_z"] for training in trained.values()])
    assert abs(z.mean()) < 0.8
    assert z.std() < 2
    assert sum(training.metrics["network_share"] == 0 for training in trained.values()) >= 10


def test_folds_keep_prompts_whole_and_share_out_the_steps():
    data, *_ = world("bent", count=200, prompts=60)
    folds = lens_plus.leave_out(data, seed=3, passes=80, noise=10.0)
    _, groups = data.differences()
    left_out = np.sort(np.concatenate([fold.held for fold in folds]))
    assert left_out.tolist() == list(range(200))
    for fold in folds:
        own = fold.run.data
        assert not set(own.groups) & set(groups[fold.held])
        np.testing.assert_array_equal(own.validation_groups, groups[fold.held])
        chosen = np.concatenate([data.chosen, data.validation_chosen])
        np.testing.assert_array_equal(own.validation_chosen, chosen[fold.held])
        assert len(own.chosen) + len(fold.held) == 200
    spent = sum(fold.run.composition[..., 0].numel() for fold in folds)
    assert 0.97 * 80 * len(data.chosen) < spent <= 80 * len(data.chosen)
    assert len({fold.run.seed for fold in folds}) == len(folds)


def test_every_pair_gets_noise_along_the_probe_of_its_own_fold():
    data, *_ = world("linear", count=300)
    fold = lens_plus.leave_out(data, seed=0, passes=20, noise=7.0)[1]
    own, (rows, variants) = fold.run.data, (torch.arange(150), torch.full((150,), 3))
    assert (fold.run.composition > 0).all()
    probe = evidence.fit(own.chosen, own.rejected, own.groups).weights
    unit = probe / np.linalg.norm(probe)
    moved = {}
    for side in ("chosen", "rejected"):
        clean = getattr(own, side)[:150]
        moved[side] = fold.run.source(side, rows, variants).numpy() - clean
        lengths = moved[side] @ unit
        np.testing.assert_allclose(moved[side], np.outer(lengths, unit), atol=2e-5)
        both = np.concatenate([own.chosen, own.rejected])
        assert lengths.std() == pytest.approx(7 * (both @ unit).std(), rel=0.15)
    assert abs(np.corrcoef(moved["chosen"] @ unit, moved["rejected"] @ unit)[0, 1]) < 0.25
    other = fold.run.source("chosen", rows, variants + 1).numpy() - own.chosen[:150]
    assert not np.allclose(other, moved["chosen"])


def test_shares_are_the_logistic_fit_and_its_garrote():
    from sklearn.linear_model import LogisticRegression

    rng = np.random.default_rng(0)
    margins = rng.normal(size=(500, 2)) * [0.7, 3.0] + [0.5, 0.9]
    found = lens_plus.shares(margins[:, 0], margins[:, 1])
    signs = np.where(np.arange(500) % 2, 1.0, -1.0)
    fitted = LogisticRegression(C=np.inf, fit_intercept=False, tol=1e-10, max_iter=1000)
    fitted.fit(margins * signs[:, None], signs)
    bent = fitted.coef_[0, 1]
    chance = 1 / (1 + np.exp(-margins @ fitted.coef_[0]))
    covariance = np.linalg.inv((margins * (chance * (1 - chance))[:, None]).T @ margins)
    z = bent / np.sqrt(covariance[1, 1])
    assert found.z == pytest.approx(z, rel=1e-3)
    assert found.networks == pytest.approx(bent * (1 - 4 / z**2), rel=1e-3)
    given = lens_plus.shares(margins[:, 0], np.zeros(500))
    assert (given.first, given.networks, given.z) == (1, 0, 0)


def test_the_linear_share_is_fitted_with_the_bent_one_in_place():
    rng = np.random.default_rng(1)
    linear, bent = rng.normal(0.4, 1, size=300), rng.normal(0.8, 1, size=300)
    found = lens_plus.shares(linear, bent)
    steps = found.first + np.array([-0.01, 0, 0.01])
    losses = [np.logaddexp(0, -w * linear - found.networks * bent).sum() for w in steps]
    assert losses[1] == min(losses)


def test_a_bent_part_that_misleads_or_hardly_tells_is_left_out():
    rng = np.random.default_rng(0)
    linear, bent = rng.normal(0.5, 1, size=400), rng.normal(0.5, 1, size=400)
    assert lens_plus.shares(linear, -bent).networks == 0
    assert lens_plus.shares(linear, -bent).z < -2
    weak = next(
        s
        for s in (lens_plus.shares(linear, rng.normal(0.05, 1, size=400)) for _ in range(50))
        if 0.5 < s.z < 2
    )
    assert (weak.first, weak.networks) == (1, 0)


def test_pairs_that_one_part_orders_without_error_keep_the_probe_alone():
    rng = np.random.default_rng(0)
    linear, bent = np.abs(rng.normal(2, 1, size=(2, 60))) + 0.1
    found = lens_plus.shares(linear, bent)
    assert (found.first, found.networks) == (1, 0)
    assert abs(found.z) < 0.1
    for sure in (38.0, 60.0, 900.0):
        found = lens_plus.shares(rng.normal(sure, 0.1, size=40), bent[:40])
        assert (found.first, found.networks) == (1, 0)
        assert np.isfinite(found.z)


def test_noise_below_0_is_refused():
    with pytest.raises(LensError, match="0 or more"):
        lens_plus.train({0: world("linear", count=40)[0]}, scale=2, noise=-1.0, head=HEAD)


def test_linear_margins_are_never_turned_round():
    rng = np.random.default_rng(0)
    against, bent = rng.normal(-0.5, 1, size=400), rng.normal(0.9, 1, size=400)
    assert lens_plus.shares(against, bent).first == 0
    assert lens_plus.shares(against, rng.normal(0, 1, size=400) * 1e-9).first == 1


@pytest.mark.slow
def test_the_model_is_the_sum_of_its_parts(monkeypatch):
    data, chosen, _ = world("bent", count=300)
    given = lens_plus.Shares(0.8, 0.5, 3.0)
    monkeypatch.setattr(lens_plus, "shares", lambda *arguments: given)
    folds = lens_plus.leave_out(data, seed=0, passes=40, noise=10.0)
    training = lens_plus.train({0: data}, scale=8, noise=10.0, head=HEAD)[0]
    options = {"epochs": 1, "patience": 1, "learning_rate": 1e-3, "centred": True}
    networks = lens_plus.train_mlps([fold.run for fold in folds], **HEAD | options)
    parts = [RewardHead(one.weights, data.standardiser)(chosen) for one in networks]
    first = RewardHead(tangent.fit(*data.all_pairs()).weights, data.standardiser)(chosen)
    metrics = training.metrics
    assert (metrics["first_share"], metrics["network_share"]) == (0.8, 0.5)
    expected = metrics["first_share"] * first + metrics["network_share"] * np.mean(parts, axis=0)
    got = RewardHead(training.weights, data.standardiser)(chosen)
    np.testing.assert_allclose(got, expected, atol=2e-4)
    assert metrics["steps"] == sum(one.metrics["steps"] for one in networks)


@pytest.mark.slow
def test_seeds_together_end_as_they_would_alone_and_repeat():
    sets = {seed: world("bent", count=count, seed=seed)[0] for seed, count in ((0, 300), (1, 240))}
    together = lens_plus.train(sets, scale=4, noise=10.0, head=HEAD)
    for seed, data in sets.items():
        options = {"scale": 4, "vaes": {}, "settings": {"complement_noise": 10.0}, "head": HEAD}
        alone, again = (methods.train("lens_plus", {seed: data}, **options)[seed] for _ in range(2))
        for name, value in alone.weights.items():
            np.testing.assert_array_equal(value, again.weights[name])
            if name != "b2":
                np.testing.assert_allclose(value, together[seed].weights[name], atol=1e-4)


def test_few_prompts_give_fewer_folds():
    data, *_ = world("linear", count=40, prompts=2)
    data.validation_groups = data.validation_groups * 0
    assert len(lens_plus.leave_out(data, seed=0, passes=8, noise=10.0)) == 2
    data.groups, data.validation_groups = data.groups * 0, data.validation_groups * 0
    with pytest.raises(LensError, match="share one prompt"):
        lens_plus.leave_out(data, seed=0, passes=8, noise=10.0)
