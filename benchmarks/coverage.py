"""How often do the 95 % intervals of an advice hold the truth? Cross-validation as it is, in worlds
where the truth is known.

Pairs of Gaussian texts, N a draw, one a prompt or all pairs of a prompt's answers; rewards linear
or none at all, with noise of each text's own. The truth is what the models of the folds reach on
many fresh pairs, on average over draws.

    python benchmarks/coverage.py --draws 200
    python benchmarks/coverage.py --draws 200 --methods original evidence_probe
"""

import argparse
from collections.abc import Sequence

import numpy as np
import pandas as pd

from lens.advice.crossval import correct, make_round
from lens.advice.own_pairs import EmbeddedPairs
from lens.core.intervals import interval_by_prompt
from lens.core.progress import Bar
from lens.reward.recipes import Recipe, train

DIM, PROMPTS, ANSWERS, FRESH = 12, 40, 4, 2000
METHODS = ("mean_difference", "evidence_probe")
WORLDS = {  # name -> (strength of the reward, whether pairs share texts)
    "null": (0.0, False),
    "alternative": (0.6, False),
    "null, shared texts": (0.0, True),
    "alternative, shared texts": (0.6, True),
}


def world(strength: float, shared: bool, rng: np.random.Generator) -> EmbeddedPairs:
    prompts = PROMPTS if shared else PROMPTS * ANSWERS
    answers = ANSWERS if shared else 2
    texts = rng.normal(size=(prompts, answers, DIM)).astype(np.float32)
    scores = strength * texts[..., 0] + rng.normal(size=(prompts, answers))
    first, second = np.triu_indices(answers, 1)
    wins = scores[:, first] > scores[:, second]
    sides = np.where(wins[..., None], [texts[:, first], texts[:, second]], 0)
    sides += np.where(wins[..., None], 0, [texts[:, second], texts[:, first]])
    groups = np.repeat(np.arange(prompts), len(first)).astype(str)
    table = pd.DataFrame({"id": range(len(groups)), "group": groups})
    table[["prompt", "chosen", "rejected"]] = ""
    return EmbeddedPairs(table, *sides.reshape(2, -1, DIM).astype(np.float32), None, {})


def draw(name: str, seed: int, rounds: int, methods: Sequence[str] = METHODS) -> list[dict]:
    """Intervals of two methods and of their difference, and what the folds' models reach."""
    strength, shared = WORLDS[name]
    rng = np.random.default_rng([seed, len(name)])
    pairs, fresh = world(strength, shared, rng), world(strength, shared, rng)
    while len(fresh) < FRESH:
        more = world(strength, shared, rng)
        fresh = EmbeddedPairs(
            pd.concat([fresh.table, more.table], ignore_index=True),
            np.concatenate([fresh.chosen, more.chosen]),
            np.concatenate([fresh.rejected, more.rejected]),
            None,
            {},
        )
    found: dict[str, list] = {method: [] for method in methods}
    truth: dict[str, list] = {method: [] for method in methods}
    for number in range(rounds):
        cut = make_round(pairs, 100 * seed + number)
        for method in methods:
            heads = train(Recipe(method), cut.data)
            found[method].append(correct(cut.margins(pairs, heads)))
            gaps = [head(fresh.chosen) - head(fresh.rejected) for head in heads.values()]
            truth[method].append(correct(np.stack(gaps)).mean())
    claims = {method: np.stack(values) for method, values in found.items()}
    reached = {method: np.mean(values) for method, values in truth.items()}
    for values in (claims, reached):
        values["difference"] = values[methods[1]] - values[methods[0]]
    return [
        {"world": name, "claim": claim, "truth": reached[claim]}
        | vars(
            interval_by_prompt(
                values, pairs.groups, least=-1.0, cross_validated=claim != "difference"
            )
        )
        for claim, values in claims.items()
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--draws", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--world", nargs="+", choices=WORLDS, default=list(WORLDS))
    parser.add_argument("--methods", nargs=2, default=METHODS)
    args = parser.parse_args()
    rows = [
        row
        for name in args.world
        for seed in Bar(range(args.draws), desc=name, unit="draw")
        for row in draw(name, seed, args.rounds, args.methods)
    ]
    table = pd.DataFrame(rows)
    truth = table.groupby(["world", "claim"])["truth"].transform("mean")
    table["covered"] = (table["low"] <= truth) & (truth <= table["high"])
    table["half"] = (table["high"] - table["low"]) / 2
    shown = table.groupby(["world", "claim"], sort=False)[["truth", "mean", "half", "covered"]]
    print(shown.mean().round(3).to_string())


if __name__ == "__main__":
    main()
