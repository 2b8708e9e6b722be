"""Candidate answers sampled from the base model.

Sampling adds Gumbel noise to the logits and takes the largest, which draws from the softmax. The
noise belongs to (seed, prompt, candidate, step), so that an answer does not depend on which other
prompts share its batch.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from transformers import GenerationConfig, LogitsProcessor, LogitsProcessorList
from transformers.generation.logits_process import TemperatureLogitsWarper, TopPLogitsWarper

from lens.core.progress import Bar
from lens.core.row_noise import combine, row_gumbels
from lens.core.seeds import derive_seed
from lens.language.batching import pad
from lens.language.packed.reading import can_pack
from lens.language.packed.writing import write

if TYPE_CHECKING:
    from transformers import PreTrainedModel as Model
    from transformers import PreTrainedTokenizerBase as Tokenizer

Perturb = Callable[[Tensor, Tensor, Tensor | int], Tensor]


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

    About `batch_size` answers are written side by side. At temperature 0 every answer is the most
    likely one, token by token.
    """
    jobs = [(row, number) for row in range(len(prompts)) for number in range(candidates)]
    seeds = [derive_seed(seed, names[row], number) for row, number in jobs]
    stop = model.generation_config.eos_token_id or tokenizer.eos_token_id
    ends = set(stop if isinstance(stop, list) else [stop])
    perturb = _perturbation(temperature, top_p)

    def pick(logits: Tensor, of: list[int], steps: list[int]) -> list[int]:
        own = torch.tensor([seeds[job] for job in of], device=logits.device)
        at = torch.tensor(steps, device=logits.device)
        return perturb(logits.float(), own, at).argmax(dim=-1).tolist()

    if jobs and can_pack(model.base_model):
        rows = [row for row, _ in jobs]
        ids = write(model, prompts, rows, pick, ends=ends, most=max_new_tokens, slots=batch_size)
    else:
        ids = _generate(model, prompts, jobs, seeds, perturb, max_new_tokens, batch_size, ends)
    kept = [[token for token in answer if token not in ends] for answer in ids]
    texts = tokenizer.batch_decode(kept, skip_special_tokens=True)
    answers: list[list[str]] = [[] for _ in prompts]
    for (row, _), text in zip(jobs, texts, strict=True):
        answers[row].append(text.strip())
    return answers


def _perturbation(temperature: float, top_p: float) -> Perturb:
    """A function of (logits [n, words], row seeds [n], steps [n]) whose largest value is the next
    token."""
    if temperature <= 0:
        return lambda logits, seeds, steps: logits
    warp = TemperatureLogitsWarper(float(temperature))
    nucleus = TopPLogitsWarper(top_p) if top_p < 1 else None

    def perturb(logits: Tensor, seeds: Tensor, steps: Tensor | int) -> Tensor:
        logits = warp(None, logits)
        logits = nucleus(None, logits) if nucleus else logits
        return logits + row_gumbels(combine(0, seeds, steps), logits.shape[-1]).to(logits)

    return perturb


class _Perturbed(LogitsProcessor):
    """The perturbation for transformers' own loop; `row_seeds` is int64 [n]."""

    def __init__(self, perturb: Perturb, row_seeds: Tensor, prompt_length: int):
        self.perturb, self.row_seeds, self.prompt_length = perturb, row_seeds, prompt_length

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        return self.perturb(scores, self.row_seeds, input_ids.shape[1] - self.prompt_length)


def _generate(
    model: "Model",
    prompts: Sequence[Sequence[int]],
    jobs: list[tuple[int, int]],
    seeds: list[int],
    perturb: Perturb,
    most: int,
    batch_size: int,
    ends: set[int],
) -> list[list[int]]:
    """Token ids of each job's answer by transformers' own loop, for models that cannot be packed.
    Rows are padded on the left."""
    order = sorted(range(len(jobs)), key=lambda job: len(prompts[jobs[job][0]]))
    settings = GenerationConfig(
        do_sample=False,
        repetition_penalty=1.0,  # some models bring their own, which would change the softmax
        max_new_tokens=most,
        pad_token_id=min(ends),
        eos_token_id=sorted(ends),
    )
    answers: list[list[int]] = [[] for _ in jobs]
    for start in Bar(range(0, len(jobs), batch_size), desc="generate", unit="batch"):
        batch = order[start : start + batch_size]
        rows = [prompts[jobs[job][0]] for job in batch]
        ids, mask = pad(rows, 0, model.device, left=True)
        own = torch.tensor([seeds[job] for job in batch], device=model.device)
        output = model.generate(
            input_ids=ids,
            attention_mask=mask,
            generation_config=settings,
            logits_processor=LogitsProcessorList([_Perturbed(perturb, own, ids.shape[1])]),
        )
        for job, answer in zip(batch, output[:, ids.shape[1] :].tolist(), strict=True):
            answers[job] = answer
    return answers
