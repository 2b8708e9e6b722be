"""Logistic regressions without an intercept on the same pairs, solved side by side.

All of them live in the coordinates of one singular value decomposition of the pairs' differences:
there X'X is diagonal, so that a diagonal is a good guess of every Hessian, and the conjugate
gradients of a Newton step need few products. Those of all problems are one product, in single
precision; losses and gradients, which decide when to stop, are in double precision.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import expit

TOLERANCE = 2e-5  # of a solution's length, at most
NEWTON_STEPS, CONJUGATE_STEPS, HALVINGS = 50, 200, 30
FORCING = 0.1  # of the gradient that a Newton step may leave


@dataclass
class Decomposition:
    """x [N, d] = (left [N, r] * singular [r]) @ right [r, d], as float64, r at most the rank. What
    `right` is multiplied by is small, so that it is never written out."""

    left: np.ndarray
    singular: np.ndarray
    x: np.ndarray

    def weights(self, coordinates: np.ndarray) -> np.ndarray:
        """w [..., d] = coordinates [..., r] @ right."""
        return (coordinates / self.singular) @ self.left.T @ self.x


def decompose(x: np.ndarray) -> Decomposition:
    """The singular value decomposition of x [N, d], from the smaller of X X' and X'X. Directions
    below a millionth of the strongest are rounding, and left out."""
    x = np.asarray(x, np.float64)
    wide = x.shape[0] <= x.shape[1]
    power, vectors = np.linalg.eigh(x @ x.T if wide else x.T @ x)
    real = power > 1e-12 * max(power[-1], np.finfo(float).tiny)
    singular, vectors = np.sqrt(power[real]), vectors[:, real]
    return Decomposition(vectors if wide else x @ (vectors / singular), singular, x)


def solve(
    x: Decomposition,
    penalties: np.ndarray,
    training: np.ndarray,
    labels: np.ndarray | None = None,
) -> np.ndarray:
    """Coordinates [K, r] (see `x.weights`) of the solutions w of K problems.

    The k-th minimises the mean over its rows, `training[k]` of [K, N], of the Bradley-Terry loss
    -y log sigmoid(w . x) - (1 - y) log sigmoid(-w . x) with labels y [N], all 1 if there are none,
    plus penalties[k] |w|^2 / 2.
    """
    share = (training / training.sum(axis=1, keepdims=True)).T
    targets = np.ones(len(x.left)) if labels is None else np.asarray(labels, np.float64)
    minima = np.zeros((len(x.singular), len(penalties)))
    live, points = np.arange(len(penalties)), _Points(x)
    for _ in range(NEWTON_STEPS):
        step = _Step(points, minima[:, live], share[:, live], penalties[live], targets[:, None])
        live, going = live[step.going], step.going
        if not len(live):
            break
        minima[:, live] = step.end(going)
    return minima.T


class _Points:
    """The rows in the decomposition's coordinates, in double and in single precision."""

    def __init__(self, x: Decomposition):
        self.double = x.left * x.singular
        self.single = self.double.astype(np.float32)
        self.power = np.square(x.singular[:, None]).astype(np.float32)


class _Step:
    """A Newton step of problems at [r, K]; `going` are those that are not solved yet."""

    def __init__(
        self,
        points: _Points,
        at: np.ndarray,
        share: np.ndarray,
        penalties: np.ndarray,
        targets: np.ndarray,
    ):
        self.points, self.at, self.share = points, at, share
        self.penalties, self.targets = penalties, targets
        self.margins = points.double @ at
        self.chances = expit(self.margins)
        self.slopes = points.double.T @ (share * (self.chances - targets)) + penalties * at
        # no solution is farther away than its gradient over its penalty
        far = np.linalg.norm(self.slopes, axis=0) / penalties
        self.going = np.flatnonzero(far > TOLERANCE * np.linalg.norm(at, axis=0))

    def end(self, going: np.ndarray) -> np.ndarray:
        """Where the step leads the problems `going`: halved until the loss falls by a share of what
        the gradient promises."""
        at, margins, slopes = (a[:, going] for a in (self.at, self.margins, self.slopes))
        self.share, self.penalties = self.share[:, going], self.penalties[going]
        chances = self.chances[:, going]
        direction = -self._divided(slopes, self.share * chances * (1 - chances))
        before, promise = self._loss(at, margins), (slopes * direction).sum(axis=0)
        along, size = self.points.double @ direction, np.ones(len(going))
        for _ in range(HALVINGS):
            after = self._loss(at + size * direction, margins + size * along)
            slow = after > before + 1e-4 * size * promise + 1e-12 * before
            if not slow.any():
                break
            size = np.where(slow, size / 2, size)
        return at + size * direction

    def _divided(self, slopes: np.ndarray, curvature: np.ndarray) -> np.ndarray:
        """Slopes [r, K] divided by the Hessians, by preconditioned conjugate gradients."""
        curvature, penalties = curvature.astype(np.float32), self.penalties.astype(np.float32)
        guess = self.points.power * curvature.mean(axis=0) + penalties
        left = slopes.astype(np.float32)
        result, direction = np.zeros_like(left), np.zeros_like(left)
        scaled = left / guess
        size = (left * scaled).sum(axis=0)
        goal, ratio = FORCING**2 * size, np.zeros_like(size)
        for _ in range(CONJUGATE_STEPS):
            direction = scaled + ratio * direction
            product = self.points.single.T @ (curvature * (self.points.single @ direction))
            product += penalties * direction
            going = size > goal  # what is done takes no more steps
            curved = np.where(going, (direction * product).sum(axis=0), 1)
            length = np.where(going, size, 0) / curved
            result += length * direction
            left -= length * product
            scaled = left / guess
            before, size = np.where(going, size, 1), (left * scaled).sum(axis=0)
            if (size <= goal).all():
                break
            ratio = np.where(going, size, 0) / before
        return result.astype(np.float64)

    def _loss(self, at: np.ndarray, margins: np.ndarray) -> np.ndarray:
        losses = np.logaddexp(0, -margins) + (1 - self.targets) * margins
        return (self.share * losses).sum(axis=0) + self.penalties * np.square(at).sum(axis=0) / 2
