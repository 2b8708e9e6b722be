"""Columns that may both rate an answer, and say different things."""

from itertools import combinations

from lens.core.errors import LensError
from lens.data.reading.sided.words import word_of
from lens.data.texts.cells import is_empty, listed, number
from lens.data.texts.cures import either
from lens.data.texts.names import RATING_LISTS, Names, canonical, text_of

YES_NO = {"0", "1", "true", "false"}


def require_one_rating(names: Names, given: list[str], prompt: str, place: str) -> None:
    """LensError where a `label` may be a rating or a rank, or orders a prompt's answers in another
    way than the rating beside it."""
    first = given[0]
    if canonical(first) == "label" and names.is_numeric(first) and "label" not in names.fixed:
        if {word_of(value) for value in names.values(first)} <= YES_NO:
            return
        meant = {"higher is better": {"rating": first}, "lower is better": {"rank": first}}
        raise LensError(
            f"{place}: `{first}` may be a rating or a rank of the answer. {either(place, meant)}"
        )
    label = names.first(("label",))
    if label in (None, first) or label not in given or not names.is_numeric(label):
        return
    groups: dict[str, list[tuple]] = {}
    for _, row in names.rows:
        if not is_empty(row.get(first)) and not is_empty(row.get(label)):
            values = [number(row[name], f"{place}: `{name}`") or 0.0 for name in (first, label)]
            groups.setdefault(text_of(row.get(prompt)), []).append(tuple(values))
    if any(_disagree(*map(list, zip(*group, strict=True))) for group in groups.values()):
        raise _both(place, "rating", first, label)


def require_one_list(names: Names, place: str) -> None:
    """LensError where two lists rate a row's answers, in different orders."""
    given = [name for name in names.all(RATING_LISTS) if not names.is_empty(name)]
    for first, other in combinations(given, 2):
        for where, row in names.rows:
            told = [_numbers(row.get(name), f"{where}: `{name}`") for name in (first, other)]
            if told[0] and told[1] and len(told[0]) == len(told[1]) and _disagree(*told):
                raise _both(where, "ratings", first, other)


def require_one_spelling(names: Names, roles: dict[str, str], used: set[str], place: str) -> None:
    """LensError where a column that is read has another beside it whose name differs in case or
    blanks alone, and says something else."""
    called = {name: role for role, name in roles.items()}
    for name in sorted(used - names.fixed):
        for other in names.names:
            if other == name or canonical(other) != canonical(name) or names.is_empty(other):
                continue
            if any(text_of(row.get(name)) != text_of(row.get(other)) for _, row in names.rows):
                role = called.get(name, canonical(name))
                role = {"label": "winner", "responses": "candidates"}.get(role, role)
                raise LensError(
                    f"{place}: `{name}` and `{other}` are one name in two spellings, and say "
                    "different things. "
                    + either(place, {f"`{each}` counts": {role: each} for each in (name, other)})
                )


def _both(place: str, role: str, first: str, other: str) -> LensError:
    meant = {f"`{name}` is": {role: name} for name in (first, other)}
    return LensError(
        f"{place}: `{first}` and `{other}` may both be the {role}, and say different things. "
        f"{either(place, meant)}"
    )


def _numbers(value: object, what: str) -> list[float]:
    items = None if isinstance(value, dict) else listed(value)
    try:
        told = [number(item, what) for item in items or []]
    except LensError:
        return []
    return [] if None in told else [each for each in told if each is not None]


def _disagree(first: list[float], other: list[float]) -> bool:
    return any(
        (first[i] - first[j]) * (other[i] - other[j]) < 0
        for i, j in combinations(range(len(first)), 2)
    )
