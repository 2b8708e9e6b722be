"""Rows of unlike lengths in padded batches."""

import logging
from collections.abc import Callable, Iterator, Sequence

import torch

from lens.core.errors import LensError

LEAST = 64  # tokens, below which a batch is not halved
FULL = {"cpu": 256}  # tokens that keep a device busy: more gain nothing from rows to be padded
FULL_ELSEWHERE = 8192
PADDING = 0.1  # share of a row that may be padding in a full batch


def distinct(texts: Sequence[Sequence[int]]) -> tuple[list[list[int]], list[int]]:
    """(the distinct texts, the place [n] of each text among them)."""
    numbers: dict[tuple[int, ...], int] = {}
    rows = [numbers.setdefault(tuple(text), len(numbers)) for text in texts]
    return [list(text) for text in numbers], rows


def token_batches(lengths: Sequence[int], budget: int, device: str = "cpu") -> Iterator[list[int]]:
    """Row numbers in batches, longest first, each at most `budget` tokens with its padding.

    A batch that keeps the kind of device busy ends early where the next row would be padded by more
    than a tenth. A single row longer than the budget makes a batch of its own.
    """
    full = FULL.get(device, FULL_ELSEWHERE)
    batch: list[int] = []
    for row in sorted(range(len(lengths)), key=lambda row: (-lengths[row], row)):
        longest = lengths[batch[0]] if batch else 0
        over = (len(batch) + 1) * longest > budget
        padded = lengths[row] < (1 - PADDING) * longest and len(batch) * longest >= full
        if batch and (over or padded):
            yield batch
            batch = []
        batch.append(row)
    if batch:
        yield batch


def pad(
    rows: Sequence[Sequence[int]], pad_id: int, device: str, *, left: bool = False
) -> tuple[torch.Tensor, torch.Tensor]:
    """Token ids and mask, both [n, longest], padded on the right or left."""
    width = max(map(len, rows))
    ids = torch.full((len(rows), width), pad_id)
    mask = torch.zeros_like(ids)
    for number, row in enumerate(rows):
        where = slice(width - len(row), width) if left else slice(len(row))
        ids[number, where] = torch.tensor(row, dtype=ids.dtype)
        mask[number, where] = 1
    return ids.to(device), mask.to(device)


def while_memory_lasts(
    run: Callable[[Sequence[int], int], Iterator[tuple[list[int], torch.Tensor]]],
    count: int,
    budget: int,
) -> Iterator[tuple[list[int], torch.Tensor]]:
    """(rows, results) of `count` rows from run(rows, budget), which names them by their places in
    `rows`; when the device runs out of memory, what is left continues with half the budget.

    Raises LensError when even a small batch does not fit.
    """
    remaining = list(range(count))
    while remaining:
        done: set[int] = set()
        try:
            for positions, results in run(remaining, budget):
                rows = [remaining[position] for position in positions]
                done.update(rows)
                yield rows, results
        except torch.OutOfMemoryError as error:
            if budget <= LEAST:
                raise LensError(
                    f"the device has no memory for a batch of {budget} tokens ({error}). Take a "
                    "smaller model, on a GPU `precision: fast`, or a shorter --max-length."
                ) from error
            budget //= 2
            logging.getLogger(__name__).warning(
                "out of memory: going on with batches of %d tokens", budget
            )
        remaining = [row for row in remaining if row not in done]
