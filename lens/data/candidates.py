"""Candidate pools: several answers per prompt, with gold scores if somebody gave them.

On disk a pool is a table `prompt_id, prompt, group, candidate, response`, one row per candidate,
prompts in order, the same number of candidates for each; gold scores are in a separate file.
Answers that a model sampled also have `finished`: False where it was cut at the most tokens.
"""

import json
import sys
from collections.abc import Iterable, Iterator
from typing import Any

import pandas as pd

from lens.core.errors import LensError
from lens.data.pairs import group_key
from lens.data.sources import Row, row_id, row_number
from lens.data.texts.conversations import answer, as_messages
from lens.data.texts.cures import keeping_columns
from lens.data.texts.turns import InvalidRowError, check_turns, whole

COLUMNS = ["prompt_id", "prompt", "group", "candidate", "response"]


@keeping_columns({})
def normalise_pool(
    rows: Iterable[Row],
    *,
    response_field: str = "response",
    gold_field: str | None = None,
    max_candidates: int | None = None,
) -> pd.DataFrame:
    """A pool file's rows (`prompt`, `candidates`: texts or objects) as a candidate table.

    With a `gold_field`, every candidate kept must carry a finite number there, and the table has a
    column `gold`. Raises LensError naming file and row.
    """
    table: list[list] = []
    rows_by_id: dict[str, str] = {}
    size = 0
    for where, row in rows:
        for name in ("prompt", "candidates"):
            if row.get(name) is None:
                raise LensError(
                    f"{where}: column {name} missing or null; found {sorted(row)}. A pool needs "
                    "`prompt` and `candidates`. Rename with `columns`."
                )
        try:
            messages = as_messages(row["prompt"])
            check_turns(messages)
            candidates = [
                *_candidate_rows(row, messages, where, response_field, gold_field, max_candidates)
            ]
        except InvalidRowError as error:
            raise LensError(f"{where}: {error} Fix or remove the row.") from error
        size = size or len(candidates)
        if len(candidates) != size or size < 2:
            raise LensError(
                f"{where}: {len(candidates)} candidates. Every prompt needs the same number of "
                "candidates, at least 2. Cut longer pools with `max_candidates`."
            )
        prompt_id = candidates[0][0]
        if prompt_id in rows_by_id:
            raise LensError(
                f"{where}: the id {prompt_id!r:.80} is used twice, first in row "
                f"{rows_by_id[prompt_id]}. Make ids unique or remove them."
            )
        rows_by_id[prompt_id] = row_number(where)
        table += candidates
    return pd.DataFrame(table, columns=[*COLUMNS, "gold"] if gold_field else COLUMNS)


def _candidate_rows(
    row: dict,
    messages: list[dict],
    where: str,
    response_field: str,
    gold_field: str | None,
    max_candidates: int | None,
) -> Iterator[list]:
    if not isinstance(row["candidates"], list):
        raise LensError(f"{where}: `candidates` must be a list.")
    prompt = json.dumps(messages, ensure_ascii=False)
    prompt_id = whole(str(row_id(where, row)))
    for number, candidate in enumerate(row["candidates"][:max_candidates]):
        item = candidate if isinstance(candidate, dict) else {response_field: candidate}
        if response_field not in item:
            raise LensError(
                f"{where}, candidate {number}: no field {response_field!r}; found {sorted(item)}. "
                "Set `response_field`."
            )
        cells = [
            prompt_id,
            prompt,
            group_key(messages, "prompt"),
            number,
            answer(item[response_field]),
        ]
        yield cells if gold_field is None else [*cells, _gold(item, gold_field, where, number)]


def _gold(item: dict, gold_field: str, where: str, number: int) -> float:
    value: Any = item.get(gold_field)
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not abs(value) <= sys.float_info.max:
        raise LensError(
            f"{where}, candidate {number}: {gold_field!r} is {value!r:.80}, not a finite number. "
            "Give every candidate a score, lower `max_candidates`, or set `gold: false`."
        )
    return float(value)
