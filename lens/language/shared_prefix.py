"""Texts that begin alike, read once: the keys and values of a prompt serve all of its answers.

A causal model's states at a prompt do not depend on what follows, so the texts of a group (one
prompt) are cut where they part. Prompts go through the model in batches of like length and leave
their keys and values; answers batch by their own length, whatever that of their prompts, each row
with its prompt's keys and values before it. Prompts are padded on the left and answers on the
right, so that the distance between two tokens in the cache is their distance in the text: right for
rotary and learned positions and for sliding windows.
"""

import itertools
import logging
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import torch
from torch import Tensor

from lens.language.batching import pad, token_batches

if TYPE_CHECKING:
    from transformers import DynamicCache, PretrainedConfig
    from transformers import PreTrainedModel as Model

MOST_DIFFERENCE = 1e-3  # of states, relative to the largest, in the trial run
MOST_DIFFERENCE_16_BIT = 0.05
_tried: WeakKeyDictionary = WeakKeyDictionary()  # model -> whether it can share
LENGTH_DEPENDENT = ("longrope", "dynamic")  # rotations that follow the length of the whole text
TRIAL = ([5, 6, 7, 8, 9], [5, 6, 7, 10], [5, 6, 7, 8, 11, 12])


@dataclass
class Group:
    """Rows of the texts that share their first `prefix` tokens."""

    rows: list[int]
    prefix: int


def group_texts(token_ids: Sequence[Sequence[int]], keys: Sequence[Hashable]) -> list[Group]:
    """The texts of each key in groups, cut where they part, with at least one token after it.

    One group for each key, or several where that spares more tokens: a text whose beginning was cut
    off to fit the model shares nothing with its neighbours, and must not end their sharing.
    """
    rows_of: dict[Hashable, list[int]] = {}
    for row, key in enumerate(keys):
        rows_of.setdefault(key, []).append(row)
    groups = []
    for rows in rows_of.values():
        rows.sort(key=lambda row: (list(token_ids[row]), row))  # texts that begin alike, together
        texts = [token_ids[row] for row in rows]
        common = [_common(a, b) for a, b in itertools.pairwise(texts)]
        groups += [
            Group(sorted(rows[start:end]), min(common[start : end - 1], default=0))
            for start, end in _parts(common, 0, len(rows))[1]
        ]
    return groups


def _common(first: Sequence[int], second: Sequence[int]) -> int:
    """How many tokens two texts begin with alike, leaving each at least one of its own."""
    most = max(0, min(len(first), len(second)) - 1)
    return next((i for i in range(most) if first[i] != second[i]), most)


def _parts(common: list[int], start: int, end: int) -> tuple[int, list[tuple[int, int]]]:
    """(tokens spared, ranges) of the best way to group texts start to end - 1 of a sorted list,
    `common` being what neighbours begin with alike: as one, or parted where that is least."""
    if end - start < 2:
        return 0, [(start, end)]
    least = min(common[start : end - 1])
    cuts = [at + 1 for at in range(start, end - 1) if common[at] == least]
    parts = [_parts(common, a, b) for a, b in zip([start, *cuts], [*cuts, end], strict=True)]
    whole, apart = (end - start - 1) * least, sum(spared for spared, _ in parts)
    if whole >= apart:
        return whole, [(start, end)]
    return apart, [part for _, ranges in parts for part in ranges]


def distinct_tokens(groups: Sequence[Group], lengths: Sequence[int]) -> int:
    """How many tokens go through the model."""
    return sum(
        group.prefix + sum(lengths[row] - group.prefix for row in group.rows) for group in groups
    )


@torch.inference_mode()
def last_states(
    model: "Model",
    token_ids: Sequence[Sequence[int]],
    groups: Sequence[Group],
    *,
    layer: int,
    budget: int,
) -> Iterator[tuple[list[int], Tensor]]:
    """(rows, the states [n, d] at their last tokens) batch by batch, in no order of rows.

    `layer` as for `embedding.embed`, `budget` is tokens in a batch with their padding.
    """
    order = sorted(groups, key=lambda group: (-group.prefix, group.rows[0]))
    for some in _portions(order, budget):
        prefixes = [token_ids[group.rows[0]][: group.prefix] for group in some]
        store = _Store(model, prefixes, budget)
        members = [(row, place) for place, group in enumerate(some) for row in group.rows]
        rests = [token_ids[row][some[place].prefix :] for row, place in members]
        before = [some[place].prefix for _, place in members]
        for part in token_batches(list(map(len, rests)), budget, model.device.type, before):
            ids, mask = pad([rests[number] for number in part], 0, model.device)
            cache, seen, start = store.cache([members[number][1] for number in part])
            end = start + mask.sum(dim=1) - 1  # padding must not count past the model's positions
            positions = start.unsqueeze(1) + torch.arange(ids.shape[1], device=ids.device)
            output = model(
                input_ids=ids,
                attention_mask=torch.cat([seen, mask], dim=1),
                position_ids=positions.minimum(end.unsqueeze(1)),
                past_key_values=cache,
                use_cache=cache is not None,
                output_hidden_states=layer != -1,
            )
            hidden = output.last_hidden_state if layer == -1 else output.hidden_states[layer]
            last = mask.sum(dim=1) - 1
            states = hidden[torch.arange(len(part), device=hidden.device), last]
            yield [members[number][0] for number in part], states


