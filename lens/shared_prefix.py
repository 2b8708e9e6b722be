"""Texts that begin alike, read once: the keys and values of a prompt serve all of its answers.

A causal model's states at a prompt do not depend on what follows, so the texts of a group (one
prompt) are cut where they part. Prompts go through the model in batches of like length and leave
their keys and values; answers batch by their own length, whatever that of their prompts, each row
with its prompt's keys and values before it. Prompts are padded on the left and answers on the
right, so that the distance between two tokens in the cache is their distance in the text: right for
rotary and learned positions and for sliding windows.
"""

import logging
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from lens.batching import pad, token_batches

MOST_DIFFERENCE = 1e-3  # of states, relative to their size, in the trial run
TRIAL = ([5, 6, 7, 8, 9], [5, 6, 7, 10], [5, 6, 7, 8, 11, 12])


@dataclass
class Group:
    """Rows of the texts that share their first `prefix` tokens."""

    rows: list[int]
    prefix: int


def group_texts(token_ids: Sequence[Sequence[int]], keys: Sequence[Hashable]) -> list[Group]:
    """The texts of each key as a group, cut where they part, with at least one token after it."""
    rows_of: dict[Hashable, list[int]] = {}
    for row, key in enumerate(keys):
        rows_of.setdefault(key, []).append(row)
    groups = []
    for rows in rows_of.values():
        texts = [token_ids[row] for row in rows]
        common = min(map(len, texts)) - 1 if len(texts) > 1 else 0
        for text in texts[1:]:
            same = (i for i in range(common) if text[i] != texts[0][i])
            common = next(same, common)
        groups.append(Group(rows, common))
    return groups


def distinct_tokens(groups: Sequence[Group], lengths: Sequence[int]) -> int:
    """How many tokens go through the model."""
    return sum(
        group.prefix + sum(lengths[row] - group.prefix for row in group.rows) for group in groups
    )


@torch.inference_mode()
def last_states(
    model, token_ids: Sequence[Sequence[int]], groups: Sequence[Group], *, layer: int, budget: int
) -> Iterator[tuple[list[int], Tensor]]:
    """(rows, the states [n, d] at their last tokens) batch by batch, in no order of rows.

    `layer` as for `lens.embedding.embed`, `budget` is tokens in a batch with their padding.
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
            output = model(
                input_ids=ids,
                attention_mask=torch.cat([seen, mask], dim=1),
                position_ids=start.unsqueeze(1) + torch.arange(ids.shape[1], device=ids.device),
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
    for group in groups:
        if portion and sum(g.prefix for g in portion) + group.prefix > budget:
            yield portion
            portion = []
        portion.append(group)
    yield portion


class _Store:
    """Keys and values of prefixes, [tokens, heads, size] for each layer, without padding."""

    def __init__(self, model, prefixes: Sequence[Sequence[int]], budget: int):
        from transformers import DynamicCache

        lengths = list(map(len, prefixes))
        self.lengths = torch.tensor(lengths, device=model.device)
        self.starts = torch.zeros_like(self.lengths)
        self.layers: list[tuple[Tensor, Tensor]] = []
        parts, filled = [], 0
        for batch in token_batches(lengths, budget, model.device.type):
            if not lengths[batch[0]]:
                break  # longest first: the others are empty too
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
                    tuple(state.transpose(1, 2)[kept] for state in (kv.keys, kv.values))
                    for kv in cache.layers
                ]
            )
            for place in batch:
                self.starts[place] = filled
                filled += lengths[place]
        for same in zip(*parts, strict=True):
            self.layers.append(tuple(torch.cat(states) for states in zip(*same, strict=True)))

    def cache(self, places: Sequence[int]):
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


def can_share(model) -> bool:
    """Whether the model gives the same states this way, by trying it; the log says why not."""
    texts = [list(text) for text in TRIAL]
    try:
        groups = group_texts(texts, [0] * len(texts))
        shared = _in_order(last_states(model, texts, groups, layer=-1, budget=1024), len(texts))
        alone = group_texts(texts, range(len(texts)))
        plain = _in_order(last_states(model, texts, alone, layer=-1, budget=1), len(texts))
        difference = float((shared - plain).abs().max() / plain.abs().max())
        why = f"states differ by {difference:.1g}" if not difference <= MOST_DIFFERENCE else ""
    except (AttributeError, IndexError, KeyError, RuntimeError, TypeError, ValueError) as error:
        why = f"{type(error).__name__}: {error}"
    if why:
        logging.getLogger(__name__).warning(
            "%s: prompts are read once for every answer (%s)", type(model).__name__, why
        )
    return not why


def _in_order(batches: Iterator[tuple[list[int], Tensor]], count: int) -> Tensor:
    found: list[Tensor | None] = [None] * count
    for rows, states in batches:
        for row, state in zip(rows, states, strict=True):
            found[row] = state.float()
    return torch.stack(found)
