"""Pairs from a pool of candidates with a judge's scores: random disjoint pairs of each prompt.

    python benchmarks/pool_pairs.py POOL.jsonl.gz PAIRS.jsonl [ANSWERS]

Candidates have fields `output` and `gold` (null: not judged); ties and empty answers are left out.
With a number of ANSWERS, all pairs of as many random answers of each prompt, which share texts.
"""

import gzip
import json
import random
import sys
from itertools import combinations


def pairs(prompt: str, candidates: list[dict], rng: random.Random, answers: int = 0) -> list[dict]:
    """{prompt, chosen, rejected} of one prompt: each candidate in one pair at most, or all pairs of
    some `answers`."""
    judged = [one for one in candidates if one["gold"] is not None and one["output"].strip()]
    rng.shuffle(judged)
    disjoint = zip(judged[::2], judged[1::2], strict=False)
    result = []
    for first, second in combinations(judged[:answers], 2) if answers else disjoint:
        better, worse = sorted((first, second), key=lambda one: one["gold"], reverse=True)
        if better["gold"] > worse["gold"] and better["output"] != worse["output"]:
            result.append(
                {"prompt": prompt, "chosen": better["output"], "rejected": worse["output"]}
            )
    return result


def main(pool: str, out: str, answers: str = "0") -> None:
    rng = random.Random(0)
    with gzip.open(pool, "rt", encoding="utf-8") as lines, open(out, "w", encoding="utf-8") as file:
        for line in lines:
            row = json.loads(line)
            for pair in pairs(row["instruction"], row["candidates"], rng, int(answers)):
                file.write(json.dumps(pair, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
