"""Measured values in tables: means and paired differences, as columns and as text."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from lens.core.intervals import crossed_interval, crossed_p_value
from lens.report.render import with_interval

LEVEL = 0.05  # significance level of corrected p-values


def level(
    values: np.ndarray | None,
    mean: str = "mean",
    ends: str = "",
    within: tuple[float, float] = (-np.inf, np.inf),
) -> dict[str, float]:
    """Mean and 95 % interval of values [seeds, items] as the columns `mean`, ENDSlow and ENDShigh;
    NaN without values. The interval is clipped to `within`."""
    columns = (mean, f"{ends}low", f"{ends}high")
    if values is None:
        return dict.fromkeys(columns, np.nan)
    interval = crossed_interval(values)
    clipped = max(within[0], interval.low), min(within[1], interval.high)
    return dict(zip(columns, (interval.mean, *clipped), strict=True))


def difference(values: np.ndarray | None, control: np.ndarray | None) -> dict[str, float]:
    """The paired difference between values and repeat control [seeds, items] as columns; NaN
    without a control."""
    return level(_gap(values, control), "difference_to_repeat", "difference_")


def p_value(values: np.ndarray | None, control: np.ndarray | None) -> float:
    """p-value of the paired difference between values and repeat control [seeds, items]; NaN
    without a control."""
    gap = _gap(values, control)
    return np.nan if gap is None else crossed_p_value(gap)


def _gap(values: np.ndarray | None, control: np.ndarray | None) -> np.ndarray | None:
    return None if values is None or control is None else values - control


def shown(
    row: Any,
    digits: int,
    mean: str = "mean",
    ends: str = "",
    *,
    factor: float = 1,
    sign: bool = False,
) -> str:
    """The columns of `level` in a row (from `itertuples`) as text, each times `factor`."""
    columns = (mean, f"{ends}low", f"{ends}high")
    middle, low, high = (factor * getattr(row, name) for name in columns)
    return with_interval(middle, low, high, digits, sign=sign)


def shown_difference(row: Any, digits: int, factor: float = 1) -> str:
    """The columns of `difference` as text, with a star if the corrected p-value is below 5 %."""
    star = "*" if row.corrected_p_value < LEVEL else ""
    names = ("difference_to_repeat", "difference_")
    return shown(row, digits, *names, factor=factor, sign=True) + star


def blocks(rows: Iterable[tuple[str, list[str]]]) -> list[tuple[str, Sequence[Sequence[str]]]]:
    """Groups (title, row) into (title, its rows), in the order in which titles first appear."""
    by_title: dict[str, list[list[str]]] = {}
    for title, row in rows:
        by_title.setdefault(title, []).append(row)
    return list(by_title.items())


def of_seeds(note: str, seeds: int) -> str:
    """A table's note on intervals over seeds and items; of one seed, they are over items alone."""
    if seeds > 1:
        return note
    return note.replace("over seeds and", "over") + " One seed: others may differ by more."
