"""Probabilities that mean what they say: a temperature for margins, and how far off they are."""

from dataclasses import dataclass

import numpy as np

from lens.reward.evidence import cross_entropy

BINS = 10
LEAST_IN_BIN = 20
SIMULATIONS = 500


def fit_temperature(margins: np.ndarray, labels: np.ndarray | None = None) -> float:
    """T > 0 that minimises the mean of -log sigmoid(margin / T) over held-out margins [N], or the
    cross-entropy of soft labels [N].

    Half a pair more on either side, at the margins' root mean square, keeps T finite where every
    pair is ordered rightly; margins that tell nothing get a T so large that all is about 1/2.
    """
    from scipy.optimize import minimize_scalar

    size = float(np.sqrt(np.square(margins).mean()))
    if size == 0:
        return 1.0
    scaled = margins / size

    def loss(log_slope: float) -> float:
        slope = np.exp(log_slope)
        prior = np.logaddexp(0, -slope) + np.logaddexp(0, slope)
        return cross_entropy(slope * scaled, labels).sum() + prior / 2

    return size / float(np.exp(minimize_scalar(loss, bounds=(-7, 7), method="bounded").x))


@dataclass
class Reliability:
    """How stated probabilities meet what happened, in bins of equal size from unsure to sure.

    `confidence`, `accuracy` and `count` are [bins]; `error` is the expected calibration error,
    the mean |accuracy - confidence| over pairs; `by_chance` is the error that perfectly calibrated
    probabilities would show on so few pairs.
    """

    confidence: np.ndarray
    accuracy: np.ndarray
    count: np.ndarray
    error: float
    by_chance: float


def reliability(probability: np.ndarray) -> Reliability:
    """From probabilities [N] given to the answer that was in fact preferred."""
    confidence = np.maximum(probability, 1 - probability)
    right = (np.sign(probability - 0.5) + 1) / 2
    order = np.argsort(confidence, kind="stable")
    bins = np.array_split(order, max(1, min(BINS, len(order) // LEAST_IN_BIN)))
    stated = np.array([confidence[rows].mean() for rows in bins])
    count = np.array([len(rows) for rows in bins])

    def gap(outcome: np.ndarray) -> float:
        seen = np.array([outcome[rows].mean() for rows in bins])
        return float(np.abs(seen - stated) @ count / len(order))

    rng = np.random.default_rng(0)
    draws = [gap(rng.random(len(order)) < confidence) for _ in range(SIMULATIONS)]
    return Reliability(
        stated,
        np.array([right[rows].mean() for rows in bins]),
        count,
        gap(right),
        float(np.mean(draws)),
    )


def log_loss(margins: np.ndarray, labels: np.ndarray | None = None) -> float:
    """Mean of -log sigmoid(margin) in nats, or the cross-entropy of soft labels; 0.693 is a
    coin's."""
    return float(cross_entropy(margins, labels).mean())
