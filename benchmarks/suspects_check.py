"""Does `lens suspects` find labels that were turned round? Planted flips, found again.

A set is a folder of `lens advise` or `lens fit`. Of each seed a share of the labels is turned
round; precision is that of as many first labels as were turned, AUC that of the whole order, and
the null of both is in the table. Beside it stands confident learning (Northcutt, Jiang and Chuang,
2021) on the same margins, by the formula of cleanlab's `get_label_quality_scores` with
`method="normalized_margin", adjust_pred_probs=True`: which answer stood first is a coin, the class
is the better side, and each class's probability is reduced by its mean over pairs of that label.

    python benchmarks/suspects_check.py --set NAME FOLDER --seeds 5
"""

import argparse

import numpy as np
import pandas as pd
from scipy.stats import t
from sklearn.metrics import roc_auc_score

from lens.advice.backtest import part
from lens.advice.extend import saved_pairs
from lens.advice.own_pairs import EmbeddedPairs
from lens.core.seeds import derive_seed
from lens.labels.suspects import suspects

SHARES = (0.05, 0.1, 0.2)


def flipped(pairs: EmbeddedPairs, turned: np.ndarray) -> EmbeddedPairs:
    chosen, rejected = pairs.chosen.copy(), pairs.rejected.copy()
    chosen[turned], rejected[turned] = pairs.rejected[turned], pairs.chosen[turned]
    table = pairs.table.assign(id=[str(number) for number in range(len(pairs))])
    return EmbeddedPairs(table, chosen, rejected, None, {})


def confident_learning(other_way: np.ndarray, seed: int) -> np.ndarray:
    """Label quality [n], low for a label to look at."""
    side = np.random.default_rng(derive_seed("side", seed)).integers(2, size=len(other_way))
    given = 1 - other_way
    first = np.where(side == 0, given, other_way)
    probabilities = np.stack([first, 1 - first], axis=1)
    thresholds = [probabilities[side == k, k].mean() for k in (0, 1)]
    adjusted = probabilities - thresholds + max(thresholds)
    adjusted /= adjusted.sum(axis=1, keepdims=True)
    rows = np.arange(len(side))
    return (adjusted[rows, side] - adjusted[rows, 1 - side] + 1) / 2


def measure(pairs: EmbeddedPairs, share: float, seed: int) -> list[dict]:
    turned = np.random.default_rng([seed, round(100 * share)]).random(len(pairs)) < share
    found = suspects(flipped(pairs, turned), seed=seed).table
    order = found["id"].astype(int).to_numpy()
    chances = np.empty(len(pairs))
    chances[order] = found["other_way"]
    scores = {"lens suspects": chances, "confident learning": -confident_learning(chances, seed)}
    count = int(turned.sum())
    return [
        {
            "flips": f"{100 * share:.0f} %",
            "by": name,
            "AUC": roc_auc_score(turned, score),
            "precision": turned[np.argsort(-score, kind="stable")[:count]].mean(),
            "by chance": turned.mean(),
            "planted": count,
        }
        for name, score in scores.items()
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--set", nargs=2, required=True, metavar=("NAME", "FOLDER"))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--max-pairs", type=int, default=1000)
    args = parser.parse_args()
    name, folder = args.set
    pairs = saved_pairs(folder)
    pairs = part(pairs, np.flatnonzero(pairs.decided)[: args.max_pairs])
    rows = [
        row for seed in range(args.seeds) for share in SHARES for row in measure(pairs, share, seed)
    ]
    table = pd.DataFrame(rows).groupby(["flips", "by"], sort=False)
    half = t.ppf(0.975, max(1, args.seeds - 1)) * table.std() / args.seeds**0.5
    print(f"{name}, {len(pairs):,} pairs, {args.seeds} seeds: means, then half of 95 % intervals")
    print(table.mean().round(3).to_string(), half.round(3).to_string(), sep="\n")


if __name__ == "__main__":
    main()
