"""Two answers per row, and what says which is better: a label, flags, or a score for each."""

import re
from collections.abc import Callable
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
from lens.data.texts.faults import may_ask_for_worse
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


def side_columns(names: Names, where: str) -> tuple[str, str] | None:
    """The two columns of one stem that hold answers and end in a and b, 1 and 2, or the like."""
    for fixed in (("first", "second"), ("response_a", "response_b")):
        if set(fixed) <= names.fixed:
            return names.known[fixed[0]], names.known[fixed[1]]
    pairs, known = [], set(names.known)
    tokens_of_all = {tokens_of(name) for name in known}
    for name in known:
        tokens = tokens_of(name)
        for at, token in enumerate(tokens):
            ends = next((ends for ends in SIDE_ENDS if ends[0] == token), None)
            if token == "1" and swapped(tokens, at, "0") in tokens_of_all:
                continue
            if ends and (pair := _pair(names, tokens, at, ends)):
                pairs.append(pair)
    pairs = [pair for pair in pairs if set(tokens_of(pair[0])) & STEMS] or pairs
    pairs = sorted(set(pairs), key=lambda pair: names.names.index(names.known[pair[0]]))
    if len(pairs) > 1 and not _repeat_one_another(names, pairs):
        readings = {
            f"`{a}` and `{b}` are the answers": {"response_a": a, "response_b": b}
            for a, b in ((names.known[x], names.known[y]) for x, y in pairs)
        }
        raise LensError(
            f"{where}: more than two columns may be the answers. {either(where, readings)}"
        )
    if not pairs:
        return None
    first, second = pairs[0]
    return names.known[first], names.known[second]


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
    texts = [text_of(value) for name in pair for value in names.values(names.known[name])]
    return sum(" " in text.strip() for text in texts) > len(texts) / 2


def _repeat_one_another(names: Names, pairs: list[tuple[str, str]]) -> bool:
    firsts = [tuple(text_of(row.get(names.known[a])) for _, row in names.rows) for a, _ in pairs]
    return len(set(firsts)) == 1


def find_sides(names: Names, where: str) -> Sides | None:
    """The answers and what judges them; None where there are no two, or nothing judges them."""
    columns = side_columns(names, where)
    if columns is None:
        return None
    if votes := find_votes(names, columns):
        return votes
    for find in (_one_hot, _flags, _labels):
        if sides := find(names, columns, where):
            return replace(sides, check=_check(names, columns, where))
    return side_scores(names, columns, where)


def _check(names: Names, columns: tuple[str, str], where: str) -> Callable | None:
    """What scores next to a label say, where they can be read."""
    try:
        scores = side_scores(names, columns, where)
    except LensError:
        return None
    return scores.judge if scores else None


def unjudged_sides(names: Names, where: str) -> Sides | None:
    """The two answers of each row, which nobody judged."""
    columns = side_columns(names, where)
    if columns is None:
        return None
    return Sides(columns[0], columns[1], (), lambda row, where: ("", None), "")


def _others(names: Names, columns: tuple[str, str]) -> list[str]:
    return [name for name in names.known if names.known[name] not in columns]


def _end(name: str) -> int | None:
    """The side that one of a column's words names: 0 for a or left or 1."""
    sides = [i for token in tokens_of(canonical(name)) for i in (0, 1) if token in WORDS[i]]
    return sides[0] if len(sides) == 1 else None


def _one_hot(names: Names, columns: tuple[str, str], where: str) -> Sides | None:
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


def _flags(names: Names, columns: tuple[str, str], where: str) -> Sides | None:
    """A column such as `a_is_better`, true or false, or one for each side: both alike is a tie."""
    ends = ends_of(columns, names)
    flags: dict[int, str] = {}
    for name in _others(names, columns):
        tokens = re.findall(r"\w+", " ".join(tokens_of(name)))
        at = [i for token in tokens for i in (0, 1) if token == ends[i]]
        end = _end(name)
        at = at or ([] if end is None else [end])
        lost = bool(LOST & set(tokens))
        won = BETTER & set(tokens) and not may_ask_for_worse(name)
        if not (lost or won) or not at or "not" in tokens:
            continue
        column = names.known[name]
        if canonical(name) not in LABELS and {_flag(v) for v in names.values(column)} <= {"1", "0"}:
            flags.setdefault(1 - at[0] if lost else at[0], column)
    if len(flags) == 2:
        return _two_flags(columns, (flags[0], flags[1]))
    for side, column in flags.items():
        meanings = {"1": (side, None), "0": (1 - side, None)}
        return labelled(columns, column, lambda value, _, m=meanings: m.get(_flag(value)))
    return None


