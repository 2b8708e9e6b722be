"""Does choosing which pairs to label beat random picks? Each rule against random, paired by seed.

Every four seeds cut a set into four folds by prompt, each the test of one. The rest is the pool:
all rules begin with the same 40 random pairs of it, and grow to the next of SIZES; at each size the
evidence probe of what is labelled is judged on the test. A set is a folder as `lens advise`,
`lens fit` or word_features.py leave it.

    python benchmarks/labels_study.py --set NAME FOLDER --seeds 100 120 --out labels.csv

The final comparison, as set down before it was run: the rule chosen on seeds below 20 ("lens next"
then), on seeds 100 to 119, of four sets: HH harmless-base and PandaLM (SmolLM2-135M-Instruct), HH
helpful-base and the judged pool (features of words). The gain is the difference in accuracy, as a
mean over 100 to 300 labels; its 95 % interval is Student's over the 20 seeds. Choosing pays where
that lies above 0, and harms where it lies below. (Seeds share a set's pairs. The last column, added
afterwards, takes prompts as random, too: `interval_by_prompt`, each four seeds a round.)
"""

import argparse
import os
from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pandas as pd
from scipy.special import expit
from scipy.stats import t
from sklearn.model_selection import GroupKFold

from lens.advice.backtest import part
from lens.advice.choose import choose
from lens.advice.crossval import correct
from lens.advice.extend import saved_pairs
from lens.core.intervals import interval_by_prompt
from lens.reward import evidence
from lens.reward.training_set import Standardiser

FOLDS = 4
SIZES = (40, 100, 160, 240, 300)
MOST = 0.6  # of the pool that may be labelled


def variance(sure: bool) -> Callable:
    """Picks by the variance of a pair's margin times what a label tells: p (1 - p) at the probe's
    margin where `sure` pairs count less, and that of a margin of 0 otherwise. The posterior is
    updated after each pick."""

    def rule(x, known, w, count, rng):
        def weigh(rows):
            return expit(rows @ w) * expit(-rows @ w) if sure else np.full(len(rows), 0.25)

        h, size = weigh(x), np.square(x).sum(axis=1).mean()
        prior = np.eye(x.shape[1]) * size
        covariance = np.linalg.inv(prior + (known * weigh(known)[:, None]).T @ known)
        left, picks = ((x @ covariance) * x).sum(axis=1), []
        for _ in range(count):
            worth = h * left
            worth[picks] = -1
            best = int(worth.argmax())
            picks.append(best)
            along = covariance @ x[best]
            share = h[best] / (1 + h[best] * (along @ x[best]))
            left -= share * np.square(x @ along)
            covariance -= share * np.outer(along, along)
        return picks

    return rule


def longest(x, known, w, count, rng):
    return np.argsort(-np.square(x).sum(axis=1), kind="stable")[:count]


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


def random(x, known, w, count, rng):
    return rng.permutation(len(x))[:count]


RULES = {
    "random": random,
    "variance": variance(sure=False),
    "variance, p (1 - p)": variance(sure=True),
    "largest difference": longest,
    "uncertainty": uncertain,
    "core-set": core_set,
}


