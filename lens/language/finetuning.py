"""Training language models on text with TRL: reward models (full or LoRA) and SFT models.

Batches hold texts of like length. Under `accelerate launch` (ZeRO-2 over several GPUs) the batch
is shared among the processes; the first of them saves.
"""

import copy
import gc
import importlib
import os
import shutil
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lens.core.errors import LensError
from lens.core.processes import is_first
from lens.files.atomic import replacing_folder
from lens.language import loading
from lens.language.gold import unused_id
from lens.language.lora import Lora, lora_config

if TYPE_CHECKING:
    from transformers import PreTrainedModel as Model
    from transformers import PreTrainedTokenizerBase as Tokenizer
    from transformers import Trainer

EXTRA = 'Run `pip install "lens-rm[text]"`, or take the textual methods out of the config.'


@dataclass(frozen=True)
class Settings:
    """How a model is trained. `batch_size` pairs (or texts) make a step, of which a device takes
    `device_batch_size` at a time, all where it is None. With `bf16` sums run in bfloat16; weights
    that are trained stay float32, since bfloat16 loses small steps."""

    epochs: float
    learning_rate: float
    batch_size: int
    device_batch_size: int | None = None
    warmup_share: float = 0.0
    gradient_checkpointing: bool = False
    bf16: bool = False
    max_length: int | None = None


def get_ready(*modules: str) -> None:
    """`require` for a command that trains several models, before the first of them is there."""
    require(*modules)
    gc.freeze()  # trainers collect garbage as they start: then not among all that was imported


def require(*modules: str) -> None:
    """Imports modules of optional packages; LensError where a package is missing."""
    for module in modules:
        try:
            importlib.import_module(module)
        except ImportError as error:
            package = (error.name or module).partition(".")[0]
            raise LensError(
                f"training on text needs {package}, which is missing. {EXTRA}"
            ) from error


def weights_dtype(dtype: str, settings: Settings, lora: Lora | None) -> str:
    """The dtype to load a model in that is to be trained: `dtype` for LoRA with sums in bfloat16,
    which leaves most weights as they are; otherwise float32."""
    return dtype if lora and settings.bf16 else "float32"


def new_classifier(
    path: str,
    *,
    revision: str | None,
    dtype: str,
    device: str,
    trust_remote_code: bool,
    seed: int,
    tokenizer: "Tokenizer | None" = None,
) -> "tuple[Tokenizer, Model]":
    """(tokenizer, sequence classifier with one label) on the language model at `path`; the head's
    random weights follow the seed. A `tokenizer` that is given is not read again."""
    from transformers import AutoModelForSequenceClassification, set_seed

    set_seed(seed)
    tokenizer, model, _ = loading.read(
        AutoModelForSequenceClassification,
        path,
        revision,
        dtype,
        trust_remote_code=trust_remote_code,
        tokenizer=tokenizer,
        num_labels=1,
    )
    return tokenizer, loading.move_to_device(model, path, device)


def load_reward(
    path: str, *, dtype: str, device: str, tokenizer: "Tokenizer | None" = None
) -> "tuple[Tokenizer, Model]":
    """(tokenizer, classifier in evaluation mode) that `train_reward` saved; an adapter is merged
    into the model that it was trained on. A `tokenizer` that is given is not read again."""
    from transformers import AutoModelForSequenceClassification

    return loading.load(
        AutoModelForSequenceClassification,
        path,
        revision=None,
        dtype=dtype,
        device=device,
        tokenizer=tokenizer,
    )


