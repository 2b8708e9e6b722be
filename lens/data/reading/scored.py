"""Columns that score the better and the worse answer of a pair."""

from itertools import product

from lens.core.errors import LensError
from lens.data.texts.cells import number
from lens.data.texts.cures import either
from lens.data.texts.names import GOOD_BAD, SCORED, Names, Words, is_rank, words_of

SCORES: Words = ("score{}chosen", "chosen{}score", "chosen{}rating")


def pair_scores(names: Names, place: str) -> dict[str, str]:
    """The two columns that score the chosen and the rejected answer, which tell ties; LensError
    where two such pairs of columns order a row's answers in different ways."""
    found = dict.fromkeys(_named(names))
    if not found:
        return {}
    (first, *others), signs = found, {both: _signs(names, both, place) for both in found}
    if "score_chosen" not in names.fixed:
        for other in others:
            for (where, _), one, two in zip(names.rows, signs[first], signs[other], strict=True):
                if None not in (one, two) and one != two:
                    raise _differ(where, first, other)
    return dict(zip(("score_chosen", "score_rejected"), first, strict=True))


def _named(names: Names) -> list[tuple[str, str]]:
    found = []
    for pattern, mark in product(SCORES, "_-"):
        name = pattern.format(mark)
        other = name.replace("chosen", "rejected")
        if name in names.names and other in names.names:
            found.append((name, other))
    by_words = {words_of(called): name for called, name in names.known.items()}
    for words, name in by_words.items():
        for good, bad in (*GOOD_BAD, ("w", "l")):
            if good not in words or not (SCORED - {"votes"}).intersection(words):
                continue
            beside = by_words.get(tuple(bad if word == good else word for word in words))
            if beside and names.is_numeric(beside) and names.is_numeric(name):
                found.append((name, beside))
    return found


def _signs(names: Names, both: tuple[str, str], place: str) -> list[int | None]:
    """1, 0 or -1 in each row: whether the first is scored higher; None where one has no score."""
    found: list[int | None] = []
    for where, row in names.rows:
        told = [number(row.get(name), f"{where}: `{name}`") for name in both]
        one, two = told if not is_rank(both[0]) else told[::-1]
        found.append(None if one is None or two is None else (one > two) - (one < two))
    return found


def _differ(place: str, first: tuple[str, str], other: tuple[str, str]) -> LensError:
    meant = {
        f"`{a}` and `{b}` count": {"score_chosen": a, "score_rejected": b}
        for a, b in (first, other)
    }
    return LensError(
        f"{place}: `{first[0]}` and `{first[1]}` order the two answers otherwise than `{other[0]}` "
        f"and `{other[1]}` do. {either(place, meant)}"
    )
