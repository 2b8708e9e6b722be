"""Training on labels between 0 and 1: closed forms, and nothing changes where all of them are 1."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from lens.core.errors import LensError
from lens.latent import synthesis
from lens.reward import evidence, lens_plus, methods, mlp, probes
from lens.reward.training_set import Standardiser, TrainingSet, build_training_set
from tests.helpers.linear_world import HEAD, SYNTHESIS, linear_world
from tests.helpers.solutions import solve

METHODS = ("original", "direct_perturbation", *methods.PROBES, "lens_plus")


def labelled(data, labels, validation_labels):
    kept = [np.asarray(each, np.float32) for each in (labels, validation_labels)]
    return replace(data, labels=kept[0], validation_labels=kept[1])


def some_labels(data, seed=0):
    rng = np.random.default_rng(seed)
    return labelled(data, rng.random(len(data.chosen)), rng.random(len(data.validation_chosen)))


def alike(difference, labels):
    """A set of pairs [n] that all differ by the same vector, with these labels."""
    count = len(labels)
    chosen = np.tile(np.asarray(difference, np.float32), (count, 1))
    rows = np.arange(2 * count)
    standardiser = Standardiser(np.zeros(chosen.shape[1]), np.ones(chosen.shape[1]))
    names, zeros = rows.astype(str), np.zeros_like(chosen)
    data = TrainingSet(
        chosen,
        zeros,
        chosen,
        zeros,
        standardiser,
        names[:count],
        names[count:],
        rows[:count],
        rows[count:],
    )
    return labelled(data, labels, labels)


def sigmoid(x):
    return 1 / (1 + np.exp(-np.asarray(x, np.float64)))


def train(method, data, seed=3, **head):
    scale = 1 if method == "original" or method in methods.PROBES else 2
    return methods.train(
        method, {seed: data}, scale=scale, vaes={}, settings=SYNTHESIS, head={**HEAD, **head}
    )[seed]


@pytest.mark.parametrize("label", [0.0, 0.2, 0.5, 1.0])
def test_the_loss_is_the_cross_entropy_and_its_gradient_sigmoid_minus_label(label):
    reward = torch.tensor([1.7, -0.3, 40.0], dtype=torch.float64, requires_grad=True)
    other = torch.tensor([0.2, 0.9, -40.0], dtype=torch.float64)
    labels = torch.full((3,), label, dtype=torch.float64)
    loss = mlp.bradley_terry_loss(reward, other, labels)
    d = (reward - other).detach()
    expected = -label * torch.nn.functional.logsigmoid(d)
    expected -= (1 - label) * torch.nn.functional.logsigmoid(-d)
    torch.testing.assert_close(loss, expected)
    (gradient,) = torch.autograd.grad(loss.sum(), reward)
    torch.testing.assert_close(gradient, torch.sigmoid(d) - label)
    found = evidence.cross_entropy(d.numpy(), labels.numpy())
    np.testing.assert_allclose(found, loss.detach().numpy())


@pytest.mark.slow
@pytest.mark.parametrize("method", METHODS)
def test_labels_of_one_change_not_a_bit(method):
    data, _ = linear_world(count=60, validation=20)
    ones = labelled(data, np.ones(60), np.ones(20))
    plain, soft = train(method, data, epochs=4), train(method, ones, epochs=4)
    assert plain.weights.keys() == soft.weights.keys()
    for name, value in plain.weights.items():
        np.testing.assert_array_equal(soft.weights[name], value)
    assert soft.metrics == plain.metrics


@pytest.mark.slow
@pytest.mark.parametrize("method", METHODS)
def test_labels_change_what_is_learned(method):
    data, _ = linear_world(count=60, validation=20)
    plain, soft = train(method, data, epochs=4), train(method, some_labels(data), epochs=4)
    assert any((soft.weights[name] != plain.weights[name]).any() for name in soft.weights)


@pytest.mark.slow
@pytest.mark.parametrize("labels", [[1, 1, 0.8, 0.5, 0], [0.9] * 5, [0.3, 0.4, 0.5]])
def test_the_mlp_gives_equal_pairs_the_mean_of_their_labels(labels):
    data = alike([1.0, -0.5], labels)
    head = {"hidden": 16, "learning_rate": 3e-2, "batch_size": 64, "epochs": 400, "patience": 400}
    found = train("original", data, **head)
    model = lens_plus.RewardHead(found.weights, data.standardiser)
    margin = model(data.chosen)[0] - model(data.rejected)[0]
    assert sigmoid(margin) == pytest.approx(np.mean(labels), abs=1e-3)
    y = np.mean(labels)
    best = -(y * np.log(y) + (1 - y) * np.log(1 - y))
    assert found.metrics["validation_loss"] == pytest.approx(best, abs=1e-4)


def test_logistic_regression_gives_each_group_the_mean_of_its_labels():
    """Two groups, a feature each: sigmoid(w_g) is the mean label of group g."""
    x = np.repeat(np.eye(2), [4, 3], axis=0).astype(np.float32)
    labels = np.array([1, 1, 0.5, 0.5, 0.2, 0.3, 0.4], np.float32)
    weights = probes.fit_logistic(x, 1e-9, labels)
    np.testing.assert_allclose(sigmoid(weights), [0.75, 0.3], atol=1e-3)


def test_logistic_regression_is_that_of_votes_written_out():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(20, 3)).astype(np.float32)
    wins = rng.integers(0, 5, 20)
    soft = probes.fit_logistic(x, 0.1, (wins / 4).astype(np.float32))
    votes = np.concatenate([np.repeat(x, wins, axis=0), -np.repeat(x, 4 - wins, axis=0)])
    np.testing.assert_allclose(soft, probes.fit_logistic(votes, 0.1), atol=1e-4)


def test_the_mean_difference_weighs_by_twice_the_label_minus_one():
    data, _ = linear_world(count=30, validation=10)
    soft = some_labels(data)
    differences, _ = data.differences()
    expected = ((2 * soft.all_labels() - 1)[:, None] * differences).mean(axis=0)
    np.testing.assert_allclose(probes.mean_difference(soft).weights["w"], expected, rtol=1e-5)


@pytest.mark.parametrize("method", methods.PROBES)
def test_a_pair_the_other_way_round_has_the_other_label(method):
    data, _ = linear_world(count=80, validation=20)
    soft = some_labels(data)
    turned = replace(
        soft,
        chosen=soft.rejected,
        rejected=soft.chosen,
        validation_chosen=soft.validation_rejected,
        validation_rejected=soft.validation_chosen,
        labels=1 - soft.labels,
        validation_labels=1 - soft.validation_labels,
    )
    one, other = (methods.METHODS[method].probe(each).weights["w"] for each in (soft, turned))
    np.testing.assert_allclose(one, other, atol=2e-3 * np.abs(one).max())


def test_the_evidence_probe_regresses_on_twice_the_label_minus_one():
    rng = np.random.default_rng(0)
    x, labels = rng.normal(size=(15, 5)), rng.random(15)
    targets = 2 * labels - 1
    found = solve(x, np.array([0.5]), exponents=(0,), labels=labels)
    penalty = 0.5 * np.square(x).sum() / 5
    full = np.linalg.solve(x.T @ x + penalty * np.eye(5), x.T @ targets)
    norm = np.sqrt(np.square(x @ full).mean())
    np.testing.assert_allclose(found.directions[0], full / norm)
    for i in range(15):
        others, rest = np.delete(x, i, axis=0), np.delete(targets, i)
        weights = np.linalg.solve(others.T @ others + penalty * np.eye(5), others.T @ rest)
        assert found.margins[0, i] == pytest.approx(x[i] @ weights / norm)


def test_its_evidence_is_that_of_the_gaussian_model():
    rng = np.random.default_rng(1)
    x, labels, shrinkages = rng.normal(size=(12, 20)), rng.random(12), np.array([0.1, 1.0, 10.0])
    scale, logs = np.square(x).sum() / 12 / 20, []
    for shrinkage in shrinkages:
        covariance = np.eye(12) + x @ x.T / (shrinkage * scale * 12)
        quadratic = (2 * labels - 1) @ np.linalg.solve(covariance, 2 * labels - 1)
        logs.append(-0.5 * np.linalg.slogdet(covariance)[1] - 6 * np.log(quadratic))
    expected = np.exp(np.array(logs) - max(logs))
    found = solve(x, shrinkages, exponents=(0,), labels=labels)
    np.testing.assert_allclose(found.posterior, expected / expected.sum())


def test_shares_of_lens_plus_meet_the_labels():
    """Margins of 1 from the linear part, none from networks: the weight is the logit."""
    margins, labels = np.ones(10), np.full(10, 0.8)
    (weight,) = lens_plus._fit(margins[:, None], labels=labels)
    assert weight == pytest.approx(np.log(4), rel=1e-4)
    assert lens_plus.shares(margins, np.zeros(10), labels) == lens_plus.Shares(1.0, 0.0, 0.0)


def test_its_folds_keep_the_labels_of_their_pairs():
    data = some_labels(linear_world(count=30, validation=15)[0])
    for fold in lens_plus.leave_out(data, 0, passes=6, noise=1.0):
        np.testing.assert_array_equal(fold.run.data.validation_labels, data.all_labels()[fold.held])
        assert len(fold.run.data.labels) + len(fold.held) == 45


def test_synthetic_pairs_have_the_label_of_their_pair(monkeypatch):
    data, _ = linear_world(count=50, validation=10)
    data = labelled(data, np.arange(50) / 50, np.full(10, 0.7))
    chosen, rejected = torch.from_numpy(data.chosen), torch.from_numpy(data.rejected)
    seen, plain = [], mlp.bradley_terry_loss

    def watched(one, other, labels):
        seen.append(labels)
        return plain(one, other, labels)

    monkeypatch.setattr(mlp, "bradley_terry_loss", watched)
    source = synthesis.direct_perturbation(chosen, rejected, noise_variance=0.01, seed=1)
    runs = [mlp.Run(data, source, synthesis.compose(50, 3, seed), seed) for seed in (0, 1)]
    mlp.train_mlps(runs, **{**HEAD, "epochs": 1, "batch_size": 75})
    *batches, _, _ = seen  # the last two are those of the validation pairs
    for run in range(2):
        labels = torch.cat([labels[run] for labels in batches])
        np.testing.assert_array_equal(np.sort(labels), np.sort(np.tile(data.labels, 3)))


def test_ties_alone_teach_nothing():
    sides = dict.fromkeys(("chosen", "rejected"), np.eye(4))
    groups = np.array(list("abcd"))
    options = {"seed": 0, "validation_fraction": 0.25}
    with pytest.raises(LensError, match="all of 3 pairs are ties"):
        build_training_set(np.arange(3), groups, sides, labels=np.full(4, 0.5), **options)
    found = build_training_set(
        np.arange(4), groups, sides, labels=np.array([0.5, 1, 0, 0.2]), **options
    )
    rows = np.concatenate([found.rows, found.validation_rows])
    np.testing.assert_allclose(found.all_labels(), np.array([0.5, 1, 0, 0.2])[rows], rtol=1e-6)
