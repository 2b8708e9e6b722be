"""Table 6: textual synthesis at several sampling temperatures, beside LENS and the control."""

from collections.abc import Mapping

import pandas as pd

from lens.intervals import crossed_interval
from lens.paper.cells import Cell
from lens.paper.render import escape_markdown, latex_table, markdown_table, number, with_interval
from lens.paper.reported import reported
from lens.paper.table_1 import method_name

HEADER = ["method", "temperature", "gold reward", "vs repeat", "paper", "pair accuracy %"]
NOTE = (
    "Mean [95 % interval over seeds and test items]. vs repeat: paired difference to the same "
    "training on the original pairs repeated as often. Responses are sampled from the base model "
    "at the temperature and paired by the annotator. Intervals are not corrected for the number "
    "of comparisons. paper: in another world it can be compared in direction, not in size."
)
COLUMNS = [
    "dataset", "model", "method", "temperature", "scale", "n_pairs", "mean", "low", "high",
    "difference_to_repeat", "difference_low", "difference_high", "pair_accuracy",
    "accuracy_low", "accuracy_high", "reported",
]  # fmt: skip


def table_6(
    textual: Mapping[float, Cell], control: Cell, lens: Cell, lens_control: Cell, paper: bool
) -> pd.DataFrame:
    """A row for each temperature (its cell), the control of them all, LENS and its own control."""
    rows = [_row(control, None, None, None)]
    for temperature, cell in sorted(textual.items()):
        value = reported()["table6"]["textual_temperature"].get(f"{temperature:.1f}")
        rows.append(_row(cell, control, temperature, value if paper else None))
    rows.append(_row(lens_control, None, None, None))
    rows.append(_row(lens, lens_control, None, reported()["table6"]["lens"] if paper else None))
    return pd.DataFrame(rows, columns=COLUMNS)


def _row(cell: Cell, control: Cell | None, temperature: float | None, value: float | None) -> dict:
    level, accuracy = crossed_interval(cell.gold), crossed_interval(cell.correct)
    row = cell.labels | {
        "temperature": temperature, "mean": level.mean, "low": level.low, "high": level.high,
        "pair_accuracy": accuracy.mean, "accuracy_low": accuracy.low,
        "accuracy_high": accuracy.high, "reported": value,
    }  # fmt: skip
    if control:
        gap = crossed_interval(cell.gold - control.gold)
        row |= {
            "difference_to_repeat": gap.mean,
            "difference_low": gap.low,
            "difference_high": gap.high,
        }
    return row


def printed(table: pd.DataFrame) -> list[list[str]]:
    """The rows of `HEADER`."""
    return [
        [
            method_name(row.method),
            number(row.temperature, 1),
            with_interval(row.mean, row.low, row.high, 3),
            with_interval(
                row.difference_to_repeat, row.difference_low, row.difference_high, 3, sign=True
            ),
            number(row.reported, 2),
            with_interval(
                100 * row.pair_accuracy, 100 * row.accuracy_low, 100 * row.accuracy_high, 1
            ),
        ]
        for row in table.astype({"temperature": "float64", "reported": "float64"}).itertuples()
    ]


def title(cell: Cell) -> str:
    return f"{cell.dataset}, {cell.model}, N = {cell.n_pairs:,}, {cell.scale}x"


def markdown(title: str, table: pd.DataFrame) -> str:
    return f"**{escape_markdown(title)}**\n\n{markdown_table(HEADER, printed(table))}\n{NOTE}\n"


def latex(title: str, table: pd.DataFrame) -> str:
    return latex_table(HEADER, [(title, printed(table))], NOTE)
