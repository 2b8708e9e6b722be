"""Several answers a row: lists of them with ratings, ranks or an order next to them or inside."""

import re
from dataclasses import dataclass, replace

from lens.core.errors import LensError
from lens.data.reading.rivals import disagree
from lens.data.reading.several.best import best_labels, best_position
from lens.data.reading.several.orders import by_order, kind_of
from lens.data.reading.sided.scores import OF_SCORES
from lens.data.texts.cells import Row, are_marks, as_list, graded, is_empty, listed, number
from lens.data.texts.cures import command, either
from lens.data.texts.names import (
    LABELS,
    LISTS,
    MARKS,
    ORDERS,
    PROMPTS,
    RANK_LISTS,
    RATING_LISTS,
    RATINGS,
    SCORED,
    SYSTEMS,
    TEXTS,
    Names,
    canonical,
    is_rank,
    words_of,
)
from lens.data.texts.turns import is_message

RATING_COLUMNS = (*RANK_LISTS, *ORDERS, *RATING_LISTS)
INNER_RATINGS = ("rank", *RATINGS)
ULTRAFEEDBACK = ("overall_score", "fine-grained_score")  # of which its card takes the first
ULTRAFEEDBACK_FIELDS = {"annotations", "critique"}  # what else UltraFeedback's own answers hold


@dataclass(frozen=True)
class AnswerList:
    """A list of answers: its column, the field with an answer's text, and the ratings in a column
    of their own (`values`) or `inside`; `kind` is "ratings", "ranks", "order" or "choice": then it
    says which one is the best, and nothing of the others."""

    responses: str
    text: str | None
    values: str | None
    inside: str | None
    kind: str
    start: int = 1  # the best rank, or the number of the first answer
    against: str | None = None  # a rating inside that may order the answers otherwise

    @property
    def by(self) -> str:
        return self.values or self.inside or ""

    @property
    def path(self) -> str:
        """What rates the answers, as it can be named."""
        return self.values or f"{self.responses}.{self.inside}"

    @property
    def better(self) -> str:
        """Which answers are better, in words."""
        return {
            "ranks": f"{self.start} is best",
            "order": "best first",
            "choice": "which names the best one",
            "ratings": "higher is better",
        }[self.kind]

    @property
    def role(self) -> str:
        """What to name it as."""
        if self.kind == "choice" and self.values:
            return ("better_response_id", "winner")[self.start]
        return {"choice": "ratings"}.get(self.kind, self.kind)


def find_answer_list(names: Names, where: str, *, required: bool) -> AnswerList | str | None:
    """How answers in lists are kept; just the column's name where nothing rates them, None where
    there are no lists. LensError, where they are `required`, for a column that should hold them,
    and where two things that rate the answers order them differently."""
    values = next((name for name in names.all(RATING_COLUMNS)), None)
    responses = list_column(names, values, where)
    if responses is None or (not required and not _is_listed(names, responses)):
        return None
    items = [
        item
        for where, row in names.rows
        if row.get(responses) is not None
        for item in as_list(row[responses], f"{where}: `{responses}`")
    ]
    text = text_field(items)
    keyed = any(isinstance(item, dict) for item in items)
    if keyed and not text and not all(map(is_message, items)):
        return responses
    inside = [] if names.fixed & {*RATING_COLUMNS, *LABELS} else rated_by(items)
    lists = [
        AnswerList(responses, text, n, None, kind_of(names, responses, n))
        for n in _rating_columns(names)
    ]
    lists += [AnswerList(responses, text, None, field, kind) for field, kind in inside]
    if not lists or not names.fixed.isdisjoint(LABELS):
        best = best_labels(names, responses, names.start)
        lists = [
            AnswerList(responses, text, n, None, "choice", start) for n, start in best
        ] or lists
    lists = [replace(answers, start=0) if _from_0(names, answers) else answers for answers in lists]
    if [answers.inside for answers in lists[:2]] == [*ULTRAFEEDBACK] and _is_ultrafeedback(items):
        lists = [replace(lists[0], against=lists[1].inside), *lists[2:]]
    if required:
        require_one_order(names, lists)
    return lists[0] if lists else responses


def _is_ultrafeedback(items: list) -> bool:
    """Whether answers have the fields of the raw UltraFeedback set, annotations by aspect too."""
    return all(
        isinstance(item, dict)
        and item.keys() >= ULTRAFEEDBACK_FIELDS
        and isinstance(item["annotations"], dict)
        for item in items
    )


def _rating_columns(names: Names) -> list[str]:
    """Columns with ratings, ranks or orders of answers: those that hold any, else the first."""
    columns = names.all(RATING_COLUMNS)
    return [name for name in columns if not names.is_empty(name)] or columns[:1]


