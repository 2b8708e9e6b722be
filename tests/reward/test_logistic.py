"""Logistic regressions side by side, against optimality, another solver and brute force."""

import numpy as np
import pytest

from lens.reward.logistic import decompose, solve
from lens.reward.probes import LINEAR_PENALTIES, fit_penalties, kept_in_folds


def some_rows(count, dim, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(count, dim)) * np.geomspace(3, 0.05, dim)
    return x + 0.3 * rng.normal(size=dim), rng.random(count)


@pytest.mark.parametrize("shape", [(40, 8), (12, 30)])
def test_the_decomposition_is_one(shape):
    x, _ = some_rows(*shape)
    found = decompose(x)
    eye = np.eye(min(shape))
    right = found.weights(eye)
    np.testing.assert_allclose(found.left * found.singular @ right, x, atol=1e-9)
    np.testing.assert_allclose(found.left.T @ found.left, eye, atol=1e-7)
    np.testing.assert_allclose(right @ right.T, eye, atol=1e-7)


def test_directions_that_no_row_has_are_left_out():
    x, _ = some_rows(20, 6)
    x[:, 3] = x[:, 0]
    assert len(decompose(x).singular) == 5
    assert len(decompose(np.zeros((4, 3))).singular) == 0


@pytest.mark.parametrize("shape", [(50, 8), (20, 40)])
def test_every_solution_is_where_its_gradient_vanishes(shape):
    x, labels = some_rows(*shape)
    kept = np.ones((4, shape[0]), bool)
    kept[1:, ::3] = False
    penalties = np.array([0.01, 0.01, 0.3, 20.0])
    found = decompose(x).weights(solve(decompose(x), penalties, kept, labels))
    for weights, penalty, rows in zip(found, penalties, kept, strict=True):
        residual = labels[rows] - 1 / (1 + np.exp(-x[rows] @ weights))
        gradient = penalty * weights - (x[rows] * residual[:, None]).mean(axis=0)
        assert np.linalg.norm(gradient) <= 1e-4 * penalty * np.linalg.norm(weights)


def test_it_agrees_with_another_solver():
    from sklearn.linear_model import LogisticRegression

    x, _ = some_rows(60, 15, seed=3)
    groups = np.arange(60) // 2
    kept = kept_in_folds(groups, 5)
    whole, parts = fit_penalties(x, LINEAR_PENALTIES, kept)
    for rows, solutions in ((np.ones(60, bool), whole), *zip(kept, parts, strict=True)):
        signs = np.where(np.arange(rows.sum()) % 2, 1.0, -1.0)
        for penalty, weights in zip(LINEAR_PENALTIES, solutions, strict=True):
            peer = LogisticRegression(
                C=1 / (penalty * rows.sum()), fit_intercept=False, tol=1e-10, max_iter=5000
            ).fit(x[rows] * signs[:, None], signs)
            gap = np.linalg.norm(weights - peer.coef_[0]) / np.linalg.norm(weights)
            assert gap < 1e-4


def test_pairs_without_error_are_no_trouble_to_newton():
    """All on one side, far away: full steps from 0 would overshoot where the loss is flat."""
    x = np.random.default_rng(0).normal(size=(30, 5)) + 20 * np.eye(5)[0]
    (weights,) = decompose(x).weights(solve(decompose(x), np.array([1e-6]), np.ones((1, 30))))
    assert np.isfinite(weights).all()
    residual = 1 - 1 / (1 + np.exp(-x @ weights))
    gradient = 1e-6 * weights - (x * residual[:, None]).mean(axis=0)
    assert np.linalg.norm(gradient) <= 1e-4 * 1e-6 * np.linalg.norm(weights)


def test_folds_leave_out_whole_prompts_once_each():
    groups = np.array([0, 0, 1, 2, 2, 2, 3, 4, 5, 5])
    kept = kept_in_folds(groups, 3)
    assert ((~kept).sum(axis=0) == 1).all()
    for row in kept:
        assert not set(groups[row]) & set(groups[~row])
