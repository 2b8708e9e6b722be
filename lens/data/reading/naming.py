"""Columns such as `chosen` and `rejected` that name an answer's column or model, and hold none."""

from lens.core.errors import LensError
from lens.data.reading.sided.sides import side_columns
from lens.data.reading.sided.words import named_side
from lens.data.reading.unused import is_bookkeeping
from lens.data.texts.cells import is_empty, is_tie, is_unjudged
from lens.data.texts.cures import either
from lens.data.texts.names import (
    GOOD_BAD,
    LABELS,
    LISTS,
    LONGEST_NAME,
    LOST,
    PROMPTS,
    STEMS,
    Names,
    canonical,
    column_named,
    text_of,
)


def name_answers(names: Names, pair: tuple[str, str], where: str) -> bool:
    """Whether two columns name the better and the worse of two answers that are in other
    columns: their cells are short, and no answer of their row."""
    if {"chosen", "rejected"} & names.fixed:
        return False
    other_columns = [name for name in names.names if name not in pair]
    try:
        sides = side_columns(Names(other_columns, names.rows, names.theirs), where)
    except LensError:
        return False
    if sides is None:
        return False
    cells = [
        (text_of(row.get(name)).strip(), [text_of(row.get(side)).strip() for side in sides])
        for _, row in names.rows
        for name in pair
        if not is_empty(row.get(name))
    ]
    if any(text in answers or len(text) > LONGEST_NAME for text, answers in cells):
        return False
    named = all(named_side(text, sides) for text, _ in cells)
    distinct = {text for text, _ in cells}
    shorter = all(len(text) < min(map(len, answers)) for text, answers in cells)
    return bool(cells) and (named or shorter or len(distinct) < len(cells) / 2)


def named_columns(names: Names) -> tuple[tuple[str, ...], int]:
    """(two columns, such as `best` and `worst`, the number of a list's first answer): their cells
    name the columns with the answers, by the whole name or by its ending, where these are no two
    answers that a label could compare; or they are positions in a list of answers."""
    for good, bad in GOOD_BAD:
        pair = names.known.get(good), names.known.get(bad)
        if None in pair or {good, bad} & names.fixed:
            continue
        both = (str(pair[0]), str(pair[1]))
        start = _first_number(names, both)
        cells = [(row, row.get(name)) for _, row in names.rows for name in both]
        if all(is_empty(value) or answer_named(row, value, both, start) for row, value in cells):
            filled = any(not is_empty(value) for _, value in cells)
            named = filled and not name_answers(names, both, "")
            return (both, start) if named else ((), 0)
    return (), 0


def _first_number(names: Names, both: tuple[str, str]) -> int:
    """From which number cells count a list's answers: 1 where none is 0, and one is the last."""
    cells = [
        (str(row.get(name)).removesuffix(".0"), row[listed_in])
        for _, row in names.rows
        for name in both
        if (listed_in := list_of_answers(row)) is not None
    ]
    numbers = {text for text, _ in cells if text.isdigit()}
    last = any(text == str(len(answers)) for text, answers in cells)
    if numbers and not last and "0" not in numbers and len(numbers) > 1:
        best, worst = both
        where = names.rows[0][0]
        readings = {
            f"`{best}` is better than all others, counting from {start}": {role: best, worst: ""}
            for start, role in ((1, "winner"), (0, "better_response_id"))
        }
        raise LensError(
            f"{where}: `{best}` and `{worst}` are numbers of answers, which may count from 0 or "
            f"from 1. {either(where, readings)}"
        )
    return int(last and "0" not in numbers)


def answer_named(row: dict, value: object, excluded: tuple[str, ...], start: int = 0) -> object:
    """The answer that a cell names: in another column, or at a position of the row's one list of
    answers, whose first one is called `start`."""
    if column := column_named(row, value, excluded):
        return row[column]
    name, text = list_of_answers(row), str(value).removesuffix(".0")
    if name is None or not text.isdigit():
        return None
    position = int(text) - start
    return row[name][position] if 0 <= position < len(row[name]) else None


def list_of_answers(row: dict) -> str | None:
    lists = [name for name in row if canonical(name) in LISTS and isinstance(row[name], list)]
    return lists[0] if len(lists) == 1 else None


def answers_that_labels_name(names: Names, where: str) -> tuple[str, ...]:
    """The columns with answers, where a label's cells are their names, such as those of models."""
    try:
        sides = side_columns(names, where)
    except LensError:
        return ()
    if sides or {"chosen", "rejected"} <= names.known.keys():
        return ()
    prompts = names.all(PROMPTS)
    worse = [name for called, name in names.known.items() if called in LOST]
    for label in [*names.all(LABELS), *worse]:
        cells = [(row, value) for _, row in names.rows if _names_one(value := row.get(label))]
        columns_named = [column_named(row, value, (label, *prompts)) for row, value in cells]
        texts = [name for name in names.names if name not in (label, *prompts)]
        texts = [name for name in texts if names.is_text(name) and not is_bookkeeping(name)]
        both = len(texts) == 2 and len({*columns_named}) == 1
        columns = tuple(texts if both else filter(columns_named.count, texts))
        if len(columns) > 1 and {*columns} >= {*columns_named}:
            return columns
    return ()


def _names_one(value: object) -> bool:
    return not (is_empty(value) or is_tie(value) or is_unjudged(value))


def require_no_other_pair(names: Names, pair: tuple[str, str], where: str) -> None:
    """LensError where other columns, such as `chosen_response`, say something else."""
    if {"chosen", "rejected"} & names.fixed:
        return
    for stem in sorted(STEMS):
        other_pair = [names.known.get(f"{side}_{stem}", "") for side in ("chosen", "rejected")]
        if (
            not all(other_pair)
            or not all(map(names.is_text, other_pair))
            or set(other_pair) & {*pair}
        ):
            continue
        if all(
            _one_holds_other(row, one, two)
            for _, row in names.rows
            for one, two in zip(pair, other_pair, strict=True)
        ):
            continue
        both = [f"`{a}` is preferred to `{b}`" for a, b in (pair, other_pair)]
        readings = dict(
            zip(both, ({"chosen": a, "rejected": b} for a, b in (pair, other_pair)), strict=True)
        )
        raise LensError(
            f"{where}: more than one pair of columns may be the answers. {either(where, readings)}"
        )


def _one_holds_other(row: dict, one: str, two: str) -> bool:
    both = text_of(row.get(one)).strip(), text_of(row.get(two)).strip()
    return both[0] in both[1] or both[1] in both[0]
