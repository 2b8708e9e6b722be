"""A pool of unlabelled pairs, and labelled ones of the same kind."""

import numpy as np

from tests.helpers.embedded_pairs import of_sides


def world(n=400, d=24, seed=0):
    """Pairs whose differences vary more along the first features: a pool [n, 2, d]."""
    rng = np.random.default_rng(seed)
    return (rng.normal(size=(n, 2, d)) * np.arange(1, d + 1) ** -0.5).astype(np.float32)


def labelled(n=40, d=24, seed=1):
    sides = world(n, d, seed)
    wins = sides[:, 0, 0] > sides[:, 1, 0]
    chosen = np.where(wins[:, None], sides[:, 0], sides[:, 1])
    rejected = np.where(wins[:, None], sides[:, 1], sides[:, 0])
    return of_sides(chosen, rejected)
