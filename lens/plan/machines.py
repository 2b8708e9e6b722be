"""What machines do in a second: every constant of the model of cost, with where it comes from."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Device:
    """What runs a language model. Rates are of one device, seconds of one act."""

    memory: float  # bytes
    peak: dict[str, float]  # FLOP/s by dtype
    bandwidth: float  # bytes/s of its memory
    read_use: float  # share of the peak when texts are read or prompts gone through
    train_use: float  # and when a model is trained
    narrow: float  # width of products at which half of that share is lost
    layer_seconds: float  # to start one block's work, however little it is
    decode_seconds: float  # of `generate` itself, for each token of a batch
    train_step_seconds: float  # of the Trainer itself, for each step
    load_rate: float  # bytes/s of weights, from disk to the device


@dataclass(frozen=True)
class Host:
    """One core of the processor, which runs heads, VAEs and tables everywhere."""

    start: dict[str, float]  # seconds until a command begins, by what it imports
    peak: float  # FLOP/s, float32
    use: float  # share of it in the products of heads and VAEs
    narrow: float  # width of products at which half of that share is lost
    step_seconds: float  # of a step of such a training beside its products
    text_seconds: float  # to put one text into a template
    token_seconds: float  # to cut it up, a token
    fit_seconds: float  # to set up one training on text
    save_rate: float  # bytes/s to disk


# Measured on one core of an AMD EPYC: a product of 512 x 512 matrices (peak), imports, templates,
# and finished runs of the offline world in which two jobs ran at a time.
HOST = Host(
    start={"table": 0.7, "page": 1.8, "torch": 2.2, "model": 5.5},
    peak=100e9,
    use=0.8,
    narrow=64,
    step_seconds=1.5e-3,
    text_seconds=5e-5,
    token_seconds=1e-6,
    fit_seconds=0.3,
    save_rate=300e6,
)
CPU = Device(
    memory=float("inf"),
    peak={"float32": 100e9, "bfloat16": 100e9, "float16": 100e9},
    bandwidth=10e9,
    read_use=0.8,
    train_use=0.8,
    narrow=64,
    layer_seconds=0.25e-3,
    decode_seconds=3e-3,
    train_step_seconds=5e-3,
    load_rate=300e6,
)


def gpu(memory: float, peak_16: float, peak_32: float, bandwidth: float) -> Device:
    """A GPU by its data sheet. What it makes of that is assumed, since none could be measured: 40 %
    of its peak in reading and 35 % in training, half a millisecond a block."""
    return Device(
        memory=memory,
        peak={"bfloat16": peak_16, "float16": peak_16, "float32": peak_32},
        bandwidth=bandwidth,
        read_use=0.4,
        train_use=0.35,
        narrow=0,
        layer_seconds=0.5e-3,
        decode_seconds=3e-3,
        train_step_seconds=20e-3,
        load_rate=1e9,
    )


# Dense peaks of the data sheets; float32 products are in full float32, as torch has it by default.
DEVICES = {
    "cpu": CPU,
    "a100-40": gpu(40e9, 312e12, 19.5e12, 1.555e12),
    "a100-80": gpu(80e9, 312e12, 19.5e12, 2.039e12),
    "h100": gpu(80e9, 989e12, 67e12, 3.35e12),
}


def share(use: float, narrow: float, width: float) -> float:
    """Of the peak, what products of such a width reach."""
    return use * width / (width + narrow)
