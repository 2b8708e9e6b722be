"""What numbers and letters beside a list of answers are: ratings, ranks, or an order of them."""

from typing import Any

from lens.core.errors import LensError
from lens.data.texts.cells import in_words, is_empty, listed, number
from lens.data.texts.cures import either
from lens.data.texts.names import ORDERS, RANK_LISTS, Names, canonical, ending, is_rank


def kind_of(names: Names, responses: str, values: str) -> str:
    """ "ratings", "ranks" or "order". A column `ranking` may be either of the last two: 3, 1, 2 as
    ranks means that the second response is best, as an order that the third is. LensError where
    both are possible and differ."""
    called = canonical(values)
    if called in ORDERS:
        items = [item for value in names.values(values) for item in listed(value) or []]
        return "ratings" if in_words(items) else "order"  # "chosen", "rejected"
    if called not in ("ranking", "rankings") or called in names.fixed:
        return "ranks" if called in RANK_LISTS or is_rank(values) else "ratings"
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


def by_order(given: list, count: int, what: str) -> list[float]:
    """Worths of answers that are named from the best on, by position or by letter."""
    steps = [each if isinstance(each, list) else [each] for each in given]  # "B > A = C"
    named = [each for step in steps for each in step]
    places = {_position(each, count, named): at for at, step in enumerate(steps) for each in step}
    if len(places) < len(named) or {*places} != {*range(count)}:
        raise LensError(
            f"{what} is {given!r:.80}: an order names each of the {count} responses once, from the "
            "best on, by its number. Fix the order."
        )
    return [float(-places[place]) for place in range(count)]


def _position(value: object, count: int, given: list) -> int | None:
    word = ending(value)
    if word.isdigit():
        return int(word) - (0 if "0" in map(ending, given) else 1)
    return ord(word) - ord("a") if len(word) == 1 else None
