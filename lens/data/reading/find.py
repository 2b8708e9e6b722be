"""Which form rows have, which column is what, and how one row's prompt and answers are read."""

from dataclasses import dataclass, field, replace
from typing import Any

from lens.core.errors import LensError
from lens.data.reading.columns import expanded, flattened, lists_in, objects_in, rename_columns
from lens.data.reading.missing import no_form, require_no_doubles
from lens.data.reading.naming import list_of_answers, named_columns
from lens.data.reading.paired import pair_columns
from lens.data.reading.prompts import empty_parts, filled_later, other_prompt, prompt_columns
from lens.data.reading.repeated import require_texts_once
from lens.data.reading.rivals import require_one_rating, require_one_spelling
from lens.data.reading.scored import pair_scores
from lens.data.reading.several.families import Families, columns_of_answers, gathered
from lens.data.reading.several.listed import AnswerList, find_answer_list, texts_in, two_lists
from lens.data.reading.several.steps import require_no_steps
from lens.data.reading.sided.judged_turn import first_turns, judged_turn
from lens.data.reading.sided.labels import Sides
from lens.data.reading.sided.shown import by_shown_order
from lens.data.reading.sided.sides import NAMING, find_sides, unjudged_sides
from lens.data.reading.ties import (
    graded_columns,
    says_tie,
    tie_columns,
    unsigned_strength,
    winner_columns,
)
from lens.data.reading.unused import require_nothing_lost, unused_columns
from lens.data.texts.cells import Row, is_empty, lacks_text, listed
from lens.data.texts.conversations import interleaved, is_whole
from lens.data.texts.cures import either, keeping_columns
from lens.data.texts.names import (
    DIALOGUES,
    LABELS,
    RATINGS,
    TEXTS,
    Names,
    column_named,
    ending,
    names_of,
    words_of,
)


@dataclass(frozen=True)
class Reading:
    """How rows are read: their form, {role: column}, and what judges them.

    `parts` are the columns of the prompt's parts. `prepare` brings rows of the same source into the
    shape whose columns are named here.
    """

    form: str
    columns: dict[str, str]
    parts: dict[str, str]
    renames: dict[str, str]
    objects: tuple[str, ...] = ()  # columns that hold objects, whose fields are read
    lists: tuple[str, ...] = ()  # columns whose every cell is a list of texts
    twos: tuple[str, ...] = ()  # columns with two answers each, which become two columns
    named: tuple[str, ...] = ()  # columns that name those with the better and the worse answer
    families: Families = field(default_factory=dict)  # columns that become a list
    start: int = 0  # the number of a list's first answer for `named`
    sides: Sides | None = None
    listed: AnswerList | None = None
    ties: tuple[str, ...] = ()  # columns that say which rows are ties
    grades: dict[str, str] = field(default_factory=dict)  # `graded_columns` of a pair
    other_prompt: str | None = None  # the prompt in rows in which the prompt's column is empty
    empty: tuple[str, ...] = ()  # parts of the prompt in which no row had anything so far
    unused: tuple[str, ...] = field(default=(), compare=False)
    telling: tuple[str, ...] = field(default=(), compare=False)  # unused ones to be warned of

    @property
    def used(self) -> set[str]:
        judges = self.sides.judges if self.sides else ()
        more = (self.other_prompt,) if self.other_prompt else ()
        return {*self.columns.values(), *judges, *self.ties, *more}

    def tied(self, row: dict) -> bool:
        """Whether a column of its own says that the row's two answers are equally good."""
        return any(says_tie(name, row.get(name)) for name in self.ties)

    def texts(self, row: dict, where: str) -> tuple[dict, list]:
        """({part: cell} of a row's prompt, its answers): chosen and rejected, first and second,
        one, or a list of them. Of lists of questions and answers, conversations are made."""
        parts = {part: row.get(column) for part, column in self.parts.items()}
        if self.other_prompt and is_empty(parts.get("prompt")):
            parts["prompt"] = row.get(self.other_prompt)
        parts |= filled_later(row, self.empty, self.parts, where)
        if "responses" in self.columns:
            answers = texts_in(row, self.columns["responses"], where)
        else:
            roles = ("chosen", "rejected", "first", "second", "response")
            answers = [row.get(self.columns[role]) for role in roles if role in self.columns]
        if "turn" in self.columns:
            answers = [first_turns(answer, row.get(self.columns["turn"])) for answer in answers]
        prompt = parts.get("prompt")
        if self.parts.get("prompt") not in self.lists or not isinstance(prompt, list):
            return parts, answers
        if any(map(lacks_text, answers)):
            filled = ["" if lacks_text(answer) else answer for answer in answers]
            last = [answer[-1:] if isinstance(answer, list) else answer for answer in filled]
            return parts | {"prompt": prompt[-1]}, last
        if len(prompt) == 1:
            return parts | {"prompt": prompt[0]}, answers
        if all(isinstance(answer, list) and len(answer) == len(prompt) for answer in answers):
            return parts | {"prompt": None}, [interleaved(prompt, answer) for answer in answers]
        return parts, answers

    def prepare(self, rows: list[Row]) -> list[Row]:
        """Rows with objects opened, columns renamed, and lists in cells read as lists."""
        rows = gathered(flattened(rows, self.objects), self.families)
        rows = rename_columns(rows, self.renames)
        return expanded(rows, self.lists, self.twos, self.named, self.start)


