"""Labels to look at again: those that models which have not seen them find least likely.

Margins are held out by prompt, averaged over rounds of five folds, and calibrated. Of pairs with a
calibrated margin m a share 1 - sigmoid(m) has the label that the margin speaks against; given the
embeddings, so would a new label by the same kind of annotator. So 1 - sigmoid(m) is the chance that
the pair, labelled again, comes out the other way round: by a slip, or since judges differ.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from lens.advice.crossval import round_margins
from lens.advice.fit import DEFAULT
from lens.advice.own_pairs import EmbeddedPairs
from lens.core.errors import LensError
from lens.core.seeds import derive_seed
from lens.data.forms import to_pairs
from lens.data.sources import Row
from lens.serving.calibration import fit_temperature
from lens.serving.reward_model import sigmoid

ROUNDS = 3


@dataclass(repr=False)
class Suspects:
    """Pairs that are no ties with `other_way`, the chance that a new label differs, most suspect
    first. `annotators` says of each how many votes to expect the other way round."""

    table: pd.DataFrame
    annotators: pd.DataFrame = field(default_factory=pd.DataFrame)

    def __repr__(self) -> str:
        return self.summary(20)

    def expected(self, count: int) -> float:
        """How many of the first `count` would come out the other way round if labelled again."""
        return float(self.table["other_way"].iloc[:count].sum())

    def summary(self, count: int) -> str:
        """What to expect of the first `count`, of all, and of each annotator."""
        pairs, count = len(self.table), min(count, len(self.table))
        lines = [
            f"{pairs:,} labels; if they were given again, about {self.expected(pairs):,.0f} would "
            f"come out the other way round, and of the {count:,} most suspect ones about "
            f"{self.expected(count):,.0f}. That need not be a mistake: judges differ. Nothing was "
            "changed or left out."
        ]
        if len(self.annotators):
            lines.append("annotator: votes, share expected the other way round")
            lines += [
                f"  {row.annotator}: {row.votes:,}, {100 * row.share:.1f} %"
                for row in self.annotators.itertuples()
            ]
        return "\n".join(lines)


def suspects(
    pairs: EmbeddedPairs,
    *,
    votes: Mapping[str, Sequence[tuple[str, bool]]] | None = None,
    seed: int = 0,
) -> Suspects:
    """Every labelled pair with the probability that a new label would differ.

    `votes` is {pair id: annotators, and whether they voted for the chosen answer}, as from
    `annotator_votes`.
    LensError if there are too few prompts.
    """
    if not isinstance(pairs, EmbeddedPairs):
        raise LensError("suspects needs embedded pairs: `lens.embed_pairs(pairs, encoder)`.")
    rounds = [derive_seed("suspects", seed, number) % 2**31 for number in range(ROUNDS)]
    margins = np.mean(
        [next(round_margins(pairs, [DEFAULT], round_number))[1] for round_number in rounds], axis=0
    )
    other_way = sigmoid(-margins / fit_temperature(margins))
    table = pairs.table[pairs.decided].assign(other_way=other_way)
    table = table.sort_values("other_way", ascending=False, kind="stable", ignore_index=True)
    return Suspects(table, _by_annotator(table, votes or {}))


def annotator_votes(rows: Sequence[Row], **reading: object) -> dict[str, list[tuple[str, bool]]]:
    """{id: [(annotator, whether for the chosen answer)]} of rows in which annotators are named;
    `reading` as for `to_pairs`."""
    pairs, _ = to_pairs(list(rows), graded=True, **reading)  # type: ignore[arg-type]
    return {
        str(pair.get("id", where.rpartition("row ")[2])): [
            (str(who), way)
            for name, way in (("annotators_for", True), ("annotators_against", False))
            for who in pair.get(name) or []
        ]
        for where, pair in pairs
    }


def _by_annotator(
    table: pd.DataFrame, votes: Mapping[str, Sequence[tuple[str, bool]]]
) -> pd.DataFrame:
    """annotator, votes, expected (votes the other way round), share; the most suspect first."""
    chances = [
        (who, chance if way else 1 - chance)
        for key, chance in zip(table["id"], table["other_way"], strict=True)
        for who, way in votes.get(key, ())
    ]
    if not chances:
        return pd.DataFrame()
    by = pd.DataFrame(chances, columns=["annotator", "chance"]).groupby("annotator")["chance"]
    annotators = by.agg(votes="count", expected="sum", share="mean").reset_index()
    return annotators.sort_values("share", ascending=False, kind="stable", ignore_index=True)
