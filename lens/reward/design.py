"""Which pairs' labels would teach a linear reward most: a greedy design, pick by pick.

A pair's difference of standardised embeddings x has the margin w . x. Before any label w is
Gaussian, so that margins have a standard deviation of TAU on average. The labels' likelihood is
logistic; at its most probable w, a label of x tells h = p (1 - p), p = sigmoid(w . x), and w's
covariance S is that of

    S^-1 = a / TAU^2 I + sum of h x x' over labelled pairs,   a = mean of |x|^2 over the pool

(Laplace's approximation). A label of the pair x lowers the mean variance of the pool's margins by

    h x' S C S x / (1 + h x' S x),   C = mean of x x' over the pool.

The pair that lowers it most is picked, S is updated as if it had been labelled, and so on: a greedy
transductive design (Yu, Bi and Tresp, 2006). Signs of x play no part, so the order of a pair's
sides does not matter. docs/labels.md says what else was tried.
"""

import numpy as np
import pandas as pd
from scipy.special import expit

from lens.core.diagnostics import check_finite
from lens.core.seeds import derive_seed
from lens.data.pairs import sample_rows
from lens.files.embeddings import Embeddings
from lens.reward.logistic import decompose, solve

TAU = 1.0  # standard deviation of a margin before any label
WIDEST = 512  # features; more are projected at random, which keeps lengths and angles
CHUNK = 2048  # pairs held in full width at a time
SCALED_BY = 4096  # pairs of the pool that say how far features spread
COPY = 0.95  # cosine of two differences from which one pair is a near copy of the other
AT_RANDOM = 0.4  # of N pairs, the share that is drawn before the others are chosen
POOL = 10  # pairs chosen from, per pair of N


def active_rows(pairs: pd.DataFrame, embeddings: Embeddings, n_pairs: int, seed: int) -> np.ndarray:
    """Positions [N] of training pairs as somebody who chooses would label them.

    The pool is 10 N training pairs drawn by seed, or all there are. The first 40 % of the N are its
    first ones, drawn as without choosing; the others are those of the pool that promise most, given
    the labels of the first. `embeddings` are [len(pairs), d] a side.
    """
    train = np.flatnonzero(pairs["split"] == "train")
    pool = train[sample_rows(len(train), max(n_pairs, min(POOL * n_pairs, len(train))), seed)]
    if len(pool) == n_pairs:
        return pool
    first = max(1, round(AT_RANDOM * n_pairs))
    have = train[sample_rows(len(train), first, seed)]
    rest = np.setdiff1d(pool, have)
    sides = [
        np.stack([embeddings[side][rows] for side in ("chosen", "rejected")], axis=1)
        for rows in (have, rest)
    ]
    labels = pairs["label"].to_numpy()[have] if "label" in pairs else None
    groups = pairs["group"].to_numpy()[rest]
    picks = pick(*differences(*sides), n_pairs - first, labels=labels, groups=groups)
    return np.sort(np.concatenate([have, rest[picks]]))


