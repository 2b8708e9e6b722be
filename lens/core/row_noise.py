"""Random numbers that depend on a seed and a row only (counter-based).

Noise for row i is a function of (seed, i). It can be drawn again in any batch, order or process,
and is never stored. The bits come from SplitMix64 (Steele, Lea and Flood, 2014): a counter put
through a 64-bit mixer.
"""

import torch
from torch import Tensor

GOLDEN = 0x9E3779B97F4A7C15
MIX_1 = 0xBF58476D1CE4E5B9
MIX_2 = 0x94D049BB133111EB


def row_normals(seeds: Tensor, dim: int) -> Tensor:
    """Standard normals float32 [..., dim] for row seeds int64 [...] (Box-Muller)."""
    bits = row_bits(seeds, dim)
    first = ((bits >> 40) & 0xFFFFFF).double().add(0.5).div(2**24)
    second = ((bits >> 16) & 0xFFFFFF).double().div(2**24)
    return ((-2 * first.log()).sqrt() * (2 * torch.pi * second).cos()).float()


def row_uniforms(seeds: Tensor) -> Tensor:
    """Uniform numbers in (0, 1), float64 [n], for row seeds int64 [n]."""
    return ((row_bits(seeds, 1)[:, 0] >> 12) & (2**52 - 1)).double().add(0.5).div(2**52)


def combine(seed: Tensor | int, *parts: Tensor | int) -> Tensor:
    """Row seeds int64 from a seed and integers that identify a row (broadcast together)."""
    state = _mix(torch.as_tensor(seed))
    for part in parts:
        state = _mix(_mix(state) + torch.as_tensor(part) + 1)
    return state


def row_bits(seeds: Tensor, dim: int) -> Tensor:
    """64 random bits int64 [..., dim] for row seeds int64 [...]."""
    counters = torch.arange(1, dim + 1, device=seeds.device) * _signed(GOLDEN)
    return _mix(_mix(seeds).unsqueeze(-1) + counters)


def _mix(value: Tensor) -> Tensor:
    value = (value ^ _shift(value, 30)) * _signed(MIX_1)
    value = (value ^ _shift(value, 27)) * _signed(MIX_2)
    return value ^ _shift(value, 31)


def _shift(value: Tensor, count: int) -> Tensor:
    return (value >> count) & ((1 << (64 - count)) - 1)  # torch has no unsigned right shift


def _signed(constant: int) -> int:
    return constant - (1 << 64) if constant >= 1 << 63 else constant
