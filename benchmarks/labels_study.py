"""Which rule picks the pairs whose labels help most? Each against random picks, paired by seed.

Each seed holds 40 % of the prompts out, begins with the same random pairs for all rules, and adds
batch after batch; at every size the evidence probe of what is labelled so far is judged on the
held-out pairs. A set is a folder of `lens advise` or `lens fit`.

    python benchmarks/labels_study.py --set NAME FOLDER --seeds 8 --out labels.csv
"""

import argparse
import os
from collections.abc import Callable

import numpy as np
import pandas as pd
from scipy.special import expit
from scipy.stats import t

from lens.advice.choose import TAU, choose
from lens.advice.crossval import correct
from lens.advice.extend import saved_pairs
from lens.core.seeds import derive_seed
from lens.data.pairs import split_by_group
from lens.reward import evidence
from lens.reward.training_set import Standardiser

TEST = 0.4


def posterior(x: np.ndarray, known: np.ndarray, information: np.ndarray) -> np.ndarray:
    """Covariance of w given labelled differences and what their labels tell."""
    size = np.square(x).sum(axis=1).mean()
    precision = np.eye(x.shape[1]) * size / TAU**2 + (known * information[:, None]).T @ known
    return np.linalg.inv(precision)


def greedy(by: str, sure: bool) -> Callable:
    """Picks by the `variance` of a pair's margin, by the `fall` of the pool's mean variance that
    its label would bring, or by the variance per `length`; times p (1 - p) if `sure` pairs count
    less. The posterior is updated after each pick."""

    def rule(x, known, w, count, rng):
        def weigh(rows):
            return expit(rows @ w) * expit(-rows @ w) if sure else np.full(len(rows), 0.25)

        h, covariance = weigh(x), posterior(x, known, weigh(known))
        pool, lengths, picks = x.T @ x / len(x), np.maximum(np.square(x).sum(axis=1), 1e-12), []
        for _ in range(count):
            through = x @ covariance
            variance = (through * x).sum(axis=1)
            worth = h * variance
            if by == "fall":
                worth = h * ((through @ pool) * through).sum(axis=1) / (1 + worth)
            elif by == "length":
                worth = worth / lengths
            worth[picks] = -1
            best = int(worth.argmax())
            picks.append(best)
            share = h[best] / (1 + h[best] * variance[best])
            covariance = covariance - share * np.outer(through[best], through[best])
        return picks

    return rule


def uncertain(x, known, w, count, rng):
    return np.argsort(np.abs(x @ w), kind="stable")[:count]


def core_set(x, known, w, count, rng):
    """Farthest first (Sener and Savarese, 2018), a difference and its negative being one."""
    sizes, picks = np.square(x).sum(axis=1), []
    near = np.min([sizes + row @ row - 2 * np.abs(x @ row) for row in known], axis=0)
    for _ in range(count):
        best = int(near.argmax())
        picks.append(best)
        near = np.minimum(near, sizes + sizes[best] - 2 * np.abs(x @ x[best]))
    return picks


def badge(x, known, w, count, rng):
    """k-means++ on gradients at the label that the model expects (Ash et al., 2020)."""
    margins = x @ w
    gradients = x * (np.sign(margins) * expit(-np.abs(margins)))[:, None]
    picks = [int(np.square(gradients).sum(axis=1).argmax())]
    near = np.square(gradients - gradients[picks[0]]).sum(axis=1)
    while len(picks) < count:
        near[picks] = 0
        picks.append(int(rng.choice(len(x), p=near / near.sum())))
        near = np.minimum(near, np.square(gradients - gradients[picks[-1]]).sum(axis=1))
    return picks


def random(x, known, w, count, rng):
    return rng.permutation(len(x))[:count]


