"""Embedded pairs whose labels follow Bradley-Terry."""

import numpy as np
import pandas as pd

from lens.advice.own_pairs import EmbeddedPairs


def embedded(count=80, dim=6, seed=0, strength=1.0, per_prompt=1):
    """Pairs whose labels follow the first feature, Bradley-Terry."""
    rng = np.random.default_rng(seed)
    sides = rng.normal(size=(2, count, dim)).astype(np.float32)
    gap = strength * (sides[0, :, 0] - sides[1, :, 0])
    swap = rng.random(count) > 1 / (1 + np.exp(-gap))
    sides[:, swap] = sides[::-1, swap]
    return of_sides(*sides, per_prompt)


def of_sides(chosen, rejected, per_prompt=1):
    """Pairs of these embeddings [n, d] a side; their texts are all alike."""
    count = len(chosen)
    table = pd.DataFrame(
        {
            "id": map(str, range(count)),
            "prompt": "[]",
            "chosen": "a",
            "rejected": "b",
            "group": [f"p{i // per_prompt}" for i in range(count)],
        }
    )
    return EmbeddedPairs(table, chosen, rejected, None, {"source": "test"})


def near_a_plane(count=120, dim=6, seed=0):
    """Chosen and rejected [n, d] that lie near a plane, so that a VAE has something to find."""
    rng = np.random.default_rng(seed)
    sides = rng.normal(size=(2, count, 2)) @ rng.normal(size=(2, dim))
    return (sides + 0.05 * rng.normal(size=sides.shape)).astype(np.float32)
