"""What reward models are worth: on candidates with gold scores, and on held-out pairs."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from lens.best_of_n import best_of_n
from lens.errors import LensError
from lens.reward_head import pair_accuracy


def with_gold(candidates: pd.DataFrame, gold: pd.DataFrame, source: object) -> pd.DataFrame:
    """Candidates with their gold scores; LensError unless there is one for each."""
    keys = ["prompt_id", "candidate"]
    merged = candidates.merge(gold[[*keys, "gold"]], on=keys, how="left", validate="one_to_one")
    if not np.isfinite(merged["gold"]).all():
        raise LensError(f"{source}: not every candidate has a finite gold score. Score them again.")
    return merged


def judge_candidates(rewards: Mapping[int, np.ndarray], candidates: pd.DataFrame) -> pd.DataFrame:
    """Expected gold reward of the best of n: one row per seed, prompt and n (n = 1 ... N).

    `rewards` holds each seed's reward of every candidate, [len(candidates)]; every prompt has the
    same number N of candidates, in consecutive rows.
    """
    prompt_ids = candidates["prompt_id"].drop_duplicates().to_numpy()
    count = len(candidates) // len(prompt_ids)
    gold = candidates["gold"].to_numpy().reshape(-1, count)
    tables = [
        pd.DataFrame(
            {
                "seed": seed,
                "prompt_id": np.repeat(prompt_ids, count),
                "n": np.tile(np.arange(1, count + 1), len(prompt_ids)),
                "gold_reward": best_of_n(reward.reshape(-1, count), gold).ravel(),
            }
        )
        for seed, reward in rewards.items()
    ]
    return pd.concat(tables, ignore_index=True)


def judge_pairs(
    rewards: Mapping[int, tuple[np.ndarray, np.ndarray]], test: pd.DataFrame
) -> pd.DataFrame:
    """Whether held-out pairs are ordered as labelled: one row per seed and test pair.

    `rewards` holds each seed's rewards of the chosen and of the rejected answers, [len(test)] each.
    """
    tables = [
        pd.DataFrame({"seed": seed, "id": test["id"].to_numpy(), "correct": pair_accuracy(*both)})
        for seed, both in rewards.items()
    ]
    return pd.concat(tables, ignore_index=True)


def held_out_pairs(pairs: pd.DataFrame) -> pd.DataFrame:
    """The pairs that are held out from all training."""
    return pairs[pairs["split"] == "test"]


def summary(prompts: pd.DataFrame, pairs: pd.DataFrame, candidates: pd.DataFrame) -> dict:
    """Means by seed, beside what a random, a perfect and a length-loving judge would pick."""
    best = prompts[prompts["n"] == prompts["n"].max()]
    by_prompt = candidates.groupby("prompt_id", sort=False)
    longest = candidates.loc[
        candidates["response"].str.len().groupby(candidates["prompt_id"], sort=False).idxmax()
    ]
    return {
        "gold_reward": {
            str(s): float(v) for s, v in best.groupby("seed")["gold_reward"].mean().items()
        },
        "pair_accuracy": {
            str(s): float(v) for s, v in pairs.groupby("seed")["correct"].mean().items()
        },
        "candidates_per_prompt": int(prompts["n"].max()),
        "test_prompts": int(best["prompt_id"].nunique()),
        "test_pairs": int(pairs["id"].nunique()),
        "mean_gold": float(candidates["gold"].mean()),
        "oracle_gold": float(by_prompt["gold"].max().mean()),
        "longest_answer_gold": float(longest["gold"].mean()),
    }


def describe_gold(scored: pd.DataFrame) -> dict:
    """Mean and spread of gold scores, and how far candidates of one prompt differ."""
    gold = scored["gold"].astype("float64")
    return {
        "candidates": len(scored),
        "mean_gold": float(gold.mean()),
        "sd_gold": float(gold.std()),
        "sd_gold_within_prompts": float(gold.groupby(scored["prompt_id"]).std().mean()),
    }
