"""Held-out accuracy where the longer answer wins and where the shorter one does, and by side.

A reward that goes by length alone is right in all of the first and in none of the second.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from lens.core.intervals import Interval, interval_by_prompt

SIDES = ("first", "second")
LEAST = 10  # prompts, below which nothing is said of a part


@dataclass(frozen=True)
class Part:
    """The pairs that have the better answer in common, `wins` in words: their number, and accuracy
    on them."""

    wins: str
    pairs: int
    accuracy: Interval

    def as_dict(self) -> dict:
        return {"wins": self.wins, "pairs": self.pairs, **vars(self.accuracy)}

    @classmethod
    def from_dict(cls, fields: dict) -> "Part":
        """The way back."""
        ends = Interval(*(fields[name] for name in ("mean", "low", "high")))
        return cls(fields["wins"], fields["pairs"], ends)

    def __str__(self) -> str:
        mean, low, high = (100 * end for end in vars(self.accuracy).values())
        count = f"{self.pairs:,} pair{'s' * (self.pairs != 1)}"
        return f"{mean:.1f} % [{low:.1f}, {high:.1f}] of {count} in which the {self.wins} wins"


def judged_parts(table: pd.DataFrame, right: np.ndarray) -> list[Part]:
    """Parts of the pairs [N] that are no ties, from whether each is ordered rightly [rounds, N] by
    cross-validation.
    Parts of few prompts are left out, and sides where they are not known."""
    longer = table["chosen"].str.len().to_numpy() - table["rejected"].str.len().to_numpy()
    masks = {"longer answer": longer > 0, "shorter answer": longer < 0}
    if "side" in table:
        masks |= {f"{side} answer": (table["side"] == side).to_numpy() for side in SIDES}
    groups = table["group"].to_numpy()
    return [
        Part(
            wins,
            int(rows.sum()),
            interval_by_prompt(right[:, rows], groups[rows], cross_validated=True),
        )
        for wins, rows in masks.items()
        if len(np.unique(groups[rows])) >= LEAST
    ]


def depends_on_length(parts: Sequence[Part]) -> bool:
    """Whether the longer answer is found by more than the intervals leave open."""
    by_name = {part.wins: part.accuracy for part in parts}
    if not {"longer answer", "shorter answer"} <= set(by_name):
        return False
    return by_name["longer answer"].low > by_name["shorter answer"].high


@dataclass(frozen=True)
class WithoutControl:
    """The same recipe where nothing is controlled for: its accuracy, what of it the control
    `costs`, and its parts."""

    accuracy: Interval
    costs: Interval
    parts: list[Part]

    def as_dict(self) -> dict:
        return {
            "accuracy": vars(self.accuracy),
            "costs": vars(self.costs),
            "parts": [part.as_dict() for part in self.parts],
        }


def without_control(table: pd.DataFrame, right: np.ndarray, without: np.ndarray) -> WithoutControl:
    """From whether the pairs [N] that are no ties are ordered rightly [rounds, N] with a control,
    and on the same folds `without` it."""
    groups = table["group"].to_numpy()
    return WithoutControl(
        interval_by_prompt(without, groups, cross_validated=True),
        interval_by_prompt(without - right, groups, least=-1),
        judged_parts(table, without),
    )
