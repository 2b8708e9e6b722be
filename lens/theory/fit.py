"""Estimates C1, p with A, B0 and N0 from trainings on growing subsets (Appendix B.5.1).

Least squares as in the paper: zeta(N) on sqrt(C2 / N) through the origin; ln of the reconstruction
error on ln N; zeta_aug(N, 2) - C1 sqrt(C2 / 2N) on N^-p / 2. Intervals are from the pigeonhole
bootstrap (Owen, 2007): sizes and runs are drawn with replacement, independently of each other, and
all constants are fitted again for each draw.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from lens.core.errors import LensError
from lens.theory.bounds import complexity, threshold

SCALE = 2  # of the synthetic sets that B0 is fitted to
NAMES = ("C1", "p", "A", "B0", "N0")
FLAGS = {
    "estimation_error_negative": "the mean estimation error is negative at some size: models of "
    "that size beat the reference, so the reference is not the best possible model",
    "estimation_error_fit_poor": "C1 sqrt(C2 / N) fits the estimation errors worse than a constant",
    "C1_not_positive": "C1 is not positive, so the bounds predict nothing",
    "C1_not_distinguishable_from_0": "the interval of C1 includes 0",
    "p_not_positive": "p is not positive: the reconstruction error does not fall with N as "
    "Assumption 1 says",
    "p_not_distinguishable_from_0": "the interval of p includes 0: no detectable decay with N",
    "p_not_below_half": "p is 1/2 or more, so N0 is not defined",
    "p_may_not_be_below_half": "the interval of p includes 1/2, so N0 has no upper limit",
    "bias_negative": "the synthesis bias is negative at some size: the augmented error is below "
    "its statistical term there",
    "bias_fit_poor": "B0 N^-p / 2 fits the synthesis bias worse than a constant",
    "B0_not_distinguishable_from_0": "the interval of B0 includes 0",
    "B0_not_positive": "B0 is not positive, so N0 is not defined; a negative B0 predicts nothing",
    "N0_beyond_every_number": "p is so close to 1/2 that N0 is too large for a number",
    "replicates_without_C1": "C1 is not positive in some bootstrap replicates, which predicted "
    "ratios and their intervals leave out",
    "runs_few": "fewer than 3 runs",
}
FLAGS_OF = {
    "C1": ("estimation_error_", "C1_", "replicates_", "runs_few"),
    "p": ("p_", "runs_few"),
    "A": ("p_not_dist", "p_not_positive", "runs_few"),
    "B0": ("bias_", "B0_", "estimation_error_", "runs_few"),
    "N0": ("",),
}


@dataclass
class Points:
    """Errors per size and run: `sizes` [S], `seeds` [R] and `values` [S, R]."""

    sizes: np.ndarray
    seeds: list
    values: np.ndarray

    @classmethod
    def of(cls, table: pd.DataFrame, value: str) -> "Points":
        """From a table's columns n_pairs, seed and `value`; LensError unless every size has the
        same seeds."""
        wide = table.pivot(index="n_pairs", columns="seed", values=value).sort_index()
        if len(wide) < 2 or not np.isfinite(wide.to_numpy()).all():
            raise LensError(
                f"theory: {value} must be finite and measured at two sizes or more, with the same "
                f"seeds at each; found sizes {list(wide.index)} and seeds {list(wide.columns)}."
            )
        return cls(wide.index.to_numpy(float), list(wide.columns), wide.to_numpy(float))

    @property
    def means(self) -> np.ndarray:
        return self.values.mean(axis=1)


def both_errors(points: pd.DataFrame) -> tuple[Points, Points]:
    """zeta of `original` and of `lens` at scale 2; LensError unless sizes and runs are the same."""
    synthetic = (points["method"] == "lens") & (points["scale"] == SCALE)
    errors = Points.of(points[points["method"] == "original"], "error")
    augmented = Points.of(points[synthetic], "error")
    same = np.array_equal(errors.sizes, augmented.sizes) and errors.seeds == augmented.seeds
    if not same:
        raise LensError(
            f"theory: original was measured at sizes {errors.sizes} with seeds {errors.seeds}, "
            f"lens {SCALE}x at {augmented.sizes} with {augmented.seeds}. They must be the same."
        )
    return errors, augmented


def fit_linear(
    points: Points, terms: np.ndarray, weights: np.ndarray, offsets: float | np.ndarray = 0.0
) -> np.ndarray:
    """Slopes b [B] of values - offsets = b terms, by least squares through the origin.

    `terms` and `offsets` are [S] or [B, S]; `weights` [B, S, R] count how often a point is drawn.
    """
    drawn = weights.sum(axis=2)
    sums = (weights * points.values).sum(axis=2) - drawn * offsets
    return (sums * terms).sum(axis=1) / (drawn * terms**2).sum(axis=1)


def fit_power_law(points: Points, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(p, A), [B] each, of values = A N^-p, by least squares of ln values on ln N."""
    drawn = weights.sum(axis=2)
    total = drawn.sum(axis=1)
    x = np.log(points.sizes)
    y = (weights * np.log(points.values)).sum(axis=2)
    mean_x, mean_y = (drawn * x).sum(axis=1) / total, y.sum(axis=1) / total
    slope = ((y * x).sum(axis=1) / total - mean_x * mean_y) / (
        (drawn * x**2).sum(axis=1) / total - mean_x**2
    )
    return -slope, np.exp(mean_y - slope * mean_x)


