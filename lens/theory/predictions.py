"""Predictions of fitted constants for (k, N), compared with measurements, in several readings."""

from typing import Any

import numpy as np
import pandas as pd

from lens.theory.bounds import Constants, complexity
from lens.theory.fit import NAMES, SCALE, Points, bootstrap, both_errors, interval, plain, r_squared

READINGS = {
    "mean_square": "mean square error, as B.5.3 measures it: the paper's N0",
    "mean_norm": "mean error norm: the same quantity as in Assumption 1, averaged",
    "largest": "largest error norm: what Assumption 1 states",
    "equal_steps": "mean square error of VAEs trained with the same number of steps at every N",
}


def ratio_of_means(numerator: np.ndarray, denominator: np.ndarray) -> tuple[float, float, float]:
    """(ratio, low, high) of the means of paired runs [R], by the delta method and Student's t."""
    from scipy.special import stdtrit

    ratio = numerator.mean() / denominator.mean()
    if len(numerator) < 2:
        return float(ratio), float("nan"), float("nan")
    residual = numerator - ratio * denominator
    error = residual.std(ddof=1) / np.sqrt(len(residual)) / abs(denominator.mean())
    half = stdtrit(len(residual) - 1, 0.975) * error
    return float(ratio), float(ratio - half), float(ratio + half)


def above_zero(errors: np.ndarray, standard_errors: np.ndarray) -> bool:
    """Whether the mean of estimation errors [R] is clearly above 0: by more than two standard
    errors over test pairs and, if there are several runs, by Student's t over runs."""
    from scipy.special import stdtrit

    mean, count = errors.mean(), len(errors)
    spread = stdtrit(count - 1, 0.975) * errors.std(ddof=1) / np.sqrt(count) if count > 1 else 0.0
    return bool(mean > 2 * standard_errors.mean() and mean > spread)


def limit_ratios(drawn: pd.DataFrame, n_pairs: float, c2: float) -> np.ndarray:
    """rho N^(1/2 - p) of Eq. 36 per bootstrap replicate with C1 > 0; negative B0 count as 0."""
    use = drawn[drawn["C1"] > 0]
    rho = use["B0"].clip(lower=0) / (use["C1"] * np.sqrt(c2))
    return (rho * n_pairs ** (0.5 - use["p"])).to_numpy()


def predicted_ratios(drawn: pd.DataFrame, n_pairs: float, scale: float, c2: float) -> np.ndarray:
    """zeta_aug / zeta of Eq. 35 per bootstrap replicate with C1 > 0."""
    return scale**-0.5 + (scale - 1) / scale * limit_ratios(drawn, n_pairs, c2)


def compare(points: pd.DataFrame, fitted: dict, drawn: pd.DataFrame) -> pd.DataFrame:
    """One row per (N, k): predicted ratio, measured ratios of LENS and of the repeat control, each
    with its 95 % interval.

    Measured ratios are NaN if zeta(N) is not clearly above 0. `fitted` marks the scale that B0 is
    fitted to; `overlap` says whether the intervals of prediction and LENS overlap (NaN if either is
    unknown).
    """
    constants = usable_constants(fitted)
    wide = points.pivot(index=["n_pairs", "seed"], columns=["method", "scale"])
    rows = []
    for n_pairs in sorted(points["n_pairs"].unique()):
        errors = wide.loc[n_pairs, "error"]
        base = errors["original", 1].to_numpy()
        known = above_zero(base, wide.loc[n_pairs, "standard_error"]["original", 1].to_numpy())
        for scale in sorted(points.loc[points["scale"] > 1, "scale"].unique()):
            row: dict[str, Any] = {
                "n_pairs": int(n_pairs),
                "scale": int(scale),
                "fitted": bool(scale == SCALE),
            }
            row["predicted"] = constants.ratio(n_pairs, scale) if constants else np.nan
            replicates = predicted_ratios(drawn, n_pairs, scale, _c2(fitted))
            ends = np.quantile(replicates, [0.025, 0.975]) if constants else (np.nan, np.nan)
            row["predicted_low"], row["predicted_high"] = ends
            for method in ("lens", "repeat"):
                values = errors[method, scale].to_numpy()
                measured = ratio_of_means(values, base) if known else (np.nan,) * 3
                for name, value in zip(("", "_low", "_high"), measured, strict=True):
                    row[f"{method}{name}"] = value
            row["overlap"] = _overlap(row, "lens", "predicted")
            rows.append(row)
    return pd.DataFrame(rows)


