"""The spread of results over runs: text and latent space, compared with the reviews' reruns."""

import math
from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from lens.core.intervals import Interval
from lens.paper.cells import EXPLAINED, EXPLAINS, Cell, by_place
from lens.paper.method_names import method_name
from lens.report import paper_comparison
from lens.report.files import Printed
from lens.report.measured import blocks, level, shown
from lens.report.render import number
from lens.report.reported import MODEL_OF_TABLE_1, N_PAIRS, reported

METHODS = (
    "full_finetune",
    "full_finetune_repeat",
    "lens",
    "repeat",
    "original",
    "mean_difference",
    "linear_probe",
)
HEADER = ["method", "scale", "mean gold reward", "sd over seeds", "paper's mean", "paper's sd"]
HEADER += [EXPLAINED]
NOTE = (
    "Mean [95 % interval over seeds and test prompts] of the mean gold reward, and its standard "
    "deviation over seeds; each seed draws its N pairs, synthesis and initial weights. Brackets "
    "of a standard deviation: 95 % chi-square interval, as if seeds were normal draws. With three "
    "seeds it spans half to six times the estimate, so hardly any difference is detectable. The "
    "test prompts are the same for every seed, so this is not the whole uncertainty of a mean. "
    "Claims compare ln(sd / sd) by an F-test that assumes independence. The probes and Original "
    "need no synthesis: they vary only with the draw of the pairs. paper: for full fine-tuning "
    "the reruns of the reviews, for LENS Table 1." + EXPLAINS
)


def spread(values: Iterable[float]) -> Interval:
    """Standard deviation, with its 95 % chi-square interval, of normal draws, two or more."""
    from scipy.stats import chi2

    draws = pd.Series(values, dtype="float64")
    freedom, sd = len(draws) - 1, float(draws.std(ddof=1))
    low, high = (sd * math.sqrt(freedom / chi2.ppf(q, freedom)) for q in (0.975, 0.025))
    return Interval(sd, low, high)


def paper_spread(
    dataset: str | None, model: str | None, method: str, scale: int
) -> tuple[float, float] | None:
    """(mean, sd) over the paper's runs, or None; names are the paper's."""
    table = reported()["table1"]
    if model != MODEL_OF_TABLE_1:
        return None
    reruns = table["reviews_full_finetune_reruns"]
    if method == "full_finetune" and dataset in reruns and f"{scale}x" in reruns["scales"]:
        column = reruns["scales"].index(f"{scale}x")
        return reruns[dataset]["mean"][column], reruns[dataset]["std"][column]
    row = table["rows"]["lens"]
    if method == "lens" and f"{dataset}_std" in row and f"{scale}x" in table["scales"]:
        column = table["scales"].index(f"{scale}x")
        return row[dataset][column], row[f"{dataset}_std"][column]
    return None


def textual_spread(
    cells: list[Cell], paper_names: Mapping[str, str], paper_n_pairs: int = N_PAIRS
) -> pd.DataFrame:
    """One row per cell of `METHODS`, in their order."""
    rows = []
    for part in by_place(cell for cell in cells if cell.method in METHODS).values():
        for cell in sorted(part, key=lambda cell: (METHODS.index(cell.method), cell.scale)):
            sd = spread(cell.gold.mean(axis=1))
            paper_pair = _reported_spread(cell, paper_names, paper_n_pairs) or (math.nan, math.nan)
            rows.append(
                cell.labels
                | {"seeds": len(cell.seeds), **level(cell.gold)}
                | {"sd": sd.mean, "sd_low": sd.low, "sd_high": sd.high}
                | {"reported_mean": paper_pair[0], "reported_sd": paper_pair[1]}
                | {"vae_variance_explained": cell.explained}
            )
    return pd.DataFrame(rows)


def _reported_spread(
    cell: Cell, paper_names: Mapping[str, str], paper_n_pairs: int
) -> tuple[float, float] | None:
    if cell.n_pairs != paper_n_pairs:
        return None
    names = (paper_names.get(cell.dataset), paper_names.get(cell.model))
    return paper_spread(*names, cell.method, cell.scale)


def compared(table: pd.DataFrame) -> list[dict]:
    """The paper's means and standard deviations compared with ours, and whether text spreads
    further."""
    rows, lens = [], {}
    for row in table.itertuples():
        what = f"{row.dataset}, {method_name(row.method)} {row.scale}x"
        if row.reported_sd == row.reported_sd:
            level, sd = Interval(row.mean, row.low, row.high), (row.sd, row.sd_low, row.sd_high)
            rows.append(paper_comparison.number(f"{what}: mean", row.reported_mean, level))
            rows.append(paper_comparison.number(f"{what}: sd", row.reported_sd, Interval(*sd)))
        if row.method == "lens":
            lens[row.dataset, row.model, row.n_pairs, row.scale] = row
    for row in table.itertuples():
        other = lens.get((row.dataset, row.model, row.n_pairs, row.scale))
        if row.method == "full_finetune" and other and min(row.sd, other.sd) > 1e-9:
            rows.append(_claim(row, other))
    return rows


def _claim(above: Any, below: Any) -> dict:
    """That one spreads further than the other: ln(sd / sd) above 0, two-sided F-test."""
    from scipy.stats import f

    freedom = (above.seeds - 1, below.seeds - 1)
    log_ratio = math.log(above.sd / below.sd)
    tail = f.cdf(math.exp(2 * log_ratio), *freedom)
    low, high = (log_ratio - 0.5 * math.log(f.ppf(q, *freedom)) for q in (0.975, 0.025))
    return {
        "kind": "claim",
        "what": f"{above.dataset}, {above.scale}x: sd of full fine-tuning above that of LENS, ln",
        "reported": math.log(above.reported_sd / below.reported_sd),
        "ours": log_ratio,
        "low": low,
        "high": high,
        "p_value": 2 * min(tail, 1 - tail),
    }


def printed(table: pd.DataFrame) -> Printed:
    """A block for each dataset, model and N."""
    rows = [
        (
            f"{row.dataset}, {row.model}, N = {row.n_pairs:,}; {row.seeds} seeds",
            [
                method_name(row.method),
                f"{row.scale}x",
                shown(row, 3),
                shown(row, 3, "sd", "sd_"),
                number(row.reported_mean, 2),
                number(row.reported_sd, 2),
                number(100 * row.vae_variance_explained, 1),
            ],
        )
        for row in table.itertuples()
    ]
    return Printed(HEADER, blocks(rows), NOTE)
