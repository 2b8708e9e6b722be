"""Two answers per row, and what says which is better: a label, flags, or a score for each."""

import re
from collections.abc import Callable, Iterable
from dataclasses import replace

from lens.core.errors import LensError
from lens.data.reading.sided.labels import Judged, Sides, by_name, labelled, read_label
from lens.data.reading.sided.scores import side_scores
from lens.data.reading.sided.votes import find_votes
from lens.data.reading.sided.words import (
    NO,
    WORDS,
    YES,
    ends_of,
    quoted,
    swapped,
    word_of,
)
from lens.data.texts.cells import is_unjudged, number
from lens.data.texts.cures import either
from lens.data.texts.names import (
    GRADES,
    LABELS,
    LISTS,
    LOST,
    MORE_ENDS,
    NO_ANSWER,
    SIDE_ENDS,
    STEMS,
    Names,
    canonical,
    text_of,
    tokens_of,
    words_of,
)

NAMING = {"winner", "preferred", "prefer", "preference", "pref", "verdict", "label", "better"}
BETTER = {"better", "preferred", "wins", "win", "won", "winner", "chosen", "best", "accepted"}


def side_columns(names: Names, place: str) -> tuple[str, str] | None:
    """The two columns of one stem that hold answers and end in a and b, 1 and 2, or the like."""
    for fixed in (("first", "second"), ("response_a", "response_b")):
        if set(fixed) <= names.fixed:
            return names.known[fixed[0]], names.known[fixed[1]]
    found, known = [], set(names.known)
    for name in known:
        tokens = tokens_of(name)
        for at, token in enumerate(tokens):
            ends = next((ends for ends in SIDE_ENDS if ends[0] == token), None)
            if token == "1" and swapped(tokens, at, "0") in _tokens_of_all(known):
                continue
            if ends and (pair := _pair(names, tokens, at, ends)):
                found.append(pair)
    found = [pair for pair in found if set(tokens_of(pair[0])) & STEMS] or found
    found = sorted(set(found), key=lambda pair: names.names.index(names.known[pair[0]]))
    if len(found) > 1 and not _alike(names, found):
        listed = {
            f"`{a}` and `{b}` are the answers": {"response_a": a, "response_b": b}
            for a, b in ((names.known[x], names.known[y]) for x, y in found)
        }
        raise LensError(
            f"{place}: more than two columns may be the answers. {either(place, listed)}"
        )
    if not found:
        return None
    first, second = found[0]
    return names.known[first], names.known[second]


def _tokens_of_all(known: Iterable[str]) -> set[tuple[str, ...]]:
    return {tokens_of(name) for name in known}


def _pair(
    names: Names, tokens: tuple[str, ...], at: int, ends: tuple[str, str]
) -> tuple[str, str] | None:
    by_tokens = {tokens_of(name): name for name in names.known}
    other, stem = by_tokens.get(swapped(tokens, at, ends[1])), swapped(tokens, at, "")
    more = {swapped(tokens, at, end) for end in MORE_ENDS - set(ends)} & by_tokens.keys()
    if other is None or more or NO_ANSWER & {*stem}:
        return None
    pair = by_tokens[tokens], other
    if [*filter(None, stem)][-1:] == ["model"] and not _are_wordy(names, pair):
        return None
    if STEMS & {*stem, *(word.rstrip("s") for word in stem)} or {*LISTS} & {*stem}:
        texts = any(names.is_text(names.known[name]) for name in pair)
        return pair if texts or all(names.is_empty(names.known[name]) for name in pair) else None
    return pair if _are_wordy(names, pair) else None


def _are_wordy(names: Names, pair: tuple[str, str]) -> bool:
    """Whether most cells of two columns hold several words."""
    said = [text_of(value) for name in pair for value in names.values(names.known[name])]
    return sum(" " in text.strip() for text in said) > len(said) / 2


def _alike(names: Names, found: list[tuple[str, str]]) -> bool:
    firsts = [tuple(text_of(row.get(names.known[a])) for _, row in names.rows) for a, _ in found]
    return len(set(firsts)) == 1


