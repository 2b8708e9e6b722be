"""Texts of the small language models' words, as pairs and as candidates."""

import json

import numpy as np
import pandas as pd

from tests.helpers.word_models import WORDS


def texts(rng, most=12):
    return " ".join(rng.choice(WORDS, size=rng.integers(1, most)))


def some_rows(count=60, seed=0):
    """Pairs that prefer the answer with more of the first ten words."""
    rng = np.random.default_rng(seed)
    rows = []
    while len(rows) < count:
        prompt, a, b = texts(rng), texts(rng), texts(rng)
        worth = [sum(w in WORDS[:10] for w in text.split()) for text in (a, b)]
        if worth[0] != worth[1]:
            chosen, rejected = (a, b) if worth[0] > worth[1] else (b, a)
            rows.append({"prompt": prompt, "chosen": chosen, "rejected": rejected})
    return rows


def jsonl(path, rows, newline="\n"):
    path.write_bytes("".join(json.dumps(row) + newline for row in rows).encode())
    return path


PROMPT = json.dumps([{"role": "user", "content": "w1 w2"}])


def candidates(path, responses, prompts=3):
    rows = [
        (f"p{number}", PROMPT, f"g{number}", place, text)
        for number in range(prompts)
        for place, text in enumerate(responses)
    ]
    table = pd.DataFrame(rows, columns=["prompt_id", "prompt", "group", "candidate", "response"])
    table.assign(finished=True).to_parquet(path)
    return path
