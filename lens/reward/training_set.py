"""What one seed trains on: N pairs, a validation part of them, one scale for every method."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np
import pandas as pd

from lens.core import diagnostics
from lens.core.chunks import chunks
from lens.core.errors import LensError
from lens.data.pairs import hold_out, sample_rows
from lens.files.embeddings import Embeddings

Made = TypeVar("Made")


@dataclass
class Standardiser:
    """Per-feature shift and scale, fitted on training embeddings; `mean` and `scale` are [d]."""

    mean: np.ndarray
    scale: np.ndarray

    @classmethod
    def fit(cls, embeddings: np.ndarray) -> "Standardiser":
        """From embeddings [n, d]; a feature that varies by no more than float32's last digits
        keeps scale 1."""
        return _fitted(embeddings)[0]

    def __call__(self, embeddings: np.ndarray) -> np.ndarray:
        features = embeddings - self.mean
        features /= self.scale  # without a second copy
        return features.astype(np.float32, copy=False)


def _fitted(
    *parts: np.ndarray, places: np.ndarray | None = None
) -> tuple[Standardiser, np.ndarray]:
    """A standardiser, and which features [d] of embeddings [n, d] in parts are constant. `places`
    [n]: the order of a part's rows in which they are added."""
    mean = _mean(parts, lambda rows: rows, places)
    scale = np.sqrt(_mean(parts, lambda rows: np.square(rows - mean), places))
    constant = diagnostics.is_constant(scale, mean)
    scale[constant] = 1.0
    return Standardiser(mean.astype(np.float32), scale.astype(np.float32)), constant


def _mean(
    parts: Sequence[np.ndarray],
    function: Callable[[np.ndarray], np.ndarray],
    places: np.ndarray | None,
) -> np.ndarray:
    """Of a function of all rows, in float64: as NumPy adds them, but a few at a time."""
    total = np.zeros((1, parts[0].shape[1]))
    for part in parts:
        for some in chunks(len(part)):
            rows = part[some if places is None else places[some]]
            rows = function(rows.astype(np.float64))
            total = np.add.reduce(np.concatenate([total, rows]), axis=0, keepdims=True)
    return total[0] / sum(map(len, parts))


