"""Probes: linear rewards r(e) = w . e that add no pairs and need no torch."""

import numpy as np

from lens.reward.evidence import cross_entropy
from lens.reward.logistic import decompose, solve
from lens.reward.training_set import Training, TrainingSet

LINEAR_PENALTIES = (1e-3, 1e-2, 1e-1, 1.0, 10.0, 100.0)
FREE = 100.0  # times its size, a covariate's weight is hardly penalised


def mean_difference(data: TrainingSet) -> Training:
    """The probe r(e) = w . e with w the mean of chosen - rejected, times 2 y - 1 with labels y."""
    differences, _ = data.differences()
    labels = data.all_labels()
    if labels is not None:
        differences = differences * (2 * labels - 1)[:, None]
    return Training({"w": differences.mean(axis=0)}, {"pairs_per_epoch": len(differences)})


def linear_probe(data: TrainingSet) -> Training:
    """The probe r(e) = w . e with w from L2-regularised logistic regression on differences.

    The penalty with the lowest cross-validated Bradley-Terry loss (folds by prompt) is refitted
    on all N pairs. A covariate has a weight that is hardly penalised, and is no part of w.
    """
    differences, groups = data.differences()
    labels, covariate, features = data.all_labels(), data.all_covariates(), len(data.chosen[0])
    if covariate is not None:
        differences = np.column_stack([differences, FREE * covariate])
    training = kept_in_folds(groups, 5)
    whole, parts = fit_penalties(differences, LINEAR_PENALTIES, training, labels)
    held_out = cross_entropy(np.einsum("nd,fpd->fpn", differences, parts), labels)
    losses = np.where(training[:, None], 0, held_out).sum(axis=(0, 2)) / len(differences)
    best = int(losses.argmin())
    return Training(
        {"w": whole[best, :features].astype(np.float32)},
        {
            "pairs_per_epoch": len(differences),
            "penalty": LINEAR_PENALTIES[best],
            "cross_validated_losses": dict(
                zip(map(str, LINEAR_PENALTIES), losses.tolist(), strict=True)
            ),
        },
    )


def kept_in_folds(groups: np.ndarray, folds: int) -> np.ndarray:
    """[F, N]: which pairs each fold trains on; those that it leaves out are whole prompts."""
    from sklearn.model_selection import GroupKFold

    count = min(folds, len(np.unique(groups)))
    training = np.ones((count, len(groups)), bool)
    for row, (_, held) in zip(
        training, GroupKFold(count).split(groups, groups=groups), strict=True
    ):
        row[held] = False
    return training


def fit_penalties(
    differences: np.ndarray,
    penalties: tuple[float, ...],
    training: np.ndarray,
    labels: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """(w [P, d] from all rows x [N, d], w [F, P, d] from those that each of F folds keeps): minima
    of mean `cross_entropy` of w . x + penalty |w|^2 / 2."""
    x, count = decompose(differences), len(penalties)
    rows = np.concatenate([np.ones((1, len(differences)), bool), training])
    coefficients = solve(x, np.tile(penalties, len(rows)), np.repeat(rows, count, axis=0), labels)
    whole, *parts = x.weights(coefficients).reshape(len(rows), count, -1)
    return whole, np.array(parts)


def fit_logistic(
    differences: np.ndarray, penalty: float, labels: np.ndarray | None = None
) -> np.ndarray:
    """w [d] that minimises mean `cross_entropy` of w . x + penalty |w|^2 / 2 over rows x [n, d]."""
    x = decompose(differences)
    coefficients = solve(x, np.array([penalty]), np.ones((1, len(differences))), labels)
    return x.weights(coefficients[0]).astype(np.float32)
