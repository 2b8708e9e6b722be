"""Noise on embeddings that is not plain: heavy-tailed, along or across the preference."""

import math

from torch import Tensor
from torch.nn.functional import normalize

from lens.latent.synthesis import Source, noisy

DEGREES_OF_FREEDOM = 3


def heavy_tailed(chosen: Tensor, rejected: Tensor, *, noise_variance: float, seed: int) -> Source:
    """Multivariate Student's t with 3 degrees of freedom and this variance per feature."""

    def shape(normals: Tensor) -> Tensor:
        noise, rest = normals[:, DEGREES_OF_FREEDOM:], normals[:, :DEGREES_OF_FREEDOM]
        squares = rest.square().sum(dim=1, keepdim=True)
        return noise * ((DEGREES_OF_FREEDOM - 2) * noise_variance / squares).sqrt()

    width = chosen.shape[1] + DEGREES_OF_FREEDOM
    return noisy(chosen, rejected, width, shape, seed=seed)


def along_preference(
    chosen: Tensor, rejected: Tensor, *, noise_variance: float, seed: int
) -> Source:
    """Gaussian noise on the line of the mean difference alone, of as much length as plain noise."""
    length = math.sqrt(noise_variance * chosen.shape[1])
    step = length * _direction(chosen, rejected)
    return noisy(chosen, rejected, 1, lambda normals: normals * step, seed=seed)


def across_preference(
    chosen: Tensor, rejected: Tensor, *, noise_variance: float, seed: int
) -> Source:
    """Gaussian noise without its part along the mean difference."""
    direction = _direction(chosen, rejected)

    def shape(normals: Tensor) -> Tensor:
        across = normals - (normals @ direction).unsqueeze(1) * direction
        return math.sqrt(noise_variance) * across

    return noisy(chosen, rejected, chosen.shape[1], shape, seed=seed)


def _direction(chosen: Tensor, rejected: Tensor) -> Tensor:
    return normalize((chosen - rejected).mean(dim=0), dim=0)
