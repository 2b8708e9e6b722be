"""Preference pairs: one form for all, checked row by row, split by group, sampled by seed.

In memory and on disk a pair is `id, prompt, chosen, rejected, group, split`: `prompt` is a JSON
list of messages (`role`, `content`) that ends with the user's turn, the answers are strings. Where
they are known, there are also `side` ("first" or "second": where the chosen answer stood) and, if
asked for, `label`, the probability that the chosen answer is better.
"""

import json
import unicodedata
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from lens.core.errors import LensError
from lens.data.sources import Row, row_id, row_number
from lens.data.texts.conversations import conversations
from lens.data.texts.cures import command, keeping_columns, look_command
from lens.data.texts.turns import InvalidRowError, check_turns, is_blank, whole

COLUMNS = ["id", "prompt", "chosen", "rejected", "group", "split"]
OPTIONAL = {
    "side": lambda value: value in ("first", "second"),
    "label": lambda value: isinstance(value, float) and 0 <= value <= 1,
}
REMEDY = "Fix or remove the rows, or set `invalid_rows: drop` to drop and count them."


@dataclass
class Report:
    """What came in, what was dropped and why, and where the first of each kind stand."""

    read: int = 0
    kept: int = 0
    not_selected: int = 0
    beyond_limits: int = 0
    dropped: Counter = field(default_factory=Counter)
    first_dropped: dict[str, list[str]] = field(default_factory=dict)
    where_by_id: dict[str, str] = field(default_factory=dict)  # of rows kept, by id

    def drop(self, reason: str, where: str) -> None:
        self.dropped[reason] += 1
        first_dropped = self.first_dropped.setdefault(reason, [])
        if len(first_dropped) < 5:
            first_dropped.append(where)

    def as_dict(self) -> dict:
        return {
            "rows_not_selected": self.not_selected,
            "rows_read": self.read,
            "rows_kept": self.kept,
            "pairs_beyond_limits": self.beyond_limits,
            "rows_dropped": dict(self.dropped),
            "first_dropped": self.first_dropped,
        }


@keeping_columns({})
def normalise_pairs(
    rows: Iterable[Row],
    *,
    group_by: str = "prompt",
    keep_prefix: str | None = None,
    invalid_rows: str = "error",
) -> tuple[pd.DataFrame, Report]:
    """Rows in any of TRL's forms, or HH transcripts, as a table without `split`, and a report.

    `group_by` is "prompt" or "first_turn" (what may not be on both sides of a split);
    `keep_prefix` keeps only prompts whose last turn starts with it. Raises LensError at the first
    invalid row unless `invalid_rows` is "drop".
    """
    report, pairs, first = Report(), [], ""
    more: dict[str, list] = {name: [] for name in OPTIONAL}
    for where, row in rows:
        report.read += 1
        try:
            key = whole(str(row_id(where, row)))
            messages, chosen, rejected = parse_pair(row)
            if keep_prefix and not messages[-1]["content"].startswith(keep_prefix):
                report.drop("prompt_filtered_out", where)
                continue
        except InvalidRowError as error:
            if invalid_rows != "drop":
                raise LensError(f"{where}: {error} {REMEDY}") from error
            report.drop(error.reason, where)
            first = first or f" The first: {where}: {error}"
            continue
        except LensError as error:
            raise LensError(f"{where}: {error}") from error
        if key in report.where_by_id:
            raise LensError(
                f"{where}: the id {key!r:.80} is used twice, first in row "
                f"{row_number(report.where_by_id[key])} (a row without an id has its number). Make "
                f"ids unique, or leave them out: {command(where, {'id': ''})}"
            )
        prompt = json.dumps(messages, ensure_ascii=False)
        pairs.append((key, prompt, chosen, rejected, group_key(messages, group_by)))
        for name, values in more.items():
            values.append(row.get(name) if OPTIONAL[name](row.get(name)) else None)
        report.where_by_id[key] = where
    report.kept = len(pairs)
    if not pairs:
        shows = look_command(next(iter(report.first_dropped.values()), [""])[0])
        counts = f"no usable pair among {report.read} rows: {dict(report.dropped)}."
        raise LensError(f"{counts}{first} {shows}")
    known = {name: values for name, values in more.items() if set(values) != {None}}
    return pd.DataFrame(pairs, columns=COLUMNS[:-1]).assign(**known), report


