"""What machines do in a second: every constant of the estimate of time (docs/plan.md)."""

from typing import NamedTuple

# One core of an AMD EPYC, two jobs at a time: seconds until a command begins, by what it imports;
# to put a text into a template and tokenise it; of a step of a head or VAE beside its products.
START = {"table": 0.7, "page": 1.8, "torch": 2.2, "model": 5.5}
TEXT_SECONDS, STEP_SECONDS = 1e-4, 1.5e-3
DISK = 300e6  # bytes/s


class Device(NamedTuple):
    """What runs a model. Defaults are those of a GPU; no GPU has checked them."""

    peak: float  # FLOP/s in 16 bit, of which wide products reach the share `use`
    peak_32: float  # in float32, as torch has it by default
    bandwidth: float  # bytes/s of its memory
    use: float = 0.35
    narrow: float = 0  # width of products at which half of that is lost
    layer_seconds: float = 0.5e-3  # to start one block's work, however little it is
    step_seconds: float = 3e-3  # of a step of generation or training beside its blocks
    load_rate: float = 1e9  # bytes/s of weights, from disk to the device

    def rate(self, dtype: str, width: float) -> float:
        """FLOP/s that products of such a width reach."""
        peak = self.peak_32 if dtype == "float32" else self.peak
        return peak * self.use * width / (width + self.narrow)


DEVICES = {  # peaks without sparsity and bandwidths of the data sheets
    "cpu": Device(100e9, 100e9, 10e9, 0.8, 64, 0.25e-3, 5e-3, DISK),
    "a100-40": Device(312e12, 19.5e12, 1.555e12),
    "a100-80": Device(312e12, 19.5e12, 2.039e12),
    "h100": Device(989e12, 67e12, 3.35e12),
}
