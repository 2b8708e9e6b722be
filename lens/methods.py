"""The rows of Table 1 that train on embeddings: which pairs, and which head, each one uses."""

from collections.abc import Mapping

import torch

from lens import evidence, reward, synthesis
from lens.errors import LensError
from lens.noise import derive_seed
from lens.training_set import TrainingSet
from lens.vae import VAE

PROBES = ("mean_difference", "linear_probe", "evidence_probe")
SYNTHETIC = ("repeat", "lens", "direct_perturbation", "gaussian_sampling", "difference_mixing")
METHODS = ("original", *SYNTHETIC, *PROBES)


def train(
    method: str,
    data: Mapping[int, TrainingSet],
    *,
    scale: int,
    vaes: Mapping[int, VAE],
    noise_variance: float,
    candidates_per_kept: int,
    perturbation_variance: float,
    mixed_differences: int,
    head: dict,
) -> dict[int, reward.Training]:
    """Trains the reward models of one method and scale, one for each seed in `data`.

    `vaes` holds each seed's VAE where the method is lens; `head` goes to `train_mlps`. Everything
    random follows the seed; initial weights and the order of triplets do not depend on the method,
    so that methods can be compared seed by seed.
    """
    if method == "mean_difference":
        return {seed: reward.mean_difference(part) for seed, part in data.items()}
    if method == "linear_probe":
        return {seed: reward.linear_probe(part) for seed, part in data.items()}
    if method == "evidence_probe":
        return {seed: evidence.evidence_probe(part) for seed, part in data.items()}
    if method not in METHODS:
        raise LensError(f"method {method!r} is none of {', '.join(METHODS)}.")
    if method == "original" and scale != 1:
        raise LensError("method original has scale 1; its larger scales are called repeat.")
    runs = []
    for seed, part in data.items():
        chosen, rejected = torch.from_numpy(part.chosen), torch.from_numpy(part.rejected)
        noise_seed = derive_seed(seed, "synthesis")
        composition = synthesis.compose(len(chosen), scale, derive_seed(seed, "compose"))
        if method == "lens":
            latents = synthesis.lens_latents(
                vaes[seed],
                chosen,
                rejected,
                keep=synthesis.synthetic_per_embedding(scale),
                candidates_per_kept=candidates_per_kept,
                noise_variance=noise_variance,
                seed=noise_seed,
            )
            source = synthesis.lens(vaes[seed], chosen, rejected, latents)
        elif method == "direct_perturbation":
            source = synthesis.direct_perturbation(
                chosen, rejected, noise_variance=perturbation_variance, seed=noise_seed
            )
        elif method == "gaussian_sampling":
            source = synthesis.gaussian_sampling(chosen, rejected, seed=noise_seed)
        elif method == "difference_mixing":
            composition = synthesis.compose_mixtures(len(chosen), scale)
            source = synthesis.difference_mixing(
                chosen, rejected, mixed=mixed_differences, seed=noise_seed
            )
        else:
            source = synthesis.originals(chosen, rejected)
        runs.append(reward.Run(part, source, composition, derive_seed(seed, "head")))
    return dict(zip(data, reward.train_mlps(runs, **head), strict=True))
