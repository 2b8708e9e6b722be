"""A pair-conditional VAE: it models the difference e+ - e- of a pair given its context e-."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from lens.core.errors import LensError
from lens.core.row_noise import combine, row_normals
from lens.core.stacked import Linear, Stack, batches, seeded
from lens.latent.synthesis import Source, with_originals
from lens.latent.vae import kl_to_standard_normal, sample

HIDDEN, LATENT = 64, 16
LEARNING_RATE, BATCH_SIZE, EPOCHS = 1e-4, 128, 100  # as published for the paper's VAE


class ConditionalVAE(nn.Module):
    """q(z | x, c) and x = g(z, c) for differences x and contexts c [n, d]."""

    def __init__(self, dim: int):
        super().__init__()
        self.trunk = nn.Sequential(Linear(2 * dim, HIDDEN), nn.ReLU())
        self.mean_head = Linear(HIDDEN, LATENT)
        self.log_variance_head = Linear(HIDDEN, LATENT)
        self.decoder = nn.Sequential(Linear(LATENT + dim, HIDDEN), nn.ReLU(), Linear(HIDDEN, dim))

    def encode(self, differences: Tensor, contexts: Tensor) -> tuple[Tensor, Tensor]:
        features = self.trunk(torch.cat([differences, contexts], dim=-1))
        return self.mean_head(features), self.log_variance_head(features)

    def decode(self, latents: Tensor, contexts: Tensor) -> Tensor:
        return self.decoder(torch.cat([latents, contexts], dim=-1))


def train_conditional_vaes(
    data: Sequence[tuple[Tensor, Tensor]], *, seeds: Sequence[int], epochs: int = EPOCHS
) -> list[ConditionalVAE]:
    """One for each (chosen, rejected) [n, d] of `data` and its seed, trained side by side."""
    dim = data[0][0].shape[1]
    vaes = [seeded(lambda: ConditionalVAE(dim), seed) for seed in seeds]
    stack = Stack(vaes, LEARNING_RATE)
    generators = [torch.Generator().manual_seed(seed) for seed in seeds]
    for _ in range(epochs):
        for batch in batches([len(chosen) for chosen, _ in data], BATCH_SIZE, generators):
            chosen, rejected = (
                torch.stack([pair[i][rows] for pair, rows in zip(data, batch.rows, strict=True)])
                for i in range(2)
            )
            noise = torch.zeros(*batch.rows.shape, LATENT)
            for run in batch.active:
                shape = (batch.lengths[run], LATENT)
                noise[run, : shape[0]] = torch.randn(shape, generator=generators[run])
            losses = conditional_loss(stack.module, chosen - rejected, rejected, noise)
            stack.step(batch.total(losses), batch.active)
    for run, vae in enumerate(vaes):
        vae.load_state_dict(stack.state(run))
    return vaes


def conditional_loss(vae, differences: Tensor, contexts: Tensor, noise: Tensor) -> Tensor:
    """|x - g(z, c)|^2 + KL(q(z | x, c) || N(0, I)) of each pair, [..., n]."""
    mean, log_variance = vae.encode(differences, contexts)
    decoded = vae.decode(sample(mean, log_variance, noise), contexts)
    kl = kl_to_standard_normal(mean, log_variance).sum(dim=-1)
    return (decoded - differences).square().sum(dim=-1) + kl


def conditional_sampling(
    vae: ConditionalVAE, chosen: Tensor, rejected: Tensor, *, seed: int
) -> Source:
    """e-_j + g(z, e-_j) with z from the prior, against e-_j (`compose_mixtures`)."""

    @torch.no_grad()
    def synthesise(side: str, rows: Tensor, variants: Tensor) -> Tensor:
        if side == "rejected":
            raise LensError("conditional sampling makes chosen embeddings alone: compose_mixtures.")
        latents = row_normals(combine(seed, rows, variants), LATENT)
        return rejected[rows] + vae.decode(latents, rejected[rows])

    return with_originals(chosen, rejected, synthesise)