def find_sides(names: Names, place: str) -> Sides | None:
    """The answers and what judges them; None where there are no two, or nothing judges them."""
    columns = side_columns(names, place)
    if columns is None:
        return None
    if votes := find_votes(names, columns):
        return votes
    for find in (_one_hot, _flags, _labels):
        if found := find(names, columns, place):
            return replace(found, check=_check(names, columns, place))
    return side_scores(names, columns, place)


def _check(names: Names, columns: tuple[str, str], place: str) -> Callable | None:
    """What scores beside a label say, where they can be read."""
    try:
        scores = side_scores(names, columns, place)
    except LensError:
        return None
    return scores.judge if scores else None


def unjudged_sides(names: Names, place: str) -> Sides | None:
    """Two answers a row that nobody judged."""
    columns = side_columns(names, place)
    if columns is None:
        return None
    return Sides(columns[0], columns[1], (), lambda row, where: ("", None), "")


def _others(names: Names, columns: tuple[str, str]) -> list[str]:
    return [name for name in names.known if names.known[name] not in columns]


def _end(name: str) -> int | None:
    """The side that one of a column's words names: 0 for a or left or 1."""
    found = [i for token in tokens_of(canonical(name)) for i in (0, 1) if token in WORDS[i]]
    return found[0] if len(found) == 1 else None


def _one_hot(names: Names, columns: tuple[str, str], place: str) -> Sides | None:
    """Columns such as `winner_model_a`, `winner_model_b` and `winner_tie`, one of which is 1."""
    won = [name for name in _others(names, columns) if name.startswith("winner_")]
    by_side = {_end(name): names.known[name] for name in won if _end(name) is not None}
    ends = ends_of(columns, names)
    by_side |= {ends.index(t): names.known[n] for n in won for t in tokens_of(n) if t in ends}
    if by_side.keys() != {0, 1}:
        return None
    tie = [names.known[name] for name in won if "tie" in tokens_of(name)]
    judges = (by_side[0], by_side[1], *tie[:1])

    def judge(row: dict, where: str) -> Judged:
        values = [number(row.get(name), f"{where}: `{name}`") for name in judges]
        if not any(values):
            return "", None
        if sorted(value or 0 for value in values)[-2:] != [0, 1]:
            raise LensError(f"{where}: one of {list(judges)} must be 1, the others 0; {values}.")
        return (0 if values[0] else 1 if values[1] else None), None

    return Sides(columns[0], columns[1], judges, judge, f"one of {quoted(judges)} is 1")


def _flags(names: Names, columns: tuple[str, str], place: str) -> Sides | None:
    """A column such as `a_is_better`, true or false, or one for each side: both alike is a tie."""
    ends = ends_of(columns, names)
    found: dict[int, str] = {}
    for name in _others(names, columns):
        tokens = re.findall(r"\w+", " ".join(tokens_of(name)))
        at = [i for token in tokens for i in (0, 1) if token == ends[i]]
        end = _end(name)
        at = at or ([] if end is None else [end])
        lost = bool(LOST & set(tokens))
        if not (lost or BETTER & set(tokens)) or not at or "not" in tokens:
            continue
        column = names.known[name]
        if canonical(name) not in LABELS and {_flag(v) for v in names.values(column)} <= {"1", "0"}:
            found.setdefault(1 - at[0] if lost else at[0], column)
    if len(found) == 2:
        return _two_flags(columns, (found[0], found[1]))
    for side, column in found.items():
        meanings = {"1": (side, None), "0": (1 - side, None)}
        return labelled(columns, column, lambda value, _, m=meanings: m.get(_flag(value)))
    return None


def _two_flags(columns: tuple[str, str], flags: tuple[str, str]) -> Sides:
    def judge(row: dict, where: str) -> Judged:
        said = [number(_flag(row.get(name)), f"{where}: `{name}`") for name in flags]
        told = [value for value in said if value is not None]
        if len(told) < 2:
            return "", None
        return (None if told[0] == told[1] else 0 if told[0] else 1), None

    return Sides(columns[0], columns[1], flags, judge, f"{quoted(flags)} say which is better")


