"""Pairs with a known linear reward, and trainings on them."""

import numpy as np
import torch

from lens.latent import synthesis
from lens.reward import methods, mlp
from lens.reward.training_set import Standardiser, TrainingSet

HEAD = {"hidden": 16, "learning_rate": 1e-2, "batch_size": 32, "epochs": 15, "patience": 5}
SYNTHESIS = {
    "noise_variance": 0.01,
    "candidates_per_kept": 2,
    "perturbation_variance": 0.01,
    "complement_noise": 10.0,
    "converged_learning_rate": 1e-2,
    "converged_epochs": 5,
    "converged_patience": 2,
}


def linear_world(count=200, validation=40, dim=6, noise=1.0, seed=0):
    """Pairs whose label follows a Bradley-Terry model with a known linear reward."""
    rng = np.random.default_rng(seed)
    truth = np.zeros(dim)
    truth[:2] = 2.0, -1.0
    first, second = rng.normal(size=(2, count + validation, dim))
    swap = rng.random(count + validation) > 1 / (1 + np.exp(-(first - second) @ truth / noise))
    chosen = np.where(swap[:, None], second, first).astype(np.float32)
    rejected = np.where(swap[:, None], first, second).astype(np.float32)
    rows = np.arange(count + validation)
    data = TrainingSet(
        chosen[:count],
        rejected[:count],
        chosen[count:],
        rejected[count:],
        Standardiser(np.zeros(dim, np.float32), np.ones(dim, np.float32)),
        rows[:count].astype(str),
        rows[count:].astype(str),
        rows[:count],
        rows[count:],
    )
    return data, truth


def train_mlp(data, scale=1, seed=0, **changes):
    chosen, rejected = torch.from_numpy(data.chosen), torch.from_numpy(data.rejected)
    composition = synthesis.compose(len(chosen), scale, seed)
    source = synthesis.originals(chosen, rejected)
    run = mlp.Run(data, source, composition, seed)
    return mlp.train_mlps([run], **{**HEAD, **changes})[0]


def train(method, data, *, seed, vae=None, **options):
    return methods.train(method, {seed: data}, vaes={seed: vae}, **options)[seed]
