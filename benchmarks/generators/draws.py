"""Random numbers that belong to a row, as in `lens.core.row_noise`: uniform ones."""

from torch import Tensor

from lens.core.row_noise import row_bits


def row_uniforms(seeds: Tensor, dim: int) -> Tensor:
    """Numbers float32 [n, dim], uniform in (0, 1), for row seeds int64 [n]."""
    return ((row_bits(seeds, dim) >> 40) & 0xFFFFFF).double().add(0.5).div(2**24).float()


def row_integers(seeds: Tensor, dim: int, below: int) -> Tensor:
    """Integers int64 [n, dim] from 0 to below - 1 for row seeds int64 [n]."""
    return ((row_bits(seeds, dim) >> 12) & (2**52 - 1)) % below
