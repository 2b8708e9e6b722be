"""Which one of a list of answers a label names, by its number, letter or text."""

from lens.core.errors import LensError
from lens.data.texts.cells import is_empty, is_tie, is_unjudged, listed
from lens.data.texts.cures import either
from lens.data.texts.names import (
    LABELS,
    Names,
    ending,
)

POSITION = {"index", "idx", "position", "number"}  # behind a label's name


def best_labels(names: Names, responses: str, start: int | None) -> list[tuple[str, int]]:
    """(label, the number of the first answer) of the columns that name one answer of each row's
    list; `start` is that number where columns have it. LensError where it may be 0 or 1."""
    user_labels = names.fixed & {*LABELS}
    labels = []
    for name in [name for called, name in names.known.items() if _is_label(called)]:
        if name == responses or (user_labels and name not in user_labels):
            continue
        cells = [
            (ending(row[name]), texts)
            for _, row in names.rows
            if not _says_none(row.get(name)) and (texts := listed(row.get(responses)))
        ]
        numbers = {int(word) for word, _ in cells if word.isdigit()}
        first = {"winner": 1, "better_response_id": 0}.get(name if user_labels else "", start)
        if first is None and 0 in numbers:
            first = 0
        elif first is None and any(word == str(len(texts)) for word, texts in cells):
            first = 1
        positions = [
            best_position(row[name], row, responses, 1 if first is None else first)
            for _, row in names.rows
            if not _says_none(row.get(name))
        ]
        if not positions or None in positions:
            continue
        if first is None and numbers:
            where = names.rows[0][0]
            readings = {"counting from 1": {"winner": name}}
            readings |= {"counting from 0": {"better_response_id": name}}
            raise LensError(
                f"{where}: `{name}` names the best of `{responses}` by its number, which may count "
                f"from 0 or from 1. {either(where, readings)}"
            )
        labels.append((name, first or 0))
    return labels


def _is_label(called: str) -> bool:
    stem, _, end = called.rpartition("_")
    return called in LABELS or (end in POSITION and stem in LABELS)


def _says_none(value: object) -> bool:
    return is_empty(value) or is_tie(value) or is_unjudged(value)


def best_position(value: object, row: dict, responses: str, start: int) -> int | None:
    """The position of the answer that a label names by its number, letter or text."""
    answers = listed(row.get(responses)) or []
    texts = [answer.strip() if isinstance(answer, str) else "" for answer in answers]
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    if texts.count(str(value).strip()) == 1:
        return texts.index(str(value).strip())
    word = ending(value)
    position = (
        int(word) - start if word.isdigit() else ord(word) - ord("a") if len(word) == 1 else -1
    )
    return position if 0 <= position < len(texts) else None
