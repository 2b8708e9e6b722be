"""Table 4: synthesis as text and in latent space, for several language models."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from lens.core.intervals import crossed_interval
from lens.paper.cells import EXPLAINED, EXPLAINS, Cell, by_place, corrected, repeat_control
from lens.paper.method_names import method_name
from lens.report import paper_comparison
from lens.report.files import Printed
from lens.report.measured import blocks, difference, level, p_value, shown, shown_difference
from lens.report.render import number
from lens.report.reported import N_PAIRS, PAPER_DATASET, reported, table_4_value

HEADER = ["method", "scale", "gold reward", "vs repeat", "paper", "pair accuracy %", EXPLAINED]
NOTE = (
    "Mean [95 % interval over seeds and test items]. Gold reward: of the candidate picked among "
    "the answers of the block's model. vs repeat: paired difference to the same training on the "
    "original pairs repeated k times. The probes are trained on the original pairs. Rows without "
    "figures: no text was trained on with this model. * marks a significant difference (5 %, "
    "Holm-corrected over the table)." + EXPLAINS
)


def methods_at(scale: int) -> list[tuple[str, int]]:
    """(method, scale) of each row of a model."""
    return [
        ("full_finetune", 1),
        ("full_finetune_repeat", scale),
        ("full_finetune", scale),
        ("original", 1),
        ("repeat", scale),
        ("lens", scale),
        ("mean_difference", 1),
        ("linear_probe", 1),
    ]


def table_4(
    cells: list[Cell], scale: int, paper_names: Mapping[str, str], paper_n_pairs: int = N_PAIRS
) -> pd.DataFrame:
    """A row for each model and method of `methods_at`; those without a cell have the paper's number
    alone. All cells are of one dataset and N; of others that they hold, nothing is shown."""
    by_key = {cell.key: cell for cell in cells}
    rows = []
    for setting in by_place(cells):
        known = _paper_model(setting, paper_names, paper_n_pairs)
        for method, k in methods_at(scale):
            cell = by_key.get((*setting, method, k))
            control = repeat_control(cell, by_key) if cell and k > 1 else None
            pair = (cell.gold if cell else None, control.gold if control else None)
            paper_value = table_4_value(known, method, k)
            rows.append(
                {"dataset": setting[0], "model": setting[1], "method": method, "scale": k}
                | {"n_pairs": setting[2]}
                | level(pair[0])
                | difference(*pair)
                | level(cell.correct if cell else None, "pair_accuracy", "accuracy_")
                | {"vae_variance_explained": cell.explained if cell else np.nan}
                | {
                    "reported": np.nan if paper_value is None else paper_value,
                    "p_value": p_value(*pair),
                }
            )
    return corrected(pd.DataFrame(rows))


def _paper_model(setting: tuple, names: Mapping[str, str], paper_n_pairs: int) -> str | None:
    """The paper's name for the model of (dataset, model, N); None unless dataset and N are the
    paper's."""
    dataset, model, n_pairs = setting
    paper = names.get(dataset) == PAPER_DATASET and n_pairs == paper_n_pairs
    return names.get(model) if paper else None


def compared(
    cells: list[Cell], scale: int, paper_names: Mapping[str, str], paper_n_pairs: int = N_PAIRS
) -> list[dict]:
    """The paper's numbers per model, the paper's claims and our own."""
    by_key = {cell.key: cell for cell in cells}
    rows = []
    settings = list(by_place(cells))
    for setting in settings:
        model, known = setting[1], _paper_model(setting, paper_names, paper_n_pairs)
        reported_values = {row: table_4_value(known, *row) for row in methods_at(scale)}
        gold = {row: cell.gold for row in reported_values if (cell := by_key.get((*setting, *row)))}
        rows += [
            paper_comparison.number(f"{model}: {_name(*row)}", value, crossed_interval(gold[row]))
            for row, value in reported_values.items()
            if value is not None and row in gold
        ]
        for above, below, own in _pairs(scale):
            if above in gold and below in gold:
                one, other = reported_values[above], reported_values[below]
                gap = None if one is None or other is None else one - other
                what = f"{model}: {_name(*above)} above {_name(*below)}"
                rows.append(paper_comparison.claim(what, gold[above] - gold[below], gap, own=own))
    return rows + _absent(rows, {paper_names.get(model) for _, model, _ in settings}, scale)


def _pairs(scale: int) -> list[tuple]:
    """The comparisons: (above, below, whether it is ours and not the paper's)."""
    lens, text = ("lens", scale), ("full_finetune", scale)
    return [
        (lens, ("original", 1), False),
        (lens, text, False),
        (text, ("full_finetune", 1), False),
        (lens, ("repeat", scale), True),
        (text, ("full_finetune_repeat", scale), True),
    ]


def _absent(rows: list[dict], models: set[str | None], scale: int) -> list[dict]:
    """The paper's numbers for models that were not run, if it has some of ours."""
    if not any(row["kind"] == "number" for row in rows):
        return []
    return [
        paper_comparison.number(f"{model}: {_name(method, k)}", told, None)
        for model in reported()["table4"]["rows"]
        if model not in models
        for method, k in methods_at(scale)
        if (told := table_4_value(model, method, k)) is not None
    ]


def _name(method: str, scale: int) -> str:
    return method_name(method) + (f" {scale}x" if scale > 1 or method == "full_finetune" else "")


def printed(table: pd.DataFrame, seeds: Mapping[str, int]) -> Printed:
    """A table with one block per model; `seeds` is {model: number of seeds}."""
    rows = [
        (
            f"{row.dataset}, {row.model}, N = {row.n_pairs:,}; {seeds[row.model]} seeds",
            [
                method_name(row.method),
                f"{row.scale}x",
                shown(row, 3),
                shown_difference(row, 3),
                number(row.reported, 2),
                shown(row, 1, "pair_accuracy", "accuracy_", factor=100),
                number(100 * row.vae_variance_explained, 1),
            ],
        )
        for row in table.itertuples()
    ]
    return Printed(HEADER, blocks(rows), NOTE)
