"""The rows of Table 1 that train on embeddings: which pairs, and which head, each one uses."""

from collections.abc import Mapping

import torch
from torch import Tensor

from lens.core.errors import LensError
from lens.core.seeds import derive_seed
from lens.files import cost
from lens.latent import synthesis
from lens.latent.generators import conditional, directed, flow, mixing, mixup, residual
from lens.latent.synthesis import Source
from lens.latent.vae import VAE
from lens.reward import lens_plus, mlp
from lens.reward.probes import PROBES
from lens.reward.training_set import Training, TrainingSet

LATENT = (
    "lens",
    "synthetic_only",
    "residual_decoding",
    "posterior_noise",
    "latent_mixing",
    "latent_flow",
)
SYNTHETIC = (
    "repeat",
    "direct_perturbation",
    "gaussian_sampling",
    *LATENT,
    "difference_mixing",
    "conditional_sampling",
    "mixup",
    "heavy_tailed",
    "along_preference",
    "across_preference",
)
METHODS = ("original", *SYNTHETIC, *PROBES, "lens_plus")


def train(
    method: str,
    data: Mapping[int, TrainingSet],
    *,
    scale: int,
    vaes: Mapping[int, VAE],
    settings: dict,
    head: dict,
) -> dict[int, Training]:
    """Trains the reward models of one method and scale, one for each seed in `data`.

    `vaes` holds each seed's VAE where the method is one of `LATENT`; `settings` is the section
    `synthesis` of the configuration, `head` goes to `train_mlps`. Everything random follows the
    seed; initial weights and the order of triplets do not depend on the method, so that methods can
    be compared seed by seed.
    """
    if method in PROBES:
        return {seed: PROBES[method](part) for seed, part in data.items()}
    if method == "lens_plus":
        noise = settings["complement_noise"]
        return lens_plus.train(data, scale=scale, noise=noise, head=head)
    if method not in METHODS:
        raise LensError(f"method {method!r} is none of {', '.join(METHODS)}.")
    if method == "original" and scale != 1:
        raise LensError("method original has scale 1; its larger scales are called repeat.")
    pairs = {
        seed: (torch.from_numpy(part.chosen), torch.from_numpy(part.rejected))
        for seed, part in data.items()
    }
    runs = []
    with cost.part("drawing"):
        models = generators(method, pairs, vaes)
        for seed, part in data.items():
            source = make_source(
                method,
                *pairs[seed],
                scale=scale,
                vae=vaes.get(seed),
                model=models.get(seed),
                settings=settings,
                seed=derive_seed(seed, "synthesis"),
            )
            composition = compose(method, len(part.chosen), scale, derive_seed(seed, "compose"))
            runs.append(mlp.Run(part, source, composition, derive_seed(seed, "head")))
    return dict(zip(data, mlp.train_mlps(runs, **head), strict=True))


def compose(method: str, count: int, scale: int, seed: int) -> Tensor:
    """Which variants make up each pair [count, scale, 2], as the method's source has them."""
    if method in ("difference_mixing", "latent_mixing", "conditional_sampling"):
        return mixing.compose_mixtures(count, scale)
    if method in ("mixup", "latent_flow"):
        return mixup.compose_coupled(count, scale)
    if method == "synthetic_only":
        return synthesis.compose_synthetic(count, scale, seed)
    return synthesis.compose(count, scale, seed)


def generators(
    method: str, pairs: Mapping[int, tuple[Tensor, Tensor]], vaes: Mapping[int, VAE]
) -> dict:
    """Models by seed that a method trains besides the VAE."""
    seeds = [derive_seed(seed, method) for seed in pairs]
    if method == "conditional_sampling":
        trained = conditional.train_conditional_vaes(list(pairs.values()), seeds=seeds)
    elif method == "latent_flow":
        latents = [flow.latent_pairs(vaes[seed], *both) for seed, both in pairs.items()]
        trained = flow.train_flows(latents, seeds=seeds)
    else:
        return {}
    return dict(zip(pairs, trained, strict=True))


def make_source(
    method: str,
    chosen: Tensor,
    rejected: Tensor,
    *,
    scale: int,
    vae: VAE | None,
    model: torch.nn.Module | None,
    settings: dict,
    seed: int,
) -> Source:
    """The method's synthetic embeddings; `model` is from `generators`."""
    pairs, variance = (chosen, rejected), settings["perturbation_variance"]
    match method:
        case "lens" | "residual_decoding" | "synthetic_only":
            alone = method == "synthetic_only"
            latents = synthesis.lens_latents(
                vae,
                *pairs,
                keep=synthesis.synthetic_per_embedding(scale, alone=alone),
                candidates_per_kept=settings["candidates_per_kept"],
                noise_variance=settings["noise_variance"],
                seed=seed,
            )
            residuals = method == "residual_decoding"
            make = residual.residual_decoding if residuals else synthesis.Decoded
            return make(vae, *pairs, latents)
        case "posterior_noise":
            widening = settings["posterior_widening"]
            return residual.posterior_noise(vae, *pairs, widening=widening, seed=seed)
        case "latent_flow":
            return flow.latent_flow(vae, model, *pairs, seed=seed)
        case "latent_mixing":
            mixed = settings["mixed_differences"]
            return mixing.latent_mixing(vae, *pairs, mixed=mixed, seed=seed)
        case "difference_mixing":
            mixed = settings["mixed_differences"]
            return mixing.difference_mixing(*pairs, mixed=mixed, seed=seed)
        case "conditional_sampling":
            return conditional.conditional_sampling(model, *pairs, seed=seed)
        case "mixup":
            return mixup.mixup(*pairs, seed=seed)
        case "gaussian_sampling":
            return synthesis.gaussian_sampling(*pairs, seed=seed)
        case "direct_perturbation":
            return synthesis.direct_perturbation(*pairs, noise_variance=variance, seed=seed)
        case "heavy_tailed" | "along_preference" | "across_preference":
            return getattr(directed, method)(*pairs, noise_variance=variance, seed=seed)
        case _:
            return synthesis.originals(*pairs)
