"""Folders as `lens best-of-n` leaves them, with results made up."""

import numpy as np
import pandas as pd

from lens.files.artifacts import write_metrics, write_table


def write_cell(folder, method, scale, gold, correct, n_pairs=1000, flags=()):
    seeds, prompts = gold.shape
    names = [f"p{i}" for i in range(prompts)]
    write_table(
        folder / "prompts.parquet",
        pd.DataFrame(
            {
                "seed": np.repeat(range(seeds), prompts * 2),
                "prompt_id": np.tile(np.repeat(names, 2), seeds),
                "n": np.tile([1, 2], seeds * prompts),
                "gold_reward": np.stack([np.zeros_like(gold), gold], axis=-1).ravel(),
                "length_matched_gold": np.stack([np.zeros_like(gold), gold / 2], axis=-1).ravel(),
            }
        ),
    )
    write_table(
        folder / "pairs.parquet",
        pd.DataFrame(
            {
                "seed": np.repeat(range(seeds), correct.shape[1]),
                "id": np.tile(np.arange(correct.shape[1]).astype(str), seeds),
                "correct": correct.ravel(),
            }
        ),
    )
    settings = {
        "dataset": "d",
        "model": "m",
        "method": method,
        "scale": str(scale),
        "n_pairs": str(n_pairs),
        "seeds": list(range(seeds)),
    }
    summary = {
        "candidates_per_prompt": 2,
        "test_prompts": prompts,
        "test_pairs": 3,
        "mean_gold": 0.0,
        "oracle_gold": 1.0,
        "longest_answer_gold": 0.5,
        "flags": list(flags),
    }
    write_metrics(folder / "metrics.json", settings, {}, summary)
    return folder
