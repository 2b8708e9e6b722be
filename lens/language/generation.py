"""Candidate answers sampled from the base model.

Sampling adds Gumbel noise to the logits and takes the largest, which draws from the softmax. The
noise belongs to (seed, prompt, candidate, step), so that an answer does not depend on which other
prompts share its batch.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from tqdm import tqdm
from transformers import GenerationConfig, LogitsProcessor, LogitsProcessorList
from transformers.generation.logits_process import TemperatureLogitsWarper, TopPLogitsWarper

from lens.core.row_noise import combine, row_gumbels
from lens.core.seeds import derive_seed

if TYPE_CHECKING:
    from transformers import PreTrainedModel as Model
    from transformers import PreTrainedTokenizerBase as Tokenizer


class GumbelNoise(LogitsProcessor):
    """Adds each row's own noise to its logits; `row_seeds` is int64 [n]."""

    def __init__(self, row_seeds: Tensor, prompt_length: int):
        self.row_seeds = row_seeds
        self.prompt_length = prompt_length

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        seeds = combine(0, self.row_seeds, input_ids.shape[1] - self.prompt_length)
        return scores + row_gumbels(seeds, scores.shape[-1]).to(scores)


@torch.inference_mode()
def generate(
    model: "Model",
    tokenizer: "Tokenizer",
    prompts: Sequence[Sequence[int]],
    names: Sequence[str | int],
    *,
    candidates: int,
    seed: int,
    temperature: float,
    top_p: float,
    max_new_tokens: int,
    batch_size: int,
) -> list[list[str]]:
    """`candidates` sampled answers for each tokenised prompt; `names` seed their noise.

    Rows of a batch are padded on the left; a batch holds about `batch_size` answers. At temperature
    0 every answer is the most likely one, token by token.
    """
    answers: list[list[str]] = [[] for _ in prompts]
    jobs = [(row, number) for row in range(len(prompts)) for number in range(candidates)]
    jobs.sort(key=lambda job: len(prompts[job[0]]))
    ends = model.generation_config.eos_token_id or tokenizer.eos_token_id
    settings = GenerationConfig(
        do_sample=False,
        repetition_penalty=1.0,  # some models bring their own, which would change the softmax
        max_new_tokens=max_new_tokens,
        pad_token_id=tokenizer.eos_token_id,  # a special token, so that decoding drops it
        eos_token_id=ends,
    )
    for start in tqdm(range(0, len(jobs), batch_size), desc="generate", unit="batch", disable=None):
        batch = jobs[start : start + batch_size]
        ids, mask = _pad_left([prompts[row] for row, _ in batch], model.device)
        seeds = torch.tensor([derive_seed(seed, names[row], number) for row, number in batch])
        warpers = LogitsProcessorList()
        if temperature > 0:
            warpers.append(TemperatureLogitsWarper(float(temperature)))
            if top_p < 1:
                warpers.append(TopPLogitsWarper(top_p))
            warpers.append(GumbelNoise(seeds.to(model.device), ids.shape[1]))
        output = model.generate(
            input_ids=ids, attention_mask=mask, generation_config=settings, logits_processor=warpers
        )
        texts = tokenizer.batch_decode(output[:, ids.shape[1] :], skip_special_tokens=True)
        for (row, _), text in zip(batch, texts, strict=True):
            answers[row].append(text.strip())
    return answers


def _pad_left(rows: Sequence[Sequence[int]], device: torch.device) -> tuple[Tensor, Tensor]:
    width = max(map(len, rows))
    ids = torch.zeros(len(rows), width, dtype=torch.long)
    mask = torch.zeros_like(ids)
    for number, row in enumerate(rows):
        ids[number, width - len(row) :] = torch.tensor(row)
        mask[number, width - len(row) :] = 1
    return ids.to(device), mask.to(device)
