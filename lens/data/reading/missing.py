"""What is missing in rows that cannot be read, and the commands that name it."""

from lens.core.errors import LensError
from lens.data.reading.several.listed import INSIDE, text_field
from lens.data.reading.sided import offered
from lens.data.reading.sided.sides import side_columns
from lens.data.texts.cells import Row, listed
from lens.data.texts.cures import either, look
from lens.data.texts.cures import names as shown
from lens.data.texts.names import PROMPTS, RANK_LISTS, RATING_LISTS, TEXTS, Names, names_of


def no_form(rows: list[Row], scoring: str) -> LensError:
    """That rows fit no form, and what would make them one."""
    place, row = rows[0]
    names = names_of(rows)
    if scoring:
        return needed(rows)
    return LensError(
        f"{place}: the columns {shown(row)} fit no form. A row needs `chosen` "
        "and `rejected`; or `prompt` with `responses` and `ratings` or `ranks`, with "
        "`response` and `rating`, or with `response_a`, `response_b` and `winner`. "
        f"{_what_is_missing(names, place)}"
    )


def _what_is_missing(names: Names, place: str) -> str:
    """What would make rows readable, as commands. Which of two answers is better is asked, never
    guessed from where their columns stand."""
    sides, texts = side_columns(names, place), names.all(TEXTS)
    prompt = next((name for name in names.all(PROMPTS) if names.is_text(name)), None)
    if sides:
        said = f"`{sides[0]}` and `{sides[1]}` are two answers, but no column is known to say which"
        return f"{said} is better. {_one_of(offered.labels(names, sides), place)}"
    if len(texts) == 1 and prompt:
        said = f"`{texts[0]}` is an answer, but no column is known to rate it."
        return f"{said} {_one_of(offered.ratings(names, texts), place)}"
    return _one_of(offered.answers(names, prompt), place)


def _one_of(readings: offered.Readings, place: str) -> str:
    return either(place, readings) if readings else f"No other column can. {look(place)}".strip()


def needed(rows: list[Row]) -> LensError:
    """That rows have no texts that could be scored."""
    place, names = rows[0][0], names_of(rows)
    found = offered.texts(names)
    prompt = next((name for name in names.all(PROMPTS) if name in found), None)
    lead = prompt or (found[0] if len(found) > 1 else None)
    meant = {
        f"`{name}` answers `{lead}`": {"prompt": lead, "response": name}
        for name in found
        if lead and name != lead
    }
    return LensError(
        f"{place}: needs `prompt` and `response`, or `chosen` and `rejected`, or a list "
        f"`candidates` that is not empty; found {shown(names.names)}. "
        f"{_one_of(dict([*meant.items()][: offered.MOST]), place)}"
    )


def unrated_lists(rows: list[Row], name: str) -> LensError:
    """That the responses of a list have no text or no ratings, and where they may be."""
    place, names = rows[0][0], names_of(rows)
    items = [item for _, row in rows for item in listed(row.get(name)) or []]
    found = sorted(items[0]) if items and isinstance(items[0], dict) else f"{items[:1]!r:.80}"
    readings = offered.of_lists(names, name)
    if items and isinstance(items[0], dict) and not text_field(items):
        texts = [key for key, value in items[0].items() if isinstance(value, str)]
        readings = {
            f"{said}, `{name}.{text}` are the answers": {"candidates": f"{name}.{text}"} | columns
            for text in texts
            for said, columns in readings.items()
        }
    return LensError(
        f"{place}: each response in `{name}` needs a text ({', '.join(TEXTS)}) and a "
        f"rating ({', '.join(INSIDE)}), or the ratings are in a list next to "
        f"them ({', '.join(RANK_LISTS + RATING_LISTS)}); found {found}. {_one_of(readings, place)}"
    )
