"""The rows of Table 1 that train on embeddings: which pairs, and which head, each one uses."""

from pathlib import Path

import torch

from lens import reward, synthesis
from lens.errors import LensError
from lens.noise import derive_seed
from lens.training_set import TrainingSet
from lens.vae import load_vae

PROBES = ("mean_difference", "linear_probe")
SYNTHETIC = ("repeat", "lens", "direct_perturbation", "gaussian_sampling")
METHODS = ("original", *SYNTHETIC, *PROBES)


def train(
    method: str,
    data: TrainingSet,
    *,
    scale: int,
    seed: int,
    vae_path: Path | None,
    noise_variance: float,
    candidates_per_kept: int,
    perturbation_variance: float,
    head: dict,
) -> reward.Training:
    """Trains the reward model of one method, scale and seed; `head` goes to `train_mlp`.

    Everything random follows `seed`; initial weights and the order of triplets do not depend on
    the method, so that methods can be compared seed by seed.
    """
    if method == "mean_difference":
        return reward.mean_difference(data)
    if method == "linear_probe":
        return reward.linear_probe(data)
    if method not in METHODS:
        raise LensError(f"method {method!r} is none of {', '.join(METHODS)}.")
    if method == "original" and scale != 1:
        raise LensError("method original has scale 1; its larger scales are called repeat.")
    composition = synthesis.compose(len(data.chosen), scale, derive_seed(seed, "compose"))
    chosen, rejected = torch.from_numpy(data.chosen), torch.from_numpy(data.rejected)
    noise_seed = derive_seed(seed, "synthesis")
    if method == "lens":
        vae = load_vae(vae_path)
        latents = synthesis.lens_latents(
            vae,
            chosen,
            rejected,
            keep=synthesis.synthetic_per_embedding(scale),
            candidates_per_kept=candidates_per_kept,
            noise_variance=noise_variance,
            seed=noise_seed,
        )
        source = synthesis.lens(vae, chosen, rejected, latents)
    elif method == "direct_perturbation":
        source = synthesis.direct_perturbation(
            chosen, rejected, noise_variance=perturbation_variance, seed=noise_seed
        )
    elif method == "gaussian_sampling":
        source = synthesis.gaussian_sampling(chosen, rejected, seed=noise_seed)
    else:
        source = synthesis.originals(chosen, rejected)
    return reward.train_mlp(data, source, composition, seed=derive_seed(seed, "head"), **head)
