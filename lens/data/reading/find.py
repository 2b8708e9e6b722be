"""Which form rows have, which column is what, and how one row's prompt and answers are read."""

from dataclasses import dataclass, field, replace
from typing import Any

from lens.core.errors import LensError
from lens.data.reading.columns import expanded, flattened, lists_in, objects_in, rename_columns
from lens.data.reading.missing import no_form
from lens.data.reading.naming import list_of_answers, named_columns
from lens.data.reading.paired import pair_columns
from lens.data.reading.prompts import empty_parts, filled_later, instead, prompt_columns
from lens.data.reading.repeated import require_texts_once
from lens.data.reading.rivals import require_one_rating, require_one_spelling
from lens.data.reading.scored import pair_scores
from lens.data.reading.several.families import Families, columns_of_answers, gathered
from lens.data.reading.several.listed import Listed, find_listed, texts_in, two_lists
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
from lens.data.texts.cures import asked, either
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
    given: dict[str, str]
    objects: tuple[str, ...] = ()  # columns that hold objects, whose fields are read
    lists: tuple[str, ...] = ()  # columns whose every cell is a list of texts
    twos: tuple[str, ...] = ()  # columns with two answers each, which become two columns
    named: tuple[str, ...] = ()  # columns that name those with the better and the worse answer
    families: Families = field(default_factory=dict)  # columns that become a list
    start: int = 0  # the number of a list's first answer for `named`
    sides: Sides | None = None
    listed: Listed | None = None
    ties: tuple[str, ...] = ()  # columns that say which rows are ties
    grades: dict[str, str] = field(default_factory=dict)  # `graded_columns` of a pair
    instead: str | None = None  # the prompt in rows in which the prompt's column is empty
    empty: tuple[str, ...] = ()  # parts of the prompt in which no row had anything so far
    unused: tuple[str, ...] = field(default=(), compare=False)
    telling: tuple[str, ...] = field(default=(), compare=False)  # unused ones to be warned of

    @property
    def used(self) -> set[str]:
        judges = self.sides.judges if self.sides else ()
        more = (self.instead,) if self.instead else ()
        return {*self.columns.values(), *judges, *self.ties, *more}

    def tied(self, row: dict) -> bool:
        """Whether a column of its own says that the row's two answers are equally good."""
        return any(says_tie(name, row.get(name)) for name in self.ties)

    def texts(self, row: dict, place: str) -> tuple[dict, list]:
        """({part: cell} of a row's prompt, its answers): chosen and rejected, first and second,
        one, or a list of them. Of lists of questions and answers, conversations are made."""
        parts = {part: row.get(column) for part, column in self.parts.items()}
        if self.instead and is_empty(parts.get("prompt")):
            parts["prompt"] = row.get(self.instead)
        parts |= filled_later(row, self.empty, self.parts, place)
        if "responses" in self.columns:
            answers = texts_in(row, self.columns["responses"], place)
        else:
            roles = ("chosen", "rejected", "first", "second", "response")
            answers = [row.get(self.columns[role]) for role in roles if role in self.columns]
        if "turn" in self.columns:
            answers = [first_turns(each, row.get(self.columns["turn"])) for each in answers]
        asked = parts.get("prompt")
        if self.parts.get("prompt") not in self.lists or not isinstance(asked, list):
            return parts, answers
        if any(map(lacks_text, answers)):
            said = ["" if lacks_text(each) else each for each in answers]
            said = [each[-1:] if isinstance(each, list) else each for each in said]
            return parts | {"prompt": asked[-1]}, said
        if len(asked) == 1:
            return parts | {"prompt": asked[0]}, answers
        if all(isinstance(said, list) and len(said) == len(asked) for said in answers):
            return parts | {"prompt": None}, [interleaved(asked, said) for said in answers]
        return parts, answers

    def prepare(self, rows: list[Row]) -> list[Row]:
        """Rows with objects opened, columns renamed, and lists in cells read as lists."""
        given = gathered(flattened(rows, self.objects), self.families)
        return expanded(
            rename_columns(given, self.given), self.lists, self.twos, self.named, self.start
        )


def find_form(
    rows: list[Row], columns: dict[str, str] | None = None, *, scoring: str = ""
) -> Reading:
    """The reading that all rows share, `columns` being {"ours": "theirs"} ("" for a role that no
    column has). For `scoring` a "response" or "candidates", rows need no judgement. LensError names
    the first row that fits no form or another one, or two readings of which either is possible,
    and how to say which."""
    if not rows:
        raise LensError("there are no rows to make pairs of.")
    with asked(columns or {}):
        return _found_form(rows, columns or {}, scoring)


