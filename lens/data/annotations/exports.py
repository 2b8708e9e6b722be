"""Exports of labelling tools, told by their columns."""

from lens.data.annotations import argilla, labelstudio, prodigy
from lens.data.annotations.judgements import has_questions
from lens.data.annotations.questions import Question
from lens.data.sources import Row
from lens.data.texts.cells import parse_cell


def opened(rows: list[Row]) -> list[Row]:
    """The rows of an export with the data and questions as columns (`judgements` makes
    pairs of them); other rows as they are."""
    if not rows or has_questions(rows[0][1]):
        return rows
    rows = _unpacked(rows)
    return labelstudio.opened(rows) or argilla.opened(rows) or prodigy.opened(rows) or rows


def without_questions(rows: list[Row]) -> list[Row] | None:
    """The data that an export's annotators saw, as rows to be scored; None if it is no export."""
    rows = opened(rows)
    if not rows or not has_questions(rows[0][1]):
        return None
    return [
        (where, {name: v for name, v in row.items() if not isinstance(v, Question)})
        for where, row in rows
    ]


def _unpacked(rows: list[Row]) -> list[Row]:
    """Rows of an export that a table keeps as text in its cells."""
    first = rows[0][1]
    if not ({"data", "annotations"} <= first.keys() or {"fields", "responses"} <= first.keys()):
        return rows
    return [(where, {name: _object(value) for name, value in row.items()}) for where, row in rows]


def _object(value: object) -> object:
    if not (isinstance(value, str) and value.lstrip()[:1] in ("{", "[")):
        return value
    try:
        return parse_cell(value)
    except ValueError:
        return value
