"""Splits human preference pairs and a judged pool for `make real`, so that no prompt serves twice.

    python benchmarks/real_data.py DATA FOLDER

DATA holds hh_rlhf/pairs.jsonl.gz (`id, subset, prompt, chosen, rejected`) and bon16/pool.jsonl.gz
(`dataset, instruction, candidates[output, gold]`, 11 of them judged). FOLDER gets the pairs of the
studies (`helpful.jsonl`, `harmless.jsonl`), all that is left of other prompts for the gold
model (`gold.jsonl`), short prompts of the pool with their judged answers (`pool.jsonl`) and
`report.json`, which counts them. Prompts count as one where their first turns are alike.

The gold model learns of the helpful subsets alone: a head trained on those orders 41 % of
harmless-base as labelled, so that one gold model cannot serve both.
"""

import json
import random
import sys
from pathlib import Path

import pandas as pd

from lens.data.pairs import group_key, normalise_pairs
from lens.data.sources import read_rows
from lens.files.artifacts import write_json, write_text

STUDY = {  # subset, pairs, characters of a prompt with its longer answer
    "helpful": ("helpful-base", 1300, 800),
    "harmless": ("harmless-base", 1300, 800),
}
GOLD = ("helpful-base", "helpful-rejection-sampled", "helpful-online")
LONGEST_GOLD = 1500  # characters
POOL_PROMPTS, LONGEST_PROMPT = 150, 300  # characters
JUDGED = 11  # candidates of the pool with a score
APART = "helpful_base"  # prompts of the pool that are HH-RLHF's own


def hh_table(path: Path) -> pd.DataFrame:
    """Usable pairs in a random order, with `group`, `subset`, `size` and the `row` as it was."""
    rows = read_rows(path)
    table, _ = normalise_pairs(rows, group_by="first_turn", invalid_rows="drop")
    of_id = {row["id"]: row for _, row in rows}
    table["row"] = table["id"].map(of_id)
    table["subset"] = table["row"].map(lambda row: row["subset"])
    table["size"] = table["row"].map(
        lambda row: len(row["prompt"]) + max(len(row["chosen"]), len(row["rejected"]))
    )
    return table.sample(frac=1, random_state=0)


def judged_rows(path: Path) -> list[dict]:
    """Some rows of the pool, with their judged candidates alone."""
    rows = [row for _, row in read_rows(path) if row["dataset"] != APART]
    short = [row for row in rows if len(row["instruction"]) <= LONGEST_PROMPT]
    drawn = random.Random(0).sample(short, POOL_PROMPTS)
    return [{**row, "candidates": row["candidates"][:JUDGED]} for row in drawn]


def split_pairs(table: pd.DataFrame, apart: set[str]) -> dict[str, pd.DataFrame]:
    """The study's pairs by set, and `gold`: pairs whose first turns are neither theirs nor `apart`,
    which are the pool's."""
    table = table[~table["group"].isin(apart)]
    parts = {}
    for name, (subset, count, longest) in STUDY.items():
        fits = table[(table["subset"] == subset) & (table["size"] <= longest)]
        parts[name] = fits.head(count)
    used = {group for part in parts.values() for group in part["group"]}
    rest = table[~table["group"].isin(used) & (table["size"] <= LONGEST_GOLD)]
    return parts | {"gold": rest[rest["subset"].isin(GOLD)]}


def main(data: str, folder: str) -> None:
    pool = judged_rows(Path(data) / "bon16/pool.jsonl.gz")
    prompts = [[{"role": "user", "content": row["instruction"]}] for row in pool]
    apart = {group_key(prompt, "first_turn") for prompt in prompts}
    parts = split_pairs(hh_table(Path(data) / "hh_rlhf/pairs.jsonl.gz"), apart)
    files = {name: list(part["row"]) for name, part in parts.items()} | {"pool": pool}
    for name, rows in files.items():
        lines = [json.dumps(row, ensure_ascii=False) + "\n" for row in rows]
        write_text(Path(folder) / f"{name}.jsonl", "".join(lines))
    counts = {name: len(rows) for name, rows in files.items()}
    subsets = {name: part["subset"].value_counts().to_dict() for name, part in parts.items()}
    write_json(Path(folder) / "report.json", {"rows": counts, "subsets": subsets})


if __name__ == "__main__":
    main(*sys.argv[1:])
