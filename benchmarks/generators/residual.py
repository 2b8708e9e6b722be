"""Residual decoding: only the change in latent space is decoded, the embedding keeps the rest."""

import math

import torch
from torch import Tensor

from lens.core.row_noise import combine, row_normals
from lens.latent.synthesis import Source, with_originals
from lens.latent.vae import SIDES, VAE


def residual_decoding(
    vae: VAE, chosen: Tensor, rejected: Tensor, latents: dict[str, Tensor]
) -> Source:
    """e + g(z') - g(mu) with z' from `lens_latents`: what the VAE cannot reconstruct stays."""
    return _residual(vae, chosen, rejected, lambda side, rows, v: latents[side][rows, v - 1])


@torch.no_grad()
def posterior_noise(
    vae: VAE, chosen: Tensor, rejected: Tensor, *, widening: float, seed: int
) -> Source:
    """e + g(mu + w sigma eps) - g(mu): noise scaled by the posterior, w^2 = `widening`."""
    posteriors = {
        side: vae.encode(embeddings, side)
        for side, embeddings in zip(SIDES, (chosen, rejected), strict=True)
    }

    def draw(side: str, rows: Tensor, variants: Tensor) -> Tensor:
        mean, log_variance = (part[rows] for part in posteriors[side])
        noise = row_normals(combine(seed, SIDES.index(side), rows, variants), mean.shape[1])
        return mean + math.sqrt(widening) * (0.5 * log_variance).exp() * noise

    return _residual(vae, chosen, rejected, draw)


@torch.no_grad()
def _residual(vae: VAE, chosen: Tensor, rejected: Tensor, draw) -> Source:
    sides, decoded = {"chosen": chosen, "rejected": rejected}, {}
    for side, embeddings in sides.items():
        decoded[side] = vae.decode(vae.encode(embeddings, side)[0], side)

    @torch.no_grad()
    def synthesise(side: str, rows: Tensor, variants: Tensor) -> Tensor:
        new = vae.decode(draw(side, rows, variants), side)
        return sides[side][rows] + new - decoded[side][rows]

    return with_originals(chosen, rejected, synthesise)
