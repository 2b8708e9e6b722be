"""What several annotators said of one pair: a column for each of them, or a list of their words."""

import json
import re
from collections.abc import Callable
from functools import partial

from lens.core.errors import LensError
from lens.data.reading.sided.labels import Judged, Sides
from lens.data.reading.sided.words import named_side, word_of
from lens.data.texts.cells import is_empty, is_number, is_unjudged, listed
from lens.data.texts.cures import rewrite_command
from lens.data.texts.names import Names, canonical, words_of

ANNOTATOR = re.compile(
    r"(annotator|rater|worker|judge|labell?er|expert|voter?|reviewer|evaluator|coder|crowd|human)s?"
    r"\d*"
)
ANNOTATOR_ALONE = re.compile(
    rf"(?:{ANNOTATOR.pattern})_?(?:[a-z]|\d+)?(?:_(?:vote|label|preference|choice|verdict|winner))?"
)
LISTS = {"votes", "labels", "annotations", "judgments", "judgements", "preferences", "winners"}
LISTS |= {"verdicts", "choices", "human_labels", "annotator_labels"}
NUMBERED = {"votes": 1, "better_response_id": 0}  # if the user names them: the first side's number


def find_votes(names: Names, columns: tuple[str, str]) -> Sides | None:
    """A column for each annotator, told by their names, whose cells name sides, or a column of
    lists of sides: each word is a vote, the answer with more of them is better."""
    user_labels = names.user_labels()
    for family in [] if user_labels else _families(names, columns):
        if all(_are_votes(names.values(name), columns) for name in family):
            return _majority(columns, family, partial(_words_in, family))
        if all(ANNOTATOR_ALONE.fullmatch(canonical(name)) for name in family):
            numbers = {word_of(value) for name in family for value in names.values(name)}
            if numbers == {"1", "2"}:
                sides = {str(number): side for number, side in enumerate(columns, 1)}
                return _majority(columns, family, partial(_numbers_in, family, sides))
            _require_words(names, columns, family, numbers)
    for name in names.all(user_labels or LISTS):
        start = NUMBERED.get(canonical(name)) if canonical(name) in names.fixed else None
        sides = {} if start is None else {str(start + at): side for at, side in enumerate(columns)}
        cells = [listed(value) for value in names.values(name)]
        votes = [sides.get(word_of(word), word) for words in cells for word in words or []]
        if name not in columns and None not in cells and _are_votes(votes, columns):
            return _majority(columns, (name,), partial(_list_in, name, sides))
    return None


def _families(names: Names, columns: tuple[str, str]) -> list[tuple[str, ...]]:
    families: dict[tuple, list[str]] = {}
    for name in names.names:
        words = words_of(name)
        for at in range(len(words)) if name not in columns and name in names.known.values() else ():
            families.setdefault((*words[:at], "", *words[at + 1 :]), []).append(name)
    return [
        tuple(family)
        for stem, family in families.items()
        if len(family) > 1
        and any(stem)
        and all(any(map(ANNOTATOR.fullmatch, words_of(name))) for name in family)
    ]


def _require_words(
    names: Names, columns: tuple[str, str], family: tuple[str, ...], numbers: set[str]
) -> None:
    """LensError where annotators said 0 and 1 or, as in PandaLM, 0, 1 and 2."""
    if not {"0", "1"} <= numbers <= {"0", "1", "2"}:
        return
    (a, b), where = columns, names.rows[0][0]
    readings = {
        f"1 means `{a}`, 2 `{b}`, 0 a tie": {"0": "tie", "1": a, "2": b},
        f"0 means `{a}`, 1 `{b}`, 2 a tie": {"0": a, "1": b, "2": "tie"},
    }
    if "2" not in numbers:
        readings = {
            f"0 means `{a}`, 1 `{b}`": {"0": a, "1": b},
            f"1 means `{a}`, 0 `{b}`": {"0": b, "1": a},
        }
    commands = [
        f"{meaning}: {rewrite_command(where, _in_words(family, codes))}"
        for meaning, codes in readings.items()
    ]
    raise LensError(
        f"{where}: `{family[0]}` and the like vote with {', '.join(sorted(numbers))}, and each "
        f"number may mean either answer. Write words for them. {' -- '.join(commands)}"
    )


def _in_words(family: tuple[str, ...], codes: dict[str, str]) -> str:
    quoted = json.dumps({code: codes[code] for code in sorted(codes)}, ensure_ascii=False)
    columns = json.dumps(family, ensure_ascii=False)
    cell = f"{quoted}.get(str(row[name]).removesuffix('.0'), '')"
    return f"row | {{name: {cell} for name in {columns} if name in row}}"


def _are_votes(votes: list, columns: tuple[str, str]) -> bool:
    votes = [word for word in votes if not (is_empty(word) or is_unjudged(word))]
    return bool(votes) and all(
        isinstance(word, str) and not is_number(word) and named_side(word, columns)
        for word in votes
    )


def _words_in(family: tuple[str, ...], row: dict) -> list:
    return [row.get(name) for name in family]


def _numbers_in(family: tuple[str, ...], sides: dict[str, str], row: dict) -> list:
    return [sides.get(word_of(row.get(name)), "") for name in family]


def _list_in(name: str, sides: dict[str, str], row: dict) -> list:
    return [sides.get(word_of(word), word) for word in listed(row.get(name)) or []]


def _majority(
    columns: tuple[str, str], judges: tuple[str, ...], votes: Callable[[dict], list]
) -> Sides:
    def judge(row: dict, where: str) -> Judged:
        named = [named_side(word, columns) for word in votes(row)]
        sides = [side[0] for side in named if side is not None]
        if not sides:
            return "", None
        share = (sides.count(0) + sides.count(None) / 2) / len(sides)
        return (None if share == 0.5 else 0 if share > 0.5 else 1), max(share, 1 - share)

    judge_names = ", ".join(f"`{name}`" for name in judges)
    return Sides(
        *columns, judges, judge, f"{judge_names} vote, the answer with more votes wins", "share"
    )
