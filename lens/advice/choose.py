"""Which unlabelled pairs to label next: a batch by `lens.reward.design`."""

import numpy as np

from lens.advice.own_pairs import EmbeddedPairs
from lens.core.errors import LensError
from lens.reward.design import differences, pick


def next_pairs(have: EmbeddedPairs | None, pool: np.ndarray, count: int) -> list[int]:
    """Indices of the `count` pairs of a pool [n, 2, d] to label next, the most informative first.

    `have` are labelled pairs embedded by the same model, or None. The order of sides does not
    matter, and the result is deterministic. Near duplicates of labelled or chosen pairs are taken
    only if nothing else is left. LensError for a pool of another shape, with numbers that are not
    finite, or with fewer than `count` pairs.
    """
    return choose(have, pool, count)


def choose(
    have: EmbeddedPairs | None,
    pool: np.ndarray,
    count: int,
    *,
    groups: np.ndarray | None = None,
    at_random: int | None = None,
) -> list[int]:
    """As `next_pairs`; of pairs of one group [n] a batch holds one, as far as there are enough.
    With a seed, `at_random`, pairs are drawn by chance, near copies and groups apart."""
    check_pool(have, pool, count)
    sides = None if have is None else np.stack([have.chosen, have.rejected], axis=1)
    known, candidates = differences(sides, pool)
    order = None if at_random is None else np.random.default_rng(at_random)
    labels = None if have is None else have.labels
    return pick(known, candidates, count, labels=labels, groups=groups, order=order)


def check_pool(have: EmbeddedPairs | None, pool: np.ndarray, count: int) -> None:
    """LensError unless `count` pairs can be chosen from the pool."""
    if have is not None and not isinstance(have, EmbeddedPairs):
        raise LensError(
            "the labelled pairs must be embedded: `lens.embed_pairs(pairs, encoder)` or "
            "`lens.import_embeddings(pairs, path)`; None where there are none yet."
        )
    if not isinstance(pool, np.ndarray) or pool.ndim != 3 or pool.shape[1] != 2 or not pool.size:
        shape = list(getattr(pool, "shape", [])) or type(pool).__name__
        raise LensError(f"the pool must be an array [pairs, 2, features]; this is {shape}.")
    if not np.issubdtype(pool.dtype, np.floating):
        raise LensError(f"the pool must hold floats; these are {pool.dtype}.")
    if have is not None and have.chosen.shape[1] != pool.shape[2]:
        raise LensError(
            f"the pool has {pool.shape[2]} features, the labelled pairs {have.chosen.shape[1]}. "
            "Embed both with the same model."
        )
    if isinstance(count, bool) or not isinstance(count, int | np.integer) or count < 1:
        raise LensError(f"count {count}: a whole number from 1 is needed.")
    if count > len(pool):
        raise LensError(f"{count} pairs asked for, but the pool has {len(pool)}. Ask for fewer.")
