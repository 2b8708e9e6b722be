"""Does it pay to pick by reward - c * standard error? Best-of-n with known rewards.

Each seed draws a world, trains the evidence probe on N labelled pairs, and picks among up to 64
candidates of 100 prompts: by the reward (c = 0), by its lower bounds, and by the reward among those
that are not flagged as unlike the training texts. Gold is in standard deviations among like
candidates. Worlds: `linear`, `bent` and `hinge` as in study.py; `far`, a linear one in which every
tenth candidate is four times as far out as the others; `strange`, where these are also two standard
deviations worse than a mean one, at least. `--pool` takes real candidates with gold scores: half of
the prompts make labelled pairs, the other half judge.

    python benchmarks/pessimism.py --seeds 20 --out-dir results/pessimism
    python benchmarks/pessimism.py --pool NAME CANDIDATES.npy GOLD.npy --n-pairs 300
"""

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from study import rewards
from tqdm import tqdm

from lens.core.intervals import crossed_interval
from lens.core.seeds import derive_seed
from lens.evaluation.best_of_n import best_of_n
from lens.files import artifacts
from lens.report import figures
from lens.reward import evidence
from lens.reward.training_set import Standardiser
from lens.serving.posterior import posterior
from lens.serving.unlike import FLAGGED, Unlike

WORLDS = ("linear", "bent", "hinge", "far", "strange")
PESSIMISM = (0.0, 0.5, 1.0, 2.0)
UNLIKE = "unlike left out"
RULES = (*(f"c = {c:g}" for c in PESSIMISM), UNLIKE)
COLOURS = ("#000000", "#56B4E9", "#0072B2", "#009E73", "#D55E00")
FEATURES, PROMPTS, CANDIDATES = 64, 100, 64
SHARE, FAR, WORSE = 0.1, 4.0, 2.0
Draw = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def known_world(kind: str, n_pairs: int, seed: int) -> Draw:
    """(chosen [N, d], rejected [N, d], candidates [prompts, n, d], gold [prompts, n]), labels by
    Bradley-Terry with reward gaps of standard deviation 2."""
    rng = np.random.default_rng(derive_seed("pessimism", kind, seed))
    spectrum = np.arange(1, FEATURES + 1) ** -0.5
    sides = rng.normal(size=(2, n_pairs, FEATURES)) * spectrum
    pool = rng.normal(size=(PROMPTS, CANDIDATES, FEATURES)) * spectrum
    far = rng.random(pool.shape[:2]) < SHARE * (kind in ("far", "strange"))
    pool[far] *= FAR
    every = np.concatenate([sides.reshape(-1, FEATURES), pool.reshape(-1, FEATURES)])
    found = rewards("linear" if kind in ("far", "strange") else kind, every[None], rng)[0]
    of_pairs, gold = found[: 2 * n_pairs].reshape(2, -1), found[2 * n_pairs :]
    gap = of_pairs[0] - of_pairs[1]
    wins = rng.random(n_pairs) < 1 / (1 + np.exp(-2 * gap / gap.std()))
    gold = (gold.reshape(pool.shape[:2]) - of_pairs.mean()) / of_pairs.std()
    if kind == "strange":
        gold[far] = np.minimum(gold[far], 0) - WORSE
    chosen, rejected = (np.where(wins[:, None], *pair) for pair in (sides, sides[::-1]))
    return chosen, rejected, pool, gold


