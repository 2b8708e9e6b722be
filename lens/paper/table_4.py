"""Table 4: synthesis as text and in latent space with several language models."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from lens.intervals import crossed_interval
from lens.paper import beside
from lens.paper.cells import Cell, control_of
from lens.paper.files import Printed
from lens.paper.names import method_name
from lens.paper.render import number, with_interval
from lens.paper.reported import N_PAIRS, table_4_value

HEADER = ["method", "scale", "gold reward", "vs repeat", "paper", "pair accuracy %"]
NOTE = (
    "Mean [95 % interval over seeds and test items]; gold reward of the candidate picked among all "
    "of a prompt's, which are the block's own model's answers. vs repeat: paired difference to the "
    "original pairs repeated as often, trained in the same way. The probes are trained on the "
    "original pairs alone. Rows without figures: no text was trained on with this model. Intervals "
    "are not corrected for the number of comparisons; the claims below are."
)
COLUMNS = [
    "dataset", "model", "method", "scale", "n_pairs", "mean", "low", "high", "difference_to_repeat",
    "difference_low", "difference_high", "pair_accuracy", "accuracy_low", "accuracy_high",
    "reported",
]  # fmt: skip


def shown(scale: int) -> list[tuple[str, int]]:
    """(method, scale) of a model's rows."""
    return [
        ("full_finetune", 1), ("full_finetune_repeat", scale), ("full_finetune", scale),
        ("original", 1), ("repeat", scale), ("lens", scale),
        ("mean_difference", 1), ("linear_probe", 1),
    ]  # fmt: skip


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
    return pd.DataFrame(rows, columns=COLUMNS).astype({"reported": "float64"})


def _places(cells: list[Cell]) -> list[tuple]:
    """(dataset, model, N) of the blocks, in the order of the cells."""
    return list(dict.fromkeys((cell.dataset, cell.model, cell.n_pairs) for cell in cells))


def _figures(cell: Cell, by_key: Mapping[tuple, Cell]) -> dict:
    level, accuracy = crossed_interval(cell.gold), crossed_interval(cell.correct)
    row = {
        "mean": level.mean, "low": level.low, "high": level.high, "pair_accuracy": accuracy.mean,
        "accuracy_low": accuracy.low, "accuracy_high": accuracy.high,
    }  # fmt: skip
    control = control_of(cell, by_key) if cell.scale > 1 else None
    if control:
        gap = crossed_interval(cell.gold - control.gold)
        row |= {"difference_to_repeat": gap.mean, "difference_low": gap.low}
        row |= {"difference_high": gap.high}
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
                rows.append(beside.number(what, told, crossed_interval(cell.gold)))
        for above, below in (
            (("lens", scale), ("original", 1)),
            (("lens", scale), ("full_finetune", scale)),
            (("lens", scale), ("repeat", scale)),
            (("full_finetune", scale), ("full_finetune", 1)),
            (("full_finetune", scale), ("full_finetune_repeat", scale)),
        ):
            pair = [by_key.get((*place, *part)) for part in (above, below)]
            if all(pair):
                told = [table_4_value(known, *part) for part in (above, below)]
                gap = None if None in told else float(np.subtract(*told))
                what = f"{model}: {_name(*above)} above {_name(*below)}"
                rows.append(beside.claim(what, pair[0].gold - pair[1].gold, gap))
    return rows


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
                with_interval(*gap, 3, sign=True),
                number(row.reported, 2),
                with_interval(*(100 * value for value in accuracy), 1),
            ]
        )
    return Printed(HEADER, list(blocks.items()), NOTE)
