"""Exports with one answer in each record, which annotators rated: plain rows with ratings."""

from lens.core.errors import LensError
from lens.data.annotations.answers import answer_columns, listed_answers
from lens.data.annotations.questions import Question
from lens.data.sources import Row
from lens.data.texts.cells import graded
from lens.data.texts.cures import either
from lens.data.texts.faults import may_ask_for_worse
from lens.data.texts.names import TEXTS, Names


def rated_alone(rows: list[Row], renames: dict[str, str]) -> list[Row] | None:
    """Rows whose questions are columns with the mean of what annotators said, `rating` where only
    one rates; None where records hold several answers or nothing rates them. `renames` are columns
    that the user named, {"ours": "theirs"}. LensError where two questions may count."""
    if not rows:
        return None
    questions = [name for name, value in rows[0][1].items() if isinstance(value, Question)]
    fields = [name for name in rows[0][1] if name not in questions]
    answers = Names(fields, rows).all(TEXTS)
    if not questions or len(answers) != 1 or _has_several(rows, fields):
        return None
    ratings = {name: means for name in questions if (means := _means(rows, name)) is not None}
    if not ratings:
        return None
    where, counts = rows[0][0], {*renames.values()} & ratings.keys() or {*ratings} & {"rating"}
    if len(ratings) > 1 and not counts:
        readings = {f"`{name}` counts": {"rating": name} for name in ratings}
        raise LensError(
            f"{where}: annotators rated answers in more than one way. {either(where, readings)}"
        )
    rated_question = next(iter(counts or ratings))
    column = (
        rated_question
        if rated_question in renames.values() or may_ask_for_worse(rated_question)
        else "rating"
    )
    new_rows = []
    for at, (where, row) in enumerate(rows):
        other_judgements = {
            n: "; ".join(str(x.value) for x in row[n].judgements)
            for n in questions
            if n != rated_question
        }
        plain = {name: value for name, value in row.items() if name not in questions}
        new_rows.append((where, plain | other_judgements | {column: ratings[rated_question][at]}))
    return new_rows


def _has_several(rows: list[Row], fields: list[str]) -> bool:
    """Whether records hold several answers, in columns of one kind or in a list."""
    try:
        columns = answer_columns(fields, "")
    except LensError:
        return True
    return bool(columns) or any(listed_answers(row.get(n)) for _, row in rows for n in fields)


def _means(rows: list[Row], name: str) -> list[float | None] | None:
    """The mean rating of each row, in numbers or in words of one scale; None for other words."""
    values_by_row = [[one.value for one in row[name].judgements] for _, row in rows]
    try:
        numbers = iter(graded([value for values in values_by_row for value in values], ""))
    except LensError:
        return None
    means: list[float | None] = []
    for values in values_by_row:
        marks = [mark for mark in (next(numbers) for _ in values) if mark is not None]
        means.append(sum(marks) / len(marks) if marks else None)
    return None if not any(values_by_row) else means
