"""Models of one shape trained side by side: one batched product where there would be many small.

Each run keeps its own data, seed, batches and optimiser state, so that it ends as it would alone.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn


class Linear(nn.Linear):
    """`nn.Linear` whose weights may be those of R models [R, out, in], for inputs [R, n, in]."""

    def forward(self, inputs: Tensor) -> Tensor:
        if self.weight.dim() == 2:
            return super().forward(inputs)
        return torch.baddbmm(self.bias.unsqueeze(1), inputs, self.weight.transpose(1, 2))


class Stack:
    """The weights of R models of one shape, [R, ...] each, under one Adam.

    `weights` goes to `torch.func.functional_call` with a module made of `stacked.Linear`.
    """

    def __init__(self, models: Sequence[nn.Module], learning_rate: float):
        states = [model.state_dict() for model in models]
        self.weights = {
            name: torch.stack([state[name] for state in states]).requires_grad_()
            for name in states[0]
        }
        self._own = [
            {name: stacked.detach()[run] for name, stacked in self.weights.items()}
            for run in range(len(models))
        ]  # views: what Adam does to them, it does to the stack
        self._optimiser = torch.optim.Adam(
            [view for own in self._own for view in own.values()], lr=learning_rate, fused=True
        )

    def step(self, loss: Tensor, active: Sequence[int]) -> None:
        """One step of the `active` runs down the gradient of `loss`, the sum of their losses."""
        # contiguous, because the fused Adam reads memory without regard to strides
        gradients = [g.contiguous() for g in torch.autograd.grad(loss, [*self.weights.values()])]
        for run, own in enumerate(self._own):
            for view, gradient in zip(own.values(), gradients, strict=True):
                view.grad = gradient[run] if run in active else None
        self._optimiser.step()

    def state(self, run: int) -> dict[str, Tensor]:
        """A copy of one model's weights."""
        return {name: view.clone() for name, view in self._own[run].items()}


@dataclass
class Batch:
    """Rows [R, b] of each run's own data; a run short of b rows is padded with its row 0."""

    rows: Tensor
    lengths: list[int]

    @property
    def active(self) -> list[int]:
        """The runs that have any rows."""
        return [run for run, length in enumerate(self.lengths) if length]

    def total(self, losses: Tensor) -> Tensor:
        """The sum over runs of the mean of their losses [R, b], padding left out."""
        if min(self.lengths) == max(self.lengths):
            return losses.mean(dim=1).sum()
        return sum(losses[run, : self.lengths[run]].mean() for run in self.active)


def batches(
    counts: Sequence[int], size: int, generators: Sequence[torch.Generator]
) -> Iterator[Batch]:
    """A shuffled pass over each run's rows, `size` at a time; shorter runs end earlier."""
    orders = [
        torch.randperm(count, generator=generator).split(size)
        for count, generator in zip(counts, generators, strict=True)
    ]
    for step in range(max(map(len, orders))):
        parts = [order[step] if step < len(order) else order[0][:0] for order in orders]
        lengths = [len(part) for part in parts]
        rows = torch.zeros(len(parts), max(lengths), dtype=torch.int64)
        for run, part in enumerate(parts):
            rows[run, : len(part)] = part
        yield Batch(rows, lengths)


def seeded(make, seed: int):
    """What `make` returns with torch's generator seeded, which is put back after."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return make()
