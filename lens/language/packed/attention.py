"""Texts that go through a model side by side in one row, without padding.

All layers except attention treat tokens one by one, so their order is free. Attention gets
which tokens each text consists of: transformers passes queries, keys and values of the whole row to
`attend`. It selects those of every text, calls the model's attention function on them, and puts the
results back. Texts with a common beginning point to the same tokens.
"""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Protocol

import torch
from torch import Tensor

if TYPE_CHECKING:
    from transformers import PreTrainedModel as Model

NAME = "lens_packed"
PADDED = 1.25  # cells of attention, with padding over without, in texts that are treated together
KNOWN_LAYERS = {"full_attention", "sliding_attention"}
LENGTH_DEPENDENT = ("longrope", "dynamic")  # rotations that follow the length of the whole text

Inner = Callable[..., tuple[Tensor, Any]]


class Plan(Protocol):
    """What a row consists of, and so what attends to what."""

    def attend(
        self, inner: Inner, module: torch.nn.Module, states: tuple[Tensor, ...], kwargs: dict
    ) -> Tensor:
        """Outputs [1, t, heads, size] for (queries, keys, values), [1, heads, t, size] each."""


_now: ContextVar[tuple[Plan, str]] = ContextVar("plan")


class Texts:
    """The plan of texts that are read whole: text i is the tokens of the row at `paths[i]`, in
    order; its last `new[i]` tokens are its own, what comes before belongs to an earlier text."""

    def __init__(self, paths: Sequence[Tensor], new: Sequence[int], device: torch.device):
        self.buckets = [
            _Bucket([paths[i] for i in places], [new[i] for i in places], device)
            for places in _alike(list(map(len, paths)), new)
        ]
        self.kept: dict[torch.nn.Module, tuple[Tensor, Tensor]] | None = None

    def attend(
        self, inner: Inner, module: torch.nn.Module, states: tuple[Tensor, ...], kwargs: dict
    ) -> Tensor:
        query, key, value = states
        if self.kept is not None:
            self.kept[module] = key[0], value[0]
        size = query.shape[2], query.shape[1], value.shape[3]
        output = value.new_empty(size)
        for bucket in self.buckets:
            bucket.attend(inner, module, (query, key, value), kwargs, output)
        return output[None]


class _Bucket:
    """Texts of like length, whose attention is one call."""

    def __init__(self, paths: list[Tensor], new: list[int], device: torch.device):
        longest, most = max(map(len, paths)), max(new)
        count = len(paths)
        keys, queries = torch.zeros(count, longest).long(), torch.zeros(count, most).long()
        for row, (path, new_ids) in enumerate(zip(paths, new, strict=True)):
            keys[row, : len(path)] = path
            queries[row, :new_ids] = path[len(path) - new_ids :]
        self.keys, self.queries = keys.to(device), queries.to(device)
        self.lengths = torch.tensor(list(map(len, paths)), device=device)
        self.new = torch.tensor(new, device=device)
        self.own = torch.arange(most, device=device) < self.new[:, None]  # [n, most]
        self.where = self.queries[self.own]
        self.first = [int(path[0]) for path in paths]
        # A text alone in a stretch of its own needs no index; a plain causal one no mask.
        self.plain = all(new_ids == len(path) for path, new_ids in zip(paths, new, strict=True))
        self.stretch = self.plain and count == 1
        self.masks: dict[tuple, Tensor | None] = {}

    def attend(
        self,
        inner: Inner,
        module: torch.nn.Module,
        states: tuple[Tensor, ...],
        kwargs: dict,
        output: Tensor,
    ) -> None:
        query, key, value = states
        causal = getattr(module, "is_causal", True)
        mask = self.mask(causal, kwargs.get("sliding_window"), query.dtype, _now.get()[1])
        if self.stretch:
            start, end = self.first[0], self.first[0] + int(self.queries.shape[1])
            q, k, v = (state[:, :, start:end] for state in states)
            output[start:end] = inner(module, q, k, v, mask, **kwargs)[0][0]
            return
        q = query[0][:, self.queries].transpose(0, 1)
        k, v = (state[0][:, self.keys].transpose(0, 1) for state in (key, value))
        attended, _ = inner(module, q, k, v, mask, **kwargs)
        output[self.where] = attended[self.own]

    def mask(
        self, causal: bool, window: int | None, dtype: torch.dtype, name: str
    ) -> Tensor | None:
        """Added to attention's logits [n, 1, most, longest]; None where sdpa knows it."""
        wanted = (causal, window, dtype, name)
        if wanted not in self.masks:
            self.masks[wanted] = self._mask(causal, window, dtype, name)
        return self.masks[wanted]

    def _mask(
        self, causal: bool, window: int | None, dtype: torch.dtype, name: str
    ) -> Tensor | None:
        longest, device = self.keys.shape[1], self.keys.device
        reach = min(window or longest, longest)
        if name == "sdpa" and reach == longest and (self.plain if causal else len(self.keys) == 1):
            return None
        there = torch.arange(longest, device=device)[None, None]
        seen = there < self.lengths[:, None, None]
        if causal:
            steps = torch.arange(self.queries.shape[1], device=device)
            here = ((self.lengths - self.new)[:, None] + steps)[:, :, None]
            here = here.minimum(self.lengths[:, None, None] - 1)  # padding sees what the last does
            seen = seen & (there <= here) & (there > here - reach)
        else:
            seen = seen.expand(-1, self.queries.shape[1], -1)
        mask = torch.zeros(seen.shape, dtype=dtype, device=device)
        return mask.masked_fill(~seen, torch.finfo(dtype).min)[:, None]


