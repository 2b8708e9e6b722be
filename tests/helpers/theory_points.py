"""Measurements as the theory has them, with known constants."""

import numpy as np
import pandas as pd

from lens.theory.bounds import Constants

SIZES = (100, 200, 500, 1000, 2000)
TRUTH = Constants(C1=0.24, p=0.3, B0=1.0, dim=64, delta=0.05)
FACTOR = 50.0  # A


def simulated(noise=0.0, runs=3, seed=0, truth=TRUTH, together=0.0):
    """(points, reconstruction) whose means are the theory's; relative noise in every run.

    `together` is the share of the noise's variance that a run has in common at all sizes.
    """
    rng = np.random.default_rng(seed)

    def factor():
        own, shared = rng.normal(size=(len(SIZES), runs)), rng.normal(size=(1, runs))
        return 1 + noise * (np.sqrt(1 - together) * own + np.sqrt(together) * shared)

    rows, decay = [], []
    plain, lens, errors = factor(), factor(), factor()
    for i, n_pairs in enumerate(SIZES):
        for run in range(runs):
            place = {"n_pairs": n_pairs, "seed": run, "standard_error": 1e-4}
            zeta = truth.error(n_pairs) * plain[i, run]
            augmented = truth.error(n_pairs, 2) * lens[i, run]
            rows.append({**place, "method": "original", "scale": 1, "error": zeta})
            rows.append({**place, "method": "lens", "scale": 2, "error": augmented})
            rows.append({**place, "method": "repeat", "scale": 2, "error": zeta})
            error = FACTOR * n_pairs**-truth.p * np.exp(errors[i, run] - 1)
            for budget, value in (("epochs", error), ("equal_steps", FACTOR)):
                decay.append(
                    {
                        "n_pairs": n_pairs,
                        "seed": run,
                        "budget": budget,
                        "mean_square": value,
                        "mean_norm": value**0.5,
                        "largest": 2 * value**0.25,
                    }
                )
    return pd.DataFrame(rows), pd.DataFrame(decay)