def real_pool(candidates: np.ndarray, gold: np.ndarray, n_pairs: int, seed: int) -> Draw:
    """As `known_world`: pairs of two candidates that differ in gold, of one half of the prompts."""
    rng = np.random.default_rng(derive_seed("pool", seed))
    prompts = rng.permutation(len(gold))
    train, test = np.array_split(prompts, 2)
    pairs = [
        (prompt, *sorted(two, key=lambda place: -gold[prompt, place]))
        for prompt in train
        for two in rng.permuted(np.arange(gold.shape[1]))
        .reshape(-1)[: 2 * (gold.shape[1] // 2)]
        .reshape(-1, 2)
        if gold[prompt, two[0]] != gold[prompt, two[1]]
    ]
    rows = np.array(pairs)[rng.permutation(len(pairs))[:n_pairs]]
    size = gold.std(axis=1).mean()
    return (
        candidates[rows[:, 0], rows[:, 1]],
        candidates[rows[:, 0], rows[:, 2]],
        candidates[test],
        (gold[test] - gold[test].mean(axis=1, keepdims=True)) / size,
    )


def curves(draw: Draw) -> np.ndarray:
    """Mean gold [rules, n] of the best of n = 1, 2, ..."""
    chosen, rejected, pool, gold = draw
    standardiser = Standardiser.fit(np.concatenate([chosen, rejected]))
    better, worse = standardiser(chosen), standardiser(rejected)
    weights = evidence.fit(better, worse, np.arange(len(better))).weights
    found = posterior(better - worse, standardiser, weights)
    reward, error = standardiser(pool) @ weights, found.errors(pool)
    folds = np.arange(len(chosen)) % 5
    unlike = Unlike.fit(chosen, rejected, folds).farther_out(pool.astype(np.float32)) < FLAGGED
    scores = [reward - c * error for c in PESSIMISM]
    scores.append(np.where(unlike, reward - 1e6, reward))
    return np.stack([best_of_n(score, gold).mean(axis=0) for score in scores])


def measure(name: str, draw: Callable[[int], Draw], seeds: int, n_pairs: int) -> pd.DataFrame:
    """Gold of the best of n, for each rule and n, and its gain over c = 0, over seeds."""
    found = np.stack([curves(draw(seed)) for seed in tqdm(range(seeds), desc=name, disable=None)])
    rows = []
    for place, rule in enumerate(RULES):
        for n in range(1, found.shape[2] + 1):
            own = found[:, place, n - 1]
            gain = crossed_interval((own - found[:, 0, n - 1])[None])
            row = {"world": name, "n_pairs": n_pairs, "rule": rule, "n": n}
            row |= vars(crossed_interval(own[None]))
            rows.append(row | {f"gain_{end}": value for end, value in vars(gain).items()})
    return pd.DataFrame(rows)


def draw_curves(table: pd.DataFrame):
    """Gold over n, a panel for each world and N."""
    panels = list(table.groupby(["world", "n_pairs"], sort=False))
    fig, axes = figures.panels(len(panels), height=2.2)
    for axis, ((world, n_pairs), panel) in zip(axes, panels, strict=True):
        for colour, (rule, line) in zip(COLOURS, panel.groupby("rule", sort=False), strict=True):
            axis.plot(line["n"], line["mean"], color=colour, label=rule)
            axis.fill_between(line["n"], line["low"], line["high"], color=colour, alpha=0.12)
        axis.set_xscale("log", base=2)
        axis.set_title(f"{world}, N = {n_pairs:,}")
        axis.set_xlabel("n candidates")
        axis.set_ylabel("gold of the pick, SD")
    fig.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=5)
    return fig


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--world", nargs="*", choices=WORLDS)
    parser.add_argument(
        "--pool",
        nargs=3,
        action="append",
        default=[],
        metavar=("NAME", "CANDIDATES", "GOLD"),
        help=".npy [prompts, candidates, features] and [prompts, candidates]",
    )
    parser.add_argument("--n-pairs", type=int, nargs="+", default=[100, 300])
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--out-dir", default="results/pessimism")
    args = parser.parse_args()
    worlds = args.world if args.world is not None else [] if args.pool else WORLDS
    pools = {name: [artifacts.read_npy(path) for path in paths] for name, *paths in args.pool}
    tables = []
    for n in args.n_pairs:
        for name in worlds:
            tables.append(measure(name, lambda s: known_world(name, n, s), args.seeds, n))  # noqa: B023
        for name, pool in pools.items():
            tables.append(measure(name, lambda s: real_pool(*pool, n, s), args.seeds, n))  # noqa: B023
    table, out = pd.concat(tables), Path(args.out_dir)
    artifacts.write_table(out / "pessimism.csv", table)
    figures.save(draw_curves(table), out, "pessimism")
    shown = table[table["n"].isin([1, 4, 16, table["n"].max()])]
    print(shown.round(2).to_string(index=False))


if __name__ == "__main__":
    main()
