"""How sure a reward is: its standard error, given the pairs that it was trained on.

A linear reward r(e) = v . z, with z the standardised embedding, has the Bradley-Terry likelihood
of the training differences and a Gaussian prior of precision t in every direction. For each t the
posterior of v is that of expectation propagation (`lens.serving.propagation`). They are averaged by
their evidence and a prior on the size of margins. The error is the root of the mean squared
deviation from the reward that the model states, by the law of total variance; the stated reward
need not be a posterior's mean. A network has no such form: its error is the jackknife's over models
that each leave out a fold of the prompts.
"""

from dataclasses import dataclass

import numpy as np

from lens.reward.head import RewardHead
from lens.reward.training_set import Standardiser
from lens.serving.propagation import Sites, propagate

MARGINS = np.geomspace(0.35, 8, 8)  # a training pair's, before its label is known: root mean square
USUAL, DOUBT = 2.0, 1.0  # of margins: the prior's centre, and its spread on the logarithm


@dataclass
class Posterior:
    """The posterior of a linear reward about the stated one, in units of its calibrated log-odds.

    `basis` [r, d] has rows of length 1, at right angles: the directions that training differences
    have. The mean squared deviation of v . x is |root basis x|^2 there, with `root` [r, r], and
    `outside` times the squared length of what is left of x. Embeddings are standardised, so that
    their mean over the training texts is 0.
    """

    standardiser: Standardiser
    basis: np.ndarray
    root: np.ndarray
    outside: float

    def errors(self, embeddings: np.ndarray) -> np.ndarray:
        """Standard errors [...] of the rewards of embeddings [..., d], minus the mean training
        text's."""
        return self._errors(self.standardiser(embeddings))

    def margin_errors(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        """Standard errors [...] of r(first) - r(second) for embeddings [..., d]."""
        return self._errors(self.standardiser(first) - self.standardiser(second))

    def _errors(self, x: np.ndarray) -> np.ndarray:
        x = x.astype(np.float64)
        along = x @ self.basis.T.astype(np.float64)
        left = np.square(x).sum(axis=-1) - np.square(along).sum(axis=-1)
        inside = np.square(along @ self.root.T.astype(np.float64)).sum(axis=-1)
        return np.sqrt(inside + self.outside * np.maximum(left, 0))

    def arrays(self) -> dict[str, np.ndarray]:
        """What `from_arrays` is made of, for a file."""
        return {
            "posterior_mean": self.standardiser.mean,
            "posterior_scale": self.standardiser.scale,
            "posterior_basis": self.basis,
            "posterior_root": self.root,
            "posterior_outside": np.array([self.outside]),
        }


@dataclass
class FoldErrors:
    """Models that each leave out a fold, and the mean reward [folds] that each gives to the
    training texts."""

    heads: list[RewardHead]
    centres: np.ndarray

    def errors(self, embeddings: np.ndarray) -> np.ndarray:
        """As `Posterior.errors`."""
        centred = [head(embeddings) - c for head, c in zip(self.heads, self.centres, strict=True)]
        return jackknife(np.stack(centred))

    def margin_errors(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        """As `Posterior.margin_errors`."""
        return jackknife(np.stack([head(first) - head(second) for head in self.heads]))

    def arrays(self) -> dict[str, np.ndarray]:
        """What `from_arrays` is made of, for a file."""
        saved = {"fold_centres": self.centres}
        for number, head in enumerate(self.heads):
            fold_arrays = head.weights | {
                "mean": head.standardiser.mean,
                "scale": head.standardiser.scale,
            }
            saved |= {f"fold_{number}_{name}": array for name, array in fold_arrays.items()}
        return saved


Errors = Posterior | FoldErrors


def from_arrays(arrays: dict[str, np.ndarray]) -> Errors | None:
    """From arrays of a saved reward model; None for one of an earlier version."""
    if "posterior_basis" in arrays:
        names = ("mean", "scale", "basis", "root", "outside")
        mean, scale, basis, root, outside = (arrays[f"posterior_{name}"] for name in names)
        return Posterior(Standardiser(mean, scale), basis, root, outside.item())
    if "fold_centres" not in arrays:
        return None
    heads = []
    for number in range(len(arrays["fold_centres"])):
        start = f"fold_{number}_"
        fold_arrays = {n.removeprefix(start): a for n, a in arrays.items() if n.startswith(start)}
        standardiser = Standardiser(fold_arrays.pop("mean"), fold_arrays.pop("scale"))
        heads.append(RewardHead(fold_arrays, standardiser))
    return FoldErrors(heads, arrays["fold_centres"])


def jackknife(values: np.ndarray) -> np.ndarray:
    """Standard errors [...] from values [folds, ...] that each leave out a fold."""
    folds = len(values)
    return np.sqrt((folds - 1) * values.astype(np.float64).var(axis=0))


def posterior(
    differences: np.ndarray,
    standardiser: Standardiser,
    stated: np.ndarray,
    labels: np.ndarray | None = None,
) -> Posterior:
    """From the training differences [N, d], chosen - rejected, of standardised embeddings, the
    `stated` weights [d] that go with these, and labels [N] if they are soft."""
    x = np.asarray(differences, np.float64)
    targets = np.ones(len(x)) if labels is None else np.asarray(labels, np.float64)
    _, singular, right = np.linalg.svd(x, full_matrices=False)
    basis = right[singular > singular[0] * 1e-7]
    z, sites, covariances, chances = x @ basis.T, Sites.start(targets), [], []
    precisions = np.square(x).sum(axis=1).mean() / np.square(MARGINS)
    for margin, precision in zip(MARGINS, precisions, strict=True):
        fitted, sites = propagate(z, float(precision), targets, sites)
        off = fitted.mean - basis @ stated
        covariances.append(fitted.covariance + np.outer(off, off))
        chances.append(fitted.evidence - (np.log(margin / USUAL) / DOUBT) ** 2 / 2)
    shares = np.exp(np.array(chances) - max(chances))
    shares /= shares.sum()
    squared, directions = np.linalg.eigh(np.tensordot(shares, np.array(covariances), axes=1))
    root = np.sqrt(np.maximum(squared, 0))[:, None] * directions.T
    outside = float(shares @ (1 / precisions))
    return Posterior(standardiser, basis.astype(np.float32), root.astype(np.float32), outside)
