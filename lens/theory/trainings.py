"""The trainings for the theory's constants: on growing subsets, and a reference on all pairs."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import torch

from lens.core.errors import LensError
from lens.core.seeds import derive_seed
from lens.files.embeddings import Embeddings
from lens.latent.vae import SIDES, VAE, train_vaes
from lens.reward import methods
from lens.reward.head import RewardHead
from lens.reward.training_set import Standardiser, TrainingSet, training_set
from lens.theory import theorem_1

TABLES = ("estimation", "reconstruction", "theorem_1", "theorem_1_pairs")
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
        decoded = vae.decode(vae.encode(features, side)[0], side)
        norms.append(((decoded - features) * units).norm(dim=1))
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

    def train_reference(self, n_pairs: int) -> dict:
        """Trains r*, the reward MLP on the largest set (B.5.1); returns the training's metrics."""
        seed = derive_seed("reference") % 2**31
        data = self.sets(n_pairs, [seed])
        training = methods.train(
            "original", data, scale=1, vaes={}, head=self.head, settings=self.synthesis
        )[seed]
        self.reference = RewardHead(training.weights, data[seed].standardiser)
        self.reference_losses = bradley_terry_losses(self.reference, self.embeddings, self.test)
        return training.metrics

    def train_vaes(self, data: Mapping[int, TrainingSet], options: dict) -> dict[int, VAE]:
        """{seed: its VAE}, trained as the workflow trains them."""
        vaes = train_vaes(
            [(part.chosen, part.rejected) for part in data.values()],
            seeds=[derive_seed(seed, "vae") for seed in data],
            **options,
        )
        return dict(zip(data, vaes, strict=True))

    def reconstruction(self, data: Mapping[int, TrainingSet], vaes: Mapping[int, VAE]) -> list:
        """Held-out reconstruction errors per seed's VAE, in the reference's units."""
        unit = self.reference.standardiser
        return [
            {"seed": seed}
            | reconstruction_errors(vae, data[seed].standardiser, unit, self.embeddings, self.test)
            for seed, vae in vaes.items()
        ]

    def theorem_1(
        self, data: Mapping[int, TrainingSet], vaes: Mapping[int, VAE], delta: float
    ) -> tuple[list[dict], list[pd.DataFrame]]:
        """Theorem 1 on each seed's synthetic pairs: (summaries, tables of pairs)."""
        summaries, tables = [], []
        for seed, vae in vaes.items():
            summary, table = theorem_1.check(
                vae,
                data[seed],
                self.reference,
                noise_variance=self.synthesis["noise_variance"],
                candidates_per_kept=self.synthesis["candidates_per_kept"],
                delta=delta,
                seed=derive_seed(seed, "synthesis"),
            )
            summaries.append({"seed": seed, **summary})
            tables.append(table.assign(seed=seed))
        return summaries, tables

    def estimation(
        self, method: str, scale: int, data: Mapping[int, TrainingSet], vaes: Mapping[int, VAE]
    ) -> list[dict]:
        """zeta per seed: mean test loss minus the reference's, with its standard error."""
        trainings = methods.train(
            method, data, scale=scale, vaes=vaes, head=self.head, settings=self.synthesis
        )
        rows = []
        for seed, training in trainings.items():
            model = RewardHead(training.weights, data[seed].standardiser)
            losses = bradley_terry_losses(model, self.embeddings, self.test)
            excess = losses - self.reference_losses
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
        return rows

    def at(
        self,
        n_pairs: int,
        seeds: list[int],
        variants: list[tuple[str, int]],
        *,
        vae_steps: int,
        delta: float,
    ) -> dict[str, list[dict] | pd.DataFrame]:
        """{table of `TABLES`: its rows at one size}; `variants` are (method, scale)."""
        tables: dict[str, list] = {name: [] for name in TABLES}
        together = max(1, TOGETHER // n_pairs)
        for first in range(0, len(seeds), together):
            data = self.sets(n_pairs, seeds[first : first + together])
            vaes = self.train_vaes(data, self.vae)
            options = equal_steps(self.vae, len(next(iter(data.values())).chosen), vae_steps)
            controls = self.train_vaes(data, options)
            for budget, trained in (("epochs", vaes), ("equal_steps", controls)):
                rows = self.reconstruction(data, trained)
                tables["reconstruction"] += [{"budget": budget, **row} for row in rows]
            summaries, checked = self.theorem_1(data, vaes, delta)
            tables["theorem_1"] += summaries
            tables["theorem_1_pairs"] += checked
            for method, scale in variants:
                tables["estimation"] += self.estimation(method, scale, data, vaes)
        return {**tables, "theorem_1_pairs": pd.concat(tables["theorem_1_pairs"])}


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
    progress: Callable[[str], object] = lambda text: None,
) -> tuple[RewardHead, dict[str, pd.DataFrame], dict]:
    """Trains all models: (reference, tables by the names `TABLES`, metrics).

    Every size below the largest is trained with `original`, and with `repeat` and `lens` at each
    scale. VAEs are trained at every size with the published epochs, and again with `vae_steps`
    steps: the decay that remains then is due to the data and not to the training time.
    """
    test = np.flatnonzero(pairs["split"] == "test")[:max_test_pairs]
    sizes = check_sizes(sizes, int((pairs["split"] == "train").sum()))
    sweep = Sweep(pairs, embeddings, test, validation_fraction, vae, head, synthesis)
    progress(f"reference on {sizes[-1]} pairs")
    reference_metrics = sweep.train_reference(sizes[-1])
    variants = [("original", 1), *((m, k) for k in scales for m in ("repeat", "lens"))]
    parts: dict[str, list[pd.DataFrame]] = {name: [] for name in TABLES}
    for n_pairs in sizes:
        progress(f"N = {n_pairs}")
        methods_here = variants if n_pairs < sizes[-1] else []
        measured = sweep.at(n_pairs, seeds, methods_here, vae_steps=vae_steps, delta=delta)
        for name, rows in measured.items():
            table = pd.DataFrame(rows)
            table.insert(0, "n_pairs", n_pairs)
            parts[name].append(table)
    tables = {
        name: pd.concat([part for part in sized if len(part)], ignore_index=True)
        for name, sized in parts.items()
    }
    metrics = {
        "reference": reference_metrics | {"pairs": sizes[-1]},
        "reference_test_loss": float(sweep.reference_losses.mean()),
        "test_pairs": len(test),
        "dim": int(embeddings["chosen"].shape[1]),
        "sizes": sizes,
    }
    return sweep.reference, tables, metrics
