"""Table 1: gold reward of the best of 16 picked by each reward model, against its control."""

from collections.abc import Mapping

import pandas as pd

from lens.paper.cells import Cell, aggregate
from lens.paper.render import escape_markdown, latex_table, markdown_table, number, with_interval
from lens.paper.reported import N_PAIRS, table_1_value

METHOD_NAMES = {
    "repeat": "Repeat (control)",
    "lens": "LENS",
    "mean_difference": "Mean-difference probe",
    "lens_plus": "LENS+",
    "full_finetune": "Full fine-tuning",
    "full_finetune_repeat": "Full fine-tuning, repeat (control)",
    "lora": "LoRA",
    "lora_repeat": "LoRA, repeat (control)",
    "embedding_mlp": "Embedding MLP on text",
    "self_rewarding": "Self-rewarding",
    "self_evolved": "Self-evolved",
    "ipo": "IPO",
}
HEADER = ["method", "scale", "gold reward", "vs repeat", "paper", "pair accuracy %", "vs repeat"]
NOTE = (
    "Mean [95 % interval over seeds and test items]. Gold reward: of the candidate picked among "
    "all of a prompt's. Pair accuracy: on held-out pairs. vs repeat: paired difference to the "
    "original pairs repeated as often, so trained on as many pairs an epoch, in the same way: "
    "the reward MLP, full fine-tuning or LoRA (LENS+: on half as many at most; at 1x: to "
    "Original). "
    "Intervals are not corrected for the number of comparisons. paper: what the paper reports for "
    "the dataset and model that these stand for; in another world or with another gold model it "
    "can be compared in direction, not in size."
)


def method_name(method: str) -> str:
    """How a method is called in print."""
    return METHOD_NAMES.get(method, method.replace("_", " ").capitalize())


def table_1(
    cells: list[Cell], paper_names: Mapping[str, str], paper_n_pairs: int = N_PAIRS
) -> pd.DataFrame:
    """Aggregates of gold reward, with the paper's number where one exists.

    `paper_names` maps our names of datasets and models to the paper's; `paper_n_pairs` is the N
    that stands for the paper's 1,000.
    """
    table = aggregate(cells, "gold")
    table["reported"] = [
        table_1_value(
            paper_names.get(cell.dataset),
            paper_names.get(cell.model),
            cell.method,
            cell.scale,
            N_PAIRS if cell.n_pairs == paper_n_pairs else cell.n_pairs,
        )
        for cell in cells
    ]
    table["reported"] = table["reported"].astype("float64")
    return table


def blocks(gold: pd.DataFrame, accuracy: pd.DataFrame, cells: list[Cell]) -> list[tuple]:
    """(title, printed rows) for each dataset, model and N, in the order of the cells."""
    result: dict[str, list] = {}
    for (_, g), (_, a), cell in zip(gold.iterrows(), accuracy.iterrows(), cells, strict=True):
        row = [
            method_name(cell.method),
            f"{cell.scale}x",
            with_interval(g["mean"], g["low"], g["high"], 3),
            _difference(g, 3),
            number(g["reported"], 2),
            with_interval(*(100 * a[["mean", "low", "high"]]), 1),
            _difference(a, 1, factor=100),
        ]
        result.setdefault(title(cell), []).append(row)
    return list(result.items())


def title(cell: Cell) -> str:
    """What a block of rows has in common, with the picks of judges that need no training."""
    facts = cell.summary
    return (
        f"{cell.dataset}, {cell.model}, N = {cell.n_pairs:,}: best of "
        f"{facts['candidates_per_prompt']} on {facts['test_prompts']} prompts (gold of a random "
        f"pick {facts['mean_gold']:.3f}, of the longest {facts['longest_answer_gold']:.3f}, of the "
        f"best {facts['oracle_gold']:.3f}); {facts['test_pairs']} held-out pairs; "
        f"{len(cell.seeds)} seeds"
    )


def _difference(row: pd.Series, digits: int, factor: float = 1.0) -> str:
    values = [
        row[name] * factor for name in ("difference_to_repeat", "difference_low", "difference_high")
    ]
    return with_interval(*values, digits, sign=True)


def markdown(titled_rows: list[tuple]) -> str:
    parts = [
        f"**{escape_markdown(heading)}**\n\n{markdown_table(HEADER, rows)}"
        for heading, rows in titled_rows
    ]
    return "\n".join([*parts, NOTE + "\n"])


def latex(titled_rows: list[tuple]) -> str:
    return latex_table(HEADER, titled_rows, NOTE)