def find_form(
    rows: list[Row], columns: dict[str, str] | None = None, *, scoring: str = ""
) -> Reading:
    """The reading that all rows share, `columns` being {"ours": "theirs"} ("" for a role that no
    column has). For `scoring` a "response" or "candidates", rows need no judgement. LensError names
    the first row that fits no form or another one, or two readings of which either is possible,
    and how to say which."""
    if not rows:
        raise LensError("there are no rows to make pairs of.")
    with keeping_columns(columns or {}):
        return _find_form(rows, columns or {}, scoring)


def _find_form(rows: list[Row], renames: dict[str, str], scoring: str) -> Reading:
    objects = objects_in(rows)
    flat = flattened(rows, objects)
    in_columns, renames = columns_of_answers(flat, renames)
    columns = in_columns.get("responses", ())
    start = int(ending(columns[0])) if columns and ending(columns[0]).isdigit() else None
    named = rename_columns(gathered(flat, in_columns), renames)
    require_no_steps(names_of(named, renames), named[0][0])
    require_no_doubles(names_of(named, renames), named[0][0])
    lists = lists_in(names_of(named, renames))
    named = expanded(named, lists, ())
    twos = tuple(two_lists(names_of(named, renames)))
    named = expanded(named, (), twos)
    naming, first_number = named_columns(names_of(named, renames))
    by_name = {
        str(column_named(row, row.get(name), naming) or list_of_answers(row))
        for _, row in named
        for name in naming
    }
    named = expanded(named, (), (), naming, first_number)
    groups: dict[tuple, list[Row]] = {}
    for where, row in named:
        groups.setdefault(tuple(row), []).append((where, row))
    first: FormMatch | None = None
    mixed = len(groups) > 1
    whole = _form_of(names_of(named, renames, start), named[0][0], scoring) if mixed else None
    for group in groups.values():
        group_match = _form_of(names_of(group, renames, start), group[0][0], scoring)
        if group_match is None and not _lacks_label(group[0][1], whole):
            raise no_form(group, scoring)
        first = first or group_match
        if first and group_match and not _are_alike(group_match, first):
            raise _mixed(group[0][0], group_match, first)
    match = whole or first
    if match is None:
        raise no_form(named, scoring)
    form, roles, more = match
    parts = {role: column for role, column in roles.items() if role in PART_NAMES}
    reading = Reading(
        form, roles, parts, renames, objects, lists, twos, naming, in_columns, first_number, **more
    )
    reading = _with_grades(reading, names_of(named, renames))
    names = names_of(named, renames)
    reading = replace(reading, other_prompt=other_prompt(names, parts.get("prompt"), reading.used))
    require_one_spelling(names, roles, reading.used, named[0][0])
    require_texts_once(names, reading.columns, renames)
    require_nothing_lost(names, parts, reading.used, renames)
    unused, telling = unused_columns(names, reading.used | by_name)
    return replace(reading, unused=unused, telling=telling, empty=empty_parts(names, reading.used))


