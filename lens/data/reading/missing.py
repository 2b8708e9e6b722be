"""What is missing in rows that cannot be read, and the commands that name it."""

from lens.core.errors import LensError
from lens.data.reading.several.listed import INNER_RATINGS, text_field
from lens.data.reading.sided import offered
from lens.data.reading.sided.sides import side_columns
from lens.data.texts.cells import Row, listed
from lens.data.texts.cures import column_list, either, look_command
from lens.data.texts.names import PROMPTS, RANK_LISTS, RATING_LISTS, TEXTS, Names, names_of


def no_form(rows: list[Row], scoring: str) -> LensError:
    """That rows fit no form, and what would make them one."""
    where, row = rows[0]
    names = names_of(rows)
    if scoring:
        return no_texts(rows)
    return LensError(
        f"{where}: the columns {column_list(row)} fit no form. A row needs `chosen` "
        "and `rejected`; or `prompt` with `responses` and `ratings` or `ranks`, with "
        "`response` and `rating`, or with `response_a`, `response_b` and `winner`. "
        f"{_what_is_missing(names, where)}"
    )


def require_no_doubles(names: Names, where: str) -> None:
    """LensError where a column of answers stands twice, the second renamed as pandas does."""
    for name in names.all(TEXTS):
        second = f"{name}.1"
        if second in names.names and names.is_text(name) and names.is_text(second):
            meaning = f"`{name}` is the first answer and `{second}` the second"
            raise LensError(
                f"{where}: `{name}` and `{second}` seem to be two columns of one name. "
                f"{either(where, {meaning: {'response_a': name, 'response_b': second}})}"
            )


def _what_is_missing(names: Names, where: str) -> str:
    """What would make rows readable, as commands. Which of two answers is better is asked, never
    guessed from where their columns stand."""
    sides, texts = side_columns(names, where), names.all(TEXTS)
    prompt = next((name for name in names.all(PROMPTS) if names.is_text(name)), None)
    if sides:
        remark = (
            f"`{sides[0]}` and `{sides[1]}` are two answers, but no column is known to say which"
        )
        return f"{remark} is better. {_one_of(offered.labels(names, sides), where)}"
    if len(texts) == 1 and prompt:
        remark = f"`{texts[0]}` is an answer, but no column is known to rate it."
        return f"{remark} {_one_of(offered.ratings(names, texts), where)}"
    return _one_of(offered.answers(names, prompt), where)


def _one_of(readings: offered.Readings, where: str) -> str:
    return (
        either(where, readings)
        if readings
        else f"No other column can. {look_command(where)}".strip()
    )


def no_texts(rows: list[Row]) -> LensError:
    """That rows have no texts that could be scored."""
    where, names = rows[0][0], names_of(rows)
    columns = offered.texts(names)
    prompt = next((name for name in names.all(PROMPTS) if name in columns), None)
    lead = prompt or (columns[0] if len(columns) > 1 else None)
    readings = {
        f"`{name}` answers `{lead}`": {"prompt": lead, "response": name}
        for name in columns
        if lead and name != lead
    }
    return LensError(
        f"{where}: needs `prompt` and `response`, or `chosen` and `rejected`, or a list "
        f"`candidates` that is not empty; found {column_list(names.names)}. "
        f"{_one_of(dict([*readings.items()][: offered.MAX_READINGS]), where)}"
    )


def unrated_lists(rows: list[Row], name: str) -> LensError:
    """That the responses of a list have no text or no ratings, and where they may be."""
    where, names = rows[0][0], names_of(rows)
    items = [item for _, row in rows for item in listed(row.get(name)) or []]
    fields = sorted(items[0]) if items and isinstance(items[0], dict) else f"{items[:1]!r:.80}"
    readings = offered.of_lists(names, name)
    if items and isinstance(items[0], dict) and not text_field(items):
        texts = [key for key, value in items[0].items() if isinstance(value, str)]
        readings = {
            f"{meaning}, `{name}.{text}` are the answers": {"candidates": f"{name}.{text}"}
            | columns
            for text in texts
            for meaning, columns in readings.items()
        }
    return LensError(
        f"{where}: each response in `{name}` needs a text ({', '.join(TEXTS)}) and a "
        f"rating ({', '.join(INNER_RATINGS)}), or the ratings are in a list next to "
        f"them ({', '.join(RANK_LISTS + RATING_LISTS)}); found {fields}. {_one_of(readings, where)}"
    )
