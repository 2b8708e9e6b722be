"""How far a text is from the training texts, compared with how far these are from each other."""

from dataclasses import dataclass

import numpy as np

from lens.reward.training_set import Standardiser

FLAGGED = 0.05  # share of the training's own texts that would be flagged, had they been left out
AXES = 64  # largest number of directions in which variances are compared
FOLDS = 5


@dataclass
class Spread:
    """Where training texts are: the leading axes [k, d] of their standardised embeddings, the
    variance [k] along each, and the mean variance of the directions that are left."""

    standardiser: Standardiser
    axes: np.ndarray
    variances: np.ndarray
    rest: float

    @classmethod
    def fit(cls, embeddings: np.ndarray) -> "Spread":
        """From embeddings [n, d]."""
        from sklearn.utils.extmath import randomized_svd

        standardiser = Standardiser.fit(embeddings)
        x = standardiser(embeddings).astype(np.float64)
        count = max(1, min(AXES, len(x) // 10, x.shape[1] // 2))
        _, singular, axes = randomized_svd(x, count, random_state=0)
        variances = np.square(singular) / len(x)
        total = np.square(x).sum() / len(x)
        left = max(float(total - variances.sum()) / max(1, x.shape[1] - count), 1e-6)
        kept = np.maximum(variances, left).astype(np.float32)
        return cls(standardiser, axes.astype(np.float32), kept, left)

    def distances(self, embeddings: np.ndarray) -> np.ndarray:
        """Distances [...] of embeddings [..., d] from the mean, in standard deviations along each
        axis (a Gaussian's Mahalanobis distance)."""
        x = self.standardiser(embeddings).astype(np.float64)
        along = x @ self.axes.T
        left = np.maximum(np.square(x).sum(axis=-1) - np.square(along).sum(axis=-1), 0)
        return np.sqrt((np.square(along) / self.variances).sum(axis=-1) + left / self.rest)


@dataclass
class Unlike:
    """The spread of the training texts, and the sorted distances of these, each from a spread
    without the prompts of its fold."""

    spread: Spread
    known: np.ndarray

    @classmethod
    def fit(cls, chosen: np.ndarray, rejected: np.ndarray, folds: np.ndarray) -> "Unlike":
        """From the embeddings [N, d] of both sides, and the fold [N] of each pair's prompt."""
        known = []
        for fold in np.unique(folds):
            held = folds == fold
            others = Spread.fit(np.concatenate([chosen[~held], rejected[~held]]))
            known.append(others.distances(np.concatenate([chosen[held], rejected[held]])))
        distances = np.sort(np.concatenate(known)).astype(np.float32)
        return cls(Spread.fit(np.concatenate([chosen, rejected])), distances)

    def farther_out(self, embeddings: np.ndarray) -> np.ndarray:
        """The share [...] of training texts that are farther out than embeddings [..., d]."""
        distances = self.spread.distances(embeddings)
        return 1 - np.searchsorted(self.known, distances.astype(np.float32)) / len(self.known)

    def arrays(self) -> dict[str, np.ndarray]:
        """What `from_arrays` is made of, for a file."""
        spread = self.spread
        return {
            "unlike_mean": spread.standardiser.mean,
            "unlike_scale": spread.standardiser.scale,
            "unlike_axes": spread.axes,
            "unlike_variances": spread.variances,
            "unlike_rest": np.array([spread.rest]),
            "unlike_known": self.known,
        }

    @classmethod
    def from_arrays(cls, arrays: dict[str, np.ndarray]) -> "Unlike | None":
        """From arrays of a saved reward model; None for one of an earlier version."""
        if "unlike_known" not in arrays:
            return None
        names = ("mean", "scale", "axes", "variances", "rest", "known")
        mean, scale, axes, variances, residual, known = (arrays[f"unlike_{name}"] for name in names)
        return cls(Spread(Standardiser(mean, scale), axes, variances, residual.item()), known)
