"""What says how clearly a row's better answer is better, or that both are equally good, next to
a label or a pair's columns."""

import re

from lens.core.errors import LensError
from lens.data.reading.sided.scores import TIED
from lens.data.reading.sided.words import word_of
from lens.data.texts.cells import is_empty, is_number, is_tie, listed, number
from lens.data.texts.cures import either
from lens.data.texts.names import LABELS, RATING_LISTS, RATINGS, SCORED, Names, canonical
from lens.data.texts.turns import InvalidRowError, decoded

VOTES = {
    "votes_for": ("votes_for", "chosen_votes", "votes_chosen"),
    "votes_against": ("votes_against", "rejected_votes", "votes_rejected"),
    "votes_tied": TIED,
}
STRENGTHS: tuple[str, ...] = (
    "margin",
    "strength",
    "preference_strength",
    "overall_preference",
    "score_diff",
    "difference",
    "gap",
    "delta",
)
SHARES = ("label", "probability", "preference_probability", "win_rate", "share", "vote_share")
COUNTED = {"votes", "count", "number"}
TIE_WORDS = {"tie", "ties", "tied", "draw"}
JUDGING = {"status", "label", "verdict", "winner", "preference", "judgement", "judgment", "result"}
BOTH = {canonical(name) for name in (*RATINGS, *RATING_LISTS)}  # each answer's in one cell


def tie_columns(names: Names, taken: set[str]) -> tuple[str, ...]:
    """The columns, `taken` ones left out, that say which rows are ties."""
    return tuple(name for name in names.names if name not in taken and _tells_ties(names, name))


def _tells_ties(names: Names, name: str) -> bool:
    values = names.values(name)
    if COUNTED & _words(name):
        return False
    if TIE_WORDS & _words(name):
        return all(
            word_of(value) in ("true", "false", "1", "0") or is_tie(value) for value in values
        )
    if canonical(name) in BOTH:
        return bool(values) and all(_two_numbers(value) for value in values)
    return bool(JUDGING & _words(name)) and any(map(is_tie, values))


def winner_columns(names: Names, taken: set[str], pair: tuple[str, str]) -> tuple[str, ...]:
    """Labels next to `chosen` and `rejected` that name the chosen answer; LensError where one names
    the other."""
    labels = []
    for name in names.all(LABELS):
        values = [value for value in names.values(name) if not is_tie(value)]
        sides = [_side_of(value, pair) for value in values]
        if name in taken or not values or None in sides:
            continue
        labels.append(name)
        if 1 in sides:
            where = next(where for where, row in names.rows if row.get(name) in values)
            readings = {
                f"`{name}` decides": {"first": pair[0], "second": pair[1], "winner": name},
                f"`{pair[0]}` is better in all rows": {name: ""},
            }
            raise LensError(
                f"{where}: `{name}` says of some rows that `{pair[1]}` is better, but the columns "
                f"say that `{pair[0]}` is. {either(where, readings)}"
            )
    return tuple(labels)


def _side_of(value: object, pair: tuple[str, str]) -> int | None:
    names = [{word_of(pair[0]), "chosen"}, {word_of(pair[1]), "rejected"}]
    return next((at for at in (0, 1) if word_of(value) in names[at]), None)


def both_scores(row: dict, ties: tuple[str, ...]) -> tuple[str, list[float]] | None:
    """(column, its two numbers) of a row's `scores` or the like, chosen answer first."""
    for name in ties:
        if canonical(name) in BOTH and (both := _two_numbers(row.get(name))):
            return name, both
    return None


def _words(name: str) -> set[str]:
    return set(re.split(r"[_.]", canonical(name)))


def says_tie(name: str, value: object) -> bool:
    """Whether a cell of one of `tie_columns` says that the answers are equally good."""
    if is_empty(value):
        return False
    if both := _two_numbers(value):
        return both[0] == both[1]
    word = word_of(value)
    return is_tie(value) or (bool(TIE_WORDS & _words(name)) and word in ("true", "1"))


def _two_numbers(value: object) -> list | None:
    items = None if isinstance(value, dict) else listed(value)
    if items is None or len(items) != 2 or not all(map(is_number, items)):
        return None
    return [number(item, "") for item in items]


def scores_inside(answers: list) -> list[float | None]:
    """The scores that two conversations keep in their last messages; none where not both do."""
    scores = [_score_of(answer) for answer in answers]
    return [] if None in scores else scores


def _score_of(answer: object) -> float | None:
    try:
        turns = decoded(answer)
    except InvalidRowError:
        return None
    last = turns[-1] if isinstance(turns, list) and turns else None
    if not isinstance(last, dict):
        return None
    scores = [value for name, value in last.items() if name in SCORED and is_number(value)]
    return number(scores[0], "") if scores else None


