"""What a stage costs: time, memory, tokens and parameters, for Table 2.

Saved apart from a stage's results: those are the same in every run, costs are not.
"""

import os
import platform
import resource
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_started, _processor_began = time.perf_counter(), 0.0
_on_gpu_since: float | None = None
_parts: dict[str, float] = {}
_earlier = 0.0


def start(processor_began: float = 0.0) -> None:
    """Starts the clock at the beginning of a command. `processor_began`: processor seconds that
    earlier commands of this process took."""
    global _started, _processor_began, _on_gpu_since, _earlier
    _started, _on_gpu_since, _earlier = time.perf_counter(), None, 0.0
    _processor_began = processor_began
    _parts.clear()


@contextmanager
def part(name: str) -> Iterator[None]:
    """Measures the wall time of a part of the job; parts with one name add up."""
    begun = time.perf_counter()
    yield
    _parts[name] = _parts.get(name, 0.0) + time.perf_counter() - begun


def took_before(seconds: float) -> None:
    """Counts seconds that an earlier attempt needed for work that is not done again."""
    global _earlier
    _earlier += seconds


def uses(device: str) -> None:
    """Counts GPU time from now on if `device` is a GPU."""
    global _on_gpu_since
    if str(device).startswith("cuda") and _on_gpu_since is None:
        _on_gpu_since = time.perf_counter()


def measured(
    *,
    tokens: int = 0,
    new_tokens: int = 0,
    parameters: int = 0,
    trained: int = 0,
    seconds: dict[str, float] | None = None,
) -> dict:
    """What this process has cost so far, as JSON values.

    `tokens` read by models (each reading counts), `new_tokens` sampled, `parameters` of the models
    used and how many of them were `trained`. `device_seconds`: how long a GPU was held, or
    processor time without a GPU; times the number of processes that train together. Memory: bytes
    at the peak, of main memory and GPU. `seconds`: {part of the job: wall time}, added to the parts
    timed with `part`. Seconds of earlier attempts (`took_before`) count in both times of the job.
    """
    now, processor = time.perf_counter(), time.process_time() - _processor_began
    torch = sys.modules.get("torch")
    processes = int(os.environ.get("WORLD_SIZE", 1))
    cuda = torch.cuda if torch and torch.cuda.is_available() else None
    cuda = cuda if cuda and cuda.is_initialized() else None
    held = now - _on_gpu_since if _on_gpu_since else processor
    return {
        "wall_seconds": now - _started + _earlier,
        "cpu_seconds": processor,
        "machine": platform.node(),
        "device": cuda.get_device_name() if cuda else "cpu",
        "device_seconds": processes * (held + _earlier),
        "peak_memory_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        "peak_device_memory_bytes": cuda.max_memory_allocated() if cuda else 0,
        "tokens": int(tokens),
        "new_tokens": int(new_tokens),
        "parameters": int(parameters),
        "trained_parameters": int(trained),
        "seconds": _parts | (seconds or {}),
    }


def processor() -> str:
    """The processor's name, or its architecture where the system has no name for it."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
