"""The trainings for the theory's constants: on growing subsets, and a reference on all pairs."""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import TypeAlias

import numpy as np
import pandas as pd
import torch

from lens.core.errors import LensError
from lens.core.seeds import derive_seed
from lens.files import artifacts, saves
from lens.files.embeddings import Embeddings
from lens.latent.vae import SIDES, VAE, load_vae, save_vae, train_vaes
from lens.reward import methods
from lens.reward.head import RewardHead
from lens.reward.training_set import Standardiser, TrainingSet, training_set
from lens.theory import theorem_1

TABLES = ("estimation", "reconstruction", "theorem_1", "theorem_1_pairs")
Tables: TypeAlias = dict[str, pd.DataFrame]  # {one of `TABLES`: rows of it}
TOGETHER = 20_000  # pairs of all seeds that train side by side; of more a seed trains alone


def check_sizes(sizes: list[int], available: int) -> list[int]:
    """The sizes below `available`, ascending, then `available`; LensError for fewer than two."""
    usable = sorted({size for size in sizes if size < available})
    if len(usable) < 2:
        raise LensError(
            f"theory: fewer than two of the sizes {sizes} are below the {available} training "
            "pairs. Lower `theory.n_pairs` or give more pairs."
        )
    return [*usable, available]


def bradley_terry_losses(model: RewardHead, embeddings: Embeddings, rows: np.ndarray) -> np.ndarray:
    """-log sigmoid(r(chosen) - r(rejected)) of the pairs at `rows`, float64 [n]."""
    chosen, rejected = (model(embeddings[side][rows]) for side in SIDES)
    return np.logaddexp(0, rejected.astype(np.float64) - chosen)


@torch.inference_mode()
def reconstruction_errors(
    vae: VAE,
    standardiser: Standardiser,
    unit: Standardiser,
    embeddings: Embeddings,
    test: np.ndarray,
) -> dict:
    """|e - g(mu(e))| over both sides of the test pairs, in the units of `unit`: mean square (the
    paper's measure, B.5.3), mean, and largest (as in Assumption 1). `standardiser` is the VAE's."""
    units, norms = torch.from_numpy(standardiser.scale / unit.scale), []
    for side in SIDES:
        features = torch.from_numpy(standardiser(embeddings[side][test]))
        error = vae.decode(vae.encode(features, side)[0], side)
        error -= features
        norms.append(error.mul_(units).norm(dim=1))
    norm = torch.cat(norms).double()
    return {
        "mean_square": norm.square().mean().item(),
        "mean_norm": norm.mean().item(),
        "largest": norm.max().item(),
    }


def equal_steps(vae: dict, count: int, steps: int) -> dict:
    """VAE settings with the number of epochs over `count` pairs closest to `steps` steps."""
    return {**vae, "epochs": max(1, round(steps / math.ceil(count / vae["batch_size"])))}


@dataclass
class Sweep:
    """What all sizes share: data, settings, and the reference model.

    `test` are rows of test pairs; `vae`, `head` and `synthesis` are settings as in the config.
    """

    pairs: pd.DataFrame
    embeddings: Embeddings
    test: np.ndarray
    validation_fraction: float
    vae: dict
    head: dict
    synthesis: dict
    reference: RewardHead = field(init=False)
    reference_losses: np.ndarray = field(init=False)

    def sets(self, n_pairs: int, seeds: list[int]) -> dict[int, TrainingSet]:
        """{seed: its training set of `n_pairs` pairs}."""
        return {
            seed: training_set(
                self.pairs,
                self.embeddings,
                n_pairs=n_pairs,
                seed=seed,
                validation_fraction=self.validation_fraction,
            )
            for seed in seeds
        }

    def train_reference(self, n_pairs: int, path: Path) -> dict:
        """Trains r*, the reward MLP on the largest set (B.5.1), and saves it in a file, if it is
        not there; returns the training's metrics."""

        def train(path: Path, _: Path) -> dict:
            seed = derive_seed("reference") % 2**31
            data = self.sets(n_pairs, [seed])
            training = methods.train(
                "original", data, scale=1, vaes={}, head=self.head, settings=self.synthesis
            )[seed]
            RewardHead(training.weights, data[seed].standardiser).save(path)
            return training.metrics

        metrics = saves.piece(path, train)
        metrics.pop("seconds")
        self.reference = RewardHead.load(path)
        self.reference_losses = bradley_terry_losses(self.reference, self.embeddings, self.test)
        return metrics