def _with_grades(reading: Reading, names: Names) -> Reading:
    """With what says of two answers how clearly one is better, or that both are equally good."""
    if reading.form not in ("pair", "labelled_pair"):
        return reading
    ties = tie_columns(names, reading.used)
    columns = reading.columns | ({"tie": ties[0]} if ties else {})
    reading = replace(reading, ties=ties, columns=columns)
    if reading.sides:
        grades = {} if reading.sides.scale else unsigned_strength(names, reading.used)
        return replace(reading, grades=grades, columns=reading.columns | grades)
    both = (reading.columns["chosen"], reading.columns["rejected"])
    won = winner_columns(names, reading.used, both)
    more = {"label": won[0]} if won else {}
    reading = replace(reading, ties=(*reading.ties, *won), columns=reading.columns | more)
    if ties or "score_chosen" in reading.columns:
        return reading
    grades = graded_columns(names, reading.used, both)
    return replace(reading, grades=grades, columns=reading.columns | grades)


# (form, {role: column}, what else the reading needs)
FormMatch = tuple[str, dict[str, str], dict[str, Any]]
PART_NAMES = ("system", "tools", "history", "context", "prompt", "input")


def _lacks_label(row: dict, whole: FormMatch | None) -> bool:
    """Whether a row has the two answers that other rows judge, and no key for the label."""
    if whole is None or whole[0] != "labelled_pair":
        return False
    sides = whole[2]["sides"]
    return {*sides.both} <= row.keys() and row.keys().isdisjoint(sides.judges)


def _are_alike(match: FormMatch, first: FormMatch) -> bool:
    """Whether rows are of one form with the same columns, except for parts of a prompt that only
    some of them have."""
    roles = match[1], first[1]
    needed = [
        {role: name for role, name in columns.items() if role not in ("system", "history")}
        for columns in roles
    ]
    shared = roles[0].keys() & roles[1].keys()
    alike = needed[0] == needed[1] and all(roles[0][role] == roles[1][role] for role in shared)
    return match[0] == first[0] and (alike or first[0] == "pair")


def _mixed(where: str, match: FormMatch, first: FormMatch) -> LensError:
    form_names = {"ratings": "lists", "ranking": "lists"}
    forms = [
        f"{form_names.get(f, f)} ({', '.join(names.values())})" for f, names, _ in (match, first)
    ]
    return LensError(
        f"{where}: this row is {forms[0]}, but the first one {forms[1]}. "
        "One file holds one form with the same columns: split the file."
    )


def _form_of(names: Names, where: str, scoring: str) -> FormMatch | None:
    """(form, {role: column}, what else the reading needs); None if the columns fit no form."""
    finders = (_pair, _sides, _lists, _rated_rows, _two_outputs)
    if scoring:
        one, many = (_pair, _sides, _two_outputs, _to_score), (_lists,)
        finders = one + many if scoring == "response" else many + one
    for find in finders:
        if match := find(names, where, scoring):
            return match
    return None


def _with_prompt(names: Names, columns: dict, where: str) -> dict:
    return prompt_columns(names, set(columns.values()), where) | columns


def _pair(names: Names, where: str, scoring: str) -> FormMatch | None:
    columns = pair_columns(names, where)
    if columns is None:
        return None
    return "pair", _with_prompt(names, columns, where) | pair_scores(names), {}