def _alike(lengths: Sequence[int], new: Sequence[int]) -> Iterator[list[int]]:
    """Places of texts in buckets, longest first, whose attention is not much the larger for its
    padding."""
    bucket: list[int] = []
    cells = wide = 0
    for place in sorted(range(len(lengths)), key=lambda place: (-lengths[place], -new[place])):
        most, size = max(wide, new[place]), cells + lengths[place] * new[place]
        padded = (len(bucket) + 1) * most * lengths[bucket[0] if bucket else place]
        if bucket and padded > PADDED * size:
            yield bucket
            bucket, most, size = [], new[place], lengths[place] * new[place]
        bucket.append(place)
        cells, wide = size, most
    if bucket:
        yield bucket


def attend(
    module: torch.nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    **kwargs: Any,
) -> tuple[Tensor, None]:
    """The attention function that transformers calls; the plan of the moment says what attends."""
    plan, name = _now.get()
    return plan.attend(_inner(module, name), module, (query, key, value), kwargs), None


def _inner(module: torch.nn.Module, name: str) -> Inner:
    """The model's own attention function."""
    from transformers.integrations.sdpa_attention import sdpa_attention_forward

    if name == "sdpa":
        return sdpa_attention_forward
    return sys.modules[type(module).__module__].eager_attention_forward


@contextmanager
def packed(model: "Model", plan: Plan) -> Iterator[None]:
    """Within it, the model's attention follows the plan: call it with one row of token ids [1, t]
    and their positions [1, t]."""
    from transformers import AttentionInterface

    AttentionInterface.register(NAME, attend)
    before = model.config._attn_implementation
    token = _now.set((plan, "eager" if before == "eager" else "sdpa"))
    try:
        model.set_attn_implementation(NAME)
        if model.config._attn_implementation != NAME:
            raise ValueError("its attention cannot be exchanged")
        yield
    finally:
        model.set_attn_implementation(before)
        _now.reset(token)


def why_not(model: "Model") -> str | None:
    """What in a model's settings says that its texts cannot be packed."""
    config = model.config.get_text_config()
    rope = getattr(config, "rope_parameters", None) or {}
    kinds = [rope, *(value for value in rope.values() if isinstance(value, dict))]
    if any(kind.get("rope_type") in LENGTH_DEPENDENT for kind in kinds):
        return "its rotary positions follow the length of the whole text"
    layers = set(getattr(config, "layer_types", None) or ()) - KNOWN_LAYERS
    if layers:
        return f"it has layers of another kind: {', '.join(sorted(layers))}"
    if getattr(config, "attention_chunk_size", None):
        return "its attention sees chunks"
    return None
