"""Pairs in which length decides beside what the reward is about."""

import numpy as np

from lens.advice.own_pairs import EmbeddedPairs
from tests.helpers.embedded_pairs import of_sides


def by_length(count=300, seed=0, *, longer=2.0) -> EmbeddedPairs:
    """Feature 0 is what the reward is about, feature 1 the logarithm of the answer's length, which
    moves the label's log-odds by `longer` for each unit; features 2 and 3 are noise."""
    rng = np.random.default_rng(seed)
    sides = rng.normal(size=(2, count, 4))
    lengths = rng.integers(5, 200, size=(2, count))
    sides[:, :, 1] = np.log1p(lengths)
    gap = sides[0] - sides[1]
    swap = rng.random(count) > 1 / (1 + np.exp(-1.5 * gap[:, 0] - longer * gap[:, 1]))
    sides[:, swap], lengths[:, swap] = sides[::-1, swap], lengths[::-1, swap]
    pairs = of_sides(*sides.astype(np.float32))
    pairs.table["chosen"], pairs.table["rejected"] = (["x" * n for n in side] for side in lengths)
    about = {"pairs": count, "prompts": count, "rows": count, "source": "test", "dropped": {}}
    pairs.report = about | {"form": {"form": "pair", "ties": 0}}
    return pairs