def _two_flags(columns: tuple[str, str], flags: tuple[str, str]) -> Sides:
    def judge(row: dict, where: str) -> Judged:
        numbers = [number(_flag(row.get(name)), f"{where}: `{name}`") for name in flags]
        known = [value for value in numbers if value is not None]
        if len(known) < 2:
            return "", None
        return (None if known[0] == known[1] else 0 if known[0] else 1), None

    return Sides(columns[0], columns[1], flags, judge, f"{quoted(flags)} say which is better")


def _flag(value: object) -> str:
    word = word_of("" if value is None else value)
    return "1" if word in YES else "0" if word in NO else word


def _labels(names: Names, columns: tuple[str, str], where: str) -> Sides | None:
    """The label column, where there is one that can be read. Of several, they must agree."""
    labels = [n for n in names.all(names.user_labels() or LABELS) if n not in columns]
    labels = [name for name in labels if not names.is_empty(name)] or labels[:1]
    if not labels:
        labels = [
            names.known[name]
            for name in _others(names, columns)
            if NAMING & {*re.findall(r"\w+", " ".join(words_of(name)))}
            and not may_ask_for_worse(name)
            and not names.is_empty(names.known[name])
        ]
    if not labels and (loser := _loser(names, columns)):
        return loser
    labels = labels or [name for name in names.all(GRADES) if names.is_numeric(name)][:1]
    overall = [name for name in labels if "overall" in words_of(name)]
    labels = overall if len(overall) == 1 and overall[0] not in names.all(LABELS) else labels
    sides_by_label, first_error = {}, None
    for name in labels:
        try:
            sides_by_label[name] = read_label(names, columns, name, where)
        except LensError as error:
            first_error = first_error or error
    # Words may be about something else, where another label judges.
    is_label = labels and (not sides_by_label or names.is_numeric(labels[0]))
    if first_error and is_label and labels[0] not in sides_by_label:
        raise first_error
    if first_error and sides_by_label:
        _require_no_rival(
            names, [name for name in labels if name not in sides_by_label], sides_by_label, where
        )
    if len(sides_by_label) > 1 and "safer_response_id" in map(canonical, sides_by_label):
        sides_by_label = {
            n: sides for n, sides in sides_by_label.items() if canonical(n) != "safer_response_id"
        }
    _require_agreement(names, sides_by_label)
    return next(iter(sides_by_label.values()), None)


def _loser(names: Names, columns: tuple[str, str]) -> Sides | None:
    """A column that names the worse answer, such as `loser`, in words or by 1 and 2."""
    ends, meaning = ends_of(columns, names), by_name(names, columns, columns)
    for name in (names.known[canonical_name] for canonical_name in _others(names, columns)):
        values = [value for value in names.values(name) if not is_unjudged(value)]
        numbers = names.is_numeric(name) and not (ends == ["1", "2"] and _are_1_or_2(values))
        if LOST & {*words_of(name)} and values and not numbers:
            rows = [row for _, row in names.rows if row.get(name) in values]
            if all(meaning(row[name], row) for row in rows):
                description = f"`{name}` says which of `{columns[0]}` and `{columns[1]}` is worse"
                return labelled(
                    columns, name, lambda v, row: _other_side(meaning(v, row)), description
                )
    return None


def _are_1_or_2(values: list) -> bool:
    return {word_of(value) for value in values} <= {"1", "2"}


def _other_side(side: tuple | None) -> tuple | None:
    return side if side is None or side[0] is None else (1 - side[0], side[1])


def _require_no_rival(names: Names, others: list[str], sides_by_label: dict, where: str) -> None:
    """LensError where another label's numbers could be meant, too."""
    label = next(iter(sides_by_label))
    for other in others:
        values = {word_of(value) for value in names.values(other)}
        if values <= {"0", "1", "2"} and canonical(label) != "better_response_id":
            readings = {f"`{label}` is the label": {"winner": label}}
            readings |= {f"`{other}` is, and 1 means the first": {"first_is_better": other}}
            raise LensError(
                f"{where}: `{label}` and `{other}` may both be the label, and are not the same. "
                f"{either(where, readings)}"
            )


def _require_agreement(names: Names, sides_by_label: dict) -> None:
    first, *others = [*sides_by_label] or [None]
    for other in others:
        for where, row in names.rows:
            judgements = [sides_by_label[name].judge(row, where)[0] for name in (first, other)]
            if "" not in judgements and judgements[0] != judgements[1]:
                readings = {f"`{name}` is the label": {"winner": name} for name in (first, other)}
                raise LensError(
                    f"{where}: `{first}` and `{other}` may both be the label, and say different "
                    f"things ({row[first]!r:.40}, {row[other]!r:.40}). {either(where, readings)}"
                )
