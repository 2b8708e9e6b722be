"""What a table says of measured values: levels and paired differences, as columns and as text."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from lens.core.intervals import crossed_interval, crossed_p_value
from lens.report.render import with_interval

LEVEL = 0.05  # of corrected p-values, below which a difference counts


def level(
    values: np.ndarray | None,
    mean: str = "mean",
    ends: str = "",
    within: tuple[float, float] = (-np.inf, np.inf),
) -> dict[str, float]:
    """Mean and 95 % interval of values [seeds, items] as the columns `mean`, ENDSlow and ENDShigh;
    NaN without values. No end lies outside `within`."""
    columns = (mean, f"{ends}low", f"{ends}high")
    if values is None:
        return dict.fromkeys(columns, np.nan)
    found = crossed_interval(values)
    ends_within = max(within[0], found.low), min(within[1], found.high)
    return dict(zip(columns, (found.mean, *ends_within), strict=True))


def difference(values: np.ndarray | None, control: np.ndarray | None) -> dict[str, float]:
    """The paired difference to the repeat control [seeds, items] as columns; NaN without one."""
    return level(_gap(values, control), "difference_to_repeat", "difference_")


def p_value(values: np.ndarray | None, control: np.ndarray | None) -> float:
    """Of no paired difference to the repeat control; NaN without one."""
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
    """The columns of `level` in a row (of `itertuples`) as text, each times `factor`."""
    columns = (mean, f"{ends}low", f"{ends}high")
    middle, low, high = (factor * getattr(row, name) for name in columns)
    return with_interval(middle, low, high, digits, sign=sign)


def shown_difference(row: Any, digits: int, factor: float = 1) -> str:
    """The columns of `difference` as text, starred where the corrected p-value is below 5 %."""
    star = "*" if row.corrected_p_value < LEVEL else ""
    names = ("difference_to_repeat", "difference_")
    return shown(row, digits, *names, factor=factor, sign=True) + star


def blocks(rows: Iterable[tuple[str, list[str]]]) -> list[tuple[str, Sequence[Sequence[str]]]]:
    """(title, row) brought together into (title, its rows), titles in the order of their first."""
    found: dict[str, list[list[str]]] = {}
    for title, row in rows:
        found.setdefault(title, []).append(row)
    return list(found.items())
