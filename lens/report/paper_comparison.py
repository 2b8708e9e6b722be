"""The paper's numbers and claims beside ours, each with a verdict."""

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
    "Numbers are compared where dataset, model, N and gold model are the paper's: agrees if our 95 "
    "% interval holds the paper's number. Claims that one is above another are compared in any "
    "world, in direction alone, by our paired difference: agrees or differs if it is told from 0 "
    "after Holm's correction over this artefact's claims (5 %), undecided otherwise. Ratios of "
    "single measurements are compared in direction alone, without a test. Comparisons that the "
    "paper does not make are marked as ours: above or below, corrected among themselves. The "
    "paper's own spread over runs is not counted."
)
NOT_COMPARABLE = "not comparable"
ELSEWHERE = "another dataset, model or gold model: directions only"
NOTHING = "no such estimate in this run"


def number(what: str, reported: float, ours: Interval | None) -> dict:
    """A number of the paper beside ours; None where this run has no such estimate."""
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
    """A ratio of the paper above 1, where single measurements allow no test: `ours` has the least
    and the largest of them, and `why` says so."""
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
    """A claim of the paper that one thing is above another: our paired differences [seeds, items]
    should be above 0. `reported` is the paper's difference, where it gives one; `own`: the
    comparison is ours, the paper does not make it."""
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


def beside(artefact: str, rows: Iterable[dict], *, comparable: bool) -> pd.DataFrame:
    """The rows with verdicts; `comparable`: whether this world and its gold model are the paper's,
    so that numbers may be compared in size."""
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
            return "agrees", "our interval holds the paper's number"
        return "differs", "our interval does not hold the paper's number"
    if row.kind == "ratio":
        if row.low <= 1 <= row.high:
            return "undecided", f"on both sides of 1; {row.why}"
        return ("agrees" if row.ours > 1 else "differs"), f"the direction alone; {row.why}"
    why = f"corrected p = {row.corrected_p_value:.2g}"
    if row.kind == "own" and row.corrected_p_value < LEVEL:
        return ("above" if row.ours > 0 else "below"), f"not the paper's comparison; {why}"
    if row.corrected_p_value < LEVEL:
        return ("agrees", why) if row.ours > 0 else ("differs", f"the other way round, {why}")
    return "undecided", f"not told from 0, {why}"


def printed(table: pd.DataFrame, *, every: bool = True) -> list[list[str]]:
    """The rows of `HEADER`, claims first; numbers that cannot be compared, all or only counted."""
    order = table["kind"].map({"claim": 0, "ratio": 1, "own": 2, "number": 3})
    rows, left, gap = [], [], ("difference", "difference_")
    for row in table.iloc[np.argsort(order, kind="stable")].itertuples():
        signed = row.kind in ("claim", "own")
        if row.verdict == NOT_COMPARABLE and row.kind == "number" and not every:
            left.append(row)
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
    if left:
        what = f"{len(left)} numbers, in {left[0].artefact}_paper.csv"
        rows.append([what, "-", "-", "-", NOT_COMPARABLE, left[0].why])
    return rows