def _overlap(row: dict, first: str, second: str) -> float:
    """1 if two intervals overlap, 0 if not, NaN if one is unknown."""
    low = np.maximum(row[f"{first}_low"], row[f"{second}_low"])
    high = np.minimum(row[f"{first}_high"], row[f"{second}_high"])
    return np.nan if np.isnan(low) or np.isnan(high) else float(low <= high)


def corrected(fitted: dict, drawn: pd.DataFrame, sizes: list[int]) -> list[dict]:
    """The corrected inequality per N: limit ratio with interval, smallest k, and the share of
    bootstrap replicates with a gain; empty if the constants predict nothing."""
    constants = usable_constants(fitted)
    if constants is None:
        return []
    rows = []
    for n_pairs in sizes:
        limits = limit_ratios(drawn, n_pairs, _c2(fitted))
        low, high = interval(limits)
        rows.append(
            {
                "n_pairs": int(n_pairs),
                "limit_ratio": constants.limit_ratio(n_pairs),
                "low": low,
                "high": high,
                "smallest_scale": constants.smallest_scale(n_pairs),
                "share_of_replicates_with_a_gain": float((limits < 1).mean()),
            }
        )
    return rows


def readings(
    points: pd.DataFrame, reconstruction: pd.DataFrame, fitted: dict, *, replicates: int, seed: int
) -> dict[str, dict]:
    """p, A, B0 and N0 for each way to measure the reconstruction error (`READINGS`)."""
    c2 = _c2(fitted)
    errors, augmented = both_errors(points)
    result = {}
    for name, meaning in READINGS.items():
        budget = "equal_steps" if name == "equal_steps" else "epochs"
        column = "mean_square" if name == "equal_steps" else name
        measured = Points.of(reconstruction[reconstruction["budget"] == budget], column)
        constants = plain(errors, augmented, measured, c2=c2)
        drawn = bootstrap(errors, augmented, measured, c2=c2, count=replicates, seed=seed)
        line = np.log(constants["A"]) - constants["p"] * np.log(measured.sizes)
        result[name] = {
            "meaning": meaning,
            "r_squared": r_squared(np.log(measured.values).mean(axis=1), line),
        }
        for constant in NAMES[1:]:
            low, high = interval(drawn[constant].to_numpy())
            estimate = constants[constant] if np.isfinite(constants[constant]) else None
            result[name][constant] = {"estimate": estimate, "low": low, "high": high}
    return result


def helped_range(fitted: dict) -> dict | None:
    """The open range of N in which the corrected bound promises a gain for some k, or None.

    Without a limit, `low` is 0 or `high` is None.
    """
    constants = usable_constants(fitted)
    sizes = constants.helped_sizes() if constants else None
    if sizes is None:
        return None
    return {"low": sizes[0], "high": None if np.isinf(sizes[1]) else sizes[1]}


def usable_constants(fitted: dict) -> Constants | None:
    """The fitted constants; None if they predict nothing (C1 not positive or B0 negative)."""
    values = {name: fitted[name]["estimate"] for name in ("C1", "p", "B0")}
    if values["C1"] <= 0 or values["B0"] < 0:
        return None
    return Constants(**values, dim=fitted["dim"], delta=fitted["delta"])


def _c2(fitted: dict) -> float:
    return complexity(fitted["dim"], fitted["delta"])
