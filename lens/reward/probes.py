"""Probes: linear rewards r(e) = w . e that add no pairs and need no torch."""

import numpy as np

from lens.reward.evidence import cross_entropy
from lens.reward.training_set import Training, TrainingSet

LINEAR_PENALTIES = (1e-3, 1e-2, 1e-1, 1.0, 10.0, 100.0)


def mean_difference(data: TrainingSet) -> Training:
    """The probe r(e) = w . e with w the mean of chosen - rejected, times 2 y - 1 with labels y."""
    differences, _ = data.differences()
    labels = data.all_labels()
    if labels is not None:
        differences = differences * (2 * labels - 1)[:, None]
    return Training({"w": differences.mean(axis=0)}, {"pairs_per_epoch": len(differences)})


def linear_probe(data: TrainingSet, *, folds: int = 5) -> Training:
    """The probe r(e) = w . e with w from L2-regularised logistic regression on differences.

    The penalty with the lowest cross-validated Bradley-Terry loss (folds by prompt) is refitted
    on all N pairs.
    """
    from sklearn.model_selection import GroupKFold

    differences, groups = data.differences()
    labels = data.all_labels()
    folds = min(folds, len(np.unique(groups)))
    losses = []
    for penalty in LINEAR_PENALTIES:
        held_out = []
        for train, test in GroupKFold(folds).split(differences, groups=groups):
            known = None if labels is None else labels[train]
            margins = differences[test] @ fit_logistic(differences[train], penalty, known)
            held_out.append(cross_entropy(margins, None if labels is None else labels[test]))
        losses.append(float(np.concatenate(held_out).mean()))
    best = int(np.argmin(losses))
    weights = fit_logistic(differences, LINEAR_PENALTIES[best], labels)
    return Training(
        {"w": weights},
        {
            "pairs_per_epoch": len(differences),
            "penalty": LINEAR_PENALTIES[best],
            "cross_validated_losses": dict(zip(map(str, LINEAR_PENALTIES), losses, strict=True)),
        },
    )


def fit_logistic(
    differences: np.ndarray, penalty: float, labels: np.ndarray | None = None
) -> np.ndarray:
    """w [d] that minimises mean `cross_entropy` of w . x + penalty |w|^2 / 2 over rows x [n, d].

    Half of the rows are turned round with their label, which changes nothing in the loss but
    gives the solver two classes. A row with a label y < 1 stands there both ways, weighing y and
    1 - y.
    """
    from sklearn.linear_model import LogisticRegression

    signs = np.where(np.arange(len(differences)) % 2 == 0, 1.0, -1.0)
    solver = LogisticRegression(
        C=1 / (penalty * len(differences)), fit_intercept=False, max_iter=1000, tol=1e-5
    )
    x, weights = differences * signs[:, None], None
    if labels is not None:
        unsure = labels < 1
        x = np.concatenate([x, x[unsure]])
        signs = np.concatenate([signs, -signs[unsure]])
        weights = np.concatenate([labels, 1 - labels[unsure]])
    solver.fit(x, signs, sample_weight=weights)
    return solver.coef_[0].astype(np.float32)
