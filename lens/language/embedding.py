"""Embeddings of (prompt, answer) texts: one hidden state a text (Eq. 2).

Batches hold texts of like length up to a token budget and results go back in order, so that an
embedding depends on its own text alone (to about 1e-5 in float32: sums may run in another order).
Texts that share a prompt have it read once where the model allows (`lens.language.shared_prefix`).
"""

import logging
from collections.abc import Callable, Hashable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from tqdm import tqdm

from lens.core.errors import LensError
from lens.language import shared_prefix
from lens.language.batching import pad, token_batches, while_memory_lasts

if TYPE_CHECKING:
    from transformers import PreTrainedModel as Model


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
    layer: int,
    batch_tokens: int,
    groups: Sequence[Hashable] | None = None,
    progress: bool = True,
) -> np.ndarray:
    """Embeddings float32 [n, d] of tokenised texts, in their order.

    `groups` names the prompt of each text, so that what texts of one prompt share goes through the
    model once.

    `layer` -1 is the model's final hidden state (after its last norm), 0 the input embeddings,
    i > 0 the output of block i. Raises LensError naming the row of a text without tokens.
    """
    empty = next((row for row, ids in enumerate(token_ids) if len(ids) == 0), None)
    if empty is not None:
        raise LensError(
            f"text {empty + 1} of {len(token_ids)} has no token, so it has no embedding."
        )
    depth = model.config.get_text_config().num_hidden_layers
    if not -1 <= layer <= depth:
        raise LensError(f"layer {layer}: the model has layers 0 to {depth}, or -1 for the last.")
    repeated = groups is not None and len(set(groups)) < len(groups)
    if repeated and pooling != "last":
        logging.getLogger(__name__).info("pooling %s reads every text whole", pooling)
        repeated = False
    shared = groups if repeated and shared_prefix.can_share(model) else None

    def run(rows: Sequence[int], budget: int) -> Iterator[tuple[list[int], torch.Tensor]]:
        some = [token_ids[row] for row in rows]
        if shared is None:
            return _whole_texts(model, some, POOLING[pooling], layer, budget)
        parted = shared_prefix.group_texts(some, [shared[row] for row in rows])
        return shared_prefix.last_states(model, some, parted, layer=layer, budget=budget)

    batches = while_memory_lasts(run, len(token_ids), batch_tokens)
    result = np.empty((0, 0), np.float32)
    bar = tqdm(total=len(token_ids), unit="text", desc="embed", disable=None if progress else True)
    for rows, states in batches:
        if not len(result):
            result = np.empty((len(token_ids), states.shape[1]), np.float32)
        result[rows] = states.float().cpu().numpy()
        bar.update(len(rows))
    bar.close()
    return result


def _whole_texts(
    model: "Model", token_ids: Sequence[Sequence[int]], pool: Callable, layer: int, budget: int
) -> Iterator[tuple[list[int], torch.Tensor]]:
    """(rows, their pooled states [n, d]) batch by batch."""
    for rows in token_batches(list(map(len, token_ids)), budget, model.device.type):
        ids, mask = pad([token_ids[row] for row in rows], 0, model.device)
        output = model(input_ids=ids, attention_mask=mask, output_hidden_states=layer != -1)
        hidden = output.last_hidden_state if layer == -1 else output.hidden_states[layer]
        yield rows, pool(hidden, mask)
