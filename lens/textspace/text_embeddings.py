"""Synthetic text for the reward MLP: adds embeddings of sampled responses to a training set."""

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

    `embeddings` [len(responses), d] belong to `responses` (prompt, response), of which the pairs
    are made. Pairs of prompts that are held out for early stopping are skipped. The standardiser is
    that of the original pairs, so methods differ only in their pairs.
    """
    row_of: dict[tuple[str, str], int] = {}
    for row, key in enumerate(zip(responses["prompt"], responses["response"], strict=True)):
        row_of.setdefault((key[0], key[1].strip()), row)
    synthetic_training = synthetic[~synthetic["group"].isin(set(data.validation_groups))]
    sides = {}
    for side in ("chosen", "rejected"):
        rows = [
            row_of[key]
            for key in zip(synthetic_training["prompt"], synthetic_training[side], strict=True)
        ]
        sides[side] = data.standardiser(embeddings[rows])
    return replace(
        data,
        chosen=np.concatenate([data.chosen, sides["chosen"]]),
        rejected=np.concatenate([data.rejected, sides["rejected"]]),
        groups=np.concatenate([data.groups, synthetic_training["group"].to_numpy()]),
    )
