"""How exactly a model computes: high is float32 throughout, fast is bfloat16 where it pays.

On a GPU fast weights and states are bfloat16, as models are shipped. On a CPU the linear layers
alone are: weights and what goes in are rounded to bfloat16, sums and all states are float32. Where
oneDNN does not multiply in bfloat16, the same is rounded and multiplied in float32: the same
numbers (except for the order of sums), at float32's speed. Weights take float32's memory.

`auto` is fast on a CPU with the units, if the states of a few texts move little by it, and high
elsewhere. What it came to is kept with embeddings and reward models. A workflow, whose jobs may run
on several machines, must set `high` or `fast`.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from threading import Lock
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from transformers import PreTrainedModel as Model
    from transformers import PreTrainedTokenizerBase as Tokenizer

MOST_DRIFT = 0.1  # root mean square over states, each in its standard deviations over texts
HEADS = ("score", "classifier")  # which read a state once and cost nothing
FEW = 2**22  # multiplications of a product that oneDNN may leave in float32, or do no faster
_rounding = Lock()  # what oneDNN rounds is said for the whole process
SENTENCES = (
    "How do I keep bread fresh?",
    "Keep it in a paper bag, cut side down, and not in the fridge, where it dries out.",
    "No.",
    "The committee has put off its decision until March, which nobody had expected.",
    "def area(radius):\n    return 3.14159 * radius ** 2",
    "I am sorry to hear that. Would it help to talk about what happened?",
    "1. Heat the oil. 2. Add onions and 3 cloves of garlic. 3. Stir for 10 minutes.",
    "That is a stupid question, and you should know the answer yourself.",
)


class FastLinear(nn.Linear):
    """A linear layer of bfloat16 weights and inputs, with float32 sums and outputs."""

    exact = False  # float32 throughout, but for the weights' rounding
    bias: nn.Parameter | None  # type: ignore[assignment]

    def __init__(self, weight: Tensor, bias: nn.Parameter | None, units: bool):
        nn.Module.__init__(self)
        self.out_features, self.in_features = weight.shape
        self.weight = nn.Parameter(weight.detach().bfloat16().float(), requires_grad=False)
        self.bias, self.units = bias, units

    def forward(self, states: Tensor) -> Tensor:
        if self.exact:
            return super().forward(states)
        if not self.units or states.numel() * self.out_features < FEW:
            return super().forward(states.bfloat16().float())
        with rounded_products():
            return super().forward(states)


@contextmanager
def rounded_products() -> Iterator[None]:
    """Within it oneDNN rounds what float32 products on the CPU multiply to bfloat16: those of other
    threads, too, except fast layers', which wait."""
    matmul = torch.backends.mkldnn.matmul  # type: ignore[attr-defined]
    with _rounding:
        before = matmul.fp32_precision
        matmul.fp32_precision = "bf16"
        try:
            yield
        finally:
            matmul.fp32_precision = before


@cache
def multiplies_rounded() -> bool:
    """Whether oneDNN multiplies in bfloat16 here, by trying it: with AMX it does; of the CPUs that
    only have AVX512-BF16 it uses no such unit."""
    states = torch.randn(256, 256, generator=torch.Generator().manual_seed(0))
    low = states.bfloat16().float()
    expected = low @ low
    with torch.inference_mode(), rounded_products():
        return torch.allclose(states @ low, expected, atol=1e-3)


@contextmanager
def exactly(model: nn.Module) -> Iterator[None]:
    """Fast layers round no states, so that two ways of reading a text differ by nothing but the
    ways. With rounding, the states of a text without sense may differ by more than their size."""
    layers = [layer for layer in model.modules() if isinstance(layer, FastLinear)]
    for layer in layers:
        layer.exact = True
    try:
        yield
    finally:
        for layer in layers:
            layer.exact = False


Layers = list[tuple[nn.Module, str, Any]]  # parent, name, layer


def linear_layers(model: nn.Module) -> Layers:
    """(parent, name, layer) of a model's linear layers, except for heads that give a score."""
    from transformers.pytorch_utils import Conv1D

    return [
        (model.get_submodule(path.rpartition(".")[0]), path.rpartition(".")[2], layer)
        for path, layer in model.named_modules()
        if type(layer) in (nn.Linear, Conv1D) and not set(HEADS) & set(path.split("."))
    ]


def make_fast(model: nn.Module, units: bool | None = None) -> None:
    """Replaces a CPU model's linear layers by fast ones. `put` undoes it with what `linear_layers`
    has listed before."""
    units = multiplies_rounded() if units is None else units
    layers = linear_layers(model)
    while layers:  # an original is let go before the next copy is made
        parent, name, layer = layers.pop()
        weight = layer.weight if isinstance(layer, nn.Linear) else layer.weight.T
        setattr(parent, name, FastLinear(weight, layer.bias, units))


def put(layers: Layers) -> None:
    """Puts layers where they were listed."""
    for parent, name, layer in layers:
        setattr(parent, name, layer)


def settle(tokenizer: "Tokenizer", model: "Model", limit: int) -> str:
    """What "auto" is for a float32 model that reads at most `limit` tokens; the model is made fast
    if that is it. Returns the name of a dtype. The log says what and why."""
    log = logging.getLogger(__name__).warning
    if model.device.type != "cpu" or not multiplies_rounded():
        return "float32"
    before, layers = _states(tokenizer, model, limit), linear_layers(model)
    make_fast(model)
    spread = before.std(dim=0)
    moved = (_states(tokenizer, model, limit) - before)[:, spread > 0] / spread[spread > 0]
    drift = float(moved.square().mean().sqrt())
    if drift <= MOST_DRIFT:
        log("precision: fast (this CPU has bfloat16 units; states move by %.3f SD)", drift)
        return "bfloat16"
    put(layers)
    log("precision: high (in bfloat16 the states of this model move by %.2f SD)", drift)
    return "float32"


@torch.inference_mode()
def _states(tokenizer: "Tokenizer", model: "Model", limit: int) -> Tensor:
    """Last states [n, d] of texts of all sentences, each from another one on, that end alike: as
    the states of answers in a chat template, they differ by what stands far back, and the rounding
    of many tokens adds up in them."""
    texts = [" ".join(SENTENCES[i:] + SENTENCES[:i]) + "\n" for i in range(len(SENTENCES))]
    ids = [tokenizer(text)["input_ids"][-limit:] for text in texts]
    return torch.stack(
        [model(input_ids=torch.tensor([row])).last_hidden_state[0, -1].float() for row in ids]
    )