def _sides(names: Names, where: str, scoring: str) -> FormMatch | None:
    labels = [n for n in names.names if n in names.all(LABELS) or NAMING & {*words_of(n)}]
    exported = scoring and any(
        isinstance(value, list | dict) for name in labels for value in names.values(name)
    )
    sides = None if exported else find_sides(names, where)
    sides = by_shown_order(names, sides, where) if sides else None
    sides = sides or (unjudged_sides(names, where) if scoring else None)
    if not sides:
        return None
    columns = {"first": sides.first, "second": sides.second}
    label = {"label": sides.judges[0]} if sides.judges else {}
    label |= judged_turn(names, sides.both)
    taken = {*sides.both, *sides.judges}
    prompt = prompt_columns(names, taken, where)
    return "labelled_pair", prompt | columns | label, {"sides": sides}


def _lists(names: Names, where: str, scoring: str) -> FormMatch | None:
    answers = find_answer_list(names, where, required=not scoring)
    if answers is None:
        return None
    if isinstance(answers, str):
        columns = _with_prompt(names, {"responses": answers}, where)
        return ("candidates" if scoring else "lists"), columns, {}
    columns = {"responses": answers.responses}
    columns |= {"values": answers.values} if answers.values else {}
    form = {"ratings": "ratings", "choice": "choice"}.get(answers.kind, "ranking")
    return form, _with_prompt(names, columns, where), {"listed": answers}


def _rated_rows(names: Names, where: str, scoring: str) -> FormMatch | None:
    ratings = names.all((*RATINGS, "label", "rank"))
    ratings = [name for name in ratings if not names.is_empty(name)] or ratings[:1]
    texts = _texts(names, where)
    if not ratings:
        return None
    if not texts:
        return _rated_conversations(names, ratings[0], where)
    columns = _with_prompt(names, {"response": texts[0]}, where)
    if not scoring and "prompt" in columns:
        require_one_rating(names, ratings, columns["prompt"], where)
    return ("rated_rows", columns | {"rating": ratings[0]}, {}) if "prompt" in columns else None


def _rated_conversations(names: Names, rating: str, where: str) -> FormMatch | None:
    """One conversation per row, with its answer, and a rating of it."""
    for name in names.all(DIALOGUES):
        if names.values(name) and all(map(is_whole, names.values(name))) and rating != name:
            return (
                "rated_rows",
                _with_prompt(names, {"response": name, "rating": rating}, where),
                {},
            )
    return None


def _texts(names: Names, where: str) -> list[str]:
    """The column with the one answer of a row; LensError where two differ."""
    columns = names.all(TEXTS)
    columns = [name for name in columns if names.is_text(name)] or columns[:1]
    if len({names.texts([name]) for name in columns}) > 1:
        readings = {f"`{name}` is the answer": {"response": name} for name in columns}
        raise LensError(
            f"{where}: more than one column may be the answer. {either(where, readings)}"
        )
    return columns


def _two_outputs(names: Names, where: str, scoring: str) -> FormMatch | None:
    """LLaMA-Factory's older form: `output` lists the better and the worse answer."""
    name = names.first(("output",))
    lists = [listed(value) for value in names.values(name)] if name else []
    if not lists or not all(items is not None and len(items) == 2 for items in lists):
        return None
    columns = _with_prompt(names, {"responses": name}, where)
    return "best_first", columns, {}


def _to_score(names: Names, where: str, scoring: str) -> FormMatch | None:
    """A prompt with one answer, or a whole conversation, with nothing that judges it."""
    texts = _texts(names, where)
    if texts:
        columns = _with_prompt(names, {"response": texts[0]}, where)
        return ("response", columns, {}) if "prompt" in columns else None
    for name in names.all(("messages", "conversations", "conversation")):
        columns = {"response": name}
        return "response", _with_prompt(names, columns, where), {}
    return None
