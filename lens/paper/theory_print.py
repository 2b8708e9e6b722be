"""The theory's tables to read: constants, readings, predictions, Theorem 1."""

import pandas as pd

from lens.paper.theory import significant, span, summary
from lens.report.render import escape_markdown, latex_table, markdown_table, number
from lens.report.reported import reported
from lens.theory.predictions import READINGS, usable_constants

BOUNDS = ("as_stated", "seen_constants_mean_square")  # the strictest and the mildest reading
PLACE = ["dataset", "model"]
SPAN = "95 % interval"
Table = tuple[list[str], list[list[str]]]
Tables = dict[str, Table]


def printed(theories: list[dict], theorem: pd.DataFrame, constants: pd.DataFrame) -> Tables:
    """{title: (header, rows)} of all tables, cells as plain text."""
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


def _constants(table: pd.DataFrame) -> Table:
    header = [*PLACE, "constant", "estimate", SPAN, "R2", "paper", "flags"]
    rows = [
        [
            row.dataset,
            row.model,
            row.constant,
            significant(row.estimate),
            span(*(None if end != end else end for end in (row.low, row.high))),
            number(row.r_squared, 3),
            significant(row.reported),
            "; ".join(flag.replace("_", " ") for flag in row.flags.split()) or "-",
        ]
        for row in table.itertuples()
    ]
    return header, rows


def _corrected(theories: list[dict]) -> Table:
    header = [*PLACE, "N", "limit of the ratio", SPAN, "smallest k"]
    header += ["the paper's reading", "corrected", "sure?"]
    rows = []
    for theory in theories:
        constants = usable_constants(theory) if theory["corrected"] else None
        threshold = constants.threshold if constants else None
        for row in theory["corrected"]:
            paper = "-" if threshold is None else "helps" if row["n_pairs"] > threshold else "not"
            least = row["smallest_scale"]
            rows.append(
                [
                    *(theory[name] for name in PLACE),
                    f"{row['n_pairs']:,}",
                    number(row["limit_ratio"], 3),
                    span(row["low"], row["high"]),
                    "none" if least is None else f"{least:,}",
                    paper,
                    "not" if least is None else "helps",
                    _sure(row["low"], row["high"]),
                ]
            )
    return header, rows


def _sure(low: float | None, high: float | None) -> str:
    """Whether an interval excludes 1."""
    return "no" if (low or 0) <= 1 and (high is None or high >= 1) else "yes"


def _readings(theories: list[dict]) -> Table:
    header = [*PLACE, "reading", "p", SPAN, "R2", "B0", "N0", SPAN]
    rows = []
    for theory in theories:
        for name, reading in READINGS.items():
            fitted = theory["readings"][name]
            p, b0, n0 = (fitted[constant] for constant in ("p", "B0", "N0"))
            rows.append(
                [
                    *(theory[part] for part in PLACE),
                    reading.split(":")[0],
                    significant(p["estimate"]),
                    span(p["low"], p["high"]),
                    number(fitted["r_squared"], 3),
                    significant(b0["estimate"]),
                    significant(n0["estimate"]),
                    span(n0["low"], n0["high"]),
                ]
            )
    return header, rows


def _predictions(theories: list[dict]) -> Table:
    header = [*PLACE, "N", "k", "predicted", SPAN, "LENS", SPAN, "repeat (control)", SPAN]
    header += ["intervals overlap"]
    rows = []
    for theory in theories:
        for _, row in theory["predictions"].iterrows():
            cells = []
            for name in ("predicted", "lens", "repeat"):
                cells += [number(row[name], 3), span(row[f"{name}_low"], row[f"{name}_high"])]
            scale = f"{row['scale']:.0f}" + (" (fitted)" if row["fitted"] else "")
            overlap = {1.0: "yes", 0.0: "no"}.get(row["overlap"], "-")
            labels = [theory[part] for part in PLACE]
            rows.append([*labels, f"{row['n_pairs']:,.0f}", scale, *cells, overlap])
    return header, rows


def _theorem(theorem: pd.DataFrame) -> Table:
    header = [*PLACE, "N", "gap, original", "gap, synthetic", "order kept %"]
    header += ["L_g upper / seen", "L_r upper / seen", "t_delta", "eps_rec largest / rms"]
    paper = reported()["theory"]
    rows = [
        ["paper", "B.5.4", "100,000", f"{paper['reward_gap_original']:.2f}"]
        + [f"{paper['reward_gap_synthetic']:.2f}", f"{100 * paper['order_preserved']:.1f}"]
        + ["-"] * 4
    ]
    for labels, mean in _means(theorem):
        lipschitz = [
            f"{mean[f'{name}_lipschitz_upper']:.2f} / {mean[f'{name}_lipschitz_seen']:.2f}"
            for name in ("decoder", "reward")
        ]
        gaps = [number(mean[name], 2) for name in ("gap_original", "gap_synthetic")]
        kept, radius = number(100 * mean["order_kept"], 1), number(mean["t_delta"], 3)
        errors = f"{mean['eps_rec_largest']:.2f} / {mean['eps_rec_root_mean_square']:.2f}"
        rows.append([*labels, *gaps, kept, *lipschitz, radius, errors])
    return header, rows


def _bounds(theorem: pd.DataFrame) -> Table:
    header = [*PLACE, "N", "gap, original"]
    for reading in ("as stated", "mildest"):
        header += [f"{reading}: takes off", "holds for % of pairs", "promises order for %"]
    rows = []
    for labels, mean in _means(theorem):
        row = [*labels, number(mean["gap_original"], 2)]
        for name in BOUNDS:
            row.append(number(mean[f"{name}_subtracted"], 2))
            row += [number(100 * mean[f"{name}_{part}"], 1) for part in ("holds", "promises")]
        rows.append(row)
    return header, rows


def _means(theorem: pd.DataFrame) -> list[tuple[list[str], pd.Series]]:
    """([dataset, model, N], the means of all columns) of each N."""
    return [
        ([dataset, model, f"{n_pairs:,}"], part.mean(numeric_only=True, skipna=False))
        for (dataset, model, n_pairs), part in theorem.groupby([*PLACE, "n_pairs"])
    ]


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
