"""Each token once: texts share their common beginnings, at every branching.

Sorted by their tokens, texts with a common beginning are neighbours, and what a text adds to its
neighbour is all that goes through the model: the branches of a prefix tree. A causal model's states
at a token do not depend on what follows. An encoder's do, so its texts share nothing.
"""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor

from lens.language.batching import pad
from lens.language.packed.attention import Texts, packed, why_not
from lens.language.precision import exactly

if TYPE_CHECKING:
    from transformers import PreTrainedModel as Model

MOST_DIFFERENCE = 1e-3  # of states, relative to the largest, in the trial run
MOST_DIFFERENCE_16_BIT = 0.05
FULL = {"cpu": 512}  # tokens that keep a device busy
FULL_ELSEWHERE = 8192
NARROW = 512  # features, of half of which it takes twice as many tokens
TRIAL_FAILS = (AttributeError, IndexError, KeyError, RuntimeError, TypeError, ValueError)
READ_AGAIN = 1 / 32  # of a batch: tokens whose second reading is worth an end of the batch
_tried: WeakKeyDictionary = WeakKeyDictionary()  # model -> whether it can be packed
_padded: WeakKeyDictionary = WeakKeyDictionary()  # model -> whether padding leaves states alone
_ahead: WeakKeyDictionary = WeakKeyDictionary()  # model -> whether it sees ahead


@dataclass
class Batch:
    """Rows of texts, sorted by their tokens, and how many tokens of each its neighbour before has
    read."""

    rows: list[int] = field(default_factory=list)
    shared: list[int] = field(default_factory=list)
    tokens: int = 0


