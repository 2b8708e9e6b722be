"""What rows that fit no form lack, and the command that would make them readable."""

from lens.core.errors import LensError
from lens.data.reading.cells import Row
from lens.data.reading.cures import command, needed
from lens.data.reading.cures import names as shown
from lens.data.reading.names import (
    BOOKKEEPING,
    PROMPTS,
    TEXTS,
    Names,
    canonical,
    text_of,
    tokens_of,
)
from lens.data.reading.sides import side_columns

WORSE = {"loser", "worse", "worst", "rejected", "loses", "lost", "loss", "bad"}


def no_form(item: Row, scoring: str) -> LensError:
    """That a row fits no form, and what would make it one."""
    place, row = item
    if scoring:
        return needed(place, row)
    names = Names(list(row), [item])
    return LensError(
        f"{place}: the columns {shown(row)} fit no form. A row needs `chosen` "
        "and `rejected`; or `prompt` with `responses` and `ratings` or `ranks`, with "
        "`response` and `rating`, or with `response_a`, `response_b` and `winner`. "
        f"{_what_is_missing(names, place)}"
    )


def _what_is_missing(names: Names, place: str) -> str:
    """What would make rows readable, as a command. Which of two answers is better is asked, never
    guessed from where their columns stand."""
    sides, texts = side_columns(names, place), names.all(TEXTS)
    prompt = next((name for name in names.all(PROMPTS) if names.is_text(name)), None)
    if sides or (len(texts) == 1 and prompt):
        used = {*(sides or texts), *names.all(PROMPTS)}
        left = [n for n in names.names if n not in used and not _is_kept(n)]
        label = left[0] if len(left) == 1 and _may_judge(names, left[0]) else "COLUMN"
    if sides:
        return (
            f"`{sides[0]}` and `{sides[1]}` are two answers, but no column is known to say which "
            f"is better. Name the one that does: {command(place, {'winner': label})}"
        )
    if texts and prompt and len(texts) == 1:
        return (
            f"`{texts[0]}` is an answer, but no column rates it. Name the one that does, in "
            f"numbers: {command(place, {'rating': label})}"
        )
    guess = {"prompt": prompt or "QUESTION", "chosen": "BETTER", "rejected": "WORSE"}
    return f"Rename with `columns`, such as: {command(place, guess)}"


def _may_judge(names: Names, name: str) -> bool:
    """Whether a column may be the one label: it does not name the worse answer, is no text, and is
    not one of several by number."""
    alike = [each for each in names.names if each.strip("0123456789") == name.strip("0123456789")]
    turned = WORSE & {*tokens_of(canonical(name))} and not names.is_numeric(name)
    return not turned and len(alike) == 1 and len(text_of(names.rows[0][1][name])) < 40


def _is_kept(name: str) -> bool:
    """Whether a column says where a row comes from."""
    return BOOKKEEPING.fullmatch(canonical(name.rpartition(".")[2])) is not None
