"""Which way of training on N pairs serves held-out pairs best? Small, step-matched, seed-paired.

Each seed splits a set anew by prompt (40 % test), draws N training pairs, and trains every method
on them; study_report.py makes tables of what this writes. Sets are embedded pairs (folders of
`lens fit` or `lens advise`, or files of the workflow, any number joined in one), with their own
labels or with labels drawn from a known reward on the same embeddings, and Gaussian embeddings with
such labels. With --active every method trains a second time, "active", on as many pairs of which
the last 60 % were chosen by `lens.next_pairs` from a pool of 10 N.

    python benchmarks/study.py --set NAME FOLDER --set OTHER PAIRS.parquet EMBEDDINGS.safetensors \
        --n-pairs 100 300 1000 --seeds 12 --out-dir results/study
"""

import argparse
import time
from pathlib import Path

import numpy as np
import pandas as pd
from generators import METHODS as BEYOND

from lens.advice.extend import saved_pairs
from lens.core.errors import LensError
from lens.core.progress import Bar
from lens.core.seeds import derive_seed
from lens.data.pairs import split_by_group
from lens.files import artifacts
from lens.files.embeddings import read_embedded
from lens.language import loading
from lens.latent.vae import train_vaes
from lens.reward.design import active_rows
from lens.reward.head import RewardHead, pair_accuracy
from lens.reward.methods import METHODS
from lens.reward.recipes import HEAD_SETTINGS, SYNTHESIS_SETTINGS, VAE_SETTINGS
from lens.reward.training_set import Standardiser, TrainingSet, training_set

HEAD, VAE = dict(HEAD_SETTINGS), dict(VAE_SETTINGS)
SYNTHESIS = SYNTHESIS_SETTINGS | {"perturbation_variance": 0.25, "mixed_differences": 16}
ALL = METHODS | BEYOND
TEST, LARGEST = 0.4, 0.59  # shares of the pairs: for test, and the most that N can be
CENTRED, FAST = {"centred": True}, {"centred": True, "learning_rate": 5e-4}
# name -> (method, changes to HEAD, changes to SYNTHESIS)
MAIN = {
    "repeat": ("repeat", {}, {}),
    "repeat, centred": ("repeat", CENTRED, {}),
    "repeat, centred, fast": ("repeat", FAST, {}),
    "LENS": ("lens", {}, {}),
    "LENS, converged": ("lens_converged", {}, {}),
    "mean difference": ("mean_difference", {}, {}),
    "linear probe": ("linear_probe", {}, {}),
    "evidence probe": ("evidence_probe", {}, {}),
    "evidence network": ("evidence_network", {}, {}),
    "LENS+": ("lens_plus", {}, {}),
    "LENS+ without noise": ("lens_plus", {}, {"complement_noise": 0.0}),
}
# As published, by name alone: what the paper compares LENS with.
PAPER = {
    "original": ("original", {}, {}),
    "direct perturbation": ("direct_perturbation", {}, {"perturbation_variance": 0.01}),
    "Gaussian sampling": ("gaussian_sampling", {}, {}),
}
GENERATORS = {
    "LENS, centred": ("lens", CENTRED, {}),
    "residual decoding": ("residual_decoding", CENTRED, {}),
    "posterior noise": ("posterior_noise", CENTRED, {}),
    "latent mixing of 16": ("latent_mixing", CENTRED, {}),
    "latent flow": ("latent_flow", CENTRED, {}),
    "conditional VAE": ("conditional_sampling", CENTRED, {}),
    "mixing of 4": ("difference_mixing", CENTRED, {"mixed_differences": 4}),
    "mixing of 16": ("difference_mixing", CENTRED, {}),
    "mixing of 64": ("difference_mixing", CENTRED, {"mixed_differences": 64}),
    "mixup": ("mixup", CENTRED, {}),
    "plain noise": ("direct_perturbation", CENTRED, {}),
    "heavy-tailed noise": ("heavy_tailed", CENTRED, {}),
    "noise along": ("along_preference", CENTRED, {}),
    "noise across": ("across_preference", CENTRED, {}),
}
REWARDS = ("linear", "few_strong", "many_weak", "noise", "bent", "hinge")


