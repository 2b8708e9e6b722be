"""What a job does with a language model: the seconds that it takes and the memory that it holds."""

from dataclasses import dataclass
from typing import NamedTuple

from lens.plan.architectures import Architecture

BYTES = {"float32": 4, "bfloat16": 2, "float16": 2}
CONTEXT = 0.6e9  # bytes that CUDA takes of a GPU, or Python with torch of main memory
PASSES = {"reading": 1.0, "training": 3.0}  # that a token costs; a written one: Device.writing


class Device(NamedTuple):
    """The constants of the estimate."""

    rate: float  # FLOP/s that wide products in 16 bit reach
    rate_32: float  # in float32, as torch has it by default
    narrow: float  # width of products at which half of that is lost
    load_rate: float  # bytes/s of weights, from disk to the device
    writing: float  # passes of a written token, which waits for the weights to be read again

    def products(self, flops: float, dtype: str, width: float) -> float:
        """Seconds of products of such a width."""
        rate = self.rate_32 if dtype == "float32" else self.rate
        return flops / (rate * width / (width + self.narrow))


CPU = Device(26e9, 26e9, 64, 300e6, 1.5)  # a core with AVX2, measured
GPU = Device(109e12, 6.8e12, 0, 1e9, 4.4)  # 35 % of an A100's data sheet


@dataclass(frozen=True, kw_only=True)
class Task:
    """`times` models of a shape read texts, write answers or are trained, one after another."""

    use: str  # "reading", "generation" or "training"
    model: str  # folder or Hub id
    shape: Architecture
    dtype: str
    texts: float  # texts or answers, in all epochs
    tokens: float  # that are read, written or trained on; a prompt that answers share counts once
    prompts: float = 0  # tokens that are read before answers are written
    head: str = "none"  # or "words" or "reward"
    times: int = 1
    gpus: int = 1
    adapters: int = 0  # numbers that LoRA trains; 0 where all weights are trained
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

    def seconds(self, device: Device) -> float:
        """With loading; training is shared out over GPUs."""
        passes = device.writing if self.use == "generation" else PASSES[self.use]
        flops = passes * self.shape.flops(self.tokens, self.head) + self.shape.flops(self.prompts)
        dtype = "bfloat16" if self.bf16 else self.dtype
        products = device.products(flops / self.gpus, dtype, self.shape.hidden)
        return self.times * (self.weights / device.load_rate + products)

    def memory(self) -> dict[str, float]:
        """{part: bytes} on one GPU or in main memory, without what grows with batches and texts.

        `optimiser` is gradients, AdamW's two moments and float32 copies of 16-bit weights, which
        several GPUs share as in ZeRO-2.
        """
        weights, optimiser = self.weights, 12.0 * self.adapters
        if self.use == "training" and not self.adapters:
            optimiser = 3 * weights / self.gpus
            if self.bf16 and self.gpus > 1:
                weights, optimiser = 2 * self.parameters, 14 * self.parameters / self.gpus
            elif self.bf16:  # autocast keeps a 16-bit copy
                weights += 2 * self.parameters
        total = weights + optimiser + CONTEXT
        return {"weights": weights, "optimiser": optimiser, "total": total}