def _portions(groups: Sequence[Group], budget: int) -> Iterator[list[Group]]:
    """The groups in order, in portions whose prefixes hold at most `budget` tokens."""
    portion: list[Group] = []
    held = 0
    for group in groups:
        if portion and held + group.prefix > budget:
            yield portion
            portion, held = [], 0
        portion.append(group)
        held += group.prefix
    if portion:
        yield portion


class _Store:
    """Keys and values of prefixes, [tokens, heads, size] for each layer, without padding."""

    def __init__(self, model: "Model", prefixes: Sequence[Sequence[int]], budget: int):
        from transformers import DynamicCache

        lengths = list(map(len, prefixes))
        self.lengths = torch.tensor(lengths, device=model.device)
        self.starts = torch.zeros_like(self.lengths)
        self.layers: list[tuple[Tensor, Tensor]] = []
        parts, filled = [], 0
        some = [place for place, length in enumerate(lengths) if length]
        for batch in token_batches([lengths[place] for place in some], budget, model.device.type):
            batch = [some[number] for number in batch]
            ids, seen = pad([prefixes[place] for place in batch], 0, model.device, left=True)
            cache = model(
                input_ids=ids,
                attention_mask=seen,
                position_ids=(seen.cumsum(dim=1) - 1).clamp(min=0),
                past_key_values=DynamicCache(),
                use_cache=True,
            ).past_key_values
            kept = seen.bool()
            parts.append(
                [
                    (kv.keys.transpose(1, 2)[kept], kv.values.transpose(1, 2)[kept])
                    for kv in cache.layers
                ]
            )
            for place in batch:
                self.starts[place] = filled
                filled += lengths[place]
        for same in zip(*parts, strict=True):
            keys, values = zip(*same, strict=True)
            self.layers.append((torch.cat(keys), torch.cat(values)))

    def cache(self, places: Sequence[int]) -> "tuple[DynamicCache | None, Tensor, Tensor]":
        """(a cache with these prefixes padded on the left, its mask [n, longest], lengths [n])."""
        from transformers import DynamicCache

        rows = torch.tensor(places, device=self.lengths.device)
        lengths, width = self.lengths[rows], int(self.lengths[rows].max())
        back = torch.arange(width, 0, -1, device=rows.device)
        seen = back <= lengths.unsqueeze(1)
        if not width:
            return None, seen.long(), lengths
        where = (self.starts[rows] + lengths).unsqueeze(1) - back
        where = where.where(seen, 0)
        cache = DynamicCache()
        for number, states in enumerate(self.layers):
            keys, values = (state[where].transpose(1, 2) for state in states)
            cache.update(keys, values, number)
        return cache, seen.long(), lengths


def can_share(model: "Model") -> bool:
    """Whether the model gives the same states this way, by trying it once; the log says why not."""
    if model not in _tried:
        _tried[model] = _try(model)
    return _tried[model]


def _try(model: "Model") -> bool:
    texts = [list(text) for text in TRIAL]
    try:
        if _length_dependent(model.config.get_text_config()):
            raise ValueError("its rotary positions follow the length of the whole text")
        groups = group_texts(texts, [0] * len(texts))
        shared = _in_order(last_states(model, texts, groups, layer=-1, budget=1024), len(texts))
        alone = group_texts(texts, range(len(texts)))
        plain = _in_order(last_states(model, texts, alone, layer=-1, budget=1), len(texts))
        difference = float((shared - plain).abs().max() / plain.abs().max())
        most = MOST_DIFFERENCE if model.dtype.itemsize > 2 else MOST_DIFFERENCE_16_BIT
        why = f"states differ by {difference:.1g}" if not difference <= most else ""
    except (AttributeError, IndexError, KeyError, RuntimeError, TypeError, ValueError) as error:
        why = f"{type(error).__name__}: {error}"
    if why:
        logging.getLogger(__name__).warning(
            "%s: prompts are read again for every answer (%s)", type(model).__name__, why
        )
    return not why


def _length_dependent(config: "PretrainedConfig") -> bool:
    """Whether rotary positions of a prompt change with what follows it."""
    found = getattr(config, "rope_parameters", None) or {}
    kinds = [found, *(value for value in found.values() if isinstance(value, dict))]
    return any(kind.get("rope_type") in LENGTH_DEPENDENT for kind in kinds)


def _in_order(batches: Iterator[tuple[list[int], Tensor]], count: int) -> Tensor:
    found = [torch.empty(0)] * count
    for rows, states in batches:
        for row, state in zip(rows, states, strict=True):
            found[row] = state.float()
    return torch.stack(found)
