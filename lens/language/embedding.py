"""Embeddings of (prompt, answer) texts: one hidden state a text (Eq. 2).

Each distinct text goes through the model once, and so does what texts begin with alike, where the
model allows (`lens.language.packed`). Results go back in order, so that an embedding depends on its
own text alone (to about 1e-5 in float32, as sums may run in another order, and to about a
hundredth of a standard deviation in fast, which rounds what is multiplied).
"""

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch

from lens.core.errors import LensError
from lens.core.progress import Bar
from lens.language.batching import distinct, pad, token_batches, while_memory_lasts
from lens.language.packed import reading

if TYPE_CHECKING:
    from transformers import PreTrainedModel as Model


Layer = int | tuple[int, ...]


def last_token(hidden: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """State [n, d] at the last position where the mask is 1, whatever the padding side or token.

    `hidden` is [n, t, d], `mask` [n, t] of 0 and 1.
    """
    positions = torch.arange(mask.shape[1], device=mask.device)
    last = (mask * positions).argmax(dim=1)
    return hidden[torch.arange(len(hidden), device=hidden.device), last]


def mean_tokens(hidden: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Mean state [n, d] over the positions where the mask is 1."""
    weights = mask.unsqueeze(-1).to(hidden.dtype)
    # Not times 0: what a model leaves in padding need not be finite.
    return hidden.masked_fill(weights == 0, 0).sum(dim=1) / weights.sum(dim=1)


def first_token(hidden: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """State [n, d] at the first position where the mask is 1: an encoder's [CLS]."""
    return hidden[torch.arange(len(hidden), device=hidden.device), mask.argmax(dim=1)]


POOLING = {"last": last_token, "mean": mean_tokens, "first": first_token}


@torch.inference_mode()
def embed(
    model: "Model",
    token_ids: Sequence[Sequence[int]],
    *,
    pooling: str,
    layer: Layer,
    batch_tokens: int,
    progress: bool = True,
) -> np.ndarray:
    """Embeddings float32 [n, d] of tokenised texts, in their order.

    `layer` -1 is the model's final hidden state (after its last norm), 0 the input embeddings,
    i > 0 the output of block i; of several layers, features are joined. Raises
    LensError naming the row of a text without tokens.
    """
    empty = next((row for row, ids in enumerate(token_ids) if len(ids) == 0), None)
    if empty is not None:
        raise LensError(
            f"text {empty + 1} of {len(token_ids)} has no token, so it has no embedding."
        )
    depth = model.config.get_text_config().num_hidden_layers
    for one_layer in layer if isinstance(layer, tuple) else (layer,):
        if -1 <= one_layer <= depth:
            continue
        raise LensError(
            f"layer {one_layer}: the model has layers 0 to {depth}, or -1 for the last."
        )
    texts, text_rows = distinct(token_ids)
    packed = bool(texts) and reading.can_pack(model)
    alone = bool(texts) and not packed and not reading.can_pad(model)

    def run(rows: Sequence[int], budget: int) -> Iterator[tuple[list[int], torch.Tensor]]:
        part = [texts[row] for row in rows]
        if packed:
            return _packed_texts(model, part, pooling, layer, budget)
        return _padded_texts(model, part, POOLING[pooling], layer, 1 if alone else budget)

    result = np.empty((0, 0), np.float32)
    with Bar(desc="embed", total=sum(map(len, texts)), unit="token", shown=progress) as bar:
        for rows, states in while_memory_lasts(run, len(texts), batch_tokens):
            if not len(result):
                result = np.empty((len(texts), states.shape[1]), np.float32)
            result[rows] = states.float().cpu().numpy()
            bar.update(sum(len(texts[row]) for row in rows))
    return result[text_rows]


def _packed_texts(
    model: "Model", token_ids: Sequence[Sequence[int]], pooling: str, layer: Layer, budget: int
) -> Iterator[tuple[list[int], torch.Tensor]]:
    """(rows, their pooled states [n, d]) batch by batch, without padding."""
    for rows, paths, states in reading.text_states(model, token_ids, layer=layer, budget=budget):
        if pooling == "mean":
            yield rows, torch.stack([states[path].mean(dim=0) for path in paths])
        else:
            end = {"last": -1, "first": 0}[pooling]
            yield rows, states[torch.stack([path[end] for path in paths])]


def _padded_texts(
    model: "Model", token_ids: Sequence[Sequence[int]], pool: Callable, layer: Layer, budget: int
) -> Iterator[tuple[list[int], torch.Tensor]]:
    """(rows, their pooled states [n, d]) batch by batch."""
    for rows in token_batches(list(map(len, token_ids)), budget, model.device.type):
        ids, mask = pad([token_ids[row] for row in rows], 0, model.device)
        output = model(input_ids=ids, attention_mask=mask, output_hidden_states=layer != -1)
        yield rows, pool(reading.states_at(output, layer), mask)