def train_reward(
    model: "Model",
    tokenizer: "Tokenizer",
    chosen_ids: Sequence[Sequence[int]],
    rejected_ids: Sequence[Sequence[int]],
    settings: Settings,
    *,
    lora: Lora | None,
    seed: int,
    out: str | Path | None,
    checkpoint: Path | None = None,
) -> dict:
    """Trains the classifier on token ids of n pairs with TRL's RewardTrainer (Bradley-Terry loss)
    and saves it, or its adapter, in the folder `out` if one is given. Returns what happened. With a
    `checkpoint`, a folder, it saves there its state, and continues from what it finds. Weights that
    are trained become float32; load the model in `weights_dtype`. After LoRA, load the folder to
    score with it.

    LensError where a target of `lora` is not in the model, or the loss is not finite. The model's
    `pad_token_id` is then a token that no text holds: pad with it where texts are scored by the
    model's own forward.
    """
    require("trl", "peft")
    from datasets import Dataset
    from trl import RewardConfig, RewardTrainer

    padding = copy.deepcopy(tokenizer)  # the trainer's alone: the saved one keeps its words
    padding.pad_token = tokenizer.convert_ids_to_tokens(
        padding_token(tokenizer, [*chosen_ids, *rejected_ids])
    )
    lengths = [max(len(a), len(b)) for a, b in zip(chosen_ids, rejected_ids, strict=True)]
    rows = {"chosen_ids": chosen_ids, "rejected_ids": rejected_ids, "length": lengths}
    trainer = _trainer(
        RewardTrainer,
        RewardConfig,
        settings,
        model,
        seed,
        max_length=None,  # texts were cut, or refused, when they became tokens
        train_dataset=Dataset.from_dict(rows),
        processing_class=padding,
        peft_config=lora_config(lora, model),
    )
    tokens = sum(map(len, chosen_ids)) + sum(map(len, rejected_ids))
    return _run(trainer, tokenizer, out, checkpoint) | {
        "pairs_per_epoch": len(lengths),
        "tokens": int(tokens * settings.epochs),
    }


def train_sft(
    model: "Model",
    tokenizer: "Tokenizer",
    text_ids: Sequence[Sequence[int]],
    starts: Sequence[int],
    settings: Settings,
    *,
    seed: int,
    out: str | Path,
    checkpoint: Path | None = None,
) -> dict:
    """Trains the causal model on texts (prompt and answer) with TRL's SFTTrainer and saves it.

    The loss is on the tokens from each text's start of the answer on. A text of more than
    `max_length` tokens loses its end; one whose prompt leaves no room for an answer is left out and
    counted. LensError where none is left. `checkpoint` is as for `train_reward`.
    """
    require("trl")
    from datasets import Dataset
    from trl import SFTConfig, SFTTrainer

    kept = [
        (list(text[: settings.max_length]), start)
        for text, start in zip(text_ids, starts, strict=True)
        if start < min(len(text), settings.max_length or len(text))
    ]
    if not kept:
        raise LensError("no prompt leaves room for an answer: raise `max_length`.")
    lengths = [len(text) for text, _ in kept]
    rows = {
        "input_ids": [text for text, _ in kept],
        "completion_mask": [[0] * start + [1] * (len(text) - start) for text, start in kept],
        "length": lengths,
    }
    trainer = _trainer(
        SFTTrainer,
        SFTConfig,
        settings,
        model,
        seed,
        max_length=None,  # they are cut already
        completion_only_loss=True,
        train_dataset=Dataset.from_dict(rows),
        processing_class=tokenizer,
    )
    cut = sum(len(text) > (settings.max_length or len(text)) for text in text_ids)
    return _run(trainer, tokenizer, out, checkpoint) | {
        "texts": len(kept),
        "texts_shortened": cut,
        "texts_without_room": len(text_ids) - len(kept),
        "tokens": int(sum(lengths) * settings.epochs),
    }


def padding_token(tokenizer: "Tokenizer", token_ids: Sequence[Sequence[int]]) -> int:
    """The tokenizer's padding token, or, where texts hold that or there is none, the smallest id
    that no text holds: a classifier finds a text's last token by it, and would pass over an end
    token that is the padding token too. LensError where the texts use every token."""
    pad = tokenizer.pad_token_id
    if pad is None or any(pad in ids for ids in token_ids):
        pad = unused_id(token_ids)
        if pad >= len(tokenizer):
            raise LensError("the texts use every token of the model, so none is left for padding.")
    return pad


