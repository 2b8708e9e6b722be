"""How good reward models are: on candidates with gold scores, and on held-out pairs."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from lens.core import diagnostics
from lens.evaluation.best_of_n import best_of_n, length_matched
from lens.reward.head import pair_accuracy


def with_gold(candidates: pd.DataFrame, gold: pd.DataFrame, source: object) -> pd.DataFrame:
    """Candidates with their gold scores; LensError unless each has one."""
    keys = ["prompt_id", "candidate"]
    merged = candidates.merge(gold[[*keys, "gold"]], on=keys, how="left", validate="one_to_one")
    keys = merged[keys].to_numpy()
    diagnostics.check_finite(
        merged["gold"].to_numpy(),
        lambda i: f"candidate {keys[i][1]} of prompt {keys[i][0]}",
        f"{source}: the gold score",
        "Score the candidates again.",
    )
    return merged


def judge_candidates(rewards: Mapping[int, np.ndarray], candidates: pd.DataFrame) -> pd.DataFrame:
    """Expected gold reward of the best of n, and the same without what goes along with length
    (`length_matched`): one row per seed, prompt and n (n = 1 ... N).

    `rewards` holds each seed's reward of every candidate, [len(candidates)]; every prompt has the
    same number N of candidates, in consecutive rows. LensError where a reward is not finite.
    """
    for seed, reward in rewards.items():
        _check(reward, candidates["prompt_id"], seed, "a candidate of prompt")
    prompt_ids = candidates["prompt_id"].drop_duplicates().to_numpy()
    count = len(candidates) // len(prompt_ids)
    gold = candidates["gold"].to_numpy().reshape(-1, count)
    lengths = candidates["response"].str.len().to_numpy().reshape(-1, count)
    matched = length_matched(gold, lengths)
    tables = [
        pd.DataFrame(
            {
                "seed": seed,
                "prompt_id": np.repeat(prompt_ids, count),
                "n": np.tile(np.arange(1, count + 1), len(prompt_ids)),
                "gold_reward": best_of_n(reward.reshape(-1, count), gold).ravel(),
                "length_matched_gold": best_of_n(reward.reshape(-1, count), matched).ravel(),
            }
        )
        for seed, reward in rewards.items()
    ]
    return pd.concat(tables, ignore_index=True)


def judge_pairs(rewards: Mapping[int, Sequence[np.ndarray]], test: pd.DataFrame) -> pd.DataFrame:
    """Whether held-out pairs are ordered as labelled: one row per seed and test pair.

    `rewards` holds each seed's rewards of the chosen and of the rejected answers, [len(test)] each.
    LensError where one is not finite.
    """
    for seed, both in rewards.items():
        for side, reward in zip(("chosen", "rejected"), both, strict=True):
            _check(reward, test["id"], seed, f"the {side} answer of pair")
    tables = [
        pd.DataFrame({"seed": seed, "id": test["id"].to_numpy(), "correct": pair_accuracy(*both)})
        for seed, both in rewards.items()
    ]
    return pd.concat(tables, ignore_index=True)


def _check(rewards: np.ndarray, ids: pd.Series, seed: int, name: str) -> None:
    diagnostics.check_finite(
        rewards,
        lambda i: f"{name} {ids.iloc[i]}",
        f"seed {seed}: the reward",
        "Train the reward model with a lower learning rate, or look at the embeddings' scale.",
    )


def held_out_pairs(pairs: pd.DataFrame) -> pd.DataFrame:
    """The pairs that are held out from all training."""
    return pairs[pairs["split"] == "test"]


def summary(
    prompts: pd.DataFrame,
    pairs: pd.DataFrame,
    candidates: pd.DataFrame,
    rewards: Mapping[int, np.ndarray],
) -> dict:
    """Means per seed, and the gold reward of a random, a perfect and a longest pick; how many pairs
    and prompts (all candidates) have tied rewards; and `flags`.

    `prompts` and `pairs` are from `judge_candidates` and `judge_pairs`, `rewards` those of the
    candidates.
    """
    best = prompts[prompts["n"] == prompts["n"].max()]
    count, total = int(prompts["n"].max()), int(best["prompt_id"].nunique())
    tied = {str(s): diagnostics.tied_rows(r.reshape(-1, count)) for s, r in rewards.items()}
    tied_gold = diagnostics.tied_rows(candidates["gold"].to_numpy().reshape(-1, count))
    flags = diagnostics.named(diagnostics.gold_flags(tied_gold, total))
    for seed, correct in pairs.groupby("seed")["correct"]:
        seed_flags = diagnostics.pair_flags(correct.to_numpy())
        seed_flags += diagnostics.reward_flags(tied[str(seed)], total)
        flags += diagnostics.named(seed_flags, seed=int(seed))
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
        "tied_pairs": {str(s): int((v == 0.5).sum()) for s, v in pairs.groupby("seed")["correct"]},
        "tied_prompts": tied,
        "tied_gold": tied_gold,
        "flags": flags,
        "candidates_per_prompt": count,
        "test_prompts": total,
        "test_pairs": int(pairs["id"].nunique()),
        "mean_gold": float(candidates["gold"].mean()),
        "oracle_gold": float(by_prompt["gold"].max().mean()),
        "longest_answer_gold": float(longest["gold"].mean()),
    }


def describe_gold(scored: pd.DataFrame) -> dict:
    """Mean and standard deviation of gold scores, also within prompts, and `flags`."""
    gold = scored["gold"].astype("float64")
    by_prompt = gold.groupby(scored["prompt_id"])
    compared = by_prompt.size() > 1
    tied = int(((by_prompt.nunique() == 1) & compared).sum())
    within = by_prompt.std().mean()
    return {
        "prompts_of_one_score": tied,
        "flags": diagnostics.named(diagnostics.gold_flags(tied, int(compared.sum()))),
        "candidates": len(scored),
        "mean_gold": float(gold.mean()),
        "sd_gold": float(gold.std()),
        "sd_gold_within_prompts": float(within) if compared.any() else None,
    }
