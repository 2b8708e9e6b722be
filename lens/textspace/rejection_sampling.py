"""Rejection sampling (Table 3): a reward model picks what a language model is then trained on."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from lens.core.errors import LensError


def pick(responses: pd.DataFrame, rewards: np.ndarray) -> pd.DataFrame:
    """The response (prompt_id, prompt, group, response, reward) of each prompt with the highest of
    `rewards` [len(responses)]; the first of equals. Empty responses are picked only where a prompt
    has no other."""
    table = responses.assign(reward=rewards, empty=responses["response"].str.strip() == "")
    order = table.sort_values(["empty", "reward"], ascending=[True, False], kind="stable")
    best = order.drop_duplicates("prompt_id").sort_index()
    return best[["prompt_id", "prompt", "group", "response", "reward"]].reset_index(drop=True)


def to_train_on(picks: pd.DataFrame, seed: int) -> pd.DataFrame:
    """One seed's picks that hold text; LensError where none does."""
    mine = picks[(picks["seed"] == seed) & (picks["response"].str.strip() != "")]
    if mine.empty:
        raise LensError(
            f"seed {seed}: every picked response is empty, so there is nothing to learn."
        )
    return mine


def gold_by_seed(scored: Mapping[str, pd.DataFrame]) -> dict[str, np.ndarray]:
    """Gold rewards [seeds, prompts] of each SFT model's answers, from rows of prompt_id, candidate
    (the seed) and gold; LensError unless all have the same prompts and seeds."""
    wide = {
        name: table.pivot(index="candidate", columns="prompt_id", values="gold")
        for name, table in scored.items()
    }
    first = next(iter(wide.values()))
    for name, table in wide.items():
        if not (table.index.equals(first.index) and table.columns.equals(first.columns)):
            raise LensError(f"{name}: its answers are to other prompts or of other seeds.")
    return {name: table.to_numpy() for name, table in wide.items()}


def same_questions(first: pd.DataFrame, second: pd.DataFrame) -> pd.DataFrame:
    """The answers of two models side by side: prompt_id, candidate (the seed), prompt, a and b.

    LensError unless both have answered the same prompts at the same seeds.
    """
    keys = ["prompt_id", "candidate", "prompt"]
    table = first.rename(columns={"response": "a"})[[*keys, "a"]].merge(
        second.rename(columns={"response": "b"})[[*keys, "b"]], on=keys, validate="one_to_one"
    )
    if not len(table) == len(first) == len(second):
        raise LensError("the two models have not answered the same prompts: sample them again.")
    return table
