"""Many models of one shape trained at once: one batched matrix product replaces many small ones.

Each run has its own data, seed, batches and optimiser state: it gets the weights that it would get
if it were trained alone.
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
    """`nn.Linear` that may hold the weights of R models [R, out, in], for inputs [R, n, in]."""

    def forward(self, inputs: Tensor) -> Tensor:
        if self.weight.dim() == 2:
            return super().forward(inputs)
        return product(inputs, self.weight) + self.bias.unsqueeze(1)


def product(inputs: Tensor, weight: Tensor) -> Tensor:
    """inputs @ weight^T for each of R models: [R, n, in] and [R, out, in] -> [R, n, out]."""
    return _Product.apply(inputs, weight)


class _Product(torch.autograd.Function):
    """Returns the weight's gradient in the memory layout of the weight, as the optimiser needs."""

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
    """left @ right. Large products run one after another: in a batch each gets one thread only."""
    if max(*left.shape[1:], right.shape[2]) < LARGE:
        return torch.bmm(left, right)
    products = left.new_empty(len(left), left.shape[1], right.shape[2])
    for left_matrix, right_matrix, result in zip(left, right, products, strict=True):
        torch.mm(left_matrix, right_matrix, out=result)
    return products


class Stack(Generic[Model]):
    """R models of one shape, made of `stacked.Linear`, trained by one Adam.

    `module` computes all models that still train at once; its weights are [kept, ...].
    """

    def __init__(self, models: Sequence[Model], learning_rate: float):
        self.module = copy.deepcopy(models[0])
        self._states = [
            {name: value.clone() for name, value in model.state_dict().items()} for model in models
        ]
        self._learning_rate = learning_rate
        self._moments = [
            [(torch.zeros_like(v), torch.zeros_like(v), torch.zeros(())) for v in state.values()]
            for state in self._states
        ]
        self.keep(range(len(models)))

    def keep(self, runs: Sequence[int]) -> None:
        """Trains only these runs from now on; the others keep their weights."""
        self._kept, self._weights = list(runs), []
        for name in self._states[0]:
            stacked = torch.stack([self._states[run][name] for run in runs]).requires_grad_()
            for i, run in enumerate(runs):  # views: Adam's updates reach the stack, too
                self._states[run][name].data = stacked.detach()[i]
            self._weights.append(stacked)
            owner, _, leaf = name.rpartition(".")
            part = self.module.get_submodule(owner)
            part._parameters.pop(leaf, None)
            setattr(part, leaf, stacked)

    def step(self, loss: Tensor, active: Sequence[int]) -> None:
        """One Adam step of the kept runs at the positions `active`; `loss` is their summed loss.

        (`torch.optim.Adam` would import the compiler with it, a second in every process.)
        """
        # contiguous, because the fused Adam ignores strides
        gradients = [g.contiguous() for g in torch.autograd.grad(loss, self._weights)]
        runs = [(i, self._kept[i]) for i in active]
        means, squares, counts = zip(
            *(m for _, run in runs for m in self._moments[run]), strict=True
        )
        adam(
            [value for _, run in runs for value in self._states[run].values()],
            [gradient[i] for i, _ in runs for gradient in gradients],
            list(means),
            list(squares),
            [],
            list(counts),
            lr=self._learning_rate,
            **ADAM,
        )

    def state(self, run: int) -> dict[str, Tensor]:
        """A copy of one model's weights."""
        return {name: value.clone() for name, value in self._states[run].items()}


@dataclass
class Batch:
    """Rows [R, b] of each run's data; a run with fewer than b rows is padded with its row 0."""

    rows: Tensor
    lengths: list[int]

    @property
    def active(self) -> list[int]:
        """The runs that have any rows."""
        return [run for run, length in enumerate(self.lengths) if length]

    def total(self, losses: Tensor) -> Tensor:
        """Sum over runs of the mean of their losses [R, b], without padding."""
        if min(self.lengths) == max(self.lengths):
            return losses.mean(dim=1).sum()
        means = (losses[run, : self.lengths[run]].mean() for run in self.active)
        return sum(means, start=losses.new_zeros(()))


def batches(
    counts: Sequence[int], size: int, generators: Sequence[torch.Generator]
) -> Iterator[Batch]:
    """One shuffled pass over each run's rows in batches of `size`; shorter runs finish earlier."""
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
    """What `make` returns with torch's generator seeded; the generator is restored after."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return make()
