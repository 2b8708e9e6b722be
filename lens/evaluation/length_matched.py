"""Scores of a benchmark that length alone cannot win.

Comparisons of a right with a wrong answer count half where the right one is longer and half where
it is shorter, however many there are of each: whoever goes by length gets 1/2, and so does a coin.
"""

from collections.abc import Iterable
from itertools import chain

import numpy as np

from lens.evaluation.bench_rows import Example, rewards_of_each

Wins = tuple[list[float], list[float]]  # where the right answer is longer, and where it is shorter


def length_matched(result: dict, examples: list[Example], rewards: np.ndarray) -> dict:
    """`overall`, `sections` and `subsets` of a result of `rewardbench.judge`, by the comparisons of
    each right with each wrong answer of an example, a tie being half right; `rewards` are of all
    texts. None where right answers are never the longer, or never the shorter, ones; `overall` is
    the mean of the sections, None where one is missing."""
    wins: dict[str, Wins] = {}
    for example, (right, wrong) in zip(examples, rewards_of_each(examples, rewards), strict=True):
        outcome = (np.sign(right[:, None] - wrong) + 1) / 2
        lengths = [np.array(list(map(len, side))) for side in (example.chosen, example.rejected)]
        gap = lengths[0][:, None] - lengths[1]
        longer, shorter = wins.setdefault(example.subset, ([], []))
        longer += outcome[gap > 0].tolist()
        shorter += outcome[gap < 0].tolist()
    sections = {
        name: _half_each(
            wins[s] for s, each in result["subsets"].items() if each["section"] == name
        )
        for name in result["sections"]
    }
    scores = [score for score in sections.values() if score is not None]
    complete = scores and len(scores) == len(sections) and not result["missing_sections"]
    return {
        "overall": float(np.mean(scores)) if complete else None,
        "sections": sections,
        "subsets": {name: _half_each([each]) for name, each in wins.items()},
    }


def _half_each(parts: Iterable[Wins]) -> float | None:
    longer, shorter = ([*chain.from_iterable(side)] for side in zip(*parts, strict=True))
    if not longer or not shorter:
        return None
    return float(np.mean([np.mean(longer), np.mean(shorter)]))
