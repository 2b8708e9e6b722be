"""Table 6: textual synthesis at several sampling temperatures, with LENS and the control."""

from collections.abc import Mapping, Sequence

import pandas as pd

from lens.core.intervals import crossed_interval
from lens.paper.cells import EXPLAINED, EXPLAINS, Cell, corrected, observations
from lens.paper.method_names import method_name
from lens.report import paper_comparison
from lens.report.files import Printed
from lens.report.measured import difference, level, p_value, shown, shown_difference
from lens.report.render import number
from lens.report.reported import reported

HEADER = ["method", "temperature", "gold reward", "vs repeat", "paper", "pair accuracy %"]
HEADER += [EXPLAINED]
NOTE = (
    "Mean [95 % interval over seeds and test items]. vs repeat: paired difference to the same "
    "training on the original pairs repeated k times. Responses are sampled from the base model "
    "at the temperature and paired by the annotator. * marks a significant difference (5 %, "
    "Holm-corrected over the column). paper: the paper's value. On other data or with another "
    "gold model, compare it only in direction." + EXPLAINS
)


def table_6(
    textual: Mapping[float, Cell],
    control: Cell,
    lens: Cell,
    lens_control: Cell,
    probes: Sequence[Cell],
    paper: bool,
) -> pd.DataFrame:
    """One row per temperature (its cell), their control, LENS, its control, and the probes, which
    need no synthesis."""
    rows = [_row(control, None, None, None)]
    for temperature, cell in sorted(textual.items()):
        value = reported()["table6"]["textual_temperature"].get(f"{temperature:.1f}")
        rows.append(_row(cell, control, temperature, value if paper else None))
    rows.append(_row(lens_control, None, None, None))
    rows.append(_row(lens, lens_control, None, reported()["table6"]["lens"] if paper else None))
    rows += [_row(probe, None, None, None) for probe in probes]
    return corrected(pd.DataFrame(rows))


def _row(cell: Cell, control: Cell | None, temperature: float | None, value: float | None) -> dict:
    labels = {name: getattr(cell, name) for name in ("dataset", "model", "method")}
    pair = (cell.gold, control.gold if control else None)
    return (
        {**labels, "temperature": temperature, "scale": cell.scale, "n_pairs": cell.n_pairs}
        | level(cell.gold)
        | difference(*pair)
        | level(cell.correct, "pair_accuracy", "accuracy_")
        | {"vae_variance_explained": cell.explained}
        | {"reported": value, "p_value": p_value(*pair)}
    )


def observed(textual: Mapping[float, Cell], controls: Sequence[Cell]) -> pd.DataFrame:
    """One row per cell and seed, with the temperature of the textual ones."""
    cells = [*textual.items(), *((None, cell) for cell in controls)]
    seen = [observations([cell]).assign(temperature=temperature) for temperature, cell in cells]
    return pd.concat(seen, ignore_index=True)


def against_paper(
    textual: Mapping[float, Cell], lens: Cell, paper: bool, comparable: bool
) -> pd.DataFrame:
    """The paper's numbers and claims: LENS is above every temperature, 1.0 above the others."""
    values = reported()["table6"]["textual_temperature"] if paper else {}
    there = {t: cell for t, cell in textual.items() if f"{t:.1f}" in values}
    rows = []
    if paper:
        ours = reported()["table6"]["lens"]
        rows.append(paper_comparison.number("LENS", ours, crossed_interval(lens.gold)))
    for t, cell in there.items():
        value = values[f"{t:.1f}"]
        rows.append(paper_comparison.number(f"temperature {t}", value, crossed_interval(cell.gold)))
        rows.append(
            paper_comparison.claim(
                f"LENS above temperature {t}", lens.gold - cell.gold, ours - value
            )
        )
        if 1.0 in there and t != 1.0:
            gap = there[1.0].gold - cell.gold
            rows.append(
                paper_comparison.claim(f"temperature 1.0 above {t}", gap, values["1.0"] - value)
            )
    return paper_comparison.verdicts("table_6", rows, comparable=comparable)


def printed(title: str, table: pd.DataFrame) -> Printed:
    rows = [
        [
            method_name(row.method),
            number(row.temperature, 1),
            shown(row, 3),
            shown_difference(row, 3),
            number(row.reported, 2),
            shown(row, 1, "pair_accuracy", "accuracy_", factor=100),
            number(100 * row.vae_variance_explained, 1),
        ]
        for row in table.astype({"temperature": "float64", "reported": "float64"}).itertuples()
    ]
    return Printed(HEADER, [(title, rows)], NOTE)


def title(cell: Cell) -> str:
    return f"{cell.dataset}, {cell.model}, N = {cell.n_pairs:,}, {cell.scale}x"
