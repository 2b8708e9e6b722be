"""Sweeps of one setting, with the others as in Table 1: as rows, claims, and panels of a figure."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lens.core.intervals import Interval, crossed_interval
from lens.paper.cells import EXPLAINED, EXPLAINS, Cell, corrected, observations
from lens.paper.method_names import line_look, method_name
from lens.report import figures, measured, paper_comparison
from lens.report.files import Printed
from lens.report.measured import difference, level, p_value
from lens.report.render import number
from lens.report.reported import is_paper_setting

HEADER = ["value", "method", "gold reward", "vs repeat", "paper", "pair accuracy %", EXPLAINED]
NOTE = (
    "Mean [95 % interval over seeds and test items]. vs repeat: paired difference to the same "
    "training on the original pairs repeated k times. * marks a significant difference (5 %, "
    "Holm-corrected over the table; intervals are not corrected). Rows without a value do not "
    "depend on it. paper: the paper's value. On other data or with another gold model, compare it "
    "only in direction." + EXPLAINS
)
CONTROL = {"full_finetune": "full_finetune_repeat"}


@dataclass(frozen=True)
class Sweep:
    """`series` is {method: one cell or None per value of `values`}, `lines` {method: a cell that
    does not depend on the value}; `reported` is {(method, value): the paper's number}, and
    `claimed` says whether the paper's claims are tested."""

    name: str
    label: str
    values: Sequence
    series: Mapping[str, Sequence[Cell | None]]
    lines: Mapping[str, Cell] = field(default_factory=dict)
    reported: Mapping[tuple, float] = field(default_factory=dict)
    claimed: bool = True

    def cells(self) -> Iterator[tuple[Any, str, Cell]]:
        """(value, method, cell) of all series, then of the lines (value None)."""
        for i, value in enumerate(self.values):
            for method, cells in self.series.items():
                if cell := cells[i]:
                    yield value, method, cell
        for method, cell in self.lines.items():
            yield None, method, cell

    def control(self, value: Any, method: str) -> Cell | None:
        """The repeat control of the method at this value; None for methods that are not
        augmented."""
        if method not in ("lens", "synthetic_only", "full_finetune"):
            return None
        name = CONTROL.get(method, "repeat")
        if name in self.series:
            return self.series[name][list(self.values).index(value)]
        return self.lines.get(name)


def by_value(
    cells: Sequence[Cell], value_of: Callable[[Cell], Any]
) -> tuple[list, dict[str, list[Cell | None]]]:
    """(values in ascending order, {method: one cell or None per value})."""
    values = sorted({value_of(cell) for cell in cells})
    series: dict[str, list] = {}
    for cell in cells:
        series.setdefault(cell.method, [None] * len(values))
        series[cell.method][values.index(value_of(cell))] = cell
    return values, series


def is_the_papers(cell: Cell, names: Mapping[str, str], scale: int | None = 4) -> bool:
    """Whether dataset and model stand for those of the paper's ablations, at its scale."""
    return is_paper_setting(names, cell.dataset, cell.model) and scale in (None, cell.scale)


def table(sweeps: Sequence[Sweep]) -> pd.DataFrame:
    """One row per cell; p-values are Holm-corrected over all differences to the control."""
    rows = []
    for sweep in sweeps:
        for value, method, cell in sweep.cells():
            control = sweep.control(value, method)
            pair = (cell.gold, control.gold if control else None)
            labels = {
                name: getattr(cell, name) for name in ("dataset", "model", "scale", "n_pairs")
            }
            rows.append(
                {"sweep": sweep.name, "value": value, "method": method, **labels}
                | level(cell.gold)
                | difference(*pair)
                | {"p_value": p_value(*pair), "corrected_p_value": np.nan}
                | level(cell.correct, "pair_accuracy", "accuracy_")
                | {"reported": sweep.reported.get((method, value), np.nan)}
                | {"vae_variance_explained": cell.explained}
            )
    return corrected(pd.DataFrame(rows))


def swept_observations(sweeps: Sequence[Sweep]) -> pd.DataFrame:
    """One row per cell and seed."""
    parts = []
    for sweep in sweeps:
        for value, method, cell in sweep.cells():
            part = observations([cell]).assign(method=method)
            part.insert(0, "value", value)
            part.insert(0, "sweep", sweep.name)
            parts.append(part.astype({"value": "object"}))
    return pd.concat(parts, ignore_index=True)


def numbers(sweeps: Sequence[Sweep]) -> list[dict]:
    """The paper's numbers compared with ours, also those that this run lacks."""
    rows = []
    for sweep in sweeps:
        ours = {(m, value): crossed_interval(c.gold) for value, m, c in sweep.cells()}
        for (method, value), paper_value in sweep.reported.items():
            what = f"{method_name(method)}, {shown(sweep.name)} = {shown(value)}"
            rows.append(paper_comparison.number(what, paper_value, ours.get((method, value))))
    return rows


def claims_of_best(sweep: Sweep, best: Any) -> list[dict]:
    """Claims that this value is above every other one, in the first series that has them."""
    there = {}
    for method in reversed(list(sweep.series)):
        for value, cell in zip(sweep.values, sweep.series[method], strict=True):
            if cell is not None:
                there[value] = (method, cell)
    if best not in there:
        return []
    method, top = there[best]
    return [
        paper_comparison.claim(
            f"{shown(sweep.name)} {shown(best)} above {shown(value)}",
            top.gold - cell.gold,
            _gap(sweep, (method, best), (other, value)),
        )
        for value, (other, cell) in there.items()
        if value != best
    ]


def claims_above(sweep: Sweep, upper: str, lower: str) -> list[dict]:
    """That one method is above another at every value where both are."""
    return [
        paper_comparison.claim(
            f"{method_name(upper)} above {method_name(lower)}, {sweep.name} = {shown(value)}",
            one.gold - other.gold,
            _gap(sweep, (upper, value), (lower, value)),
        )
        for value, one, other in zip(
            sweep.values, sweep.series[upper], sweep.series[lower], strict=True
        )
        if one is not None and other is not None
    ]


def _gap(sweep: Sweep, upper: tuple, lower: tuple) -> float | None:
    if upper in sweep.reported and lower in sweep.reported:
        return sweep.reported[upper] - sweep.reported[lower]
    return None


def printed(sweeps: Sequence[Sweep], rows: pd.DataFrame, titles: Sequence[str]) -> Printed:
    """A block for each sweep; `rows` are `table`'s."""
    blocks = []
    for sweep, title in zip(sweeps, titles, strict=True):
        lines = [
            [
                "-" if pd.isna(row.value) else shown(row.value),
                f"{method_name(row.method)} {row.scale}x",
                measured.shown(row, 3),
                measured.shown_difference(row, 3),
                number(row.reported, 2),
                measured.shown(row, 1, "pair_accuracy", "accuracy_", factor=100),
                number(100 * row.vae_variance_explained, 1),
            ]
            for row in rows[rows["sweep"] == sweep.name].itertuples()
        ]
        blocks.append((title, lines))
    return Printed(HEADER, blocks, NOTE)


def shown(value: Any) -> str:
    """A value as text: 1,000 and 0.01, names without underscores."""
    if isinstance(value, str):
        return value.replace("_", " ")
    return f"{value:,.0f}" if value == int(value) else f"{value:g}"


def lens_cell(sweep: Sweep) -> Cell:
    """The first cell of LENS, for what all have in common."""
    return next(cell for _, method, cell in sweep.cells() if method == "lens")


def title(sweep: Sweep) -> str:
    """What is varied, and what all of LENS's cells have in common."""
    cell = lens_cell(sweep)
    parts = [f"{sweep.label}: {cell.dataset}, {cell.model}"]
    if sweep.name != "N":
        parts.append(f"N = {cell.n_pairs:,}")
    if sweep.name != "scale":
        parts.append(f"{cell.scale}x")
    return ", ".join(parts)


def draw(axis: Axes, sweep: Sweep) -> None:
    """A panel: series over equally spaced values and lines across, with 95 % intervals and names to
    the right; below each value the paper's number for LENS, where it gives one."""
    places = np.arange(len(sweep.values))
    names = []
    for i, method in enumerate(sweep.series):
        look = line_look(method)
        there = [(x, cell) for x, cell in zip(places, sweep.series[method], strict=True) if cell]
        levels = [crossed_interval(cell.gold) for _, cell in there]
        shift = 0.07 * (i - (len(sweep.series) - 1) / 2)
        heights = [level.mean for level in levels]
        axis.errorbar(
            [x + shift for x, _ in there], heights, yerr=_bars(levels), elinewidth=0.8, **look
        )
        names.append((heights[-1], _named(method, sweep), look["color"]))
    for i, (method, cell) in enumerate(sweep.lines.items()):
        level, look = crossed_interval(cell.gold), line_look(method)
        line = {"color": look["color"], "linestyle": look["linestyle"], "linewidth": 0.9}
        axis.axhline(level.mean, **line)
        axis.errorbar(
            len(places) - 0.5 + 0.2 * i,
            level.mean,
            yerr=_bars([level]),
            marker=look["marker"],
            elinewidth=0.8,
            **line,
        )
        names.append((level.mean, _named(method, sweep), look["color"]))
    paper = [sweep.reported.get(("lens", value)) for value in sweep.values]
    ticks = [
        shown(value) + ("" if other is None else f"\n({other:g})")
        for value, other in zip(sweep.values, paper, strict=True)
    ]
    axis.set_xticks(places, labels=ticks)
    axis.set_xlim(-0.4, len(places) - 0.6 + 0.2 * len(sweep.lines))
    below = "\n(in brackets: the paper's LENS)" if any(p is not None for p in paper) else ""
    axis.set_xlabel(sweep.label + below)
    axis.set_ylabel("gold reward of the pick")
    axis.grid(axis="x", visible=False)
    figures.label_right(axis, names)


def _bars(levels: Sequence[Interval]) -> list[np.ndarray]:
    """Lengths of error bars [2, n]."""
    return figures.bars(*np.array([[v.low, v.mean, v.high] for v in levels]).T)


def _named(method: str, sweep: Sweep) -> str:
    scales = {cell.scale for _, name, cell in sweep.cells() if name == method}
    (scale,) = scales if len(scales) == 1 else (1,)
    return method_name(method) + (f" {scale}x" if scale > 1 else "")


def figure(sweep: Sweep) -> Figure:
    """The sweep's panel as a figure."""
    fig, axes = figures.figure(1, 1, height=2.4)
    fig.set_figwidth(0.9 * figures.COLUMN_WIDTH)
    draw(axes[0, 0], sweep)
    return fig
