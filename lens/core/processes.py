"""Processes that train together, started by accelerate or torch.distributed."""

import os
from typing import TypeVar

T = TypeVar("T")


def is_first() -> bool:
    """Whether this is the process that writes, of those that train together."""
    return int(os.environ.get("RANK", 0)) == 0


def from_first(value: T) -> T:
    """The value that the first of the processes that train together has."""
    import torch.distributed as together

    if not (together.is_available() and together.is_initialized()):
        return value
    box = [value]
    together.broadcast_object_list(box, src=0)
    return box[0]