def _found_form(rows: list[Row], given: dict[str, str], scoring: str) -> Reading:
    objects = objects_in(rows)
    flat = flattened(rows, objects)
    in_columns, given = columns_of_answers(flat, given)
    columns = in_columns.get("responses", ())
    start = int(ending(columns[0])) if columns and ending(columns[0]).isdigit() else None
    named = rename_columns(gathered(flat, in_columns), given)
    require_no_steps(names_of(named, given), named[0][0])
    lists = lists_in(names_of(named, given))
    named = expanded(named, lists, ())
    twos = tuple(two_lists(names_of(named, given)))
    named = expanded(named, (), twos)
    naming, first_number = named_columns(names_of(named, given))
    by_name = {
        str(column_named(row, row.get(name), naming) or list_of_answers(row))
        for _, row in named
        for name in naming
    }
    named = expanded(named, (), (), naming, first_number)
    groups: dict[tuple, list[Row]] = {}
    for place, row in named:
        groups.setdefault(tuple(row), []).append((place, row))
    first: Found | None = None
    several = len(groups) > 1
    whole = _form_of(names_of(named, given, start), named[0][0], scoring) if several else None
    for group in groups.values():
        reading = _form_of(names_of(group, given, start), group[0][0], scoring)
        if reading is None and not _lacks_label(group[0][1], whole):
            raise no_form(group, scoring)
        first = first or reading
        if first and reading and not _are_alike(reading, first):
            raise _mixed(group[0][0], reading, first)
    found = whole or first
    if found is None:
        raise no_form(named, scoring)
    form, roles, more = found
    parts = {role: column for role, column in roles.items() if role in PART_NAMES}
    how = Reading(
        form, roles, parts, given, objects, lists, twos, naming, in_columns, first_number, **more
    )
    how = _with_grades(how, names_of(named, given))
    names = names_of(named, given)
    how = replace(how, instead=instead(names, parts.get("prompt"), how.used))
    require_one_spelling(names, roles, how.used, named[0][0])
    require_texts_once(names, how.columns, given)
    require_nothing_lost(names, parts, how.used, given)
    unused, telling = unused_columns(names, how.used | by_name)
    return replace(how, unused=unused, telling=telling, empty=empty_parts(names, how.used))


def _with_grades(how: Reading, names: Names) -> Reading:
    """With what says of two answers how clearly one is better, or that both are equally good."""
    if how.form not in ("pair", "labelled_pair"):
        return how
    ties = tie_columns(names, how.used)
    how = replace(how, ties=ties, columns=how.columns | ({"tie": ties[0]} if ties else {}))
    if how.sides:
        grades = {} if how.sides.scale else unsigned_strength(names, how.used)
        return replace(how, grades=grades, columns=how.columns | grades)
    both = (how.columns["chosen"], how.columns["rejected"])
    won = winner_columns(names, how.used, both)
    more = {"label": won[0]} if won else {}
    how = replace(how, ties=(*how.ties, *won), columns=how.columns | more)
    if ties or "score_chosen" in how.columns:
        return how
    grades = graded_columns(names, how.used, both)
    return replace(how, grades=grades, columns=how.columns | grades)


# (form, {role: column}, what else the reading needs)
Found = tuple[str, dict[str, str], dict[str, Any]]
PART_NAMES = ("system", "tools", "history", "context", "prompt", "input")


def _lacks_label(row: dict, whole: Found | None) -> bool:
    """Whether a row has the two answers that other rows judge, and no key for the label."""
    if whole is None or whole[0] != "labelled_pair":
        return False
    sides = whole[2]["sides"]
    return {*sides.both} <= row.keys() and row.keys().isdisjoint(sides.judges)


def _are_alike(found: Found, first: Found) -> bool:
    """Whether rows are of one form with the same columns, but for parts of a prompt that only some
    of them have."""
    roles = found[1], first[1]
    kept = [
        {role: name for role, name in each.items() if role not in ("system", "history")}
        for each in roles
    ]
    shared = roles[0].keys() & roles[1].keys()
    alike = kept[0] == kept[1] and all(roles[0][role] == roles[1][role] for role in shared)
    return found[0] == first[0] and (alike or first[0] == "pair")


def _mixed(place: str, found: Found, first: Found) -> LensError:
    called = {"ratings": "lists", "ranking": "lists"}
    forms = [f"{called.get(f, f)} ({', '.join(names.values())})" for f, names, _ in (found, first)]
    return LensError(
        f"{place}: this row is {forms[0]}, but the first one {forms[1]}. "
        "One file holds one form with the same columns: split the file."
    )


