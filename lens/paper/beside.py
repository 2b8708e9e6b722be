"""The paper's numbers and claims beside ours, each with a verdict."""

from collections.abc import Iterable

import numpy as np
import pandas as pd

from lens.intervals import Interval, crossed_interval, crossed_p_value, holm
from lens.paper.render import number as digits
from lens.paper.render import with_interval

COLUMNS = [
    "artefact", "kind", "what", "reported", "ours", "low", "high", "difference", "difference_low",
    "difference_high", "p_value", "corrected_p_value", "verdict", "why",
]  # fmt: skip
HEADER = ["what", "paper", "ours", "difference", "verdict", "why"]
NOTE = (
    "Numbers are compared where dataset, model, N and gold model are the paper's: agrees if our 95 "
    "% interval holds the paper's number. Claims that one is above another are compared in any "
    "world, in direction alone, by our paired difference: agrees or differs if it is told from 0 "
    "after Holm's correction over this artefact's claims (5 %), undecided otherwise."
)
LEVEL = 0.05
NOT_COMPARABLE = "not comparable"


def number(what: str, reported: float, ours: Interval) -> dict:
    """A number of the paper beside ours."""
    return {
        "kind": "number", "what": what, "reported": reported,
        "ours": ours.mean, "low": ours.low, "high": ours.high,
        "difference": ours.mean - reported,
        "difference_low": ours.low - reported, "difference_high": ours.high - reported,
    }  # fmt: skip


def claim(what: str, gap: np.ndarray, reported: float | None = None) -> dict:
    """A claim of the paper that one thing is above another: our paired differences [seeds, items]
    should be above 0. `reported` is the paper's difference, where it gives one."""
    ours = crossed_interval(gap)
    return {
        "kind": "claim", "what": what, "reported": np.nan if reported is None else reported,
        "ours": ours.mean, "low": ours.low, "high": ours.high, "p_value": crossed_p_value(gap),
    }  # fmt: skip


def beside(artefact: str, rows: Iterable[dict], *, comparable: bool) -> pd.DataFrame:
    """The rows with verdicts; `comparable`: whether this world and its gold model are the paper's,
    so that numbers may be compared in size."""
    table = pd.DataFrame(list(rows), columns=COLUMNS)
    table["artefact"] = artefact
    table["corrected_p_value"] = holm(table["p_value"].astype("float64"))
    judged = [_verdict(row, comparable) for row in table.itertuples()]
    table["verdict"] = [verdict for verdict, _ in judged]
    table["why"] = [why for _, why in judged]
    return table


def _verdict(row, comparable: bool) -> tuple[str, str]:
    if row.kind == "number":
        if not comparable:
            return NOT_COMPARABLE, "another dataset, model or gold model: directions only"
        if row.low <= row.reported <= row.high:
            return "agrees", "our interval holds the paper's number"
        return "differs", "our interval does not hold the paper's number"
    told = row.corrected_p_value < LEVEL
    if told:
        why = f"corrected p = {row.corrected_p_value:.2g}"
        return ("agrees", why) if row.ours > 0 else ("differs", f"the other way round, {why}")
    return "undecided", f"not told from 0, corrected p = {row.corrected_p_value:.2g}"


def printed(table: pd.DataFrame) -> list[list[str]]:
    """The rows of `HEADER`, claims first; numbers that cannot be compared are counted only."""
    rows = []
    for row in table.sort_values("kind", kind="stable").itertuples():
        claimed = row.kind == "claim"
        if row.verdict == NOT_COMPARABLE:
            continue
        difference = (row.difference, row.difference_low, row.difference_high)
        rows.append(
            [
                row.what,
                digits(row.reported, 2, sign=claimed),
                with_interval(row.ours, row.low, row.high, 2, sign=claimed),
                "-" if claimed else with_interval(*difference, 2, sign=True),
                row.verdict,
                row.why,
            ]
        )
    if left := table[table["verdict"] == NOT_COMPARABLE].to_dict("records"):
        what = f"{len(left)} numbers, in {left[0]['artefact']}_paper.csv"
        rows.append([what, "-", "-", "-", NOT_COMPARABLE, left[0]["why"]])
    return rows
