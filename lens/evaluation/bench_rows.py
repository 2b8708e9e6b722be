"""The rows of RewardBench 1 and 2 as examples, read as every command reads rows."""

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from lens.core.errors import LensError
from lens.data.reading.explained import unused_warning
from lens.data.reading.find import Reading, find_form
from lens.data.sources import Row
from lens.data.texts.conversations import conversations
from lens.data.texts.turns import InvalidRowError, is_message

TIES = "Ties"
OWN = {"num_correct", "num_incorrect", "num_rejected", "total_completions"}
OWN |= {"additional_metadata", "models"}
TIES_ID = re.compile(r"(ref|tied):(\d{1,18})")


@dataclass(frozen=True)
class Example:
    """One prompt (JSON messages), its right and wrong responses, and where it stands."""

    place: str
    subset: str
    id: str
    prompt: str
    chosen: list[str]
    rejected: list[str]


class HasId(Protocol):
    """An example, or what came of it."""

    @property
    def id(self) -> str:
        """Of the row."""
        ...


Item = TypeVar("Item", bound=HasId)


def recognise_version(rows: list[Row], columns: dict[str, str] | None = None) -> int:
    """2 if the first row's `chosen` is a list of responses, else 1 (text, or messages)."""
    reading = _reading(rows, columns)
    ((place, row),) = reading.prepare(rows[:1])
    chosen, *_ = reading.texts(row, place)[1]
    messages = isinstance(chosen, list) and chosen and isinstance(chosen[0], dict)
    return 2 if isinstance(chosen, list) and not messages else 1


def read_examples(
    rows: list[Row], version: int, columns: dict[str, str] | None = None
) -> list[Example]:
    """The rows as examples; LensError names the first that is no example of this version.

    Responses stay as they are, blank ones too: the official code scores every row.
    """
    reading = _reading(rows, columns)
    examples = []
    for place, row in reading.prepare(rows):
        try:
            examples.append(_example(place, row, reading, version))
        except InvalidRowError as error:
            raise LensError(
                f"{place}: {error} A row of RewardBench {version} has `prompt`, `subset`, and "
                f"{'a list of texts' if version == 2 else 'one text'} as `chosen` and `rejected`."
            ) from error
    _check_ties([e for e in examples if version == 2 and e.subset == TIES])
    return examples


def unused(rows: list[Row], columns: dict[str, str] | None = None) -> str | None:
    """A warning of columns that are not used, but for those of the benchmark's own."""
    return unused_warning([name for name in _reading(rows, columns).telling if name not in OWN])


def _reading(rows: list[Row], columns: dict[str, str] | None) -> Reading:
    try:
        return find_form(rows, columns)
    except LensError:
        for place, row in rows:
            missing = [
                name for name in ("prompt", "subset", "chosen", "rejected") if name not in row
            ]
            if missing and not columns:
                raise LensError(
                    f"{place}: column {' and '.join(missing)} missing. If yours are called "
                    'otherwise, say so: --columns \'{"chosen": "COLUMN"}\''
                ) from None
        raise


def require_known(examples: list[Example], version: int, known: Iterable[str]) -> None:
    """LensError where a subset is none of the version's `known` ones: is it of the other version,
    or one's own?"""
    known = set(known)
    for example in examples:
        if example.subset not in known:
            raise LensError(
                f"{example.place}: the subset {example.subset!r:.80} is none of RewardBench "
                f"{version}, which these rows look like ({', '.join(sorted(known))}). If it is "
                f"yours, say the version, and it stands outside the sections: --version {version}"
            )


def _example(place: str, row: dict, reading: Reading, version: int) -> Example:
    if "subset" not in row:
        raise InvalidRowError("column_missing", "column subset missing.")
    subset, id = row["subset"], str(row.get("id"))
    if not (isinstance(subset, str) and subset):
        raise InvalidRowError("wrong_type", f"the subset is {subset!r}, not a name.")
    parts, (chosen, rejected) = reading.texts(row, place)
    if version == 1:
        if any(
            isinstance(side, list) and not all(map(is_message, side)) for side in (chosen, rejected)
        ):
            raise InvalidRowError("wrong_type", "a message needs `role` and `content`, not text.")
        chosen, rejected = [chosen], [rejected]
    elif not (isinstance(chosen, list) and isinstance(rejected, list) and chosen and rejected):
        raise InvalidRowError("wrong_type", "`chosen` or `rejected` is no list of responses.")
    if None in [*chosen, *rejected]:
        raise InvalidRowError("wrong_type", "an answer must be text, and one is null.")
    messages, answers = conversations(parts, [*chosen, *rejected])
    if not messages or messages[-1]["role"] != "user" or not messages[-1]["content"]:
        raise InvalidRowError("no_question", "the prompt must end with a user's turn with text.")
    prompt, count = json.dumps(messages, ensure_ascii=False), len(chosen)
    example = Example(place, subset, id, prompt, answers[:count], answers[count:])
    if version == 2:
        _check_count(example, row.get("num_correct"))
    return example


def _check_count(example: Example, told: int | None) -> None:
    count = len(example.chosen)
    if told not in (None, count):
        raise InvalidRowError("count", f"num_correct is {told}, but `chosen` has {count}.")
    if example.subset != TIES and count != 1:
        raise InvalidRowError("count", f"{count} chosen responses; only {TIES} has more than one.")
    if example.subset == TIES and not TIES_ID.fullmatch(example.id):
        raise InvalidRowError("id", f"the id {example.id!r} is not 'ref:NUMBER' or 'tied:NUMBER'.")
    if example.subset == TIES and example.id.startswith("tied") and count == 1:
        raise InvalidRowError("count", "a tied question needs two chosen responses or more.")


def questions(items: Sequence[Item]) -> tuple[dict[int, Item], dict[int, Item]]:
    """Examples or outcomes of Ties by question number: (as ref, as tied)."""
    kinds: dict[str, dict[int, Item]] = {"ref": {}, "tied": {}}
    for item in items:
        kind, _, number = item.id.partition(":")
        kinds[kind][int(number)] = item
    return kinds["ref"], kinds["tied"]


def _check_ties(examples: list[Example]) -> None:
    """LensError unless ids are unique and some question stands both as ref and as tied."""
    ref, tied = questions(examples)
    if len(ref) + len(tied) < len(examples):
        twice = next(e for e in examples if e not in (*ref.values(), *tied.values()))
        raise LensError(f"{twice.place}: the id {twice.id!r} stands twice in {TIES}. Remove one.")
    if examples and not set(ref) & set(tied):
        raise LensError(
            f"{examples[0].place}: no question of {TIES} stands both as 'ref:i' and as 'tied:i', "
            "so it has no score. Give all rows of that subset, or none."
        )
