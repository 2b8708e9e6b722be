"""The theory's tables: constants beside the paper's, readings, predictions, Theorem 1."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from lens.core.intervals import Interval, crossed_interval
from lens.files.artifacts import read_json, read_table
from lens.report import paper_comparison
from lens.report.render import escape_markdown, latex_table, markdown_table, number
from lens.report.reported import reported
from lens.theory.bounds import helped_words
from lens.theory.fit import NAMES
from lens.theory.predictions import READINGS, constants_of

# The paper's constants are of its largest runs: this dataset and model (B.5).
PAPER_DATASET, PAPER_MODEL = "hh_rlhf", "llama-3.1-8b"
BOUNDS = ("as_stated", "seen_constants_mean_square")  # the strictest and the mildest reading
Tables = dict[str, tuple[list[str], list[list[str]]]]


def read_theories(folders) -> list[dict]:
    """What `lens fit-theory` left in each folder: constants, with `predictions` beside them."""
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


def constants_table(theories: list[dict], paper_names: Mapping[str, str]) -> pd.DataFrame:
    """One row per dataset, model and constant: estimate, interval, R^2, flags, the paper's value.

    `reported` stands where dataset and model stand for those of B.5.
    """
    rows = []
    for theory in theories:
        same = (paper_names.get(theory["dataset"]), paper_names.get(theory["model"])) == (
            PAPER_DATASET,
            PAPER_MODEL,
        )
        for name in NAMES:
            found = theory[name]
            rows.append(
                {
                    "dataset": theory["dataset"],
                    "model": theory["model"],
                    "constant": name,
                    "estimate": found["estimate"],
                    "low": found["low"],
                    "high": found["high"],
                    "r_squared": theory["r_squared"].get(name),
                    "flags": " ".join(found["flags"]),
                    "reported": reported()["theory"].get(name) if same else None,
                }
            )
    columns = ["estimate", "low", "high", "r_squared", "reported"]
    table = pd.DataFrame(rows)
    return table.astype(dict.fromkeys(columns, "float64"))


def over_seeds(table: pd.DataFrame, by: list[str], measures: list[str]) -> pd.DataFrame:
    """Mean and 95 % interval over seeds of each measure, one row for each group; NaN where a group
    has no such measure at any seed. LensError where it has one at some seeds alone."""
    rows = []
    for key, part in table.groupby(by, sort=False, dropna=False):
        row = dict(zip(by, key, strict=True))
        for name in measures:
            values = part[name].to_numpy()
            none = np.isnan(values).all()
            interval = Interval(*[np.nan] * 3) if none else crossed_interval(values[:, None])
            row |= {name: interval.mean, f"{name}_low": interval.low, f"{name}_high": interval.high}
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
    """The paper's constants and what its synthetic pairs keep, beside ours at the largest N; its
    reconstruction error at N = 1,000 (of `errors`, the points of p).

    An infinite end of an interval is written as such.
    """
    rows = []
    for row in constants.dropna(subset="reported").itertuples():
        ends = [-np.inf if row.low != row.low else row.low]
        ends += [np.inf if row.high != row.high else row.high]
        what = f"{row.dataset}, {row.model}: {row.constant}"
        rows.append(paper_comparison.number(what, row.reported, Interval(row.estimate, *ends)))
    for place, part in errors.groupby(["dataset", "model"], sort=False):
        if tuple(map(paper_names.get, place)) == (PAPER_DATASET, PAPER_MODEL):
            at = part[(part["n_pairs"] == 1000) & (part["budget"] == "epochs")]["observed"]
            ours = crossed_interval(at.to_numpy()[:, None]) if len(at) else None
            what = f"{', '.join(place)}: reconstruction error, N = 1,000"
            told = reported()["theory"]["reconstruction_error_n1000"]
            rows.append(
                paper_comparison.number(what, told, ours)
                | {"why": "the paper's unit is not stated"}
            )
    kept = {"reward_gap_original": "gap_original", "reward_gap_synthetic": "gap_synthetic"}
    kept["order_preserved"] = "order_kept"
    for (dataset, model), part in theorem.groupby(["dataset", "model"], sort=False):
        if (paper_names.get(dataset), paper_names.get(model)) != (PAPER_DATASET, PAPER_MODEL):
            continue
        largest = part[part["n_pairs"] == part["n_pairs"].max()]
        place = f"{dataset}, {model}, N = {largest['n_pairs'].iloc[0]:,}"
        for name, column in kept.items():
            ours = crossed_interval(largest[column].to_numpy()[:, None])
            value = reported()["theory"][name]
            rows.append(paper_comparison.number(f"{place}: {name.replace('_', ' ')}", value, ours))
        order = largest["order_kept"].to_numpy()[:, None] - 0.5
        claimed = reported()["theory"]["order_preserved"] - 0.5
        rows.append(
            paper_comparison.claim(f"{place}: order kept more often than not", order, claimed)
        )
    return paper_comparison.beside(artefact, rows, comparable=comparable)


def significant(value: float | None) -> str:
    """Three significant digits; a dash for nothing."""
    if value is None or value != value:
        return "-"
    if abs(value) >= 1e7:
        return f"{value:.2e}"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def span(low: float | None, high: float | None) -> str:
    """An interval; None is an open end, NaN an unknown one."""
    if low != low or high != high:
        return "-"
    ends = ["inf" if value is None else significant(value) for value in (low, high)]
    return f"[{ends[0]}, {ends[1]}]"


def printed(theories: list[dict], theorem: pd.DataFrame, constants: pd.DataFrame) -> Tables:
    """{title: (header, rows)} of everything that is shown, cells as plain text."""
    return {
        "Constants": _constants(constants),
        "Where some k is predicted to help": _corrected(theories),
        "p, B0 and N0 when the reconstruction error is read otherwise": _readings(theories),
        "Predicted and measured ratio of estimation errors": _predictions(theories),
        "Theorem 1: constants and what synthetic pairs keep": _theorem(theorem),
        "Theorem 1: does the bound hold, and does it promise anything? (as stated: largest error "
        "and constants that hold everywhere; mildest: root mean square error and the largest local "
        "values seen)": _bounds(theorem),
    }


def _constants(table: pd.DataFrame) -> tuple:
    header = ["dataset", "model", "constant", "estimate", "95 % interval", "R2", "paper", "flags"]
    rows = [
        [
            *row[["dataset", "model", "constant"]],
            significant(row["estimate"]),
            span(*(None if value != value else value for value in row[["low", "high"]])),
            number(row["r_squared"], 3),
            significant(row["reported"]),
            _words(row["flags"]),
        ]
        for _, row in table.iterrows()
    ]
    return header, rows


def _words(flags: str) -> str:
    return "; ".join(flag.replace("_", " ") for flag in flags.split()) or "-"


def _corrected(theories: list[dict]) -> tuple:
    header = ["dataset", "model", "N", "limit of the ratio", "95 % interval", "smallest k"]
    header += ["the paper's reading", "corrected", "sure?"]
    rows = []
    for theory in theories:
        constants = constants_of(theory)
        for row in theory["corrected"]:
            threshold = constants.threshold
            paper = "-" if threshold is None else "helps" if row["n_pairs"] > threshold else "not"
            rows.append(
                [
                    theory["dataset"],
                    theory["model"],
                    f"{row['n_pairs']:,}",
                    number(row["limit_ratio"], 3),
                    span(row["low"], row["high"]),
                    "none" if row["smallest_scale"] is None else f"{row['smallest_scale']:,}",
                    paper,
                    "not" if row["smallest_scale"] is None else "helps",
                    _sure(row["low"], row["high"]),
                ]
            )
    return header, rows


def _sure(low: float | None, high: float | None) -> str:
    """Whether an interval leaves 1 out."""
    return "no" if (low or 0) <= 1 and (high is None or high >= 1) else "yes"


def _readings(theories: list[dict]) -> tuple:
    header = ["dataset", "model", "reading", "p", "95 % interval", "R2", "B0", "N0"]
    header += ["95 % interval"]
    rows = []
    for theory in theories:
        for name in READINGS:
            found = theory["readings"][name]
            rows.append(
                [
                    theory["dataset"],
                    theory["model"],
                    READINGS[name].split(":")[0],
                    significant(found["p"]["estimate"]),
                    span(found["p"]["low"], found["p"]["high"]),
                    number(found["r_squared"], 3),
                    significant(found["B0"]["estimate"]),
                    significant(found["N0"]["estimate"]),
                    span(found["N0"]["low"], found["N0"]["high"]),
                ]
            )
    return header, rows


def _predictions(theories: list[dict]) -> tuple:
    header = ["dataset", "model", "N", "k", "predicted", "95 % interval", "LENS", "95 % interval"]
    header += ["repeat (control)", "95 % interval", "intervals overlap"]
    rows = []
    for theory in theories:
        for _, row in theory["predictions"].iterrows():
            cells = []
            for name in ("predicted", "lens", "repeat"):
                cells += [number(row[name], 3), span(row[f"{name}_low"], row[f"{name}_high"])]
            rows.append(
                [
                    theory["dataset"],
                    theory["model"],
                    f"{row['n_pairs']:,.0f}",
                    f"{row['scale']:.0f}" + (" (fitted)" if row["fitted"] else ""),
                    *cells,
                    {1.0: "yes", 0.0: "no"}.get(row["overlap"], "-"),
                ]
            )
    return header, rows


def _theorem(theorem: pd.DataFrame) -> tuple:
    header = ["dataset", "model", "N", "gap, original", "gap, synthetic", "order kept %"]
    header += ["L_g upper / seen", "L_r upper / seen", "t_delta", "eps_rec largest / rms"]
    paper = reported()["theory"]
    rows = [
        ["paper", "B.5.4", "100,000", f"{paper['reward_gap_original']:.2f}"]
        + [f"{paper['reward_gap_synthetic']:.2f}", f"{100 * paper['order_preserved']:.1f}"]
        + ["-"] * 4
    ]
    for (dataset, model, n_pairs), part in theorem.groupby(["dataset", "model", "n_pairs"]):
        mean = part.mean(numeric_only=True, skipna=False)
        rows.append(
            [
                dataset,
                model,
                f"{n_pairs:,}",
                number(mean["gap_original"], 2),
                number(mean["gap_synthetic"], 2),
                number(100 * mean["order_kept"], 1),
                f"{mean['decoder_lipschitz_upper']:.2f} / {mean['decoder_lipschitz_seen']:.2f}",
                f"{mean['reward_lipschitz_upper']:.2f} / {mean['reward_lipschitz_seen']:.2f}",
                number(mean["t_delta"], 3),
                f"{mean['eps_rec_largest']:.2f} / {mean['eps_rec_root_mean_square']:.2f}",
            ]
        )
    return header, rows


def _bounds(theorem: pd.DataFrame) -> tuple:
    header = ["dataset", "model", "N", "gap, original"]
    header += ["as stated: takes off", "holds for % of pairs", "promises order for %"]
    header += ["mildest: takes off", "holds for % of pairs", "promises order for %"]
    rows = []
    for (dataset, model, n_pairs), part in theorem.groupby(["dataset", "model", "n_pairs"]):
        mean = part.mean(numeric_only=True, skipna=False)
        row = [dataset, model, f"{n_pairs:,}", number(mean["gap_original"], 2)]
        for name in BOUNDS:
            row += [
                number(mean[f"{name}_subtracted"], 2),
                number(100 * mean[f"{name}_holds"], 1),
                number(100 * mean[f"{name}_promises"], 1),
            ]
        rows.append(row)
    return header, rows


def summary(theories: list[dict]) -> list[str]:
    """One sentence for each dataset and model: both readings of its constants."""
    lines = []
    for theory in theories:
        constants = constants_of(theory)
        if constants is None:
            lines.append(
                f"{label(theory)}: C1 is not positive or B0 negative, so the form of the bound "
                "does not hold here and nothing can be predicted."
            )
            continue
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
        lines.append(
            f"{label(theory)}: {paper}. Corrected: {helped_words(constants)}{unsure}. Measured: of "
            f"{len(known)} settings (N, k) whose errors can be told from 0, LENS lowers the "
            f"estimation error in {(known['lens_high'] < 1).sum()} and raises it in "
            f"{(known['lens_low'] > 1).sum()}; in the others the interval of the ratio holds 1."
        )
    return lines


def markdown(theories: list[dict], tables: Tables) -> str:
    lines = [f"- {escape_markdown(line)}" for line in summary(theories)]
    parts = [
        f"**{title}**\n\n"
        + markdown_table(header, [[*map(escape_markdown, row[:2]), *row[2:]] for row in rows])
        for title, (header, rows) in tables.items()
    ]
    return "\n".join([*lines, "", *parts])


def latex(tables: Tables) -> str:
    """The constants, a block for each dataset and model."""
    header, rows = tables["Constants"]
    blocks: dict[str, list] = {}
    for row in rows:
        blocks.setdefault(f"{row[0]}, {row[1]}", []).append(row[2:])
    return latex_table(
        header[2:], list(blocks.items()), "Constants of Theorem 2 with 95 % bootstrap intervals."
    )
