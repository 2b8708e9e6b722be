"""Columns that may hold what is missing in rows: {what naming them means: the columns}."""

from collections.abc import Iterable

from lens.core.errors import LensError
from lens.data.reading.sided.words import differing_parts, ends_of, named_side
from lens.data.reading.unused import is_bookkeeping
from lens.data.texts.cells import graded, is_number, listed
from lens.data.texts.faults import may_ask_for_worse
from lens.data.texts.names import LABELS, PROMPTS, Names, text_of, words_of

Readings = dict[str, dict[str, str]]
MAX_READINGS = 4  # readings that a refusal prints
LONGEST_LABEL = 40  # characters


def labels(names: Names, sides: tuple[str, str], *excluded: str) -> Readings:
    """What may say which of two answers is better: a value for each of them, or a column that names
    one, without the `excluded` columns. How a name sounds decides nothing."""
    free = _free(names, (*sides, *excluded, *names.all(("text",))))
    voted = [path for name in free for path in _votes(name, names.values(name), sides)]
    readings = {f"`{path}` are votes": {"votes": path} for path in voted}
    for name in free:
        readings |= _counted_votes(name, names, sides)
    readings, judged = readings | _values_of_sides(names, sides, free), set[str]()
    for columns in readings.values():
        judged.update(columns.values())
    sides_named = {
        name: [named_side(value, sides) for value in names.values(name)] for name in free
    }
    for name in sorted(free, key=lambda name: None in sides_named[name]):
        values = names.values(name)
        siblings = [
            other for other in free if other.strip("0123456789") == name.strip("0123456789")
        ]
        if name in judged or len(siblings) > 1:
            continue
        if not any(_holds_more(value) for value in values):
            words = {text_of(value).casefold() for value in values}
            readings |= _label(name, names, words, None not in sides_named[name])
    return dict([*readings.items()][:MAX_READINGS])


def _counted_votes(name: str, names: Names, sides: tuple[str, str]) -> Readings:
    """A column of lists in which each annotator's vote is 0 or 1, or 1 or 2."""
    lists = [listed(value) or [None] for value in names.values(name)]
    votes_cast = {str(vote) for votes in lists for vote in votes}
    a, b = sides
    if votes_cast == {"1", "2"}:
        return {f"`{name}` are votes, 1 for `{a}` and 2 for `{b}`": {"votes": name}}
    if votes_cast != {"0", "1"} or all(len(votes) < 3 for votes in lists):
        return {}
    turned = {"first": b, "second": a}
    return {
        f"`{name}` are votes, 0 for `{a}` and 1 for `{b}`": {"better_response_id": name},
        f"`{name}` are votes, 1 for `{a}` and 0 for `{b}`": turned | {"better_response_id": name},
    }


def _holds_more(value: object) -> bool:
    """Whether a cell holds a text, or a list or object but of two numbers."""
    items = listed(value)
    numbers = items is not None and len(items) == 2 and all(map(is_number, items))
    return not numbers and (isinstance(value, list | dict) or len(text_of(value)) > LONGEST_LABEL)


def _label(name: str, names: Names, words: set[str], names_sides: bool) -> Readings:
    if not may_ask_for_worse(name):
        return {f"`{name}` says which is better": {"winner": name}}
    if names_sides and not words <= {"0", "1", "true", "false"}:
        return {
            f"`{name}` names the {how} answer": {role: name}
            for how, role in (("better", "winner"), ("worse", "worse"))
        }
    if not names.is_numeric(name) and not words <= {"true", "false"}:
        return {}
    return {
        f"1 in `{name}` means that the {which} is better": {f"{which}_is_better": name}
        for which in ("first", "second")
    }


def _values_of_sides(names: Names, sides: tuple[str, str], free: list[str]) -> Readings:
    """Two columns of numbers that are called after the two answers, or end as they do."""
    one_side, other_side = (words_of(name) for name in differing_parts(sides))
    alone = {*one_side} - {*other_side}, {*other_side} - {*one_side}
    ends = ends_of(sides, names)
    ends = ends if all(ends) else ["first", "second"]
    numeric = [name for name in free if names.is_numeric(name)]
    stems = [
        {
            tuple(word for word in words_of(name) if word not in own): name
            for name in numeric
            if own and own <= {*words_of(name)}
        }
        for own in alone
    ]
    readings = {}
    for stem in [stem for stem in stems[0] if stem in stems[1]]:
        one, other = stems[0][stem], stems[1][stem]
        for direction, kind in (("higher", "score"), ("lower", "rank")):
            columns = {f"{kind}_{ends[0]}": one, f"{kind}_{ends[1]}": other}
            readings[f"{direction} is better in `{one}` and `{other}`"] = columns
    return readings