def graded_columns(names: Names, taken: set[str], pair: tuple[str, str]) -> dict[str, str]:
    """{role: column} of what says how clearly a `chosen` answer is better: the share that prefers
    it, votes, or a margin or strength. LensError where these also say that it is not."""
    columns = {known_name: name for known_name, name in names.known.items() if name not in taken}
    columns = {known_name: name for known_name, name in columns.items() if not names.is_empty(name)}
    voted = {role: next(filter(columns.get, known), None) for role, known in VOTES.items()}
    counts = {role: columns[known_name] for role, known_name in voted.items() if known_name}
    if {"votes_for", "votes_against"} <= counts.keys():
        _require_more_votes(names, counts, pair)
        return counts
    share = next((columns[known_name] for known_name in SHARES if known_name in columns), None)
    if share and _all_within(names, share, 0, 1):
        _require_none_below(names, share, 0.5, pair, "first_share")
        return {"share": share}
    strength = next(
        (columns[known_name] for known_name in (*STRENGTHS, *LABELS) if known_name in columns), None
    )
    if strength is None or not names.is_numeric(strength):
        return {}
    if any((number(value, "") or 0) < 0 for value in names.values(strength)):
        _require_none_below(names, strength, 0, pair, "margin")
    elif strength not in map(columns.get, STRENGTHS):
        return {}
    scale = {"scale": columns["scale"]} if "scale" in columns else {}
    return {"strength": strength} | scale


def unsigned_strength(names: Names, taken: set[str]) -> dict[str, str]:
    """{"strength": the column that says how clearly the better one of two answers is better},
    where it has no sign, which would be a label of its own."""
    columns = [names.known[known_name] for known_name in STRENGTHS if known_name in names.known]
    for name in columns:
        values = [number(value, "") or 0 for value in names.values(name) if is_number(value)]
        if name not in taken and values and names.is_numeric(name) and min(values) >= 0:
            return {"strength": name}
    return {}


def _require_more_votes(names: Names, counts: dict[str, str], pair: tuple[str, str]) -> None:
    """LensError where more votes are for the rejected answer of a row."""
    both = counts["votes_for"], counts["votes_against"]
    for where, row in names.rows:
        votes = [number(row.get(name), f"{where}: `{name}`") or 0 for name in both]
        if votes[0] < votes[1]:
            sides = dict(zip(("first", "second"), pair, strict=True))
            by_votes = sides | dict(zip(("votes_first", "votes_second"), both, strict=True))
            readings = {
                "the votes decide": by_votes,
                f"`{pair[0]}` is better in all rows": dict.fromkeys(counts.values(), ""),
            }
            raise LensError(
                f"{where}: `{both[0]}` is {votes[0]:g} and `{both[1]}` {votes[1]:g}, but the "
                f"columns say that `{pair[0]}` is better. {either(where, readings)}"
            )


def _require_none_below(
    names: Names, name: str, least: float, pair: tuple[str, str], role: str
) -> None:
    """LensError where a grade says of some rows that the rejected answer is the better one."""
    chosen, rejected = pair
    for where, row in names.rows:
        value = number(row.get(name), f"{where}: `{name}`")
        if value is not None and value < least:
            by_grade = {"first": chosen, "second": rejected, role: name}
            by = f"`{name}` decides, and the pair is turned round where it is below {least}"
            readings = {
                by: by_grade,
                f"`{chosen}` is better in all rows, and `{name}` is left out": {name: ""},
            }
            raise LensError(
                f"{where}: `{name}` is {value:g} for a pair whose columns say that `{chosen}` is "
                f"better. {either(where, readings)}"
            )


def _all_within(names: Names, name: str, low: float, high: float) -> bool:
    values = names.values(name)
    return names.is_numeric(name) and all(low <= (number(v, "") or 0) <= high for v in values)


def graded(row: dict, columns: dict[str, str], where: str) -> dict:
    """What `graded_columns` say of a pair, as soft labels are made of it."""
    numbers = {role: number(row.get(name), f"{where}: `{name}`") for role, name in columns.items()}
    grades = {role: value for role, value in numbers.items() if value is not None}
    if "votes_for" in columns:
        tied = grades.get("votes_for", 0) == grades.get("votes_against", 0)
        return grades | ({"tie": True} if tied else {})
    if grades.get("share") == 0.5 or grades.get("strength") == 0:
        return {"tie": True}
    return {{"share": "label"}.get(role, role): value for role, value in grades.items()}
