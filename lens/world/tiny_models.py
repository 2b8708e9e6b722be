"""Tiny models of the offline world: a causal LM and a gold reward model, as Hugging Face models."""

import copy
import math
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, mse_loss
from transformers import (
    LlamaConfig,
    LlamaForCausalLM,
    LlamaForSequenceClassification,
    PreTrainedModel,
    PreTrainedTokenizerFast,
)
from transformers.utils import logging

from lens.core.errors import LensError
from lens.core.progress import Bar
from lens.data.sources import read_rows
from lens.files.atomic import replacing_folder
from lens.language.batching import pad

SPECIAL = ["<pad>", "<bos>", "<end>", "<unk>", "<assistant>"]
# "<bos> prompt <assistant> response <end> reply": no token of its own opens the user's turns, so
# that the state at <end> is what foretells a reply.
CHAT_TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}"
    "{% if message.role == 'assistant' %} <assistant> {{ message.content }} {{ eos_token }}"
    "{% else %} {{ message.content }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %} <assistant>{% endif %}"
)
MAX_LENGTH = 128
SORTED_BATCHES = 16  # rows are sorted by length within a stretch of so many batches


def read_texts(path: str, columns: Sequence[str]) -> list[dict]:
    """The rows of a text file; LensError when one lacks a column or has another type in it."""
    rows = []
    for place, row in read_rows(path):
        for name in columns:
            kind = (int, float) if name == "reward" else str
            if not isinstance(row.get(name), kind):
                raise LensError(
                    f"{place}: column {name} is missing or of the wrong type; found {sorted(row)}. "
                    "Use a file that `lens build-world` wrote, or one like it."
                )
        rows.append(row)
    return rows


def messages(row: dict) -> list[dict]:
    """The chat of a row: prompt, response and, where there is one, the reply to it."""
    turns = [("user", row["prompt"]), ("assistant", row["response"]), ("user", row.get("reply"))]
    return [{"role": role, "content": content} for role, content in turns if content]


def build_tokenizer(rows: Sequence[dict]) -> PreTrainedTokenizerFast:
    """A word-level tokenizer that knows every word (split at spaces) of the rows' chats."""
    texts = (message["content"] for row in rows for message in messages(row))
    words = sorted({word for text in texts for word in text.split()} - set(SPECIAL))
    vocabulary = {word: number for number, word in enumerate([*SPECIAL, *words])}
    backend = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    backend.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return PreTrainedTokenizerFast(
        tokenizer_object=backend,
        pad_token="<pad>",
        bos_token="<bos>",
        eos_token="<end>",
        unk_token="<unk>",
        additional_special_tokens=["<assistant>"],
        chat_template=CHAT_TEMPLATE,
        model_max_length=MAX_LENGTH,
        clean_up_tokenization_spaces=False,
    )


def chat_token_ids(tokenizer: PreTrainedTokenizerFast, rows: Sequence[dict]) -> list[list[int]]:
    """Token ids of each row in chat form; LensError when one is longer than `MAX_LENGTH`."""
    texts = tokenizer.apply_chat_template([messages(row) for row in rows], tokenize=False)
    token_ids = tokenizer(texts, add_special_tokens=False)["input_ids"]
    for row, ids in zip(rows, token_ids, strict=True):
        if len(ids) > MAX_LENGTH:
            raise LensError(
                f"the prompt {row['prompt']!r} with its response has {len(ids)} tokens; a tiny "
                f"model reads {MAX_LENGTH}. Remove the row."
            )
    return token_ids


def new_language_model(
    tokenizer: PreTrainedTokenizerFast, *, hidden: int, layers: int, heads: int, seed: int
) -> LlamaForCausalLM:
    """An untrained Llama whose random weights follow the seed."""
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=hidden,
        intermediate_size=2 * hidden,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        max_position_embeddings=MAX_LENGTH,
        initializer_range=0.05,  # with Llama's 0.02 so narrow a model starts to learn far later
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
    )
    torch.manual_seed(seed)
    return LlamaForCausalLM(config)


def new_gold_model(base: LlamaForCausalLM) -> LlamaForSequenceClassification:
    """The language model's body with a reward head of zeros, one label."""
    config = copy.deepcopy(base.config)
    config.num_labels = 1
    model = LlamaForSequenceClassification(config)
    model.model.load_state_dict(base.model.state_dict())
    nn.init.zeros_(model.score.weight)
    return model


