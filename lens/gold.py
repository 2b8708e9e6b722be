"""Gold scores: the raw logit of a sequence classifier with one label."""

from collections.abc import Sequence

import numpy as np
import torch
from tqdm import tqdm

from lens.embedding import pad, token_batches
from lens.errors import LensError


@torch.inference_mode()
def score(model, token_ids: Sequence[Sequence[int]], *, batch_tokens: int) -> np.ndarray:
    """Gold scores float32 [n] of tokenised (prompt, answer) texts, in their order."""
    if model.config.num_labels != 1:
        raise LensError(
            f"the gold model has {model.config.num_labels} labels; a reward model has one. "
            "Choose a sequence classifier with num_labels = 1."
        )
    scores = np.empty(len(token_ids), np.float32)
    lengths = [len(ids) for ids in token_ids]
    progress = tqdm(total=len(token_ids), unit="text", desc="gold", disable=None)
    for rows in token_batches(lengths, batch_tokens):
        batch = [token_ids[row] for row in rows]
        # Causal classifiers read the last token that is not padding by its id: an id that occurs
        # in no text of the batch keeps that right when the padding token is also the end token.
        filler = unused_id(batch)
        if filler >= model.config.get_text_config().vocab_size:
            raise LensError("a batch uses every token of the gold model: lower `batch_tokens`.")
        model.config.get_text_config().pad_token_id = filler
        ids, mask = pad(batch, filler, model.device)
        scores[rows] = model(input_ids=ids, attention_mask=mask).logits[:, 0].float().cpu().numpy()
        progress.update(len(rows))
    progress.close()
    if not np.isfinite(scores).all():
        raise LensError(f"{(~np.isfinite(scores)).sum()} gold scores are not finite. Use float32.")
    return scores


def unused_id(rows: Sequence[Sequence[int]]) -> int:
    """The smallest token id that occurs in none of the rows."""
    used = set().union(*map(set, rows))
    return next(candidate for candidate in range(len(used) + 1) if candidate not in used)
