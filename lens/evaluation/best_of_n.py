"""Best-of-n: the gold reward expected when a proxy reward picks among n candidates."""

from math import comb, log

import numpy as np


def best_of_n(proxy: np.ndarray, gold: np.ndarray) -> np.ndarray:
    """Expected gold reward of the best of n by proxy, for n = 1 ... N: float64 [..., N].

    `proxy` and `gold` are [..., N] for N candidates. With them sorted by proxy,
    E[gold | n] = sum over i >= n of C(i - 1, n - 1) / C(N, n) gold_(i): the mean over all subsets
    of n candidates, so unbiased for every n. Candidates with equal proxy share their mean gold,
    as if ties were broken at random.
    """
    count = proxy.shape[-1]
    flat_proxy, flat_gold = proxy.reshape(-1, count), gold.reshape(-1, count).astype(np.float64)
    order = np.argsort(flat_proxy, kind="stable")
    ranked = np.take_along_axis(flat_gold, order, axis=1)
    ranked_proxy = np.take_along_axis(flat_proxy, order, axis=1)
    for row in np.flatnonzero((np.diff(ranked_proxy) == 0).any(axis=1)):
        ranked[row] = _mean_over_ties(ranked_proxy[row], ranked[row])
    return (ranked @ _weights(count).T).reshape(proxy.shape)


def _weights(count: int) -> np.ndarray:
    """[n, i]: the probability that the i-th smallest of `count` is the best of n, n = 1 ..."""
    return np.array(
        [
            [comb(i - 1, n - 1) / comb(count, n) for i in range(1, count + 1)]
            for n in range(1, count + 1)
        ]
    )


def _mean_over_ties(sorted_proxy: np.ndarray, ranked: np.ndarray) -> np.ndarray:
    _, group, sizes = np.unique(sorted_proxy, return_inverse=True, return_counts=True)
    return (np.bincount(group, weights=ranked) / sizes)[group]


def length_matched(gold: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Gold reward without what length explains: float64 [prompts, N], of `gold` and
    `lengths` [prompts, N].

    The mean gold of each rank by length, relative to its prompt's mean and by least squares over
    all prompts, is subtracted. Candidates of equal length share the mean of their ranks. So picking
    the longest or the shortest gets the gold of a random pick on average, for every n, and the gold
    of a random pick does not change.
    """
    ranks = np.sort(lengths)[:, None] == lengths[:, :, None]  # [prompts, candidate, rank]
    flat = np.concatenate(ranks / ranks.sum(axis=2, keepdims=True))
    centred = gold - gold.mean(axis=1, keepdims=True, dtype=np.float64)
    worth = np.linalg.lstsq(flat, centred.ravel())[0]
    return gold - (flat @ worth).reshape(gold.shape)


def kl_bound(n: int) -> float:
    """log n - (n - 1) / n: an upper bound on KL(best-of-n policy || base policy), in nats."""
    return log(n) - (n - 1) / n
