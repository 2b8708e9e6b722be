"""How likely a language model finds a response: the implicit preference of IPO (Section 5.1)."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch

from lens.core.diagnostics import check_finite
from lens.core.progress import Bar
from lens.language.batching import pad, token_batches, while_memory_lasts

if TYPE_CHECKING:
    from transformers import PreTrainedModel as Model

LOGITS = 4e9  # bytes that a batch's logits may take: 10 a word and token, in 16 bit and float32


@torch.inference_mode()
def mean_log_likelihood(
    model: "Model",
    text_ids: Sequence[Sequence[int]],
    starts: Sequence[int],
    *,
    batch_tokens: int,
) -> np.ndarray:
    """Mean log probability a token (nats), float64 [n], of each text from its start on.

    `starts` are where the answers begin. The mean over tokens, so that length does not decide. NaN
    for a text that has no answer, or nothing before it to foretell it from. LensError where another
    has no finite one.
    """
    result = np.full(len(text_ids), np.nan)
    known = [row for row, ids in enumerate(text_ids) if 0 < starts[row] < len(ids)]
    lengths = [len(text_ids[row]) for row in known]
    bar = Bar(total=len(known), unit="text", desc="likelihood")
    words = model.config.get_text_config().vocab_size

    def run(part: Sequence[int], budget: int) -> Iterator[tuple[list[int], torch.Tensor]]:
        part_lengths = [lengths[position] for position in part]
        for positions in token_batches(part_lengths, budget, model.device.type):
            yield positions, scores([known[part[position]] for position in positions])

    def scores(rows: list[int]) -> torch.Tensor:
        ids, mask = pad([text_ids[row] for row in rows], 0, model.device)
        logits = model(input_ids=ids, attention_mask=mask).logits[:, :-1].float()
        logs = logits.log_softmax(-1).gather(2, ids[:, 1:, None])[..., 0]
        here = torch.arange(1, ids.shape[1], device=model.device)
        begin = torch.tensor([starts[row] for row in rows], device=model.device)[:, None]
        counted = (here >= begin) & (mask[:, 1:] == 1)
        return (logs.double() * counted).sum(1) / counted.sum(1)

    budget = min(batch_tokens, int(LOGITS / (10 * words)))
    for positions, likelihoods in while_memory_lasts(run, len(known), budget):
        result[[known[position] for position in positions]] = likelihoods.cpu().numpy()
        bar.update(len(positions))
    bar.close()
    check_finite(
        result[known],
        lambda position: f"text {known[position] + 1}",
        "the likelihood",
        "Use precision high; if it stays, look at that text.",
    )
    return result
