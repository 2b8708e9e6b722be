"""Gold scores: the raw logit of a sequence classifier with one label."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch

from lens.core.diagnostics import check_finite
from lens.core.errors import LensError
from lens.core.progress import Bar
from lens.language.batching import distinct, pad, token_batches, while_memory_lasts
from lens.language.packed import reading
from lens.language.packed.head import head_can_pack

if TYPE_CHECKING:
    from transformers import PreTrainedModel as Model


@torch.inference_mode()
def score(
    model: "Model",
    token_ids: Sequence[Sequence[int]],
    *,
    batch_tokens: int,
    names: Sequence[str] | None = None,
) -> np.ndarray:
    """Gold scores float32 [n] of tokenised (prompt, answer) texts, in their order.

    The common beginning of texts goes through the model once, where its head is a plain `score` on
    the last token. LensError where a score is not finite, naming the text as `names` call it.
    """
    if model.config.num_labels != 1:
        raise LensError(
            f"the gold model has {model.config.num_labels} labels; a reward model has one. "
            "Choose a sequence classifier with num_labels = 1."
        )
    texts, text_rows = distinct(token_ids)
    packed = bool(texts) and head_can_pack(model, getattr(model, "score", None))

    def run(rows: Sequence[int], budget: int) -> Iterator[tuple[list[int], torch.Tensor]]:
        part = [texts[row] for row in rows]
        if not packed:
            return _padded_texts(model, part, budget)
        states = reading.last_states(model.base_model, part, layer=-1, budget=budget)
        return ((rows, model.score(state)[:, 0]) for rows, state in states)

    rewards = np.empty(len(texts), np.float32)
    with Bar(desc="gold", total=sum(map(len, texts)), unit="token") as bar:
        for rows, logits in while_memory_lasts(run, len(texts), batch_tokens):
            rewards[rows] = logits.float().cpu().numpy()
            bar.update(sum(len(texts[row]) for row in rows))
    scores = rewards[text_rows]
    check_finite(
        scores,
        lambda row: f"text {row + 1}" if names is None else names[row],
        "the score",
        "Use precision high; if it stays, look at that text.",
    )
    return scores


def _padded_texts(
    model: "Model", token_ids: Sequence[Sequence[int]], budget: int
) -> Iterator[tuple[list[int], torch.Tensor]]:
    """(rows, their logits [n]) batch by batch."""
    for rows in token_batches(list(map(len, token_ids)), budget, model.device.type):
        batch = [token_ids[row] for row in rows]
        # Causal classifiers read the last token that is not padding by its id: an id that occurs
        # in no text of the batch keeps that right when the padding token is also the end token.
        filler = unused_id(batch)
        if filler >= model.config.get_text_config().vocab_size:
            raise LensError("a batch uses every token of the gold model: lower `batch_tokens`.")
        model.config.get_text_config().pad_token_id = filler
        ids, mask = pad(batch, filler, model.device)
        yield rows, model(input_ids=ids, attention_mask=mask).logits[:, 0]


def unused_id(rows: Sequence[Sequence[int]]) -> int:
    """The smallest token id that occurs in none of the rows."""
    used = set().union(*map(set, rows))
    return next(candidate for candidate in range(len(used) + 1) if candidate not in used)
