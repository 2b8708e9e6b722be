"""What more labels would bring: held-out accuracy over training pairs, and its extrapolation."""

from dataclasses import dataclass

import numpy as np

from lens.advice.crossval import correct, make_round
from lens.advice.own_pairs import EmbeddedPairs
from lens.core.intervals import WIDER, Interval
from lens.reward.recipes import Recipe, train

SHARES = (1 / 8, 1 / 4, 1 / 2, 1.0)
EXPONENTS = np.linspace(0.2, 1.0, 17)
RESAMPLES = 1000


@dataclass
class Curve:
    """Accuracy of one recipe trained on `sizes` [S] pairs, and what a power law through it says.

    `measured` [S] and `predicted`, at `ahead` pairs, are accuracies with 95 % intervals; the latter
    hold if the law does.
    """

    recipe: Recipe
    sizes: np.ndarray
    measured: list[Interval]
    ahead: np.ndarray
    predicted: list[Interval]


def curve_round(pairs: EmbeddedPairs, recipe: Recipe, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """(pairs in training [S], whether each held-out pair is then ordered rightly [S, N]) for each
    share of the prompts."""
    sizes, ordered_right = [], []
    for share in SHARES:
        cut = make_round(pairs, seed, share, recipe.labels, recipe.covariate)
        sizes.append(np.mean([len(p.rows) + len(p.validation_rows) for p in cut.data.values()]))
        ordered_right.append(correct(cut.margins(pairs, train(recipe, cut.data))))
    return np.array(sizes), np.stack(ordered_right)


def fit_curve(
    pairs: EmbeddedPairs, recipe: Recipe, sizes: np.ndarray, outcomes: np.ndarray
) -> Curve:
    """The curve of outcomes [rounds, S, N] of `curve_round`, after training on sizes [S].

    acc(n) = a - b n^-c with b >= 0, a <= 1 and c from 0.2 to 1; intervals by bootstrap over
    prompts and rounds, wider as accuracies from cross-validation are, the law fitted to each
    resample.
    """
    groups = pairs.groups[pairs.decided]
    ahead = np.array([1.0, 2.0, 4.0]) * len(groups)
    mean = outcomes.mean(axis=(0, 2))
    draws = mean + _wider(sizes) * (np.stack([mean, *_resamples(outcomes, groups)]) - mean)
    draws = draws.clip(0, 1)
    predicted = extrapolate(sizes, draws, ahead)
    return Curve(recipe, sizes, _intervals(draws), ahead, _intervals(predicted))


def _wider(sizes: np.ndarray) -> np.ndarray:
    """WIDER for training on all pairs of the folds [S]; of pairs trained on a share s of them, two
    share both of their models in s^2 of the cases, and correlate by 1 / s as much where they do."""
    return np.sqrt(1 + (WIDER**2 - 1) * sizes / sizes.max())


def _resamples(outcomes: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Mean accuracies [RESAMPLES, S] with prompts and rounds resampled."""
    rng = np.random.default_rng(0)
    _, which = np.unique(groups, return_inverse=True)
    count, rounds = which.max() + 1, len(outcomes)
    by_prompt = np.stack(
        [
            [np.bincount(which, weights=row, minlength=count) for row in round_outcomes]
            for round_outcomes in outcomes
        ]
    )  # [rounds, S, prompts]
    pairs_of = np.bincount(which, minlength=count)
    resampled = []
    for _ in range(RESAMPLES):
        prompts = rng.integers(count, size=count)
        chosen_rounds = rng.integers(rounds, size=rounds)
        sums = by_prompt[chosen_rounds][:, :, prompts].sum(axis=(0, 2))
        resampled.append(sums / (rounds * pairs_of[prompts].sum()))
    return np.array(resampled)


def extrapolate(sizes: np.ndarray, accuracies: np.ndarray, ahead: np.ndarray) -> np.ndarray:
    """Accuracies [B, A] at `ahead` [A] for those at `sizes` [B, S], by the least squares law."""
    best = np.full(len(accuracies), np.inf)
    predicted = np.zeros((len(accuracies), len(ahead)))
    mean = accuracies.mean(axis=1)
    for exponent in EXPONENTS:
        x = -(sizes**-exponent)
        spread = x - x.mean()
        slope = np.maximum(0, (accuracies - mean[:, None]) @ spread / (spread @ spread))
        top = mean - slope * x.mean()
        high = top > 1  # a <= 1 binds: the line goes through 1
        slope[high] = np.maximum(0, (accuracies[high] - 1) @ x / (x @ x))
        top[high] = 1
        errors = np.square(accuracies - top[:, None] - slope[:, None] * x).sum(axis=1)
        better = errors < best
        best[better] = errors[better]
        law = top[:, None] - slope[:, None] * ahead**-exponent
        predicted[better] = law[better]
    return predicted


def _intervals(draws: np.ndarray) -> list[Interval]:
    """The first row with the 95 % percentiles of the others, column by column."""
    low, high = np.percentile(draws[1:], [2.5, 97.5], axis=0)
    return [Interval(*map(float, values)) for values in zip(draws[0], low, high, strict=True)]
