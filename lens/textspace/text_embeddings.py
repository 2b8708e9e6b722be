"""Synthetic text for the reward MLP: the embeddings of sampled responses join a training set."""

from dataclasses import replace

import numpy as np
import pandas as pd

from lens.files.embeddings import Rows
from lens.reward.training_set import TrainingSet


def with_synthetic(
    data: TrainingSet,
    synthetic: pd.DataFrame,
    responses: pd.DataFrame,
    embeddings: Rows | np.ndarray,
) -> TrainingSet:
    """The training set with the synthetic pairs (prompt, group, chosen, rejected) added.

    `embeddings` [len(responses), d] are of the responses (prompt, response) that the pairs are made
    of. Pairs of a prompt that is held out for early stopping are left out. The standardiser stays
    the one of the original pairs, so that methods differ in their pairs alone.
    """
    place: dict[tuple[str, str], int] = {}
    for row, key in enumerate(zip(responses["prompt"], responses["response"], strict=True)):
        place.setdefault((key[0], key[1].strip()), row)
    kept = synthetic[~synthetic["group"].isin(set(data.validation_groups))]
    sides = {}
    for side in ("chosen", "rejected"):
        rows = [place[key] for key in zip(kept["prompt"], kept[side], strict=True)]
        sides[side] = data.standardiser(embeddings[rows])
    return replace(
        data,
        chosen=np.concatenate([data.chosen, sides["chosen"]]),
        rejected=np.concatenate([data.rejected, sides["rejected"]]),
        groups=np.concatenate([data.groups, kept["group"].to_numpy()]),
    )
