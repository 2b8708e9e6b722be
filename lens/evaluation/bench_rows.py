"""Reads rows of RewardBench 1 and 2, RM-Bench and JudgeBench as examples, and splits the rewards of
their texts."""

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Literal, Protocol, TypeVar

import numpy as np

from lens.core.errors import LensError
from lens.data.reading.explained import unused_warning
from lens.data.reading.find import Reading, find_form
from lens.data.sources import Row
from lens.data.texts.conversations import conversations
from lens.data.texts.cures import column_list, command
from lens.data.texts.turns import InvalidRowError, is_message

Bench = Literal[1, 2, "rm-bench", "judge-bench"]
NAMES: dict[Bench, str] = {
    1: "RewardBench 1",
    2: "RewardBench 2",
    "rm-bench": "RM-Bench",
    "judge-bench": "JudgeBench",
}
FORMS: dict[Bench, str] = {  # what a row has
    1: "`prompt`, `subset`, and one text as `chosen` and `rejected`",
    2: "`prompt`, `subset`, and a list of texts as `chosen` and `rejected`",
    "rm-bench": "`prompt`, `domain`, and lists of three texts (concise, detailed, detailed in "
    "Markdown) as `chosen` and `rejected`",
    "judge-bench": "`question`, `source`, `response_A`, `response_B` and a `label`, A>B or B>A",
}
SUBSET: dict[Bench, str] = {1: "subset", 2: "subset", "rm-bench": "domain", "judge-bench": "source"}
STYLES = 3  # of RM-Bench's answers
TIES = "Ties"
OWN = {"num_correct", "num_incorrect", "num_rejected", "total_completions"}
OWN |= {"additional_metadata", "models"}
TIES_ID = re.compile(r"(ref|tied):(\d{1,18})")


@dataclass(frozen=True)
class Example:
    """One prompt (JSON messages), its right and wrong responses, and its place (file and row)."""

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


def recognise_version(rows: list[Row], columns: dict[str, str] | None = None) -> Bench:
    """The benchmark of the first row: JudgeBench for two answers and a label, RM-Bench for a
    `domain` without `subset`, 2 if `chosen` is a list of responses, else 1 (text or messages)."""
    reading = _reading(rows, columns)
    ((where, row),) = reading.prepare(rows[:1])
    if reading.form == "labelled_pair" and SUBSET["judge-bench"] in row:
        return "judge-bench"
    if SUBSET["rm-bench"] in row and SUBSET[1] not in row:
        return "rm-bench"
    chosen, *_ = reading.texts(row, where)[1]
    messages = isinstance(chosen, list) and chosen and isinstance(chosen[0], dict)
    return 2 if isinstance(chosen, list) and not messages else 1


def read_examples(
    rows: list[Row], version: Bench, columns: dict[str, str] | None = None
) -> list[Example]:
    """The rows as examples; LensError names the first that does not fit this benchmark.

    Responses are unchanged, also blank ones: the official code scores every row.
    """
    reading = _reading(rows, columns)
    examples = []
    for where, row in reading.prepare(rows):
        try:
            examples.append(_example(where, row, reading, version))
        except InvalidRowError as error:
            raise LensError(
                f"{where}: {error} A row of {NAMES[version]} has {FORMS[version]}."
            ) from error
    _check_ties([e for e in examples if version == 2 and e.subset == TIES])
    return examples


def unused(rows: list[Row], columns: dict[str, str] | None = None) -> str | None:
    """A warning of unused columns, except the benchmark's own; None if there are none."""
    return unused_warning([name for name in _reading(rows, columns).telling if name not in OWN])


def _reading(rows: list[Row], columns: dict[str, str] | None) -> Reading:
    try:
        return find_form(rows, columns)
    except LensError:
        for where, row in rows:
            needed = ("prompt", "subset", "chosen", "rejected")
            missing = [name for name in needed if name not in row]
            if missing and len(missing) < len(needed) and not columns:
                theirs = {
                    name: get_close_matches(name, [*map(str, row)], 1, 0)[0] for name in missing
                }
                raise LensError(
                    f"{where}: column {' and '.join(missing)} missing; found {column_list(row)}. "
                    f"If yours are called otherwise, say so, such as: {command(where, theirs)}"
                ) from None
        raise


def require_known(examples: list[Example], version: Bench, known: Iterable[str]) -> None:
    """LensError if a subset is not one of the `known` ones: it may be of the other version,
    or yours."""
    known = set(known)
    for example in examples:
        if example.subset not in known:
            raise LensError(
                f"{example.place}: the subset {example.subset!r:.80} is none of RewardBench "
                f"{version}, which these rows look like ({', '.join(sorted(known))}). If it is "
                f"yours, say the version, and it is outside the sections: --version {version}"
            )


