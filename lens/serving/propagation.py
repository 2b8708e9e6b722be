"""Expectation propagation for the Bradley-Terry model: a posterior's mean, covariance, evidence.

Each pair's likelihood is replaced by a Gaussian in its margin, chosen so that mean and variance of
the margin are as with the likelihood itself (Minka, 2001). Laplace's approximation is simpler, and
wrong where there are more features than pairs: its evidence then speaks against large rewards
whatever the labels, since the mode of a wide, skewed posterior is far from its mean.
"""

from dataclasses import dataclass

import numpy as np

STEPS, DAMPING = 50, 0.8
CLOSE = 0.002  # of the largest site, in a step
GRID = np.linspace(-6, 6, 61)  # of a margin, in standard deviations
WEIGHTS = np.exp(-np.square(GRID) / 2) / np.exp(-np.square(GRID) / 2).sum()
LEAST = 1e-12  # variance of a margin


@dataclass
class Sites:
    """What the labels say of each pair's margin: precision and precision times mean [N]."""

    precision: np.ndarray
    scaled: np.ndarray

    @classmethod
    def start(cls, labels: np.ndarray) -> "Sites":
        """Those of a first step, for labels [N]."""
        return cls(np.full(len(labels), 0.1), labels - 0.5)

    def toward(self, precision: np.ndarray, scaled: np.ndarray) -> "Sites":
        """Most of the way to others."""
        return Sites(
            self.precision + DAMPING * (precision - self.precision),
            self.scaled + DAMPING * (scaled - self.scaled),
        )

    def near(self, other: "Sites") -> bool:
        """Whether no site differs by much."""
        return all(
            np.abs(mine - its).max() <= CLOSE * np.abs(mine).max()
            for mine, its in ((self.precision, other.precision), (self.scaled, other.scaled))
        )


@dataclass
class Gaussian:
    """A posterior of weights: mean [r], covariance [r, r], and the logarithm of the evidence."""

    mean: np.ndarray
    covariance: np.ndarray
    evidence: float


def propagate(
    z: np.ndarray, precision: float, labels: np.ndarray, sites: Sites
) -> tuple[Gaussian, Sites]:
    """The posterior of weights v under a Gaussian prior of this precision in each direction, for
    differences z [N, r] with labels y [N] and likelihoods sigmoid(v . z)^y sigmoid(-v . z)^(1 - y);
    and its sites, from which the next one may start."""
    from scipy.linalg import solve_triangular

    features = z.shape[1]
    for _ in range(STEPS):
        inverse = z.T @ (z * sites.precision[:, None])
        inverse.flat[:: features + 1] += precision
        root = np.linalg.cholesky(inverse)
        half = solve_triangular(root, z.T, lower=True, check_finite=False)
        shift = half @ sites.scaled
        variance, mean = np.maximum(np.square(half).sum(axis=0), LEAST), half.T @ shift
        without = 1 / (1 / variance - sites.precision)  # the margin's variance if its label is not
        expected = without * (mean / variance - sites.scaled)
        log_chance, new_mean, new_variance = _with_label(expected, without, labels)
        evidence = (
            (log_chance + _size(expected, without) - _size(mean, variance)).sum()
            + (shift @ shift + features * np.log(precision)) / 2
            - np.log(np.diag(root)).sum()
        )
        before, sites = (
            sites,
            sites.toward(
                1 / new_variance - 1 / without, new_mean / new_variance - expected / without
            ),
        )
        if sites.near(before):
            break
    back = solve_triangular(root, np.eye(features), lower=True, check_finite=False)
    return Gaussian(back.T @ shift, back.T @ back, float(evidence)), sites


def _size(mean: np.ndarray, variance: np.ndarray) -> np.ndarray:
    """The logarithm of the integral of a Gaussian that is 1 at 0, without its constant."""
    return (np.square(mean) / variance + np.log(variance)) / 2


def _with_label(
    mean: np.ndarray, variance: np.ndarray, labels: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(logarithm of a label's probability, mean and variance of the margin given the label) [N],
    for margins of this mean and variance."""
    deviation = np.sqrt(variance)
    margins = mean[:, None] + deviation[:, None] * GRID
    fit = -np.logaddexp(0, -margins) - (1 - labels)[:, None] * margins
    largest = fit.max(axis=1)
    shares = WEIGHTS * np.exp(fit - largest[:, None])
    total = shares.sum(axis=1)
    first, second = (shares @ GRID**power / total for power in (1, 2))
    return np.log(total) + largest, mean + deviation * first, variance * (second - first**2)
