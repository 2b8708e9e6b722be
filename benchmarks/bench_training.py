"""Rows of `make bench` on training: times of training and probes, memory at 64x, a theory sweep."""

import argparse
import re
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
import plain_training
import torch
import yaml
from timing import add, seconds

from lens.core.seeds import derive_seed
from lens.latent.vae import VAE
from lens.reward import methods
from lens.reward import probes as linear
from lens.reward.recipes import train_seed_vaes
from lens.reward.training_set import Standardiser, TrainingSet, training_set

CONFIG = yaml.safe_load((Path(__file__).parents[1] / "config.yaml").read_text())
SEEDS = (0, 1, 2)
SIZES = (25, 50, 100, 200, 400, 800, 1600, 3200)
SAME_PROBE = 1e-4  # of a solution's length
SAME = 0.02  # of a loss, after hundreds of steps that amplify last digits
SWEEP_DIM = 64  # the offline world's; at the paper's width products hide the cost of a process


def some_embeddings(count: int, dim: int) -> dict[str, np.ndarray]:
    """Noise and 48 common directions, labelled by a Bradley-Terry model; {side: [n, d]}."""
    rng = np.random.default_rng(0)
    directions = rng.normal(size=(48, dim)).astype(np.float32)
    sides = np.stack(
        [
            rng.normal(size=(count, 48)).astype(np.float32) @ directions / 4
            + rng.normal(size=(count, dim)).astype(np.float32)
            for _ in range(2)
        ]
    )
    margins = (sides[0] - sides[1]) @ rng.normal(size=dim) / np.sqrt(dim)
    turned = rng.random(count) > 1 / (1 + np.exp(-margins))
    sides[:, turned] = sides[::-1, turned]
    return {"chosen": sides[0], "rejected": sides[1]}


def training_sets(n_pairs: int, dim: int, seeds=SEEDS, count: int | None = None) -> dict:
    count = count or n_pairs
    pairs = pd.DataFrame({"split": "train", "group": range(count)})
    embeddings = some_embeddings(count, dim)
    return {
        seed: training_set(pairs, embeddings, n_pairs=n_pairs, seed=seed, validation_fraction=0.1)
        for seed in seeds
    }


def trained_rewards(method: str, data: dict, scale: int, vaes: dict, **changes) -> dict:
    """Validation losses by seed."""
    trained = methods.train(
        method,
        data,
        scale=scale,
        vaes=vaes,
        settings=CONFIG["synthesis"],
        head=CONFIG["reward"] | changes,
    )
    return {seed: one.metrics["validation_losses"] for seed, one in trained.items()}


def training(rows: list, runs: int) -> None:
    """LENS at N = 1,000, d = 4,096, 8x and three seeds, against plain loops."""
    data = training_sets(1000, 4096)
    small = training_sets(50, 4096)
    found = {}

    def ours(warm):
        some = small if warm else data
        found["ours"] = trained_rewards("lens", some, 8, train_seed_vaes(some))

    def plain(warm):
        found["plain"] = plain_training.train(
            small if warm else data,
            scale=8,
            vae=CONFIG["vae"],
            synthesis=CONFIG["synthesis"],
            head=CONFIG["reward"],
        )

    own, peer = seconds(runs, ours, plain)
    best = {way: [min(losses) for losses in by_seed.values()] for way, by_seed in found.items()}
    difference = max(abs(a / b - 1) for a, b in zip(best["ours"], best["plain"], strict=True))
    print(f"    best validation losses differ by at most {difference:.1%}")
    if not difference <= SAME:
        raise SystemExit("the losses are not the same")
    name = "VAE + synthesis + MLP, N = 1,000, d = 4,096, 8x, 3 seeds"
    add(rows, name, "plain DataLoader loops", peer / own, 3.0)


def probes(rows: list, runs: int) -> None:
    """The linear probe's solutions, all penalties and folds, against a fit by lbfgs for each."""
    for n_pairs, dim in ((300, 576), (1000, 4096)):
        (part,) = training_sets(n_pairs, dim, seeds=(0,)).values()
        differences, groups = part.differences()
        kept = linear.kept_in_folds(groups, 5)
        found = {}

        def ours(warm, found=found, x=differences, kept=kept):
            whole, parts = linear.fit_penalties(x, linear.LINEAR_PENALTIES, kept)
            found["ours"] = np.concatenate([whole[None], parts])

        def peer(warm, found=found, x=differences, kept=kept):
            if not warm:
                chosen = [np.ones(len(x), bool), *kept]
                found["peer"] = np.array(
                    [[lbfgs(x[rows], p) for p in linear.LINEAR_PENALTIES] for rows in chosen]
                )

        own, other = seconds(runs, ours, peer)
        gaps = np.linalg.norm(found["ours"] - found["peer"], axis=2)
        difference = (gaps / np.linalg.norm(found["peer"], axis=2)).max()
        print(f"    solutions differ by at most {difference:.1e} of their length")
        if not difference <= SAME_PROBE:
            raise SystemExit("the solutions are not the same")
        name = f"linear probe, 6 penalties x 5 folds, N = {n_pairs:,}, d = {dim:,}"
        add(rows, name, "36 fits by lbfgs", other / own, 30.0)