def pigeonhole_weights(points: Points, runs: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """How often each point is drawn [B, S, R], for draws of runs [B, R] and of sizes.

    Draws with a single size, which determine no line, are repeated.
    """
    count = len(points.sizes)
    sizes = np.zeros((len(runs), count), int)
    while (alone := (sizes > 0).sum(axis=1) < 2).any():
        sizes[alone] = rng.multinomial(count, [1 / count] * count, size=int(alone.sum()))
    return sizes[:, :, None] * runs[:, None, :].astype(float)


def estimate(
    errors: Points,
    augmented: Points,
    reconstruction: Points,
    weights: tuple[np.ndarray, np.ndarray],
    *,
    c2: float,
) -> dict[str, np.ndarray]:
    """{C1, p, A, B0, N0: estimates [B]} for `weights` [B, S, R] of errors and of reconstruction."""
    c1 = fit_linear(errors, np.sqrt(c2 / errors.sizes), weights[0])
    p, factor = fit_power_law(reconstruction, weights[1])
    statistical = c1[:, None] * np.sqrt(c2 / (SCALE * augmented.sizes))
    terms = (SCALE - 1) / SCALE * augmented.sizes ** -p[:, None]
    b0 = fit_linear(augmented, terms, weights[0], statistical)
    n0 = [_threshold(*values, c2) for values in zip(c1, p, b0, strict=True)]
    return {"C1": c1, "p": p, "A": factor, "B0": b0, "N0": np.array(n0)}


def _threshold(c1: float, p: float, b0: float, c2: float) -> float:
    """N0, or its limit if it is not defined: 0 for C1 -> 0, infinite for p -> 1/2 or B0 -> 0."""
    if c1 <= 0:
        return 0.0
    value = threshold(c1, p, b0, c2)
    return np.inf if value is None else value


def bootstrap(
    errors: Points, augmented: Points, reconstruction: Points, *, c2: float, count: int, seed: int
) -> pd.DataFrame:
    """`count` bootstrap replicates of the constants, one per row."""
    rng = np.random.default_rng(seed)
    runs = errors.values.shape[1]
    drawn = rng.multinomial(runs, [1 / runs] * runs, size=count)
    weights = (
        pigeonhole_weights(errors, drawn, rng),
        pigeonhole_weights(reconstruction, drawn, rng),
    )
    return pd.DataFrame(estimate(errors, augmented, reconstruction, weights, c2=c2))


def plain(errors: Points, augmented: Points, reconstruction: Points, *, c2: float) -> dict:
    """The constants fitted to all points, as floats (N0 is NaN if it is not defined)."""
    weights = (np.ones((1, *errors.values.shape)), np.ones((1, *reconstruction.values.shape)))
    estimates = estimate(errors, augmented, reconstruction, weights, c2=c2)
    constants = {name: float(values[0]) for name, values in estimates.items()}
    n0 = threshold(constants["C1"], constants["p"], constants["B0"], c2)
    return constants | {"N0": np.nan if n0 is None else n0}


def r_squared(observed: np.ndarray, fitted: np.ndarray) -> float:
    """1 - residual / total sum of squares: below 0 is worse than a constant; 0 if the observed
    values do not vary."""
    total = np.square(observed - observed.mean()).sum()
    return float(1 - np.square(observed - fitted).sum() / total) if total > 0 else 0.0


def interval(values: np.ndarray) -> tuple[float | None, float | None]:
    """95 % percentile interval of replicates [B]; a limit is None if it is not finite."""
    ends = np.quantile(values, [0.025, 0.975], method="inverted_cdf")
    low, high = (float(end) if np.isfinite(end) else None for end in ends)
    return low, high


def fit(
    points: pd.DataFrame,
    reconstruction: pd.DataFrame,
    *,
    dim: int,
    delta: float,
    replicates: int = 2000,
    seed: int = 0,
) -> tuple[dict, pd.DataFrame]:
    """Fits the constants: (estimates with intervals, fit quality and flags; bootstrap replicates).

    `points` has columns method, scale, n_pairs, seed, error (of `original` at scale 1 and `lens`
    at 2); `reconstruction` n_pairs, seed, mean_square and budget, of which `epochs` is used.
    """
    c2 = complexity(dim, delta)
    errors, augmented = both_errors(points)
    measured = Points.of(reconstruction[reconstruction["budget"] == "epochs"], "mean_square")
    fitted = plain(errors, augmented, measured, c2=c2)
    drawn = bootstrap(errors, augmented, measured, c2=c2, count=replicates, seed=seed)
    bias = augmented.means - fitted["C1"] * np.sqrt(c2 / (SCALE * augmented.sizes))
    quality = {
        "C1": r_squared(errors.means, fitted["C1"] * np.sqrt(c2 / errors.sizes)),
        "p": r_squared(
            np.log(measured.values).mean(axis=1),
            np.log(fitted["A"]) - fitted["p"] * np.log(measured.sizes),
        ),
        "B0": r_squared(bias, (SCALE - 1) / SCALE * fitted["B0"] * augmented.sizes ** -fitted["p"]),
    }
    ends = {name: interval(drawn[name].to_numpy()) for name in NAMES}
    flags = _flags(fitted, ends, quality, errors, bias)
    if (drawn["C1"] <= 0).any():
        flags.append("replicates_without_C1")
    result: dict[str, Any] = {
        name: {
            "estimate": fitted[name] if np.isfinite(fitted[name]) else None,
            "low": ends[name][0],
            "high": ends[name][1],
            "flags": [flag for flag in flags if flag.startswith(FLAGS_OF[name])],
        }
        for name in NAMES
    }
    result |= {
        "flags": flags,
        "flag_meanings": {flag: FLAGS[flag] for flag in flags},
        "r_squared": quality,
        "dim": dim,
        "delta": delta,
        "runs": errors.values.shape[1],
        "sizes": errors.sizes.astype(int).tolist(),
        "reconstruction_sizes": measured.sizes.astype(int).tolist(),
        "replicates": replicates,
    }
    return result, drawn


def points_of_fits(
    points: pd.DataFrame, reconstruction: pd.DataFrame, fitted: dict
) -> dict[str, pd.DataFrame]:
    """The points and the fit of each constant: tables `C1`, `p` and `B0` with columns n_pairs,
    seed, x, observed and fitted. The fit is linear in x; for p, x is N and observed the error.
    Table `p` also has the VAEs of equal steps, which are not part of the fit."""
    c2 = complexity(fitted["dim"], fitted["delta"])
    c1, p, factor, b0 = (fitted[name]["estimate"] for name in ("C1", "p", "A", "B0"))
    columns = ["n_pairs", "seed", "observed"]
    errors = points[points["method"] == "original"].rename(columns={"error": "observed"})[columns]
    errors = errors.assign(x=np.sqrt(c2 / errors["n_pairs"]))
    synthetic = (points["method"] == "lens") & (points["scale"] == SCALE)
    bias = points[synthetic].rename(columns={"error": "observed"})[columns]
    bias = bias.assign(
        observed=bias["observed"] - c1 * np.sqrt(c2 / (SCALE * bias["n_pairs"])),
        x=(SCALE - 1) / SCALE * bias["n_pairs"] ** -p,
    )
    decay = reconstruction.rename(columns={"mean_square": "observed"})[[*columns, "budget"]]
    decay = decay.assign(x=decay["n_pairs"].astype(float))
    curve = (factor * decay["x"] ** -p).where(decay["budget"] == "epochs")
    return {
        "C1": errors.assign(fitted=c1 * errors["x"]),
        "p": decay.assign(fitted=curve),
        "B0": bias.assign(fitted=b0 * bias["x"]),
    }


def _flags(fitted: dict, ends: dict, quality: dict, errors: Points, bias: np.ndarray) -> list[str]:
    def includes(name: str, value: float) -> bool:
        low, high = ends[name]
        return (low is None or low <= value) and (high is None or high >= value)

    raised = {
        "estimation_error_negative": (errors.means < 0).any(),
        "estimation_error_fit_poor": quality["C1"] < 0,
        "C1_not_positive": fitted["C1"] <= 0,
        "C1_not_distinguishable_from_0": includes("C1", 0),
        "p_not_positive": fitted["p"] <= 0,
        "p_not_distinguishable_from_0": includes("p", 0),
        "p_not_below_half": fitted["p"] >= 0.5,
        "p_may_not_be_below_half": fitted["p"] < 0.5 and includes("p", 0.5),
        "bias_negative": (bias < 0).any(),
        "bias_fit_poor": quality["B0"] < 0,
        "B0_not_distinguishable_from_0": includes("B0", 0),
        "B0_not_positive": fitted["B0"] <= 0,
        "N0_beyond_every_number": np.isinf(fitted["N0"]),
        "runs_few": errors.values.shape[1] < 3,
    }
    return [name for name, is_raised in raised.items() if is_raised]
