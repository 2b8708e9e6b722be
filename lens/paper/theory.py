"""Measurements of the theory: constants, means over seeds, the comparison with the paper."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from lens.core.intervals import Interval, crossed_interval
from lens.files.artifacts import read_json, read_table
from lens.report import paper_comparison
from lens.report.measured import level
from lens.report.reported import is_paper_setting, reported
from lens.theory.bounds import helped_words
from lens.theory.fit import NAMES
from lens.theory.predictions import usable_constants


def read_theories(folders: Iterable[str | Path]) -> list[dict]:
    """The results of `lens fit-theory` per folder: constants, and the table `predictions`."""
    return [
        read_json(Path(folder) / "constants.json")
        | {
            "predictions": read_table(Path(folder) / "predictions.csv"),
            "replicates": read_table(Path(folder) / "replicates.csv"),
            "points": {
                name: read_table(Path(folder) / f"points_{name}.csv") for name in ("C1", "p", "B0")
            },
        }
        for folder in folders
    ]


def label(theory: Mapping) -> str:
    return f"{theory['dataset']}, {theory['model']}"


def together(theories: list[dict], tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """One table of a table for each theory, with its dataset and model."""
    named = [
        table.assign(dataset=theory["dataset"], model=theory["model"])
        for theory, table in zip(theories, tables, strict=True)
    ]
    return pd.concat(named, ignore_index=True)


def points(theories: list[dict], name: str) -> pd.DataFrame:
    """The points that a constant ("C1", "p" or "B0") was fitted to, of all theories."""
    return together(theories, [theory["points"][name] for theory in theories])


def constants_table(theories: list[dict], paper_names: Mapping[str, str]) -> pd.DataFrame:
    """One row per dataset, model and constant: estimate, interval, R^2, flags, the paper's value.

    `reported` is set if dataset and model stand for those of B.5.
    """
    rows = []
    for theory in theories:
        labels = {name: theory[name] for name in ("dataset", "model")}
        constants_reported = reported()["theory"] if is_paper_setting(paper_names, **labels) else {}
        for name in NAMES:
            ends = {end: theory[name][end] for end in ("estimate", "low", "high")}
            row = {**labels, "constant": name, **ends, "r_squared": theory["r_squared"].get(name)}
            flags = " ".join(theory[name]["flags"])
            rows.append(row | {"flags": flags, "reported": constants_reported.get(name)})
    columns = ["estimate", "low", "high", "r_squared", "reported"]
    return pd.DataFrame(rows).astype(dict.fromkeys(columns, "float64"))


def over_seeds(table: pd.DataFrame, by: list[str], measures: list[str]) -> pd.DataFrame:
    """Mean and 95 % interval over seeds of each measure, one row per group; NaN if a group lacks
    the measure for all seeds. LensError if it lacks it for some seeds only."""
    rows = []
    for key, part in table.groupby(by, sort=False, dropna=False):
        row = dict(zip(by, key, strict=True))
        for name in measures:
            values = part[name].to_numpy()
            row |= level(None if np.isnan(values).all() else values[:, None], name, f"{name}_")
        rows.append(row)
    return pd.DataFrame(rows)


def against_paper(
    artefact: str,
    constants: pd.DataFrame,
    theorem: pd.DataFrame,
    errors: pd.DataFrame,
    paper_names: Mapping[str, str],
    comparable: bool,
) -> pd.DataFrame:
    """The paper's constants and measures of synthetic pairs, compared with ours at the largest N;
    its reconstruction error at N = 1,000 (from `errors`, the points of p)."""
    rows = constants_beside(constants)
    for label, part in _in_the_papers_place(errors, paper_names):
        at = part[(part["n_pairs"] == 1000) & (part["budget"] == "epochs")]["observed"]
        ours = crossed_interval(at.to_numpy()[:, None]) if len(at) else None
        what = f"{label}: reconstruction error, N = 1,000"
        error_reported = reported()["theory"]["reconstruction_error_n1000"]
        why = {"why": "the paper's unit is not stated"}
        rows.append(paper_comparison.number(what, error_reported, ours) | why)
    for label, part in _in_the_papers_place(theorem, paper_names):
        rows += _order_rows(label, part[part["n_pairs"] == part["n_pairs"].max()])
    return paper_comparison.verdicts(artefact, rows, comparable=comparable)


def constants_beside(constants: pd.DataFrame) -> list[dict]:
    """The paper's constants compared with ours; open intervals have infinite limits."""
    rows = []
    for row in constants.dropna(subset="reported").itertuples():
        ends = [-np.inf if row.low != row.low else row.low]
        ends += [np.inf if row.high != row.high else row.high]
        what = f"{row.dataset}, {row.model}: {row.constant}"
        rows.append(paper_comparison.number(what, row.reported, Interval(row.estimate, *ends)))
    return rows


