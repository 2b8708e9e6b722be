"""What is missing in rows that cannot be read, and the command that names it."""

from lens.core.errors import LensError
from lens.data.reading.several.listed import INSIDE
from lens.data.reading.sided.sides import WORSE, side_columns
from lens.data.texts.cells import Row, is_number, listed
from lens.data.texts.cures import command, either, needed
from lens.data.texts.cures import names as shown
from lens.data.texts.names import (
    BOOKKEEPING,
    PROMPTS,
    RANK_LISTS,
    RATING_LISTS,
    TEXTS,
    Names,
    canonical,
    text_of,
    tokens_of,
)


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
        asked = f"`{texts[0]}` is an answer, but no column rates it. Name the one that does, in "
        values = names.values(label) if label in names.names else []
        if not all(is_number(value) for value in values) or all(
            value in (0, 1) for value in values
        ):
            return f"{asked}numbers: {command(place, {'rating': label})}"
        meant = {"higher is better": {"rating": label}, "lower is better": {"rank": label}}
        return f"{asked}numbers. {either(place, meant)}"
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


def unrated_lists(rows: list[Row], name: str) -> LensError:
    """That the responses of a list have no ratings, and where they may be."""
    items = [item for _, row in rows for item in listed(row.get(name)) or []]
    found = sorted(items[0]) if items and isinstance(items[0], dict) else f"{items[:1]!r:.80}"
    return LensError(
        f"{rows[0][0]}: each response in `{name}` needs a text ({', '.join(TEXTS)}) and a "
        f"rating ({', '.join(INSIDE)}), or the ratings are in a list next to "
        f"them ({', '.join(RANK_LISTS + RATING_LISTS)}); found {found}. Name that list: "
        + command(rows[0][0], {"ratings": "COLUMN"})
    )
