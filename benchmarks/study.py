"""Which way of training on N pairs serves held-out pairs best? Small, step-matched, seed-paired.

Each seed splits a set anew by prompt (40 % test), draws N training pairs, and trains every method
on them; differences are paired by seed, intervals are Student's t over seeds. Sets are embedded
pairs (files from prepare-pairs and embed-pairs) and simulated worlds whose reward is known.

    python benchmarks/study.py --set NAME PAIRS.parquet EMBEDDINGS.safetensors --world linear \
        --n-pairs 100 300 1000 --seeds 12 --out-dir results/study
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import t
from tqdm import tqdm

from lens import artifacts, methods, models
from lens.data import split_by_group
from lens.noise import derive_seed
from lens.paper.render import markdown_table
from lens.reward_model import RewardModel, pair_accuracy
from lens.training_set import read_embedded, training_set
from lens.vae import train_vaes

SCALE = 8
HEAD = {"hidden": 256, "learning_rate": 1e-4, "batch_size": 128, "epochs": 20, "patience": 5}
VAE = {
    "hidden": 64, "latent": 16, "sharing": "shared_trunk_separate_heads", "beta": 1.0,
    "gamma": 0.1, "learning_rate": 1e-4, "batch_size": 128, "epochs": 100,
}  # fmt: skip
SYNTHESIS = {"noise_variance": 0.01, "candidates_per_kept": 4, "perturbation_variance": 0.01}
CONTROL, PROBE = "repeat", "linear_probe"
# name -> (method, scale, mixed differences, centred head)
VARIANTS = {
    "repeat": ("repeat", SCALE, 1, False),
    "repeat, centred": ("repeat", SCALE, 1, True),
    "lens": ("lens", SCALE, 1, False),
    "lens, centred": ("lens", SCALE, 1, True),
    "mixing of 4, centred": ("difference_mixing", SCALE, 4, True),
    "mixing of 16, centred": ("difference_mixing", SCALE, 16, True),
    "mixing of 64, centred": ("difference_mixing", SCALE, 64, True),
    "mixing of 16": ("difference_mixing", SCALE, 16, False),
    "mean_difference": ("mean_difference", 1, 1, False),
    "linear_probe": ("linear_probe", 1, 1, False),
    "evidence_probe": ("evidence_probe", 1, 1, False),
}
WORLDS = ("linear", "bent", "few_strong", "many_weak", "noise")


def simulate(kind: str, count: int = 8000, dim: int = 384, seed: int = 0):
    """(pair table, embeddings): Gaussian embeddings with a decaying spectrum, Bradley-Terry labels.

    `linear`: reward along 20 of the leading directions; `few_strong`: along 2; `many_weak`: along
    all; `bent`: |z1| + z2 / 3 of two such directions; `noise`: linear with labels near chance.
    """
    rng = np.random.default_rng(derive_seed(kind, seed))
    spectrum = np.arange(1, dim + 1) ** -0.5
    sides = rng.normal(size=(2, count, dim)) * spectrum
    width = min(dim, {"few_strong": 2, "many_weak": dim}.get(kind, 20))
    weights = np.zeros((2, dim))
    weights[:, :width] = rng.normal(size=(2, width)) / np.sqrt(width)
    first, second = (sides @ one for one in weights)
    scale = first.std()
    reward = np.abs(first) / scale + second / second.std() / 3 if kind == "bent" else first / scale
    gap = reward[0] - reward[1]
    gap *= (0.4 if kind == "noise" else 2.0) / gap.std()
    wins = rng.random(count) < 1 / (1 + np.exp(-gap))
    chosen = np.where(wins[:, None], sides[0], sides[1]).astype(np.float32)
    rejected = np.where(wins[:, None], sides[1], sides[0]).astype(np.float32)
    names = [str(i) for i in range(count)]
    table = pd.DataFrame({"id": names, "group": names, "split": "train"})
    return table, {"chosen": chosen, "rejected": rejected}


def accuracies(pairs, embeddings, n_pairs: int, seeds: range) -> dict[str, np.ndarray]:
    """Accuracy on held-out pairs [seeds] of every variant trained on N pairs."""
    data, tests = {}, {}
    for seed in seeds:
        held = split_by_group(pairs["group"], 0.4, derive_seed("study", seed) % 2**31)
        split = pairs.assign(split=np.where(held, "test", "train"))
        tests[seed] = np.flatnonzero(held)
        data[seed] = training_set(
            split, embeddings, n_pairs=n_pairs, seed=seed, validation_fraction=0.1
        )
    vaes = train_vaes(
        [(part.chosen, part.rejected) for part in data.values()],
        seeds=[derive_seed(seed, "vae") for seed in data],
        **VAE,
    )
    result = {}
    for name, (method, scale, mixed, centred) in tqdm(VARIANTS.items(), leave=False, disable=None):
        trainings = methods.train(
            method,
            data,
            scale=scale,
            vaes=dict(zip(data, vaes, strict=True)),
            mixed_differences=mixed,
            head={**HEAD, "centred": centred},
            **SYNTHESIS,
        )
        values = []
        for seed, training in trainings.items():
            model = RewardModel(training.weights, data[seed].standardiser)
            sides = [model(embeddings[side][tests[seed]]) for side in ("chosen", "rejected")]
            values.append(pair_accuracy(*sides).mean())
        result[name] = np.array(values)
    return result


def paired(values: np.ndarray, control: np.ndarray) -> tuple[float, float]:
    """(mean, half of the 95 % interval) of the difference in points, over seeds."""
    gaps = 100 * (values - control)
    return gaps.mean(), t.ppf(0.975, len(gaps) - 1) * gaps.std(ddof=1) / np.sqrt(len(gaps))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--set", nargs=3, action="append", default=[], metavar="NAME_AND_FILES")
    parser.add_argument("--world", nargs="*", default=[], choices=WORLDS)
    parser.add_argument("--n-pairs", type=int, nargs="+", default=[100, 300, 1000])
    parser.add_argument("--seeds", type=int, default=12)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out-dir", default="results/study")
    args = parser.parse_args()
    models.set_threads(args.threads)
    sets = {name: read_embedded(*files) for name, *files in args.set}
    sets |= {f"simulated, {kind}": simulate(kind) for kind in args.world}
    out, rows = Path(args.out_dir), []
    for name, (pairs, embeddings) in sets.items():
        for n_pairs in args.n_pairs:
            if n_pairs > 0.55 * len(pairs):
                continue
            found = accuracies(pairs, embeddings, n_pairs, range(args.seeds))
            for variant, values in found.items():
                rows += [
                    {
                        "set": name,
                        "n_pairs": n_pairs,
                        "variant": variant,
                        "seed": seed,
                        "accuracy": a,
                    }
                    for seed, a in enumerate(values)
                ]
            artifacts.write_table(out / "study.csv", pd.DataFrame(rows))
            artifacts.write_text(out / "study.md", report(pd.DataFrame(rows)))
    print((out / "study.md").read_text(encoding="utf-8"))


def report(table: pd.DataFrame) -> str:
    """A Markdown table: accuracy, and paired differences to the repeat control and the probe."""
    rows = []
    for (name, n_pairs), part in table.groupby(["set", "n_pairs"], sort=False):
        wide = part.pivot(index="seed", columns="variant", values="accuracy")
        for variant in VARIANTS:
            cells = [f"{100 * wide[variant].mean():.1f}"]
            for control in (CONTROL, PROBE):
                mean, half = paired(wide[variant].to_numpy(), wide[control].to_numpy())
                cells.append("-" if variant == control else f"{mean:+.1f} ± {half:.1f}")
            rows.append([name, f"{n_pairs:,}", variant.replace("_", " "), *cells])
    header = ["set", "N", "variant", "accuracy %", "vs repeat", "vs linear probe"]
    return markdown_table(header, rows)


if __name__ == "__main__":
    main()
