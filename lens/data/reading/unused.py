"""Columns that a reading leaves out: which they are, and which of them may not be left out."""

import json
from collections.abc import Iterable

from lens.core.errors import LensError
from lens.data.texts.cells import listed
from lens.data.texts.cures import command, either, rewrite_command
from lens.data.texts.names import BOOKKEEPING, PROMPTS, Names, canonical, text_of, words_of
from lens.data.texts.turns import (
    CONTENT_KEYS,
    ROLE_KEYS,
    TOOL_KEYS,
    InvalidRowError,
    as_turns,
    is_message,
)

MEDIA = {"image", "img", "picture", "photo", "screenshot", "video", "audio", "sound", "pixel"}
FILE_WORDS = {
    "path",
    "url",
    "file",
    "filename",
    "name",
    "byte",
    "base64",
    "b64",
    "value",
    "data",
    "id",
}
LEFT_OUT = {"rejected", "discarded", "invalid", "deleted", "cancelled", "canceled", "draft"}
LEFT_OUT |= {"discard", "exclude", "excluded", "ignored", "removed", "skip", "skipped", "spam"}
YES = {"true", "yes", "1"}
CHECKED_ROWS = 50  # rows in which fields of messages are looked for
READ_KEYS = {*ROLE_KEYS, *CONTENT_KEYS, *TOOL_KEYS}
WORDY = 4  # words from which on a cell says more than where its row comes from


