"""Expectation propagation against integrals."""

import numpy as np
import pytest

from lens.serving.propagation import Sites, propagate


def by_integration(z, precision, labels):
    """(mean, variance, logarithm of the evidence) of one weight, for differences z [N]."""
    grid = np.linspace(-60, 60, 240_001)
    margins = z[:, None] * grid
    fit = -np.logaddexp(0, -margins) - (1 - labels)[:, None] * margins
    prior = np.log(precision / (2 * np.pi)) / 2 - precision * grid**2 / 2
    density = np.exp(fit.sum(axis=0) + prior)
    total = np.trapezoid(density, grid)
    mean = np.trapezoid(density * grid, grid) / total
    return mean, np.trapezoid(density * (grid - mean) ** 2, grid) / total, np.log(total)


@pytest.mark.parametrize("precision", [0.5, 1.0, 4.0])
@pytest.mark.parametrize("labels", [np.ones(4), np.array([1.0, 0.8, 0.5, 0.1])])
def test_one_weight_is_as_by_integration(precision, labels):
    z = np.array([1.0, 2.0, -0.5, 1.5])
    found, _ = propagate(z[:, None], precision, labels, Sites.start(labels))
    mean, variance, evidence = by_integration(z, precision, labels)
    np.testing.assert_allclose(found.mean[0], mean, rtol=0.04)
    np.testing.assert_allclose(found.covariance[0, 0], variance, rtol=0.05)
    assert found.evidence == pytest.approx(evidence, abs=0.02)


def test_pairs_at_right_angles_say_nothing_of_the_size_of_rewards():
    """Each label is as likely as not, however wide the prior: Laplace's evidence denies it."""
    labels = np.ones(30)
    for precision in (0.01, 1.0, 10.0):
        found, _ = propagate(np.eye(30), precision, labels, Sites.start(labels))
        assert found.evidence == pytest.approx(30 * np.log(0.5), abs=1e-2)
        mean, variance, _ = by_integration(np.ones(1), precision, np.ones(1))
        np.testing.assert_allclose(found.mean, mean, rtol=1e-2)
        np.testing.assert_allclose(found.covariance, np.eye(30) * variance, rtol=1e-2, atol=1e-9)


def test_a_pair_turned_round_with_its_label_says_the_same():
    rng = np.random.default_rng(0)
    z, labels = rng.normal(size=(40, 5)), rng.random(40)
    turned = np.where(rng.random(40) < 0.5, -1, 1)
    first, _ = propagate(z, 1.0, labels, Sites.start(labels))
    again = np.where(turned < 0, 1 - labels, labels)
    second, _ = propagate(z * turned[:, None], 1.0, again, Sites.start(again))
    np.testing.assert_allclose(second.mean, first.mean, atol=1e-3)
    assert second.evidence == pytest.approx(first.evidence, abs=5e-3)


def test_a_pair_without_a_difference_changes_nothing():
    rng = np.random.default_rng(1)
    z, labels = rng.normal(size=(20, 3)), np.ones(20)
    alone, _ = propagate(z, 1.0, labels, Sites.start(labels))
    longer, more = np.concatenate([z, np.zeros((1, 3))]), np.ones(21)
    beside, _ = propagate(longer, 1.0, more, Sites.start(more))
    np.testing.assert_allclose(beside.mean, alone.mean, atol=2e-3)
    assert beside.evidence == pytest.approx(alone.evidence + np.log(0.5), abs=1e-3)
