"""Does it pay to pick by reward - c * standard error? Best-of-n with known rewards.

Each seed draws a world, trains the evidence probe on N labelled pairs, and picks among up to 64
candidates of 100 prompts: by the reward (c = 0), by its lower bounds, and by the reward among those
that are not flagged as unlike the training texts. Gold is in standard deviations among like
candidates. Worlds: `linear`, `bent` and `hinge` as in study.py; `far`, a linear one in which every
tenth candidate is four times as far out as the others; `strange`, where these are also two standard
deviations worse than a mean one, at least.

`--cell` takes a folder of the workflow's `best_of_n` stage: the probe is trained on the N pairs of
each seed, and judged on the run's candidates with their gold rewards.

    python benchmarks/pessimism.py --seeds 20 --out-dir results/pessimism
    python benchmarks/pessimism.py --cell results/RUN/best_of_n/DATASET/MODEL/n300/repeat/x4
"""

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from study import rewards

from lens.core.intervals import crossed_interval
from lens.core.progress import Bar
from lens.core.seeds import derive_seed
from lens.evaluation import judge
from lens.evaluation.best_of_n import best_of_n
from lens.files import artifacts
from lens.files.embeddings import read_embedded
from lens.report import figures
from lens.reward import evidence
from lens.reward.recipes import VALIDATION
from lens.reward.training_set import Standardiser, training_set
from lens.serving.posterior import posterior
from lens.serving.unlike import FLAGGED, Unlike

WORLDS = ("linear", "bent", "hinge", "far", "strange")
PESSIMISM = (0.0, 0.5, 1.0, 2.0)
UNLIKE = "unlike left out"
RULES = (*(f"c = {c:g}" for c in PESSIMISM), UNLIKE)
COLOURS = ("#000000", "#56B4E9", "#0072B2", "#009E73", "#D55E00")
DASHES = ("-", "--", "-.", ":", "-")
FEATURES, PROMPTS, CANDIDATES = 64, 100, 64
SHARE, FAR, WORSE = 0.1, 4.0, 2.0


@dataclass
class Draw:
    """Labelled pairs, `chosen` and `rejected` [N, d] with the `groups` [N] of their prompts; and
    what judges: `candidates` [prompts, n, d] with their `gold` [prompts, n]."""

    chosen: np.ndarray
    rejected: np.ndarray
    groups: np.ndarray
    candidates: np.ndarray
    gold: np.ndarray


def known_world(kind: str, n_pairs: int, seed: int) -> Draw:
    """One draw with labels by Bradley-Terry, reward gaps having a standard deviation of 2."""
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
    return Draw(chosen, rejected, np.arange(n_pairs), pool, gold)


def in_deviations(gold: np.ndarray) -> np.ndarray:
    """Gold [prompts, n] minus each prompt's mean, in standard deviations among its candidates."""
    return (gold - gold.mean(axis=1, keepdims=True)) / gold.std(axis=1).mean()


def of_cell(folder: str) -> tuple[str, int, list[int], Callable[[int], Draw]]:
    """(name, N, seeds, draw of a seed) of a folder that the workflow's `best_of_n` made: N pairs of
    its training split, and its candidates."""
    place = Path(folder).resolve()
    about = artifacts.read_json(place / "metrics.json")["settings"]
    root = Path(str(place / "prompts.parquet").removesuffix(about["out_prompts"]))
    paths = {name: root / about[name] for name in about if isinstance(about[name], str)}
    pairs, sides = read_embedded(paths["pairs"], paths["pair_embeddings"])
    table, embedded = read_embedded(paths["candidates"], paths["candidate_embeddings"])
    table = judge.with_gold(table, artifacts.read_table(paths["gold"]), paths["gold"])
    prompts, n_pairs = table["prompt_id"].nunique(), int(about["n_pairs"])
    gold = in_deviations(table["gold"].to_numpy(np.float64).reshape(prompts, -1))
    candidates = embedded["candidates"][:].reshape(*gold.shape, -1)
    groups = np.unique(pairs["group"], return_inverse=True)[1]

    def draw(seed: int) -> Draw:
        found = training_set(
            pairs, sides, n_pairs=n_pairs, seed=seed, validation_fraction=VALIDATION
        )
        rows = np.sort(np.concatenate([found.rows, found.validation_rows]))
        both = (sides[side][rows] for side in ("chosen", "rejected"))
        return Draw(*both, groups[rows], candidates, gold)

    run = Path(about["out_prompts"]).parents[6].name
    return f"{run}: {about['dataset']}, {about['model']}", n_pairs, about["seeds"], draw


