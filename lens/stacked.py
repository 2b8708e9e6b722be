"""Models of one shape trained side by side: one batched product where there would be many small.

Each run keeps its own data, seed, batches and optimiser state, so that it ends as it would alone.
"""

import copy
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
    """R models of one shape, made of `stacked.Linear`, under one Adam.

    `module` computes all that are kept at once, its weights being [kept, ...].
    """

    def __init__(self, models: Sequence[nn.Module], learning_rate: float):
        self.module = copy.deepcopy(models[0])
        self._own = [
            {name: value.clone() for name, value in model.state_dict().items()} for model in models
        ]
        self._optimiser = torch.optim.Adam(
            [value for own in self._own for value in own.values()], lr=learning_rate, fused=True
        )
        self.keep(range(len(models)))

    def keep(self, kept: Sequence[int]) -> None:
        """Goes on with these runs alone; the others stay as they are."""
        self._kept, self._weights = list(kept), []
        for name in self._own[0]:
            stacked = torch.stack([self._own[run][name] for run in kept]).requires_grad_()
            for place, run in enumerate(kept):  # views: what Adam does to one, it does to the stack
                self._own[run][name].data = stacked.detach()[place]
            self._weights.append(stacked)
            owner, _, leaf = name.rpartition(".")
            part = self.module.get_submodule(owner)
            part._parameters.pop(leaf, None)
            setattr(part, leaf, stacked)

    def step(self, loss: Tensor, active: Sequence[int]) -> None:
        """One step of the kept runs at these places down the gradient of `loss`, their sum."""
        # contiguous, because the fused Adam reads memory without regard to strides
        gradients = [g.contiguous() for g in torch.autograd.grad(loss, self._weights)]
        for place, run in enumerate(self._kept):
            for value, gradient in zip(self._own[run].values(), gradients, strict=True):
                value.grad = gradient[place] if place in active else None
        self._optimiser.step()

    def state(self, run: int) -> dict[str, Tensor]:
        """A copy of one model's weights."""
        return {name: value.clone() for name, value in self._own[run].items()}


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
