"""Columns that score the better and the worse answer of a pair."""

from itertools import product

from lens.core.errors import LensError
from lens.data.texts.cells import number
from lens.data.texts.cures import either
from lens.data.texts.names import GOOD_BAD, SCORED, Names, Words, is_rank, words_of

SCORES: Words = ("score{}chosen", "chosen{}score", "chosen{}rating")


def pair_scores(names: Names) -> dict[str, str]:
    """The two columns that score the chosen and the rejected answer, which tell ties; LensError
    where two such pairs of columns order a row's answers in different ways."""
    score_columns = dict.fromkeys(_score_columns(names))
    if not score_columns:
        return {}
    (first, *rivals), signs = (
        score_columns,
        {both: _signs(names, both) for both in score_columns},
    )
    if "score_chosen" not in names.fixed:
        for rival in rivals:
            for (where, _), one, two in zip(names.rows, signs[first], signs[rival], strict=True):
                if None not in (one, two) and one != two:
                    raise _orders_differ(where, first, rival)
    return dict(zip(("score_chosen", "score_rejected"), first, strict=True))


def _score_columns(names: Names) -> list[tuple[str, str]]:
    pairs = []
    for pattern, mark in product(SCORES, "_-"):
        name = pattern.format(mark)
        other = name.replace("chosen", "rejected")
        if name in names.names and other in names.names:
            pairs.append((name, other))
    by_words = {words_of(called): name for called, name in names.known.items()}
    for words, name in by_words.items():
        for good, bad in (*GOOD_BAD, ("w", "l")):
            if good not in words or not (SCORED - {"votes"}).intersection(words):
                continue
            other_name = by_words.get(tuple(bad if word == good else word for word in words))
            if other_name and names.is_numeric(other_name) and names.is_numeric(name):
                pairs.append((name, other_name))
    return pairs


def _signs(names: Names, both: tuple[str, str]) -> list[int | None]:
    """1, 0 or -1 in each row: whether the first is scored higher; None where one has no score."""
    signs: list[int | None] = []
    for where, row in names.rows:
        scores = [number(row.get(name), f"{where}: `{name}`") for name in both]
        one, two = scores if not is_rank(both[0]) else scores[::-1]
        signs.append(None if one is None or two is None else (one > two) - (one < two))
    return signs


def _orders_differ(where: str, first: tuple[str, str], other: tuple[str, str]) -> LensError:
    readings = {
        f"`{a}` and `{b}` count": {"score_chosen": a, "score_rejected": b}
        for a, b in (first, other)
    }
    return LensError(
        f"{where}: `{first[0]}` and `{first[1]}` order the two answers otherwise than `{other[0]}` "
        f"and `{other[1]}` do. {either(where, readings)}"
    )
