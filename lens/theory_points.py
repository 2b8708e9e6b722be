"""The trainings behind the theory's constants: growing subsets, one reference on all pairs."""

import math
from collections.abc import Mapping

import numpy as np
import pandas as pd
import torch

from lens import methods, theorem_1
from lens.errors import LensError
from lens.noise import derive_seed
from lens.reward_model import RewardModel
from lens.training_set import Standardiser, TrainingSet, training_set
from lens.vae import SIDES, VAE, train_vaes

Embeddings = Mapping[str, np.ndarray]


def check_sizes(sizes: list[int], available: int) -> list[int]:
    """The sizes that the data allow, ascending, the largest being all training pairs."""
    usable = sorted({size for size in sizes if size < available})
    if len(usable) < 2:
        raise LensError(
            f"theory: of the sizes {sizes} fewer than two are below the {available} training "
            "pairs. Lower `theory.n_pairs` or give more pairs."
        )
    return [*usable, available]


def bradley_terry_losses(model: RewardModel, embeddings: Embeddings, rows) -> np.ndarray:
    """-log sigmoid(r(chosen) - r(rejected)) of each of the pairs at `rows`."""
    chosen, rejected = (model(embeddings[side][rows]) for side in SIDES)
    return np.logaddexp(0, rejected.astype(np.float64) - chosen)


def train_reference(
    data: TrainingSet, seed: int, options: dict, synthesis: dict
) -> tuple[RewardModel, dict]:
    """r*: the reward MLP on the largest set (B.5.1), and how its training went."""
    training = methods.train("original", {seed: data}, scale=1, vaes={}, head=options, **synthesis)[
        seed
    ]
    return RewardModel(training.weights, data.standardiser), training.metrics


def estimation_errors(
    method: str,
    scale: int,
    data: Mapping[int, TrainingSet],
    vaes: Mapping[int, VAE],
    embeddings: Embeddings,
    test: np.ndarray,
    reference_losses: np.ndarray,
    head: dict,
    synthesis: dict,
) -> list[dict]:
    """zeta of each seed: mean test loss beyond the reference's, with its standard error."""
    trainings = methods.train(method, data, scale=scale, vaes=vaes, head=head, **synthesis)
    rows = []
    for seed, training in trainings.items():
        model = RewardModel(training.weights, data[seed].standardiser)
        losses = bradley_terry_losses(model, embeddings, test)
        beyond = losses - reference_losses
        rows.append(
            {
                "method": method,
                "scale": scale,
                "seed": seed,
                "test_loss": losses.mean(),
                "error": beyond.mean(),
                "standard_error": beyond.std(ddof=1) / math.sqrt(len(beyond)),
                "steps": training.metrics["steps"],
                "best_epoch": training.metrics["best_epoch"],
            }
        )
    return rows


@torch.inference_mode()
def reconstruction_errors(
    vae: VAE, own: Standardiser, unit: Standardiser, embeddings: Embeddings, test: np.ndarray
) -> dict:
    """|e - g(mu(e))| over both sides of the test pairs, in the units of `unit`: mean square (the
    paper's measure, B.5.3), mean, and largest (what Assumption 1 speaks of)."""
    units, norms = torch.from_numpy(own.scale / unit.scale), []
    for side in SIDES:
        features = torch.from_numpy(own(embeddings[side][test]))
        decoded = vae.decode(vae.encode(features, side)[0], side)
        norms.append(((decoded - features) * units).norm(dim=1))
    norm = torch.cat(norms).double()
    return {
        "mean_square": norm.square().mean().item(),
        "mean_norm": norm.mean().item(),
        "largest": norm.max().item(),
    }


def train_vaes_on(data: Mapping[int, TrainingSet], options: dict) -> dict[int, VAE]:
    """One VAE for each seed, as the pipeline trains them."""
    vaes = train_vaes(
        [(part.chosen, part.rejected) for part in data.values()],
        seeds=[derive_seed(seed, "vae") for seed in data],
        **options,
    )
    return dict(zip(data, vaes, strict=True))


def equal_steps(vae: dict, data: Mapping[int, TrainingSet], steps: int) -> dict:
    """VAE settings with as many epochs as come nearest to `steps` steps."""
    count = len(next(iter(data.values())).chosen)
    return {**vae, "epochs": max(1, round(steps / math.ceil(count / vae["batch_size"])))}


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
    progress=lambda text: None,
) -> tuple[RewardModel, dict[str, pd.DataFrame], dict]:
    """(reference, tables, metrics); tables are `estimation`, `reconstruction`, `theorem_1` and
    `theorem_1_pairs`.

    Every size below the largest is trained with `original`, and with `repeat` and `lens` at each
    scale; VAEs at every size with the published epochs, and again with `vae_steps` steps whatever
    the size: what remains of the decay then is due to the data and not to the training time.
    """
    test = np.flatnonzero(pairs["split"] == "test")[:max_test_pairs]
    sizes = check_sizes(sizes, int((pairs["split"] == "train").sum()))

    def sets(n_pairs: int, chosen_seeds: list[int]) -> dict[int, TrainingSet]:
        return {
            seed: training_set(
                pairs,
                embeddings,
                n_pairs=n_pairs,
                seed=seed,
                validation_fraction=validation_fraction,
            )
            for seed in chosen_seeds
        }

    progress(f"reference on {sizes[-1]} pairs")
    seed = derive_seed("reference") % 2**31
    data = sets(sizes[-1], [seed])[seed]
    reference, reference_metrics = train_reference(data, seed, head, synthesis)
    reference_losses = bradley_terry_losses(reference, embeddings, test)
    estimation, reconstruction, theorem, every_pair = [], [], [], []
    for n_pairs in sizes:
        progress(f"N = {n_pairs}")
        data = sets(n_pairs, seeds)
        vaes = train_vaes_on(data, vae)
        controls = train_vaes_on(data, equal_steps(vae, data, vae_steps))
        for budget, trained in (("epochs", vaes), ("equal_steps", controls)):
            for seed, model in trained.items():
                errors = reconstruction_errors(
                    model, data[seed].standardiser, reference.standardiser, embeddings, test
                )
                row = {"n_pairs": n_pairs, "seed": seed, "budget": budget}
                reconstruction.append(row | errors)
        for seed, model in vaes.items():
            found, checked = theorem_1.check(
                model,
                data[seed],
                reference,
                noise_variance=synthesis["noise_variance"],
                candidates_per_kept=synthesis["candidates_per_kept"],
                delta=delta,
                seed=derive_seed(seed, "synthesis"),
            )
            theorem.append({"n_pairs": n_pairs, "seed": seed, **found})
            every_pair.append(checked.assign(n_pairs=n_pairs, seed=seed))
        if n_pairs == sizes[-1]:
            continue
        variants = [("original", 1), *((m, k) for k in scales for m in ("repeat", "lens"))]
        for method, scale in variants:
            rows = estimation_errors(
                method, scale, data, vaes, embeddings, test, reference_losses, head, synthesis
            )
            estimation += [{"n_pairs": n_pairs, **row} for row in rows]
    tables = {
        "estimation": pd.DataFrame(estimation),
        "reconstruction": pd.DataFrame(reconstruction),
        "theorem_1": pd.DataFrame(theorem),
        "theorem_1_pairs": pd.concat(every_pair, ignore_index=True),
    }
    metrics = {
        "reference": reference_metrics | {"pairs": sizes[-1]},
        "reference_test_loss": float(reference_losses.mean()),
        "test_pairs": len(test),
        "dim": int(embeddings["chosen"].shape[1]),
        "sizes": sizes,
    }
    return reference, tables, metrics
