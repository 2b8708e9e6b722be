"""Candidate answers sampled from the base model.

Each token is drawn from the softmax by a uniform number that belongs to (seed, prompt, candidate,
step). So an answer does not depend on which other prompts share its batch.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor
from transformers import GenerationConfig, LogitsProcessor, LogitsProcessorList
from transformers.generation.logits_process import TemperatureLogitsWarper, TopPLogitsWarper

from lens.core.progress import Bar
from lens.core.row_noise import combine, row_uniforms
from lens.core.seeds import derive_seed
from lens.language.batching import pad
from lens.language.packed.reading import can_pack
from lens.language.packed.writing import write

if TYPE_CHECKING:
    from transformers import PreTrainedModel as Model
    from transformers import PreTrainedTokenizerBase as Tokenizer

Draw = Callable[[Tensor, Tensor, Tensor | int], Tensor]


class Answer(NamedTuple):
    """A sampled answer, and whether the model ended it: others were cut at the most tokens."""

    text: str
    finished: bool


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
) -> list[list[Answer]]:
    """`candidates` sampled answers for each tokenised prompt; `names` seed their draws.

    About `batch_size` answers are written side by side. At temperature 0 every answer is the most
    likely one, token by token.
    """
    jobs = [(row, number) for row in range(len(prompts)) for number in range(candidates)]
    if not jobs:
        return [[] for _ in prompts]
    seeds = [derive_seed(seed, names[row], number) for row, number in jobs]
    stop = model.generation_config.eos_token_id or tokenizer.eos_token_id
    ends = set(stop if isinstance(stop, list) else [stop])
    draw = _drawing(temperature, top_p)

    def pick(logits: Tensor, of: list[int], steps: list[int]) -> list[int]:
        job_seeds = torch.tensor([seeds[job] for job in of], device=logits.device)
        at = torch.tensor(steps, device=logits.device)
        return draw(logits.float(), job_seeds, at).tolist()

    if can_pack(model.base_model):
        rows = [row for row, _ in jobs]
        ids = write(model, prompts, rows, pick, ends=ends, most=max_new_tokens, slots=batch_size)
    else:
        ids = _generate(model, prompts, jobs, seeds, draw, max_new_tokens, batch_size, ends)
    kept = [[token for token in answer if token not in ends] for answer in ids]
    texts = tokenizer.batch_decode(kept, skip_special_tokens=True)
    answers: list[list[Answer]] = [[] for _ in prompts]
    for (row, _), text, tokens in zip(jobs, texts, ids, strict=True):
        answers[row].append(Answer(text.strip(), not ends.isdisjoint(tokens)))
    return answers


def _drawing(temperature: float, top_p: float) -> Draw:
    """A function of (logits [n, words], row seeds [n], steps [n]) that gives the next tokens [n]:
    the words at which the cumulated softmax passes each row's uniform number."""
    if temperature <= 0:
        return lambda logits, seeds, steps: logits.argmax(dim=-1)
    warp = TemperatureLogitsWarper(float(temperature))
    nucleus = TopPLogitsWarper(top_p) if top_p < 1 else None

    def draw(logits: Tensor, seeds: Tensor, steps: Tensor | int) -> Tensor:
        logits = warp(None, logits)
        logits = nucleus(None, logits) if nucleus else logits
        below = logits.softmax(dim=-1).cumsum(dim=-1, dtype=torch.float64)
        wanted = row_uniforms(combine(0, seeds, steps))[:, None] * below[:, -1:]
        return torch.searchsorted(below, wanted)[:, 0]

    return draw


class _Drawn(LogitsProcessor):
    """For transformers' own loop: the drawn tokens alone are left; `row_seeds` is int64 [n]."""

    def __init__(self, draw: Draw, row_seeds: Tensor, prompt_length: int):
        self.draw, self.row_seeds, self.prompt_length = draw, row_seeds, prompt_length

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        step = input_ids.shape[1] - self.prompt_length
        tokens = self.draw(scores.float(), self.row_seeds, step)
        return torch.full_like(scores, -torch.inf).scatter(1, tokens[:, None], 0.0)


def _generate(
    model: "Model",
    prompts: Sequence[Sequence[int]],
    jobs: list[tuple[int, int]],
    seeds: list[int],
    draw: Draw,
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
        job_seeds = torch.tensor([seeds[job] for job in batch], device=model.device)
        output = model.generate(
            input_ids=ids,
            attention_mask=mask,
            generation_config=settings,
            logits_processor=LogitsProcessorList([_Drawn(draw, job_seeds, ids.shape[1])]),
        )
        for job, answer in zip(batch, output[:, ids.shape[1] :].tolist(), strict=True):
            answers[job] = answer
    return answers
