"""Rewards whose prior, shrinkage and noise the pairs decide themselves: no penalty to tune.

Every pair says r(chosen) - r(rejected) + noise = 1 (2 y - 1 instead of 1 where it has a label y,
the probability that chosen is better), r being a draw of a Gaussian prior. `fit` has linear
rewards r(e) = w . e, with w of one variance in all directions, or of a variance that follows the
root of the differences' own spectrum; `lens.reward.tangent` adds networks. The noise belongs to the
pair, or for a share to its two texts: what the embedding does not say of a text moves all pairs
that it is in alike, so that pairs which share texts are no independent observations. The evidence
of prior, shrinkage and share is in closed form (MacKay, 1992), and all solutions are averaged by
it. docs/study.md has the derivation and how well it works.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np

from lens.reward.logistic import decompose
from lens.reward.training_set import Training, TrainingSet

SHRINKAGES = np.geomspace(0.01, 1000, 26)  # a flat prior on the logarithm
EXPONENTS = (0.0, 0.5)  # prior variance of w along a direction: its power to this
TEXT_SHARES = (0.0, 0.5, 0.9)  # of the noise variance, where pairs share texts
MARGIN_SCALES = np.geomspace(0.02, 50, 60)


@dataclass
class Noise:
    """Pairs' noise up to its size: `root` [N, N] is the lower Cholesky factor of its covariance and
    `inverse` that of the root, None for noise of each pair's own; `share` is that of texts."""

    share: float = 0.0
    root: Any = None  # sparse: pairs of different prompts share nothing
    inverse: Any = None

    @property
    def log_size(self) -> float:
        """Logarithm of the determinant of the root."""
        return 0.0 if self.root is None else float(np.log(self.root.diagonal()).sum())

    def whiten(self, values: np.ndarray) -> np.ndarray:
        """Values [N, ...] of pairs whose noise becomes independent."""
        return values if self.root is None else self.inverse @ values

    def colour(self, values: np.ndarray) -> np.ndarray:
        """The way back."""
        return values if self.root is None else self.root @ values

    def colour_transposed(self, values: np.ndarray) -> np.ndarray:
        """What coefficients [N, ...] of whitened pairs are in those of pairs."""
        return values if self.root is None else self.inverse.T @ values


def noises(chosen: np.ndarray, rejected: np.ndarray, groups: np.ndarray) -> list[Noise]:
    """The noises that are weighed for pairs of embeddings [N, d]: one where each text is in one
    pair only. Texts are the same where prompt and embedding are."""
    both = np.round(np.concatenate([chosen, rejected]), 3) + 0.0  # no -0
    known: dict[bytes, int] = {}
    texts = np.array([known.setdefault(row.tobytes(), len(known)) for row in both])
    first, second = texts.reshape(2, -1)
    _, of_pair, counts = np.unique(groups, return_inverse=True, return_counts=True)
    blocks = []
    for rows in np.split(np.argsort(of_pair, kind="stable"), np.cumsum(counts)[:-1]):
        one, other = first[rows], second[rows]
        shared = (one[:, None] == one) * 1.0 + (other[:, None] == other)
        shared -= (one[:, None] == other) * 1.0 + (other[:, None] == one)
        np.fill_diagonal(shared, 2.0)
        if (np.abs(shared).sum(axis=1) > 2).any():
            blocks.append((rows, shared / 2))
    return [_noise(share, blocks, len(groups)) for share in (TEXT_SHARES if blocks else (0.0,))]


def _noise(share: float, blocks: Sequence[tuple[np.ndarray, np.ndarray]], count: int) -> Noise:
    """That of `count` pairs for such a share of texts, whose correlations are in blocks (rows [b],
    matrix [b, b])."""
    if not share:
        return Noise()
    roots = [
        np.linalg.cholesky((1 - share) * np.eye(len(rows)) + share * shared)
        for rows, shared in blocks
    ]
    factors = roots, [np.linalg.inv(root) for root in roots]
    return Noise(share, *(_unit_beside([rows for rows, _ in blocks], f, count) for f in factors))


def _unit_beside(rows: Sequence[np.ndarray], parts: Sequence[np.ndarray], count: int) -> Any:
    """The sparse unit matrix [count, count] in which `parts` [b, b] are at `rows` [b]."""
    from scipy.sparse import csr_array

    alone = np.setdiff1d(np.arange(count), np.concatenate(rows))
    values = np.concatenate([np.ones(len(alone)), *(part.ravel() for part in parts)])
    across = np.concatenate([alone, *(np.repeat(r, len(r)) for r in rows)])
    down = np.concatenate([alone, *(np.tile(r, len(r)) for r in rows)])
    return csr_array((values, (across, down)), shape=(count, count))