def run(pairs, rule: str, seed: int, draw: int = 0) -> tuple[list[dict], np.ndarray]:
    """Accuracy at every size, of one rule ("lens next" is the library's, one pair a prompt), and
    how often each pair [N] is ordered rightly from the second size on, NaN if not of the test."""
    splitter = GroupKFold(FOLDS, shuffle=True, random_state=seed // FOLDS)
    pool, test = [*splitter.split(pairs.chosen, groups=pairs.groups)][seed % FOLDS]
    rng, rows, outcomes = np.random.default_rng([seed, draw, 1]), [], []
    labelled = np.random.default_rng([seed, 0]).permutation(pool)[: SIZES[0]]
    for size, following in pairwise((*SIZES, len(pairs.table))):
        x, w = fitted(pairs, labelled)
        right = correct(x[test] @ w)
        outcomes.append(right)
        rows.append({"rule": rule, "seed": seed, "pairs": size, "accuracy": right.mean()})
        if following > MOST * len(pool):
            break
        rest = np.setdiff1d(pool, labelled)
        if rule == "lens next":
            sides = np.stack([pairs.chosen[rest], pairs.rejected[rest]], axis=1)
            have = part(pairs, np.sort(labelled))
            new = choose(have, sides, following - size, groups=pairs.groups[rest])
        else:
            new = RULES[rule](x[rest], x[labelled], w, following - size, rng)
        labelled = np.concatenate([labelled, rest[new]])
    often = np.full(len(pairs.table), np.nan)
    often[test] = np.mean(outcomes[1:], axis=0)
    return rows, often


def fitted(pairs, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(all differences, standardised by the labelled `rows`; the evidence probe of these)."""
    sides = np.concatenate([pairs.chosen[rows], pairs.rejected[rows]])
    scale = Standardiser.fit(sides).scale
    chosen, rejected = np.split(sides / scale, 2)
    w = evidence.fit(chosen, rejected, pairs.groups[rows]).weights
    return (pairs.chosen - pairs.rejected) / scale, w


def summary(found: pd.DataFrame) -> pd.DataFrame:
    """Points gained against random picks: at each size, and on average from 100 pairs on; the
    first row has the accuracy of random picks."""
    found = found[found["pairs"] > SIZES[0]]
    means = 100 * found.groupby(["rule", "seed", "pairs"])["accuracy"].mean().unstack("pairs")
    means["mean"] = means.mean(axis=1)
    chance = means.loc["random"]
    lines = {"accuracy of random": [f"{value:.1f}" for value in chance.mean()]}
    for rule in found["rule"].unique():
        gains = (means.loc[rule] - chance).dropna()
        half = t.ppf(0.975, len(gains) - 1) * gains.std() / len(gains) ** 0.5
        lines[rule] = [f"{m:+.1f} ± {h:.1f}" for m, h in zip(gains.mean(), half, strict=True)]
    return pd.DataFrame(lines, index=means.columns).T


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--set", nargs=2, required=True, metavar=("NAME", "FOLDER"))
    parser.add_argument("--rules", nargs="+", default=[*RULES, "lens next"])
    parser.add_argument(
        "--seeds", type=int, nargs=2, default=[0, 8], help="first and past the last, in fours"
    )
    parser.add_argument("--draws", type=int, default=2, help="of random picks, per seed")
    parser.add_argument("--out", required=True, help="rows (.csv), added to those that are there")
    args = parser.parse_args()
    name, folder = args.set
    pairs = saved_pairs(folder)
    often: dict[str, list[np.ndarray]] = {rule: [] for rule in args.rules}
    for seed in range(*args.seeds):
        rows = []
        for rule in args.rules:
            draws = range(args.draws if rule == "random" else 1)
            found = [run(pairs, rule, seed, draw) for draw in draws]
            rows += [row for of_draw, _ in found for row in of_draw]
            often[rule].append(np.mean([of_draw for _, of_draw in found], axis=0))
        new = pd.DataFrame(rows).assign(set=name)
        new.to_csv(args.out, mode="a", index=False, header=not os.path.exists(args.out))
    found = pd.read_csv(args.out)
    table = summary(found[found["set"] == name])
    table["prompts, too"] = pd.Series(by_prompt(pairs, often))
    print(name, table.fillna("").to_string(), sep="\n")


def by_prompt(pairs, often: dict[str, list[np.ndarray]]) -> dict[str, str]:
    """Gains with intervals over rounds and prompts, of the whole rounds that were run."""
    rounds = {
        rule: np.nansum(np.reshape(seeds, (-1, FOLDS, len(pairs.table))), axis=1)
        for rule, seeds in often.items()
    }
    lines = {}
    for rule, values in rounds.items():
        gain = interval_by_prompt(values - rounds["random"], pairs.groups, least=-1)
        lines[rule] = f"{100 * gain.mean:+.1f} [{100 * gain.low:+.1f}, {100 * gain.high:+.1f}]"
    return lines


if __name__ == "__main__":
    main()
