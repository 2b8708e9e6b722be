"""Which of several answers to a prompt make pairs."""

import math
from itertools import pairwise

RULES = {
    "all": "every two responses that differ make a pair",
    "best_worst": "the best and the worst response (the first of each) make a pair",
    "adjacent": "each response makes a pair with all those one step lower",
}


def compare(values: list[float | None], rule: str) -> tuple[list[tuple[int, int]], int]:
    """(positions (better, worse) of one prompt's pairs, ties); higher is better, None left out.

    "all" pairs every two that differ (InstructGPT's rule), "adjacent" those of them that are
    neighbours among the distinct values, "best_worst" the first highest with the first lowest.
    """
    rated = {i: value for i, value in enumerate(values) if value is not None}
    if rule == "best_worst" and len(rated) > 1:
        best, worst = max(rated, key=rated.__getitem__), min(rated, key=rated.__getitem__)
        return ([], 1) if rated[best] == rated[worst] else ([(best, worst)], 0)
    pairs = [(i, j) for i in rated for j in rated if rated[i] > rated[j]]
    ties = math.comb(len(rated), 2) - len(pairs)
    if rule == "adjacent":
        steps = set(pairwise(sorted(set(rated.values()))))
        pairs = [(i, j) for i, j in pairs if (rated[j], rated[i]) in steps]
    return pairs, ties
