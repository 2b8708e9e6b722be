"""From checked pairs to the table that every later stage reads."""

import json
from collections.abc import Mapping

import numpy as np
import pandas as pd

from lens.core.errors import LensError
from lens.core.seeds import derive_seed
from lens.data.near_duplicates import count_near_duplicates
from lens.data.pairs import (
    COLUMNS,
    OPTIONAL,
    Report,
    group_key,
    keep_apart,
    sample_rows,
    split_by_group,
)


def split_pairs(
    train: pd.DataFrame,
    test: pd.DataFrame | None,
    report: Report,
    *,
    pool: pd.DataFrame | None,
    group_by: str,
    invalid_rows: str,
    test_fraction: float,
    max_train_pairs: int | None,
    max_test_pairs: int | None,
    seed: int,
) -> pd.DataFrame:
    """Pairs with their `split`, train first. No prompt of a test pair or of a pool trains.

    Without test pairs, `test_fraction` of the prompts are held out. The limits on pairs take a
    sample by seed. Ties (a `label` of 1/2) train alone and are no test pairs, so that prompts are
    held out as they are where ties are dropped.
    """
    if pool is not None:
        held_out = set(pool_groups(pool, group_by).values())
        train = keep_apart(train, held_out, "prompt_stands_in_candidate_pool", report, invalid_rows)
    if test is None:
        decided = _decided(train)
        drawn = split_by_group(decided["group"], test_fraction, derive_seed(seed, "split"))
        is_test = train["group"].isin(decided["group"][drawn])
        train, test = train[~is_test], train[is_test]
    else:
        held_out = set(test["group"])
        train = keep_apart(train, held_out, "prompt_stands_in_test_split", report, invalid_rows)
        test = test.assign(id="test-" + test["id"])
    test = _decided(test)
    if test.empty:
        raise LensError("every test pair is a tie. Give test pairs of which one answer is better.")
    if train.empty:
        raise LensError("no training pair is left once test prompts are kept apart.")
    before = len(train) + len(test)
    train = _limit(train, max_train_pairs, derive_seed(seed, "train"))
    test = _limit(test, max_test_pairs, derive_seed(seed, "test"))
    report.beyond_limits = before - len(train) - len(test)
    pairs = pd.concat([train.assign(split="train"), test.assign(split="test")], ignore_index=True)
    return pairs[COLUMNS + [name for name in OPTIONAL if name in pairs]]


def _decided(pairs: pd.DataFrame) -> pd.DataFrame:
    """Pairs without ties: which of two equal answers a model prefers says nothing."""
    return pairs[pairs["label"] != 0.5] if "label" in pairs else pairs


def pool_groups(pool: pd.DataFrame, group_by: str) -> dict[str, str]:
    """{prompt_id: what its prompt counts as} of a candidate table."""
    prompts = pool.drop_duplicates("prompt_id")
    return {
        key: group_key(json.loads(prompt), group_by)
        for key, prompt in zip(prompts["prompt_id"], prompts["prompt"], strict=True)
    }


def near_duplicates_of_training(
    pairs: pd.DataFrame, where_by_id: Mapping[str, str], pool: pd.DataFrame | None, group_by: str
) -> dict[str, dict]:
    """`near_duplicates.count_near_duplicates` of the test prompts and of the pool's, by "test" and
    "pool".

    `where_by_id` says where each pair came from, by id.
    """
    of_split = {
        split: {
            where_by_id[row.id]: row.group for row in part.drop_duplicates("group").itertuples()
        }
        for split, part in pairs.groupby("split")
    }
    counts = {"test": count_near_duplicates(of_split["test"], of_split["train"])}
    if pool is not None:
        prompts = {f"prompt {key}": text for key, text in pool_groups(pool, group_by).items()}
        counts["pool"] = count_near_duplicates(prompts, of_split["train"])
    return counts


def _limit(pairs: pd.DataFrame, most: int | None, seed: int) -> pd.DataFrame:
    if most is None or len(pairs) <= most:
        return pairs
    return pairs.iloc[sample_rows(len(pairs), most, seed)]


def test_prompts(pairs: pd.DataFrame, count: int, seed: int) -> pd.DataFrame:
    """Up to `count` distinct prompts of the test split: prompt_id, prompt, group."""
    test = pairs[pairs["split"] == "test"].drop_duplicates("group")
    test = _limit(test, count, derive_seed(seed, "prompts"))
    return test[["id", "prompt", "group"]].rename(columns={"id": "prompt_id"})


def longer_answer_wins(pairs: pd.DataFrame) -> dict[str, float]:
    """Pair accuracy of "the longer answer wins", by split: a bias to know of (ties count 1/2)."""
    sign = np.sign(pairs["chosen"].str.len() - pairs["rejected"].str.len())
    return ((sign + 1) / 2).groupby(pairs["split"]).mean().to_dict()


def contradicting_pairs(table: pd.DataFrame) -> int:
    """Number of pairs that the table also holds the other way round."""
    seen = set(zip(table["prompt"], table["rejected"], table["chosen"], strict=True))
    pairs = zip(table["prompt"], table["chosen"], table["rejected"], strict=True)
    return sum(pair in seen for pair in pairs)