def unused_columns(names: Names, used: set[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The columns that are not read and hold something, objects by their own names; and those of
    them that say more than where a row comes from."""
    opened = {str(name).split(".")[0] for name in used if "." in str(name)}
    unread: dict[str, bool] = {}
    for name in names.names:
        root = str(name).split(".")[0]
        shown_as = str(name if root in opened or name == root else root)
        if name not in used and name != "id" and not names.is_empty(name):
            more = says_more(names, name) and not _is_repeated(names, name, used)
            unread[shown_as] = unread.get(shown_as, False) or more
    unread |= dict.fromkeys((path for name in used for path in _other_texts(names, name)), True)
    return tuple(sorted(unread)), tuple(sorted(name for name, more in unread.items() if more))


def _other_texts(names: Names, name: str) -> list[str]:
    """The fields of a column's messages, such as `reasoning_content`, with texts of their own."""
    cells = (listed(value) or [value] for value in names.values(name)[:CHECKED_ROWS])
    messages = (message for cell in cells for message in cell if is_message(message))
    return [
        f"{name}.{field}"
        for message in messages
        for field, text in message.items()
        if field not in READ_KEYS and isinstance(text, str) and len(text.split()) >= WORDY
    ]


def is_bookkeeping(name: str) -> bool:
    """Whether a column's name says that it holds where a row comes from, not what is in it."""
    return BOOKKEEPING.fullmatch(canonical(name.rpartition(".")[2])) is not None


def says_more(names: Names, name: str) -> bool:
    """Whether a column is no bookkeeping by its name, or names other columns, such as the answer
    that an annotator prefers, or holds turns or whole sentences."""
    if not is_bookkeeping(str(name)) and not is_bookkeeping(str(name).split(".")[0]):
        return True
    values = names.values(name)
    if any(isinstance(value, str) and canonical(value) in names.known for value in values):
        return True
    wordy = [len(text_of(value).split()) >= WORDY for value in values]
    return sum(wordy) > len(values) / 2


def _is_repeated(names: Names, name: str, used: set[str]) -> bool:
    """Whether a longer column that is read contains what a column asks, in every row."""
    return canonical(name) in PROMPTS and all(
        any(text_of(row.get(name)).strip() in text_of(row.get(other)) for other in used)
        for _, row in names.rows
    )


def require_nothing_lost(
    names: Names, parts: dict[str, str], used: set[str], renames: dict[str, str]
) -> None:
    """LensError where a column that is not read may change what the rows mean: turns of the prompt,
    images and the like, or that a row does not count. `renames` are the user's names for
    columns."""
    where = names.rows[0][0]
    require_turns_read(names, parts, used, where)
    require_no_media(names, used, where)
    require_rows_count(names, used, renames, where)


def require_rows_count(names: Names, used: set[str], renames: dict[str, str], where: str) -> None:
    """LensError where a column says of some rows that they were discarded or the like."""
    for name in names.names:
        words = {*words_of(name)}
        excluding = LEFT_OUT if "status" in words else YES if words & LEFT_OUT else ()
        values = sorted(
            {str(value) for value in names.values(name) if canonical(value) in excluding}
        )
        if not values or name in used:
            continue
        file_name = json.dumps(renames.get(name) or name, ensure_ascii=False)
        value_list = json.dumps(values, ensure_ascii=False)
        without = rewrite_command(where, "row", f"str(row.get({file_name})) not in {value_list}")
        raise LensError(
            f"{where}: `{name}` says of rows that they do not count (such as {values[0]!r:.40}). "
            f"{either(where, {'they count all the same': {name: ''}})} -- they do not: {without}"
        )


def require_no_media(names: Names, used: set[str], where: str) -> None:
    """LensError where a column holds images, sounds or the like, which are no part of a text."""
    for name in names.names:
        root = str(name).partition(".")[0]
        words = {word.rstrip("s") for word in words_of(root)}
        if (
            words & MEDIA
            and words <= MEDIA | FILE_WORDS
            and name not in used
            and names.values(name)
        ):
            without = command(where, {root: ""})
            raise LensError(
                f"{where}: `{root}` seems to hold what the prompt or the answers show or play, and "
                f"only texts are read. If the texts say enough without it: {without}"
            )


def require_turns_read(names: Names, parts: dict[str, str], used: set[str], where: str) -> None:
    """LensError where a column next to the prompt holds turns of a user or of the system that no
    column that is read repeats."""
    main, answers = parts.get("prompt"), [name for name in used if name not in parts.values()]
    if main is None or {"prompt", "history"} & names.fixed:
        return
    for name in names.names:
        if name in used or not (ends := _lost_turns(names, name, used, answers)):
            continue
        readings = {f"`{main}` alone is the prompt": {"prompt": main}}
        if ends == {"user"}:
            readings[f"`{name}` is"] = {"prompt": name}
        if ends <= {"assistant", "system"}:
            readings[f"`{name}` comes before it"] = {"prompt": main, "history": name}
        raise LensError(
            f"{where}: `{name}` holds turns that `{main}` does not, and may be the prompt or its "
            f"beginning. {either(where, readings)}"
        )


def _lost_turns(names: Names, name: str, used: set[str], answers: list[str]) -> set[str]:
    """The roles with which a column's conversations end, if turns of theirs are read nowhere; an
    "answer" where they end with an answer that is read."""
    ends, lost = set(), False
    for _, row in names.rows:
        turns = _turns(row.get(name))
        if turns is None or not all(isinstance(turn["role"], str) for turn in turns):
            return set()
        if not turns:
            continue
        read = "\n".join(text_of(row.get(other)) for other in used)
        asked = [turn for turn in turns if turn["role"] in ("user", "system")]
        if any(
            text and text in turn["content"] for turn in asked for text in _answers(row, answers)
        ):
            return set()  # what a judge was asked, with an answer in it
        lost = lost or any(turn["content"] not in read for turn in asked)
        ends.add(turns[-1]["role"])
        if turns[-1]["role"] == "assistant" and turns[-1]["content"] in read:
            ends.add("answer")
    return ends if lost else set()


def _answers(row: dict, answers: Iterable[str]) -> list[str]:
    cells = [cell for name in answers for cell in listed(row.get(name)) or [row.get(name)]]
    return [text for cell in cells if len((text := text_of(cell).strip()).split()) > 2]


def _turns(value: object) -> list[dict] | None:
    try:
        return as_turns(value) if value is not None and value == value else []
    except (InvalidRowError, ValueError):
        return None
