"""Table 1: gold reward of the best of 16 picked by each reward model, compared with its control."""

from collections.abc import Mapping

import pandas as pd

from lens.core.intervals import crossed_interval
from lens.paper.cells import EXPLAINED, EXPLAINS, Cell, aggregate
from lens.paper.method_names import method_name
from lens.report import paper_comparison
from lens.report.files import Printed
from lens.report.measured import blocks, level, of_seeds, shown, shown_difference
from lens.report.render import number
from lens.report.reported import N_PAIRS, table_1_value
from lens.reward.methods import METHODS

BASE_OF = {  # what the paper's textual rows are at 1x
    "full_finetune": ("full_finetune", 1),
    "lora": ("lora", 1),
    "self_rewarding": ("full_finetune", 1),
    "self_evolved": ("full_finetune", 1),
    "ipo": ("full_finetune", 1),
}
HEADER = ["method", "scale", "gold reward", "vs repeat", "length-matched", "paper"]
HEADER += ["pair accuracy %", "vs repeat"]
NOTE = (
    "Mean [95 % interval over seeds and test items]. Gold reward: of the candidate that the "
    "reward model picks. Pair accuracy: on held-out pairs. vs repeat: paired difference to the "
    "control, the same training (reward MLP, full fine-tuning or LoRA) on the original pairs "
    "repeated k times, so with the same number of steps (LENS+: at most half as many; at 1x: to "
    "Original). * marks a significant difference (5 %, Holm-corrected over the column; intervals "
    "are not corrected). length-matched: the gold reward minus what length alone explains (the "
    "mean gold of each rank by length, relative to the prompt's mean). So always picking the "
    "longest or the shortest answer gets the same as a random pick. Intervals are in table_1.csv. "
    "paper: the paper's value for its dataset and model. On other data or with another gold "
    "model, compare it only in direction."
)
CHOSEN = (
    " Active: 40 % of the N pairs are drawn, and 60 % chosen by the criterion of `lens next` from "
    "a pool of 10 N pairs, or of all there are. vs repeat then compares original and repeat with "
    "the same on drawn pairs, and other methods with the control on chosen pairs."
)
FLAGGED = (
    " \N{DAGGER} For at least one seed the reward model is not detectably better than a coin flip "
    "on held-out pairs, or many of its rewards are tied; see overview.md or the cell's "
    "metrics.json."
)


def table_1(
    cells: list[Cell], paper_names: Mapping[str, str], paper_n_pairs: int = N_PAIRS
) -> pd.DataFrame:
    """Aggregates of gold reward, the same without what goes along with length, and the paper's
    number where one exists.

    `paper_names` maps our names of datasets and models to the paper's; `paper_n_pairs` is the N
    that stands for the paper's 1,000.
    """
    table = aggregate(cells, "gold")
    table["reported"] = [reported_value(cell, paper_names, paper_n_pairs) for cell in cells]
    table["reported"] = table["reported"].astype("float64")
    table["vae_variance_explained"] = table.pop("vae_variance_explained")  # at the end
    matched = [level(cell.matched, "length_matched", "length_matched_") for cell in cells]
    return table.assign(**pd.DataFrame(matched))


def reported_value(cell: Cell, paper_names: Mapping[str, str], paper_n_pairs: int) -> float | None:
    """The paper's number for the cell, found by our names."""
    return table_1_value(
        paper_names.get(cell.dataset),
        paper_names.get(cell.model),
        cell.method,
        cell.scale,
        N_PAIRS if cell.n_pairs == paper_n_pairs else cell.n_pairs,
    )


def comparisons(**aggregates: pd.DataFrame) -> pd.DataFrame:
    """All differences to controls, with p-values, by `measure` (gold, matched or correct)."""
    names = {
        "difference_to_repeat": "difference",
        "difference_low": "low",
        "difference_high": "high",
    }
    every = pd.concat([part.assign(measure=name) for name, part in aggregates.items()])
    every = every.drop(columns=["low", "high"]).rename(columns=names).dropna(subset="difference")
    columns = ["dataset", "model", "method", "scale", "n_pairs", "measure", "difference"]
    columns += ["low", "high", "p_value", "corrected_p_value", "vae_variance_explained"]
    return every[columns]


