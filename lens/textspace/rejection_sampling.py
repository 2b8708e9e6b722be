"""Rejection sampling (Table 3): a language model is trained on answers picked by a reward model."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from lens.core.errors import LensError


def pick(responses: pd.DataFrame, rewards: np.ndarray) -> pd.DataFrame:
    """Each prompt's response with the highest of `rewards` [len(responses)], the first of equals,
    with columns prompt_id, prompt, group, response, finished, reward. An empty response is picked
    only if a prompt has no other."""
    table = responses.assign(reward=rewards, empty=responses["response"].str.strip() == "")
    order = table.sort_values(["empty", "reward"], ascending=[True, False], kind="stable")
    best = order.drop_duplicates("prompt_id").sort_index()
    columns = ["prompt_id", "prompt", "group", "response", "finished", "reward"]
    return best[columns].reset_index(drop=True)


def to_train_on(picks: pd.DataFrame, seed: int) -> pd.DataFrame:
    """One seed's picks that are not empty; LensError if there is none."""
    usable = picks[(picks["seed"] == seed) & (picks["response"].str.strip() != "")]
    if usable.empty:
        raise LensError(
            f"seed {seed}: every picked response is empty, so there is nothing to learn."
        )
    return usable


def gold_by_seed(scored: Mapping[str, pd.DataFrame]) -> dict[str, np.ndarray]:
    """{SFT model: gold rewards [seeds, prompts] of its answers}, from tables with prompt_id,
    candidate (the seed) and gold; LensError unless all have the same prompts and seeds."""
    wide = {
        name: table.pivot(index="candidate", columns="prompt_id", values="gold")
        for name, table in scored.items()
    }
    first = next(iter(wide.values()))
    for name, table in wide.items():
        if not (table.index.equals(first.index) and table.columns.equals(first.columns)):
            raise LensError(
                f"{name}: its answers have other prompts or seeds than those of the other models."
            )
    return {name: table.to_numpy() for name, table in wide.items()}


def same_questions(first: pd.DataFrame, second: pd.DataFrame) -> pd.DataFrame:
    """The answers of two models in one table: prompt_id, candidate (the seed), prompt, a and b.

    LensError unless both have answered the same prompts with the same seeds.
    """
    keys = ["prompt_id", "candidate", "prompt"]
    table = first.rename(columns={"response": "a"})[[*keys, "a"]].merge(
        second.rename(columns={"response": "b"})[[*keys, "b"]], on=keys, validate="one_to_one"
    )
    if not len(table) == len(first) == len(second):
        raise LensError("the two models answered different prompts. Sample them again.")
    return table