@dataclass
class TrainingSet:
    """Standardised embeddings of one seed's pairs, float32 [n, d] each.

    `validation_*` are the pairs held out, by prompt, for early stopping: they count among the N
    pairs a method may spend. `rows` and `validation_rows` are their positions in the pair table.
    `constant_features` counts those of the d that do not vary, `identical_pairs` those of the N
    whose answers have the same embedding. `labels` and `validation_labels` are the probabilities
    in [0, 1] that the chosen answer is the better one, float32 [n]; None where all are 1.
    `covariate` and `validation_covariate` [n] are a difference of a pair's answers in something
    else than embeddings, of root mean square 1; what it explains is removed from embeddings. None
    where nothing is controlled for.
    """

    chosen: np.ndarray
    rejected: np.ndarray
    validation_chosen: np.ndarray
    validation_rejected: np.ndarray
    standardiser: Standardiser
    groups: np.ndarray
    validation_groups: np.ndarray
    rows: np.ndarray
    validation_rows: np.ndarray
    constant_features: int = 0
    identical_pairs: int = 0
    labels: np.ndarray | None = None
    validation_labels: np.ndarray | None = None
    covariate: np.ndarray | None = None
    validation_covariate: np.ndarray | None = None
    _made: dict[Callable, Any] = field(default_factory=dict, init=False, repr=False)

    def once(self, make: Callable[["TrainingSet"], Made]) -> Made:
        """What `make` returns of these data, which is kept: several methods begin alike."""
        if make not in self._made:
            self._made[make] = make(self)
        return self._made[make]

    def all_pairs(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(chosen [N, d], rejected [N, d], groups [N]) of all N pairs, validation pairs last."""
        return (
            np.concatenate([self.chosen, self.validation_chosen]),
            np.concatenate([self.rejected, self.validation_rejected]),
            np.concatenate([self.groups, self.validation_groups]),
        )

    def all_labels(self) -> np.ndarray | None:
        """The labels [N] of all N pairs, validation pairs last; None where all are 1."""
        if self.labels is None:
            return None
        return np.concatenate([self.labels, self.validation_labels])

    def all_covariates(self) -> np.ndarray | None:
        """The covariate [N] of all N pairs, validation pairs last; None where there is none."""
        if self.covariate is None:
            return None
        return np.concatenate([self.covariate, self.validation_covariate])

    def differences(self) -> tuple[np.ndarray, np.ndarray]:
        """(chosen - rejected [N, d], groups [N]) of all N pairs: probes need no early stopping."""
        chosen, rejected, groups = self.all_pairs()
        return chosen - rejected, groups


@dataclass
class Training:
    """A trained model's weights and how the training went."""

    weights: dict[str, np.ndarray]
    metrics: dict


def training_set(
    pairs: pd.DataFrame,
    embeddings: Embeddings,
    *,
    n_pairs: int,
    seed: int,
    validation_fraction: float,
    rows: np.ndarray | None = None,
) -> TrainingSet:
    """N pairs of the training split, divided by prompt, standardised on all N.

    They are drawn by seed, or are those at the positions `rows` [N]. `embeddings` holds "chosen"
    and "rejected", [len(pairs), d], in the table's order. LensError where they distinguish
    nothing: no feature varies, or both answers of every pair are equal.
    """
    if rows is None:
        pool = np.flatnonzero(pairs["split"] == "train")
        rows = pool[sample_rows(len(pool), n_pairs, seed)]
    data = build_training_set(
        rows,
        pairs["group"].to_numpy(),
        embeddings,
        seed=seed,
        validation_fraction=validation_fraction,
        labels=pairs["label"].to_numpy() if "label" in pairs else None,
    )
    if data.constant_features == data.chosen.shape[1]:
        raise LensError(
            f"none of {data.constant_features} features varies over the embeddings of {n_pairs} "
            "pairs. Look at the model, its layer and its pooling."
        )
    if data.identical_pairs == n_pairs:
        raise LensError(
            f"chosen and rejected answers have the same embeddings in all of {n_pairs} pairs. Is "
            "the text cut too short (`max_length`), or does the tokenizer not know these words?"
        )
    return data


def build_training_set(
    rows: np.ndarray,
    groups: np.ndarray,
    embeddings: Embeddings,
    *,
    seed: int,
    validation_fraction: float,
    labels: np.ndarray | None = None,
    covariates: np.ndarray | None = None,
) -> TrainingSet:
    """The pairs at positions `rows`, divided by prompt and seed, standardised on all of them.

    `groups` [n], `labels` [n], `embeddings`, [n, d] a side, and `covariates` [n, 2] of chosen and
    rejected answers, are of all pairs. LensError where all labels are 1/2.
    """
    groups = groups[rows]
    if labels is not None:
        labels = labels[rows].astype(np.float32)
        if (labels == 0.5).all():
            raise LensError(f"all of {len(rows)} pairs are ties. Add pairs that differ.")
    held = hold_out(groups, validation_fraction, seed)
    # Rows to train on first: both parts are views of one array, as there may be gigabytes of it.
    order = np.argsort(held, kind="stable")
    places = np.argsort(order)
    # Copies, which are standardised in place.
    chosen = embeddings["chosen"][rows[order]].astype(np.float32, copy=False)
    rejected = embeddings["rejected"][rows[order]].astype(np.float32, copy=False)
    identical = int(diagnostics.identical_pairs(chosen, rejected).sum())
    standardiser, constant = _fitted(chosen, rejected, places=places)
    for side in (chosen, rejected):
        side -= standardiser.mean
        side /= standardiser.scale
    gap = None
    if covariates is not None:
        controlled = _controlled(chosen[places], rejected[places], covariates[rows])
        gap = controlled[2]
        chosen, rejected = (side[order] for side in controlled[:2])
    count = int((~held).sum())
    return TrainingSet(
        chosen[:count],
        rejected[:count],
        chosen[count:],
        rejected[count:],
        standardiser,
        groups[~held],
        groups[held],
        rows[~held],
        rows[held],
        int(constant.sum()),
        identical,
        None if labels is None else labels[~held],
        None if labels is None else labels[held],
        None if gap is None else gap[~held],
        None if gap is None else gap[held],
    )


def _controlled(
    chosen: np.ndarray, rejected: np.ndarray, covariates: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(chosen [N, d], rejected [N, d], covariate [N]) of embeddings and covariates [N, 2], where
    a regression on the covariate's difference is subtracted from the embeddings'. Least squares on
    the residuals equal those with the covariate as an extra input (Frisch and Waugh, 1933)."""
    gap = covariates[:, 0] - covariates[:, 1]
    size = float(np.sqrt(np.square(gap).mean()))
    if not size:
        raise LensError(
            f"both answers have the same length in all of {len(gap)} pairs: nothing to control for."
        )
    level, gap = (covariates - covariates.mean()) / size, gap / size
    slope = gap @ (chosen - rejected) / len(gap)
    sides = [
        (side - level[:, [column]] * slope).astype(np.float32)
        for column, side in enumerate((chosen, rejected))
    ]
    return *sides, gap
