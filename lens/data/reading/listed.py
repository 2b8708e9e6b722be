"""Several answers a row: lists of them with ratings, ranks or an order beside them or inside."""

import re
from dataclasses import dataclass, replace
from typing import Any

from lens.core.errors import LensError
from lens.data.reading.rivals import require_one_list
from lens.data.texts.cells import as_list, is_empty, listed, number
from lens.data.texts.cures import command, either
from lens.data.texts.names import (
    LABELS,
    LISTS,
    ORDERS,
    PROMPTS,
    RANK_LISTS,
    RATING_LISTS,
    RATINGS,
    SYSTEMS,
    TEXTS,
    Names,
    canonical,
)
from lens.data.texts.turns import is_message

VALUES = (*RANK_LISTS, *ORDERS, *RATING_LISTS)
INSIDE = ("rank", *RATINGS)


@dataclass(frozen=True)
class Listed:
    """A list of answers: its column, the field with an answer's text, and the ratings in a column
    of their own (`values`) or `inside`; `kind` is "ratings", "ranks" or "order"."""

    responses: str
    text: str | None
    values: str | None
    inside: str | None
    kind: str
    start: int = 1  # the best rank

    @property
    def by(self) -> str:
        return self.values or self.inside or ""


def find_listed(names: Names, place: str, *, told: bool) -> Listed | str | None:
    """How answers in lists are kept; just the column's name where nothing rates them, None where
    there are no lists. LensError, if it is to be told, for a column that should hold them."""
    values = next((name for name in names.all(VALUES)), None)
    responses = list_column(names, values, place)
    if responses is None or (not told and not _is_listed(names, responses)):
        return None
    items = [
        item
        for where, row in names.rows
        if row.get(responses) is not None
        for item in as_list(row[responses], f"{where}: `{responses}`")
    ]
    text, inside = inside_of(items)
    keyed = any(isinstance(item, dict) for item in items)
    if keyed and not text and not all(map(is_message, items)):
        return responses
    if not (values or inside):
        return responses
    kind = kind_of(names, responses, values or inside or "")
    if told:
        require_one_list(names, place)
    found = Listed(responses, text, values, None if values else inside, kind)
    return replace(found, start=0) if kind == "ranks" and _from_0(names, found) else found


def _from_0(names: Names, how: "Listed") -> bool:
    """Whether ranks name the places from 0 on in every row."""
    for _, row in names.rows:
        items = listed(row.get(how.responses)) or []
        given = listed(row.get(how.values)) if how.values else [_rating(x, how.by) for x in items]
        try:
            ranks = [number(value, "") for value in given or []]
        except (LensError, TypeError):
            return False
        if len(ranks) != len(items) or {*ranks} != {*map(float, range(len(items)))}:
            return False
    return True


def unused_inside(items: list, how: "Listed") -> list[str]:
    """Fields of answers that may matter and are not read: prompts of their own, which no pair can
    keep (its two answers have one prompt), other texts, and other ratings."""
    keys = {
        key for item in items if isinstance(item, dict) and not is_message(item) for key in item
    }
    wanted = {*map(canonical, (*SYSTEMS, *PROMPTS, *TEXTS, *INSIDE, "custom_system_prompt"))}
    return sorted(key for key in keys - {how.text, how.inside} if canonical(key) in wanted)


def list_column(names: Names, values: str | None, place: str) -> str | None:
    """The column with lists of answers; LensError where two may be and no lengths tell."""
    found = [name for name in names.all(LISTS) if not names.values(name) or _is_listed(names, name)]
    if values and len(found) > 1:
        found = [name for name in found if _same_lengths(names, name, values)] or found[:1]
    if len(found) > 1:
        rated = [name for name in found if _rated_inside(names, name)]
        found = rated if len(rated) == 1 else found
    if len(found) > 1:
        meant = {f"`{name}` are the answers": {"candidates": name} for name in found}
        raise LensError(f"{place}: more than one list may hold the answers. {either(place, meant)}")
    return found[0] if found else names.first(LISTS)


def _is_listed(names: Names, name: str) -> bool:
    return all(listed(value) is not None for value in names.values(name)[:50])


def _same_lengths(names: Names, name: str, other: str) -> bool:
    lengths = [[listed(row.get(key)) for key in (name, other)] for _, row in names.rows]
    return all(a is not None and b is not None and len(a) == len(b) for a, b in lengths)


def _rated_inside(names: Names, name: str) -> bool:
    items = [item for value in names.values(name)[:50] for item in listed(value) or []]
    return bool(items) and all(isinstance(item, dict) and inside_of([item])[1] for item in items)


def inside_of(items: list) -> tuple[str | None, str | None]:
    """(the field of an object that holds the text, the one that holds the rating)."""
    sample = next((item for item in items if isinstance(item, dict)), None)
    keys = {canonical(key): key for key in sample} if sample else {}
    text = next((keys[canonical(name)] for name in TEXTS if canonical(name) in keys), None)
    rating = next((keys[canonical(name)] for name in INSIDE if canonical(name) in keys), None)
    return text, rating or keys.get("annotations")


def texts_in(row: dict, name: str, place: str) -> list:
    """The answers of a list column, whole conversations and messages as they are."""
    items = as_list(row.get(name), f"{place}: `{name}`")
    text, _ = inside_of(items)
    return [
        item.get(text) if isinstance(item, dict) and text and not is_message(item) else item
        for item in items
    ]


