"""From votes, strengths and ties to labels: the probability that a pair's chosen answer is better.

| a pair has | its label |
| --- | --- |
| `tie` | 1/2 |
| `label` | that, a share of votes for instance |
| `strength` s on a `scale` from 0 to S, or a `gap` s between scores | 1/2 + s / (2 S) |
| `votes_for`, `votes_against`, `votes_tied` | (for + tied / 2) / all votes |
| none of these | 1 |

A strength or gap without a scale is one on a scale up to the largest of its table.
"""

import math
from collections.abc import Iterable

from lens.core.errors import LensError
from lens.data.sources import Row

LABELS = ("hard", "soft")
VOTES = ("votes_for", "votes_against", "votes_tied")


def of_scores(better: float | None = None, worse: float | None = None) -> dict:
    """What the scores of a pair say of it: a tie, or by how much one is better."""
    if better is None or worse is None or better < worse:
        return {}
    return {"tie": True} if better == worse else {"gap": better - worse}


def of_strength(strength: float | None, scale: float | str | None) -> dict:
    """How clearly the chosen answer is better, where the label says it: in steps, or as the
    probability `label`."""
    if scale == "share":
        return {"label": strength}
    fields = {} if strength is None else {"strength": strength}
    return fields | ({} if scale is None else {"scale": scale})


def settled(pairs: Iterable[Row], labels: str) -> list[Row]:
    """Pairs as they are trained on: with "hard" labels without ties, with "soft" ones with all and
    a column `label`."""
    if labels not in LABELS:
        raise LensError(f"labels {labels!r}: use one of {list(LABELS)}.")
    pairs = list(pairs)
    if labels == "hard":
        decided = [(where, pair) for where, pair in pairs if not pair.get("tie")]
        return [(where, {n: v for n, v in pair.items() if n != "label"}) for where, pair in decided]
    most = max((_strength(pair) or 0 for _, pair in pairs), default=0)
    return [(where, pair | {"label": label_of(pair, most)}) for where, pair in pairs]


def label_counts(pairs: Iterable[Row]) -> dict[str, int] | None:
    """How many pairs there are, with a label below 1 (`graded`) and ties; None where all are 1."""
    values = [pair["label"] for _, pair in settled(pairs, "soft")]
    counts = {"pairs": len(values), "graded": sum(label < 1 for label in values)}
    return counts | {"ties": values.count(0.5)} if counts["graded"] else None


def label_of(pair: dict, most: float = 0.0) -> float:
    """The probability in [0, 1] that the chosen answer is the better one; `most` is the scale of a
    strength that has none. LensError where a strength exceeds its scale."""
    if pair.get("tie"):
        return 0.5
    if "label" in pair:
        return float(pair["label"])
    strength, scale = _strength(pair), pair.get("scale") or most
    if strength is not None and scale:
        if not strength <= scale < math.inf:
            raise LensError(f"a strength of {strength} on a scale up to {scale}. Fix the scale.")
        return 0.5 + strength / scale / 2
    votes_for, against, tied = (pair.get(name) or 0 for name in VOTES)
    total = votes_for + against + tied
    return (votes_for + tied / 2) / total if total else 1.0


def _strength(pair: dict) -> float | None:
    size = pair.get("strength", pair.get("gap"))
    return None if size is None else abs(size)