def cross_entropy(margins: np.ndarray, labels: np.ndarray | None = None) -> np.ndarray:
    """-y log sigmoid(m) - (1 - y) log sigmoid(-m) for margins m [..., N] and labels y [N]; y = 1 if
    there are none."""
    losses = np.logaddexp(0, -margins)
    return losses if labels is None else losses + (1 - labels) * margins


@dataclass
class Shrunken:
    """Solutions for every prior and shrinkage, S in all, with margins of root mean square 1 on the
    fitted pairs: `parameters` [S, d], `evidence` (logarithm) [S], `margins` [S, N] of each pair
    from a fit without its prompt."""

    parameters: np.ndarray
    evidence: np.ndarray
    margins: np.ndarray


@dataclass
class Spectrum:
    """Whitened pairs of a prior: kernel over N = left [N, r] diag(power [r]) left'. `back` makes
    parameters [S, ...] of what is fitted, coordinates [S, r] of `left`."""

    left: np.ndarray
    power: np.ndarray
    back: Callable[[np.ndarray], np.ndarray]


def linear_spectrum(differences: np.ndarray, noise: Noise) -> Spectrum:
    """That of linear rewards of differences [N, d]; parameters are w [S, d]."""
    x = decompose(noise.whiten(np.asarray(differences, np.float64)))
    power = x.singular**2 / len(x.left)
    return Spectrum(x.left, power, lambda fitted: x.weights(fitted / x.singular))


def shrink(
    spectrum: Spectrum,
    noise: Noise,
    targets: np.ndarray,
    groups: np.ndarray,
    *,
    dim: int,
    shrinkages: np.ndarray = SHRINKAGES,
    exponents: Sequence[float] = EXPONENTS,
) -> Shrunken:
    """All solutions, exponent by exponent, for targets [N] of pairs and the prompts [N] that are
    left out. Shrinkages are in units of the mean of power times prior variance over `dim`
    features."""
    left, power = spectrum.left, spectrum.power
    y = noise.whiten(targets)
    projected = left.T @ y
    residual = np.square(y).sum() - np.square(projected).sum()
    weighted = np.stack([power ** (1 + exponent) for exponent in exponents])
    scale = weighted.sum(axis=1, keepdims=True) / dim
    ratio = np.stack(
        [weighted[i] / (scale[i] * s) for i, s in product(range(len(exponents)), shrinkages)]
    )
    shares = ratio / (1 + ratio)
    quadratic = (np.square(projected) / (1 + ratio)).sum(axis=1) + residual
    evidence = -0.5 * np.log1p(ratio).sum(axis=1) - 0.5 * len(y) * np.log(quadratic)
    fitted = shares * projected
    size = np.sqrt(np.square(noise.colour(left @ fitted.T)).mean(axis=0))[:, None]
    left_out = noise.colour(_left_out(left, shares, y, groups).T).T
    return Shrunken(spectrum.back(fitted) / size, evidence - noise.log_size, left_out / size)


def _left_out(
    left: np.ndarray, shares: np.ndarray, y: np.ndarray, groups: np.ndarray
) -> np.ndarray:
    """What fits without their prompt say of pairs [S, N], for smoothers left diag(kept [S, r])
    left': y - (I - H)^-1 (y - H y) on the prompt's block."""
    residual = y - (shares * (left.T @ y)) @ left.T
    _, of_pair, counts = np.unique(groups, return_inverse=True, return_counts=True)
    left_out = np.empty_like(residual)
    alone = counts[of_pair] == 1
    leverage = shares @ np.square(left[alone]).T
    left_out[:, alone] = y[alone] - residual[:, alone] / (1 - leverage)
    order = np.argsort(of_pair, kind="stable")
    for rows in np.split(order, np.cumsum(counts)[:-1]):
        if len(rows) > 1:
            part = left[rows]
            blocks = np.eye(len(rows)) - (part * shares[:, None]) @ part.T
            left_out[:, rows] = y[rows] - np.linalg.solve(blocks, residual[:, rows, None])[..., 0]
    return left_out


def posterior(evidence: np.ndarray) -> np.ndarray:
    """Probabilities of the logarithms [S], which have no common scale."""
    weights = np.exp(evidence - evidence.max())
    return weights / weights.sum()