def against_paper(
    cells: list[Cell], paper_names: Mapping[str, str], paper_n_pairs: int, comparable: bool
) -> pd.DataFrame:
    """The paper's numbers compared with ours, and its claims: LENS is above the original at every
    scale, above its smallest scale at the largest, and above every other method at the largest
    scale; and each of these methods' smallest and largest scale are in the paper's order."""
    rows = []
    by_key = {cell.key: cell for cell in cells}
    value = {cell.key: reported_value(cell, paper_names, paper_n_pairs) for cell in cells}
    for cell in cells:
        paper_value = value[cell.key]
        if paper_value is not None:
            rows.append(
                paper_comparison.number(_cell_name(cell), paper_value, crossed_interval(cell.gold))
            )
    settings = dict.fromkeys(key[:3] for key in by_key if value[key] is not None)
    for setting in settings:
        present = {key[3:]: cell for key, cell in by_key.items() if key[:3] == setting}
        rows += [
            _claim(present[above], present[below], value)
            for above, below in _claims(
                {key for key in present if value[(*setting, *key)] is not None}
            )
        ]
    return paper_comparison.verdicts("table_1", rows, comparable=comparable)


def _claims(there: set[tuple[str, int]]) -> list[tuple]:
    """Pairs of (method, scale) that the paper's Table 1 compares, if both are there."""
    scales = sorted({scale for _, scale in there if scale > 1})
    if not scales:
        return []
    first, last = scales[0], scales[-1]
    pairs = [(("lens", scale), ("original", 1)) for scale in scales]
    pairs += [(("lens", last), ("lens", first))] if first < last else []
    others = sorted({method for method, scale in there if scale == last} - {"lens"})
    pairs += [(("lens", last), (method, last)) for method in others]
    pairs += [((method, last), BASE_OF.get(method, ("original", 1))) for method in others]
    return [pair for pair in pairs if there.issuperset(pair)]


def _claim(one: Cell, other: Cell, value: Mapping) -> dict:
    """The claim that the cell with the paper's larger value is above the other."""
    gap = value[one.key] - value[other.key]
    if gap < 0:
        one, other, gap = other, one, -gap
    what = f"{_cell_name(one)} above {_name(other)}"
    return paper_comparison.claim(what, one.gold - other.gold, gap)


def _name(cell: Cell) -> str:
    return f"{method_name(cell.method)} {cell.scale}x"


def _cell_name(cell: Cell) -> str:
    return f"{cell.dataset}, {cell.model}: {_name(cell)}"


def printed(gold: pd.DataFrame, accuracy: pd.DataFrame, cells: list[Cell]) -> Printed:
    """A table with one block per dataset, model and N, in the order of the cells."""
    explained = any(cell.explained == cell.explained for cell in cells)
    rows = [
        (
            title(cell),
            [
                method_name(cell.method) + "\N{DAGGER}" * bool(cell.summary["flags"]),
                f"{cell.scale}x",
                shown(g, 3),
                shown_difference(g, 3),
                number(g.length_matched, 3),
                number(g.reported, 2),
                shown(a, 1, factor=100),
                shown_difference(a, 1, factor=100),
                *([number(100 * cell.explained, 1)] if explained else []),
            ],
        )
        for g, a, cell in zip(gold.itertuples(), accuracy.itertuples(), cells, strict=True)
    ]
    flagged = any(cell.summary["flags"] for cell in cells)
    active = any(cell.method in METHODS and METHODS[cell.method].active for cell in cells)
    header = HEADER + [EXPLAINED] * explained
    note = NOTE + EXPLAINS * explained + CHOSEN * active + FLAGGED * flagged
    return Printed(header, blocks(rows), of_seeds(note, min(len(cell.seeds) for cell in cells)))


def title(cell: Cell) -> str:
    """The title of a block, with the gold reward of picks that need no training."""
    facts = cell.summary
    return (
        f"{cell.dataset}, {cell.model}, N = {cell.n_pairs:,}: best of "
        f"{facts['candidates_per_prompt']} on {facts['test_prompts']} prompts (gold of a random "
        f"pick {facts['mean_gold']:.3f}, of the longest {facts['longest_answer_gold']:.3f}, of the "
        f"best {facts['oracle_gold']:.3f}); {facts['test_pairs']} held-out pairs; "
        f"{len(cell.seeds)} seed{'s' * (len(cell.seeds) > 1)}"
    )
