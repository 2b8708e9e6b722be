"""How often is the truth within twice the standard error of a reward, where the truth is known?

Gaussian texts with a linear reward, Bradley-Terry labels, the evidence probe: coverage of rewards
minus the mean training text's and of margins, over other texts. Where pairs share texts, five
answers to a prompt make ten pairs. `size` is the root mean square of a pair's log-odds.

With --method it is the reward model of `lens fit` with this method, on pairs that share no texts:
networks have the errors of the jackknife.

    python benchmarks/error_coverage.py --draws 12
    python benchmarks/error_coverage.py --draws 12 --method original
"""

import argparse

import numpy as np
import pandas as pd

from lens.advice.fit import fit
from lens.advice.own_pairs import EmbeddedPairs
from lens.core.progress import Bar
from lens.reward import evidence
from lens.reward.recipes import Recipe
from lens.reward.training_set import Standardiser
from lens.serving.posterior import posterior

ANSWERS, PAIRS = 5, 10  # of a prompt, where pairs share texts
CELLS = [(50, 32), (50, 384), (150, 32), (150, 384), (300, 128), (300, 576), (800, 384)]
SIZES = (0.7, 1.5, 3.0)


def linear_world(
    count: int, dim: int, seed: int, *, shared: bool = False, size: float = 1.5
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """(chosen [n, d], rejected [n, d], w [d], 2,000 other texts [2000, d])."""
    rng = np.random.default_rng(seed)
    w = rng.normal(size=dim) * size / np.sqrt(2 * dim)
    if shared:
        texts = rng.normal(size=(count // PAIRS, ANSWERS, dim))
        first, second = (
            texts[:, places].reshape(-1, dim) for places in np.triu_indices(ANSWERS, 1)
        )
    else:
        first, second = rng.normal(size=(2, count, dim))
    swap = rng.random(len(first)) > 1 / (1 + np.exp(-(first - second) @ w))
    chosen, rejected = (
        np.where(swap[:, None], *sides) for sides in ((second, first), (first, second))
    )
    return chosen, rejected, w, rng.normal(size=(2000, dim))


def coverage(
    count: int, dim: int, seed: int, *, shared: bool = False, size: float = 1.5
) -> tuple[float, float]:
    """Shares of the other texts' rewards, and of their margins, within twice the error."""
    chosen, rejected, w, others = linear_world(count, dim, seed, shared=shared, size=size)
    both = np.concatenate([chosen, rejected])
    standardiser = Standardiser.fit(both)
    better, worse = standardiser(chosen), standardiser(rejected)
    groups = np.arange(len(chosen)) // (PAIRS if shared else 1)
    stated = evidence.fit(better, worse, groups).weights
    found = posterior(better - worse, standardiser, stated)
    off = standardiser(others) @ stated - (others - both.mean(axis=0)) @ w
    first, second = np.split(others, 2)
    apart = np.subtract(*np.split(off, 2))
    return (
        float((np.abs(off) < 2 * found.errors(others)).mean()),
        float((np.abs(apart) < 2 * found.margin_errors(first, second)).mean()),
    )


def fitted_coverage(count: int, dim: int, seed: int, method: str) -> tuple[float, float]:
    """Share of the other texts' rewards within twice the error of `lens fit`'s reward model, and
    the rewards' standard deviation over the truth's."""
    *sides, w, others = linear_world(count, dim, seed)
    names = [str(number) for number in range(count)]
    table = pd.DataFrame({"id": names, "prompt": "[]", "group": names})
    table[["chosen", "rejected"]] = ["a", "b"]
    chosen, rejected = (side.astype(np.float32) for side in sides)
    model = fit(EmbeddedPairs(table, chosen, rejected, None, {"source": "linear"}), Recipe(method))
    mean = np.concatenate(sides).mean(axis=0, dtype=np.float32)
    rewards, errors = model.score_embeddings(others.astype(np.float32), uncertainty=True)
    stated, truth = rewards - model.score_embeddings(mean), (others - mean) @ w
    covered = np.abs(stated - truth) < 2 * errors
    return float(covered.mean()), float(rewards.std() / truth.std())


def fitted(method: str, draws: int) -> None:
    rows = []
    for count, dim in Bar(CELLS, desc="cells", unit="cell"):
        found = [fitted_coverage(count, dim, seed, method) for seed in range(draws)]
        shares, spread = np.transpose(found)
        rows.append((count, dim, *(100 * np.percentile(shares, [50, 0, 100])), spread.mean()))
    names = ["pairs", "features", "reward", "least draw", "most", "spread over truth's"]
    print(pd.DataFrame(rows, columns=names).round(2).to_string(index=False))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--draws", type=int, default=12)
    parser.add_argument("--method", help="of `lens fit`, in place of the evidence probe alone")
    args = parser.parse_args()
    if args.method:
        fitted(args.method, args.draws)
        return
    rows = []
    for count, dim in Bar(CELLS, desc="cells", unit="cell"):
        for shared in (False, True):
            for size in SIZES:
                covered = [
                    coverage(count, dim, seed, shared=shared, size=size)
                    for seed in range(args.draws)
                ]
                reward, margin = 100 * np.mean(covered, axis=0)
                rows.append((count, dim, shared, size, reward, margin))
    table = pd.DataFrame(rows, columns=["pairs", "features", "shared", "size", "reward", "margin"])
    print(table.round(1).to_string(index=False))


if __name__ == "__main__":
    main()