def best_length(margins: np.ndarray, labels: np.ndarray | None = None) -> float:
    """The factor of margins [N] with the lowest Bradley-Terry loss, with half a pair more on either
    side, so that it stays finite where every pair is ordered rightly."""
    losses = cross_entropy(MARGIN_SCALES[:, None] * margins, labels).sum(axis=1)
    losses += (np.logaddexp(0, -MARGIN_SCALES) + np.logaddexp(0, MARGIN_SCALES)) / 2
    return float(MARGIN_SCALES[int(losses.argmin())])


def label_targets(count: int, labels: np.ndarray | None) -> np.ndarray:
    """1 for each pair, or 2 y - 1."""
    return np.ones(count) if labels is None else 2 * np.asarray(labels, np.float64) - 1


@dataclass
class LinearReward:
    """w [d], the margin [N] of each pair from a fit without its prompt (given prior, shrinkage and
    noise), the geometric mean of the flat prior's shrinkage, the probability of the spectral prior,
    and the mean share of the noise that is of texts."""

    weights: np.ndarray
    margins: np.ndarray
    shrinkage: float
    spectral: float
    text_noise: float


def linear_solutions(
    chosen: np.ndarray,
    rejected: np.ndarray,
    groups: np.ndarray,
    targets: np.ndarray,
    weighed: Sequence[Noise],
) -> Shrunken:
    """Those of linear rewards, noise by noise, from pairs [N, d] with prompts and targets [N]."""
    return joined(
        shrink(
            linear_spectrum(chosen - rejected, noise), noise, targets, groups, dim=chosen.shape[1]
        )
        for noise in weighed
    )


def joined(parts: Iterable[Shrunken]) -> Shrunken:
    """All solutions of several."""
    solutions = list(parts)
    return Shrunken(
        np.concatenate([solution.parameters for solution in solutions]),
        np.concatenate([solution.evidence for solution in solutions]),
        np.concatenate([solution.margins for solution in solutions]),
    )


def fit(
    chosen: np.ndarray,
    rejected: np.ndarray,
    groups: np.ndarray,
    labels: np.ndarray | None = None,
    covariate: np.ndarray | None = None,
) -> LinearReward:
    """w averaged over priors, shrinkages and noises by their evidence, from pairs [N, d] with their
    prompts and labels [N].

    A `covariate` [N] explains a part of the targets and is orthogonal to the differences
    (`TrainingSet`).

    Its length, which decides the probabilities and not the order, is that of margins that leave
    their own prompt out.
    """
    weighed = noises(chosen, rejected, groups)
    targets = label_targets(len(groups), labels)
    if covariate is not None:
        targets = targets - covariate * (covariate @ targets) / (covariate @ covariate)
    solutions = linear_solutions(chosen, rejected, groups, targets, weighed)
    chances = posterior(solutions.evidence)
    margins = chances @ solutions.margins
    length = best_length(margins, labels)
    by_prior = chances.reshape(len(weighed), len(EXPONENTS), len(SHRINKAGES)).sum(axis=0)
    return LinearReward(
        (length * chances @ solutions.parameters).astype(np.float32),
        length * margins,
        float(np.exp(by_prior[0] @ np.log(SHRINKAGES) / by_prior[0].sum())),
        float(by_prior[1].sum()),
        text_noise(chances, weighed),
    )


def text_noise(chances: np.ndarray, weighed: Sequence[Noise]) -> float:
    """Mean share of texts in the noise, for probabilities [S] of solutions noise by noise."""
    by_noise = chances.reshape(len(weighed), -1).sum(axis=1)
    return float(by_noise @ [noise.share for noise in weighed])


def from_all_pairs(data: TrainingSet) -> LinearReward:
    """`fit`'s reward, from all N pairs."""
    return fit(*data.all_pairs(), data.all_labels())


def evidence_probe(data: TrainingSet) -> Training:
    """The probe r(e) = w . e with `fit`'s w, from all N pairs."""
    reward, labels = data.once(from_all_pairs), data.all_labels()
    return Training(
        {"w": reward.weights},
        {
            "pairs_per_epoch": len(reward.margins),
            "shrinkage": reward.shrinkage,
            "spectral_prior": reward.spectral,
            "text_noise": reward.text_noise,
            "left_out_loss": float(cross_entropy(reward.margins, labels).mean()),
        },
    )
