"""Progress of long work: a bar on a terminal, a line every half minute in a log."""

import sys
from collections.abc import Iterable
from io import StringIO
from typing import Any

from tqdm import tqdm

EVERY = 30.0  # seconds between two lines of a log


class Bar(tqdm):
    """tqdm on standard error. If that is not a terminal, it prints lines such as

        embed: 1,200 of 4,800 tokens (25 %), 30 s so far, about 01:30 left

    every half minute; nothing for work that takes less.
    """

    def __init__(self, rows: Iterable | None = None, *, shown: bool = True, **options: Any) -> None:
        self.log = not sys.stderr.isatty()
        if self.log:
            options |= {"mininterval": EVERY, "miniters": 1, "delay": EVERY, "file": StringIO()}
        super().__init__(rows, disable=not shown, **options)

    def display(self, msg: str | None = None, pos: int | None = None) -> bool:  # type: ignore[override]
        if not self.log:
            return bool(super().display(msg, pos))
        if self.format_dict["elapsed"] >= EVERY:
            print(self.line(), file=sys.stderr, flush=True)
        return False

    def line(self) -> str:
        """The line for a log: work done, time taken, time left."""
        now = self.format_dict
        done, total, elapsed = now["n"], now["total"], now["elapsed"]
        text = f"{self.desc.removesuffix(': ')}: {done:,}"
        if not total:
            return f"{text} {self.unit}s, {self.format_interval(elapsed)} so far"
        text += f" of {total:,} {self.unit}s ({100 * done / total:.0f} %)"
        text += f", {self.format_interval(elapsed)} so far"
        if 0 < done < total:
            text += f", about {self.format_interval(elapsed * (total - done) / done)} left"
        return text
