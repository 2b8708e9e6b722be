"""How often does the back-test's interval hold what then happens? On draws of labelled pairs.

Each draw takes some prompts' pairs as a user's; the back-test says how much choosing gains there.
What then happens: the same comparison with two thirds of the user's pairs as the pool, judged on
all pairs that the user does not have, as a mean over draws. FOLDER is one as word_features.py
leaves.

    python benchmarks/backtest_coverage.py FOLDER --pairs 300 --draws 40
"""

import argparse
from collections import Counter

import numpy as np
from scipy.stats import binomtest

from lens.advice.backtest import BATCHES, backtest, compare, part
from lens.advice.extend import saved_pairs


def draw(pairs, count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Positions of about `count` pairs of some prompts, in random order, and of all others."""
    rng = np.random.default_rng(seed)
    names, which = np.unique(pairs.groups, return_inverse=True)
    rank = rng.permutation(len(names))[which]
    order = np.lexsort([rng.random(len(rank)), rank])
    mine = rank < rank[order[count]]
    return rng.permutation(np.flatnonzero(mine)), np.flatnonzero(~mine)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder")
    parser.add_argument("--pairs", type=int, default=300, help="that the user has")
    parser.add_argument("--draws", type=int, default=40)
    args = parser.parse_args()
    pairs = saved_pairs(args.folder)
    found, gains = [], []
    for seed in range(args.draws):
        mine, others = draw(pairs, args.pairs, seed)
        found.append(backtest(part(pairs, np.sort(mine))))
        _, right = compare(pairs, mine[: 2 * len(mine) // 3], others)
        gains.append((right[:BATCHES] - right[BATCHES + 1 : 2 * BATCHES + 1]).mean())
    truth, error = np.mean(gains), np.std(gains, ddof=1) / len(gains) ** 0.5
    held = sum(each.difference.low <= truth <= each.difference.high for each in found)
    low, high = binomtest(held, len(found)).proportion_ci(0.95, "wilson")
    half = np.mean([each.difference.high - each.difference.low for each in found]) / 2
    print(f"gain in what then happens: {100 * truth:+.2f} points, standard error {100 * error:.2f}")
    print(
        f"95 % intervals (± {100 * half:.1f} points) that hold it: {held} of {len(found)}", end=""
    )
    print(f" = {100 * held / len(found):.0f} % [{100 * low:.0f}, {100 * high:.0f}]")
    print("verdicts:", dict(Counter(each.verdict for each in found)))


if __name__ == "__main__":
    main()
