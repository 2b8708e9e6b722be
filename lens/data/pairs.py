"""Preference pairs: one form for all, checked row by row, split by group, sampled by seed.

In memory and on disk a pair is `id, prompt, chosen, rejected, group, split`: `prompt` is a JSON
list of messages (`role`, `content`) that ends with the user's turn, the answers are strings. Where
they are known, there are also `side` ("first" or "second": where the chosen answer stood) and, if
asked for, `label`, the probability that the chosen answer is better.
"""

import json
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from lens.core.errors import LensError
from lens.data.sources import Row, row_id, row_number
from lens.data.tools import opened

COLUMNS = ["id", "prompt", "chosen", "rejected", "group", "split"]
OPTIONAL = {
    "side": lambda value: value in ("first", "second"),
    "label": lambda value: isinstance(value, float) and 0 <= value <= 1,
}
TURN = re.compile(r"\n\n(Human|Assistant):")
SURROGATE = re.compile("[\ud800-\udfff]")
ROLES = {"Human": "user", "Assistant": "assistant"}
REMEDY = "Mend or remove the rows, or set `invalid_rows: drop` to drop and count them."


class InvalidRowError(Exception):
    """A row that cannot be used; `reason` is the key under which it is counted."""

    def __init__(self, reason: str, detail: str):
        super().__init__(detail)
        self.reason = reason


@dataclass
class Report:
    """What came in, what was dropped and why, and where the first of each kind stand."""

    read: int = 0
    kept: int = 0
    not_selected: int = 0
    beyond_limits: int = 0
    dropped: Counter = field(default_factory=Counter)
    first_places: dict[str, list[str]] = field(default_factory=dict)
    places: dict[str, str] = field(default_factory=dict)  # of rows kept, by id

    def drop(self, reason: str, place: str) -> None:
        self.dropped[reason] += 1
        places = self.first_places.setdefault(reason, [])
        if len(places) < 5:
            places.append(place)

    def as_dict(self) -> dict:
        return {
            "rows_not_selected": self.not_selected,
            "rows_read": self.read,
            "rows_kept": self.kept,
            "pairs_beyond_limits": self.beyond_limits,
            "rows_dropped": dict(self.dropped),
            "first_dropped": self.first_places,
        }


def normalise_pairs(
    rows: Iterable[Row],
    *,
    group_by: str = "prompt",
    keep_prefix: str | None = None,
    invalid_rows: str = "error",
) -> tuple[pd.DataFrame, Report]:
    """Rows in any of TRL's forms, or HH transcripts, as a table without `split`, and a report.

    `group_by` is "prompt" or "first_turn" (what may not stand on both sides of a split);
    `keep_prefix` keeps only prompts whose last turn starts with it. Raises LensError at the first
    invalid row unless `invalid_rows` is "drop".
    """
    report, pairs, first = Report(), [], ""
    more: dict[str, list] = {name: [] for name in OPTIONAL}
    for place, row in rows:
        report.read += 1
        try:
            key = whole(str(row_id(place, row)))
            messages, chosen, rejected = parse_pair(row)
            if keep_prefix and not messages[-1]["content"].startswith(keep_prefix):
                report.drop("prompt_filtered_out", place)
                continue
        except InvalidRowError as error:
            if invalid_rows != "drop":
                raise LensError(f"{place}: {error} {REMEDY}") from error
            report.drop(error.reason, place)
            first = first or f" The first: {place}: {error}"
            continue
        except LensError as error:
            raise LensError(f"{place}: {error}") from error
        if key in report.places:
            raise LensError(
                f"{place}: the id {key!r:.80} stands twice, first in row "
                f"{row_number(report.places[key])} (a row without an id has its number). Make ids "
                "unique or remove them."
            )
        prompt = json.dumps(messages, ensure_ascii=False)
        pairs.append((key, prompt, chosen, rejected, group_key(messages, group_by)))
        for name, values in more.items():
            values.append(row.get(name) if OPTIONAL[name](row.get(name)) else None)
        report.places[key] = place
    report.kept = len(pairs)
    if not pairs:
        raise LensError(f"no usable pair among {report.read} rows: {dict(report.dropped)}.{first}")
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
    prompt, chosen, rejected = row.get("prompt"), row["chosen"], row["rejected"]
    if chosen is None or rejected is None:
        raise InvalidRowError("empty_response", "an answer is null.")
    if prompt is None:
        prompt, chosen = split_answer(chosen)
        other, rejected = split_answer(rejected)
        if prompt != other:
            raise InvalidRowError("prompts_differ", "the two sides have different prompts.")
    else:
        prompt, chosen, rejected = as_messages(prompt), answer(chosen), answer(rejected)
    check_turns(prompt)
    for name, text in (("chosen", chosen), ("rejected", rejected)):
        if is_blank(text):
            raise InvalidRowError("empty_response", f"the {name} answer is empty.")
    if _composed(chosen) == _composed(rejected):
        raise InvalidRowError("identical_responses", "chosen and rejected answers are the same.")
    return prompt, chosen.strip(), rejected.strip()


def as_messages(prompt: object) -> list[dict]:
    """A prompt as messages: a message list (or its JSON), an HH transcript, or one user's turn."""
    prompt = decoded(prompt)
    if isinstance(prompt, list):
        return [_message(message) for message in prompt]
    if not isinstance(prompt, str):
        raise InvalidRowError("wrong_type", f"the prompt is a {type(prompt).__name__}, not text.")
    if not prompt.startswith("\n\nHuman:"):
        return [{"role": "user", "content": whole(prompt).strip()}]
    messages = transcript_messages(prompt)
    if messages[-1] == {"role": "assistant", "content": ""}:
        messages.pop()  # "...\n\nAssistant:" only asks for the answer
    return messages


