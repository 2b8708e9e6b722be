"""LENS+: a reward in closed form, plus networks trained on pairs that hide its direction.

The first part is the evidence network. The others train on pairs with strong noise along the
evidence probe's direction, drawn batch by batch, so that other directions and bends have to lower
their loss; each leaves a third of the prompts out, and its margins there decide how much the
networks count. docs/study.md derives it and says how well it works.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
from scipy.special import expit

from lens.core.errors import LensError
from lens.core.seeds import derive_seed
from lens.latent.synthesis import Along
from lens.reward import evidence, tangent
from lens.reward.head import RewardHead
from lens.reward.mlp import Run, train_mlps
from lens.reward.training_set import Training, TrainingSet

FOLDS = 3
LEARNING_RATE = 1e-3
CLEAR = 2.0  # standard errors


@dataclass
class Fold:
    """The training of one network, and the positions among all N pairs that it leaves out."""

    run: Run
    held: np.ndarray


def train(
    data: Mapping[int, TrainingSet], *, scale: int, noise: float, head: dict
) -> dict[int, Training]:
    """The reward model of each seed, from all of its N pairs.

    `noise` is a standard deviation in units of the embeddings' own along the probe. `head` as for
    `train_mlps`, except for the learning rate and early stopping. Together the networks of a seed
    take half as many steps as one MLP takes at most at this scale, each pair with new noise.
    """
    if noise < 0:
        raise LensError(f"complement noise {noise}: a standard deviation is 0 or more.")
    folds = {
        seed: leave_out(part, seed, passes=head["epochs"] * scale // 2, noise=noise)
        for seed, part in data.items()
    }
    runs = [fold.run for seed_folds in folds.values() for fold in seed_folds]
    options = {"epochs": 1, "patience": 1, "learning_rate": LEARNING_RATE, "centred": True}
    trained = iter(train_mlps(runs, **head | options))
    return {
        seed: _combine(data[seed], seed_folds, [next(trained) for _ in seed_folds])
        for seed, seed_folds in folds.items()
    }


def leave_out(part: TrainingSet, seed: int, *, passes: int, noise: float) -> list[Fold]:
    """Trainings that leave a third of the prompts out each, in all of `passes` passes over what a
    single MLP trains on. LensError if all pairs share one prompt."""
    from sklearn.model_selection import GroupKFold

    chosen, rejected, groups = part.all_pairs()
    rows, labels = np.concatenate([part.rows, part.validation_rows]), part.all_labels()
    count = min(FOLDS, len(np.unique(groups)))
    if count < 2:
        raise LensError("all pairs share one prompt, so none can be left out. Add other prompts.")
    draws = max(1, passes * len(part.chosen) // ((count - 1) * len(chosen)))
    folds = []
    for fold, (training, held) in enumerate(GroupKFold(count).split(chosen, groups=groups)):
        fold_data = TrainingSet(
            chosen[training],
            rejected[training],
            chosen[held],
            rejected[held],
            part.standardiser,
            groups[training],
            groups[held],
            rows[training],
            rows[held],
            labels=None if labels is None else labels[training],
            validation_labels=None if labels is None else labels[held],
        )
        line = noise * spread(
            fold_data.chosen, fold_data.rejected, fold_data.groups, fold_data.labels
        )
        source = Along(
            *map(torch.from_numpy, (fold_data.chosen, fold_data.rejected, line)),
            seed=derive_seed(seed, "synthesis", fold),
        )
        variants = torch.arange(1, 1 + draws)  # never without noise
        composition = variants[None, :, None].expand(len(training), -1, 2)
        folds.append(
            Fold(Run(fold_data, source, composition, derive_seed(seed, "head", fold)), held)
        )
    return folds


def spread(
    chosen: np.ndarray,
    rejected: np.ndarray,
    groups: np.ndarray,
    labels: np.ndarray | None = None,
) -> np.ndarray:
    """Standard deviation of embeddings [n, d] on the line of their pairs' evidence probe, as a
    vector [d] along it."""
    weights = evidence.fit(chosen, rejected, groups, labels).weights
    direction = weights / np.linalg.norm(weights)
    return (np.concatenate([chosen, rejected]) @ direction).std() * direction


@dataclass
class Shares:
    """Weights of the first part and of the networks, and the latter's z value before shrinkage."""

    first: float
    networks: float
    z: float