def _in_the_papers_place(table: pd.DataFrame, names: Mapping[str, str]) -> list[tuple]:
    """("dataset, model", its rows) for those that stand for the paper's."""
    return [
        (", ".join(key), part)
        for key, part in table.groupby(["dataset", "model"], sort=False)
        if is_paper_setting(names, *key)
    ]


def _order_rows(label: str, largest: pd.DataFrame) -> list[dict]:
    """Measures of synthetic pairs at the largest N, in the paper and here."""
    paper, label = reported()["theory"], f"{label}, N = {largest['n_pairs'].iloc[0]:,}"
    columns = {"reward_gap_original": "gap_original", "reward_gap_synthetic": "gap_synthetic"}
    rows = []
    for name, column in (columns | {"order_preserved": "order_kept"}).items():
        ours = crossed_interval(largest[column].to_numpy()[:, None])
        what = f"{label}: {name.replace('_', ' ')}"
        rows.append(paper_comparison.number(what, paper[name], ours))
    order = largest["order_kept"].to_numpy()[:, None] - 0.5
    what = f"{label}: order kept more often than not"
    return [*rows, paper_comparison.claim(what, order, paper["order_preserved"] - 0.5)]


def significant(value: float | None) -> str:
    """Three significant digits; a dash for None or NaN."""
    if value is None or value != value:
        return "-"
    if abs(value) >= 1e7:
        return f"{value:.2e}"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def span(low: float | None, high: float | None) -> str:
    """An interval as text; a limit None is open, NaN unknown."""
    if low != low or high != high:
        return "-"
    ends = ["inf" if value is None else significant(value) for value in (low, high)]
    return f"[{ends[0]}, {ends[1]}]"


def summary(theories: list[dict]) -> list[str]:
    """One sentence per dataset and model: the paper's and the corrected reading of the
    constants."""
    return [_summary(theory) for theory in theories]


def _summary(theory: dict) -> str:
    constants = usable_constants(theory)
    if constants is None:
        return (
            f"{label(theory)}: C1 is not positive or B0 is negative, so the bound does not hold "
            "here and predicts nothing."
        )
    n0, unsure = theory["N0"], ""
    if "N0_beyond_every_number" in theory["flags"]:
        paper = "p is so near 1/2 that N0 has no number"
    elif n0["estimate"] is None:
        paper = "N0 is not defined (p is 1/2 or more, or B0 is 0)"
    else:
        paper = f"N0 = {significant(n0['estimate'])} {span(n0['low'], n0['high'])}, which the "
        paper += "paper reads as: some k helps above it"
    if "p_may_not_be_below_half" in theory["flags"]:
        unsure = "; but p may be 1/2 or more"
    cells = theory["predictions"]
    known = cells[cells["lens_low"].notna()]
    return (
        f"{label(theory)}: {paper}. Corrected: {helped_words(constants)}{unsure}. Measured: of "
        f"{len(known)} settings (N, k) with errors clearly above 0, LENS lowers the "
        f"estimation error in {(known['lens_high'] < 1).sum()} and raises it in "
        f"{(known['lens_low'] > 1).sum()}; in the others the interval of the ratio holds 1."
    )