def answer(value: object) -> str:
    """An answer as text: a string, or a list of one assistant's message (or its JSON)."""
    value = decoded(value)
    if isinstance(value, str):
        return whole(value)
    if isinstance(value, list) and len(value) == 1:
        message = _message(value[0])
        if message["role"] == "assistant":
            return message["content"]
    raise InvalidRowError(
        "wrong_type", "an answer must be text or a list of one assistant's message."
    )


def split_answer(value: object) -> tuple[list[dict], str]:
    """(prompt messages, last assistant's turn) of a whole conversation or HH transcript."""
    value = decoded(value)
    if isinstance(value, str):
        if not value.startswith("\n\nHuman:"):
            raise InvalidRowError(
                "no_prompt",
                "there is no prompt, and the answers are no transcripts that repeat it "
                '("\\n\\nHuman: ...\\n\\nAssistant: ..."). Add a `prompt` column or rename yours.',
            )
        messages = transcript_messages(value)
    elif isinstance(value, list):
        messages = [_message(message) for message in value]
    else:
        raise InvalidRowError("wrong_type", "an answer must be text or a list of messages.")
    if len(messages) < 2 or messages[-1]["role"] != "assistant":
        raise InvalidRowError("no_final_answer", "the conversation ends without an answer.")
    return messages[:-1], messages[-1]["content"]


def transcript_messages(text: str) -> list[dict]:
    """The turns of an HH transcript ("\\n\\nHuman: ...\\n\\nAssistant: ...")."""
    parts = TURN.split(text)
    return [
        {"role": ROLES[speaker], "content": whole(content).strip()}
        for speaker, content in zip(parts[1::2], parts[2::2], strict=True)
    ]


def check_turns(messages: list[dict]) -> None:
    """Raises InvalidRowError unless turns alternate, start and end with the user, and hold text."""
    turns = messages[1:] if messages and messages[0]["role"] == "system" else messages
    expected = ["user" if i % 2 == 0 else "assistant" for i in range(len(turns))]
    if not turns or [turn["role"] for turn in turns] != expected or len(turns) % 2 == 0:
        raise InvalidRowError("turns_do_not_alternate", "the prompt's turns do not alternate.")
    if any(is_blank(turn["content"]) for turn in messages):
        raise InvalidRowError("empty_turn", "a turn of the prompt is empty.")


def _message(value: object) -> dict:
    if not (isinstance(value, dict) and isinstance(value.get("content"), str) and "role" in value):
        raise InvalidRowError("wrong_type", "a message needs `role` and `content` as text.")
    return {"role": value["role"], "content": whole(value["content"]).strip()}


def whole(text: str) -> str:
    """The text; InvalidRowError if it holds half a character, which no file could keep."""
    if SURROGATE.search(text):
        raise InvalidRowError("broken_text", "a text holds half a character (a surrogate).")
    return text


def is_blank(text: str) -> bool:
    """Whether there is nothing to be seen: spaces, control and zero-width characters alone."""
    return all(char.isspace() or unicodedata.category(char) in ("Cc", "Cf") for char in text)


def _composed(text: str) -> str:
    return unicodedata.normalize("NFC", text.strip())  # an accent may be a character of its own


def decoded(value: object) -> object:
    """A message list that a CSV cell holds as JSON; anything else as it is."""
    if not (isinstance(value, str) and re.match(r"\s*\[\s*\{", value)):
        return value
    try:
        found = json.loads(value)
    except (ValueError, RecursionError):
        return value
    messages = all(isinstance(each, dict) and {"role", "content"} <= set(each) for each in found)
    return found if messages else value


def group_key(messages: list[dict], group_by: str) -> str:
    """What two prompts share when they count as one: case, spacing and Unicode form set aside.

    `group_by` "prompt" takes all turns, "first_turn" the user's first; system messages are many
    prompts' own and count for neither.
    """
    turns = [message["content"] for message in messages if message["role"] != "system"]
    text = "\n".join(turns if group_by == "prompt" else turns[:1])
    folded = unicodedata.normalize("NFKC", text).casefold()
    return " ".join(unicodedata.normalize("NFKC", folded).split())  # folding may take accents apart


def rename_columns(rows: list[Row], columns: dict[str, str]) -> list[Row]:
    """Renames the columns {ours: theirs}, and in an export of a labelling tool the data and
    questions; LensError when a named column is not there."""
    rows = opened(rows) if columns else rows
    for place, row in rows:
        absent = [theirs for theirs in columns.values() if theirs not in row]
        if absent:
            raise LensError(
                f"{place}: no column {absent}; found {sorted(map(str, row))}. Mend `columns`."
            )
    taken = {*columns, *columns.values()}
    return [
        (
            place,
            {name: value for name, value in row.items() if name not in taken}
            | {ours: row[theirs] for ours, theirs in columns.items()},
        )
        for place, row in rows
    ]


def select_rows(rows: list[Row], where: dict[str, str]) -> list[Row]:
    """Keeps the rows whose columns have the values given."""
    kept = [item for item in rows if all(str(item[1].get(k)) == v for k, v in where.items())]
    if not kept:
        raise LensError(f"no row has {where}; check `where` against the file's columns and values.")
    return kept


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
                f"{report.places[key]} (training pair {key}): {reason.replace('_', ' ')}. {REMEDY}"
            )
        report.drop(reason, report.places[key])
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
