"""The paper's numbers and claims compared with ours, each with a verdict."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd

from lens.core.intervals import Interval, crossed_interval, crossed_p_value, holm
from lens.report.measured import LEVEL, shown
from lens.report.render import number as digits

COLUMNS = [
    "artefact",
    "kind",
    "what",
    "reported",
    "ours",
    "low",
    "high",
    "difference",
    "difference_low",
    "difference_high",
    "p_value",
    "corrected_p_value",
    "verdict",
    "why",
]
HEADER = ["what", "paper", "ours", "difference", "verdict", "why"]
NOTE = (
    "Numbers are compared only for the paper's dataset, model, N and gold model: agrees if our 95 "
    "% interval includes the paper's number. Claims that one value is above another are compared "
    "in direction only, on any dataset: agrees or differs if our paired difference is significant "
    "(5 %, Holm-corrected over this artefact's claims), undecided otherwise. Ratios of single "
    "measurements are compared in direction only, without a test. Comparisons that the paper does "
    "not make are above or below, corrected among themselves. The paper's spread over runs is not "
    "included."
)
NOT_COMPARABLE = "not comparable"
ELSEWHERE = "another dataset, model or gold model: directions only"
NOTHING = "no such estimate in this run"


def number(what: str, reported: float, ours: Interval | None) -> dict:
    """A row for a number of the paper and our estimate, or None if this run has none."""
    row = {"kind": "number", "what": what, "reported": reported}
    if ours is None:
        return row
    return row | {
        "ours": ours.mean,
        "low": ours.low,
        "high": ours.high,
        "difference": ours.mean - reported,
        "difference_low": ours.low - reported,
        "difference_high": ours.high - reported,
    }


def ratio(what: str, ours: Interval, reported: float, why: str) -> dict:
    """A row for a ratio above 1 in the paper, of single measurements that allow no test: `ours`
    spans the smallest to the largest; `why` explains it."""
    return {
        "kind": "ratio",
        "what": what,
        "reported": reported,
        "ours": ours.mean,
        "low": ours.low,
        "high": ours.high,
        "why": why,
    }


def claim(what: str, gap: np.ndarray, reported: float | None = None, *, own: bool = False) -> dict:
    """A row for a claim that one value is above another: our paired differences `gap` [seeds,
    items] should be above 0. `reported` is the paper's difference, if it gives one; `own`: the
    paper does not make this comparison."""
    ours = crossed_interval(gap)
    return {
        "kind": "own" if own else "claim",
        "what": what,
        "reported": np.nan if reported is None else reported,
        "ours": ours.mean,
        "low": ours.low,
        "high": ours.high,
        "p_value": crossed_p_value(gap),
    }


def verdicts(artefact: str, rows: Iterable[dict], *, comparable: bool) -> pd.DataFrame:
    """A table of the rows with verdicts. `comparable`: dataset and gold model are the paper's, so
    numbers may be compared in size."""
    table = pd.DataFrame(list(rows), columns=COLUMNS)
    table["artefact"] = artefact
    p_values = table["p_value"].astype("float64")
    table["corrected_p_value"] = p_values.groupby(table["kind"]).transform(holm)
    judged = [_verdict(row, comparable) for row in table.itertuples()]
    table["verdict"] = [verdict for verdict, _ in judged]
    table["why"] = [why for _, why in judged]
    return table


def _verdict(row: Any, comparable: bool) -> tuple[str, str]:
    if pd.isna(row.ours):
        return NOT_COMPARABLE, NOTHING
    if row.kind == "number":
        if not comparable or isinstance(row.why, str):
            return NOT_COMPARABLE, row.why if isinstance(row.why, str) else ELSEWHERE
        if pd.isna(row.low) or pd.isna(row.high):
            return NOT_COMPARABLE, "no interval in this run"
        if row.low <= row.reported <= row.high:
            return "agrees", "our interval includes the paper's number"
        return "differs", "our interval excludes the paper's number"
    if row.kind == "ratio":
        if row.low <= 1 <= row.high:
            return "undecided", f"on both sides of 1; {row.why}"
        return ("agrees" if row.ours > 1 else "differs"), f"direction only; {row.why}"
    why = f"corrected p = {row.corrected_p_value:.2g}"
    if row.kind == "own" and row.corrected_p_value < LEVEL:
        return ("above" if row.ours > 0 else "below"), f"not the paper's comparison; {why}"
    if row.corrected_p_value < LEVEL:
        return ("agrees", why) if row.ours > 0 else ("differs", f"opposite direction, {why}")
    return "undecided", f"no detectable difference, {why}"


def printed(table: pd.DataFrame, *, every: bool = True) -> list[list[str]]:
    """Rows of text under `HEADER`, claims first; numbers that cannot be compared are listed
    (`every`) or only counted."""
    order = table["kind"].map({"claim": 0, "ratio": 1, "own": 2, "number": 3})
    rows, skipped, gap = [], [], ("difference", "difference_")
    for row in table.iloc[np.argsort(order, kind="stable")].itertuples():
        signed = row.kind in ("claim", "own")
        if row.verdict == NOT_COMPARABLE and row.kind == "number" and not every:
            skipped.append(row)
            continue
        rows.append(
            [
                row.what,
                digits(row.reported, 2, sign=signed),
                shown(row, 2, "ours", sign=signed),
                shown(row, 2, *gap, sign=True) if row.kind == "number" else "-",
                row.verdict,
                row.why,
            ]
        )
    if skipped:
        what = f"{len(skipped)} numbers, in {skipped[0].artefact}_paper.csv"
        rows.append([what, "-", "-", "-", NOT_COMPARABLE, skipped[0].why])
    return rows
