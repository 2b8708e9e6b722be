"""Models of one shape trained side by side: one batched product where there would be many small.

Each run keeps its own data, seed, batches and optimiser state, so that it ends as it would alone.
"""

import copy
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor, nn
from torch.optim.adam import adam

ADAM: dict[str, Any] = {"beta1": 0.9, "beta2": 0.999, "eps": 1e-8, "weight_decay": 0.0}
ADAM |= {"amsgrad": False, "maximize": False, "fused": True, "foreach": False}
Made = TypeVar("Made")
Model = TypeVar("Model", bound=nn.Module)
LARGE = 1024  # rows or columns from which a product keeps all threads busy by itself


class Linear(nn.Linear):
    """`nn.Linear` whose weights may be those of R models [R, out, in], for inputs [R, n, in]."""

    def forward(self, inputs: Tensor) -> Tensor:
        if self.weight.dim() == 2:
            return super().forward(inputs)
        return product(inputs, self.weight) + self.bias.unsqueeze(1)


def product(inputs: Tensor, weight: Tensor) -> Tensor:
    """inputs @ weight^T for each of R models: [R, n, in] and [R, out, in] -> [R, n, out]."""
    return _Product.apply(inputs, weight)


class _Product(torch.autograd.Function):
    """Gives the weight's gradient in the weight's own layout, which the optimiser needs."""

    @staticmethod
    def forward(ctx: Any, inputs: Tensor, weight: Tensor) -> Tensor:
        ctx.save_for_backward(inputs, weight)
        return _products(inputs, weight.transpose(1, 2))

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor | None]:
        inputs, weight = ctx.saved_tensors
        to_inputs = to_weight = None
        if ctx.needs_input_grad[0]:
            to_inputs = _products(gradient, weight)
        if ctx.needs_input_grad[1]:
            to_weight = _products(gradient.transpose(1, 2), inputs)
        return to_inputs, to_weight


def _products(left: Tensor, right: Tensor) -> Tensor:
    """left @ right: large ones in turn, for a batched product would give each to one thread."""
    if max(*left.shape[1:], right.shape[2]) < LARGE:
        return torch.bmm(left, right)
    out = left.new_empty(len(left), left.shape[1], right.shape[2])
    for one, other, result in zip(left, right, out, strict=True):
        torch.mm(one, other, out=result)
    return out


class Stack(Generic[Model]):
    """R models of one shape, made of `stacked.Linear`, under one Adam.

    `module` computes all that are kept at once, its weights being [kept, ...].
    """

    def __init__(self, models: Sequence[Model], learning_rate: float):
        self.module = copy.deepcopy(models[0])
        self._own = [
            {name: value.clone() for name, value in model.state_dict().items()} for model in models
        ]
        self._learning_rate = learning_rate
        self._moments = [
            [(torch.zeros_like(v), torch.zeros_like(v), torch.zeros(())) for v in own.values()]
            for own in self._own
        ]
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
        """One step of the kept runs at these places down the gradient of `loss`, their sum.

        (`torch.optim.Adam` would import the compiler with it, a second in every process.)
        """
        # contiguous, because the fused Adam reads memory without regard to strides
        gradients = [g.contiguous() for g in torch.autograd.grad(loss, self._weights)]
        runs = [(place, self._kept[place]) for place in active]
        means, squares, counts = zip(
            *(m for _, run in runs for m in self._moments[run]), strict=True
        )
        adam(
            [value for _, run in runs for value in self._own[run].values()],
            [gradient[place] for place, _ in runs for gradient in gradients],
            list(means),
            list(squares),
            [],
            list(counts),
            lr=self._learning_rate,
            **ADAM,
        )

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
        means = (losses[run, : self.lengths[run]].mean() for run in self.active)
        return sum(means, start=losses.new_zeros(()))


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


def seeded(make: Callable[[], Made], seed: int) -> Made:
    """What `make` returns with torch's generator seeded, which is put back after."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return make()
