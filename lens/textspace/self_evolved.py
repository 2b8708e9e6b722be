"""Self-evolved labels: the reward model learns from its own confident rankings.

As in Huang et al. (2024), a baseline of the paper: a reward model trained on the original pairs
ranks sampled responses; pairs that it ranks with confidence are added to its training pairs, and it
is trained again.
"""

from collections.abc import Callable
from itertools import combinations

import numpy as np
import pandas as pd

from lens.core.errors import LensError
from lens.textspace import text_pairs

Trainer = Callable[[pd.DataFrame], np.ndarray]


def evolve(
    pairs: pd.DataFrame,
    rows: np.ndarray,
    responses: pd.DataFrame,
    train_and_score: Trainer,
    *,
    scale: int,
    rounds: int,
    confidence: float,
    seed: int,
) -> tuple[pd.DataFrame, list[dict]]:
    """((scale - 1) N synthetic pairs, a summary per round) for the N pairs at `rows`.

    In round r, `train_and_score` trains on pairs (prompt, chosen, rejected) and returns scores of
    `responses` (prompt, response). Then pairs are added whose probability sigmoid(r1 - r2) is at
    least `confidence`, the most confident of a prompt first, until r / `rounds` of all pairs are
    there. LensError if too few pairs are confident enough.
    """
    joined = pd.DataFrame(columns=text_pairs.COLUMNS)
    history = []
    need = (scale - 1) * len(rows)
    for number in range(1, rounds + 1):
        train = pd.concat(
            [
                text_pairs.training_pairs(pairs, rows, None, scale=1, seed=seed),
                joined[["prompt", "chosen", "rejected"]],
            ],
            ignore_index=True,
        )
        scored = responses.assign(score=train_and_score(train))
        options = confident_options(scored, joined, confidence)
        target = need * number // rounds - len(joined)
        dealt = text_pairs.deal(pairs.iloc[rows], options, target, seed)
        if len(dealt) < target:
            raise LensError(
                f"seed {seed}, scale {scale}, round {number}: {target} pairs are needed, but the "
                f"reward model ranks only {len(dealt)} with a probability of {confidence} or "
                "more. Lower `self_evolved.confidence` or sample more `responses`."
            )
        probabilities = {
            (prompt, a, b): p
            for prompt, ranked_pairs in options.items()
            for a, b, p in ranked_pairs
        }
        keys = zip(dealt["prompt"], dealt["chosen"], dealt["rejected"], strict=True)
        history.append(
            {
                "trained_on": len(train),
                "joined": len(dealt),
                "mean_confidence": float(np.mean([probabilities[key] for key in keys])),
            }
        )
        joined = pd.concat([joined, dealt], ignore_index=True) if len(joined) else dealt
    return joined, history


def confident_options(
    scored: pd.DataFrame, taken: pd.DataFrame, confidence: float
) -> dict[str, list[tuple[str, str, float]]]:
    """{prompt: [(better, worse, probability)]}, most confident first, for pairs of its distinct
    responses that are not in `taken`, in either order."""
    seen = {
        (prompt, frozenset(both))
        for prompt, *both in zip(taken["prompt"], taken["chosen"], taken["rejected"], strict=True)
    }
    options = {}
    for prompt, part in scored.groupby("prompt", sort=False):
        texts, scores = part["response"].str.strip().tolist(), part["score"].tolist()
        confident = []
        for a, b in combinations(text_pairs.usable(texts), 2):
            better, worse = (a, b) if scores[a] >= scores[b] else (b, a)
            probability = 1 / (1 + np.exp(scores[worse] - scores[better]))
            new = (prompt, frozenset((texts[a], texts[b]))) not in seen
            if new and probability >= confidence and scores[a] != scores[b]:
                confident.append((texts[better], texts[worse], float(probability)))
        options[prompt] = sorted(confident, key=lambda item: -item[2])
    return options
