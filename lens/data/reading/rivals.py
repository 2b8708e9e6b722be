"""Columns that may both rate an answer, and say different things."""

from itertools import combinations

from lens.core.errors import LensError
from lens.data.reading.sided.words import word_of
from lens.data.texts.cells import graded
from lens.data.texts.cures import either
from lens.data.texts.names import Names, canonical, is_rank, text_of

YES_NO = {"0", "1", "true", "false"}


def require_one_rating(names: Names, given: list[str], prompt: str, place: str) -> None:
    """LensError where a `label` may be a rating or a rank, or where two columns order a prompt's
    answers in different ways."""
    first = given[0]
    if canonical(first) == "label" and names.is_numeric(first) and "label" not in names.fixed:
        if {word_of(value) for value in names.values(first)} <= YES_NO:
            return
        meant = {"higher is better": {"rating": first}, "lower is better": {"rank": first}}
        raise LensError(
            f"{place}: `{first}` may be a rating or a rank of the answer. {either(place, meant)}"
        )
    groups: dict[str, list[dict]] = {}
    for _, row in names.rows if len(given) > 1 else ():
        groups.setdefault(text_of(row.get(prompt)), []).append(row)
    for other in given[1:]:
        for group in groups.values():
            try:
                told = [
                    ratings_of(name, [row.get(name) for row in group]) for name in (first, other)
                ]
            except LensError:
                continue
            if disagree(*told):
                raise _both(place, first, other)


def ratings_of(name: str, values: list, what: str = "") -> list[float | None]:
    """The value of each answer by its rating, or by its rank (the lowest is best)."""
    found = graded(values, what)
    return [None if each is None else -each for each in found] if is_rank(name) else found


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


def _both(place: str, first: str, other: str) -> LensError:
    meant = {
        f"`{name}` is": {"rank" if is_rank(name) else "rating": name} for name in (first, other)
    }
    return LensError(
        f"{place}: `{first}` and `{other}` may both be the rating, and say different things. "
        f"{either(place, meant)}"
    )


def disagree(first: list, other: list) -> bool:
    """Whether two lists of worths, None for unknown, order any two answers in different ways."""
    both = [(a, b) for a, b in zip(first, other, strict=True) if None not in (a, b)]
    return any((a - c) * (b - d) < 0 for (a, b), (c, d) in combinations(both, 2))