def differences(have: np.ndarray | None, pool: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Differences [N, k] of labelled pairs [N, 2, d], or None, and [n, k] of a pool [n, 2, d], by
    features' spread and, if wide, projected; goes through the pool once, in chunks. LensError for
    numbers that are not finite."""
    features, scale = pool.shape[2], _scale(have, pool)
    project = None
    if features > WIDEST:
        rng = np.random.default_rng(derive_seed("project", features))
        project = rng.standard_normal((features, WIDEST), np.float32) / np.float32(WIDEST**0.5)

    def narrow(one: np.ndarray, other: np.ndarray) -> np.ndarray:
        wide = (one - other) / scale
        return wide if project is None else wide @ project

    def name(row: int) -> str:
        return f"pair {start + row + 1}"

    found = np.empty((len(pool), min(features, WIDEST)), np.float32)
    for start in range(0, len(pool), CHUNK):
        wide = pool[start : start + CHUNK].astype(np.float32, copy=False)
        check_finite(wide, name, "the embedding", "Embed again in float32, or remove the pair.")
        found[start : start + CHUNK] = narrow(wide[:, 0], wide[:, 1])
    if have is None:
        return np.empty((0, found.shape[1]), np.float32), found
    return narrow(have[:, 0], have[:, 1]), found


def _scale(have: np.ndarray | None, pool: np.ndarray) -> np.ndarray:
    """Standard deviations [d] of texts, from sums and differences of sides: blind to order."""
    sample = pool[:: -(-len(pool) // SCALED_BY)].astype(np.float64)
    if have is not None:
        sample = np.concatenate([sample, have])
    middle, half = sample.mean(axis=1), (sample[:, 0] - sample[:, 1]) / 2
    spread = np.sqrt(middle.var(axis=0) + np.square(half).mean(axis=0))
    return np.where(np.isfinite(spread) & (spread > 0), spread, 1).astype(np.float32)


def pick(
    known: np.ndarray,
    x: np.ndarray,
    count: int,
    *,
    labels: np.ndarray | None = None,
    groups: np.ndarray | None = None,
    order: np.random.Generator | None = None,
) -> list[int]:
    """Positions of `count` of the differences x [n, k] to add to the known ones [N, k] with labels
    [N] (all 1 if there are none), by what their labels promise or, with a generator, by chance."""
    design = Design(known, x, labels)
    luck = None if order is None else order.random(len(x))
    lengths, known = np.linalg.norm(x, axis=1), _directions(known)
    free, taken = np.ones(len(x), bool), np.zeros(len(x), bool)
    picks: list[int] = []
    while len(picks) < count:
        is_open = free & ~taken
        if not is_open.any():
            free, known = ~taken, known[:0]  # only near copies are left, or groups a second time
            continue
        best = int(np.where(is_open, design.promise if luck is None else luck, -np.inf).argmax())
        if len(known) and np.abs(known @ x[best]).max() > COPY * lengths[best] > 0:
            free[best] = False
            continue
        picks.append(best)
        taken[best] = True
        free &= np.abs(x @ x[best]) <= COPY * lengths * lengths[best]
        if groups is not None:
            free &= groups != groups[best]
        design.learn(best)
    return picks


def _directions(x: np.ndarray) -> np.ndarray:
    lengths = np.linalg.norm(x, axis=1, keepdims=True)
    return x / np.where(lengths > 0, lengths, 1)


class Design:
    """By how much a label of each candidate would lower the mean variance of all their margins
    (`promise` [n]), given the labels of known pairs."""

    def __init__(self, known: np.ndarray, x: np.ndarray, labels: np.ndarray | None = None):
        if len(known) + len(x) < x.shape[1]:  # as many coordinates say all of them
            every = np.asarray(np.linalg.qr(np.concatenate([known, x]).T, mode="r")).T
            known, x = np.split(every, [len(known)])
        self.x, features = x, x.shape[1]
        self.second_moments = (x.T @ x).astype(np.float64) / len(x)
        size = max(float(np.trace(self.second_moments)), np.finfo(float).tiny)
        w = most_probable(known, labels, size / TAU**2)
        precision = (known * _label_information(known @ w)[:, None]).T @ known
        self.covariance = np.linalg.inv(np.eye(features) * size / TAU**2 + precision)
        self.information = _label_information(x @ w)
        self.variance = _squares(x, self.covariance)
        self.fall = _squares(x, self.covariance @ self.second_moments @ self.covariance)

    @property
    def promise(self) -> np.ndarray:
        return self.information * self.fall / (1 + self.information * self.variance)

    def learn(self, place: int) -> None:
        """Updates the posterior as if the candidate at `place` had been labelled."""
        along = self.covariance @ self.x[place]
        seen = self.second_moments @ along
        information = float(self.information[place])
        share = information / (1 + information * float(along @ self.x[place]))
        both = np.stack([along, self.covariance @ seen], axis=1).astype(np.float32)
        own, through = (self.x @ both).T.astype(np.float64)
        self.fall += share * own * (share * float(along @ seen) * own - 2 * through)
        self.variance -= share * own**2
        self.covariance -= share * np.outer(along, along)


def most_probable(known: np.ndarray, labels: np.ndarray | None, precision: float) -> np.ndarray:
    """w [k] of the highest posterior, of labelled differences [N, k] and a prior's precision."""
    if not known.any():
        return np.zeros(known.shape[1], np.float32)
    x = decompose(known)
    penalty, all_pairs = np.array([precision / len(known)]), np.ones((1, len(known)))
    return x.weights(solve(x, penalty, all_pairs, labels)[0]).astype(np.float32)


def _label_information(margins: np.ndarray) -> np.ndarray:
    """p (1 - p): what a label tells about a margin."""
    return expit(margins) * expit(-margins)


def _squares(x: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """x' M x of every row of x [n, k], in chunks."""
    half = matrix.astype(np.float32)
    parts = np.array_split(x, -(-len(x) // CHUNK))
    return np.concatenate([np.einsum("ij,ij->i", p @ half, p, dtype=np.float64) for p in parts])