class Group:
    """The seeds that train side by side at one size: `results` are tables of `TABLES`, made of
    pieces that an interruption spares (`lens.files.saves.piece`), in `folder`.

    Their training sets are read when a piece is made, and dropped with the group.
    """

    def __init__(self, sweep: Sweep, n_pairs: int, seeds: list[int], folder: Path):
        self.sweep, self.n_pairs, self.seeds, self.folder = sweep, n_pairs, seeds, folder

    @cached_property
    def data(self) -> dict[int, TrainingSet]:
        return self.sweep.sets(self.n_pairs, self.seeds)

    @cached_property
    def vaes(self) -> dict[int, VAE]:
        return {seed: load_vae(self.vae_file(seed)) for seed in self.seeds}

    def vae_file(self, seed: int) -> Path:
        return self.folder / f"vae_{seed}.safetensors"

    def results(
        self, variants: list[tuple[str, int]], *, vae_steps: int, delta: float
    ) -> Iterator[tuple[str, pd.DataFrame]]:
        """(name of a table, rows of it), piece by piece; `variants` are (method, scale)."""
        pieces: dict[str, Callable[[], Tables]] = {
            "epochs": self.usual_vaes,
            "equal_steps": partial(self.control_vaes, vae_steps),
            "theorem_1": partial(self.theorem_1, delta),
        }
        for method, scale in variants:
            pieces[f"{method}_x{scale}"] = partial(self.estimation, method, scale)
        for name, make in pieces.items():
            yield from _piece(self.folder / name, make).items()

    def usual_vaes(self) -> Tables:
        """Trains and saves the VAEs that the other pieces use."""
        vaes = self.train_vaes(self.sweep.vae)
        for seed, vae in vaes.items():
            save_vae(self.vae_file(seed), vae)
        return self.reconstruction("epochs", vaes)

    def control_vaes(self, steps: int) -> Tables:
        count = len(self.data[self.seeds[0]].chosen)
        vaes = self.train_vaes(equal_steps(self.sweep.vae, count, steps))
        return self.reconstruction("equal_steps", vaes)

    def train_vaes(self, options: dict) -> dict[int, VAE]:
        """{seed: its VAE}, trained as the workflow trains them."""
        vaes = train_vaes(
            [(part.chosen, part.rejected) for part in self.data.values()],
            seeds=[derive_seed(seed, "vae") for seed in self.seeds],
            **options,
        )
        return dict(zip(self.seeds, vaes, strict=True))

    def reconstruction(self, budget: str, vaes: Mapping[int, VAE]) -> Tables:
        """Held-out reconstruction errors per seed's VAE, in the reference's units."""
        unit, test = self.sweep.reference.standardiser, self.sweep.test
        rows = [
            {"budget": budget, "seed": seed}
            | reconstruction_errors(
                vae, self.data[seed].standardiser, unit, self.sweep.embeddings, test
            )
            for seed, vae in vaes.items()
        ]
        return {"reconstruction": pd.DataFrame(rows)}

    def theorem_1(self, delta: float) -> Tables:
        """Theorem 1 on each seed's synthetic pairs: a summary, and all pairs."""
        synthesis = self.sweep.synthesis
        summaries, tables = [], []
        for seed, vae in self.vaes.items():
            summary, table = theorem_1.check(
                vae,
                self.data[seed],
                self.sweep.reference,
                noise_variance=synthesis["noise_variance"],
                candidates_per_kept=synthesis["candidates_per_kept"],
                delta=delta,
                seed=derive_seed(seed, "synthesis"),
            )
            summaries.append({"seed": seed, **summary})
            tables.append(table.assign(seed=seed))
        return {"theorem_1": pd.DataFrame(summaries), "theorem_1_pairs": pd.concat(tables)}

    def estimation(self, method: str, scale: int) -> Tables:
        """zeta per seed: mean test loss minus the reference's, with its standard error."""
        sweep = self.sweep
        trainings = methods.train(
            method,
            self.data,
            scale=scale,
            vaes=self.vaes,
            head=sweep.head,
            settings=sweep.synthesis,
        )
        rows = []
        for seed, training in trainings.items():
            model = RewardHead(training.weights, self.data[seed].standardiser)
            losses = bradley_terry_losses(model, sweep.embeddings, sweep.test)
            excess = losses - sweep.reference_losses
            rows.append(
                {
                    "method": method,
                    "scale": scale,
                    "seed": seed,
                    "test_loss": losses.mean(),
                    "error": excess.mean(),
                    "standard_error": excess.std(ddof=1) / math.sqrt(len(excess)),
                    "steps": training.metrics["steps"],
                    "best_epoch": training.metrics["best_epoch"],
                }
            )
        return {"estimation": pd.DataFrame(rows)}


