"""The qualitative examples of A.3: picks that augmentation changes, by rule, wins and losses."""

from collections.abc import Mapping

import pandas as pd

from lens.evaluation.qualitative import PERCENTILES, Picks, telling
from lens.report import paper_comparison
from lens.report.examples import Example, conversation, excerpt
from lens.report.files import Printed
from lens.report.measured import shown

HEADER = ["picks of", "other text %", "better %", "worse %", "equal %", "gold difference"]
NOTE = (
    "Each reward model picks the candidate with the highest reward, the first of equals. Columns: "
    "how often the first model picks another text than the second, and how often that text has "
    "more gold reward (better), less (worse) or the same (equal); the mean difference of gold "
    "reward over all prompts, 0 for the same text [95 % interval over seeds and prompts]. The "
    "repeat control is trained only on the original pairs, with the same number of steps, so its "
    "changes are not due to synthesis. Examples are of one seed: wins and losses of the augmented "
    "model against the original one, at the "
    + ", ".join(f"{p}th" for p in PERCENTILES)
    + " percentile of the size of the gold difference."
)
SHARES = ("differ", "wins", "losses", "even")


def printed(tables: Mapping[str, pd.DataFrame], names: Mapping[str, str]) -> Printed:
    """A table with one block per title; `names` are {judge: label}."""
    blocks = []
    for title, table in tables.items():
        rows = [
            [f"{names[row.first]} against {names[row.second]}"]
            + [shown(row, 1, name, f"{name}_", factor=100) for name in SHARES]
            + [shown(row, 3, "gold_difference", "gold_difference_", sign=True)]
            for row in table.itertuples()
        ]
        blocks.append((title, rows))
    return Printed(HEADER, blocks, NOTE)


def claims(picks: Mapping[str, Picks], names: Mapping[str, str]) -> list[dict]:
    """The claim of A.3 that picks are better with augmentation."""
    return [
        paper_comparison.claim(
            f"{title}: gold of the picks, {names['augmented']} above {names['original']}",
            dataset_picks.difference("augmented", "original"),
        )
        for title, dataset_picks in picks.items()
    ]


def examples(title: str, picks: Picks, seed: int, names: Mapping[str, str]) -> list[Example]:
    """Wins and losses of the augmented model at one seed, with all three judges' picks."""
    at = picks.seeds.index(seed)
    gap = picks.difference("augmented", "original")[at]
    return [
        _example(f"{title}, {outcome} at the {percentile}th percentile", picks, at, i, names)
        for outcome, percentile, i in telling(gap)
    ]


def _example(title: str, picks: Picks, at: int, i: int, names: Mapping[str, str]) -> Example:
    texts = [("Prompt", excerpt(conversation(picks.prompts[i])))]
    for judge, name in names.items():
        text, gold = picks.picked_text(judge)[at, i], picks.picked_gold(judge)[at, i]
        label = f"{name} picks candidate {picks.place[judge][at, i]}: gold {gold:.3f}"
        if picks.tied[judge][at, i]:
            label += " (others have the same reward; this is the first)"
        texts.append((label, excerpt(text)))
    gap = picks.difference("augmented", "original")[at, i]
    return Example(f"{title}: {picks.ids[i]}, gold {gap:+.3f}", texts)
