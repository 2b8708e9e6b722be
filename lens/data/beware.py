"""What may spoil a table of pairs or a test on them, as `check data` warns and as flags."""

from dataclasses import dataclass

import pandas as pd

from lens.core.diagnostics import Found, label_flags
from lens.data.near_duplicates import THRESHOLD, WIDTH, repeated
from lens.data.splits import contradicting_pairs, longer_answer_wins

LENGTH_BIAS = (0.4, 0.6)
Z = 1.959964


@dataclass(frozen=True)
class Share:
    """A share of `count` pairs with its 95 % interval (Wilson's)."""

    share: float
    low: float
    high: float
    count: int

    def __str__(self) -> str:
        return f"{self.share:.0%} of {self.count:,} pairs [{self.low:.0%}, {self.high:.0%}]"


def wilson(hits: int, count: int) -> Share:
    share, z = hits / count, Z**2 / count
    centre, half = share + z / 2, Z * ((share * (1 - share) + z / 4) / count) ** 0.5
    return Share(share, (centre - half) / (1 + z), (centre + half) / (1 + z), count)


def first_answer_wins(table: pd.DataFrame) -> Share | None:
    """How often the answer that stood first is the chosen one, ties left out; None where it is not
    known which one stood first."""
    if "side" not in table:
        return None
    known = table[table["side"].notna()]
    if "label" in table:
        known = known[known["label"] != 0.5]
    return wilson(int((known["side"] == "first").sum()), len(known)) if len(known) else None


def is_biased(side: Share | None) -> bool:
    """Whether a side wins more often than the other by an interval that leaves out 1/2."""
    return side is not None and not side.low <= 0.5 <= side.high


def duplicates(table: pd.DataFrame) -> int:
    """Exact copies of earlier pairs of the table."""
    return int(table.duplicated(["prompt", "chosen", "rejected"]).sum())


def longer_wins(table: pd.DataFrame) -> float:
    """The share of pairs whose longer answer is the chosen one; equal lengths count 1/2."""
    return float(longer_answer_wins(table.assign(split="all"))["all"])


def pair_flags(table: pd.DataFrame) -> Found:
    """Flags of a pair table: near-duplicate prompts, contradictions, repeated pairs, and a length
    or a side that decides."""
    prompts = table["group"].unique()
    near, count = len(repeated(prompts)), len(prompts)
    flags = label_flags(contradicting_pairs(table), len(table))
    if near:
        detail = f"{near:,} of {count:,} prompts, Jaccard {THRESHOLD} or more of {WIDTH}-character"
        flags.append(("near_duplicates_in_data", f"{detail} pieces"))
    twice = int(table.duplicated(["group", "chosen", "rejected"]).sum())
    if twice:
        flags.append(("repeated_pairs", f"{twice:,} of {len(table):,} pairs"))
    longer, side = longer_wins(table), first_answer_wins(table)
    if not LENGTH_BIAS[0] <= longer <= LENGTH_BIAS[1]:
        flags.append(("length_decides", f"the longer answer wins in {longer:.0%} of the pairs"))
    if is_biased(side):
        flags.append(("side_decides", f"the first answer wins in {side}"))
    return flags