def _flag(value: object) -> str:
    word = word_of("" if value is None else value)
    return "1" if word in YES else "0" if word in NO else word


def _labels(names: Names, columns: tuple[str, str], place: str) -> Sides | None:
    """The label column, where there is one that can be read. Of several, they must agree."""
    given = [n for n in names.all(names.labels_given() or LABELS) if n not in columns]
    given = [name for name in given if not names.is_empty(name)] or given[:1]
    if not given:
        given = [
            names.known[name]
            for name in _others(names, columns)
            if NAMING & {*re.findall(r"\w+", " ".join(words_of(name)))}
            and not names.is_empty(names.known[name])
        ]
    if not given and (loser := _loser(names, columns)):
        return loser
    given = given or [name for name in names.all(GRADES) if names.is_numeric(name)][:1]
    overall = [name for name in given if "overall" in words_of(name)]
    given = overall if len(overall) == 1 and overall[0] not in names.all(LABELS) else given
    readings, failed = {}, None
    for name in given:
        try:
            readings[name] = read_label(names, columns, name, place)
        except LensError as error:
            failed = failed or error
    if failed and (given and given[0] not in readings) and not _is_aside(names, given[0], readings):
        raise failed
    if failed and readings:
        _require_no_rival(names, [name for name in given if name not in readings], readings, place)
    if len(readings) > 1 and "safer_response_id" in map(canonical, readings):
        readings = {
            n: found for n, found in readings.items() if canonical(n) != "safer_response_id"
        }
    _require_agreement(names, readings, place)
    return next(iter(readings.values()), None)


def _loser(names: Names, columns: tuple[str, str]) -> Sides | None:
    """A column that names the worse answer, such as `loser`, in words or by 1 and 2."""
    ends, meaning = ends_of(columns, names), by_name(names, columns, columns)
    for name in (names.known[called] for called in _others(names, columns)):
        values = [value for value in names.values(name) if not is_unjudged(value)]
        numbers = names.is_numeric(name) and not (ends == ["1", "2"] and _are_1_or_2(values))
        if LOST & {*words_of(name)} and values and not numbers:
            given = [row for _, row in names.rows if row.get(name) in values]
            if all(meaning(row[name], row) for row in given):
                told = f"`{name}` says which of `{columns[0]}` and `{columns[1]}` is worse"
                return labelled(columns, name, lambda v, row: _turned(meaning(v, row)), told)
    return None


def _are_1_or_2(values: list) -> bool:
    return {word_of(value) for value in values} <= {"1", "2"}


def _turned(said: tuple | None) -> tuple | None:
    return said if said is None or said[0] is None else (1 - said[0], said[1])


def _require_no_rival(names: Names, others: list[str], readings: dict, place: str) -> None:
    """LensError where another label's numbers could be meant, too."""
    label = next(iter(readings))
    for other in others:
        values = {word_of(value) for value in names.values(other)}
        if values <= {"0", "1", "2"} and canonical(label) != "better_response_id":
            listed = {f"`{label}` is the label": {"winner": label}}
            listed |= {f"`{other}` is, and 1 means the first": {"first_is_better": other}}
            raise LensError(
                f"{place}: `{label}` and `{other}` may both be the label, and are not the same. "
                f"{either(place, listed)}"
            )


def _is_aside(names: Names, name: str, readings: dict) -> bool:
    """Whether a label column holds words that are about something else, and another one judges."""
    words = not names.is_numeric(name)
    return bool(readings) and words


def _require_agreement(names: Names, readings: dict, place: str) -> None:
    first, *others = [*readings] or [None]
    for other in others:
        for where, row in names.rows:
            said = [readings[name].judge(row, where)[0] for name in (first, other)]
            if "" not in said and said[0] != said[1]:
                listed = {f"`{name}` is the label": {"winner": name} for name in (first, other)}
                raise LensError(
                    f"{where}: `{first}` and `{other}` may both be the label, and say different "
                    f"things ({row[first]!r:.40}, {row[other]!r:.40}). {either(place, listed)}"
                )
