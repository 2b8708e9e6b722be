"""Columns that may both rate an answer, and say different things."""

from itertools import combinations

from lens.core.errors import LensError
from lens.data.reading.sided.words import word_of
from lens.data.texts.cells import graded
from lens.data.texts.cures import either
from lens.data.texts.names import Names, canonical, is_rank, text_of

YES_NO = {"0", "1", "true", "false"}


def require_one_rating(names: Names, columns: list[str], prompt: str, where: str) -> None:
    """LensError where a `label` may be a rating or a rank, or where two columns order a prompt's
    answers in different ways."""
    first = columns[0]
    if canonical(first) == "label" and names.is_numeric(first) and "label" not in names.fixed:
        if {word_of(value) for value in names.values(first)} <= YES_NO:
            return
        readings = {"higher is better": {"rating": first}, "lower is better": {"rank": first}}
        raise LensError(
            f"{where}: `{first}` may be a rating or a rank of the answer. {either(where, readings)}"
        )
    groups: dict[str, list[dict]] = {}
    for _, row in names.rows if len(columns) > 1 else ():
        groups.setdefault(text_of(row.get(prompt)), []).append(row)
    for other in columns[1:]:
        for group in groups.values():
            try:
                values = [
                    ratings_of(name, [row.get(name) for row in group]) for name in (first, other)
                ]
            except LensError:
                continue
            if disagree(*values):
                raise _both(where, first, other)


def ratings_of(name: str, values: list, what: str = "") -> list[float | None]:
    """The value of each answer by its rating, or by its rank (the lowest is best)."""
    numbers = graded(values, what)
    return [None if number is None else -number for number in numbers] if is_rank(name) else numbers


def require_one_spelling(names: Names, roles: dict[str, str], used: set[str], where: str) -> None:
    """LensError where a column that is read has another next to it whose name differs in case or
    blanks alone, and says something else."""
    role_by_name = {name: role for role, name in roles.items()}
    for name in sorted(used - names.fixed):
        for other in names.names:
            if other == name or canonical(other) != canonical(name) or names.is_empty(other):
                continue
            if any(text_of(row.get(name)) != text_of(row.get(other)) for _, row in names.rows):
                role = role_by_name.get(name, canonical(name))
                role = {"label": "winner", "responses": "candidates"}.get(role, role)
                raise LensError(
                    f"{where}: `{name}` and `{other}` are one name in two spellings, and say "
                    "different things. "
                    + either(
                        where,
                        {f"`{spelling}` counts": {role: spelling} for spelling in (name, other)},
                    )
                )


def _both(where: str, first: str, other: str) -> LensError:
    readings = {
        f"`{name}` is": {"rank" if is_rank(name) else "rating": name} for name in (first, other)
    }
    return LensError(
        f"{where}: `{first}` and `{other}` may both be the rating, and say different things. "
        f"{either(where, readings)}"
    )


def disagree(first: list, other: list) -> bool:
    """Whether two lists of worths, None for unknown, order any two answers in different ways."""
    known = [(a, b) for a, b in zip(first, other, strict=True) if None not in (a, b)]
    return any((a - c) * (b - d) < 0 for (a, b), (c, d) in combinations(known, 2))
