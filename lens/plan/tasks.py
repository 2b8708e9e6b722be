"""What a job does with a language model: the seconds that it takes and the memory that it holds."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from lens.plan.architectures import BYTES, Architecture
from lens.plan.machines import TEXT_SECONDS, Device

LENGTHS = 16  # batches that end because lengths change, beside those that are full
CONTEXT = 0.6e9  # bytes that CUDA takes of a GPU, or Python with torch of main memory
NOISE = 40  # bytes per word of the vocabulary: logits in float32 and the sampling's noise in int64
LOGITS = 4e9  # as in lens.language.likelihood, whose batches are cut to that
BATCH = {
    "reading": "batch_tokens",
    "generation": "batch_size",
    "training": "device_batch_size",
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
    adapters: int = 0  # numbers that LoRA trains; 0 where all weights are trained
    checkpointing: bool = False
    bf16: bool = False

    @property
    def parameters(self) -> int:
        return self.shape.parameters(self.head)

    @property
    def weights(self) -> float:
        return self.parameters * BYTES[self.dtype]

    @property
    def saved(self) -> float:
        """Bytes of embeddings, or of all trained models or adapters."""
        if self.use == "reading":
            return self.texts * self.shape.hidden * BYTES[self.dtype]
        return self.times * (4 * self.adapters or self.weights)

    @property
    def compute(self) -> str:
        """The number format of the products."""
        return "bfloat16" if self.bf16 else self.dtype

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
            passes = 3 - bool(self.adapters) + self.checkpointing
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

        `optimiser` is gradients, AdamW's two moments and float32 weights beside 16-bit ones, which
        several GPUs share as in ZeRO-2.
        """
        shape, held, parts = self.shape, BYTES[self.dtype], {"weights": self.weights}
        parts |= {"cache": 0.0, "optimiser": 0.0, "context": CONTEXT}
        if self.use == "training":
            tokens = self.at_once * self.longest
            block = shape.activation_bytes(tokens, self.compute)
            kept = shape.hidden * BYTES[self.compute] * tokens if self.checkpointing else block
            logits = 10 * shape.vocab * tokens if self.head == "words" else 0
            parts["activations"] = shape.layers * kept + 2 * block + logits
            parts["optimiser"] = 12.0 * self.adapters or 3 * self.weights / self.gpus
            if not self.adapters and self.bf16 and self.gpus > 1:
                parts["weights"] = 2.0 * self.parameters
                parts["optimiser"] = (2 + 12) * self.parameters / self.gpus
            elif not self.adapters and self.bf16 and held == 4:  # autocast keeps a 16-bit copy
                parts["weights"] += 2 * self.parameters
        elif self.use == "generation":
            rows = min(self.batch, self.texts)
            prompts = shape.activation_bytes(rows * self.longest, self.dtype)
            parts["activations"] = max(prompts, NOISE * rows * shape.vocab)
            parts["cache"] = shape.kv_bytes(rows * (self.longest + self.limit), self.dtype)
        else:
            read = min(self.batch, self.tokens)
            words = min(10 * shape.vocab * read, LOGITS) if self.head == "words" else 0
            parts["activations"] = shape.activation_bytes(read, self.dtype) + words
            # The cache of a batch's prompts, and a copy for the answers that are read after them.
            parts["cache"] = 2 * shape.kv_bytes(read, self.dtype) if self.shared else 0
        return parts | {"total": sum(parts.values())}

    def remedy(self, limit: float) -> str:
        """The first change of the config by which the task fits in `limit` bytes; empty where it
        does."""
        fitting = (text for text, task in self.remedies() if task.memory()["total"] <= limit)
        return next(fitting, "no setting of LENS: a larger GPU or a smaller model")

    def remedies(self) -> Iterator[tuple[str, "Task"]]:
        """(what to change, the task after it): 16-bit weights, or in training more GPUs and then
        low-rank adapters, and with each of them batches half as large each time."""
        changes: dict[str, dict] = {"": {}}
        if self.use == "training":
            more = [gpus for gpus in (2, 4, 8, 16) if gpus > self.gpus]
            changes |= {f"{gpus} GPUs with ZeRO-2": {"gpus": gpus, "bf16": True} for gpus in more}
            lora = {"adapters": self.shape.adapters(16, True), "checkpointing": True}
            changes["lora with bfloat16 weights"] = {**lora, "dtype": "bfloat16"}
        elif self.dtype == "float32":
            changes["precision fast"] = {"dtype": "bfloat16"}
        setting, batch = BATCH[self.use], self.batch
        for text, change in changes.items():
            yield text, replace(self, **change)
            for smaller in (batch >> n for n in range(1, batch.bit_length())):
                words = f"{text} and {setting} {smaller}".removeprefix(" and ")
                yield words, replace(self, **change, batch=smaller)
