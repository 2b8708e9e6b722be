"""Bytes of a GPU's memory that a task needs at its peak, and what would make it fit."""

from dataclasses import dataclass, replace

from lens.plan.architectures import BYTES, Architecture
from lens.plan.tasks import Read, Train, Write, dtype_of, head_of

CONTEXT = 0.6e9  # what CUDA itself and its libraries take of a GPU
NOISE = 40  # bytes a word of the vocabulary: logits in float32 and the sampling's noise in int64
LOGITS = 4e9  # as in lens.language.likelihood, whose batches are cut to that
MOST_GPUS = 16


@dataclass(frozen=True)
class Memory:
    """Bytes on one GPU."""

    weights: float
    activations: float
    kv_cache: float
    optimiser: float = 0  # gradients and AdamW's moments, and weights in float32 beside 16-bit ones
    context: float = CONTEXT

    @property
    def total(self) -> float:
        return self.weights + self.activations + self.kv_cache + self.optimiser + self.context


def memory(task, shape: Architecture) -> Memory:
    """What a task holds at its peak, at the longest texts."""
    dtype = dtype_of(task)
    weights = shape.parameters(head_of(task)) * BYTES[dtype]
    if isinstance(task, Read):
        # The cache of a batch's prompts, and a copy for the answers that are read after them.
        tokens = min(task.batch_tokens, task.tokens)
        shared = 2 if task.tokens < task.text_tokens else 0
        cache = shared * shape.kv_bytes(tokens, dtype)
        activations = shape.activation_bytes(tokens, dtype)
        if task.head == "words":
            activations += min(10 * shape.vocab * tokens, LOGITS)
        return Memory(weights, activations, cache)
    if isinstance(task, Write):
        rows = min(task.batch, task.answers)
        prompts = shape.activation_bytes(rows * task.longest, dtype)
        activations = max(prompts, NOISE * rows * shape.vocab)
        cache = shape.kv_bytes(rows * (task.longest + task.limit), dtype)
        return Memory(weights, activations, cache)
    return training_memory(task, shape)


def training_memory(task: Train, shape: Architecture) -> Memory:
    """Weights, gradients and AdamW's two moments. Over several GPUs by ZeRO-2: 16-bit weights on
    each where sums are in bfloat16; gradients, moments and the float32 weights are shared out."""
    settings, parameters = task.settings, shape.parameters(task.head)
    held = BYTES[dtype_of(task)]
    if settings.get("lora"):
        rank = settings.get("lora_rank", 16)
        trained = adapters(shape, rank, settings.get("lora_targets", ["q_proj", "v_proj"]))
        weights, optimiser = parameters * held, 12 * trained
    elif task.gpus > 1 and settings.get("bf16"):
        weights, optimiser = 2 * parameters, (2 + 12) * parameters / task.gpus
    else:
        # Sums in bfloat16 beside float32 weights: autocast keeps a 16-bit copy of them.
        copy = 2 if settings.get("bf16") and held == 4 else 0
        weights = (held + copy) * parameters
        optimiser = 3 * held * parameters / task.gpus
    dtype = "bfloat16" if settings.get("bf16") else dtype_of(task)
    tokens = task.at_once * task.longest
    block = 2 * shape.activation_bytes(tokens, dtype)
    if settings.get("gradient_checkpointing"):
        activations = shape.layers * shape.hidden * BYTES[dtype] * tokens + block
    else:
        activations = shape.layers * shape.activation_bytes(tokens, dtype) + block
    if task.head == "words":
        activations += 10 * shape.vocab * tokens  # logits, in 16 bit and float32, and a gradient
    return Memory(weights, activations, 0, optimiser)


def adapters(shape: Architecture, rank: int, targets) -> int:
    """Numbers of LoRA's adapters of every block."""
    queries, keys = shape.heads * shape.head_dim, shape.kv_heads * shape.head_dim
    ends = {
        "q_proj": shape.hidden + queries,
        "k_proj": shape.hidden + keys,
        "v_proj": shape.hidden + keys,
        "o_proj": queries + shape.hidden,
        "gate_proj": shape.hidden + shape.intermediate,
        "up_proj": shape.hidden + shape.intermediate,
        "down_proj": shape.hidden + shape.intermediate,
    }
    chosen = ends if "all-linear" in targets else [t for t in targets if t in ends]
    return shape.layers * rank * sum(ends[name] for name in chosen) + shape.hidden


def remedy(task, shape: Architecture, limit: float) -> str:
    """The first change by which the task fits in `limit` bytes, in the config's words: smaller
    batches, then 16-bit weights, then more GPUs and low-rank adapters; or that none does."""
    tried = smaller(task, shape, limit)
    if tried:
        return tried
    if dtype_of(task) == "float32" and not isinstance(task, Train):
        task = replace(task, load={**task.load, "dtype": "bfloat16"})
        if memory(task, shape).total <= limit:
            return "dtype bfloat16"
        if tried := smaller(task, shape, limit):
            return f"dtype bfloat16 and {tried}"
    if isinstance(task, Train):
        gpus = task.gpus
        while gpus < MOST_GPUS:
            gpus *= 2
            more = replace(task, gpus=gpus, settings={**task.settings, "bf16": True})
            for one in (more, replace(more, at_once=1)):
                if memory(one, shape).total <= limit:
                    batch = "" if one.at_once == task.at_once else ", device_batch_size 1"
                    return f"{gpus} GPUs with ZeRO-2{batch}"
        own = {**task.settings, "lora": True, "gradient_checkpointing": True, "dtype": "bfloat16"}
        if memory(replace(task, settings=own, at_once=2), shape).total <= limit:
            return "lora with bfloat16 weights"
    return "no setting of LENS: a larger GPU or a smaller model"


def smaller(task, shape: Architecture, limit: float) -> str:
    """The largest power of two times less of a batch that fits; empty where none does."""
    key = {Read: "batch_tokens", Write: "batch", Train: "at_once"}[type(task)]
    names = {"batch": "batch_size", "at_once": "device_batch_size"}
    size, least = getattr(task, key), 512 if isinstance(task, Read) else 1
    while size // 2 >= least:
        size //= 2
        if memory(replace(task, **{key: size}), shape).total <= limit:
            shown = max(1, size // 2) if isinstance(task, Train) and task.head == "reward" else size
            return f"{names.get(key, key)} {shown}"
    return ""