def batches(
    token_ids: Sequence[Sequence[int]],
    budget: int,
    device: str = "cpu",
    *,
    causal: bool = True,
    width: int = NARROW,
) -> Iterator[Batch]:
    """The distinct texts in batches of at most `budget` tokens, each token of a batch once.

    A batch that keeps the kind of device busy with states of this `width` ends early where few
    tokens are read again for that. A text longer than the budget is a batch by itself. Raises
    ValueError for equal texts.
    """
    full = min(budget, FULL.get(device, FULL_ELSEWHERE) * max(1, NARROW // width))
    order = sorted(range(len(token_ids)), key=lambda row: list(token_ids[row]))
    batch, before = Batch(), None
    for row in order:
        text = token_ids[row]
        shared = 0 if before is None or not causal else common(token_ids[before], text)
        new = len(text) - shared
        if before is not None and list(token_ids[before]) == list(text):
            raise ValueError(f"texts {before} and {row} are equal")
        over = batch.tokens + new > budget
        if batch.rows and (over or (batch.tokens >= full and shared <= READ_AGAIN * batch.tokens)):
            yield batch
            batch, shared, new = Batch(), 0, len(text)
        batch.rows.append(row)
        batch.shared.append(shared)
        batch.tokens += new
        before = row
    if batch.rows:
        yield batch


def common(first: Sequence[int], second: Sequence[int]) -> int:
    """How many tokens the common beginning of two texts has."""
    most = min(len(first), len(second))
    return next((i for i in range(most) if first[i] != second[i]), most)


def distinct_tokens(token_ids: Sequence[Sequence[int]]) -> int:
    """How many tokens the prefix tree of texts has: the least that a causal model must read."""
    ordered = sorted(set(map(tuple, token_ids)))
    return sum(
        len(text) - (common(ordered[place - 1], text) if place else 0)
        for place, text in enumerate(ordered)
    )


@torch.inference_mode()
def text_states(
    model: "Model",
    token_ids: Sequence[Sequence[int]],
    *,
    layer: int | tuple[int, ...],
    budget: int,
) -> Iterator[tuple[list[int], list[Tensor], Tensor]]:
    """(rows, the places [n] of each one's tokens among the states, the states [t, d]) batch by
    batch, for distinct texts; `layer` as for `embedding.embed`."""
    causal, first = not sees_ahead(model), first_position(model)
    width = getattr(model.config.get_text_config(), "hidden_size", NARROW)
    for batch in batches(token_ids, budget, model.device.type, causal=causal, width=width):
        paths, ids, positions = lay_out(token_ids, batch)
        new = [len(path) - shared for path, shared in zip(paths, batch.shared, strict=True)]
        with packed(model, Texts(paths, new, model.device)):
            output = model(
                input_ids=torch.tensor([ids], device=model.device),
                position_ids=torch.tensor([positions], device=model.device) + first,
                output_hidden_states=layer != -1,
            )
        hidden = states_at(output, layer)
        yield batch.rows, [path.to(model.device) for path in paths], hidden[0]


def first_position(model: "Model") -> int:
    """The position of a text's first token: RoBERTa's begin behind the padding's."""
    for name, module in model.named_modules():
        if isinstance(module, torch.nn.Embedding) and name.endswith("position_embeddings"):
            return 0 if module.padding_idx is None else module.padding_idx + 1
    return 0


def lay_out(
    token_ids: Sequence[Sequence[int]], batch: Batch
) -> tuple[list[Tensor], list[int], list[int]]:
    """(the place of each text's tokens in the row, the row's token ids, their positions)."""
    paths: list[Tensor] = []
    ids: list[int] = []
    positions: list[int] = []
    for row, shared in zip(batch.rows, batch.shared, strict=True):
        text = token_ids[row]
        new_positions = torch.arange(len(ids), len(ids) + len(text) - shared)
        paths.append(torch.cat([paths[-1][:shared], new_positions]) if shared else new_positions)
        ids += text[shared:]
        positions += range(shared, len(text))
    return paths, ids, positions


@torch.inference_mode()
def states_at(output: Any, layer: int | tuple[int, ...]) -> Tensor:
    """States [..., d] of a layer, or those of several, concatenated."""
    if isinstance(layer, tuple):
        return torch.cat([states_at(output, each) for each in layer], dim=-1)
    return output.last_hidden_state if layer == -1 else output.hidden_states[layer]


def last_states(
    model: "Model", token_ids: Sequence[Sequence[int]], *, layer: int, budget: int
) -> Iterator[tuple[list[int], Tensor]]:
    """(rows, the states [n, d] at their last tokens) batch by batch, for distinct texts."""
    for rows, paths, states in text_states(model, token_ids, layer=layer, budget=budget):
        yield rows, states[torch.stack([path[-1] for path in paths])]


def can_pack(model: "Model") -> bool:
    """Whether the model gives the same states this way, by trying it once; the log says why not."""
    if model not in _tried:
        with exactly(model):
            why = _try(model)
        if why:
            logging.getLogger(__name__).warning(
                "%s: texts are read whole, without sharing their beginnings (%s)",
                type(model).__name__,
                why,
            )
        _tried[model] = not why
    return _tried[model]


def can_pad(model: "Model") -> bool:
    """Whether texts of several lengths have the same states side by side, with padding, by trying
    it once; the log says if not."""
    if model not in _padded:
        with exactly(model):
            difference = _change_by_padding(model)
        _padded[model] = difference <= most_difference(model)
        if not _padded[model]:
            logging.getLogger(__name__).warning(
                "%s: texts are read one by one (padding changes states by %.1g)",
                type(model).__name__,
                difference,
            )
    return _padded[model]


@torch.inference_mode()
def _change_by_padding(model: "Model") -> float:
    """The largest change of a trial text's states, relative to its largest; infinite where the
    trial fails."""
    texts, most = trial_texts(), 0.0
    try:
        ids, mask = pad(texts, 0, model.device)
        states = model(input_ids=ids, attention_mask=mask).last_hidden_state
        for row, text in enumerate(texts):
            alone = model(input_ids=torch.tensor([text], device=model.device)).last_hidden_state[0]
            change = (states[row, : len(text)] - alone).abs().max() / alone.abs().max()
            most = max(most, float(change.nan_to_num(float("inf"))))
    except TRIAL_FAILS:
        return float("inf")
    return most


def sees_ahead(model: "Model") -> bool:
    """Whether the state of a token depends on the next one, as it does in an encoder."""
    if model not in _ahead:
        with torch.inference_mode():
            first, second = (
                model(input_ids=torch.tensor([ids], device=model.device)).last_hidden_state[0, 0]
                for ids in ([5, 6], [5, 7])
            )
        _ahead[model] = not torch.equal(first, second)
    return _ahead[model]


def most_difference(model: "Model") -> float:
    """How far apart states may be, relative to the largest, in the trial run."""
    half = next(model.parameters()).dtype.itemsize <= 2
    return MOST_DIFFERENCE_16_BIT if half else MOST_DIFFERENCE


def trial_texts() -> list[list[int]]:
    """Texts of 1 to 24 tokens with common beginnings of several lengths."""
    stem = [5 + (7 * i + i * i) % 8 for i in range(24)]
    turns = [(24, []), (9, [12, 5, 6, 7]), (9, [12, 5, 8]), (4, [11, 11, 6] * 5), (17, [12, 6])]
    return [stem[:start] + end for start, end in turns] + [[13 - 8, 12], [11], [6, 5, 6, 9] * 4]


@torch.inference_mode()
def _try(model: "Model") -> str | None:
    """Why the model cannot be packed, or None."""
    if why := why_not(model):
        return why
    texts = trial_texts()
    try:
        for rows, paths, states in text_states(model, texts, layer=-1, budget=1024):
            for row, path in zip(rows, paths, strict=True):
                ids = torch.tensor([texts[row]], device=model.device)
                plain = model(input_ids=ids).last_hidden_state[0].float()
                difference = float((states[path].float() - plain).abs().max() / plain.abs().max())
                if not difference <= most_difference(model):
                    return f"states differ by {difference:.1g}"
    except TRIAL_FAILS as error:
        return f"{type(error).__name__}: {error}"
    return None
