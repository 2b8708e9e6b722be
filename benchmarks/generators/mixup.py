"""Mixup of whole pairs (Zhang et al., 2018)."""

import torch
from torch import Tensor

from generators.draws import row_integers, row_uniforms
from lens.core.row_noise import combine
from lens.latent.synthesis import Source, with_originals


def compose_coupled(count: int, scale: int) -> Tensor:
    """Variants [count, scale, 2]: variant v of the chosen side meets variant v of the rejected."""
    return torch.arange(scale).expand(count, scale).unsqueeze(-1).repeat(1, 1, 2)


def mixup(chosen: Tensor, rejected: Tensor, *, seed: int) -> Source:
    """Both sides of a pair on the line to those of a random other pair, the share uniform."""
    sides = {"chosen": chosen, "rejected": rejected}

    def synthesise(side: str, rows: Tensor, variants: Tensor) -> Tensor:
        names = combine(seed, rows, variants)
        share = row_uniforms(names, 1)
        partners = row_integers(combine(seed, names), 1, len(chosen))[:, 0]
        return share * sides[side][rows] + (1 - share) * sides[side][partners]

    return with_originals(chosen, rejected, synthesise)
