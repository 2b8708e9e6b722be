"""Does `lens advise` keep its word? Advice on samples of a set, against the rest of the set.

Each draw takes N pairs for an advice and keeps other prompts to measure, with many more pairs, what
the advice claims: accuracies, differences, and accuracies after training on two and four times as
many pairs. The truth is the mean over all draws; coverage is how often an interval holds it.
`recommended_less_best` is what the recommended recipes reach less what the one that is best on
average reaches, with half of its interval over draws.
"""

import argparse
import json

import numpy as np
import pandas as pd
from scipy.stats import t
from study import REWARDS, gaussian, join, known_reward

from lens.advice.advise import advise
from lens.advice.crossval import correct
from lens.advice.own_pairs import EmbeddedPairs
from lens.core.progress import Bar
from lens.core.seeds import derive_seed
from lens.data.pairs import split_by_group
from lens.files import artifacts
from lens.reward.recipes import VALIDATION, Recipe, train
from lens.reward.training_set import build_training_set

TEST = 0.35


def part(pairs: EmbeddedPairs, rows: np.ndarray) -> EmbeddedPairs:
    table = pairs.table.iloc[rows].reset_index(drop=True)
    return EmbeddedPairs(table, pairs.chosen[rows], pairs.rejected[rows], None, {})


def accuracy(pairs: EmbeddedPairs, recipe: Recipe, rows, test, seed: int) -> float:
    """Of the recipe trained on `rows`, on the pairs at `test`."""
    sides = {"chosen": pairs.chosen, "rejected": pairs.rejected}
    data = build_training_set(rows, pairs.groups, sides, seed=seed, validation_fraction=VALIDATION)
    head = train(recipe, {seed: data})[seed]
    return correct(head(pairs.chosen[test]) - head(pairs.rejected[test])).mean()


def draw(pairs: EmbeddedPairs, count: int, seed: int, scales: list[int], rounds: int) -> list[dict]:
    """What an advice on `count` pairs says, and what the rest of the set says: one row a claim."""
    held = split_by_group(pairs.table["group"], TEST, derive_seed("check", seed) % 2**31)
    test, pool = np.flatnonzero(held), np.flatnonzero(~held)
    pool = np.random.default_rng(seed).permutation(pool)
    own = np.sort(pool[:count])
    found = advise(part(pairs, own), scales=scales, rounds=rounds)
    rows = []

    def claim(kind, name, interval, measured, recipe):
        rows.append({"seed": seed, "kind": kind, "claim": name, "measured": measured})
        rows[-1] |= vars(interval) | {"vae_explains": found.explained.get(recipe, np.nan)}

    trained = np.sort(pool[: round(0.8 * count)])
    measured = {r: accuracy(pairs, r, trained, test, seed) for r in found.accuracy}
    for recipe, interval in found.accuracy.items():
        claim("accuracy", str(recipe), interval, measured[recipe], recipe)
    for each in found.comparisons:
        if each.control == each.recipe.control:
            gap = measured[each.recipe] - measured[each.control]
            name = f"{each.recipe} - {each.control}"
            claim("difference", name, each.difference, gap, each.recipe)
    for size, interval in zip(found.curve.ahead[1:], found.curve.predicted[1:], strict=True):
        if size <= len(pool):
            more = np.sort(pool[: int(size)])
            got = accuracy(pairs, found.curve.recipe, more, test, seed)
            claim("curve", f"{int(size / count)}x pairs", interval, got, found.curve.recipe)
    rows.append(
        {
            "seed": seed,
            "kind": "recommended",
            "claim": str(found.recommended),
            "measured": measured[found.recommended],
        }
    )
    return rows


def summarise(rows: pd.DataFrame) -> dict:
    """Coverage by claim, what LENS's VAE explains of held-out variance (else nan), and what was
    recommended how often."""
    claims = rows[rows["kind"] != "recommended"]
    truth = claims.groupby(["kind", "claim"], sort=False)["measured"].transform("mean")
    claims = claims.assign(
        truth=truth,
        covered=(claims["low"] <= truth) & (truth <= claims["high"]),
        half=(claims["high"] - claims["low"]) / 2,
    )
    columns = ["truth", "mean", "half", "covered", "vae_explains"]
    by_claim = claims.groupby(["kind", "claim"], sort=False)[columns].mean()
    recommended = rows[rows["kind"] == "recommended"]
    reached = claims[claims["kind"] == "accuracy"].pivot(
        index="seed", columns="claim", values="measured"
    )
    best = reached.mean().idxmax()
    lost = recommended.set_index("seed")["measured"] - reached[best]
    return {
        "claims": by_claim.reset_index().to_dict("records"),
        "recommended": recommended["claim"].value_counts().to_dict(),
        "recommended_measured": float(recommended["measured"].mean()),
        "best_in_hindsight": best,
        "recommended_less_best": [float(lost.mean()), half_width(lost)],
    }


def half_width(values: pd.Series) -> float:
    """Of Student's 95 % interval of a mean over draws."""
    return float(values.sem() * t.ppf(0.975, len(values) - 1))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument(
        "--set",
        nargs="+",
        default=[],
        metavar="FILE",
        help="a FOLDER of embedded pairs, or PAIRS EMBEDDINGS of prepare-pairs and embed-pairs",
    )
    parser.add_argument("--known-reward", choices=REWARDS, help="label the set's pairs anew by it")
    parser.add_argument("--world", choices=REWARDS, help="instead: Gaussian pairs, known reward")
    parser.add_argument("--n-pairs", type=int, default=300)
    parser.add_argument("--draws", type=int, default=20)
    parser.add_argument("--scales", type=int, nargs="+", default=[2])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", required=True, help="rows (.csv); a summary is printed")
    args = parser.parse_args()
    table, arrays = gaussian(args.world) if args.world else join("--set", args.set)
    if args.known_reward:
        table, arrays = known_reward(args.known_reward, table, arrays)
    table = table.assign(prompt="", chosen="", rejected="")  # texts play no part here
    pairs = EmbeddedPairs(table, arrays["chosen"], arrays["rejected"], None, {})
    rows = []
    for seed in Bar(range(args.draws), desc="draws", unit="draw"):
        rows += draw(pairs, args.n_pairs, seed, args.scales, args.rounds)
        artifacts.write_table(args.out, pd.DataFrame(rows))
    print(json.dumps(summarise(pd.DataFrame(rows)), indent=1))


if __name__ == "__main__":
    main()
