"""Rows a few at a time, where copies of all would take several times their memory."""

from collections.abc import Iterator

ROWS = 4096


def chunks(count: int) -> Iterator[slice]:
    """Slices of at most `ROWS` rows that make up `count`."""
    for start in range(0, count, ROWS):
        yield slice(start, min(count, start + ROWS))