def _trainer(
    trainer_class: type[Any],
    config_class: type[Any],
    settings: Settings,
    model: "Model",
    seed: int,
    **options: Any,
) -> "Trainer":
    import sys
    import tempfile

    import torch

    config_options = {"max_length", "completion_only_loss"}
    processes = int(os.environ.get("WORLD_SIZE", 1))
    if processes == 1 and model.device.type == "cuda" and torch.cuda.device_count() > 1:
        raise LensError(
            f"{torch.cuda.device_count()} GPUs are visible to one process. Start it through "
            "accelerate (`textual.accelerate`), or show it one: CUDA_VISIBLE_DEVICES=0."
        )
    per_device = settings.device_batch_size or max(1, settings.batch_size // processes)
    at_once = per_device * processes
    if settings.batch_size % at_once:
        raise LensError(
            f"batch_size {settings.batch_size} is not a multiple of {processes} processes x "
            f"device_batch_size {per_device}. Change one of them."
        )
    warnings.simplefilter("ignore", FutureWarning)  # on names that TRL itself still uses
    config = config_class(
        # lens.language.resuming saves during training, but the trainer needs a folder.
        output_dir=tempfile.mkdtemp(prefix="lens-"),
        num_train_epochs=settings.epochs,
        learning_rate=settings.learning_rate,
        per_device_train_batch_size=per_device,
        gradient_accumulation_steps=settings.batch_size // at_once,
        warmup_steps=settings.warmup_share,
        gradient_checkpointing=settings.gradient_checkpointing,
        bf16=settings.bf16,
        use_cpu=model.device.type == "cpu",
        seed=seed,
        train_sampling_strategy="group_by_length",
        length_column_name="length",
        remove_unused_columns=False,
        report_to=[],
        save_strategy="no",
        logging_first_step=True,
        logging_steps=0.1,  # of all steps
        logging_nan_inf_filter=False,
        disable_tqdm=not sys.stderr.isatty(),
        **{name: options.pop(name) for name in sorted(config_options & options.keys())},
    )
    from transformers.trainer_callback import PrinterCallback

    from lens.language.resuming import Resuming

    resuming = type(trainer_class.__name__, (Resuming, trainer_class), {})
    trainer = resuming(model=model, args=config, **options)
    trainer.remove_callback(PrinterCallback)
    return trainer


def _run(
    trainer: "Trainer",
    tokenizer: "Tokenizer",
    out: str | Path | None,
    checkpoint: Path | None,
) -> dict:
    from lens.language.resuming import train

    for value in trainer.model.parameters():
        if value.requires_grad:
            value.data = value.data.float()
    train(trainer, checkpoint)
    shutil.rmtree(trainer.args.output_dir, ignore_errors=True)
    losses = [row["loss"] for row in trainer.state.log_history if "loss" in row]
    if not np.isfinite(losses).all():
        raise LensError(f"the loss ended at {losses[-1]}. Lower `learning_rate`.")
    trained = trainer.accelerator.unwrap_model(trainer.model)
    if trained.__dict__.pop("_original_forward", None):  # accelerate's bfloat16 sums end here
        del trained.forward
    if out and is_first():
        save(trained, tokenizer, out)
        shutil.rmtree(checkpoint or "", ignore_errors=True)
    return {
        "steps": trainer.state.global_step,
        "first_loss": losses[0],
        "last_loss": losses[-1],  # mean of the last tenth of the steps
        "parameters": sum(value.numel() for value in trained.parameters()),
        "trained_parameters": sum(v.numel() for v in trained.parameters() if v.requires_grad),
    }


def save(model: "Model", tokenizer: "Tokenizer", out: str | Path) -> None:
    """A Hugging Face folder, written under a temporary name and then renamed."""
    with replacing_folder(out) as temporary:
        model.save_pretrained(temporary)
        tokenizer.save_pretrained(temporary)
