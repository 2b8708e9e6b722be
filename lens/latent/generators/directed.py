"""Noise on embeddings that is not plain: heavy-tailed, along or across the preference."""

import math

from torch import Tensor
from torch.nn.functional import normalize

from lens.core.row_noise import combine, row_normals
from lens.latent.synthesis import Source, with_originals
from lens.latent.vae import SIDES

DEGREES_OF_FREEDOM = 3


def heavy_tailed(chosen: Tensor, rejected: Tensor, *, noise_variance: float, seed: int) -> Source:
    """Multivariate Student's t with 3 degrees of freedom and this variance per feature."""

    def shape(normals: Tensor) -> Tensor:
        noise, rest = normals[:, DEGREES_OF_FREEDOM:], normals[:, :DEGREES_OF_FREEDOM]
        squares = rest.square().sum(dim=1, keepdim=True)
        return noise * ((DEGREES_OF_FREEDOM - 2) * noise_variance / squares).sqrt()

    return _noise(chosen, rejected, chosen.shape[1] + DEGREES_OF_FREEDOM, shape, seed)


def along_preference(
    chosen: Tensor, rejected: Tensor, *, noise_variance: float, seed: int
) -> Source:
    """Gaussian noise on the line of the mean difference alone, of as much length as plain noise."""
    length = math.sqrt(noise_variance * chosen.shape[1])
    return along(chosen, rejected, length * _direction(chosen, rejected), seed=seed)


def along(chosen: Tensor, rejected: Tensor, step: Tensor, *, seed: int) -> Source:
    """A standard normal times the vector `step` [d], drawn anew for each embedding."""
    return _noise(chosen, rejected, 1, lambda normals: normals * step, seed)


def across_preference(
    chosen: Tensor, rejected: Tensor, *, noise_variance: float, seed: int
) -> Source:
    """Gaussian noise without its part along the mean difference."""
    direction = _direction(chosen, rejected)

    def shape(normals: Tensor) -> Tensor:
        across = normals - (normals @ direction).unsqueeze(1) * direction
        return math.sqrt(noise_variance) * across

    return _noise(chosen, rejected, chosen.shape[1], shape, seed)


def _direction(chosen: Tensor, rejected: Tensor) -> Tensor:
    return normalize((chosen - rejected).mean(dim=0), dim=0)


def _noise(chosen: Tensor, rejected: Tensor, width: int, shape, seed: int) -> Source:
    """The embeddings and what `shape` makes of standard normals [n, width], on each side anew."""
    sides = {"chosen": chosen, "rejected": rejected}

    def synthesise(side: str, rows: Tensor, variants: Tensor) -> Tensor:
        names = combine(seed, SIDES.index(side), rows, variants)
        return sides[side][rows] + shape(row_normals(names, width))

    return with_originals(chosen, rejected, synthesise)
