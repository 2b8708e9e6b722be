"""Unlabelled pairs to choose from: two answers per row, or the pairs of a prompt's candidates."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd

from lens.core.errors import LensError
from lens.data.pairs import group_key
from lens.data.sources import Row, row_id
from lens.language.encoder import Encoder
from lens.serving.scoring import Readings


@dataclass
class Pool:
    """`pairs` with columns id, prompt (JSON messages), first, second, group, and the positions
    `one` and `other` of their answers among `texts` (row, candidate, prompt, answer). What was left
    out is counted in `left_out`."""

    pairs: pd.DataFrame
    texts: pd.DataFrame
    left_out: dict[str, int]

    def __len__(self) -> int:
        return len(self.pairs)

    def embed(self, encoder: Encoder) -> np.ndarray:
        """Embeddings [texts, d], each text once."""
        return encoder.embed([*self.texts["prompt"]], [*self.texts["answer"]], progress=True)

    def gather(self, array: np.ndarray, path: str) -> np.ndarray:
        """Embeddings [texts, d] from an array [rows, candidates, d]; LensError where the shape is
        another."""
        rows, most = self.texts["row"].max() + 1, self.texts["candidate"].max() + 1
        if array.ndim != 3 or array.shape[0] != rows or array.shape[1] < most:
            raise LensError(
                f"{path}: shape {list(array.shape)}, but {rows} rows of {most} answers need "
                f"[{rows}, {most}, features], in the file's order."
            )
        return array[self.texts["row"].to_numpy(), self.texts["candidate"].to_numpy()]

    def sides(self, embeddings: np.ndarray) -> np.ndarray:
        """The array [pairs, 2, d] of embeddings [texts, d]."""
        return embeddings[self.pairs[["one", "other"]].to_numpy()]


def read_pool(
    rows: Sequence[Row],
    *,
    columns: dict[str, str] | None = None,
    group_by: str = "prompt",
    labelled: pd.DataFrame | None = None,
) -> Pool:
    """Rows with two answers or a list of candidates, labels unread, as pairs that differ.

    Pairs that are there twice, whose answers are equal, or that are among those `labelled` (a table
    with prompt, chosen, rejected) are left out and counted. LensError naming the row that has no
    two answers.
    """
    done = (
        set()
        if labelled is None
        else {_key(row.prompt, row.chosen, row.rejected) for row in labelled.itertuples()}
    )
    texts: list[tuple] = []
    pairs: list[tuple] = []
    left_out = {"already labelled": 0, "repeated": 0, "with two equal answers": 0}
    seen: set[tuple] = set()
    read = Readings("candidates", columns).read(rows)
    for number, ((where, row), (_, pool_row)) in enumerate(zip(rows, read, strict=True)):
        if len(pool_row.answers) < 2:
            raise LensError(
                f"{where}: one answer. A pool needs two answers per row, or `candidates`, a list."
            )
        prompt, start = json.dumps(pool_row.prompt, ensure_ascii=False), len(texts)
        answers = [answer.strip() for answer in pool_row.answers]
        texts += [(number, at, prompt, answer) for at, answer in enumerate(answers)]
        group = group_key(pool_row.prompt, group_by)
        for i, j in combinations(range(len(answers)), 2):
            key = _key(prompt, answers[i], answers[j])
            if answers[i] == answers[j]:
                left_out["with two equal answers"] += 1
            elif key in done:
                left_out["already labelled"] += 1
            elif key in seen:
                left_out["repeated"] += 1
            else:
                seen.add(key)
                end = f"-{i + 1}-{j + 1}" if len(answers) > 2 else ""
                name = f"{row_id(where, row)}{end}"
                pairs.append((name, prompt, answers[i], answers[j], group, start + i, start + j))
    if not pairs:
        reasons = ", ".join(f"{count:,} {reason}" for reason, count in left_out.items() if count)
        raise LensError(f"no pair of {len(rows):,} rows is left to label ({reasons}).")
    names = ["id", "prompt", "first", "second", "group", "one", "other"]
    table = pd.DataFrame(pairs, columns=names)
    twice = table["id"][table["id"].duplicated()]
    if len(twice):
        raise LensError(f"the id {twice.iloc[0]!r:.80} is used twice. Make ids unique.")
    places = pd.DataFrame(texts, columns=["row", "candidate", "prompt", "answer"])
    return Pool(table, places, {reason: n for reason, n in left_out.items() if n})


def _key(prompt: str, one: str, other: str) -> tuple:
    return (prompt, *sorted((one, other)))