def require_one_order(names: Names, lists: list[AnswerList]) -> None:
    """LensError where two ratings, ranks or orders of a list put its answers in different ones."""
    both = ((lists[0], other) for other in lists[1:])
    for first, other in both:
        for where, row in names.rows:
            if orders_differ(row, first, other, where):
                readings = {
                    f"`{answers.path}` counts": {answers.role: answers.path}
                    for answers in (first, other)
                }
                raise LensError(
                    f"{where}: `{first.path}` and `{other.path}` put the answers in different "
                    f"orders. {either(where, readings)}"
                )


def orders_differ(row: dict, first: AnswerList, other: AnswerList, where: str) -> bool:
    """Whether two ratings, ranks or orders put a row's answers in different ones."""
    items = listed(row.get(first.responses)) or []
    try:
        values = [answer_values(row, items, answers, where) for answers in (first, other)]
    except (LensError, TypeError, KeyError):
        return False
    return len(values[0]) == len(values[1]) and disagree(*values)


def about_other_order(rows: list[Row], answers: AnswerList) -> str:
    """In which rows the rating that does not count orders the answers otherwise; "" for none."""
    if answers.against is None:
        return ""
    other = replace(answers, inside=answers.against)
    differing = [where for where, row in rows if orders_differ(row, answers, other, where)]
    shown = ", ".join(where.rpartition(", ")[2] for where in differing[:5])
    more = ", ..." * (len(differing) > 5)
    return (
        f"In {len(differing):,} of {len(rows):,} rows ({shown}{more}) `{other.inside}` orders the "
        f"answers otherwise than `{answers.inside}`, which counts, as the card of UltraFeedback "
        "has it."
    ) * bool(differing)


def _from_0(names: Names, answers: AnswerList) -> bool:
    """Whether ranks name the places from 0 on in every row."""
    if answers.kind != "ranks":
        return False
    for _, row in names.rows:
        items = listed(row.get(answers.responses)) or []
        cells = (
            listed(row.get(answers.values))
            if answers.values
            else [_rating(x, answers.by) for x in items]
        )
        try:
            ranks = [number(value, "") for value in cells or []]
        except (LensError, TypeError):
            return False
        if len(ranks) != len(items) or {*ranks} != {*map(float, range(len(items)))}:
            return False
    return True


def unused_inside(items: list, answers: AnswerList) -> list[str]:
    """Fields of answers that may matter and are not read: prompts of their own, which no pair can
    keep (its two answers have one prompt), other texts, and other ratings."""
    keys = {
        key for item in items if isinstance(item, dict) and not is_message(item) for key in item
    }
    telling_names = {
        *map(canonical, (*SYSTEMS, *PROMPTS, *TEXTS, *INNER_RATINGS, "custom_system_prompt"))
    }
    unread = keys - {answers.text, answers.inside}
    return sorted(
        key for key in unread if canonical(key) in telling_names or SCORED & {*words_of(key)}
    )


def list_column(names: Names, values: str | None, where: str) -> str | None:
    """The column with lists of answers; LensError where two may be and no lengths tell."""
    columns = [
        name for name in names.all(LISTS) if not names.values(name) or _is_listed(names, name)
    ]
    if values and len(columns) > 1:
        columns = [name for name in columns if _same_lengths(names, name, values)] or columns[:1]
    if len(columns) > 1:
        rated_columns = [name for name in columns if _rated_inside(names, name)]
        columns = rated_columns if len(rated_columns) == 1 else columns
    if len(columns) > 1:
        readings = {f"`{name}` are the answers": {"candidates": name} for name in columns}
        raise LensError(
            f"{where}: more than one list may hold the answers. {either(where, readings)}"
        )
    return columns[0] if columns else names.first(LISTS)


def _is_listed(names: Names, name: str) -> bool:
    return all(listed(value) is not None for value in names.values(name)[:50])


def _same_lengths(names: Names, name: str, other: str) -> bool:
    lengths = [[listed(row.get(key)) for key in (name, other)] for _, row in names.rows]
    return all(a is not None and b is not None and len(a) == len(b) for a, b in lengths)


def _rated_inside(names: Names, name: str) -> bool:
    items = [item for value in names.values(name)[:50] for item in listed(value) or []]
    return bool(items) and all(isinstance(item, dict) for item in items) and bool(rated_by(items))


def text_field(items: list) -> str | None:
    """The field of an object that holds an answer's text."""
    sample = next((item for item in items if isinstance(item, dict)), {})
    keys = {canonical(key): key for key in sample}
    return next((keys[canonical(name)] for name in TEXTS if canonical(name) in keys), None)


