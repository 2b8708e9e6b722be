"""Columns such as `chosen` and `rejected` that name an answer's column or model, and hold none."""

from collections.abc import Iterable

from lens.core.errors import LensError
from lens.data.reading.sided.sides import side_columns
from lens.data.reading.sided.words import named_side
from lens.data.texts.cells import is_empty, is_number
from lens.data.texts.cures import either
from lens.data.texts.names import GOOD_BAD, LISTS, STEMS, Names, canonical, text_of, words_of

LONGEST = 60  # characters of a name


def name_answers(names: Names, pair: tuple[str, str], place: str) -> bool:
    """Whether two columns name the better and the worse of two answers that stand in columns of
    their own: their cells are short, and no answer of their row."""
    if {"chosen", "rejected"} & names.fixed:
        return False
    rest = [name for name in names.names if name not in pair]
    try:
        sides = side_columns(Names(rest, names.rows, names.fixed), place)
    except LensError:
        return False
    if sides is None:
        return False
    told = [
        (text_of(row.get(name)).strip(), [text_of(row.get(side)).strip() for side in sides])
        for _, row in names.rows
        for name in pair
        if not is_empty(row.get(name))
    ]
    if any(said in answers or len(said) > LONGEST for said, answers in told):
        return False
    named = all(named_side(said, sides) for said, _ in told)
    distinct = {said for said, _ in told}
    return bool(told) and (named or _all_longer(told) or len(distinct) < len(told) / 2)


def _all_longer(told: list[tuple[str, list[str]]]) -> bool:
    return all(len(said) < min(map(len, answers)) for said, answers in told)


def named_columns(names: Names) -> tuple[str, ...]:
    """Two columns, such as `best` and `worst`, whose cells name the columns with the answers, by
    the whole name or by its ending, where these are no two answers that a label could compare; or
    whose cells are positions in a list of answers."""
    for good, bad in GOOD_BAD:
        pair = names.known.get(good), names.known.get(bad)
        if None in pair or {good, bad} & names.fixed:
            continue
        both = (str(pair[0]), str(pair[1]))
        given = [(row, row.get(name)) for _, row in names.rows for name in both]
        if all(is_empty(value) or answer_named(row, value, both) for row, value in given):
            filled = any(not is_empty(value) for _, value in given)
            return both if filled and not name_answers(names, both, "") else ()
    return ()


def answer_named(row: dict, value: object, but: tuple[str, ...]) -> object:
    """The answer that a cell names: in another column, or, of a row whose cells name one by 0, at
    this position of its one list of answers."""
    if column := column_named(row, value, but):
        return row[column]
    name = list_of_answers(row)
    places = [int(str(row.get(each))) for each in but if str(row.get(each)).isdigit()]
    if name is None or len(places) < len(but) or 0 not in places:
        return None
    return row[name][int(str(value))] if max(places) < len(row[name]) else None


def list_of_answers(row: dict) -> str | None:
    lists = [name for name in row if canonical(name) in LISTS and isinstance(row[name], list)]
    return lists[0] if len(lists) == 1 else None


def column_named(row: dict, value: object, but: Iterable[str]) -> str | None:
    """The one other column of a row that a cell names, with a text in it."""
    if not isinstance(value, str | int) or len(str(value)) > LONGEST:
        return None
    said = words_of(value)
    texts = [name for name in row if name not in but and isinstance(row[name], str | list)]
    exact = [name for name in texts if words_of(name) == said]
    ending = [n for n in texts if words_of(n)[-1:] == said and STEMS & {*words_of(n)[:-1]}]
    found = exact or ending
    return found[0] if len(found) == 1 and not is_number(row[found[0]]) else None


def require_no_other(names: Names, pair: tuple[str, str], place: str) -> None:
    """LensError where other columns, such as `chosen_response`, say something else."""
    if {"chosen", "rejected"} & names.fixed:
        return
    for stem in sorted(STEMS):
        other = [names.known.get(f"{side}_{stem}", "") for side in ("chosen", "rejected")]
        if not all(other) or not all(map(names.is_text, other)) or set(other) & {*pair}:
            continue
        if all(
            _holds(row, one, two)
            for _, row in names.rows
            for one, two in zip(pair, other, strict=True)
        ):
            continue
        both = [f"`{a}` is preferred to `{b}`" for a, b in (pair, other)]
        meant = dict(
            zip(both, ({"chosen": a, "rejected": b} for a, b in (pair, other)), strict=True)
        )
        raise LensError(
            f"{place}: more than one pair of columns may be the answers. {either(place, meant)}"
        )


def _holds(row: dict, one: str, two: str) -> bool:
    said = text_of(row.get(one)).strip(), text_of(row.get(two)).strip()
    return said[0] in said[1] or said[1] in said[0]
