"""How many of a benchmark's prompts are training prompts or near duplicates of them."""

import json
from collections.abc import Iterable, Mapping, Sequence

import pandas as pd

from lens.data.near_duplicates import SHOWN, THRESHOLD, WIDTH, near_duplicates
from lens.data.pairs import group_key
from lens.evaluation.bench_rows import Example

EQUAL, NEAR = "equal", "near_duplicates"


def overlap(examples: Sequence[Example], training: Iterable[str]) -> dict:
    """Counts over a benchmark's examples, as JSON values: `prompts`, those `equal` to a training
    prompt, and `near_duplicates`, those not equal to any but close to one; in all and by subset.
    `first` says where the first of them stand.

    `training` are prompts as JSON messages. What is compared is the user's first turn, with case,
    spacing and Unicode form set aside: a talk that begins with a prompt of the benchmark counts.
    """
    keys = pd.Series([_key(example.prompt) for example in examples])
    ours, theirs = keys.unique(), pd.Series([_key(prompt) for prompt in training]).unique()
    nearest = {
        ours[i]: (theirs[j], score) for i, (j, score) in near_duplicates(ours, theirs).items()
    }
    known = set(theirs)
    table = pd.DataFrame(
        {
            "subset": [example.subset for example in examples],
            EQUAL: keys.isin(known),
            NEAR: keys.isin(set(nearest) - known),
        }
    )
    hits = [number for number, key in enumerate(keys) if key in nearest]
    return {
        **_counts(table),
        "subsets": {name: _counts(part) for name, part in table.groupby("subset", sort=False)},
        "first": [
            {
                "example": examples[number].place,
                "training_prompt": nearest[keys[number]][0][:200],
                "similarity": round(nearest[keys[number]][1], 3),
            }
            for number in hits[:SHOWN]
        ],
    }


def _key(prompt: str) -> str:
    return group_key(json.loads(prompt), "first_turn")


def _counts(table: pd.DataFrame) -> dict[str, int]:
    return {"prompts": len(table), EQUAL: int(table[EQUAL].sum()), NEAR: int(table[NEAR].sum())}


def sentence(count: Mapping) -> str:
    """The counts as a sentence."""
    return (
        f"Of {count['prompts']:,} prompts of the benchmark, {count[EQUAL]:,} are "
        f"training prompts and {count[NEAR]:,} more are near duplicates of one (first turns; "
        f"Jaccard {THRESHOLD} or more of {WIDTH}-character pieces)."
    )


def flags(count: Mapping) -> list[tuple[str, str]]:
    """The flag (see `lens.core.diagnostics`) of a benchmark with overlap."""
    return [("benchmark_overlap", sentence(count))] if count[EQUAL] or count[NEAR] else []