def lbfgs(differences: np.ndarray, penalty: float) -> np.ndarray:
    """w [d] by scikit-learn, which wants two classes: every other row is turned round."""
    from sklearn.linear_model import LogisticRegression

    signs = np.where(np.arange(len(differences)) % 2, 1.0, -1.0)
    strength = 1 / (penalty * len(differences))
    solver = LogisticRegression(C=strength, fit_intercept=False, max_iter=5000, tol=1e-8)
    return solver.fit(differences * signs[:, None], signs).coef_[0]


def memory(rows: list) -> None:
    """Peak memory of an epoch at 64x beyond that at 1x, each in a process of its own that does
    no more than read its training set from disk and train."""
    with tempfile.TemporaryDirectory() as folder:
        (part,) = training_sets(10_000, 4096, seeds=(0,)).values()
        for name, array in sides_of(part).items():
            np.save(f"{folder}/{name}.npy", array)
        del part
        peaks = [float(run_self("peak", folder, "--scale", str(scale))) for scale in (1, 64)]
    everything = 64 * 9000 * 2 * 4096 * 4 / 2**20
    print(f"    1x: {peaks[0]:,.0f} MiB; the 64x set in memory would be {everything:,.0f} MiB")
    add(
        rows,
        "peak memory of 64x over 1x, MiB, N = 10,000, d = 4,096",
        "the 64x set in memory",
        peaks[1] - peaks[0],
        256,
        at_most=True,
    )


def sides_of(part: TrainingSet) -> dict[str, np.ndarray]:
    return {
        "chosen": part.chosen,
        "rejected": part.rejected,
        "validation_chosen": part.validation_chosen,
        "validation_rejected": part.validation_rejected,
    }


def peak(folder: str, scale: int) -> None:
    """Prints this process's peak memory in MiB after one epoch; the VAE is as it starts."""
    arrays = {file.stem: np.load(file) for file in Path(folder).glob("*.npy")}
    nothing = np.zeros(0)
    standardiser = Standardiser(nothing, nothing)
    data = {
        0: TrainingSet(
            **arrays,
            standardiser=standardiser,
            **dict.fromkeys(("groups", "validation_groups", "rows", "validation_rows"), nothing),
        )
    }
    torch.manual_seed(0)
    shape = {key: CONFIG["vae"][key] for key in ("hidden", "latent", "sharing")}
    trained_rewards("lens", data, scale, {0: VAE(4096, **shape).eval()}, epochs=1)
    # not getrusage: what that tells of a process begins with the memory of the one that started it
    status = Path("/proc/self/status").read_text()
    print(int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) / 1024)


def sweep(rows: list, runs: int, threads: int) -> None:
    """Eight sizes, three runs, VAE and MLP: one process, against one process for each training,
    as many at a time as there are threads."""
    jobs = [
        (kind, str(size), str(seed)) for size in SIZES for seed in SEEDS for kind in ("vae", "mlp")
    ]

    def ours(warm):
        if not warm:
            run_self("sweep")

    def peers(warm):
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(lambda job: run_self("one", *job), jobs[:2] if warm else jobs))

    own, peer = seconds(runs, ours, peers)
    name = f"a theory sweep: 8 sizes x 3 runs x VAE and MLP, d = {SWEEP_DIM}"
    add(rows, name, "one process per training", peer / own, 5.0)


def whole_sweep() -> None:
    """LENS's way: the runs of a size side by side."""
    for size in SIZES:
        data = training_sets(size, SWEEP_DIM, count=max(SIZES))
        train_seed_vaes(data)
        trained_rewards("original", data, 1, {})


def one_training(kind: str, size: int, seed: int) -> None:
    """A plain training, alone in its process."""
    (part,) = training_sets(size, SWEEP_DIM, seeds=(seed,), count=max(SIZES)).values()
    sides = torch.from_numpy(part.chosen), torch.from_numpy(part.rejected)
    if kind == "vae":
        plain_training.train_vae(*sides, derive_seed(seed, "vae"), CONFIG["vae"])
    else:
        validation = (part.validation_chosen, part.validation_rejected)
        plain_training.train_mlp(
            *sides,
            tuple(map(torch.from_numpy, validation)),
            derive_seed(seed, "head"),
            CONFIG["reward"],
        )


def run_self(*arguments: str) -> str:
    command = [sys.executable, __file__, *arguments]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["peak", "sweep", "one"])
    parser.add_argument("job", nargs="*")
    parser.add_argument("--scale", type=int)
    args = parser.parse_args()
    torch.set_num_threads(1)
    if args.what == "peak":
        peak(*args.job, args.scale)
    elif args.what == "sweep":
        whole_sweep()
    else:
        kind, size, seed = args.job
        one_training(kind, int(size), int(seed))