def _example(where: str, row: dict, reading: Reading, version: Bench) -> Example:
    column = SUBSET[version]
    if column not in row:
        raise InvalidRowError("column_missing", f"column {column} missing.")
    subset, id = row[column], str(row.get("id", row.get("pair_id")))
    if not (isinstance(subset, str) and subset):
        raise InvalidRowError("wrong_type", f"the {column} is {subset!r}, not a name.")
    parts, sides = reading.texts(row, where)
    chosen, rejected = SIDES[version](sides, row, where, reading)
    if None in [*chosen, *rejected]:
        raise InvalidRowError("wrong_type", "an answer must be text, and one is null.")
    messages, answers = conversations(parts, [*chosen, *rejected])
    if not messages or messages[-1]["role"] != "user" or not messages[-1]["content"]:
        raise InvalidRowError("no_question", "the prompt must end with a user's turn with text.")
    prompt, count = json.dumps(messages, ensure_ascii=False), len(chosen)
    example = Example(where, subset, id, prompt, answers[:count], answers[count:])
    if version == 2:
        _check_count(example, row.get("num_correct"))
    return example


def _one_text(sides: list, row: dict, where: str, reading: Reading) -> tuple[list, list]:
    if any(isinstance(side, list) and not all(map(is_message, side)) for side in sides):
        raise InvalidRowError("wrong_type", "a message needs `role` and `content`, not text.")
    return sides[:1], sides[1:]


def _lists(sides: list, row: dict, where: str, reading: Reading) -> tuple[list, list]:
    if not all(isinstance(side, list) and side for side in sides):
        raise InvalidRowError("wrong_type", "`chosen` or `rejected` is not a list of responses.")
    return sides[0], sides[1]


def _styles(sides: list, row: dict, where: str, reading: Reading) -> tuple[list, list]:
    chosen, rejected = _lists(sides, row, where, reading)
    if (len(chosen), len(rejected)) != (STYLES, STYLES):
        raise InvalidRowError("count", f"{len(chosen)} chosen and {len(rejected)} rejected texts.")
    return chosen, rejected


def _judged(sides: list, row: dict, where: str, reading: Reading) -> tuple[list, list]:
    if reading.sides is None:
        raise InvalidRowError("column_missing", "no label says which answer is right.")
    winner = None if reading.tied(row) else reading.sides.judge(row, where)[0]
    if winner not in (0, 1):
        raise InvalidRowError("no_label", "the label does not say which answer is right.")
    return [sides[winner]], [sides[1 - winner]]


SIDES = {1: _one_text, 2: _lists, "rm-bench": _styles, "judge-bench": _judged}


def rewards_of_each(examples: list[Example], rewards: np.ndarray) -> list[tuple]:
    """(rewards of the right responses, of the wrong ones) of each example, from those of all texts
    in a row. LensError unless there is one finite reward for each text."""
    rewards = np.asarray(rewards, dtype=np.float64)
    ends = np.cumsum([len(e.chosen) + len(e.rejected) for e in examples])
    if rewards.shape != (ends[-1],):
        raise LensError(f"{ends[-1]} texts, but rewards of shape {rewards.shape}: one each needed.")
    split_rewards = []
    for example, values in zip(examples, np.split(rewards, ends[:-1]), strict=True):
        if not np.isfinite(values).all():
            raise LensError(f"{example.place}: a reward is not finite. Check the reward model.")
        split_rewards.append((values[: len(example.chosen)], values[len(example.chosen) :]))
    return split_rewards


def _check_count(example: Example, stated: int | None) -> None:
    count = len(example.chosen)
    if stated not in (None, count):
        raise InvalidRowError("count", f"num_correct is {stated}, but `chosen` has {count}.")
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
    """LensError unless ids are unique and some question is there both as ref and as tied."""
    ref, tied = questions(examples)
    if len(ref) + len(tied) < len(examples):
        twice = next(e for e in examples if e not in (*ref.values(), *tied.values()))
        raise LensError(f"{twice.place}: the id {twice.id!r} is used twice in {TIES}. Remove one.")
    if examples and not set(ref) & set(tied):
        raise LensError(
            f"{examples[0].place}: no question of {TIES} is there both as 'ref:i' and as 'tied:i', "
            "so it has no score. Give all rows of that subset, or none."
        )