RULES = {
    "random": random,
    "variance": greedy("variance", False),
    "variance, p (1 - p)": greedy("variance", True),
    "fall": greedy("fall", False),
    "fall, p (1 - p)": greedy("fall", True),
    "variance per length, p (1 - p)": greedy("length", True),
    "uncertainty": uncertain,
    "core-set": core_set,
    "BADGE": badge,
}


def run(pairs, rule: str, seed: int, args, draw: int = 0) -> list[dict]:
    """Accuracy at every size, of one rule ("lens next" is the library's, one pair a prompt)."""
    held = split_by_group(pairs.table["group"], TEST, derive_seed("labels", seed) % 2**31)
    pool, test = np.flatnonzero(~held), np.flatnonzero(held)
    labelled = np.random.default_rng(seed).permutation(pool)[: args.first]
    rng, rows = np.random.default_rng([seed, draw]), []
    while True:
        sides = np.concatenate([pairs.chosen[labelled], pairs.rejected[labelled]])
        scale = Standardiser.fit(sides).scale
        x = (pairs.chosen - pairs.rejected) / scale
        chosen, rejected = np.split(sides / scale, 2)
        w = evidence.fit(chosen, rejected, pairs.groups[labelled]).weights
        accuracy = correct(x[test] @ w).mean()
        rows.append({"rule": rule, "seed": seed, "pairs": len(labelled), "accuracy": accuracy})
        if len(labelled) + args.batch > min(args.most, len(pool)):
            return rows
        rest = np.setdiff1d(pool, labelled)
        if rule == "lens next":
            array = np.stack([pairs.chosen[rest], pairs.rejected[rest]], axis=1)
            new = choose(part(pairs, labelled), array, args.batch, groups=pairs.groups[rest])
        else:
            new = RULES[rule](x[rest], x[labelled], w, args.batch, rng)
        labelled = np.concatenate([labelled, rest[new]])


def part(pairs, rows):
    from lens.advice.backtest import part

    return part(pairs, np.sort(rows))


def summary(found: pd.DataFrame) -> pd.DataFrame:
    """Points gained against random picks: at each size, and on average from 100 pairs on."""
    chance = found[found["rule"] == "random"].groupby(["seed", "pairs"])["accuracy"].mean()
    lines = {}
    for rule, own in found.groupby("rule", sort=False):
        gains = own.groupby(["seed", "pairs"])["accuracy"].mean() - chance
        gains = 100 * gains.unstack("pairs").dropna()
        gains["from 100"] = gains[[n for n in gains if n >= 100]].mean(axis=1)
        half = t.ppf(0.975, len(gains) - 1) * gains.std() / len(gains) ** 0.5
        lines[rule] = [f"{m:+.1f} ± {h:.1f}" for m, h in zip(gains.mean(), half, strict=True)]
    return pd.DataFrame(lines, index=gains.columns).T


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--set", nargs=2, required=True, metavar=("NAME", "FOLDER"))
    parser.add_argument("--rules", nargs="+", default=[*RULES, "lens next"])
    parser.add_argument(
        "--seeds", type=int, nargs=2, default=[0, 8], help="first and past the last"
    )
    parser.add_argument("--first", type=int, default=40, help="random pairs to begin with")
    parser.add_argument("--batch", type=int, default=20)
    parser.add_argument("--most", type=int, default=300)
    parser.add_argument("--draws", type=int, default=2, help="of random picks, per seed")
    parser.add_argument("--out", required=True, help="rows (.csv), added to those that are there")
    args = parser.parse_args()
    name, folder = args.set
    pairs = saved_pairs(folder)
    for seed in range(*args.seeds):
        rows = []
        for rule in args.rules:
            for draw in range(args.draws if rule == "random" else 1):
                rows += run(pairs, rule, seed, args, draw)
        new = pd.DataFrame(rows).assign(set=name)
        new.to_csv(args.out, mode="a", index=False, header=not os.path.exists(args.out))
    found = pd.read_csv(args.out)
    print(name, summary(found[found["set"] == name]).to_string(), sep="\n")


if __name__ == "__main__":
    main()
