"""A linear reward whose shrinkage the pairs decide themselves, without a penalty to tune.

Every pair says w . x = 1 + noise for its difference x = chosen - rejected (2 y - 1 instead of 1
where it has a label y, the probability that chosen is better), with a Gaussian prior on w, of one
variance in all directions or of a variance that follows the root of the differences' own spectrum.
For a shrinkage s (noise over prior variance) the posterior mean of w is, with the first prior,
(X'X/N + s a I)^-1 mean(x): the mean difference for large s, Fisher's discriminant for small. The
evidence of prior and s is in closed form (MacKay, 1992), so the directions of all are averaged by
it. docs/study.md has the derivation and what it is worth.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from lens.reward.training_set import Training, TrainingSet

SHRINKAGES = np.geomspace(0.01, 1000, 26)  # a flat prior on the logarithm
EXPONENTS = (0.0, 0.5)  # prior variance of w along a direction: its power to this
MARGIN_SCALES = np.geomspace(0.02, 50, 60)


@dataclass
class Shrunken:
    """Solutions for every prior and shrinkage, S in all: `directions` [S, d] with margins of root
    mean square 1, their `posterior` [S], `margins` [S, N] of each pair from a fit without it."""

    directions: np.ndarray
    posterior: np.ndarray
    margins: np.ndarray


def cross_entropy(margins: np.ndarray, labels: np.ndarray | None = None) -> np.ndarray:
    """-y log sigmoid(m) - (1 - y) log sigmoid(-m) for margins m [..., N] and labels y [N]; y = 1 if
    there are none."""
    losses = np.logaddexp(0, -margins)
    return losses if labels is None else losses + (1 - labels) * margins


def solve(
    differences: np.ndarray,
    shrinkages: np.ndarray = SHRINKAGES,
    exponents: Sequence[float] = EXPONENTS,
    labels: np.ndarray | None = None,
) -> Shrunken:
    """All solutions, exponent by exponent, from one singular value decomposition of differences
    [N, d] with labels [N]. Shrinkages are in units of the mean of power times prior variance over
    the features."""
    x = np.asarray(differences, np.float64)
    count, dim = x.shape
    left, singular, right = np.linalg.svd(x / np.sqrt(count), full_matrices=False)
    power = singular**2
    targets = np.ones(count) if labels is None else 2 * np.asarray(labels, np.float64) - 1
    projected = (left * targets[:, None]).sum(axis=0)
    rest = np.square(targets).sum() - np.square(projected).sum()
    directions, evidence, margins = [], [], []
    for exponent, relative in product(exponents, shrinkages):
        weighted = power ** (1 + exponent)
        shrinkage = relative * weighted.sum() / dim
        kept = weighted / (weighted + shrinkage)
        weights = right.T @ (kept * projected / np.where(singular > 0, singular, np.inf))
        fitted = left @ (kept * projected)
        leverage = np.square(left) @ kept
        norm = np.sqrt(np.square(fitted).mean())
        directions.append(weights / np.sqrt(count) / norm)
        margins.append((fitted - leverage * targets) / (1 - leverage) / norm)
        spread = 1 + weighted / shrinkage
        quadratic = (np.square(projected) / spread).sum() + rest
        evidence.append(-0.5 * np.log(spread).sum() - 0.5 * count * np.log(quadratic))
    posterior = np.exp(np.array(evidence) - max(evidence))
    return Shrunken(np.array(directions), posterior / posterior.sum(), np.array(margins))


@dataclass
class LinearReward:
    """w [d], the margin [N] of each pair from a fit without it (given prior and shrinkage), the
    geometric mean of the flat prior's shrinkage, and the probability of the spectral prior."""

    weights: np.ndarray
    margins: np.ndarray
    shrinkage: float
    spectral: float


def fit(differences: np.ndarray, labels: np.ndarray | None = None) -> LinearReward:
    """w averaged over priors and shrinkages by their evidence, from differences [N, d] and labels.

    Its length, which decides the probabilities and not the order, minimises the Bradley-Terry loss
    of margins that leave their own pair out, with half a pair more on either side, so that it stays
    finite where every pair is ordered rightly.
    """
    found = solve(differences, labels=labels)
    margins = found.posterior @ found.margins
    losses = cross_entropy(MARGIN_SCALES[:, None] * margins, labels).sum(axis=1)
    losses += (np.logaddexp(0, -MARGIN_SCALES) + np.logaddexp(0, MARGIN_SCALES)) / 2
    posterior = found.posterior.reshape(len(EXPONENTS), len(SHRINKAGES))
    length = MARGIN_SCALES[int(losses.argmin())]
    return LinearReward(
        (length * (found.posterior @ found.directions)).astype(np.float32),
        length * margins,
        float(np.exp(posterior[0] @ np.log(SHRINKAGES) / posterior[0].sum())),
        float(posterior[1].sum()),
    )


def evidence_probe(data: TrainingSet) -> Training:
    """The probe r(e) = w . e with `fit`'s w, from all N pairs."""
    differences, _ = data.differences()
    labels = data.all_labels()
    found = fit(differences, labels)
    return Training(
        {"w": found.weights},
        {
            "pairs_per_epoch": len(differences),
            "shrinkage": found.shrinkage,
            "spectral_prior": found.spectral,
            "left_out_loss": float(cross_entropy(found.margins, labels).mean()),
        },
    )
