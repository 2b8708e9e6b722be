"""Rows for a reward model: the same texts as `lens fit` would train on, judged or not."""

from dataclasses import dataclass

from lens.core.errors import LensError
from lens.data.reading.conversations import conversations
from lens.data.reading.cures import needed
from lens.data.reading.find import Reading
from lens.data.reading.turns import InvalidRowError
from lens.data.sources import Row


@dataclass(frozen=True)
class Texts:
    """A row's prompt (messages) and its answers, and which of them is better: the first `better`
    answers, or the one at `winner`, where either is known."""

    prompt: list[dict]
    answers: list[str]
    better: int | None = None
    winner: int | None = None


def read_texts(reading: Reading, rows: list[Row]) -> list[Texts]:
    """The texts of rows; LensError naming the row that has none."""
    prepared = reading.prepare(rows)
    return [_texts(reading, place, row) for place, row in prepared]


def _texts(reading: Reading, place: str, row: dict) -> Texts:
    try:
        parts, answers = reading.texts(row, place)
        better, winner = None, None
        if reading.form == "pair":
            chosen, rejected = map(_all, answers)
            better, answers = len(chosen), [*chosen, *rejected]
        elif reading.form == "labelled_pair" and reading.sides:
            winner = reading.sides.judge(row, place)[0]
            parts |= {"side": True}
        if any(answer is None for answer in answers):
            raise InvalidRowError("empty_response", "an answer must be text, and one is null.")
        if not answers:
            raise InvalidRowError("no_prompt", "there are no answers.")
        prompt, texts = conversations(parts, answers)
    except InvalidRowError as error:
        if error.reason == "no_prompt":
            raise needed(place, row) from error
        raise LensError(f"{place}: {error}") from error
    return Texts(prompt, texts, better, winner if isinstance(winner, int) else None)


def _all(side: object) -> list:
    """The texts of a side that lists several, or the one that it is."""
    texts = isinstance(side, list) and side and all(isinstance(text, str) for text in side)
    return list(side) if texts and isinstance(side, list) else [side]
