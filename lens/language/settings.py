"""Settings of language models: loading, embedding, sampling and training on text."""

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from lens.core.settings import (
    KEY_VARIABLE,
    Address,
    Batches,
    Count,
    Rate,
    Seed,
    Settings,
    Threaded,
    Variable,
)

DTYPES = {"high": "float32", "fast": "bfloat16", "auto": "auto"}  # of each precision
PRECISIONS = {"float32": "high", "bfloat16": "fast"}  # of each dtype that was its name before
Epochs = Annotated[float, Field(gt=0, description="Passes over the texts.")]


class LoadSettings(Threaded):
    """How a Hugging Face model is loaded and how texts are put to it."""

    model: str = Field(description="Folder or Hub id.")
    revision: str | None = Field(None, description="Hub revision; pin a commit.")
    precision: Literal["high", "fast"] = Field(
        "high",
        description="high: float32; fast: bfloat16, on a CPU only in linear layers "
        "(`dtype: float32` and `dtype: bfloat16` are older names).",
    )
    device: str = Field("auto", description="auto, cpu, cuda, cuda:1, ...")
    trust_remote_code: bool = Field(False, description="Run code that comes with the model.")
    text_style: Literal["chat", "plain"] = Field(
        "chat", description="The tokenizer's chat template or plain text."
    )
    max_length: Count | None = Field(
        None, description="Tokens read at most; null is the model's limit."
    )
    too_long: Literal["error", "cut_left", "cut_right"] = Field(
        "error", description="What happens to longer texts."
    )

    @model_validator(mode="before")
    @classmethod
    def _read_dtype(cls, given: Any) -> Any:
        """The older name, `dtype`, as a precision."""
        if not isinstance(given, dict) or "dtype" not in given:
            return given
        if "precision" in given or given["dtype"] not in PRECISIONS:
            raise ValueError("give `precision: high` or `precision: fast` instead of `dtype`")
        others = {name: value for name, value in given.items() if name != "dtype"}
        return others | {"precision": PRECISIONS[given["dtype"]]}


class EmbeddingSettings(Batches):
    """How a text becomes one vector."""

    pooling: Literal["auto", "last", "mean", "first"] = Field(
        "last",
        description="Last token (causal models), or mean over tokens or first token (encoders); "
        "auto is what a sentence-transformers model's own files say.",
    )
    prompt_name: str | None = Field(
        None, description="Prompt of a sentence-transformers model, with pooling auto."
    )
    base_url: Address | None = Field(
        None,
        description="An OpenAI-compatible endpoint, such as http://localhost:8000/v1; `load.model` "
        "is the model's name there. Needs the extra `endpoint`.",
    )
    key_variable: Variable = Field(
        KEY_VARIABLE,
        description="The name, in capitals, of the environment variable with the endpoint's key.",
    )
    cache: str | None = Field(
        None, description="File that saves the endpoint's vectors; null: in ~/.cache/lens."
    )
    layer: int = Field(
        -1, ge=-1, description="-1 final hidden state, 0 input embeddings, i output of block i."
    )


class GenerationSettings(Settings):
    """How candidates are sampled."""

    engine: Literal["hf", "vllm"] = Field(
        "hf", description="What samples: Hugging Face generate, or vLLM (extra `vllm`)."
    )
    candidates: int = Field(16, ge=2, description="Answers to each test prompt.")
    temperature: float = Field(1.0, gt=0, description="Sampling temperature.")
    top_p: float = Field(1.0, gt=0, le=1, description="Nucleus sampling; 1 is off.")
    max_new_tokens: Count = Field(512, description="Longest answer in tokens.")
    batch_size: Count = Field(64, description="Answers sampled together; changes speed only.")
    seed: Seed = Field(0, description="Seed of the candidates.")


class TextTrainingSettings(Settings):
    """What full fine-tuning and LoRA share."""

    epochs: Epochs = 1
    learning_rate: Rate | None = Field(None, description="Adam's learning rate, at its peak.")
    batch_size: Count = Field(32, description="Pairs or texts per step.")
    device_batch_size: Count | None = Field(
        None, description="Of them at a time on one device; the rest is accumulated."
    )


class FinetuningSettings(TextTrainingSettings):
    """How a language model is trained on text with TRL."""

    warmup_share: float = Field(
        0.0, ge=0, lt=1, description="Share of the steps in which the learning rate rises."
    )
    gradient_checkpointing: bool = Field(False, description="Less memory for a fifth more time.")
    bf16: bool = Field(
        False,
        description="Sums in bfloat16; weights that are trained stay float32. Only with it does "
        "LoRA keep the other weights in the format of `precision`.",
    )
    max_length: Count | None = Field(
        None, description="Tokens of a text for SFT; a longer one loses its end."
    )


class AdapterSettings(TextTrainingSettings):
    """What differs for LoRA, and its adapters."""

    lora_rank: Count = Field(16, description="Rank of the adapters.")
    lora_alpha: Count = Field(32, description="Their scale times the rank.")
    lora_dropout: float = Field(0.0, ge=0, lt=1, description="Dropout before the adapters.")
    lora_targets: list[str] = Field(
        ["q_proj", "v_proj"],
        min_length=1,
        description="Layers that get adapters, by the end of their names, or all-linear.",
    )
