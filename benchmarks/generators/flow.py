"""Flow matching in the VAE's latent space (Lipman et al., 2023): new pairs of latents, decoded."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from lens.core.row_noise import combine, row_normals
from lens.core.stacked import Linear, Stack, seeded
from lens.latent.synthesis import Source, with_originals
from lens.latent.vae import SIDES, VAE

HIDDEN, LEARNING_RATE, BATCH_SIZE, STEPS, EULER_STEPS = 64, 1e-3, 128, 2000, 20


def velocity(width: int) -> nn.Sequential:
    """The field v(x, t) of points [..., n, width] and times [..., n, 1], concatenated."""
    return nn.Sequential(
        Linear(width + 1, HIDDEN),
        nn.SiLU(),
        Linear(HIDDEN, HIDDEN),
        nn.SiLU(),
        Linear(HIDDEN, width),
    )


def train_flows(
    points: Sequence[Tensor], *, seeds: Sequence[int], steps: int = STEPS
) -> list[nn.Sequential]:
    """Fields that carry N(0, I) at t = 0 to each of `points` [n, width] at t = 1, side by side.

    Conditional flow matching on straight lines: the mean of |v(x_t, t) - (x_1 - x_0)|^2.
    """
    fields = [seeded(lambda: velocity(points[0].shape[1]), seed) for seed in seeds]
    stack = Stack(fields, LEARNING_RATE)
    generators = [torch.Generator().manual_seed(seed) for seed in seeds]
    for _ in range(steps):
        ends, starts, times = zip(
            *(_draw(each, g) for each, g in zip(points, generators, strict=True)), strict=True
        )
        end, start, time = torch.stack(ends), torch.stack(starts), torch.stack(times)
        between = torch.cat([(1 - time) * start + time * end, time], dim=-1)
        loss = (stack.module(between) - (end - start)).square().mean(dim=(1, 2)).sum()
        stack.step(loss, range(len(fields)))
    for run, field in enumerate(fields):
        field.load_state_dict(stack.state(run))
    return fields


def _draw(points: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    rows = torch.randint(len(points), (BATCH_SIZE,), generator=generator)
    start = torch.randn(BATCH_SIZE, points.shape[1], generator=generator)
    return points[rows], start, torch.rand(BATCH_SIZE, 1, generator=generator)


@torch.no_grad()
def flow(field: nn.Module, start: Tensor, steps: int = EULER_STEPS) -> Tensor:
    """Where the field carries points [n, width] from t = 0 to 1, by Euler's method."""
    point = start
    for step in range(steps):
        time = torch.full((len(point), 1), step / steps)
        point = point + field(torch.cat([point, time], dim=1)) / steps
    return point


@torch.no_grad()
def latent_pairs(vae: VAE, chosen: Tensor, rejected: Tensor) -> Tensor:
    """Posterior means of both sides of each pair, [n, 2 latent]."""
    sides = zip((chosen, rejected), SIDES, strict=True)
    return torch.cat([vae.encode(embeddings, side)[0] for embeddings, side in sides], dim=1)


def latent_flow(
    vae: VAE, field: nn.Module, chosen: Tensor, rejected: Tensor, *, seed: int
) -> Source:
    """Pairs of latents from the flow, decoded; one draw makes both sides (`compose_coupled`)."""
    width = vae.shape["latent"]

    @torch.no_grad()
    def synthesise(side: str, rows: Tensor, variants: Tensor) -> Tensor:
        both = flow(field, row_normals(combine(seed, rows, variants), 2 * width))
        return vae.decode(both[:, :width] if side == "chosen" else both[:, width:], side)

    return with_originals(chosen, rejected, synthesise)