def shares(
    first: np.ndarray,
    networks: np.ndarray,
    labels: np.ndarray | None = None,
    groups: np.ndarray | None = None,
) -> Shares:
    """Bradley-Terry weights of two margins [N] of pairs whose prompts neither was fitted to.

    The networks' weight is shrunk by Breiman's garrote, max(0, 1 - (2 / z)^2), and 0 if it is
    negative: what is not clearly different from nothing by two standard errors is left out. With
    prompts `groups` [N], the standard error is the larger of the model's and that of prompts taken
    as one observation each. The first margins then keep their weight of 1; with networks they
    are weighted again, but never turned round.
    """
    alone = Shares(1.0, 0.0, 0.0)
    if networks.std() == 0:
        return alone
    margins = np.stack([first, networks / networks.std()], axis=1)
    _, weight = fitted = _fit(margins, labels=labels)
    chance = expit(margins @ fitted)
    information = (margins * (chance * (1 - chance))[:, None]).T @ margins
    if not np.linalg.det(information) > 0:  # a part orders every pair: nothing left to find
        return alone
    inverse = np.linalg.inv(information)
    variance = inverse[1, 1]
    if groups is not None:
        scores = ((1 if labels is None else labels) - chance)[:, None] * margins
        _, of_pair = np.unique(groups, return_inverse=True)
        sums = np.stack([np.bincount(of_pair, weights=column) for column in scores.T], axis=1)
        variance = max(variance, (inverse @ (sums.T @ sums) @ inverse)[1, 1])
    z = float(weight / np.sqrt(variance))
    if z <= CLEAR:
        return replace(alone, z=z)
    weight *= 1 - (CLEAR / z) ** 2
    (again,) = _fit(margins[:, :1], weight * margins[:, 1], labels)
    return Shares(float(again), float(weight / networks.std()), z)


def _fit(
    margins: np.ndarray, offset: np.ndarray | float = 0.0, labels: np.ndarray | None = None
) -> np.ndarray:
    """Weights [k] of margins [N, k] with the smallest Bradley-Terry loss, the first not below 0."""
    from scipy.optimize import minimize

    bounds = [(0, None)] + [(None, None)] * (margins.shape[1] - 1)
    start = np.eye(margins.shape[1])[0]

    def loss(weights: np.ndarray) -> float:
        return evidence.cross_entropy(margins @ weights + offset, labels).sum()

    return minimize(loss, start, bounds=bounds, options={"ftol": 1e-14, "gtol": 1e-8}).x


def _combine(part: TrainingSet, folds: list[Fold], trained: list[Training]) -> Training:
    chosen, rejected, groups = part.all_pairs()
    labels = part.all_labels()
    first = part.once(tangent.from_all_pairs)
    margins = np.zeros(len(chosen))
    for fold, training in zip(folds, trained, strict=True):
        model = RewardHead(training.weights, part.standardiser)
        margins[fold.held] = model.score_standardised(chosen[fold.held])
        margins[fold.held] -= model.score_standardised(rejected[fold.held])
    combined = shares(first.margins, margins, labels, groups)
    weights = {"w": np.float32(combined.first) * first.weights["w"]}
    networks = [(combined.first, first.weights)] if "w1" in first.weights else []
    if combined.networks > 0:
        networks += [(combined.networks / len(trained), training.weights) for training in trained]
    if networks:
        weights |= _sum(networks)
    return Training(
        weights,
        {
            "pairs_per_epoch": sum(fold.run.composition[..., 0].numel() for fold in folds),
            "steps": sum(training.metrics["steps"] for training in trained),
            "closed_form_network": first.network,
            "text_noise": first.text_noise,
            "first_share": combined.first,
            "network_share": combined.networks,
            "network_z": combined.z,
        },
    )


def _sum(networks: list[tuple[float, dict[str, np.ndarray]]]) -> dict[str, np.ndarray]:
    """The sum of factors times MLPs, as one MLP."""
    return {
        "w1": np.concatenate([network["w1"] for _, network in networks]),
        "b1": np.concatenate([network["b1"] for _, network in networks]),
        "w2": np.concatenate([np.float32(factor) * one["w2"] for factor, one in networks]),
        "b2": np.sum([np.float32(factor) * network["b2"] for factor, network in networks]),
    }
