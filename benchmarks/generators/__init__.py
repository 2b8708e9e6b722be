"""Ways of making synthetic pairs beyond the paper's that the study measures (docs/study.md).

`METHODS` has an entry for each, as `lens.reward.methods` has for those that `lens` knows. None
served held-out pairs better than the original pairs repeated as often.
"""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from generators import conditional, directed, flow, mixing, mixup, residual
from lens.core.seeds import derive_seed
from lens.latent.synthesis import Source
from lens.reward import mlp
from lens.reward.method import Given, Method
from lens.reward.methods import decoded
from lens.reward.training_set import Training, TrainingSet


def residual_decoding(given: Given) -> Source:
    latents = decoded(given).latents
    return residual.residual_decoding(given.trained_vae(), given.chosen, given.rejected, latents)


def posterior_noise(given: Given) -> Source:
    return residual.posterior_noise(
        given.trained_vae(), given.chosen, given.rejected, widening=1.0, seed=given.seed
    )


def latent_mixing(given: Given) -> Source:
    mixed = given.settings["mixed_differences"]
    return mixing.latent_mixing(
        given.trained_vae(), given.chosen, given.rejected, mixed=mixed, seed=given.seed
    )


def difference_mixing(given: Given) -> Source:
    mixed = given.settings["mixed_differences"]
    return mixing.difference_mixing(given.chosen, given.rejected, mixed=mixed, seed=given.seed)


def mixed_up(given: Given) -> Source:
    return mixup.mixup(given.chosen, given.rejected, seed=given.seed)


def noise(make: Callable[..., Source]) -> Callable[[Given], Source]:
    def source(given: Given) -> Source:
        variance = given.settings["perturbation_variance"]
        return make(given.chosen, given.rejected, noise_variance=variance, seed=given.seed)

    return source


def conditional_sampling(data, *, scale, vaes, settings, head) -> dict[int, Training]:
    pairs = tensors(data)
    seeds = [derive_seed(seed, "conditional_sampling") for seed in data]
    own = conditional.train_conditional_vaes(list(pairs.values()), seeds=seeds)
    sources = [
        conditional.conditional_sampling(vae, *both, seed=derive_seed(seed, "synthesis"))
        for vae, (seed, both) in zip(own, pairs.items(), strict=True)
    ]
    return train_on(data, sources, mixing.compose_mixtures, scale, head)


def latent_flow(data, *, scale, vaes, settings, head) -> dict[int, Training]:
    pairs = tensors(data)
    seeds = [derive_seed(seed, "latent_flow") for seed in data]
    latents = [flow.latent_pairs(vaes[seed], *both) for seed, both in pairs.items()]
    fields = flow.train_flows(latents, seeds=seeds)
    sources = [
        flow.latent_flow(vaes[seed], field, *both, seed=derive_seed(seed, "synthesis"))
        for field, (seed, both) in zip(fields, pairs.items(), strict=True)
    ]
    return train_on(data, sources, mixup.compose_coupled, scale, head)


def tensors(data: Mapping[int, TrainingSet]) -> dict[int, tuple[Tensor, Tensor]]:
    return {
        seed: (torch.from_numpy(part.chosen), torch.from_numpy(part.rejected))
        for seed, part in data.items()
    }


def train_on(data, sources, compose, scale: int, head: dict) -> dict[int, Training]:
    """Reward MLPs on what each seed's source makes."""
    runs = [
        mlp.Run(part, source, compose(len(part.chosen), scale), derive_seed(seed, "head"))
        for source, (seed, part) in zip(sources, data.items(), strict=True)
    ]
    return dict(zip(data, mlp.train_mlps(runs, **head), strict=True))


def mixtures(count: int, scale: int, seed: int) -> Tensor:
    return mixing.compose_mixtures(count, scale)


def coupled(count: int, scale: int, seed: int) -> Tensor:
    return mixup.compose_coupled(count, scale)


METHODS = {
    method.name: method
    for method in (
        Method("residual_decoding", needs_vae=True, source=residual_decoding),
        Method("posterior_noise", needs_vae=True, source=posterior_noise),
        Method("latent_mixing", needs_vae=True, source=latent_mixing, compose=mixtures),
        Method("latent_flow", needs_vae=True, trainer=latent_flow),
        Method("conditional_sampling", trainer=conditional_sampling),
        Method("difference_mixing", source=difference_mixing, compose=mixtures),
        Method("mixup", source=mixed_up, compose=coupled),
        Method("heavy_tailed", source=noise(directed.heavy_tailed)),
        Method("along_preference", source=noise(directed.along_preference)),
        Method("across_preference", source=noise(directed.across_preference)),
    )
}
