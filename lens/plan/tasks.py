"""What a job asks of a machine, and the seconds and bytes that follow: the model of cost."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import ceil

from lens.plan.architectures import BYTES, Architecture
from lens.plan.machines import Device, Host, share

LENGTHS = 16  # batches that end because lengths change, beside those that are full


@dataclass(frozen=True)
class Read:
    """A model goes over texts once, through `tokens`: a shared prompt counts once."""

    load: Mapping
    texts: float
    tokens: float
    text_tokens: float  # of the texts as they stand, which the tokenizer cuts up
    batch_tokens: int
    head: str = "none"
    times: int = 1  # models of this shape that do so


@dataclass(frozen=True)
class Write:
    """A model answers prompts, `batch` answers at a time."""

    load: Mapping
    answers: float
    prompt: float  # tokens, mean
    longest: int  # tokens, the longest prompt
    written: float  # tokens of an answer, mean
    limit: int  # tokens that an answer may have
    batch: int
    engine: str = "transformers"
    times: int = 1


@dataclass(frozen=True)
class Train:
    """A model is trained on texts. `at_once` texts are on one device at a time."""

    load: Mapping
    texts: float  # in all epochs
    tokens: float  # in all epochs
    steps: float
    at_once: int
    longest: int
    settings: Mapping  # of `finetuning` and `full` or `lora`
    head: str = "reward"
    gpus: int = 1
    trainer: bool = True
    times: int = 1


@dataclass(frozen=True)
class Work:
    """A job: what it imports, its language models' tasks, and beside them `steps` of training and
    `flops` of heads and VAEs on embeddings `width` wide, seconds of waiting for others, rows and
    bytes written."""

    start: str = "table"
    tasks: tuple = ()
    steps: float = 0
    flops: float = 0
    width: float = 1
    waiting: float = 0
    rows: float = 0
    disk: float = 0
    stored: dict = field(default_factory=dict)  # {dtype: numbers}: weights that it saves


def seconds(task, shape: Architecture, device: Device, host: Host) -> float:
    """How long a task takes, with its model loaded and its texts cut up."""
    weights = shape.parameters(head_of(task)) * BYTES[dtype_of(task)]
    own = {Read: reading, Write: writing, Train: training}[type(task)](task, shape, device, host)
    return task.times * (weights / device.load_rate + own)


def forward(shape: Architecture, dtype: str, device: Device, tokens, context, use) -> float:
    """A forward pass of all blocks without what it takes to start it: products at their share of
    the peak, and the stream's ways to memory and back, one after the other."""
    rate = device.peak[dtype] * share(use, device.narrow, shape.hidden)
    products = shape.flops(tokens, context) / rate
    moved = shape.layers * (20 * shape.hidden + 3 * shape.intermediate) * BYTES[dtype] * tokens
    return products + moved / device.bandwidth


def reading(task: Read, shape, device, host) -> float:
    batches = ceil(task.tokens / task.batch_tokens) + LENGTHS
    context = task.text_tokens / max(task.texts, 1) / 2
    return (
        task.texts * host.text_seconds
        + task.text_tokens * host.token_seconds
        + forward(shape, dtype_of(task), device, task.tokens, context, device.read_use)
        + batches * shape.layers * device.layer_seconds
    )


def writing(task: Write, shape, device, host) -> float:
    """The prompts, then a step for each token of a batch's longest answer, which is taken to be as
    long as it may be: every step reads the weights and the cache."""
    dtype = dtype_of(task)
    batch = min(task.batch, task.answers)
    steps = ceil(task.answers / batch) * task.limit
    if task.engine == "vllm":  # rows that end make room at once
        steps = task.answers * task.written / batch
    context = task.prompt + task.limit / 2
    prompts = forward(
        shape, dtype, device, task.answers * task.prompt, task.prompt / 2, device.read_use
    )
    held = shape.parameters() * BYTES[dtype] + shape.kv_bytes(batch * context, dtype)
    words = 2 * shape.hidden * shape.vocab * batch / (device.peak[dtype] * device.read_use)
    a_step = (
        held / device.bandwidth
        + forward(shape, dtype, device, batch, context, device.read_use)
        + words
        + shape.layers * device.layer_seconds
        + device.decode_seconds
    )
    return task.answers * host.text_seconds + prompts + steps * a_step


def training(task: Train, shape, device, host) -> float:
    """Three times a forward pass, four with gradient checkpointing; low-rank adapters spare the
    weights' gradients. Weights, gradients and moments pass through memory at every step."""
    settings = task.settings
    passes = 3 - (1 if settings.get("lora") else 0) + bool(settings.get("gradient_checkpointing"))
    dtype = "bfloat16" if settings.get("bf16") else dtype_of(task)
    context = task.tokens / max(task.texts, 1) / 2
    products = forward(shape, dtype, device, task.tokens, context, device.train_use) / task.gpus
    if task.head == "words":
        words = 2 * shape.hidden * shape.vocab * task.tokens
        products += words / (device.peak[dtype] * device.train_use) / task.gpus
    micro = max(1.0, task.texts / max(task.steps, 1) / task.gpus / task.at_once)
    started = task.steps * micro * passes * shape.layers * device.layer_seconds
    moments = 0 if settings.get("lora") else 28 * shape.parameters(task.head) / task.gpus
    fixed = device.train_step_seconds + moments / device.bandwidth
    setup = host.fit_seconds if task.trainer else 0
    return setup + task.texts * host.text_seconds + passes * products + started + task.steps * fixed


def dtype_of(task) -> str:
    own = task.settings.get("dtype") if isinstance(task, Train) else None
    return own or task.load.get("dtype", "float32")


def head_of(task) -> str:
    return "words" if isinstance(task, Write) else task.head
