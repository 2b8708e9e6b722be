"""What numbers and letters next to a list of answers are: ratings, ranks, or an order of them."""

from typing import Any

from lens.core.errors import LensError
from lens.data.texts.cells import in_words, is_empty, listed, number
from lens.data.texts.cures import either
from lens.data.texts.names import ORDERS, RANK_LISTS, Names, canonical, ending, is_rank


def kind_of(names: Names, responses: str, values: str) -> str:
    """ "ratings", "ranks" or "order". A column `ranking` may be either of the last two: 3, 1, 2 as
    ranks means that the second response is best, as an order that the third is. LensError where
    both are possible and differ."""
    canonical_name = canonical(values)
    if canonical_name in ORDERS:
        items = [item for value in names.values(values) for item in listed(value) or []]
        return "ratings" if in_words(items) else "order"  # "chosen", "rejected"
    if canonical_name not in ("ranking", "rankings") or canonical_name in names.fixed:
        return "ranks" if canonical_name in RANK_LISTS or is_rank(values) else "ratings"
    kinds = {_possible(row, responses, values) for _, row in names.rows} - {None}
    if kinds <= {"either", "ranks"}:
        return "ranks"
    if kinds <= {"either", "order"}:
        return "order"
    where, ranking = next(
        (where, row[values])
        for where, row in names.rows
        if _possible(row, responses, values) not in (None, "either")
    )
    readings = {
        "ranks, the first number is the first response's, 1 is best": {"ranks": values},
        "an order, the first number says which response is best": {"order": values},
    }
    raise LensError(
        f"{where}: `{values}` (such as {ranking!s:.60}) may be ranks or an order. "
        f"{either(where, readings)}"
    )


def _possible(row: dict, responses: str, values: str) -> str | None:
    """What a row's ranking can be: "ranks", "order", "either" where both say the same, "differ"
    where they do not, None where there is none."""
    ranking, items = row.get(values), listed(row.get(responses))
    if isinstance(ranking, str) and ">" in ranking:
        return "order"
    ranking = listed(ranking)
    if ranking is None or is_empty(ranking) or items is None:
        return None
    if any(isinstance(cell, str) and not _is_float(cell) and cell.strip() for cell in ranking):
        return "order"
    try:
        numbers = [number(value, "") for value in ranking]
    except LensError:
        return "ranks"
    ranks = [rank for rank in numbers if rank is not None]
    permuted = [[*range(start, len(items) + start)] for start in (0, 1)]
    if len(ranks) < len(numbers) or sorted(ranks) not in permuted:
        return "ranks"
    start = int(min(ranks))
    positions = [int(rank) - start for rank in ranks]
    return "either" if all(positions[rank] == at for at, rank in enumerate(positions)) else "differ"


def _is_float(value: Any) -> bool:
    try:
        float(value)
    except (TypeError, ValueError):
        return False
    return True


def by_order(ranking: list, count: int, what: str) -> list[float]:
    """Worths of answers that are named from the best on, by position or by letter."""
    steps = [cell if isinstance(cell, list) else [cell] for cell in ranking]  # "B > A = C"
    named = [cell for step in steps for cell in step]
    ranks = {_position(cell, count, named): at for at, step in enumerate(steps) for cell in step}
    if len(ranks) < len(named) or {*ranks} != {*range(count)}:
        raise LensError(
            f"{what} is {ranking!r:.80}: an order names each of the {count} responses once, from "
            "the best on, by its number. Fix the order."
        )
    return [float(-ranks[position]) for position in range(count)]


def _position(value: object, count: int, names: list) -> int | None:
    word = ending(value)
    if word.isdigit():
        return int(word) - (0 if "0" in map(ending, names) else 1)
    return ord(word) - ord("a") if len(word) == 1 else None