def _votes(name: str, values: list, sides: tuple[str, str]) -> list[str]:
    """A column of lists that name sides, or the fields of its objects that do."""
    items = [item for value in values for item in listed(value) or []]
    fields = dict.fromkeys(key for item in items if isinstance(item, dict) for key in item)
    words_by_path = {
        f"{name}.{key}": [x.get(key) for x in items if isinstance(x, dict)] for key in fields
    }
    words_by_path[name] = items
    return sorted(
        path
        for path, words in words_by_path.items()
        if words and all(isinstance(w, str) and named_side(w, sides) for w in words)
    )


def ratings(names: Names, used: Iterable[str]) -> Readings:
    """Columns that may rate the one answer of a row, in numbers or in words of one scale."""
    readings: Readings = {}
    for name in _free(names, used):
        values = names.values(name)
        if all(map(is_number, values)):
            readings |= both_ways(name)
        elif not any(map(is_number, values)) and _are_graded(values):
            readings[f"`{name}` rates it"] = {"rating": name}
    return dict([*readings.items()][:MAX_READINGS])


def both_ways(name: str, up: str = "rating", down: str = "rank") -> Readings:
    return {f"higher `{name}` is better": {up: name}, f"lower `{name}` is better": {down: name}}


def _are_graded(values: list) -> bool:
    try:
        return bool(graded(values, ""))
    except LensError:
        return False


def of_lists(names: Names, responses: str) -> Readings:
    """What may rate the answers of a list: a list of numbers next to it, or a field inside."""
    readings: Readings = {}
    for name in _free(names, (responses,)):
        both = [(listed(row.get(name)), listed(row.get(responses))) for _, row in names.rows]
        if all(a and b and len(a) == len(b) and all(map(is_number, a)) for a, b in both):
            readings |= both_ways(name, "ratings", "ranks")
    items = [item for value in names.values(responses) for item in listed(value) or []]
    items = [item for item in items if isinstance(item, dict)]
    fields = dict.fromkeys(key for item in items for key in item)
    numeric = [key for key in fields if all(is_number(item.get(key)) for item in items)]
    for key in numeric:
        readings |= both_ways(f"{responses}.{key}", "ratings", "ranks")
    return dict([*readings.items()][:MAX_READINGS])


def texts(names: Names, used: Iterable[str] = ()) -> list[str]:
    """Columns with texts that are not read, those of several words first."""
    columns = [name for name in names.names if name not in used and not is_bookkeeping(name)]
    columns = [name for name in columns if names.is_text(name)]
    return sorted(columns, key=lambda name: not any(" " in text_of(x) for x in names.values(name)))


def answers(names: Names, prompt: str | None) -> Readings:
    """What two texts of unknown kind may be: compared by a label, or the better and the worse."""
    columns = texts(names, (*([prompt] if prompt else ()), *names.all(LABELS)))
    lead = {} if prompt or len(columns) < 3 else {"prompt": columns.pop(0)}
    if len(columns) < 2:
        lists = [name for name in columns if all(map(listed, names.values(name)))]
        return {f"`{name}` lists the answers": lead | {"candidates": name} for name in lists}
    one, two = columns[:2]
    compared = lead | {"first": one, "second": two}
    readings = {
        meaning: compared | {_as_first_or_second(role, names, (one, two)): by[role] for role in by}
        for meaning, by in labels(names, (one, two)).items()
    }
    for better, worse in ((one, two), (two, one)):
        meaning = f"`{better}` is better than `{worse}` in all rows"
        readings[meaning] = lead | {"chosen": better, "rejected": worse}
    return readings


def _as_first_or_second(role: str, names: Names, sides: tuple[str, str]) -> str:
    """`score_gpt` as `score_first`, once the answers are called so."""
    kind, _, end = role.partition("_")
    ends = ends_of(sides, names)
    return f"{kind}_{('first', 'second')[ends.index(end)]}" if end and end in ends else role


def _free(names: Names, used: Iterable[str]) -> list[str]:
    taken = {*used, *names.all(PROMPTS)}
    return [
        name
        for name in names.names
        if name not in taken and not is_bookkeeping(name) and not names.is_empty(name)
    ]
