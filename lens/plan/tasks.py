"""What a job does with a language model: the seconds that it takes and the memory that it holds."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from lens.plan.architectures import BYTES, Architecture
from lens.plan.machines import TEXT_SECONDS, Device

LENGTHS = 16  # batches that end because lengths change, beside those that are full
CONTEXT = 0.6e9  # bytes that CUDA takes of a GPU, or Python with torch of main memory
NOISE = 40  # bytes per word of the vocabulary: logits in float32 and the sampling's noise in int64
LOGITS = 4e9  # as in lens.language.likelihood, whose batches are cut to that
MOST_GPUS = 16
# The setting that makes the batch of a use smaller, and the least that it may be.
SETTINGS = {
    "reading": ("batch_tokens", 512),
    "generation": ("batch_size", 1),
    "training": ("device_batch_size", 1),
}


@dataclass(frozen=True, kw_only=True)
class Task:
    """`times` models of a shape read texts, write answers or are trained, one after another."""

    use: str  # "reading", "generation" or "training"
    model: str  # folder or Hub id
    shape: Architecture
    dtype: str
    head: str = "none"  # or "words" or "reward"
    times: int = 1
    texts: float  # texts or answers, in all epochs
    tokens: float  # that the model goes over; a prompt that answers share counts once
    batch: int  # tokens, answers, or per device pairs (with a head of words: texts)
    shared: bool = False  # whether answers share what is read of their prompt
    longest: int = 0  # tokens of the longest prompt, or text that is trained on
    limit: int = 0  # tokens that an answer may have
    steps: float = 0  # of training; of generation, one per token of a batch
    gpus: int = 1
    settings: Mapping[str, Any] = field(default_factory=dict)  # of the training's section

    @property
    def parameters(self) -> int:
        return self.shape.parameters(self.head)

    @property
    def weights(self) -> float:
        return self.parameters * BYTES[self.dtype]

    @property
    def adapters(self) -> int:
        """Numbers that LoRA trains."""
        targets = self.settings.get("lora_targets", ["q_proj", "v_proj"])
        return self.shape.adapters(self.settings.get("lora_rank", 16), targets)

    @property
    def saved(self) -> float:
        """Bytes of embeddings, or of all trained models or adapters."""
        if self.use == "reading":
            return self.texts * self.shape.hidden * BYTES[self.dtype]
        return self.times * (4 * self.adapters if self.settings.get("lora") else self.weights)

    @property
    def compute(self) -> str:
        """The number format of the products."""
        return "bfloat16" if self.settings.get("bf16") else self.dtype

    @property
    def at_once(self) -> int:
        """Texts on one device at a time, in training."""
        return self.batch * (2 if self.head == "reward" else 1)

    def seconds(self, device: Device) -> float:
        """With loading: products, the starts of blocks, and in generation the weights and the cache
        that every step reads. Training is three forward passes, one more with gradient
        checkpointing and one less with LoRA, shared out over GPUs."""
        shape, context = self.shape, self.tokens / max(self.texts, 1)
        passes, starts, read = 1, self.tokens / self.batch + LENGTHS, 0.0
        if self.use == "generation":
            cache = shape.kv_bytes(min(self.batch, self.texts) * context, self.dtype)
            starts, read = self.steps, self.steps * (self.weights + cache)
        elif self.use == "training":
            low_rank, again = self.settings.get("lora"), self.settings.get("gradient_checkpointing")
            passes = 3 - bool(low_rank) + bool(again)
            starts = passes * max(self.steps, self.texts / self.gpus / self.at_once)
        flops = passes * shape.flops(self.tokens, context / 2, self.head) / self.gpus
        return self.times * (
            self.weights / device.load_rate
            + self.texts * TEXT_SECONDS
            + flops / device.rate(self.compute, shape.hidden)
            + starts * shape.layers * device.layer_seconds
            + self.steps * device.step_seconds
            + read / device.bandwidth
        )

    def memory(self) -> dict[str, float]:
        """{part: bytes} at the peak, with the longest texts, on one GPU or in main memory.

        `optimiser` is gradients, AdamW's two moments and float32 weights beside 16-bit ones.
        """
        parts = {"weights": self.weights, "cache": 0.0, "optimiser": 0.0, "context": CONTEXT}
        shape = self.shape
        if self.use == "training":
            parts |= self.training_memory()
        elif self.use == "generation":
            rows = min(self.batch, self.texts)
            prompts = shape.activation_bytes(rows * self.longest, self.dtype)
            parts["activations"] = max(prompts, NOISE * rows * shape.vocab)
            parts["cache"] = shape.kv_bytes(rows * (self.longest + self.limit), self.dtype)
        else:
            tokens = min(self.batch, self.tokens)
            logits = min(10 * shape.vocab * tokens, LOGITS) if self.head == "words" else 0
            parts["activations"] = shape.activation_bytes(tokens, self.dtype) + logits
            # The cache of a batch's prompts, and a copy for the answers that are read after them.
            parts["cache"] = 2 * shape.kv_bytes(tokens, self.dtype) if self.shared else 0
        return parts | {"total": sum(parts.values())}

    def training_memory(self) -> dict[str, float]:
        """Over several GPUs by ZeRO-2: 16-bit weights on each with `bf16`; gradients, moments and
        the float32 weights are shared out."""
        shape, settings, held = self.shape, self.settings, BYTES[self.dtype]
        if settings.get("lora"):
            weights, optimiser = self.weights, 12.0 * self.adapters
        elif self.gpus > 1 and settings.get("bf16"):
            weights, optimiser = 2.0 * self.parameters, (2 + 12) * self.parameters / self.gpus
        else:  # autocast keeps a 16-bit copy of float32 weights
            copy = 2 if settings.get("bf16") and held == 4 else 0
            weights, optimiser = (held + copy) * self.parameters, 3 * self.weights / self.gpus
        tokens = self.at_once * self.longest
        block = shape.activation_bytes(tokens, self.compute)
        kept = shape.layers * block
        if settings.get("gradient_checkpointing"):
            kept = shape.layers * shape.hidden * BYTES[self.compute] * tokens
        logits = 10 * shape.vocab * tokens if self.head == "words" else 0
        return {
            "weights": weights,
            "activations": kept + 2 * block + logits,
            "optimiser": optimiser,
        }

    def remedy(self, limit: float) -> str:
        """The first change of the config by which the task fits in `limit` bytes; empty where it
        does."""
        if self.memory()["total"] <= limit:
            return ""
        fitting = (text for text, task in self.remedies() if task.memory()["total"] <= limit)
        return next(fitting, "no setting of LENS: a larger GPU or a smaller model")

    def remedies(self) -> Iterator[tuple[str, "Task"]]:
        """(what to change, the task after it): smaller batches, then 16-bit weights, or in training
        more GPUs and then low-rank adapters."""
        yield from self.smaller()
        if self.use != "training":
            if self.dtype == "float32":
                half = replace(self, dtype="bfloat16")
                yield "precision fast", half
                yield from ((f"precision fast and {text}", task) for text, task in half.smaller())
            return
        gpus = self.gpus
        while (gpus := 2 * gpus) <= MOST_GPUS:
            more = replace(self, gpus=gpus, settings={**self.settings, "bf16": True})
            yield f"{gpus} GPUs with ZeRO-2", more
            yield f"{gpus} GPUs with ZeRO-2, device_batch_size 1", replace(more, batch=1)
        settings = {**self.settings, "lora": True, "gradient_checkpointing": True}
        low_rank = replace(self, settings=settings, dtype="bfloat16", batch=1)
        yield "lora with bfloat16 weights", low_rank

    def smaller(self) -> Iterator[tuple[str, "Task"]]:
        """(the setting, the task with it) for batches half as large each time."""
        setting, least = SETTINGS[self.use]
        batch = self.batch
        while (batch := batch // 2) >= least:
            yield f"{setting} {batch}", replace(self, batch=batch)
