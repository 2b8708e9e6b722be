"""Confidence intervals for a mean over seeds and test prompts, both taken as random."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lens.core.errors import LensError

# How much more an accuracy from cross-validation spreads than one of pairs that trained no model.
# Two pairs of different folds are each judged by a model that the other trained. At chance, both of
# their margins by a linear reward w = sum_j x_j, over n training pairs, contain x_1 . x_2 and so
# correlate by 1 / n, their signs by 2 / pi of that; each pair has n such others. Above chance it is
# an approximation (benchmarks/coverage.py). Where two rewards of the same embeddings are compared,
# most of this cancels.
WIDER = math.sqrt(1 + 2 / math.pi)


@dataclass(frozen=True)
class Interval:
    mean: float
    low: float
    high: float


def crossed_interval(values: np.ndarray, level: float = 0.95) -> Interval:
    """Confidence interval for the mean of values [seeds, items]; each seed is seen on each item.

    Two-way random effects: with the mean squares of seeds, items and residuals, the variance of the
    grand mean is (MS_seeds + MS_items - MS_rest) / (seeds * items), and at least the variance from
    seeds or items alone. Student's t with Satterthwaite's degrees of freedom. With three seeds a
    bootstrap over seeds covers too rarely; this interval does not. With one seed: items alone.
    Raises LensError if a value is missing or not finite.
    """
    from scipy.special import stdtrit

    mean, error, freedom = _crossed(values)
    half = stdtrit(freedom, 0.5 + level / 2) * error if error else 0.0
    return Interval(float(mean), float(mean - half), float(mean + half))


def interval_by_prompt(
    values: np.ndarray,
    groups: np.ndarray,
    level: float = 0.95,
    *,
    least: float = 0.0,
    cross_validated: bool = False,
) -> Interval:
    """Interval for the mean over pairs of values [rounds, N], rounds and prompts taken as random.

    Pairs that share a prompt count as one item. The mean is a ratio, of sums over prompts to their
    numbers of pairs, and is linearised, so that prompts of unequal size add no spread of their own.
    Accuracies of models that these pairs trained, fold by fold, are `cross_validated`: their
    interval is WIDER times as wide. No end lies outside [least, 1].
    """
    interval = crossed_interval(_by_prompt(values, groups), level)
    factor = WIDER if cross_validated else 1
    low, high = (
        interval.mean + factor * (e - interval.mean) for e in (interval.low, interval.high)
    )
    return Interval(interval.mean, max(low, least), min(high, 1.0))


def p_value_by_prompt(
    values: np.ndarray, groups: np.ndarray, *, cross_validated: bool = False
) -> float:
    """`crossed_p_value` of what `interval_by_prompt` is the interval of."""
    return crossed_p_value(_by_prompt(values, groups), WIDER if cross_validated else 1)


def _by_prompt(values: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Values [rounds, prompts] whose mean is that of values [rounds, N], linearised."""
    _, which, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    sums = np.stack([np.bincount(which, weights=row, minlength=len(sizes)) for row in values])
    mean = values.mean()
    return mean + (sums - mean * sizes) * len(sizes) / len(groups)


def crossed_p_value(values: np.ndarray, wider: float = 1) -> float:
    """Two-sided p-value for a mean of 0 of values [seeds, items]: below 0.05 exactly if the 95 %
    interval of `crossed_interval`, `wider` times as wide, excludes 0."""
    from scipy.special import stdtr

    mean, error, freedom = _crossed(values)
    if error == 0:
        return float(mean == 0)
    return float(2 * stdtr(freedom, -abs(mean) / error / wider))


def _crossed(values: np.ndarray) -> tuple[float, float, float]:
    """(mean, its standard error, degrees of freedom)."""
    values = np.asarray(values, np.float64)
    if not values.size or not np.isfinite(values).all():
        raise LensError(
            f"{(~np.isfinite(values)).sum():,} of {values.size:,} values to average are not finite "
            "numbers, so there is no interval. Check the stage that made them."
        )
    seeds, items = values.shape
    mean = values.mean()
    cells = seeds * items
    rest_df = max(1, (seeds - 1) * (items - 1))
    by_seed, by_item = values.mean(axis=1), values.mean(axis=0)
    rest = values - by_seed[:, None] - by_item[None, :] + mean
    ms_rest = np.square(rest).sum() / rest_df / cells
    ms_items = seeds * np.square(by_item - mean).sum() / max(1, items - 1) / cells
    ms_seeds = items * np.square(by_seed - mean).sum() / max(1, seeds - 1) / cells
    variance = max(ms_seeds + ms_items - ms_rest, ms_seeds, ms_items)
    if variance == 0:
        return mean, 0.0, 1.0
    spread = (
        ms_seeds**2 / max(1, seeds - 1) + ms_items**2 / max(1, items - 1) + ms_rest**2 / rest_df
    )
    return mean, np.sqrt(variance), variance**2 / spread


def holm(p_values: Sequence[float]) -> np.ndarray:
    """Holm-corrected p-values of one family of comparisons; NaN (no comparison) stays NaN."""
    p = np.asarray(p_values, np.float64)
    corrected = np.full(len(p), np.nan)
    order = np.argsort(p)[: int(np.isfinite(p).sum())]
    steps = p[order] * np.arange(len(order), 0, -1)
    corrected[order] = np.minimum(1.0, np.maximum.accumulate(steps)) if len(order) else steps
    return corrected
