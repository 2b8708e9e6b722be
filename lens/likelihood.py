"""How likely a language model finds a response: the implicit preference of IPO (Section 5.1)."""

from collections.abc import Sequence

import numpy as np
import torch
from tqdm import tqdm

from lens.batching import pad, token_batches
from lens.errors import LensError
from lens.finetuning import common_prefix


@torch.inference_mode()
def mean_log_likelihood(
    model,
    prompt_ids: Sequence[Sequence[int]],
    text_ids: Sequence[Sequence[int]],
    *,
    batch_tokens: int,
) -> np.ndarray:
    """Mean log probability a token (nats), float64 [n], of each text after its prompt.

    Texts are tokenised with their prompts; what they have in common with the prompt alone is not
    counted. The mean over tokens, so that length does not decide. LensError for a text that has
    nothing after its prompt.
    """
    starts = [common_prefix(*both) for both in zip(prompt_ids, text_ids, strict=True)]
    for row, (start, ids) in enumerate(zip(starts, text_ids, strict=True)):
        if start >= len(ids) or start == 0:
            raise LensError(f"text {row}: nothing follows its prompt, or nothing precedes it.")
    result = np.empty(len(text_ids))
    bar = tqdm(total=len(text_ids), unit="text", desc="likelihood", disable=None)
    for rows in token_batches(list(map(len, text_ids)), batch_tokens, model.device.type):
        ids, mask = pad([text_ids[row] for row in rows], 0, model.device)
        logits = model(input_ids=ids, attention_mask=mask).logits[:, :-1].float()
        logs = logits.log_softmax(-1).gather(2, ids[:, 1:, None])[..., 0]
        places = torch.arange(1, ids.shape[1], device=model.device)
        begin = torch.tensor([starts[row] for row in rows], device=model.device)[:, None]
        counted = (places >= begin) & (mask[:, 1:] == 1)
        sums = (logs.double() * counted).sum(1) / counted.sum(1)
        result[rows] = sums.cpu().numpy()
        bar.update(len(rows))
    bar.close()
    return result