def rewards(kind: str, sides: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Known rewards [2, n] of embeddings [2, n, d] whose leading features come first.

    `linear`: along 20 of the leading features; `few_strong`: along 2; `many_weak`: along all;
    `noise`: linear, with labels near chance; `bent`: 3 |z1| + z2 of two such directions; `hinge`:
    z1+ + z2+ - z3+ of three.
    """
    width = {"few_strong": 2, "many_weak": sides.shape[2]}.get(kind, 20)
    z = sides[..., :width] @ rng.normal(size=(min(width, sides.shape[2]), 3))
    z /= z.std(axis=(0, 1))
    if kind == "bent":
        return 3 * np.abs(z[..., 0]) + z[..., 1]
    if kind == "hinge":
        return np.maximum(z, 0) @ np.array([1, 1, -1])
    return z[..., 0]


def relabel(kind: str, sides: np.ndarray, features: np.ndarray, seed: int) -> dict:
    """Embeddings [2, n, d] as chosen and rejected, by Bradley-Terry labels drawn from `rewards` of
    the features [2, n, d]; reward gaps have a standard deviation of 2 (`noise`: 0.4)."""
    rng = np.random.default_rng(derive_seed(kind, seed))
    gap = np.subtract(*rewards(kind, features, rng))
    gap *= (0.4 if kind == "noise" else 2.0) / gap.std()
    wins = (rng.random(len(gap)) < 1 / (1 + np.exp(-gap)))[:, None]
    return {
        "chosen": np.where(wins, *sides).astype(np.float32),
        "rejected": np.where(wins, *sides[::-1]).astype(np.float32),
    }


def gaussian(
    kind: str, seed: int = 0, count: int = 8500, dim: int = 384
) -> tuple[pd.DataFrame, dict]:
    """(pair table, embeddings): Gaussian embeddings with a decaying spectrum, labelled anew."""
    spectrum = np.arange(1, dim + 1) ** -0.5
    sides = np.random.default_rng(derive_seed("gaussian")).normal(size=(2, count, dim)) * spectrum
    names = [str(i) for i in range(count)]
    return pd.DataFrame({"id": names, "group": names}), relabel(kind, sides, sides, seed)


def known_reward(
    kind: str, pairs: pd.DataFrame, embeddings: dict, seed: int = 0
) -> tuple[pd.DataFrame, dict]:
    """The same pairs with labels of a known reward on their embeddings' principal components."""
    sides = np.stack([embeddings["chosen"], embeddings["rejected"]])
    features = Standardiser.fit(sides.reshape(-1, sides.shape[2]))(sides).astype(np.float64)
    flat = features.reshape(-1, features.shape[2])
    _, directions = np.linalg.eigh(flat.T @ flat)
    return pairs, relabel(kind, sides, features @ directions[:, ::-1], seed)


def join(name: str, files: list[str]) -> tuple[pd.DataFrame, dict]:
    """One set from a folder of embedded pairs, or from (pair table, embeddings) files, two for each
    part."""
    if len(files) == 1:
        pairs = saved_pairs(files[0])
        return pairs.table[["id", "group"]], {"chosen": pairs.chosen, "rejected": pairs.rejected}
    if len(files) % 2 or not files:
        raise LensError(f"set {name}: give a FOLDER, or PAIRS EMBEDDINGS once for each part.")
    parts = [read_embedded(*files[i : i + 2]) for i in range(0, len(files), 2)]
    pairs = pd.concat(
        [table[["id", "group"]].assign(part=i) for i, (table, _) in enumerate(parts)],
        ignore_index=True,
    )
    return pairs, {
        side: np.concatenate([embeddings[side][:] for _, embeddings in parts])
        for side in ("chosen", "rejected")
    }


def draw(
    pairs, embeddings, n_pairs: int, seeds: range, active: bool = False
) -> tuple[dict[int, TrainingSet], dict[int, np.ndarray]]:
    """Each seed's N training pairs, and the rows of its test pairs."""
    data, tests = {}, {}
    for seed in seeds:
        held = split_by_group(pairs["group"], TEST, derive_seed("study", seed) % 2**31)
        split = pairs.assign(split=np.where(held, "test", "train"))
        tests[seed] = np.flatnonzero(held)
        rows = active_rows(split, embeddings, n_pairs, seed) if active else None
        data[seed] = training_set(
            split, embeddings, n_pairs=n_pairs, seed=seed, validation_fraction=0.1, rows=rows
        )
    return data, tests


def accuracy(weights: dict, data: TrainingSet, embeddings, test: np.ndarray) -> float:
    """That of a trained reward on the test pairs."""
    model = RewardHead(weights, data.standardiser)
    return pair_accuracy(*(model(embeddings[side][test]) for side in ("chosen", "rejected"))).mean()


def measure(
    pairs, embeddings, variants, n_pairs: int, scale: int, seeds: range, active: bool = False
) -> pd.DataFrame:
    """Accuracy on held-out pairs of every variant trained on N pairs: a row for each seed.

    `seconds` is processor time of one seed's share of the training, with that of its VAE where one
    is needed.
    """
    data, tests = draw(pairs, embeddings, n_pairs, seeds, active)
    start, vaes, rows = time.process_time(), [], []
    if any(ALL[name].needs_vae for name, *_ in variants.values()):
        vaes = train_vaes(
            [(part.chosen, part.rejected) for part in data.values()],
            seeds=[derive_seed(seed, "vae") for seed in data],
            **VAE,
        )
    for_vae = time.process_time() - start
    for name, (called, head, synthesis) in Bar(
        variants.items(), desc="variants", unit="variant", leave=False
    ):
        start, method = time.process_time(), ALL[called]
        trainings = method.train(
            data,
            scale=scale if method.augments else 1,
            vaes=dict(zip(data, vaes, strict=False)),
            settings=SYNTHESIS | synthesis,
            head=HEAD | head,
        )
        seconds = time.process_time() - start + for_vae * method.needs_vae
        for seed, training in trainings.items():
            rows.append(
                {
                    "variant": f"{name}, active" if active else name,
                    "seed": seed,
                    "accuracy": accuracy(training.weights, data[seed], embeddings, tests[seed]),
                    "seconds": seconds / len(data),
                    "vae_variance_explained": training.metrics.get("vae_variance_explained"),
                }
            )
    return pd.DataFrame(rows).assign(n_pairs=n_pairs, scale=scale)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument(
        "--set",
        nargs="+",
        action="append",
        default=[],
        metavar="NAME FOLDER",
        help="a name, then a folder of `lens fit` or `lens advise`, or one or more times a pair "
        "table and its embeddings",
    )
    parser.add_argument(
        "--known-reward",
        nargs="*",
        choices=REWARDS,
        help="label the pairs of the sets anew by these rewards, in place of their own labels",
    )
    parser.add_argument("--world", nargs="*", default=[], choices=REWARDS, help="Gaussian sets")
    parser.add_argument("--n-pairs", type=int, nargs="+", default=[100, 300, 1000])
    parser.add_argument("--scale", type=int, default=8)
    parser.add_argument("--seeds", type=int, default=12)
    parser.add_argument("--first-seed", type=int, default=0, help="of splits and of known rewards")
    parser.add_argument("--generators", action="store_true", help="measure every generator, too")
    parser.add_argument(
        "--variants",
        nargs="+",
        choices=[*MAIN, *PAPER, *GENERATORS],
        metavar="NAME",
        help="measure these alone, of: " + ", ".join([*MAIN, *PAPER, *GENERATORS]),
    )
    parser.add_argument("--active", action="store_true", help="train on chosen pairs, too")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out-dir", default="results/study")
    args = parser.parse_args()
    loading.set_threads(args.threads)
    if not args.set and not args.world:
        parser.error("nothing to measure: give --set or --world.")
    sets = {name: join(name, files) for name, *files in args.set}
    if args.known_reward:
        sets = {
            f"{name}, {kind}": known_reward(kind, *files, seed=args.first_seed)
            for name, files in sets.items()
            for kind in args.known_reward
        }
    sets |= {f"Gaussian, {kind}": gaussian(kind, args.first_seed) for kind in args.world}
    seeds = range(args.first_seed, args.first_seed + args.seeds)
    variants = MAIN | (GENERATORS if args.generators else {})
    known = MAIN | PAPER | GENERATORS
    variants = {name: known[name] for name in args.variants or variants}
    out, tables = Path(args.out_dir), []
    for name, (pairs, embeddings) in sets.items():
        for n_pairs in args.n_pairs:
            if n_pairs > LARGEST * len(pairs):
                print(f"{name}: too few pairs for N = {n_pairs:,}", flush=True)
                continue
            for active in [False, True] if args.active else [False]:
                found = measure(pairs, embeddings, variants, n_pairs, args.scale, seeds, active)
                tables.append(found.assign(set=name))
            artifacts.write_table(out / "study.csv", pd.concat(tables))
            print(f"{name}, N = {n_pairs:,}: {out / 'study.csv'}", flush=True)


if __name__ == "__main__":
    main()
