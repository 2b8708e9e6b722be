"""Exports of labelling tools, told by their columns."""

from lens.data.annotations import argilla, labelstudio
from lens.data.annotations.judgements import has_questions
from lens.data.sources import Row


def opened(rows: list[Row]) -> list[Row]:
    """The rows of an export with the data and questions as columns (`judgements` makes
    pairs of them); other rows as they are."""
    if not rows or has_questions(rows[0][1]):
        return rows
    return labelstudio.opened(rows) or argilla.opened(rows) or rows
