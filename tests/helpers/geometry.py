"""Training sets and tables of moves whose geometry is known."""

import numpy as np
import pandas as pd

from lens.reward.training_set import Standardiser, TrainingSet

FIRST = np.array([1, 0, 0, 0])


SYNTHESIS = {
    "noise_variance": 0.01,
    "candidates_per_kept": 4,
    "perturbation_variance": 0.01,
    "complement_noise": 10.0,
}


def standardiser(dim, mean=0.0, scale=1.0):
    return Standardiser(np.full(dim, mean, np.float32), np.full(dim, scale, np.float32))


def training(chosen, rejected, unit=None):
    chosen, rejected = np.float32(chosen), np.float32(rejected)
    count, dim = chosen.shape
    none, rows = np.zeros((0, dim), np.float32), np.arange(10, 10 + count)
    return TrainingSet(
        chosen, rejected, none, none, unit or standardiser(dim), rows, rows[:0], rows, rows[:0]
    )


def made_up(moved, flipped=()):
    """A table of `inspect` for as many pairs as there are moves of their chosen responses."""
    rows = [
        {
            "row": row,
            "variant": 1,
            "side": side,
            "moved": move if side == "chosen" else 0.0,
            "reward_before": float(side == "chosen"),
            "reward": float((side == "chosen") != (row in flipped)),
        }
        for row, move in enumerate(moved)
        for side in ("chosen", "rejected")
    ]
    return pd.DataFrame(rows)
