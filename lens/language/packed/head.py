"""A head on the last token's state, of texts that share their common beginnings."""

import logging
from typing import TYPE_CHECKING

import torch

from lens.language.packed import reading
from lens.language.precision import exactly

if TYPE_CHECKING:
    from transformers import PreTrainedModel as Model


@torch.inference_mode()
def head_can_pack(model: "Model", head: torch.nn.Module | None) -> bool:
    """Whether the model packs, and the linear `head` on the last token's state is all that it does
    besides, by trying it; the log says why not."""
    if not reading.can_pack(model.base_model):
        return False
    if isinstance(head, torch.nn.Linear):
        ids = torch.tensor(reading.trial_texts()[:1], device=model.device)
        with exactly(model):
            state = model.base_model(input_ids=ids).last_hidden_state[:, -1]
            logits = model(input_ids=ids).logits  # of a classifier those of the last token alone
            own = head(state)
        most = reading.most_difference(model)
        last = logits.reshape(1, -1, logits.shape[-1])[:, -1]
        if torch.allclose(own, last, atol=most, rtol=most):
            return True
    logging.getLogger(__name__).warning(
        "%s: texts are read whole, without sharing their beginnings (its output is more than a "
        "linear head on the last token)",
        type(model).__name__,
    )
    return False
