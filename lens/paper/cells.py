"""Reads judged reward models; one cell is a dataset, model, method, scale and N."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from lens.core import diagnostics
from lens.core.errors import LensError
from lens.core.intervals import holm
from lens.files.artifacts import read_json, read_table
from lens.report.measured import difference, level, p_value
from lens.reward.methods import METHODS
from lens.textspace import methods

LABELS = ["dataset", "model", "method", "scale", "n_pairs"]
AGAIN = "Remove the folder and run Snakemake again to make it again."
EXPLAINED = "VAE explains %"
EXPLAINS = (
    f" {EXPLAINED}: the share of the variance of held-out embeddings that the VAE reconstructs, "
    "mean over seeds. A VAE that explains little decodes nearly the same vector for all pairs."
)
CONTROLS = {
    name: methods.CONTROLS[row.training]
    for name, row in methods.TEXT_METHODS.items()
    if row.training in methods.CONTROLS
}


@dataclass
class Cell:
    """Per-item results of one cell, each with a row per seed.

    `gold_curve` [seeds, prompts, n] is the gold reward of the best of 1 ... N candidates,
    `matched_curve` the same without what goes along with length, `correct` [seeds, test pairs]
    whether a held-out pair is ordered as labelled.
    """

    dataset: str
    model: str
    method: str
    scale: int
    n_pairs: int
    seeds: list[int]
    gold_curve: np.ndarray
    matched_curve: np.ndarray
    correct: np.ndarray
    summary: dict

    @property
    def key(self) -> tuple:
        return (self.dataset, self.model, self.n_pairs, self.method, self.scale)

    @property
    def gold(self) -> np.ndarray:
        """Gold reward [seeds, prompts] of the best of all N candidates."""
        return self.gold_curve[:, :, -1]

    @property
    def matched(self) -> np.ndarray:
        """As `gold`, without what goes along with length."""
        return self.matched_curve[:, :, -1]

    @property
    def explained(self) -> float:
        """The share of held-out variance that its VAE explains; NaN without a VAE."""
        share = self.summary.get("vae_variance_explained")
        return float("nan") if share is None else share

    @property
    def labels(self) -> dict:
        return {name: getattr(self, name) for name in LABELS}


def read_cells(folders: Iterable[str | Path]) -> list[Cell]:
    """The cells that `lens best-of-n` and `best-of-n-text` wrote into these folders, in order."""
    return [cell for folder in folders for cell in _read_cells(Path(folder))]


def _read_cells(folder: Path) -> list[Cell]:
    """One cell, or, from best-of-n-text, one for each scale."""
    metrics = read_json(folder / "metrics.json")
    labels, summary = metrics["settings"], metrics["metrics"]
    prompts = read_table(folder / "prompts.parquet")
    pairs = read_table(folder / "pairs.parquet")
    if "by_scale" not in summary:
        return [_cell(folder, labels, int(labels["scale"]), prompts, pairs, summary)]
    return [
        _cell(
            folder,
            labels,
            scale,
            prompts[prompts["scale"] == scale],
            pairs[pairs["scale"] == scale],
            summary["by_scale"][str(scale)],
        )
        for scale in labels["scales"]
    ]


def _cell(
    folder: Path,
    labels: dict,
    scale: int,
    prompts: pd.DataFrame,
    pairs: pd.DataFrame,
    summary: dict,
) -> Cell:
    seeds, candidates = labels["seeds"], int(prompts["n"].max())
    curves = {}
    for value in ("gold_reward", "length_matched_gold"):
        _check(folder / "prompts.parquet", prompts, value, ["prompt_id", "n"], seeds)
        curves[value] = prompts[value].to_numpy().reshape(len(seeds), -1, candidates)
    _check(folder / "pairs.parquet", pairs, "correct", ["id"], seeds)
    return Cell(
        labels["dataset"],
        labels["model"],
        labels["method"],
        scale,
        int(labels["n_pairs"]),
        seeds,
        curves["gold_reward"],
        curves["length_matched_gold"],
        pairs["correct"].to_numpy().reshape(len(seeds), -1),
        summary,
    )


def _check(file: Path, table: pd.DataFrame, value: str, items: list[str], seeds: list) -> None:
    """LensError unless every seed has finite values of the same items in the same order."""
    if value not in table:
        raise LensError(f"{file}: has no column {value}: an earlier version made it. {AGAIN}")
    places = table[["seed", *items]].to_numpy()
    diagnostics.check_finite(
        table[value].to_numpy(),
        lambda i: ", ".join(f"{k} {v}" for k, v in zip(["seed", *items], places[i], strict=True)),
        f"{file}: {value}",
        AGAIN,
    )
    parts = [table.loc[table["seed"] == seed, items].to_numpy() for seed in seeds]
    in_turn = table.loc[table["seed"].ne(table["seed"].shift()), "seed"].to_list()
    if in_turn != seeds or not all(np.array_equal(parts[0], part) for part in parts):
        rows = ", ".join(f"seed {s}: {len(p):,} rows" for s, p in zip(seeds, parts, strict=True))
        raise LensError(
            f"{file}: its seeds ({seeds} in metrics.json) do not have the same items in the same "
            f"order ({rows}). {AGAIN}"
        )


def by_place(cells: Iterable[Cell]) -> dict[tuple, list[Cell]]:
    """{(dataset, model, N): its cells}, in order."""
    cells_by_place: dict[tuple, list[Cell]] = {}
    for cell in cells:
        cells_by_place.setdefault(cell.key[:3], []).append(cell)
    return cells_by_place


def repeat_control(cell: Cell, cells: dict[tuple, Cell]) -> Cell | None:
    """The cell's repeat control: same scale, pairs and kind of training (reward MLP, full
    fine-tuning or LoRA). At scale 1 it is `original`; None if there is none. On chosen pairs, these
    controls are compared with themselves on drawn pairs."""
    method = "original" if cell.scale == 1 else CONTROLS.get(cell.method, "repeat")
    row = METHODS.get(cell.method)
    if row and row.active and not row.is_control:
        method = f"active_{method}"
    key = (cell.dataset, cell.model, cell.n_pairs, method, cell.scale)
    return None if key == cell.key else cells.get(key)


def observations(cells: Iterable[Cell]) -> pd.DataFrame:
    """One row per cell and seed: mean gold reward and pair accuracy."""
    rows = [
        {**cell.labels, "seed": seed, "gold_reward": gold, "pair_accuracy": accuracy}
        for cell in cells
        for seed, gold, accuracy in zip(
            cell.seeds, cell.gold.mean(axis=1), cell.correct.mean(axis=1), strict=True
        )
    ]
    return pd.DataFrame(rows)


def aggregate(cells: list[Cell], measure: str) -> pd.DataFrame:
    """One row per cell: mean and 95 % interval of `measure` ("gold", "matched" or "correct") and of
    its paired difference (same seed, same item) to the repeat control, with its p-value, also
    Holm-corrected over these cells; and what its VAE explains."""
    by_key = {cell.key: cell for cell in cells}
    rows = []
    for cell in cells:
        control = repeat_control(cell, by_key)
        pair = (getattr(cell, measure), getattr(control, measure) if control else None)
        rows.append(
            cell.labels
            | level(pair[0])
            | difference(*pair)
            | {"p_value": p_value(*pair), "vae_variance_explained": cell.explained}
        )
    return corrected(pd.DataFrame(rows))


def corrected(table: pd.DataFrame) -> pd.DataFrame:
    """The table with a column `corrected_p_value`, Holm-corrected over all its comparisons."""
    return table.assign(corrected_p_value=holm(table["p_value"]))
