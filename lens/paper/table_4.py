"""Table 4: synthesis as text and in latent space with several language models."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from lens.core.intervals import crossed_interval, crossed_p_value, holm
from lens.paper.cells import Cell, control_of
from lens.paper.method_names import method_name
from lens.report import paper_comparison
from lens.report.files import Printed
from lens.report.render import number, with_interval
from lens.report.reported import N_PAIRS, reported, table_4_value

HEADER = ["method", "scale", "gold reward", "vs repeat", "paper", "pair accuracy %"]
NOTE = (
    "Mean [95 % interval over seeds and test items]; gold reward of the candidate picked among all "
    "of a prompt's, which are the block's own model's answers. vs repeat: paired difference to the "
    "original pairs repeated as often, trained in the same way. The probes are trained on the "
    "original pairs alone. Rows without figures: no text was trained on with this model. * marks a "
    "difference told from 0 after Holm's correction over the table (5 %)."
)
COLUMNS = [
    "dataset",
    "model",
    "method",
    "scale",
    "n_pairs",
    "mean",
    "low",
    "high",
    "difference_to_repeat",
    "difference_low",
    "difference_high",
    "pair_accuracy",
    "accuracy_low",
    "accuracy_high",
    "reported",
    "p_value",
]


def shown(scale: int) -> list[tuple[str, int]]:
    """(method, scale) of a model's rows."""
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
    """A row for each model and method of `shown`; those without a cell have the paper's number
    alone. All cells are of one dataset and N; of others that they hold, nothing is shown."""
    by_key = {cell.key: cell for cell in cells}
    rows = []
    for place in _places(cells):
        dataset, model, n_pairs = place
        paper = paper_names.get(dataset) == "hh_rlhf" and n_pairs == paper_n_pairs
        for method, k in shown(scale):
            cell = by_key.get((*place, method, k))
            told = table_4_value(paper_names.get(model), method, k) if paper else None
            row = {"dataset": dataset, "model": model, "method": method, "scale": k}
            row |= {"n_pairs": n_pairs, "reported": told}
            rows.append(row | (_figures(cell, by_key) if cell else {}))
    table = pd.DataFrame(rows, columns=COLUMNS).astype({"reported": "float64"})
    table["corrected_p_value"] = holm(table["p_value"].astype("float64"))
    return table


def _places(cells: list[Cell]) -> list[tuple]:
    """(dataset, model, N) of the blocks, in the order of the cells."""
    return list(dict.fromkeys((cell.dataset, cell.model, cell.n_pairs) for cell in cells))


def _figures(cell: Cell, by_key: Mapping[tuple, Cell]) -> dict:
    level, accuracy = crossed_interval(cell.gold), crossed_interval(cell.correct)
    row = {
        "mean": level.mean,
        "low": level.low,
        "high": level.high,
        "pair_accuracy": accuracy.mean,
        "accuracy_low": accuracy.low,
        "accuracy_high": accuracy.high,
    }
    control = control_of(cell, by_key) if cell.scale > 1 else None
    if control:
        gap = crossed_interval(cell.gold - control.gold)
        row |= {"difference_to_repeat": gap.mean, "difference_low": gap.low}
        row |= {"difference_high": gap.high}
        row["p_value"] = crossed_p_value(cell.gold - control.gold)
    return row


def compared(
    cells: list[Cell], scale: int, paper_names: Mapping[str, str], paper_n_pairs: int = N_PAIRS
) -> list[dict]:
    """For each model: the paper's numbers, and its claims and ours about them."""
    by_key = {cell.key: cell for cell in cells}
    rows = []
    for place in _places(cells):
        dataset, model, n_pairs = place
        paper = paper_names.get(dataset) == "hh_rlhf" and n_pairs == paper_n_pairs
        known = paper_names.get(model) if paper else None
        for method, k in shown(scale):
            told, cell = table_4_value(known, method, k), by_key.get((*place, method, k))
            if cell and told is not None:
                what = f"{model}: {_name(method, k)}"
                rows.append(paper_comparison.number(what, told, crossed_interval(cell.gold)))
        for above, below, own in (
            (("lens", scale), ("original", 1), False),
            (("lens", scale), ("full_finetune", scale), False),
            (("full_finetune", scale), ("full_finetune", 1), False),
            (("lens", scale), ("repeat", scale), True),
            (("full_finetune", scale), ("full_finetune_repeat", scale), True),
        ):
            pair = [by_key.get((*place, *part)) for part in (above, below)]
            if all(pair):
                told = [table_4_value(known, *part) for part in (above, below)]
                gap = None if None in told else float(np.subtract(*told))
                what = f"{model}: {_name(*above)} above {_name(*below)}"
                rows.append(paper_comparison.claim(what, pair[0].gold - pair[1].gold, gap, own=own))
    return rows + _absent(rows, {paper_names.get(model) for _, model, _ in _places(cells)}, scale)


def _absent(rows: list[dict], models: set[str | None], scale: int) -> list[dict]:
    """The paper's numbers of models that were not run, where it has any of ours."""
    if not any(row["kind"] == "number" for row in rows):
        return []
    return [
        paper_comparison.number(f"{model}: {_name(method, k)}", told, None)
        for model in reported()["table4"]["rows"]
        if model not in models
        for method, k in shown(scale)
        if (told := table_4_value(model, method, k)) is not None
    ]


def _name(method: str, scale: int) -> str:
    return method_name(method) + (f" {scale}x" if scale > 1 or method == "full_finetune" else "")


def printed(table: pd.DataFrame, seeds: Mapping[str, int]) -> Printed:
    """A block for each model; `seeds` says how many it has."""
    blocks: dict[str, list] = {}
    for row in table.itertuples():
        title = f"{row.dataset}, {row.model}, N = {row.n_pairs:,}; {seeds[row.model]} seeds"
        gap = (row.difference_to_repeat, row.difference_low, row.difference_high)
        accuracy = (row.pair_accuracy, row.accuracy_low, row.accuracy_high)
        blocks.setdefault(title, []).append(
            [
                method_name(row.method),
                f"{row.scale}x",
                with_interval(row.mean, row.low, row.high, 3),
                with_interval(*gap, 3, sign=True)
                + ("*" if row.corrected_p_value < paper_comparison.LEVEL else ""),
                number(row.reported, 2),
                with_interval(*(100 * value for value in accuracy), 1),
            ]
        )
    return Printed(HEADER, list(blocks.items()), NOTE)