def rated_by(items: list) -> list[tuple[str, str]]:
    """(field, kind) of what rates answers inside them: ranks, ratings, else marks of the best."""
    cells: dict[str, list] = {}
    for item in items:
        for key, value in item.items() if isinstance(item, dict) and not is_message(item) else ():
            cells.setdefault(key, []).append(value)
    filled = {key: [cell for cell in values if not is_empty(cell)] for key, values in cells.items()}
    known = {canonical(key): key for key in cells}
    named = [known[canonical(name)] for name in INNER_RATINGS if canonical(name) in known]
    named += [key for key in cells if key not in named and _is_score(key) and filled[key]]
    rated = [(key, "ranks" if is_rank(key) else "ratings") for key in named]
    rated = rated or [(known[name], "ratings") for name in ["annotations"] if name in known]
    marks = [known[name] for name in MARKS if name in known]
    marks = [key for key in marks if filled[key] and are_marks(filled[key])]
    return rated or [(key, "choice") for key in marks]


def _is_score(key: str) -> bool:
    words = {*words_of(key)}
    return bool(words & SCORED) and words <= SCORED | OF_SCORES


def texts_in(row: dict, name: str, where: str) -> list:
    """The answers of a list column, whole conversations and messages as they are."""
    items = as_list(row.get(name), f"{where}: `{name}`")
    text = text_field(items)
    return [
        item.get(text) if isinstance(item, dict) and text and not is_message(item) else item
        for item in items
    ]


def list_each_side(chosen: object, rejected: object) -> tuple[list, list]:
    """The answers of each side, where one of them lists texts, as RewardBench 2, RM-Bench and data
    for rerankers have it."""
    lists = [None if isinstance(side, str) else listed(side) for side in (chosen, rejected)]
    texts = [x if x and all(isinstance(text, str) for text in x) else None for x in lists]
    if all(x or isinstance(side, str) for x, side in zip(texts, (chosen, rejected), strict=True)):
        return texts[0] or [chosen], texts[1] or [rejected]
    return [chosen], [rejected]


def answer_values(row: dict, items: list, answers: AnswerList, where: str) -> list:
    """The value of each answer, higher for better, None without a rating."""
    what = f"{where}: `{answers.by}`"
    if answers.values and answers.kind == "choice":
        best = best_position(row.get(answers.values), row, answers.responses, answers.start)
        return [None if best is None else float(at == best) for at in range(len(items))]
    if answers.values:
        cells = row[answers.values]
        if isinstance(cells, str) and ">" in cells:
            cells = [re.split(r"\s*=\s*", cell.strip()) for cell in cells.split(">")]
        cells = as_list(cells, what)
    else:
        cells = [_rating(item, answers.by) for item in items]
    if answers.kind == "order":
        return by_order(cells, len(items), what)
    if len(cells) != len(items):
        raise LensError(f"{what} has {len(cells)} values for {len(items)} responses.")
    if answers.kind != "ranks":
        return graded(cells, what)
    ranks = [number(value, what) for value in cells]
    if any(value is not None and value < answers.start for value in ranks):
        as_ratings = command(where, {"ratings": answers.path})
        raise LensError(
            f"{what} is {cells!r:.80}: ranks start at 1, the best, unless all rows start at 0. "
            f"Fix the ranks. If higher is better, they are ratings: {as_ratings}"
        )
    return [None if value is None else -value for value in ranks]


def _rating(item: object, name: str) -> object:
    """A rating inside an answer; of annotations by aspect, as UltraFeedback has them, the mean."""
    value = item.get(name) if isinstance(item, dict) else item
    if not isinstance(value, dict):
        return value
    marks_given = [aspect.get("Rating") for aspect in value.values() if isinstance(aspect, dict)]
    marks = [
        mark
        for mark in (number(mark_cell, f"`{name}`") for mark_cell in marks_given)
        if mark is not None
    ]
    return sum(marks) / len(marks) if marks else None


def two_lists(names: Names) -> list[str]:
    """Columns that hold two answers each while a label says which is better, as in summarize from
    feedback."""
    labels = [name for name in names.all(LABELS) if not names.is_empty(name)]
    if not labels or names.first(RATING_COLUMNS) or "rejected" in names.known:
        return []
    columns = []
    for name in names.all(LISTS):
        lists = [listed(value) or [] for value in names.values(name)]
        if lists and all(len(items) == 2 for items in lists):
            texts = text_field(lists[0]) or all(isinstance(x, str) for x in lists[0])
            if texts and not rated_by(lists[0]):
                columns.append(name)
    return columns
