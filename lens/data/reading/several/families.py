"""Three answers or more, each in its own column, as lists."""

from collections.abc import Iterable, Sequence
from itertools import takewhile

from lens.data.reading.naming import answers_that_labels_name, named_columns
from lens.data.reading.several.listed import RATING_COLUMNS, rated_by
from lens.data.reading.sided.scores import OF_SCORES
from lens.data.reading.sided.words import swapped
from lens.data.texts.cells import Row, is_empty, listed
from lens.data.texts.names import (
    GOOD_BAD,
    LABELS,
    LISTS,
    NO_ANSWER,
    SCORED,
    STEMS,
    Names,
    column_named,
    names_of,
    words_of,
)

NUMBERED = [[str(n + start) for n in range(20)] for start in (0, 1)]
SERIES = [*NUMBERED, list("abcdefghijklmnopqrst")]
SIDES = ("first", "second")
Families = dict[str, tuple[str, ...]]


def columns_of_answers(flat: list[Row], renames: dict[str, str]) -> tuple[Families, dict[str, str]]:
    """(columns that become lists, the user's names for columns with those that names and values
    tell): answers numbered or named in a label, and ratings in a list next to one of answers."""
    names = names_of(flat)
    named = {*renames, *renames.values()}
    free = [name for name in names.names if name not in named]
    lists: Families = {}
    if not named_columns(Names(free, flat))[0]:
        lists = families(names, renames.values())
        unnamed = not lists and renames.keys().isdisjoint((*SIDES, "response_a", "chosen"))
        answers = answers_that_labels_name(names, flat[0][0]) if unnamed else ()
        lists = {"responses": answers} if len(answers) > 2 else lists
        renames = renames | dict(zip(SIDES, answers, strict=True)) if len(answers) == 2 else renames
    return lists, renames | ratings_in_another_list(names_of(flat, renames), renames)


def families(names: Names, user_columns: Iterable[str]) -> Families:
    """{name of a list: its columns} where three or more hold answers, such as `response_1` and on,
    and of the scores and ranks next to them; none where the user named one of these columns. Scores
    of several kinds, or of an unknown one, go by their columns' name with a star."""
    if {"chosen", "rejected"} <= names.known.keys():
        return {}
    if both := _numbered_sides(names, user_columns):
        return both
    if names.first(LISTS):
        return {}
    by_words = {words_of(called): name for called, name in names.known.items()}
    runs = {stem: run for words in by_words for stem, run in _runs(words, by_words)}
    texts = [
        run
        for stem, run in runs.items()
        if STEMS & {*stem} and not NO_ANSWER & {*stem} and any(map(names.is_text, run))
    ]
    if len(texts) != 1 or {*texts[0]} & {*user_columns}:
        return {}
    lists: Families = {"responses": tuple(texts[0])}
    scored_runs = {
        stem: tuple(run)
        for stem, run in runs.items()
        if len(run) == len(texts[0]) and SCORED & {*stem} and all(map(names.is_numeric, run))
    }
    plain: dict[str, list] = {"ranks": [], "scores": []}
    for stem, run in scored_runs.items():
        if {*filter(None, stem)} <= SCORED | OF_SCORES:
            plain["ranks" if "rank" in stem else "scores"].append(run)
    for stem, run in scored_runs.items():
        name = next((name for name, runs in plain.items() if runs == [run]), None)
        lists[name or "_".join(word or "*" for word in stem)] = run
    return lists


def _numbered_sides(names: Names, user_columns: Iterable[str]) -> Families:
    """{"chosen": its columns, "rejected": its columns} where either is numbered, as `chosen_1`."""
    by_words = {words_of(called): name for called, name in names.known.items()}
    for pair in GOOD_BAD:
        if {*pair} <= names.known.keys():
            continue
        sides: Families = {}
        for side, word in zip(("chosen", "rejected"), pair, strict=True):
            series = [[(word, end) for end in ends] for ends in NUMBERED] + [[(word,)]]
            runs = ([*takewhile(by_words.__contains__, words)] for words in series)
            run = [by_words[words] for words in next(filter(None, runs), [])]
            sides[side] = tuple(name for name in run if _says_words(names, name))
        if all(sides.values()) and {*sides["chosen"], *sides["rejected"]}.isdisjoint(user_columns):
            return sides
    return {}


def _says_words(names: Names, name: str) -> bool:
    """Whether a column holds texts of several words, and not just names of answers."""
    values = names.values(name)
    return any(isinstance(v, list) or (isinstance(v, str) and " " in v.strip()) for v in values)


def _runs(words: tuple[str, ...], by_words: dict) -> Iterable[tuple[tuple, list[str]]]:
    for at, word in enumerate(words):
        for series in SERIES:
            if word == series[0] and (word != "1" or swapped(words, at, "0") not in by_words):
                spelled = (swapped(words, at, end) for end in series)
                run = [by_words[spelling] for spelling in takewhile(by_words.__contains__, spelled)]
                if len(run) > 2:
                    yield swapped(words, at, ""), run


def gathered(rows: Sequence[Row], lists: Families) -> list[Row]:
    """Rows in which these lists stand for their columns, as far as there are answers."""
    if not lists:
        return list(rows)
    taken = {column for columns in lists.values() for column in columns}
    new_rows = []
    for where, row in rows:
        cells = {name: [row.get(column) for column in columns] for name, columns in lists.items()}
        others = {name: value for name, value in row.items() if name not in taken}
        if "responses" not in lists:
            texts = {n: [text for text in side if not is_empty(text)] for n, side in cells.items()}
            new_rows.append((where, others | texts))
            continue
        filled = [at for at, text in enumerate(cells["responses"], 1) if not is_empty(text)]
        count = max(filled, default=0)
        others = {n: _answer_named(value, row, lists["responses"]) for n, value in others.items()}
        new_rows.append((where, others | {n: values[:count] for n, values in cells.items()}))
    return new_rows


def _answer_named(value: object, row: dict, columns: tuple[str, ...]) -> object:
    """The answer whose column a cell names, where its text identifies it; else the cell."""
    texts = {column: row.get(column) for column in columns}
    text = texts.get(column_named(texts, value, ()) or "")
    return text if text is not None and [*texts.values()].count(text) == 1 else value


def ratings_in_another_list(names: Names, user_columns: Iterable[str]) -> dict[str, str]:
    """{"ratings": "annotations.rating"} where a list of objects next to one of answers rates them,
    and nothing else does."""
    answers = names.first(LISTS)
    if (
        answers is None
        or names.first(RATING_COLUMNS)
        or {*user_columns} & {*RATING_COLUMNS, *LABELS}
    ):
        return {}
    items = [item for value in names.values(answers) for item in listed(value) or []]
    for name in [name for name in names.names if name != answers and not rated_by(items)]:
        both = [(listed(row.get(name)), listed(row.get(answers))) for _, row in names.rows]
        all_objects = [item for objects, _ in both for item in objects or []]
        if all_objects and all(
            objects and texts and len(objects) == len(texts) for objects, texts in both
        ):
            for field, kind in rated_by(all_objects)[:1]:
                return {kind: f"{name}.{field}"}
    return {}