def train_language_model(
    model: LlamaForCausalLM, token_ids: Sequence[Sequence[int]], **options: Any
) -> list[float]:
    """Trains on all tokens and returns each step's loss (nats per token); options of `optimise`."""

    def loss(rows: list[int]) -> Tensor:
        ids, mask = pad([token_ids[row] for row in rows], 0, "cpu")
        # Padding is on the right, where causal attention never looks: the mask is for the loss.
        targets = ids[:, 1:].masked_fill(mask[:, 1:] == 0, -100)
        return cross_entropy(model(input_ids=ids).logits[:, :-1].transpose(1, 2), targets)

    return optimise(model, loss, list(map(len, token_ids)), **options)


def train_gold_model(
    model: LlamaForSequenceClassification,
    token_ids: Sequence[Sequence[int]],
    rewards: Tensor,
    **options: Any,
) -> list[float]:
    """Regression on rewards [n] (points); each step's squared error; options of `optimise`."""

    def loss(rows: list[int]) -> Tensor:
        ids, _ = pad([token_ids[row] for row in rows], model.config.pad_token_id, "cpu")
        return mse_loss(model(input_ids=ids).logits[:, 0], rewards[rows])

    return optimise(model, loss, list(map(len, token_ids)), **options)


def optimise(
    model: nn.Module,
    loss_of: Callable[[list[int]], Tensor],
    lengths: Sequence[int],
    *,
    steps: int,
    batch_size: int,
    learning_rate: float,
    seed: int,
) -> list[float]:
    """AdamW with a short warm-up and cosine decay; `loss_of` takes row numbers. Losses [steps]."""
    optimiser = torch.optim.AdamW(
        model.parameters(), lr=learning_rate, betas=(0.9, 0.98), weight_decay=0.01, fused=True
    )
    warm_up = max(1, steps // 20)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser,
        lambda step: min((step + 1) / warm_up, 0.5 + 0.5 * math.cos(math.pi * step / steps)),
    )
    losses = []
    model.train()
    for rows in Bar(
        batches(lengths, batch_size, steps, seed), total=steps, desc="train", unit="step"
    ):
        loss = loss_of(rows)
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        losses.append(loss.item())
    model.eval()
    if not np.isfinite(losses).all():
        raise LensError(f"the loss ended at {losses[-1]}. Lower `--learning-rate`.")
    return losses


def batches(lengths: Sequence[int], size: int, steps: int, seed: int) -> Iterator[list[int]]:
    """`steps` batches of row numbers in shuffled passes; rows of one batch have similar lengths,
    which saves padding."""
    generator = np.random.default_rng(seed)
    sizes = np.asarray(lengths)
    made = 0
    while made < steps:
        order = generator.permutation(len(sizes))
        parts = []
        for start in range(0, len(order), SORTED_BATCHES * size):
            stretch = order[start : start + SORTED_BATCHES * size]
            stretch = stretch[sizes[stretch].argsort(kind="stable")]
            parts += [stretch[at : at + size].tolist() for at in range(0, len(stretch), size)]
        for number in generator.permutation(len(parts))[: steps - made]:
            yield parts[number]
            made += 1


def describe_losses(losses: Sequence[float]) -> dict:
    """Loss of the first step, and the mean over the last twentieth of the steps."""
    last = losses[-max(1, len(losses) // 20) :]
    return {"steps": len(losses), "first_loss": losses[0], "last_loss": sum(last) / len(last)}


def agreement(kinds: Sequence[str], rewards: np.ndarray, scores: np.ndarray) -> dict:
    """How gold scores [n] agree with true rewards [n], for each kind of text.

    `order_accuracy` is over all pairs of texts of one kind whose true rewards differ.
    """
    table = pd.DataFrame({"kind": kinds, "reward": rewards, "score": scores})
    return {
        kind: {
            "n": len(part),
            "order_accuracy": _order_accuracy(part["reward"].to_numpy(), part["score"].to_numpy()),
            "pearson": float(np.corrcoef(part["reward"], part["score"])[0, 1]),
            "spearman": float(np.corrcoef(part["reward"].rank(), part["score"].rank())[0, 1]),
        }
        for kind, part in table.groupby("kind")
    }


def _order_accuracy(rewards: np.ndarray, scores: np.ndarray) -> float:
    first, second = np.triu_indices(len(rewards), 1)
    gaps, score_gaps = rewards[first] - rewards[second], scores[first] - scores[second]
    return float((gaps * score_gaps > 0)[gaps != 0].mean())


def save(folder: str | Path, model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast) -> None:
    """Saves model and tokenizer as a Hugging Face folder, under a temporary name first."""
    logging.disable_progress_bar()
    with replacing_folder(folder) as temporary:
        model.save_pretrained(temporary)
        tokenizer.save_pretrained(temporary)