def _piece(folder: Path, make: Callable[[], Tables]) -> Tables:
    """The tables of a piece, read from its folder: what an earlier attempt has saved is not made
    again."""

    def save(folder: Path, _: Path) -> dict:
        for name, table in make().items():
            artifacts.write_table(folder / f"{name}.parquet", table)
        return {}

    saves.piece(folder, save)
    return {file.stem: artifacts.read_table(file) for file in sorted(folder.glob("*.parquet"))}


def measure(
    pairs: pd.DataFrame,
    embeddings: Embeddings,
    *,
    sizes: list[int],
    scales: list[int],
    seeds: list[int],
    max_test_pairs: int,
    validation_fraction: float,
    delta: float,
    vae_steps: int,
    vae: dict,
    head: dict,
    synthesis: dict,
    folder: Path,
    progress: Callable[[str], object] = lambda text: None,
) -> tuple[RewardHead, dict[str, pd.DataFrame], dict]:
    """Trains all models: (reference, tables by the names `TABLES`, metrics).

    Every size below the largest is trained with `original`, and with `repeat` and `lens` at each
    scale. VAEs are trained at every size with the published epochs, and again with `vae_steps`
    steps: the decay that remains then is due to the data and not to the training time. In `folder`
    is what an earlier attempt has finished (`lens.files.saves.unfinished`).
    """
    test = np.flatnonzero(pairs["split"] == "test")[:max_test_pairs]
    sizes = check_sizes(sizes, int((pairs["split"] == "train").sum()))
    sweep = Sweep(pairs, embeddings, test, validation_fraction, vae, head, synthesis)
    progress(f"reference on {sizes[-1]} pairs")
    reference_metrics = sweep.train_reference(sizes[-1], folder / "reference.safetensors")
    variants = [("original", 1), *((m, k) for k in scales for m in ("repeat", "lens"))]
    parts: dict[str, list[pd.DataFrame]] = {name: [] for name in TABLES}
    for n_pairs in sizes:
        progress(f"N = {n_pairs}")
        methods_here = variants if n_pairs < sizes[-1] else []
        together = max(1, TOGETHER // n_pairs)
        for first in range(0, len(seeds), together):
            some = seeds[first : first + together]
            group = Group(sweep, n_pairs, some, folder / f"n{n_pairs}/{first}")
            for name, table in group.results(methods_here, vae_steps=vae_steps, delta=delta):
                table.insert(0, "n_pairs", n_pairs)
                parts[name].append(table)
    tables = {name: pd.concat(rows, ignore_index=True) for name, rows in parts.items()}
    metrics = {
        "reference": reference_metrics | {"pairs": sizes[-1]},
        "reference_test_loss": float(sweep.reference_losses.mean()),
        "test_pairs": len(test),
        "dim": int(embeddings["chosen"].shape[1]),
        "sizes": sizes,
    }
    return sweep.reference, tables, metrics
