"""What says of a row that its two answers are equally good, beside a label or a pair's columns."""

import re

from lens.data.reading.cells import is_empty, is_number, listed, number
from lens.data.reading.labels import TIES, word_of
from lens.data.reading.names import RATING_LISTS, RATINGS, SCORED, Names, canonical
from lens.data.reading.turns import InvalidRowError, decoded

ABOUT = {"tie", "ties", "tied", "draw"}
JUDGING = {"status", "label", "verdict", "winner", "preference", "judgement", "judgment", "result"}
BOTH = {canonical(name) for name in (*RATINGS, *RATING_LISTS)}  # each answer's in one cell


def tie_columns(names: Names, taken: set[str]) -> tuple[str, ...]:
    """The columns, `taken` ones left out, that say which rows are ties."""
    return tuple(name for name in names.names if name not in taken and _tells(names, name))


def _tells(names: Names, name: str) -> bool:
    values = names.values(name)
    if ABOUT & _words(name):
        return all(word_of(value) in ("true", "false", "1", "0", *TIES) for value in values)
    if canonical(name) in BOTH:
        return bool(values) and all(_two_numbers(value) for value in values)
    return bool(JUDGING & _words(name)) and any(word_of(value) in TIES for value in values)


def _words(name: str) -> set[str]:
    return set(re.split(r"[_.]", canonical(name)))


def says_tie(name: str, value: object) -> bool:
    """Whether a cell of one of `tie_columns` says that the answers are equally good."""
    if is_empty(value):
        return False
    if both := _two_numbers(value):
        return both[0] == both[1]
    word = word_of(value)
    return word in TIES or (bool(ABOUT & _words(name)) and word in ("true", "1"))


def _two_numbers(value: object) -> list | None:
    items = None if isinstance(value, dict) else listed(value)
    if items is None or len(items) != 2 or not all(map(is_number, items)):
        return None
    return [number(item, "") for item in items]


def scores_inside(answers: list) -> list[float]:
    """The scores that two conversations keep in their last messages; none where not both do."""
    found = [_score_of(answer) for answer in answers]
    return [score for score in found if score is not None] if None not in found else []


def _score_of(answer: object) -> float | None:
    try:
        turns = decoded(answer)
    except InvalidRowError:
        return None
    last = turns[-1] if isinstance(turns, list) and turns else None
    if not isinstance(last, dict):
        return None
    told = [value for name, value in last.items() if name in SCORED and is_number(value)]
    return number(told[0], "") if told else None