def _form_of(names: Names, place: str, scoring: str) -> Found | None:
    """(form, {role: column}, what else the reading needs); None if the columns fit no form."""
    finders = (_pair, _sides, _lists, _rated_rows, _two_outputs)
    if scoring:
        one, many = (_pair, _sides, _two_outputs, _to_score), (_lists,)
        finders = one + many if scoring == "response" else many + one
    for find in finders:
        if found := find(names, place, scoring):
            return found
    return None


def _with_prompt(names: Names, columns: dict, place: str) -> dict:
    return prompt_columns(names, set(columns.values()), place) | columns


def _pair(names: Names, place: str, scoring: str) -> Found | None:
    columns = pair_columns(names, place)
    if columns is None:
        return None
    return "pair", _with_prompt(names, columns, place) | pair_scores(names, place), {}


def _sides(names: Names, place: str, scoring: str) -> Found | None:
    labels = [n for n in names.names if n in names.all(LABELS) or NAMING & {*words_of(n)}]
    exported = scoring and any(
        isinstance(value, list | dict) for name in labels for value in names.values(name)
    )
    sides = None if exported else find_sides(names, place)
    sides = by_shown_order(names, sides, place) if sides else None
    sides = sides or (unjudged_sides(names, place) if scoring else None)
    if not sides:
        return None
    columns = {"first": sides.first, "second": sides.second}
    label = {"label": sides.judges[0]} if sides.judges else {}
    label |= judged_turn(names, sides.both)
    taken = {*sides.both, *sides.judges}
    prompt = prompt_columns(names, taken, place)
    return "labelled_pair", prompt | columns | label, {"sides": sides}


def _lists(names: Names, place: str, scoring: str) -> Found | None:
    found = find_listed(names, place, told=not scoring)
    if found is None:
        return None
    if isinstance(found, str):
        columns = _with_prompt(names, {"responses": found}, place)
        return ("candidates" if scoring else "lists"), columns, {}
    columns = {"responses": found.responses}
    columns |= {"values": found.values} if found.values else {}
    form = {"ratings": "ratings", "choice": "choice"}.get(found.kind, "ranking")
    return form, _with_prompt(names, columns, place), {"listed": found}


def _rated_rows(names: Names, place: str, scoring: str) -> Found | None:
    given = names.all((*RATINGS, "label", "rank"))
    given = [name for name in given if not names.is_empty(name)] or given[:1]
    texts = _texts(names, place)
    if not given:
        return None
    if not texts:
        return _rated_conversations(names, given[0], place)
    columns = _with_prompt(names, {"response": texts[0]}, place)
    if not scoring and "prompt" in columns:
        require_one_rating(names, given, columns["prompt"], place)
    return ("rated_rows", columns | {"rating": given[0]}, {}) if "prompt" in columns else None


def _rated_conversations(names: Names, rating: str, place: str) -> Found | None:
    """One conversation a row, with its answer, and a rating of it."""
    for name in names.all(DIALOGUES):
        if names.values(name) and all(map(is_whole, names.values(name))) and rating != name:
            return (
                "rated_rows",
                _with_prompt(names, {"response": name, "rating": rating}, place),
                {},
            )
    return None


def _texts(names: Names, place: str) -> list[str]:
    """The column with the one answer of a row; LensError where two differ."""
    found = names.all(TEXTS)
    found = [name for name in found if names.is_text(name)] or found[:1]
    if len({names.said([name]) for name in found}) > 1:
        meant = {f"`{name}` is the answer": {"response": name} for name in found}
        raise LensError(f"{place}: more than one column may be the answer. {either(place, meant)}")
    return found


def _two_outputs(names: Names, place: str, scoring: str) -> Found | None:
    """LLaMA-Factory's older form: `output` lists the better and the worse answer."""
    name = names.first(("output",))
    lists = [listed(value) for value in names.values(name)] if name else []
    if not lists or not all(items is not None and len(items) == 2 for items in lists):
        return None
    columns = _with_prompt(names, {"responses": name}, place)
    return "best_first", columns, {}


def _to_score(names: Names, place: str, scoring: str) -> Found | None:
    """A prompt with one answer, or a whole conversation, with nothing that judges it."""
    texts = _texts(names, place)
    if texts:
        columns = _with_prompt(names, {"response": texts[0]}, place)
        return ("response", columns, {}) if "prompt" in columns else None
    for name in names.all(("messages", "conversations", "conversation")):
        columns = {"response": name}
        return "response", _with_prompt(names, columns, place), {}
    return None