def curves(draw: Draw) -> np.ndarray:
    """Gold [rules, prompts, n] of the best of n = 1, 2, ..."""
    chosen, rejected, pool = draw.chosen, draw.rejected, draw.candidates
    standardiser = Standardiser.fit(np.concatenate([chosen, rejected]))
    better, worse = standardiser(chosen), standardiser(rejected)
    weights = evidence.fit(better, worse, draw.groups).weights
    found = posterior(better - worse, standardiser, weights)
    reward, error = standardiser(pool) @ weights, found.errors(pool)
    folds = np.unique(draw.groups, return_inverse=True)[1] % 5
    unlike = Unlike.fit(chosen, rejected, folds).farther_out(pool.astype(np.float32)) < FLAGGED
    scores = [reward - c * error for c in PESSIMISM]
    scores.append(np.where(unlike, reward - 1e6, reward))
    return np.stack([best_of_n(score, draw.gold) for score in scores])


def measure(
    name: str, draw: Callable[[int], Draw], seeds: list[int], n_pairs: int, *, same: bool
) -> pd.DataFrame:
    """Gold of the best of n, for each rule and n, and its gain over c = 0. Intervals are over
    seeds, and over prompts as well where all seeds judge the `same` ones."""
    drawn = [curves(draw(seed)) for seed in Bar(seeds, desc=name, unit="draw")]
    found = np.stack(drawn)  # [seeds, rules, prompts, n]
    if not same:
        found = found.mean(axis=2).transpose(1, 0, 2)[None]
    rows = []
    for place, rule in enumerate(RULES):
        for n in range(1, found.shape[3] + 1):
            own = found[:, place, :, n - 1]
            gain = crossed_interval(own - found[:, 0, :, n - 1])
            row = {"world": name, "n_pairs": n_pairs, "rule": rule, "n": n}
            row |= vars(crossed_interval(own))
            rows.append(row | {f"gain_{end}": value for end, value in vars(gain).items()})
    return pd.DataFrame(rows)


def draw_curves(table: pd.DataFrame):
    """Gold over n, a row for each world, a column for each N."""
    worlds, sizes = table["world"].unique(), sorted(table["n_pairs"].unique())
    fig, axes = figures.figure(len(worlds), len(sizes), height=1.5)
    for row in axes:
        for axis in row[1:]:
            axis.sharey(row[0])
    for (world, n_pairs), panel in table.groupby(["world", "n_pairs"]):
        axis = axes[list(worlds).index(world), sizes.index(n_pairs)]
        looks = zip(COLOURS, DASHES, panel.groupby("rule", sort=False), strict=True)
        for colour, dash, (rule, line) in looks:
            axis.plot(line["n"], line["mean"], dash, color=colour, label=rule)
            axis.fill_between(line["n"], line["low"], line["high"], color=colour, alpha=0.12)
        axis.set_xscale("log")
        most = int(panel["n"].max())
        ticks = [*(n for n in (1, 2, 4, 8, 16, 32) if n < most), most]
        axis.set_xticks(ticks, labels=map(str, ticks))
        axis.minorticks_off()
        axis.set_title(f"{world}, N = {n_pairs:,}")
    for axis in axes[-1]:
        axis.set_xlabel("n candidates")
    fig.supylabel("gold of the pick, standard deviations", fontsize=8)
    fig.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=5)
    return fig


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--world", nargs="*", choices=WORLDS)
    parser.add_argument("--cell", nargs="*", default=[], help="folders that `best_of_n` made")
    parser.add_argument("--n-pairs", type=int, nargs="+", default=[100, 300])
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--out-dir", default="results/pessimism")
    args = parser.parse_args()
    worlds = args.world if args.world is not None else [] if args.cell else WORLDS
    seeds, tables = [*range(args.seeds)], []
    for n in args.n_pairs:
        for name in worlds:
            tables.append(measure(name, partial(known_world, name, n), seeds, n, same=False))
    for folder in args.cell:
        name, n, own, draw = of_cell(folder)
        tables.append(measure(name, draw, own, n, same=True))
    table, out = pd.concat(tables), Path(args.out_dir)
    artifacts.write_table(out / "pessimism.csv", table)
    figures.save(draw_curves(table), out, "pessimism")
    most = table.groupby("world")["n"].transform("max")
    shown = table[table["n"].isin([1, 4, 16]) | (table["n"] == most)]
    print(shown.round(2).to_string(index=False))


if __name__ == "__main__":
    main()