def parse_pair(row: dict) -> tuple[list[dict], str, str]:
    """(prompt messages, chosen answer, rejected answer) of one row; InvalidRowError if unusable."""
    missing = [name for name in ("chosen", "rejected") if name not in row]
    if missing:
        raise LensError(
            f"column {' and '.join(missing)} missing; found {sorted(map(str, row))}. A pair needs "
            "`chosen` and `rejected`, and `prompt` unless both repeat it. Rename with `columns`."
        )
    prompt, answers = conversations(row, [row["chosen"], row["rejected"]])
    check_turns(prompt)
    for name, text in zip(("chosen", "rejected"), answers, strict=True):
        if is_blank(text):
            raise InvalidRowError("empty_response", f"the {name} answer is empty.")
    chosen, rejected = answers
    if _composed(chosen) == _composed(rejected):
        raise InvalidRowError("identical_responses", "chosen and rejected answers are the same.")
    return prompt, chosen.strip(), rejected.strip()


def _composed(text: str) -> str:
    return unicodedata.normalize("NFC", text.strip())  # an accent may be a character of its own


def group_key(messages: list[dict], group_by: str) -> str:
    """What two prompts share when they count as one: case, spacing and Unicode form set aside.

    `group_by` "prompt" takes all turns, "first_turn" the user's first; system messages are many
    prompts' own and count for neither.
    """
    turns = [message["content"] for message in messages if message["role"] != "system"]
    text = "\n".join(turns if group_by == "prompt" else turns[:1])
    folded = unicodedata.normalize("NFKC", text).casefold()
    return " ".join(unicodedata.normalize("NFKC", folded).split())  # folding may take accents apart


def select_rows(rows: list[Row], where: dict[str, str]) -> list[Row]:
    """Keeps the rows whose columns have the values given."""
    selected = [item for item in rows if all(str(item[1].get(k)) == v for k, v in where.items())]
    if not selected:
        raise LensError(f"no row has {where}; check `where` against the file's columns and values.")
    return selected


def split_by_group(groups: pd.Series, test_fraction: float, seed: int) -> np.ndarray:
    """Boolean [n]: True for test rows; a group lies on one side. At least one group on each."""
    names = np.sort(groups.unique())
    if len(names) < 2:
        raise LensError("all pairs share one prompt, so none can be held out. Add other prompts.")
    order = np.random.default_rng(seed).permutation(len(names))
    count = min(max(1, round(test_fraction * len(names))), len(names) - 1)
    return groups.isin(names[order[:count]]).to_numpy()


def keep_apart(
    pairs: pd.DataFrame, held_out: set[str], reason: str, report: Report, invalid_rows: str
) -> pd.DataFrame:
    """Pairs without those whose group is held out; LensError naming one unless told to drop."""
    clash = pairs["group"].isin(held_out)
    for key in pairs.loc[clash, "id"]:
        if invalid_rows != "drop":
            raise LensError(
                f"{report.where_by_id[key]} (training pair {key}): {reason.replace('_', ' ')}. "
                f"{REMEDY}"
            )
        report.drop(reason, report.where_by_id[key])
    report.kept -= int(clash.sum())
    return pairs[~clash]


def sample_rows(count: int, size: int, seed: int) -> np.ndarray:
    """Sorted positions [size] drawn without replacement; a smaller size is a subset of a larger."""
    if size > count:
        raise LensError(
            f"{size} training pairs are asked for but only {count} are there. Lower `n_pairs`."
        )
    return np.sort(np.random.default_rng(seed).permutation(count)[:size])


def hold_out(groups: np.ndarray, fraction: float, seed: int) -> np.ndarray:
    """Boolean [n]: True for validation rows, about `fraction` of the groups, by group."""
    return split_by_group(pd.Series(groups), fraction, seed)
