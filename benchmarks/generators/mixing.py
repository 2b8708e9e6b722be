"""Mixing preference differences: of embeddings, and in the VAE's latent space."""

import math

import torch
from torch import Tensor

from generators.draws import row_integers
from lens.core.errors import LensError
from lens.core.row_noise import combine
from lens.latent.synthesis import Source, with_originals
from lens.latent.vae import VAE


def compose_mixtures(count: int, scale: int) -> Tensor:
    """Variants [count, scale, 2]: the original pair, and new chosen embeddings 1 ... scale - 1
    against the original rejected one."""
    chosen = torch.arange(scale).expand(count, scale)
    return torch.stack([chosen, torch.zeros_like(chosen)], dim=-1)


def difference_mixing(chosen: Tensor, rejected: Tensor, *, mixed: int, seed: int) -> Source:
    """e-_j + (1 / sqrt m) times the sum of m random pairs' (e+ - e-).

    Against e-_j, such a chosen embedding differs by a vector with the covariance of single
    differences and sqrt(m) times their mean: noise is averaged down, the preference direction is
    not.
    """
    return _mixing(chosen, rejected, chosen - rejected, mixed, seed, lambda rows, moved: moved)


@torch.no_grad()
def latent_mixing(vae: VAE, chosen: Tensor, rejected: Tensor, *, mixed: int, seed: int) -> Source:
    """The same in latent space: e-_j + g(mu-_j + (1 / sqrt m) sum of (mu+ - mu-)) - g(mu-_j)."""
    latents = vae.encode(rejected, "rejected")[0]
    differences = vae.encode(chosen, "chosen")[0] - latents

    @torch.no_grad()
    def decode(rows: Tensor, moved: Tensor) -> Tensor:
        return vae.decode(latents[rows] + moved, "chosen") - vae.decode(latents[rows], "rejected")

    return _mixing(chosen, rejected, differences, mixed, seed, decode)


def _mixing(chosen, rejected, differences, mixed, seed, move) -> Source:
    def synthesise(side: str, rows: Tensor, variants: Tensor) -> Tensor:
        if side == "rejected":
            raise LensError("mixing makes chosen embeddings alone: compose_mixtures.")
        partners = row_integers(combine(seed, rows, variants), mixed, len(differences))
        return rejected[rows] + move(rows, differences[partners].sum(dim=1) / math.sqrt(mixed))

    return with_originals(chosen, rejected, synthesise)