def several(chosen: object, rejected: object) -> tuple[list, list]:
    """The answers of each side, where one of them lists texts, as RewardBench 2, RM-Bench and data
    for rerankers have it."""
    lists = [None if isinstance(side, str) else listed(side) for side in (chosen, rejected)]
    texts = [x if x and all(isinstance(text, str) for text in x) else None for x in lists]
    if all(x or isinstance(side, str) for x, side in zip(texts, (chosen, rejected), strict=True)):
        return texts[0] or [chosen], texts[1] or [rejected]
    return [chosen], [rejected]


def worths(row: dict, items: list, how: "Listed", place: str) -> list:
    """What each answer is worth, higher for better, None for those without a rating."""
    what = f"{place}: `{how.by}`"
    if how.values:
        given = row[how.values]
        if isinstance(given, str) and ">" in given:
            given = re.split(r"\s*>\s*", given.strip())
        given = as_list(given, what)
    else:
        given = [_rating(item, how.by) for item in items]
    if how.kind == "order":
        return _by_order(given, len(items), what)
    if len(given) != len(items):
        raise LensError(f"{what} has {len(given)} values for {len(items)} responses.")
    found = [number(value, what) for value in given]
    if how.kind == "ratings":
        return found
    if any(value is not None and value < how.start for value in found):
        as_ratings = command(place, {"ratings": how.by})
        raise LensError(
            f"{what} is {given!r:.80}: ranks start at 1, the best, unless all rows start at 0. "
            f"Fix the ranks. If higher is better, they are ratings: {as_ratings}"
        )
    return [None if value is None else -value for value in found]


def _rating(item: object, name: str) -> object:
    """A rating inside an answer; of annotations by aspect, as UltraFeedback has them, the mean."""
    value = item.get(name) if isinstance(item, dict) else item
    if not isinstance(value, dict):
        return value
    given = [aspect.get("Rating") for aspect in value.values() if isinstance(aspect, dict)]
    marks = [mark for mark in (number(each, f"`{name}`") for each in given) if mark is not None]
    return sum(marks) / len(marks) if marks else None


def _by_order(given: list, count: int, what: str) -> list[float]:
    """Worths of answers that are named from the best on, by position or by letter."""
    places = [_position(each, count, given) for each in given]
    if sorted(place for place in places if place is not None) != list(range(count)):
        raise LensError(
            f"{what} is {given!r:.80}: an order names each of the {count} responses once, from the "
            "best on, by its number. Fix the order."
        )
    return [float(-places.index(place)) for place in range(count)]


def _position(value: object, count: int, given: list) -> int | None:
    word = _ending(value)
    if word.isdigit():
        return int(word) - (0 if "0" in map(_ending, given) else 1)
    return ord(word) - ord("a") if len(word) == 1 else None


def _ending(value: object) -> str:
    word = re.sub(r"\.0$", "", str(value).strip().casefold())
    return re.sub(r"^.*?[_ -]?(\d+|[a-z])$", r"\1", word)


def kind_of(names: Names, responses: str, values: str) -> str:
    """ "ratings", "ranks" or "order". A column `ranking` may be either of the last two: 3, 1, 2 as
    ranks means that the second response is best, as an order that the third is. LensError where
    both are possible and differ."""
    called = canonical(values)
    if called in ORDERS:
        return "order"
    if called not in ("ranking", "rankings") or called in names.fixed:
        return "ranks" if called in RANK_LISTS else "ratings"
    found = {_possible(row, responses, values) for _, row in names.rows} - {None}
    if found <= {"either", "ranks"}:
        return "ranks"
    if found <= {"either", "order"}:
        return "order"
    place, given = next(
        (place, row[values])
        for place, row in names.rows
        if _possible(row, responses, values) not in (None, "either")
    )
    meant = {
        "ranks, the first number is the first response's, 1 is best": {"ranks": values},
        "an order, the first number says which response is best": {"order": values},
    }
    raise LensError(
        f"{place}: `{values}` (such as {given!s:.60}) may be ranks or an order. "
        f"{either(place, meant)}"
    )


def _possible(row: dict, responses: str, values: str) -> str | None:
    """What a row's ranking can be: "ranks", "order", "either" where both say the same, "differ"
    where they do not, None where there is none."""
    given, items = row.get(values), listed(row.get(responses))
    if isinstance(given, str) and ">" in given:
        return "order"
    given = listed(given)
    if given is None or is_empty(given) or items is None:
        return None
    if any(isinstance(each, str) and not _is_float(each) and each.strip() for each in given):
        return "order"
    try:
        numbers = [number(value, "") for value in given]
    except LensError:
        return "ranks"
    ranks = [rank for rank in numbers if rank is not None]
    if len(ranks) < len(numbers) or sorted(ranks) not in _permutations(len(items)):
        return "ranks"
    start = int(min(ranks))
    places = [int(rank) - start for rank in ranks]
    return "either" if all(places[rank] == at for at, rank in enumerate(places)) else "differ"


def _is_float(value: Any) -> bool:
    try:
        float(value)
    except (TypeError, ValueError):
        return False
    return True


def _permutations(count: int) -> tuple[list[float], list[float]]:
    return list(map(float, range(count))), list(map(float, range(1, count + 1)))


def two_lists(names: Names) -> list[str]:
    """Columns that hold two answers each while a label says which is better, as in summarize from
    feedback."""
    labels = [name for name in names.all(LABELS) if not names.is_empty(name)]
    if not labels or names.first(VALUES) or "rejected" in names.known:
        return []
    found = []
    for name in names.all(LISTS):
        lists = [listed(value) or [] for value in names.values(name)]
        if lists and all(len(items) == 2 for items in lists):
            text, rating = inside_of(lists[0])
            if rating is None and (text or all(isinstance(x, str) for x in lists[0])):
                found.append(name)
    return found
